use super::super::*;
use super::rules::{counted, events, keys_on_disk};
use super::world::*;
use crate::actors::clerk;
use crate::crypto::identity::SecretIdentity;
use crate::proto::control::Reason;
use crate::proto::ids::ViewId;
use crate::proto::lease::AtZero;
use crate::proto::lease::Change;

/// Of the picture, unlike anything else in the world.
const KEY: u8 = 50;

/// A strict grant whose picture is with the borrower.
fn strict(views: u32) -> World {
    let mut world = World::new(1);
    world.strict = true;
    world.share(KEY, views, AtZero::KeepCover);
    world.settle();
    assert_eq!(world.opened, [Ok(true)]);
    world
}

fn refused(world: &mut World) -> Failure {
    let wish = world.view();
    world.settle();
    world.failure(wish)
}

#[test]
fn looks_are_counted_by_the_servers_and_end_like_others() {
    let mut world = strict(2);
    assert_eq!(
        keys_on_disk(&world, KEY),
        0,
        "no key of the picture is with the borrower"
    );
    assert_eq!(world.look(), counted(1, 1));
    assert_eq!(world.look(), counted(2, 0));
    assert_eq!(world.servers.released, 2);
    world.rest();
    assert_eq!(world.received_file().map(|file| &file[..]), Some(EMPTIED));
    assert_eq!(refused(&mut world).reason, Reason::QuotaSpent);
    for who in [ALICE, BOB] {
        let expected = ["granted", "received", "spent", "viewed", "viewed"];
        assert_eq!(events(&world, who), expected);
        assert_eq!((world.terms(who).granted, world.terms(who).used), (2, 2));
    }
}

#[test]
fn files_that_are_copied_back_give_no_look_more() {
    let mut world = strict(2);
    let (rows, files) = (
        world.nodes[BOB].rows.clone(),
        world.nodes[BOB].files.clone(),
    );
    world.look();
    world.look();
    world.rest();
    world.nodes[BOB].rows = rows;
    world.nodes[BOB].files = files;
    world.crash(BOB);
    assert_eq!(world.terms(BOB).used, 0, "the program believes its files");
    let failure = refused(&mut world);
    assert_eq!(failure.reason, Reason::QuotaSpent);
    assert_eq!(
        failure.message,
        "no views left on beach.jpg from @alice, say the servers"
    );
    assert_eq!(world.servers.released, 2);
}

#[test]
fn without_a_majority_nothing_is_opened_and_nothing_counted_twice() {
    let mut world = strict(2);
    world.servers.up = false;
    assert_eq!(refused(&mut world).reason, Reason::Unreachable);
    world.servers.up = true;
    assert_eq!(world.look(), counted(1, 1));
}

/// A look whose claim is on disk and told to be; what follows of it is under way.
fn claimed(world: &mut World) -> WishId {
    let wish = world.view();
    while world.disk(BOB) {}
    assert!(world.input(BOB));
    wish
}

#[test]
fn the_word_on_a_look_is_waited_for_as_long_as_the_clerk_asks() {
    let mut world = strict(2);
    let config = &world.nodes[BOB].machine.config;
    let identity = SecretIdentity::from_secret([1; 32]);
    let clerk = clerk::Config::lan(identity, Vec::new(), config.calendar);
    let wish = claimed(&mut world);
    world.pass(clerk.counted_ms);
    world.settle();
    let Outcome::Opened { .. } = world.outcome(wish) else {
        panic!("{:?}", world.told);
    };
}

#[test]
fn a_look_on_which_no_word_comes_ends_and_opens_at_the_next_try() {
    let mut world = strict(2);
    let wish = world.view();
    while world.disk(BOB) {}
    // The claim is on disk; the servers count, and their word does not arrive.
    world.loss = 100;
    while world.input(BOB) {}
    world.loss = 0;
    world.pass(world.nodes[BOB].machine.config.look_ms);
    world.settle();
    assert_eq!(world.failure(wish).reason, Reason::Unreachable);
    assert_eq!(
        world.look(),
        counted(1, 1),
        "it was counted, and counts once"
    );
}

#[test]
fn a_look_whose_file_is_never_read_ends_and_opens_at_the_next_try() {
    let mut world = World::new(1);
    world.share(KEY, 2, AtZero::KeepCover);
    world.settle();
    let wish = claimed(&mut world);
    world.loss = 100;
    while world.disk(BOB) || world.input(BOB) {}
    world.loss = 0;
    world.pass(world.nodes[BOB].machine.config.step_ms);
    world.settle();
    assert_eq!(world.failure(wish).reason, Reason::Other);
    assert_eq!(world.look(), counted(1, 1));
}

/// What is told to somebody whose look was counted, or not yet, when its picture did not open.
fn told_of_damage(world: &mut World, wish: WishId) -> String {
    let file = world.nodes[BOB].files.values_mut().next();
    *file.expect("the picture is here") = Bytes::from_static(b"damaged");
    world.settle();
    let failure = world.failure(wish);
    assert_eq!(failure.reason, Reason::Integrity);
    failure.hint
}

#[test]
fn who_sees_no_picture_for_a_look_that_was_counted_is_told_so() {
    let mut world = strict(2);
    let wish = world.view();
    let hint = told_of_damage(&mut world, wish);
    assert!(hint.contains("the servers counted this look"), "{hint}");
    assert_eq!(world.servers.released, 1);
    // The file is asked for again, and comes within the minute.
    for _ in 0..10 {
        world.pass(2_000);
        world.settle();
    }
    assert_eq!(world.look(), counted(1, 1), "that look, and no other");
}

#[test]
fn who_sees_no_picture_where_the_program_counts_has_used_no_look() {
    let mut world = World::new(1);
    world.share(KEY, 2, AtZero::KeepCover);
    world.settle();
    let wish = world.view();
    let hint = told_of_damage(&mut world, wish);
    assert!(hint.ends_with("no look was counted"), "{hint}");
    assert_eq!(world.terms(BOB).used, 0);
}

#[test]
fn a_grant_that_the_servers_do_not_have_yet_is_told_later() {
    let mut world = World::new(1);
    world.strict = true;
    world.servers.up = false;
    world.share(1, 1, AtZero::KeepCover);
    world.settle();
    assert!(world.leases(BOB).is_empty(), "the letter waits");
    world.servers.up = true;
    world.rest();
    assert_eq!(world.look(), counted(1, 0));
}

#[test]
fn a_look_that_left_the_program_is_not_shown_again_after_a_crash() {
    let mut world = strict(2);
    let wish = world.view();
    world.settle();
    let first = world.view_of(wish);
    world.crash(BOB);
    let again = world.view();
    world.settle();
    let second = world.view_of(again);
    assert_ne!(first, second);
    let shown = world.show(second);
    world.settle();
    assert_eq!(world.outcome(shown), counted(2, 0));
    world.rest();
    assert_eq!(world.terms(ALICE).used, 2);
}

#[test]
fn a_look_that_nobody_confirms_counts_as_seen() {
    let mut world = strict(2);
    world.view();
    world.settle();
    world.pass(60_000);
    world.settle();
    assert_eq!(world.terms(BOB).used, 1);
    assert_eq!(world.look(), counted(2, 0));
}

#[test]
fn a_look_that_was_counted_and_lost_in_a_crash_is_told_and_not_given_again() {
    let mut world = strict(2);
    world.view();
    while world.servers.released == 0 {
        assert!(world.disk(BOB) || world.input(BOB));
    }
    world.crash(BOB);
    let failure = refused(&mut world);
    assert_eq!(
        failure.message,
        "look 1 of beach.jpg was counted, but its picture cannot be opened any more"
    );
    assert_eq!(world.servers.released, 1);
    world.pass(1_000);
    assert_eq!(world.look(), counted(2, 0));
}

#[test]
fn a_look_that_is_let_go_soon_opens_again_and_counts_once() {
    let mut world = strict(2);
    let wish = world.view();
    world.settle();
    let first = world.view_of(wish);
    world.let_go(first);
    world.settle();
    let again = world.view();
    world.settle();
    assert_eq!(world.view_of(again), first);
    let shown = world.show(first);
    world.settle();
    assert_eq!(world.outcome(shown), counted(1, 1));
}

#[test]
fn a_copy_of_the_program_cannot_open_what_was_counted_for_the_other() {
    let mut world = strict(2);
    let wish = world.view();
    while world.servers.released == 0 {
        assert!(world.disk(BOB) || world.input(BOB));
    }
    let rows = world.nodes[BOB].rows.clone();
    world.settle();
    let shown = world.view_of(wish);
    world.nodes[BOB].rows = rows;
    world.crash(BOB);
    let failure = refused(&mut world);
    assert!(failure.message.ends_with("cannot be opened any more"));
    assert!(!world.counted.contains(&shown));
    assert_eq!((world.servers.released, world.handed_out), (1, 1));
}

#[test]
fn a_look_that_was_counted_and_never_shown_is_told_and_stands_in_both_logs() {
    let mut world = strict(2);
    let wish = world.view();
    world.settle();
    let first = world.view_of(wish);
    world.let_go(first);
    for _ in 0..40 {
        world.pass(2_000);
        world.settle();
    }
    let failure = refused(&mut world);
    assert_eq!(
        failure.message,
        "look 1 of beach.jpg was counted, but its picture cannot be opened any more"
    );
    assert_eq!(world.look(), counted(2, 0));
    world.rest();
    assert_eq!(world.log(ALICE), world.log(BOB));
    assert_eq!(world.terms(ALICE).used, 2);
}

#[test]
fn a_revocation_counts_before_its_letter_arrives() {
    let mut world = strict(3);
    world.look();
    world.online = false;
    world.adjust(Change::Revoke);
    for who in [ALICE, BOB] {
        while world.disk(who) || world.input(who) {}
    }
    let wish = world.view();
    for who in [ALICE, BOB, ALICE, BOB] {
        while world.disk(who) || world.input(who) {}
    }
    let failure = world.failure(wish);
    assert_eq!(failure.reason, Reason::Revoked);
    assert_eq!(failure.message, "@alice revoked beach.jpg, say the servers");
}

#[test]
fn looks_that_are_added_after_the_last_one_get_new_shares() {
    let mut world = strict(1);
    assert_eq!(world.look(), counted(1, 0));
    world.rest();
    // Long enough for the servers to destroy their shares.
    for _ in 0..60 {
        world.pass(60_000);
        world.settle();
    }
    world.adjust(Change::Add(1));
    world.rest();
    assert_eq!(world.received_file(), Some(&picture(KEY)));
    assert_eq!(world.look(), counted(2, 0));
}

/// Losses, crashes, homes that are copied back, and servers that come and go: never more pictures
/// leave the borrower's program than were counted, nor more than were granted.
#[test]
fn whatever_fails_no_look_is_let_out_beyond_the_grant() {
    for seed in 0..60 {
        let mut world = World::new(seed);
        world.strict = true;
        world.loss = 10;
        world.share(1, 3, AtZero::KeepCover);
        let mut copy = None;
        for _ in 0..200 {
            let who = world.below(2);
            match world.below(14) {
                0 => drop(world.view()),
                1 => {
                    let seen: Vec<ViewId> = world.seen.iter().copied().collect();
                    if !seen.is_empty() {
                        let view = seen[world.below(seen.len())];
                        world.show(view);
                    }
                }
                2 => world.crash(who),
                3 => world.servers.up = world.below(3) > 0,
                4 => world.pass(3_000),
                5 => world.any_letter(),
                6 => drop(world.picture(true)),
                7 | 8 => drop(world.input(who)),
                12 => {
                    copy = Some((
                        world.nodes[BOB].rows.clone(),
                        world.nodes[BOB].files.clone(),
                    ))
                }
                13 => {
                    if let Some((rows, files)) = copy.clone() {
                        world.nodes[BOB].rows = rows;
                        world.nodes[BOB].files = files;
                        world.crash(BOB);
                    }
                }
                _ => drop(world.disk(who)),
            }
            let account = world.servers.ledger.accounts().next();
            let spent = account.map_or(0, |(_, account)| account.standing().spent);
            assert!(spent <= 3, "seed {seed}");
            assert!(
                world.handed_out <= spent,
                "seed {seed}: seen before counted, or twice for one count"
            );
        }
        world.servers.up = true;
        world.rest();
    }
}
