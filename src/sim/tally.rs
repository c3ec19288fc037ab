//! What drawn runs came to, in figures, and how one that does not hold is shown again.
//!
//! Shared by the runs of whole nodes and those of rights; what does not exist in one of them is
//! left out of its lines.

use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::disk::DiskCounts;

/// How often, by kind.
type Kinds = BTreeMap<Cow<'static, str>, u64>;

/// What one run or many came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Those in which signatures and sessions were real.
    pub real: u64,
    /// Simulated time in microseconds.
    pub time_us: u64,
    /// Events.
    pub events: u64,
    /// Packets and messages that left.
    pub letters: u64,
    /// Entries that were applied first anywhere.
    pub entries: u64,
    /// Terms that had a leader, as far as servers told.
    pub terms: u64,
    /// Faults by their kind.
    pub faults: Kinds,
    /// What people were told, by kind.
    pub outcomes: Kinds,
    /// Disks.
    pub disks: DiskCounts,
    /// Calls that the sequence checker judged: answered, and not.
    pub calls: [u64; 2],
    /// Accounts that the search for an order judged, and those it gave up on.
    pub linear: [u64; 2],
    /// Digest of everything that happened, in order.
    pub trace: [u8; 32],
}

impl Tally {
    /// Counts a fault.
    pub fn fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind.into()).or_default() += 1;
    }

    /// Counts something that people were told.
    pub fn outcome(&mut self, kind: &'static str) {
        *self.outcomes.entry(kind.into()).or_default() += 1;
    }

    /// Counts so many faults of a kind; none makes no line.
    pub fn faults_of(&mut self, kind: &'static str, count: u64) {
        if count > 0 {
            *self.faults.entry(kind.into()).or_default() += count;
        }
    }

    /// Faults of all kinds.
    #[must_use]
    pub fn faults(&self) -> u64 {
        let disks = &self.disks;
        let of_disks =
            disks.stalled + disks.failed + disks.full + disks.mute + disks.lost + disks.unanswered;
        self.faults.values().sum::<u64>() + of_disks
    }

    /// How often people were told something of this kind.
    #[must_use]
    pub fn told(&self, kind: &str) -> u64 {
        self.outcomes.get(kind).copied().unwrap_or_default()
    }

    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.real += other.real;
        self.time_us += other.time_us;
        self.events += other.events;
        self.letters += other.letters;
        self.entries += other.entries;
        self.terms += other.terms;
        for (mine, theirs) in [
            (&mut self.faults, &other.faults),
            (&mut self.outcomes, &other.outcomes),
        ] {
            for (kind, count) in theirs {
                *mine.entry(kind.clone()).or_default() += count;
            }
        }
        self.disks.add(&other.disks);
        for place in 0..2 {
            self.calls[place] += other.calls[place];
            self.linear[place] += other.linear[place];
        }
        let both = [self.trace, other.trace].concat();
        self.trace = *blake3::hash(&both).as_bytes();
    }
}

/// A run in which something did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What did not hold.
    pub broken: String,
    /// What shows it again.
    pub command: String,
    /// What it came to until then.
    pub tally: Box<Tally>,
}

fn list(of: &Kinds) -> String {
    let parts: Vec<String> = of
        .iter()
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    parts.join(", ")
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.time_us as f64 / 3.6e9;
        writeln!(
            f,
            "{} seeds ({} with real keys), {hours:.1} simulated hours, {} events, {} letters",
            self.runs, self.real, self.events, self.letters
        )?;
        if self.terms > 0 {
            writeln!(f, "entries    {} in {} terms", self.entries, self.terms)?;
        }
        writeln!(f, "outcomes   {}", list(&self.outcomes))?;
        writeln!(
            f,
            "faults     {} in all: {}",
            self.faults(),
            list(&self.faults)
        )?;
        let disks = &self.disks;
        writeln!(
            f,
            "disks      {} written, {} stalled, {} failed, {} full, {} answers lost, {} lost in a \
             crash, {} there without an answer",
            disks.written,
            disks.stalled,
            disks.failed,
            disks.full,
            disks.mute,
            disks.lost,
            disks.unanswered,
        )?;
        if self.calls != [0; 2] {
            writeln!(
                f,
                "judged     {} answered and {} unanswered orders by sequence; {} accounts by \
                 search, {} too hard",
                self.calls[0], self.calls[1], self.linear[0], self.linear[1],
            )?;
        }
        let trace = data_encoding::HEXLOWER.encode(&self.trace[..8]);
        write!(f, "trace      {trace}")
    }
}
