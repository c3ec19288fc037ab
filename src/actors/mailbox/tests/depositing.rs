//! Deposits: when they are acknowledged, and when refused.

use super::*;

#[test]
fn a_deposit_is_acknowledged_only_when_it_is_durable() {
    let mut rig = Rig::alone();
    rig.disk_answers = false;
    assert_eq!(rig.deposit(&letter(1)), vec![]);
    assert_eq!(rig.check(id(1)), vec![]);
    // A repeated one waits with the first.
    assert_eq!(rig.deposit(&letter(1)), vec![]);
    rig.disk_answers = true;
    // The disk's answer was lost: the order is given again.
    rig.pass(3_100);
    assert_eq!(rig.said(), kept(id(1)));
    assert_eq!(rig.check(id(1)), kept(id(1)));
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
}

#[test]
fn a_disk_that_fails_is_told_to_the_writer() {
    let mut rig = Rig::alone();
    rig.disk_works = false;
    assert_eq!(
        rig.deposit(&letter(1)),
        refused(id(1), DepositRefusal::Disk)
    );
    rig.disk_works = true;
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
}

#[test]
fn a_silent_disk_is_asked_until_it_answers() {
    let mut rig = Rig::alone();
    rig.disk_answers = false;
    assert_eq!(rig.deposit(&letter(1)), vec![]);
    rig.pass(60_000);
    assert_eq!(rig.said(), vec![]);
    rig.disk_answers = true;
    rig.pass(3_000);
    assert_eq!(rig.said(), kept(id(1)));
}

#[test]
fn a_write_without_an_answer_may_be_on_disk_whatever_the_repetition_says() {
    let mut rig = Rig::alone();
    rig.deposit(&letter(1));
    rig.disk_answers = false;
    rig.ack(bob().user_id(), vec![id(1)]);
    (rig.disk_answers, rig.disk_works) = (true, false);
    rig.pass(10_000);
    rig.disk_works = true;
    rig.pass(3_000);
    // Memory has followed the disk, where the letter is gone.
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    let digest = rig.mailbox.digest;
    assert_eq!(digest, rig.restarted().mailbox.digest);
}

#[test]
fn a_late_answer_of_the_disk_to_an_earlier_order_counts() {
    let mut rig = Rig::alone();
    let mut out = Outbox::new();
    let input = Input::DepositArrived {
        client: alice().user_id(),
        letter: id(1),
        body: codec::encode(&letter(1)).into(),
    };
    rig.mailbox.handle(at(0), input, &mut out);
    let orders = out.take();
    let [Output::Disk { ticket, .. }] = orders[..] else {
        panic!("unexpected {orders:?}");
    };
    rig.mailbox.on_deadline(at(5_000), &mut out);
    assert!(!out.take().is_empty(), "the order is repeated");
    let answer = DiskAnswer::Written;
    let late = Input::Disk { ticket, answer };
    rig.mailbox.handle(at(5_001), late.clone(), &mut out);
    assert!(out.take().contains(&kept(id(1))[0]));
    rig.mailbox.handle(at(5_002), late, &mut out);
    assert!(out.is_empty(), "and only once");
}

#[test]
fn a_letter_that_is_not_what_it_says_is_refused() {
    let mut rig = Rig::alone();
    let invalid = |letter| refused(letter, DepositRefusal::Invalid);
    let mut forged = letter(1);
    forged.posted_at.0 += 1;
    assert_eq!(rig.deposit(&forged), invalid(id(1)));
    let other = rig.deposit_as(id(2), codec::encode(&letter(1)));
    assert_eq!(other, invalid(id(2)));
    assert_eq!(rig.deposit_as(id(1), vec![7; 40]), invalid(id(1)));
    let long = vec![0; ENCODED_MAX_BYTES + 1];
    assert_eq!(rig.deposit_as(id(1), long), invalid(id(1)));
    let note = Note::PictureAsk {
        grant: GrantId([5; 16]),
        form: Form::Delta,
    };
    for posted_at in [
        WallTime(TODAY.0 + AHEAD_MAX_MS + 1),
        WallTime(TODAY.0 - rig.mailbox.config.keep_ms - 1),
    ] {
        let letter = letter_of(id(3), posted_at, &note);
        assert_eq!(rig.deposit(&letter), invalid(id(3)));
    }
    assert!(rig.rows.is_empty());
}

#[test]
fn an_id_that_another_letter_has_is_refused() {
    let mut rig = Rig::alone();
    rig.deposit(&letter(1));
    let other = big_letter(1, 10);
    assert_eq!(rig.deposit(&other), refused(id(1), DepositRefusal::Invalid));
}

#[test]
fn a_reader_s_box_is_full_by_bytes_and_the_next_reader_s_is_not() {
    let mut rig = Rig::alone();
    for number in 0..16 {
        let letter = big_letter(number, 65_000);
        assert_eq!(rig.deposit(&letter), kept(letter.id));
    }
    let last = big_letter(16, 65_000);
    assert_eq!(rig.deposit(&last), refused(id(16), DepositRefusal::Full));
    let note = Note::PictureAsk {
        grant: GrantId([5; 16]),
        form: Form::Delta,
    };
    let own = seal(&alice(), alice().public(), id(17), TODAY, &note, [4; 32]).unwrap();
    assert_eq!(rig.deposit(&own), kept(id(17)));
}

#[test]
fn a_letter_is_kept_for_its_writer_only() {
    let mut rig = Rig::alone();
    let note = Note::PictureAsk {
        grant: GrantId([5; 16]),
        form: Form::Delta,
    };
    let of_bob = seal(&bob(), alice().public(), id(1), TODAY, &note, [4; 32]).unwrap();
    let answer = refused(id(1), DepositRefusal::Invalid);
    assert_eq!(rig.deposit(&of_bob), answer, "alice brings it");
}

#[test]
fn a_reader_s_box_is_full_by_count() {
    let mut rig = Rig::alone();
    for number in 0..MAILBOX_LETTERS {
        let letter = numbered(number);
        assert_eq!(rig.deposit(&letter), kept(letter.id));
    }
    let last = numbered(MAILBOX_LETTERS);
    assert_eq!(rig.deposit(&last), refused(last.id, DepositRefusal::Full));
}

#[test]
fn all_boxes_together_are_bounded_and_deposits_on_their_way_count() {
    let config = Config {
        letters_max: 2,
        ..Config::lan(ME, vec![], calendar())
    };
    let mut rig = Rig::new(config);
    rig.disk_answers = false;
    assert_eq!(rig.deposit(&letter(1)), vec![]);
    assert_eq!(rig.deposit(&letter(2)), vec![]);
    let third = rig.deposit(&letter(3));
    assert_eq!(third, refused(id(3), DepositRefusal::Full));
}

#[test]
fn deposits_that_wait_for_the_disk_are_bounded() {
    let mut rig = Rig::alone();
    rig.disk_answers = false;
    for number in 0..deposits::DEPOSITS_WAITING_MAX {
        assert_eq!(rig.deposit(&numbered(number)), vec![]);
    }
    let last = numbered(deposits::DEPOSITS_WAITING_MAX);
    assert_eq!(rig.deposit(&last), refused(last.id, DepositRefusal::Disk));
}
