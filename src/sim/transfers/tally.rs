//! What many runs came to, in figures.

use core::fmt;

use super::story::{Standing, Story};
use crate::sim::link::Counts;

/// Packets that met each fault of a link.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Lost by the dice.
    pub lost: u64,
    /// Doubled.
    pub doubled: u64,
    /// Late and overtaken.
    pub late: u64,
    /// Dropped at the queue.
    pub dropped: u64,
}

impl Faults {
    /// Adds what a link counted.
    pub(super) fn add(&mut self, counts: &Counts) {
        self.lost += counts.lost;
        self.doubled += counts.doubled;
        self.late += counts.late;
        self.dropped += counts.dropped;
    }
}

/// What one run or many came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Simulated time in microseconds.
    pub time_us: u64,
    /// Events.
    pub events: u64,
    /// Looks at everything that a host holds.
    pub looks: u64,
    /// Datagrams that left.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Small packets that arrived.
    pub packets_heard: u64,
    /// Datagrams lost to cuts.
    pub cut: u64,
    /// Datagrams that were too long for the path.
    pub too_long: u64,
    /// Cuts, restarts, moves, pauses, changes of the path, planned failures, and their ends.
    pub deeds: u64,
    /// Faults of links.
    pub faults: Faults,
    /// Messages delivered, failed, cancelled, forgotten by a restart, never ordered.
    pub ends: [u64; 5],
    /// Bytes of bodies delivered.
    pub delivered_bytes: u64,
    /// Most bytes sent for one that was needed: on links without loss, and on others.
    pub most: [f64; 2],
    /// Digest of everything that left, in order.
    pub trace: [u8; 32],
}

impl Tally {
    /// Notes how much was sent for what was needed.
    pub(super) fn ratio(&mut self, sent_bytes: u64, least_bytes: u64, is_clean: bool) {
        let most = &mut self.most[usize::from(!is_clean)];
        *most = most.max(sent_bytes as f64 / least_bytes as f64);
    }

    /// The run is over.
    pub(super) fn end(&mut self, story: &Story, links: impl Iterator<Item = Counts>, now_us: u64) {
        self.runs = 1;
        self.time_us = now_us;
        for counts in links {
            self.faults.add(&counts);
        }
        for tale in &story.tales {
            let place = match tale.standing {
                Standing::Delivered => 0,
                Standing::Failed(_) => 1,
                Standing::Cancelled => 2,
                Standing::Forgotten | Standing::UnderWay(_) => 3,
                Standing::Unsaid => 4,
            };
            self.ends[place] += 1;
            if place == 0 {
                self.delivered_bytes += tale.planned.size_bytes as u64;
            }
        }
    }

    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.time_us += other.time_us;
        self.events += other.events;
        self.looks += other.looks;
        self.datagrams += other.datagrams;
        self.bytes += other.bytes;
        self.packets_heard += other.packets_heard;
        self.cut += other.cut;
        self.too_long += other.too_long;
        self.deeds += other.deeds;
        self.faults.lost += other.faults.lost;
        self.faults.doubled += other.faults.doubled;
        self.faults.late += other.faults.late;
        self.faults.dropped += other.faults.dropped;
        self.delivered_bytes += other.delivered_bytes;
        for (mine, theirs) in self.ends.iter_mut().zip(other.ends) {
            *mine += theirs;
        }
        for (mine, theirs) in self.most.iter_mut().zip(other.most) {
            *mine = mine.max(theirs);
        }
        let both = [self.trace, other.trace].concat();
        self.trace = *blake3::hash(&both).as_bytes();
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [delivered, failed, cancelled, forgotten, unsaid] = self.ends;
        let hours = self.time_us as f64 / 3.6e9;
        writeln!(
            f,
            "{} seeds, {hours:.1} simulated hours, {} events",
            self.runs, self.events
        )?;
        writeln!(
            f,
            "messages   {delivered} delivered, {failed} failed, {cancelled} cancelled, \
             {forgotten} forgotten by a restart, {unsaid} not ordered; {} MB delivered",
            self.delivered_bytes / 1_000_000,
        )?;
        writeln!(
            f,
            "datagrams  {} ({} MB), small packets heard {}",
            self.datagrams,
            self.bytes / 1_000_000,
            self.packets_heard
        )?;
        writeln!(
            f,
            "faults     {} lost, {} doubled, {} late, {} dropped at queues, {} too long, \
             {} cut off, {} others begun or ended",
            self.faults.lost,
            self.faults.doubled,
            self.faults.late,
            self.faults.dropped,
            self.too_long,
            self.cut,
            self.deeds,
        )?;
        writeln!(
            f,
            "sent       at most {:.2} times what is needed without loss, {:.2} with faults",
            self.most[0], self.most[1],
        )?;
        let trace = data_encoding::HEXLOWER.encode(&self.trace[..8]);
        write!(f, "looks      {}; trace {trace}", self.looks)
    }
}
