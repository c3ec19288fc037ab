//! What watching programs and waiting people are told.

use super::super::*;
use super::rules::shared;
use super::world::*;
use crate::proto::lease::Change;
use crate::proto::lease::{AtZero, EndReason};
use crate::proto::notice::LeaseNews;

#[test]
fn both_sides_are_told_of_every_step_once() {
    let mut world = shared(1);
    world.look();
    world.rest();
    world.adjust(Change::Refund);
    world.rest();
    world.adjust(Change::Revoke);
    world.rest();
    let viewed = LeaseNews::Viewed { ordinal: 1 };
    let (spent, revoked) = (EndReason::Spent, EndReason::Revoked);
    let told = [
        (LeaseNews::Granted, 1),
        (LeaseNews::Delivered, 1),
        (viewed, 0),
        (LeaseNews::Ended(spent), 0),
        (LeaseNews::Changed, 1),
        (LeaseNews::Delivered, 1),
    ];
    let (alice, bob) = (&world.notices[ALICE], &world.notices[BOB]);
    assert_eq!(alice[..6], told);
    assert_eq!(alice[6..], [(LeaseNews::Ended(revoked), 0)]);
    assert_eq!(bob[..6], told);
    let changed = (LeaseNews::Changed, 0);
    assert_eq!(bob[6..], [changed, (LeaseNews::Ended(revoked), 0)]);
    // Every letter again.
    for place in 0..40 {
        world.letter(place);
    }
    world.rest();
    assert_eq!(
        (world.notices[ALICE].len(), world.notices[BOB].len()),
        (7, 8)
    );
}

#[test]
fn an_end_by_date_is_told_to_both() {
    let mut world = World::new(1);
    world.until = Some(world.date_in(5_000));
    world.share(1, 2, AtZero::KeepCover);
    world.settle();
    world.pass(5_000);
    world.rest();
    for who in [ALICE, BOB] {
        let last = world.notices[who].last();
        assert_eq!(last, Some(&(LeaseNews::Ended(EndReason::Expired), 0)));
    }
}

#[test]
fn who_waits_for_a_delivery_sees_it_move() {
    let mut world = World::new(1);
    world.share(1, 2, AtZero::KeepCover);
    let moves = |done_bytes| Input::PictureMoves {
        grant: grant_id(),
        done_bytes,
        total_bytes: 39,
    };
    world.give(ALICE, moves(1));
    assert!(world.moves.is_empty(), "the grant does not exist yet");
    while world.disk(ALICE) || world.input(ALICE) {}
    world.give(ALICE, moves(20));
    world.rest();
    world.give(ALICE, moves(39));
    assert_eq!(world.moves, [(20, 39)], "nobody waits any more");
}
