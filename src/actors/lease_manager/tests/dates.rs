//! Ends by date, looks given back, looks let go.

use super::super::*;
use super::rules::{counted, events, keys_on_disk, shared};
use super::world::*;
use crate::proto::control::Reason;
use crate::proto::lease::Change;
use crate::proto::lease::{AtZero, EndReason, Ended, LogEntry, LogEvent};
use crate::time::WallTime;

fn dated(views: u32, wait_ms: u64) -> World {
    let mut world = World::new(1);
    world.until = Some(world.date_in(wait_ms));
    world.share(50, views, AtZero::KeepCover);
    world.settle();
    world
}

fn refusal(world: &mut World) -> (Reason, String) {
    let wish = world.view();
    world.settle();
    let failure = world.failure(wish);
    (failure.reason, failure.message)
}

#[test]
fn a_lease_ends_at_its_date_though_looks_are_left() {
    let mut world = dated(3, 10_000);
    assert_eq!(world.look(), counted(1, 2));
    world.pass(9_999);
    world.settle();
    assert_eq!(world.look(), counted(2, 1));
    let woken = world.nodes[BOB].machine.deadline();
    assert_eq!(woken, Some(Moment::from_millis(10_000)));
    world.pass(1);
    world.settle();
    assert_eq!(world.received_file().map(|file| &file[..]), Some(EMPTIED));
    assert_eq!(keys_on_disk(&world, 50), 0);
    assert!(world.nodes[BOB].machine.received[&grant_id()].key.is_none());
    let said = "the time for beach.jpg from @alice is over since 1970-01-01 00:16:50 (2 of 3 used)";
    assert_eq!(refusal(&mut world), (Reason::Expired, said.to_owned()));
    world.rest();
    let at = WallTime(1_010_000);
    let reason = EndReason::Expired;
    for who in [ALICE, BOB] {
        let expected = ["expired", "granted", "received", "viewed", "viewed"];
        assert_eq!(events(&world, who), expected);
        assert_eq!(world.ended(who), Some(Ended { reason, at }));
        assert_eq!(world.leases(who)[0].left(), 0);
    }
}

#[test]
fn what_comes_first_ends_it_and_only_that_is_logged() {
    let mut world = dated(1, 10_000);
    world.look();
    world.settle();
    world.pass(20_000);
    world.rest();
    assert_eq!(
        events(&world, BOB),
        ["granted", "received", "spent", "viewed"]
    );
    for who in [ALICE, BOB] {
        assert_eq!(
            world.ended(who).map(|end| end.reason),
            Some(EndReason::Spent)
        );
    }
    assert_eq!(refusal(&mut world).0, Reason::QuotaSpent);
}

#[test]
fn the_date_counts_even_before_the_timer_rings() {
    let mut world = dated(3, 10_000);
    world.now = Moment::from_millis(10_000);
    assert_eq!(refusal(&mut world).0, Reason::Expired);
    let mut world = dated(3, 10_000);
    let wish = world.view();
    world.now = Moment::from_millis(10_000);
    world.settle();
    assert_eq!(
        world.failure(wish).reason,
        Reason::Expired,
        "claimed, not open yet"
    );
    assert_eq!(world.terms(BOB).used, 0);
}

#[test]
fn a_look_that_is_open_at_the_date_counts_and_is_the_last() {
    let mut world = dated(3, 10_000);
    let wish = world.view();
    world.settle();
    let view = world.view_of(wish);
    world.pass(10_000);
    let shown = world.show(view);
    world.settle();
    assert_eq!(world.outcome(shown), counted(1, 0));
    assert_eq!(refusal(&mut world).0, Reason::Expired);
    assert_eq!(world.received_file().map(|file| &file[..]), Some(EMPTIED));
}

#[test]
fn a_later_date_brings_key_and_picture_again_and_no_date_ends_nothing() {
    let mut world = dated(3, 10_000);
    world.look();
    world.pass(10_000);
    world.rest();
    let add = world.adjust(Change::Add(1));
    world.rest();
    let Outcome::Adjusted { left, .. } = world.outcome(add) else {
        panic!("not adjusted");
    };
    assert_eq!(left, 0, "looks alone do not bring it back");
    assert_eq!(refusal(&mut world).0, Reason::Expired);
    let later = world.date_in(500_000);
    let moved = world.adjust(Change::Until(Some(later)));
    world.settle();
    let Outcome::Adjusted { left, .. } = world.outcome(moved) else {
        panic!("not adjusted");
    };
    assert_eq!(left, 3);
    world.pass(2_000);
    world.settle();
    assert_eq!(world.received_file(), Some(&picture(50)));
    assert_eq!(world.look(), counted(2, 2));
    assert_eq!((world.ended(ALICE), world.ended(BOB)), (None, None));
    world.adjust(Change::Until(None));
    world.settle();
    world.pass(600_000);
    world.rest();
    assert_eq!(world.look(), counted(3, 1));
    let now = world.date_in(0);
    world.adjust(Change::Until(Some(now)));
    world.rest();
    assert_eq!(refusal(&mut world).0, Reason::Expired);
    let ends = |world: &World| {
        events(world, ALICE)
            .iter()
            .filter(|e| **e == "expired")
            .count()
    };
    assert_eq!(ends(&world), 2);
    assert_eq!(world.log(ALICE), world.log(BOB));
}

#[test]
fn a_clock_that_is_set_back_gives_no_look_until_the_owner_does() {
    let mut world = dated(3, 10_000);
    world.pass(10_000);
    world.settle();
    world.behind_ms = 9_000;
    world.crash(BOB);
    assert_eq!(refusal(&mut world).0, Reason::Expired);
    world.adjust(Change::Add(1));
    world.settle();
    assert_eq!(refusal(&mut world).0, Reason::Expired);
    let later = world.date_in(300_000);
    world.adjust(Change::Until(Some(later)));
    world.settle();
    world.pass(2_000);
    world.settle();
    assert_eq!(world.look(), counted(1, 3));
}

#[test]
fn a_date_that_comes_while_the_node_is_down_counts_at_its_start() {
    let mut world = dated(3, 10_000);
    world.now = Moment::from_millis(60_000);
    world.crash(BOB);
    assert_eq!(refusal(&mut world).0, Reason::Expired);
    world.rest();
    assert_eq!(world.received_file().map(|file| &file[..]), Some(EMPTIED));
    assert_eq!(events(&world, ALICE), ["expired", "granted", "received"]);
}

#[test]
fn a_grant_whose_date_passed_before_its_delivery_is_not_sent_any_more() {
    let mut world = World::new(1);
    world.online = false;
    world.until = Some(world.date_in(5_000));
    world.share(1, 2, AtZero::KeepCover);
    while world.disk(ALICE) || world.input(ALICE) {}
    for _ in 0..4 {
        world.pass(4_000);
        while world.disk(ALICE) || world.input(ALICE) {}
    }
    assert_eq!(world.nodes[ALICE].machine.deadline(), None);
    world.until = None;
    world.share(2, 2, AtZero::KeepCover);
    world.rest();
    assert_eq!(world.opened.pop(), Some(Ok(true)), "a new grant may follow");
    assert_eq!(world.look(), counted(1, 1));
}

#[test]
fn every_end_is_told_with_its_reason_and_time() {
    let mut world = shared(2);
    world.look();
    world.pass(3_000);
    world.adjust(Change::Revoke);
    world.rest();
    let said = "@alice revoked beach.jpg at 1970-01-01 00:16:43 (1 of 2 used)";
    assert_eq!(refusal(&mut world), (Reason::Revoked, said.to_owned()));
    let (reason, at) = (EndReason::Revoked, WallTime(1_003_000));
    for who in [ALICE, BOB] {
        assert_eq!(world.ended(who), Some(Ended { reason, at }));
        world.crash(who);
        assert_eq!(
            world.ended(who),
            Some(Ended { reason, at }),
            "also after a restart"
        );
    }
}

#[test]
fn a_refund_gives_one_look_back_also_after_the_last() {
    let mut world = shared(1);
    let early = world.adjust(Change::Refund);
    assert_eq!(
        world.failure(early).reason,
        Reason::Usage,
        "nothing is used"
    );
    assert_eq!(world.look(), counted(1, 0));
    world.rest();
    world.adjust(Change::Refund);
    world.rest();
    assert_eq!(world.look(), counted(2, 0));
    for who in [ALICE, BOB] {
        assert_eq!((world.terms(who).granted, world.terms(who).used), (2, 2));
    }
    let is_refund = |entry: &&LogEntry| {
        let change = Change::Refund;
        matches!(entry.event, LogEvent::Adjusted { change: made, .. }
            if made == change)
    };
    assert_eq!(world.log(ALICE).iter().filter(is_refund).count(), 1);
}

#[test]
fn a_look_that_is_let_go_costs_nothing_and_frees_the_lease_at_once() {
    let mut world = shared(1);
    let wish = world.view();
    world.settle();
    let view = world.view_of(wish);
    for _ in 0..2 {
        let gone = world.let_go(view);
        world.settle();
        assert_eq!(world.outcome(gone), Outcome::LetGo(view));
    }
    assert!(world.nodes[BOB].machine.claims.is_empty());
    let shown = world.show(view);
    assert_eq!(world.failure(shown).reason, Reason::NotFound);
    assert_eq!(world.look(), counted(1, 0));
    assert_eq!(world.terms(BOB).used, 1);
}

#[test]
fn a_look_that_was_shown_cannot_be_let_go() {
    let mut world = shared(2);
    let wish = world.view();
    world.settle();
    let view = world.view_of(wish);
    world.show(view);
    let refused = world.let_go(view);
    assert_eq!(world.failure(refused).reason, Reason::Usage);
    world.settle();
    world.look();
    let refused = world.let_go(view);
    assert_eq!(
        world.failure(refused).reason,
        Reason::Usage,
        "the log still knows it"
    );
    assert_eq!(world.terms(BOB).used, 2);
}

/// The owner's client was restarted between hearing of the end and writing it down.
#[test]
fn an_end_that_is_told_after_the_date_was_taken_away_ends_nothing() {
    let mut world = dated(3, 10_000);
    world.adjust(Change::Until(None));
    world.rest();
    let mut log = world.log(ALICE).into_iter();
    let granted = log.find(|entry| matches!(entry.event, LogEvent::Granted { .. }));
    let granted = granted.expect("it was granted");
    let expired = LogEntry {
        at: world.date_in(1),
        event: LogEvent::Expired,
    };
    let note = Note::Report {
        grant: grant_id(),
        entries: vec![granted, expired],
    };
    world.give(
        ALICE,
        Input::NoteArrived {
            letter: LetterId([7; 16]),
            from: identity(BOB),
            direct: true,
            posted_at: WallTime(0),
            note,
        },
    );
    world.settle();
    assert_eq!(world.ended(ALICE), None);
    assert_eq!(world.leases(ALICE)[0].left(), 3);
}
