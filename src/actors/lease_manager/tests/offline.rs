//! Looks that are taken to the borrower's home and used without the servers.

use super::super::*;
use super::rules::counted;
use super::world::*;
use crate::proto::control::Reason;
use crate::proto::lease::{AtZero, Change, EndReason, LogEvent};
use crate::proto::ledger::Standing;
use crate::proto::outcome::TakenLooks;

const KEY: u8 = 50;
const DAY_MS: u64 = 86_400_000;

/// A grant of `views` looks, of which `offline` may be taken, with the borrower.
fn lent(views: u32, offline: u32) -> World {
    let mut world = World::new(1);
    world.strict = true;
    world.offline = offline;
    world.share(KEY, views, AtZero::KeepCover);
    world.settle();
    assert_eq!(world.opened, [Ok(true)]);
    world
}

fn take(world: &mut World, looks: u32) {
    let wish = world.take_looks(looks);
    world.settle();
    match world.outcome(wish) {
        Outcome::LooksTaken { looks: taken, .. } => assert_eq!(taken, looks),
        other => panic!("not taken: {other:?}"),
    }
}

/// So many looks went back.
fn give_back(world: &mut World) -> u32 {
    let wish = world.return_looks();
    world.settle();
    match world.outcome(wish) {
        Outcome::LooksReturned { looks, .. } => looks,
        other => panic!("not returned: {other:?}"),
    }
}

fn refused(world: &mut World) -> Failure {
    let wish = world.view();
    world.settle();
    world.failure(wish)
}

fn standing(world: &World) -> Standing {
    let mut accounts = world.servers.ledger.accounts();
    accounts.next().expect("an account").1.standing()
}

/// Looks used and looks with devices, by the ledger.
fn counts(world: &World) -> (u32, u32) {
    let standing = standing(world);
    (standing.spent, standing.escrowed)
}

fn taken(world: &World, who: usize) -> Option<TakenLooks> {
    world.leases(who)[0].taken
}

fn wait(world: &mut World, wait_ms: u64) {
    world.pass(wait_ms);
    world.settle();
}

#[test]
fn looks_that_were_taken_open_without_the_servers() {
    let mut world = lent(5, 3);
    take(&mut world, 2);
    assert_eq!(counts(&world), (0, 2));
    world.servers.up = false;
    assert_eq!(world.look(), counted(1, 4));
    assert_eq!(world.look(), counted(2, 3));
    assert_eq!(refused(&mut world).reason, Reason::Unreachable);
    assert_eq!(taken(&world, BOB).map(|taken| taken.used), Some(2));
    world.servers.up = true;
    wait(&mut world, 61_000);
    assert_eq!(counts(&world), (2, 0), "used up, told and closed");
    assert_eq!(world.look(), counted(3, 2));
    world.calm();
    assert_eq!(world.log(ALICE), world.log(BOB));
    assert_eq!(world.terms(ALICE).used, 3);
}

#[test]
fn what_was_not_used_goes_back_when_it_is_given_back() {
    let mut world = lent(5, 3);
    take(&mut world, 3);
    world.servers.up = false;
    world.look();
    world.servers.up = true;
    assert_eq!(give_back(&mut world), 2);
    assert_eq!((counts(&world), taken(&world, BOB)), ((1, 0), None));
    assert_eq!(world.look(), counted(2, 3));
    let events: Vec<LogEvent> = world.log(BOB).iter().map(|entry| entry.event).collect();
    assert!(events.contains(&LogEvent::Returned { looks: 2 }));
}

#[test]
fn an_owner_sees_which_looks_are_with_the_borrower() {
    let mut world = lent(5, 3);
    take(&mut world, 3);
    wait(&mut world, 5_000);
    let seen = taken(&world, ALICE).expect("the owner was told");
    assert_eq!((seen.looks, seen.used), (3, 0));
    give_back(&mut world);
    world.calm();
    assert_eq!(taken(&world, ALICE), None);
}

#[test]
fn looks_are_taken_only_as_far_as_the_owner_lets() {
    let mut world = lent(5, 0);
    let wish = world.take_looks(1);
    world.settle();
    assert_eq!(world.failure(wish).reason, Reason::Denied);
    let mut world = lent(5, 2);
    for (looks, reason) in [(0, Reason::Usage), (3, Reason::Usage)] {
        let wish = world.take_looks(looks);
        world.settle();
        assert_eq!(world.failure(wish).reason, reason);
    }
    take(&mut world, 2);
    let wish = world.take_looks(1);
    world.settle();
    assert_eq!(world.failure(wish).reason, Reason::Usage, "twice");
    assert_eq!(world.servers.lent, 2);
}

#[test]
fn without_a_majority_no_looks_are_taken_and_none_are_lost() {
    let mut world = lent(2, 2);
    world.servers.up = false;
    let wish = world.take_looks(2);
    world.settle();
    assert_eq!(world.failure(wish).reason, Reason::Unreachable);
    world.servers.up = true;
    wait(&mut world, 61_000);
    assert_eq!((counts(&world), taken(&world, BOB)), ((0, 0), None));
    wait(&mut world, 1_000);
    take(&mut world, 2);
}

#[test]
fn looks_are_not_given_back_while_they_are_asked_for() {
    let mut world = lent(3, 2);
    let wish = world.take_looks(2);
    world.pass(5_000);
    world.settle();
    assert!(matches!(world.outcome(wish), Outcome::LooksTaken { .. }));
    world.pass(5_000);
    world.settle();
    assert_eq!(counts(&world), (0, 2));
    assert_eq!(taken(&world, BOB).map(|taken| taken.looks), Some(2));
}

#[test]
fn looks_that_were_given_to_a_program_that_ended_go_back() {
    let mut world = lent(2, 2);
    world.take_looks(2);
    while world.servers.lent == 0 {
        assert!(world.disk(BOB) || world.input(BOB));
    }
    assert_eq!(counts(&world), (0, 2));
    world.crash(BOB);
    wait(&mut world, 61_000);
    assert_eq!((counts(&world), taken(&world, BOB)), ((0, 0), None));
}

#[test]
fn a_look_that_left_the_program_is_in_the_log_after_a_crash() {
    let mut world = lent(3, 3);
    take(&mut world, 2);
    world.servers.up = false;
    world.view();
    world.settle();
    assert_eq!(world.handed_out, 1);
    world.crash(BOB);
    assert_eq!(taken(&world, BOB).map(|taken| taken.used), Some(1));
    world.look();
    assert_eq!(refused(&mut world).reason, Reason::Unreachable);
    assert_eq!(world.handed_out, 2);
    world.servers.up = true;
    wait(&mut world, 61_000);
    assert_eq!(counts(&world), (2, 0));
}

#[test]
fn looks_go_back_at_once_after_a_crash_in_a_look() {
    let mut world = lent(3, 3);
    take(&mut world, 3);
    // The first picture left the program, the second did not.
    world.view();
    world.settle();
    world.crash(BOB);
    assert_eq!(give_back(&mut world), 2);
    assert_eq!(counts(&world), (1, 0));
    take(&mut world, 2);
    let opened = world.handed_out;
    world.view();
    assert!(world.disk(BOB), "the claim is on disk");
    world.crash(BOB);
    assert_eq!(world.handed_out, opened);
    assert_eq!(give_back(&mut world), 2);
    assert_eq!(counts(&world), (1, 0));
}

#[test]
fn a_look_that_was_let_go_is_taken_once() {
    let mut world = lent(3, 3);
    take(&mut world, 2);
    world.servers.up = false;
    let wish = world.view();
    world.settle();
    let first = world.view_of(wish);
    world.let_go(first);
    world.settle();
    let again = world.view();
    world.settle();
    assert_eq!(world.view_of(again), first);
    world.show(first);
    world.settle();
    assert_eq!(taken(&world, BOB).map(|taken| taken.used), Some(1));
}

#[test]
fn after_its_date_a_look_needs_the_servers_and_the_rest_comes_back() {
    let mut world = lent(3, 2);
    take(&mut world, 2);
    world.servers.up = false;
    world.look();
    wait(&mut world, 7 * DAY_MS + 1);
    assert_eq!(refused(&mut world).reason, Reason::Unreachable);
    world.servers.up = true;
    assert_eq!(world.look(), counted(2, 1), "told, closed, then counted");
    assert_eq!(counts(&world), (2, 0));
}

#[test]
fn a_clock_that_is_set_back_gives_no_look_more() {
    let mut world = lent(3, 2);
    take(&mut world, 2);
    world.servers.up = false;
    wait(&mut world, DAY_MS);
    world.look();
    world.behind_ms = DAY_MS;
    world.crash(BOB);
    let failure = refused(&mut world);
    assert_eq!(failure.reason, Reason::Unreachable, "{failure:?}");
}

#[test]
fn a_revocation_ends_looks_that_are_with_the_borrower() {
    let mut world = lent(3, 2);
    take(&mut world, 2);
    world.adjust(Change::Revoke);
    world.calm();
    assert_eq!(refused(&mut world).reason, Reason::Revoked);
    wait(&mut world, 61_000);
    assert_eq!((counts(&world), taken(&world, BOB)), ((0, 0), None));
}

/// What is on bob's disk.
fn copy(world: &World) -> World {
    let mut of = World::new(2);
    of.nodes[BOB].rows = world.nodes[BOB].rows.clone();
    of.nodes[BOB].files = world.nodes[BOB].files.clone();
    of
}

fn put_back(world: &mut World, copy: &World) {
    world.nodes[BOB].rows = copy.nodes[BOB].rows.clone();
    world.nodes[BOB].files = copy.nodes[BOB].files.clone();
    world.crash(BOB);
}

#[test]
fn two_copies_of_a_home_are_found_out_at_the_second_check_in() {
    let mut world = lent(5, 3);
    take(&mut world, 3);
    let home = copy(&world);
    world.servers.up = false;
    world.look();
    world.servers.up = true;
    wait(&mut world, 61_000);
    assert_eq!(counts(&world), (1, 2));
    put_back(&mut world, &home);
    world.look();
    wait(&mut world, 61_000);
    assert_eq!(world.servers.forks, 1);
    assert!(standing(&world).revoked);
    let failure = refused(&mut world);
    assert_eq!(failure.reason, Reason::Revoked);
    assert!(failure.message.contains("two copies"), "{failure:?}");
    world.calm();
    for who in [ALICE, BOB] {
        let ended = world.ended(who).map(|ended| ended.reason);
        assert_eq!(ended, Some(EndReason::Copied), "{who}");
    }
}

#[test]
fn an_owner_learns_of_copies_from_the_servers() {
    let mut world = lent(5, 3);
    take(&mut world, 3);
    let home = copy(&world);
    world.look();
    assert_eq!(give_back(&mut world), 2);
    put_back(&mut world, &home);
    world.look();
    world.return_looks();
    while world.disk(BOB) || world.input(BOB) {}
    assert_eq!(world.servers.forks, 1);
    let ended = |world: &World| world.ended(ALICE).map(|ended| ended.reason);
    assert_eq!(ended(&world), None, "no letter of bob's arrived");
    world.pass(600_001);
    while world.disk(ALICE) || world.input(ALICE) {}
    assert_eq!(ended(&world), Some(EndReason::Copied));
}

#[test]
fn a_copy_from_before_the_return_is_found_out_when_it_looks() {
    let mut world = lent(5, 3);
    take(&mut world, 2);
    let home = copy(&world);
    assert_eq!(give_back(&mut world), 2);
    put_back(&mut world, &home);
    world.servers.up = false;
    world.look();
    world.servers.up = true;
    wait(&mut world, 61_000);
    assert_eq!(world.servers.forks, 1);
}

#[test]
fn a_copy_of_a_home_cannot_take_the_looks_of_the_other() {
    let mut world = lent(5, 3);
    world.take_looks(2);
    while world.servers.lent == 0 {
        assert!(world.disk(BOB) || world.input(BOB));
    }
    let home = copy(&world);
    world.settle();
    assert_eq!(taken(&world, BOB).map(|taken| taken.looks), Some(2));
    put_back(&mut world, &home);
    world.servers.up = false;
    assert_eq!(refused(&mut world).reason, Reason::Unreachable);
}

/// Losses, crashes at any point, servers and clocks that come and go, without copies: never more
/// pictures leave than were counted or lent, and nobody is called a copy.
#[test]
fn whatever_fails_an_honest_home_shows_no_more_than_it_has() {
    for seed in 0..80 {
        let mut world = World::new(seed);
        world.strict = true;
        world.offline = 2;
        world.loss = 8;
        world.share(1, 4, AtZero::KeepCover);
        for _ in 0..260 {
            let who = world.below(2);
            match world.below(16) {
                0 | 1 => drop(world.view()),
                2 => {
                    let seen: Vec<_> = world.seen.iter().copied().collect();
                    if !seen.is_empty() {
                        let view = seen[world.below(seen.len())];
                        world.show(view);
                    }
                }
                3 => world.crash(who),
                4 => world.servers.up = world.below(3) > 0,
                5 => world.pass(3_000),
                6 => world.any_letter(),
                7 => drop(world.picture(true)),
                8 => {
                    let looks = 1 + u32::try_from(world.below(2)).expect("small");
                    world.take_looks(looks);
                }
                9 if world.below(4) == 0 => drop(world.return_looks()),
                10 if world.below(3) == 0 => world.pass(61_000),
                11 if world.below(20) == 0 => world.pass(DAY_MS),
                12 => drop(world.input(who)),
                _ => drop(world.disk(who)),
            }
            let account = world.servers.ledger.accounts().next();
            let most = account.map_or(0, |(_, account)| {
                let standing = account.standing();
                standing.spent + standing.escrowed
            });
            assert!(most <= 4, "seed {seed}");
            assert!(
                world.handed_out <= most,
                "seed {seed}: {} of {most}",
                world.handed_out
            );
            assert_eq!(world.servers.forks, 0, "seed {seed}");
        }
        world.servers.up = true;
        world.calm();
        wait(&mut world, 130_000);
        assert_eq!(world.servers.forks, 0, "seed {seed}");
    }
}
