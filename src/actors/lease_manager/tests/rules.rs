use super::super::*;
use super::world::*;
use crate::actors::edges::{Desk, Folder, PictureFile};
use crate::proto::control::Reason;

use crate::actors::edges::Contact;
use crate::proto::lease::Change;
use crate::proto::lease::{AtZero, HELD_MAX, LogEvent};
use crate::proto::letter::Grant;
use crate::time::WallTime;

pub(super) fn shared(views: u32) -> World {
    let mut world = World::new(1);
    world.share(1, views, AtZero::KeepCover);
    world.settle();
    world
}

pub(super) fn counted(ordinal: u32, left: u32) -> Outcome {
    Outcome::Counted { ordinal, left }
}

pub(super) fn events(world: &World, who: usize) -> Vec<&'static str> {
    let name = |event| match event {
        LogEvent::Granted { .. } => "granted",
        LogEvent::Received => "received",
        LogEvent::Viewed { .. } => "viewed",
        LogEvent::Adjusted { .. } => "adjusted",
        LogEvent::Spent => "spent",
        LogEvent::Expired => "expired",
        LogEvent::Taken { .. } => "taken",
        LogEvent::Returned { .. } => "returned",
        LogEvent::Copied => "copied",
    };
    let mut names: Vec<_> = world
        .log(who)
        .iter()
        .map(|entry| name(entry.event))
        .collect();
    names.sort_unstable();
    names
}

/// Rows on the borrower's disk that hold this key.
pub(super) fn keys_on_disk(world: &World, key: u8) -> usize {
    let rows = world.nodes[BOB].rows.values();
    rows.map(|row| row.windows(32).filter(|part| *part == [key; 32]).count())
        .sum()
}

/// Gives Bob a grant of so many looks whose picture is not there yet.
fn without_picture(world: &mut World, looks: u32) {
    let input = Input::NoteArrived {
        letter: LetterId([1; 16]),
        from: identity(ALICE),
        direct: false,
        posted_at: WallTime(0),
        note: Note::Grant(grant(1, looks, AtZero::KeepCover)),
    };
    world.give(BOB, input);
    while world.disk(BOB) || world.input(BOB) {}
}

#[test]
fn a_grant_is_delivered_looked_at_and_used_up() {
    let mut world = shared(2);
    assert_eq!(world.opened, [Ok(true)]);
    assert_eq!(world.received_file(), Some(&picture(1)));
    assert_eq!(world.look(), counted(1, 1));
    assert_eq!(world.look(), counted(2, 0));
    world.rest();
    assert_eq!(world.received_file().map(|file| &file[..]), Some(EMPTIED));
    let refused = world.view();
    let failure = world.failure(refused);
    assert_eq!(failure.reason, Reason::QuotaSpent);
    assert_eq!(
        failure.message,
        "no views left on beach.jpg from @alice (2 of 2 used, last 1970-01-01 00:16:40)"
    );
    assert_eq!(
        failure.hint,
        "pentimento request @alice/beach.jpg --views 1"
    );
    for who in [ALICE, BOB] {
        let expected = ["granted", "received", "spent", "viewed", "viewed"];
        assert_eq!(events(&world, who), expected);
        assert_eq!(world.stored_log(who), expected.len());
        assert_eq!((world.terms(who).granted, world.terms(who).used), (2, 2));
    }
    assert_eq!(world.log(ALICE), world.log(BOB));
}

#[test]
fn the_key_is_gone_from_memory_and_disk_at_zero() {
    let mut world = World::new(1);
    world.share(50, 1, AtZero::KeepCover);
    world.settle();
    assert_eq!(keys_on_disk(&world, 50), 1);
    world.look();
    world.rest();
    assert_eq!(keys_on_disk(&world, 50), 0);
    assert!(world.nodes[BOB].machine.received[&grant_id()].key.is_none());
}

#[test]
fn the_file_is_deleted_at_zero_if_the_owner_wants_so() {
    let mut world = World::new(1);
    world.share(1, 1, AtZero::DeleteFile);
    world.settle();
    world.look();
    world.rest();
    assert_eq!(world.received_file(), None);
    assert!(events(&world, ALICE).contains(&"spent"));
}

#[test]
fn a_second_view_waits_for_the_first_and_an_unshown_one_is_let_go() {
    let mut world = shared(1);
    let first = world.view();
    world.settle();
    let view = world.view_of(first);
    let second = world.view();
    assert_eq!(world.failure(second).reason, Reason::Busy);
    world.pass(30_000);
    world.settle();
    let late = world.show(view);
    assert_eq!(world.failure(late).reason, Reason::NotFound);
    assert_eq!(world.look(), counted(1, 0));
}

#[test]
fn a_repeated_shown_is_counted_once() {
    let mut world = shared(3);
    let wish = world.view();
    world.settle();
    let view = world.view_of(wish);
    for _ in 0..3 {
        let shown = world.show(view);
        world.settle();
        assert_eq!(world.outcome(shown), counted(1, 2));
    }
    world.look();
    let shown = world.show(view);
    world.settle();
    assert_eq!(
        world.outcome(shown),
        counted(1, 1),
        "the log still knows it"
    );
    assert_eq!(world.terms(BOB).used, 2);
}

#[test]
pub(super) fn the_claim_is_on_disk_before_the_picture_opens() {
    let mut world = shared(1);
    world.view();
    assert!(world.disk(BOB), "the claim is written");
    world.crash(BOB);
    let claim = world.nodes[BOB].machine.received[&grant_id()].claim;
    assert!(claim.is_some(), "a picture opens without a claim on disk");
    let again = world.look();
    assert_eq!(
        again,
        counted(1, 0),
        "a claim that was not shown costs nothing"
    );
}

#[test]
fn a_look_shown_before_a_crash_counts_after_it() {
    let mut world = shared(1);
    let wish = world.view();
    world.settle();
    let view = world.view_of(wish);
    world.crash(BOB);
    let shown = world.show(view);
    world.settle();
    assert_eq!(world.outcome(shown), counted(1, 0));
}

#[test]
fn a_picture_that_does_not_open_costs_no_look_and_is_fetched_again() {
    let mut world = shared(1);
    let file = PictureFile::of_grant(Folder::Received, grant_id());
    world.nodes[BOB].files.insert(file.clone(), picture(9));
    let wish = world.view();
    world.settle();
    assert_eq!(world.failure(wish).reason, Reason::Integrity);
    world.rest();
    assert_eq!(world.look(), counted(1, 0));
    world.adjust(Change::Add(1));
    world.rest();
    world.nodes[BOB].files.remove(&file);
    let wish = world.view();
    world.settle();
    assert_eq!(world.failure(wish).reason, Reason::Unreachable);
    world.rest();
    assert_eq!(world.look(), counted(2, 0));
}

#[test]
fn looks_added_after_zero_bring_key_and_picture_again() {
    let mut world = shared(1);
    world.look();
    world.rest();
    let wish = world.adjust(Change::Add(2));
    world.rest();
    let posted = Posted::Direct;
    let (grant, left) = (grant_id(), 2);
    assert_eq!(
        world.outcome(wish),
        Outcome::Adjusted {
            grant,
            left,
            posted
        }
    );
    assert_eq!(world.received_file(), Some(&picture(1)));
    assert_eq!(world.look(), counted(2, 1));
    world.rest();
    assert_eq!(world.log(ALICE), world.log(BOB));
}

#[test]
fn revoking_ends_it_and_sharing_anew_begins_afresh() {
    let mut world = shared(5);
    world.share(2, 5, AtZero::KeepCover);
    world.settle();
    let refused = world.opened.pop().expect("answered").expect_err("refused");
    assert_eq!(refused.reason, Reason::Usage);
    world.look();
    world.adjust(Change::Revoke);
    world.rest();
    let wish = world.view();
    assert_eq!(world.failure(wish).reason, Reason::Revoked);
    let wish = world.adjust(Change::Add(1));
    assert_eq!(world.failure(wish).reason, Reason::Revoked);
    assert_eq!(world.received_file().map(|file| &file[..]), Some(EMPTIED));
    world.share(3, 2, AtZero::KeepCover);
    world.rest();
    assert_eq!(world.opened.pop(), Some(Ok(true)));
    assert_eq!(world.look(), counted(1, 1));
    // Every letter of the old grant again.
    for place in 0..40 {
        world.letter(place);
    }
    world.rest();
    for who in [ALICE, BOB] {
        assert_eq!((world.terms(who).used, world.terms(who).left()), (1, 1));
    }
    assert_eq!(world.log(ALICE), world.log(BOB));
}

#[test]
fn a_look_that_is_open_counts_though_its_right_was_taken() {
    let mut world = shared(2);
    let wish = world.view();
    world.settle();
    let view = world.view_of(wish);
    world.adjust(Change::Sub(2));
    world.adjust(Change::Add(1));
    world.adjust(Change::Sub(1));
    world.settle();
    let shown = world.show(view);
    world.settle();
    assert_eq!(world.outcome(shown), counted(1, 0));
    world.adjust(Change::Add(1));
    world.rest();
    for who in [ALICE, BOB] {
        assert_eq!((world.terms(who).granted, world.terms(who).used), (2, 1));
    }
}

#[test]
fn an_offline_borrower_gets_changes_and_picture_on_return() {
    let mut world = World::new(1);
    world.online = false;
    world.share(1, 1, AtZero::KeepCover);
    while world.disk(ALICE) || world.input(ALICE) {}
    world.pass(10_000);
    assert_eq!(world.opened, [Ok(false)]);
    let wish = world.adjust(Change::Add(1));
    while world.disk(ALICE) || world.input(ALICE) {}
    let posted = Posted::Mailbox;
    let (grant, left) = (grant_id(), 2);
    assert_eq!(
        world.outcome(wish),
        Outcome::Adjusted {
            grant,
            left,
            posted
        }
    );
    world.rest();
    assert_eq!(world.look(), counted(1, 1));
}

#[test]
fn an_undelivered_picture_is_tried_so_often_for_each_return() {
    let mut world = World::new(1);
    world.share(1, 1, AtZero::KeepCover);
    let mut sent = 0;
    for round in 0..40 {
        while world.disk(ALICE) || world.input(ALICE) {}
        world.lose_letters();
        sent += u32::from(world.picture(false));
        world.online = round != 20;
        world.pass(2_000);
    }
    assert_eq!(sent, 2 * config(ALICE).attempts);
}

#[test]
fn more_looks_go_to_an_open_grant_once_per_order_only() {
    let mut world = shared(1);
    let more = |number, grant| Input::MoreLooks {
        ticket: Ticket {
            desk: Desk::Sharing,
            number,
        },
        grant,
        views: 2,
    };
    world.give(ALICE, more(7, grant_id()));
    world.give(ALICE, more(7, grant_id()));
    world.rest();
    world.give(ALICE, more(7, grant_id()));
    assert_eq!(world.added, [Some(Posted::Direct); 2]);
    assert_eq!(world.terms(BOB).granted, 3);
    world.give(ALICE, more(8, GrantId([9; 16])));
    world.adjust(Change::Revoke);
    world.rest();
    world.give(ALICE, more(9, grant_id()));
    assert_eq!(world.added[2..], [None, None]);
}

#[test]
fn at_most_the_limit_of_changes_waits_for_a_borrower() {
    let mut world = World::new(1);
    world.share(1, 1, AtZero::KeepCover);
    while world.disk(ALICE) || world.input(ALICE) {}
    for _ in 0..HELD_MAX {
        world.adjust(Change::Add(1));
    }
    let wish = world.adjust(Change::Add(1));
    assert_eq!(world.failure(wish).reason, Reason::Busy);
    world.rest();
    assert_eq!(
        world.terms(BOB).granted,
        1 + u32::try_from(HELD_MAX).expect("small")
    );
    assert_eq!(world.terms(BOB), world.terms(ALICE));
}

#[test]
fn a_letter_that_the_courier_lost_is_posted_again() {
    let mut world = World::new(1);
    world.share(1, 1, AtZero::KeepCover);
    while world.disk(ALICE) || world.input(ALICE) {}
    let wish = world.adjust(Change::Add(1));
    world.is_courier_full = true;
    while world.disk(ALICE) || world.input(ALICE) {}
    world.is_courier_full = false;
    let posted = Posted::Queued;
    let (grant, left) = (grant_id(), 2);
    assert_eq!(
        world.outcome(wish),
        Outcome::Adjusted {
            grant,
            left,
            posted
        }
    );
    world.rest();
    assert_eq!(world.terms(BOB).granted, 2);
}

#[test]
fn nobody_but_owner_and_borrower_is_heard() {
    let mut world = shared(2);
    let eve = identity(7);
    let id = grant_id();
    let (terms, log) = (world.terms(BOB), world.log(ALICE));
    let forged = grant(9, 50, AtZero::KeepCover);
    let adjust = crate::proto::lease::Adjust {
        grant: id,
        owner_sequence: 1,
        change: Change::Revoke,
        at: WallTime(u64::MAX),
    };
    let notes = [
        (BOB, Note::Grant(forged)),
        (
            BOB,
            Note::Adjust {
                adjust,
                key: [1; 32],
            },
        ),
        (
            ALICE,
            Note::PictureAsk {
                grant: id,
                form: Form::Delta,
            },
        ),
        (
            ALICE,
            Note::Report {
                grant: id,
                entries: world.log(BOB),
            },
        ),
    ];
    for (to, note) in notes {
        let letter = LetterId([7; 16]);
        let mut out = Outbox::new();
        let input = Input::NoteArrived {
            letter,
            from: eve,
            direct: true,
            posted_at: WallTime(0),
            note,
        };
        world.nodes[to].machine.handle(world.now, input, &mut out);
        assert_eq!(out.take(), [Output::Kept(letter)]);
    }
    assert_eq!((world.terms(BOB), world.log(ALICE)), (terms, log));
}

#[test]
fn a_picture_counts_only_for_a_known_grant_from_its_owner_and_with_its_digest() {
    let mut world = World::new(1);
    let arrive = |world: &mut World, from, picture| {
        let (from, grant) = (user(from), grant_id());
        let input = Input::PictureArrived {
            from,
            grant,
            form: Form::Png,
            body: picture,
        };
        world.give(BOB, input);
        world.disk(BOB)
    };
    assert!(!arrive(&mut world, ALICE, picture(1)), "unknown grant");
    without_picture(&mut world, 1);
    assert!(!arrive(&mut world, ALICE, picture(2)), "another picture");
    assert!(!arrive(&mut world, 7, picture(1)), "another carrier");
    assert!(arrive(&mut world, ALICE, picture(1)));
    assert_eq!(world.received_file(), Some(&picture(1)));
}

#[test]
fn who_wants_to_look_waits_a_little_for_a_picture_that_is_on_its_way() {
    let mut world = World::new(1);
    without_picture(&mut world, 2);
    let wait_ms = config(BOB).picture_wait_ms;
    let early = world.view();
    world.pass(wait_ms - 1_000);
    assert!(world.news(early).is_none());
    let (first, second) = (world.view(), world.view());
    world.pass(1_000);
    assert_eq!(world.failure(early).reason, Reason::Unreachable);
    let input = Input::PictureArrived {
        from: user(ALICE),
        grant: grant_id(),
        form: Form::Png,
        body: picture(1),
    };
    world.give(BOB, input);
    world.settle();
    assert!(world.view_if(first).is_some());
    assert_eq!(world.failure(second).reason, Reason::Busy);
}

#[test]
fn so_many_wait_for_a_picture_and_no_more() {
    let mut world = World::new(1);
    without_picture(&mut world, 2);
    let wishes: Vec<WishId> = (0..17).map(|_| world.view()).collect();
    let told = wishes.iter().filter(|wish| world.news(**wish).is_some());
    assert_eq!(told.collect::<Vec<_>>(), [&wishes[16]]);
    assert_eq!(world.failure(wishes[16]).reason, Reason::Unreachable);
}

#[test]
fn a_full_table_takes_no_more_and_finished_grants_give_way() {
    let mut world = World::new(1);
    let open = |world: &mut World, number: u8, views| {
        let name = format!("{number}.jpg");
        let grant = Grant {
            grant: GrantId::of(user(ALICE), user(BOB), &name),
            name,
            views,
            ..grant(number, views, AtZero::KeepCover)
        };
        let to = Contact {
            name: "bob".to_owned(),
            identity: identity(BOB),
        };
        let ticket = Ticket {
            desk: Desk::Sharing,
            number: u64::from(number),
        };
        let picture = picture(number);
        world.give(
            ALICE,
            Input::OpenGrant {
                ticket,
                to,
                grant,
                picture,
            },
        );
        while world.disk(ALICE) || world.input(ALICE) {}
    };
    open(&mut world, 0, 0);
    for number in 1..9 {
        open(&mut world, number, 1);
    }
    assert_eq!(world.opened, [], "the finished one gave way");
    open(&mut world, 9, 1);
    let refused = world.opened.pop().expect("answered").expect_err("refused");
    assert_eq!(refused.reason, Reason::Busy);
    assert_eq!(world.nodes[ALICE].machine.given.len(), 8);
}

#[test]
fn the_log_keeps_the_newest_entries_in_memory_and_on_disk() {
    let mut world = shared(9);
    world.nodes[BOB].machine.log = Log::load(Vec::new(), 3);
    for _ in 0..4 {
        world.look();
    }
    assert_eq!(events(&world, BOB), ["viewed"; 3]);
    let wish = world.wish();
    let lease = Some("alice/beach.jpg".to_owned());
    world.give(BOB, Input::LedgerWanted { wish, lease });
    let Outcome::Ledger(entries) = world.outcome(wish) else {
        panic!("no ledger");
    };
    assert_eq!(entries.len(), 3);
    assert!(entries.is_sorted_by_key(|(_, entry)| entry.at));
}

#[test]
fn a_disk_that_fails_is_told_and_leaves_nothing_behind() {
    let mut world = World::new(1);
    world.share(1, 1, AtZero::KeepCover);
    world.disk(ALICE);
    world.input(ALICE);
    world.fail_disk(ALICE);
    let failure = world.opened.pop().expect("answered").expect_err("failed");
    assert_eq!(failure.reason, Reason::Disk);
    assert!(world.nodes[ALICE].machine.given.is_empty() && world.log(ALICE).is_empty());
    world.share(2, 2, AtZero::KeepCover);
    world.rest();
    let wish = world.adjust(Change::Add(5));
    world.fail_disk(ALICE);
    assert_eq!(world.failure(wish).reason, Reason::Disk);
    world.rest();
    assert_eq!(
        (world.terms(ALICE).granted, world.terms(BOB).granted),
        (2, 2)
    );
    let wish = world.view();
    world.fail_disk(BOB);
    assert_eq!(world.failure(wish).reason, Reason::Disk);
    assert_eq!(world.look(), counted(1, 1));
    let wish = world.view();
    world.settle();
    let view = world.view_of(wish);
    let shown = world.show(view);
    world.fail_disk(BOB);
    assert_eq!(world.failure(shown).reason, Reason::Disk);
    let shown = world.show(view);
    world.settle();
    assert_eq!(world.outcome(shown), counted(2, 0));
    world.rest();
    assert_eq!(world.stored_log(BOB), world.log(BOB).len());
    assert_eq!(world.log(ALICE), world.log(BOB));
}

#[test]
fn rows_that_are_none_are_passed_over() {
    let junk = vec![
        (vec![], Bytes::new()),
        (vec![b'o'; 17], Bytes::from_static(b"x")),
        (vec![b'b'; 17], Bytes::from_static(b"")),
    ];
    let machine = LeaseManager::new(config(BOB), [0; 32], junk.clone(), junk);
    assert!(machine.leases(Moment::START).is_empty());
    assert_eq!(machine.deadline(), None);
}
