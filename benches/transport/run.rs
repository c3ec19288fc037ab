//! Plays a case: starts both ends of every peer, gives each its turn in every round, and notes what
//! it took.

use std::time::Duration;

use serde::Serialize;

use crate::cases::{Beside, Case};
use crate::child::Order;
use crate::clock;
use crate::peer::Fault;

use crate::process::{Helper, Pair, Place};
use crate::tunnel::{self, ADDRESSES, Told};
use crate::usage::micros;

/// Ends that will be cold get to know each other over this link, before anything counts.
const EASY: &str = "--rate 1gbit --delay 1ms";
/// What the first job of a peer may take.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// Where the dice fall in the first round.
const SEED: u64 = 1;

/// What one peer took in one case.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) peer: String,
    /// What each turn took, in milliseconds: the median of its jobs.
    pub(crate) turns_ms: Vec<f64>,
    /// A turn took longer than the limit, and the peer had no other.
    pub(crate) is_over: bool,
    /// Why it could not go on.
    pub(crate) fault: Option<String>,
    /// Processor seconds of both ends for a gigabyte of content.
    pub(crate) cpu_s_per_gb: Option<f64>,
    /// Largest memory of client and server, in megabytes.
    pub(crate) peak_mb: Option<[f64; 2]>,
    /// Of each turn on a link, what was carried.
    pub(crate) carried: Vec<Told>,
    /// Of each turn beside another transfer, its part of the bytes until one of the two was done, 0
    /// to 1.
    pub(crate) parts: Vec<f64>,
}

/// A case with its rows.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    /// Name of the case.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) title: &'static str,
    /// The link; none on loopback.
    pub(crate) link: Option<&'static str>,
    /// Bytes in each direction used.
    pub(crate) bytes: usize,
    /// Longest turn, in milliseconds.
    pub(crate) limit_ms: u64,
    /// Who.
    pub(crate) rows: Vec<Row>,
}

/// A link between two namespaces.
pub(crate) struct Wire {
    helper: Helper,
    namespaces: [String; 2],
}

impl Wire {
    /// Lays it.
    pub(crate) fn lay() -> Result<Self, Fault> {
        let helper = Helper::link()?;
        match helper.hear(FIRST_WAIT)? {
            Some(tunnel::Reply::Stands(namespaces)) => Ok(Self { helper, namespaces }),
            other => Err(format!("no link: {other:?}").into()),
        }
    }

    fn set(&mut self, terms: &str, seed: u64) -> Result<(), Fault> {
        let order = tunnel::Order::Set {
            terms: terms.into(),
            seed,
        };
        match self.helper.ask(&serde_json::to_string(&order)?)? {
            tunnel::Reply::Set => Ok(()),
            other => Err(format!("the link does not change: {other:?}").into()),
        }
    }

    fn told(&mut self) -> Result<Told, Fault> {
        match self
            .helper
            .ask(&serde_json::to_string(&tunnel::Order::Tell)?)?
        {
            tunnel::Reply::Told(told) => Ok(told),
            other => Err(format!("the link does not tell: {other:?}").into()),
        }
    }
}

/// A peer in a case: its ends, those of who is beside it, and what it took so far.
struct Runner {
    pair: Option<Pair>,
    other: Option<Pair>,
    before_us: u64,
    jobs: u64,
    bulk_bytes: u64,
    row: Row,
}

/// How a case is played.
pub(crate) struct How<'a> {
    /// By these peers.
    pub(crate) who: &'a [&'a str],
    /// Turns of each.
    pub(crate) rounds: u32,
    /// Before other work of the machine.
    pub(crate) is_first: bool,
}

/// Plays a case.
pub(crate) fn play(case: &Case, how: &How<'_>, mut wire: Option<&mut Wire>) -> Table {
    let start = |peer: &&str| Runner::start(peer, case, how.is_first, wire.as_deref_mut());
    let mut runners: Vec<Runner> = how.who.iter().map(start).collect();
    for round in 0..how.rounds {
        for runner in &mut runners {
            runner.guarded(|runner| runner.turn(case, round, wire.as_deref_mut()));
        }
    }
    for runner in &mut runners {
        runner.guarded(|runner| runner.close(case));
    }
    Table {
        name: case.name,
        title: case.title,
        link: case.link,
        bytes: case.job.bytes,
        limit_ms: micros(case.limit) / 1_000,
        rows: runners.into_iter().map(|runner| runner.row).collect(),
    }
}

impl Runner {
    fn start(peer: &str, case: &Case, is_first: bool, wire: Option<&mut Wire>) -> Self {
        let row = Row {
            peer: peer.into(),
            ..Row::default()
        };
        let mut runner = Self {
            pair: None,
            other: None,
            before_us: 0,
            jobs: 0,
            bulk_bytes: 0,
            row,
        };
        runner.guarded(|runner| runner.open(case, is_first, wire));
        runner
    }

    /// Does something; if it fails, the peer is out.
    fn guarded(&mut self, act: impl FnOnce(&mut Self) -> Result<(), Fault>) {
        if self.row.is_over || self.row.fault.is_some() {
            return;
        }
        if let Err(fault) = act(self) {
            self.row.fault = Some(fault.to_string());
            self.pair = None;
            self.other = None;
        }
    }

    /// Starts all ends.
    fn open(
        &mut self,
        case: &Case,
        is_first: bool,
        mut wire: Option<&mut Wire>,
    ) -> Result<(), Fault> {
        if let Some(wire) = wire.as_deref_mut() {
            // What a warm connection has learned of the way stays true.
            let terms = if case.job.is_cold { None } else { case.link };
            wire.set(terms.unwrap_or(EASY), 0)?;
        }
        let wire = wire.as_deref();
        self.pair = Some(ready(&self.row.peer, case, is_first, wire)?);
        self.other = match case.beside {
            Beside::Nobody => None,
            Beside::Peer(peer) => Some(ready(peer, case, is_first, wire)?),
            Beside::Itself => Some(ready(&self.row.peer, case, is_first, wire)?),
        };
        self.before_us = self.cpu_us()?;
        Ok(())
    }

    fn pair(&mut self) -> Result<&mut Pair, Fault> {
        Ok(self.pair.as_mut().ok_or("the ends are gone")?)
    }

    fn cpu_us(&mut self) -> Result<u64, Fault> {
        Ok(self.pair()?.usage()?.iter().map(|usage| usage.cpu_us).sum())
    }

    fn turn(&mut self, case: &Case, round: u32, wire: Option<&mut Wire>) -> Result<(), Fault> {
        let Some((wire, terms)) = wire.zip(case.link) else {
            self.pair()?.begin(&order(case))?;
            return self.finish(case, case.limit);
        };
        wire.set(terms, SEED + u64::from(round))?;
        let start = clock::now();
        if let Some(other) = &mut self.other {
            other.begin(&order(case))?;
        }
        self.pair()?.begin(&order(case))?;
        if self.other.is_some() {
            let carried = self.first(case, wire)?;
            self.part(&carried);
        }
        self.finish(case, case.limit.saturating_sub(clock::since(start)))?;
        self.row.carried.push(wire.told()?);
        if let Some(other) = &mut self.other {
            let left = case.limit.saturating_sub(clock::since(start));
            self.row.is_over |= other.done(left)?.is_none();
        }
        Ok(())
    }

    /// Waits until one of two transfers is done, and tells what the link carried until then.
    fn first(&mut self, case: &Case, wire: &mut Wire) -> Result<Told, Fault> {
        let start = clock::now();
        let pairs = [self.pair.as_mut(), self.other.as_mut()];
        let mut pairs: Vec<&mut Pair> = pairs.into_iter().flatten().collect();
        while clock::since(start) < case.limit {
            for pair in &mut pairs {
                if pair.peek(Duration::from_millis(2))? {
                    return wire.told();
                }
            }
        }
        wire.told()
    }

    fn part(&mut self, carried: &Told) {
        let bytes = |pair: Option<&Pair>| {
            let port = pair.map_or(0, Pair::port);
            let flows = carried.down_bytes.iter();
            let own = flows.filter(|(flow, _)| flow.ends_with(&format!(":{port}")));
            own.map(|(_, bytes)| *bytes as f64).sum::<f64>()
        };
        let (own, other) = (bytes(self.pair.as_ref()), bytes(self.other.as_ref()));
        self.row.parts.push(own / (own + other).max(1.0));
    }

    fn finish(&mut self, case: &Case, wait: Duration) -> Result<(), Fault> {
        match self.pair()?.done(wait)? {
            None => {
                self.row.is_over = true;
                self.pair = None;
                self.other = None;
            }
            Some(took) => {
                self.jobs += u64::from(case.times);
                self.bulk_bytes += case.bulk_bytes as u64;
                let took = took.into_iter().map(|nanos| nanos as f64 / 1e6).collect();
                self.row.turns_ms.push(median(took));
            }
        }
        Ok(())
    }

    fn close(&mut self, case: &Case) -> Result<(), Fault> {
        let bytes = self.jobs * (case.job.up() + case.job.down()) as u64 + self.bulk_bytes;
        let used_us = self.cpu_us()?.saturating_sub(self.before_us);
        self.row.cpu_s_per_gb = Some(used_us as f64 * 1e3 / bytes.max(1) as f64);
        let usage = self.pair()?.usage()?;
        self.row.peak_mb = Some(usage.map(|usage| usage.peak_kb as f64 * 1_024.0 / 1e6));
        Ok(())
    }
}

fn order(case: &Case) -> Order {
    Order::Transfer {
        job: case.job,
        times: case.times,
        bulk_bytes: case.bulk_bytes,
        is_checked: false,
    }
}

/// Starts both ends and does a first job, of which every byte is looked at.
fn ready(peer: &str, case: &Case, is_first: bool, wire: Option<&Wire>) -> Result<Pair, Fault> {
    let bind = format!("{}:0", ADDRESSES[1]);
    let place = match wire {
        None => Place {
            namespaces: None,
            bind: "127.0.0.1:0",
            is_first,
        },
        Some(wire) => Place {
            namespaces: Some([&wire.namespaces[0], &wire.namespaces[1]]),
            bind: &bind,
            is_first,
        },
    };
    let mut pair = Pair::start(peer, place)?;
    pair.begin(&Order::Transfer {
        job: case.job,
        times: 1,
        bulk_bytes: 0,
        is_checked: true,
    })?;
    pair.done(FIRST_WAIT)?
        .ok_or("the first job takes too long")?;
    pair.forget_peak()?;
    Ok(pair)
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    match (
        all.get(all.len().wrapping_sub(1) / 2),
        all.get(all.len() / 2),
    ) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}
