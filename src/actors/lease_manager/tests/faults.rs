use proptest::prelude::*;

use super::super::*;
use super::world::*;
use crate::proto::ids::ViewId;
use crate::proto::lease::Change;
use crate::proto::lease::{AtZero, LogEvent};
use crate::time::WallTime;

/// What can be drawn, by its share of a hundred.
fn step(world: &mut World, shares: &mut u8, crashes: bool) {
    let who = world.below(2);
    match world.below(200) {
        0..60 => drop(world.disk(who)),
        60..120 => drop(world.input(who)),
        120..146 => world.any_letter(),
        146..156 => {
            let arrives = world.below(4) > 0;
            world.picture(arrives);
        }
        156..164 => {
            let wait = world.below(2_000);
            world.pass(wait as u64);
        }
        164..174 => drop(world.view()),
        174..188 => {
            let open: Vec<ViewId> = world.seen.difference(&world.counted).copied().collect();
            if !open.is_empty() {
                let view = open[world.below(open.len())];
                if world.below(4) > 0 {
                    world.show(view);
                } else {
                    world.let_go(view);
                }
            }
        }
        188..191 => change(world),
        191..193 => {
            *shares += 1;
            let key = *shares;
            world.until = any_date(world);
            world.share(key, 5, AtZero::KeepCover);
        }
        193..194 => world.online = !world.online,
        194..196 => world.settle(),
        _ if crashes && world.below(3) == 0 => world.crash(who),
        _ => {}
    }
}

/// None, or one that comes before the end of the run, or has passed.
fn any_date(world: &mut World) -> Option<WallTime> {
    match world.below(4) {
        0 | 1 => None,
        2 => Some(world.date_in(0)),
        _ => {
            let wait = world.below(20_000);
            Some(world.date_in(wait as u64))
        }
    }
}

fn change(world: &mut World) {
    let views = u32::try_from(world.below(4)).expect("small");
    let change = match world.below(20) {
        0 => Change::Revoke,
        1 | 2 => Change::Set(views),
        3 | 4 => Change::Sub(views),
        5 | 6 => Change::Refund,
        7..13 => Change::Until(any_date(world)),
        _ => Change::Add(views),
    };
    world.adjust(change);
}

/// Both sides tell the same at the end, and what they tell is what a person saw.
fn check(world: &World) {
    assert_eq!(world.log(ALICE), world.log(BOB));
    let (given, received) = (world.terms(ALICE), world.terms(BOB));
    assert_eq!(given, received);
    for who in [ALICE, BOB] {
        assert_eq!(world.stored_log(who), world.log(who).len());
    }
    let viewed: Vec<ViewId> = world
        .log(BOB)
        .iter()
        .filter_map(|entry| match entry.event {
            LogEvent::Viewed { view, .. } => Some(view),
            _ => None,
        })
        .collect();
    let distinct: BTreeSet<ViewId> = viewed.iter().copied().collect();
    assert_eq!(distinct.len(), viewed.len(), "no look is counted twice");
    assert!(
        world.counted.is_subset(&distinct),
        "no count that was told is lost"
    );
    assert!(
        distinct.is_subset(&world.seen),
        "no look is counted that nobody had"
    );
    if world.nodes[BOB].machine.received.is_empty() {
        return;
    }
    let lease = &world.nodes[BOB].machine.received[&grant_id()];
    let left = lease.left();
    assert_eq!(
        left,
        if lease.is_expired() {
            0
        } else {
            received.left()
        }
    );
    assert_eq!(lease.key.is_some(), left > 0);
    let ended = world.ended(BOB);
    assert_eq!(ended.is_some(), left == 0);
    assert_eq!(world.ended(ALICE).is_some(), ended.is_some());
    check_expiries(world);
    let file = world.received_file().map(|file| &file[..]);
    if left > 0 {
        let digest = file.map(crate::proto::ids::Digest::of);
        assert_eq!(digest, Some(lease.grant.picture));
    } else {
        assert!(file.is_none_or(|file| file == EMPTIED));
    }
}

/// A date is logged once at the most, and only one that was set.
fn check_expiries(world: &World) {
    let (mut dates, mut expiries) = (0, 0);
    for entry in world.log(BOB) {
        match entry.event {
            LogEvent::Granted { .. }
            | LogEvent::Adjusted {
                change: Change::Until(Some(_)),
                ..
            } => dates += 1,
            LogEvent::Expired => expiries += 1,
            _ => {}
        }
    }
    assert!(expiries <= dates, "{expiries} ends at {dates} dates");
}

fn run(seed: u64, steps: usize, loss: u32, crashes: bool) -> World {
    let mut world = World::new(seed);
    world.loss = loss;
    let mut shares = 1;
    world.share(1, 5, AtZero::KeepCover);
    for _ in 0..steps {
        step(&mut world, &mut shares, crashes);
    }
    world.rest();
    check(&world);
    world
}

#[test]
pub(super) fn the_runs_below_are_full_of_looks_changes_and_new_grants() {
    let mut sums = [0; 5];
    for seed in 0..30 {
        let world = run(seed, 1_500, 10, true);
        sums[0] += world.counted.len();
        for entry in world.log(BOB) {
            match entry.event {
                LogEvent::Adjusted { .. } => sums[1] += 1,
                LogEvent::Granted { .. } => sums[2] += 1,
                LogEvent::Spent => sums[3] += 1,
                LogEvent::Expired => sums[4] += 1,
                LogEvent::Received
                | LogEvent::Viewed { .. }
                | LogEvent::Taken { .. }
                | LogEvent::Returned { .. }
                | LogEvent::Copied => {}
            }
        }
    }
    assert!(sums.iter().all(|sum| *sum >= 20), "{sums:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn both_sides_agree_after_repeats_and_reorder(seed in any::<u64>()) {
        drop(run(seed, 1_000, 0, false));
    }

    #[test]
    fn both_sides_agree_after_loss_and_crashes(seed in any::<u64>()) {
        drop(run(seed, 1_500, 10, true));
    }
}
