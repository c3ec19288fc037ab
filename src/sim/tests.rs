//! The commit run of the simulator: seeds with all checks, determinism, and planted faults that the
//! checks must find.

use std::collections::BTreeSet;
use std::thread;

use super::cast;
use super::network::Weather;
use super::run::{Verdict, run};
use super::swarm::Trouble;
use super::tally::Tally;
use super::world::{Seen, World};
use crate::node::board;
use crate::node::config::TokenConfig;
use crate::planted::tests::Hunt;
use crate::planted::{self, Bug};
use crate::proto::ids::NodeId;

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
                "pentimento-chaos seeds 1 --from {}: {:?}",
                verdict.seed, verdict.violations
            )
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let mut total = Tally::default();
    verdicts
        .iter()
        .for_each(|verdict| total.add(&verdict.tally));
    for (kind, least) in LEAST {
        assert!(total.told(kind) > least, "{kind}: {total}");
    }
    for trouble in Trouble::DRAWN.into_iter().chain([Trouble::HolderDies]) {
        let name = trouble.name();
        assert!(total.faults.contains_key(name), "{name}: {total}");
    }
    let disks = total.disks;
    let kinds = [disks.stalled, disks.failed, disks.full, disks.mute];
    assert!(kinds.iter().all(|count| *count > 0), "{total}");
    assert!(disks.lost > 0 && disks.unanswered > 0, "{total}");
}

/// What two hundred runs come to at least, so that runs in which nothing happens are found out.
const LEAST: [(&str, u64); 11] = [
    ("pictures", 900),
    ("pictures opened again", 900),
    ("grants", 500),
    ("looks", 900),
    ("looks refused", 30),
    ("looks too late", 10),
    ("changes", 500),
    ("answers", 20),
    ("withdrawals", 20),
    ("galleries", 50),
    ("turned away", 50),
];

#[test]
fn a_seed_is_a_run_bit_for_bit() {
    let (once, again) = thread::scope(|scope| {
        let runs = || (0..24).map(run).collect::<Vec<Verdict>>();
        let other = scope.spawn(runs);
        (runs(), other.join().expect("no run panics"))
    });
    assert_eq!(once, again);
    let traces: BTreeSet<_> = once.iter().map(|verdict| verdict.tally.trace).collect();
    assert_eq!(traces.len(), once.len());
}

/// What the second of three servers believes of the processor of the first, which is slow from the
/// third second to the seventh, at the ends of the fifth and of the ninth.
fn believed_speeds(is_told: bool) -> [Option<u32>; 2] {
    const SECOND: u64 = 1_000_000;
    let mut world = World::new(1, Weather::FAIR);
    cast::add(&mut world, 3, &[], TokenConfig::default());
    (0..3).for_each(|server| drop(world.start(server)));
    let mut believed = None;
    let mut wait = |world: &mut World, until_s: u64| {
        while let Some(seen) = world.step(until_s * SECOND) {
            for (_, seen) in seen.into_iter().filter(|(host, _)| *host == 1) {
                if let Seen::News(board::News::View(members)) = seen {
                    let first = members.iter().find(|member| member.node == NodeId(1));
                    believed = first.map(|first| first.report.speed_milli);
                }
            }
        }
        believed
    };
    wait(&mut world, 3);
    world.slow(0, 8, is_told);
    let slow = wait(&mut world, 5);
    wait(&mut world, 7);
    world.slow(0, 1, true);
    [slow, wait(&mut world, 9)]
}

#[test]
fn a_server_says_how_fast_it_is_if_it_is_told() {
    assert_eq!(believed_speeds(true), [Some(125), Some(1_000)]);
    assert_eq!(believed_speeds(false), [Some(1_000), Some(1_000)]);
}

/// Which of these runs find which planted bug.
pub(crate) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::NeverTakesOver, CLUSTER, || all_hold(0..60)),
    Hunt::new(Bug::EveryoneWins, CLUSTER, || all_hold(0..10)),
    Hunt::new(Bug::PassNotChecked, CLUSTER, || all_hold(0..20)),
    Hunt::new(Bug::TokenNotMadeAnew, CLUSTER, || all_hold(0..60)),
    Hunt::new(Bug::SharesNotLookedAfter, CLUSTER, || all_hold(0..5)),
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
