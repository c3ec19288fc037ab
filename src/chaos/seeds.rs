//! Many seeds of a simulator, side by side, and what they came to: `seeds` for whole nodes;
//! `rights` uses it too.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Args;
use rustix::time::{ClockId, clock_gettime};

use super::totals::Totals;
use crate::proto::control::Failure;
use crate::sim::run;
use crate::sim::tally::{Failure as Broken, Tally};

/// Something did not hold.
const BROKEN: u8 = 99;
/// Seeds that are run before the next are, and told with one line at the most.
const BLOCK: u64 = 256;
/// Blocks between two lines that tell how far it is.
const TELL_EVERY: u64 = 8;
/// Broken seeds that are named again at the end.
const REPLAYS_MAX: usize = 100;

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
#[derive(Clone, Debug, Args)]
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
    /// Keep the totals in this file; if it is there, go on where it ends
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// What is run for a seed, and its name.
type Kind = (&'static str, fn(u64) -> Result<Tally, Broken>);

/// Runs whole nodes and tells the totals; exit code 99 if anything did not hold.
///
/// # Errors
/// If totals are to be kept in a file and cannot be.
pub(super) fn run(arguments: &SeedsArguments, tell: &mut dyn FnMut(&str)) -> Result<u8, Failure> {
    sweep(
        arguments.count,
        &arguments.how,
        ("seeds", run::judged),
        tell,
    )
}

/// Runs so many seeds of one kind and tells the totals; exit code 99 if anything did not hold in
/// one of them.
///
/// # Errors
/// If totals are to be kept in a file and cannot be.
pub(super) fn sweep(
    seeds: u64,
    how: &Sweep,
    (kind, one): Kind,
    tell: &mut dyn FnMut(&str),
) -> Result<u8, Failure> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let threads = how.threads.unwrap_or(cores).clamp(1, 64);
    let mut totals = match &how.record {
        Some(file) => Totals::of_file(file, kind, how.from)?,
        None => Totals::new(kind, how.from),
    };
    let end = how.from.saturating_add(seeds);
    for block in 1.. {
        if totals.next >= end {
            break;
        }
        let until = totals.next.saturating_add(BLOCK).min(end);
        let before = cpu_seconds();
        for outcome in side_by_side(totals.next, until, threads, one) {
            count(&mut totals, outcome, tell);
        }
        totals.next = until;
        totals.cpu_s += cpu_seconds() - before;
        if let Some(file) = &how.record {
            totals.keep(file)?;
        }
        if block % TELL_EVERY == 0 && until < end {
            let (runs, broken) = (totals.tally.runs, totals.broken);
            tell(&format!("  {runs} seeds, {broken} broken"));
        }
    }
    Ok(conclude(&totals, how.at_least, tell))
}

/// Adds what a seed came to, and tells what did not hold.
fn count(totals: &mut Totals, outcome: Result<Tally, Broken>, tell: &mut dyn FnMut(&str)) {
    match outcome {
        Ok(tally) => totals.tally.add(&tally),
        Err(Broken {
            broken,
            command,
            tally,
            ..
        }) => {
            totals.broken += 1;
            totals.tally.add(&tally);
            tell(&format!("✗ {broken}\n  replay: {command}"));
            if totals.replays.len() < REPLAYS_MAX {
                totals.replays.push(command);
            }
        }
    }
}

/// Tells the totals, and judges.
fn conclude(totals: &Totals, at_least: Option<f64>, tell: &mut dyn FnMut(&str)) -> u8 {
    let Totals {
        tally,
        broken,
        replays,
        cpu_s,
        ..
    } = totals;
    let speed = tally.time_us as f64 / 1e6 / cpu_s.max(1e-9);
    tell(&format!(
        "{tally}\nspeed      {speed:.0} simulated seconds in a second of a core, {cpu_s:.0} s in \
         all\n{broken} broken"
    ));
    // Again, for what an earlier part of the run told may be gone.
    for command in replays {
        tell(&format!("  replay: {command}"));
    }
    if at_least.is_some_and(|least| speed < least) {
        tell("too slow");
        return BROKEN;
    }
    if *broken == 0 { 0 } else { BROKEN }
}

/// Runs these seeds on so many threads; what they came to in their order.
fn side_by_side(
    from: u64,
    until: u64,
    threads: u64,
    one: fn(u64) -> Result<Tally, Broken>,
) -> Vec<Result<Tally, Broken>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn odd_ones_break(seed: u64) -> Result<Tally, Broken> {
        if seed.is_multiple_of(2) {
            return Ok(Tally::default());
        }
        Err(Broken {
            seed,
            broken: format!("seed {seed} is odd"),
            command: format!("odd --from {seed}"),
            tally: Box::default(),
        })
    }

    #[test]
    fn a_run_that_goes_on_names_the_broken_seeds_of_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let how = Sweep {
            from: 1,
            threads: Some(2),
            at_least: None,
            record: Some(folder.path().join("totals.json")),
        };
        for (seeds, replays) in [(2, vec![1]), (4, vec![1, 3])] {
            let mut told = String::new();
            let mut tell = |line: &str| told += &format!("{line}\n");
            let code = sweep(seeds, &how, ("odd", odd_ones_break), &mut tell);
            assert_eq!(code, Ok(BROKEN));
            let (_, last) = told.split_once(" broken\n").expect("told how many");
            let named: Vec<String> = replays
                .into_iter()
                .map(|seed: u64| format!("  replay: odd --from {seed}"))
                .collect();
            assert_eq!(last.lines().collect::<Vec<_>>(), named, "{told}");
        }
    }
}
