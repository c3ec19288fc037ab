//! The commit run of the simulator: seeds with all checks, determinism, and planted faults that the
//! checks must find.

use std::thread;

use super::run::{Counts, Verdict, run};
use crate::planted::tests::Hunt;
use crate::planted::{self, Bug};

/// Runs seeds on two threads, in blocks.
fn sweep(seeds: std::ops::Range<u64>, one: fn(u64) -> Verdict) -> Vec<Verdict> {
    let middle = seeds.start + (seeds.end - seeds.start) / 2;
    thread::scope(|scope| {
        let first = scope.spawn(move || (seeds.start..middle).map(one).collect::<Vec<_>>());
        let second = scope.spawn(move || (middle..seeds.end).map(one).collect::<Vec<_>>());
        let mut verdicts = first.join().expect("no run panics");
        verdicts.extend(second.join().expect("no run panics"));
        verdicts
    })
}

#[test]
fn two_hundred_seeds_hold_every_check_and_are_not_idle() {
    let verdicts = sweep(1_000..1_200, run);
    let broken: Vec<String> = verdicts
        .iter()
        .filter(|verdict| !verdict.violations.is_empty())
        .map(|verdict| {
            format!(
                "cargo run --bin pentimento-chaos -- seeds 1 --from {}: {:?}",
                verdict.seed, verdict.violations
            )
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let mut counts = Counts::default();
    verdicts
        .iter()
        .for_each(|verdict| counts.add(&verdict.counts));
    assert!(counts.pictures > 500, "{counts:?}");
    assert!(counts.grants > 150, "{counts:?}");
    assert!(counts.looks > 250, "{counts:?}");
    assert!(counts.refusals > 50, "{counts:?}");
    assert!(counts.expired > 50, "{counts:?}");
    assert!(counts.changes > 200, "{counts:?}");
    assert!(counts.answers > 20, "{counts:?}");
    assert!(counts.withdrawals > 20, "{counts:?}");
    assert!(counts.galleries > 50, "{counts:?}");
    assert!(counts.turned_away > 50, "{counts:?}");
    assert!(counts.failures > 300, "{counts:?}");
    assert!(counts.crashes > 300, "{counts:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).trace, run(8).trace);
}

/// Which of these runs find which planted bug.
pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::NeverTakesOver, CLUSTER, || all_hold(0..60)),
    Hunt::new(Bug::EveryoneWins, CLUSTER, || all_hold(0..10)),
    Hunt::new(Bug::PassNotChecked, CLUSTER, || all_hold(0..20)),
];

const CLUSTER: &str = "whole nodes from seeds";

fn all_hold(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let violations = run(seed).violations;
        assert!(violations.is_empty(), "seed {seed}: {violations:?}");
    }
}

fn never_takes_over(seed: u64) -> Verdict {
    planted::with(Some(Bug::NeverTakesOver), || run(seed))
}

fn everyone_wins(seed: u64) -> Verdict {
    planted::with(Some(Bug::EveryoneWins), || run(seed))
}

/// Whether a check of this name found something in any of the runs.
fn found(verdicts: &[Verdict], check: &str) -> bool {
    verdicts
        .iter()
        .flat_map(|verdict| &verdict.violations)
        .any(|(name, _)| *name == check)
}

#[test]
fn an_election_without_takeover_is_found_out() {
    assert!(found(
        &sweep(0..60, never_takes_over),
        "every request answered"
    ));
}

#[test]
fn an_election_that_everyone_wins_is_found_out() {
    assert!(found(
        &sweep(0..10, everyone_wins),
        "one server does the work"
    ));
}
