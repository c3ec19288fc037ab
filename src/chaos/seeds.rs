//! Many seeds of a simulator, side by side, and what they came to: `seeds` for whole nodes;
//! `rights` uses it too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Args;
use rustix::time::{ClockId, clock_gettime};

use crate::sim::run;
use crate::sim::tally::{Failure, Tally};

/// Something did not hold.
const BROKEN: u8 = 99;
/// Seeds that are run before the next are, and told with one line at the most.
const BLOCK: u64 = 256;
/// Blocks between two lines that tell how far it is.
const TELL_EVERY: u64 = 8;

/// Which runs of whole nodes.
#[derive(Debug, Args)]
pub struct SeedsArguments {
    /// How many
    #[arg(default_value_t = 200)]
    count: u64,
    /// The rest
    #[command(flatten)]
    how: Sweep,
}

/// How seeds are run.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Sweep {
    /// The first one
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads [default: one for each core]
    #[arg(long)]
    threads: Option<u64>,
    /// Fail if fewer simulated seconds pass in a second of a core
    #[arg(long, value_name = "SECONDS")]
    at_least: Option<f64>,
}

/// Runs whole nodes and tells the totals; exit code 99 if anything did not hold.
pub(super) fn run(arguments: &SeedsArguments, tell: &mut dyn FnMut(&str)) -> u8 {
    sweep(arguments.count, arguments.how, run::judged, tell)
}

/// Runs so many seeds of one kind and tells the totals; exit code 99 if anything did not hold in
/// one of them.
pub(super) fn sweep(
    seeds: u64,
    how: Sweep,
    one: fn(u64) -> Result<Tally, Failure>,
    tell: &mut dyn FnMut(&str),
) -> u8 {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let threads = how.threads.unwrap_or(cores).clamp(1, 64);
    let (mut total, mut broken) = (Tally::default(), 0_u64);
    let end = how.from.saturating_add(seeds);
    let before = cpu_seconds();
    let mut from = how.from;
    for block in 1.. {
        let until = from.saturating_add(BLOCK).min(end);
        for outcome in side_by_side(from, until, threads, one) {
            match outcome {
                Ok(tally) => total.add(&tally),
                Err(failure) => {
                    broken += 1;
                    total.add(&failure.tally);
                    tell(&format!(
                        "✗ {}\n  replay: {}",
                        failure.broken, failure.command
                    ));
                }
            }
        }
        from = until;
        if from >= end {
            break;
        }
        if block % TELL_EVERY == 0 {
            tell(&format!("  {} seeds, {broken} broken", total.runs));
        }
    }
    let spent = cpu_seconds() - before;
    let speed = total.time_us as f64 / 1e6 / spent.max(1e-9);
    tell(&format!(
        "{total}\nspeed      {speed:.0} simulated seconds in a second of a core, {spent:.0} s in \
         all\n{broken} broken"
    ));
    if how.at_least.is_some_and(|least| speed < least) {
        tell("too slow");
        return BROKEN;
    }
    if broken == 0 { 0 } else { BROKEN }
}

/// Runs these seeds on so many threads; what they came to in their order.
fn side_by_side(
    from: u64,
    until: u64,
    threads: u64,
    one: fn(u64) -> Result<Tally, Failure>,
) -> Vec<Result<Tally, Failure>> {
    let next = AtomicU64::new(from);
    let work = || {
        let mut done = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= until {
                return done;
            }
            done.push((seed, one(seed)));
        }
    };
    let mut all: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = running.into_iter().map(thread::ScopedJoinHandle::join);
        done.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    all.sort_by_key(|(seed, _)| *seed);
    all.into_iter().map(|(_, outcome)| outcome).collect()
}

/// What this process has used of the cores.
fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}
