//! Letters for us: opened, handed on, confirmed.

use super::*;

#[test]
fn a_letter_is_handed_on_once_and_confirmed_when_its_effect_is_durable() {
    let mut rig = Rig::new(config());
    let letter = letter_from(&bob(), 3, &lasting(1));
    let outputs = rig.give(arrives(&letter));
    assert_eq!(handed_on(&outputs), [(letter.id, true)]);
    assert_eq!(confirmed(&outputs), []);
    assert_eq!(rig.give(arrives(&letter)), [], "it is being handled");
    rig.disk_works = false;
    assert_eq!(rig.give(Input::Kept(letter.id)), []);
    rig.disk_works = true;
    // The order to the disk was lost: it is repeated, and the confirmation follows.
    let outputs = rig.pass(config().disk_ms);
    assert_eq!(
        confirmed(&outputs),
        [(Party::User(bob().user_id()), letter.id)]
    );
    assert_eq!(rig.count(Table::Seen), 1);
    let outputs = rig.give(arrives(&letter));
    assert_eq!(handed_on(&outputs), []);
    assert_eq!(confirmed(&outputs).len(), 1, "a repeat is confirmed again");
}

#[test]
fn a_letter_that_another_than_its_writer_carries_leaves_no_trace() {
    let mut rig = Rig::new(config());
    let letter = letter_from(&bob(), 3, &lasting(1));
    let carried = Input::LetterArrived {
        from: mallory().user_id(),
        body: codec::encode(&letter).into(),
    };
    assert_eq!(rig.give(carried.clone()), []);
    // Nor is one confirmed to the carrier that its writer has sent already.
    rig.give(arrives(&letter));
    rig.give(Input::Kept(letter.id));
    assert_eq!(rig.give(carried), []);
}

#[test]
fn a_letter_that_took_effect_is_known_after_a_restart() {
    let mut rig = Rig::new(config());
    let letter = letter_from(&bob(), 3, &lasting(1));
    rig.give(arrives(&letter));
    rig.give(Input::Kept(letter.id));
    let mut rig = Rig::with_rows(config(), rig.rows);
    let outputs = rig.give(mail(std::slice::from_ref(&letter)));
    assert_eq!(outputs, [Output::AckMail(vec![letter.id])]);
}

#[test]
fn a_confirmation_is_said_three_times_and_no_more() {
    let mut rig = Rig::new(config());
    let letter = letter_from(&bob(), 3, &lasting(1));
    rig.give(arrives(&letter));
    let mut outputs = rig.give(Input::Kept(letter.id));
    outputs.extend(rig.pass(60_000));
    assert_eq!(
        confirmed(&outputs),
        [(Party::User(bob().user_id()), letter.id); 3]
    );
    assert_eq!(rig.courier.deadline(), None);
}

#[test]
fn an_effect_that_is_not_confirmed_is_asked_for_again_and_then_dropped() {
    let mut rig = Rig::new(config());
    let letter = letter_from(&bob(), 3, &lasting(1));
    rig.give(arrives(&letter));
    let outputs = rig.pass(config().hand_on_again_ms);
    assert_eq!(handed_on(&outputs), [(letter.id, true)]);
    rig.pass(60_000);
    assert_eq!(rig.courier.deadline(), None);
    assert_eq!(rig.give(Input::Kept(letter.id)), []);
    assert_eq!(handed_on(&rig.give(arrives(&letter))).len(), 1);
}

#[test]
fn a_letter_that_came_both_ways_is_confirmed_both_ways() {
    let mut rig = Rig::new(config());
    let letter = letter_from(&bob(), 3, &lasting(1));
    let outputs = rig.give(mail(std::slice::from_ref(&letter)));
    assert_eq!(handed_on(&outputs), [(letter.id, false)]);
    assert_eq!(rig.give(arrives(&letter)), []);
    let outputs = rig.give(Input::Kept(letter.id));
    assert_eq!(confirmed(&outputs).len(), 1);
    assert_eq!(acked(&outputs), [letter.id]);
}

#[test]
fn a_note_that_does_not_last_is_confirmed_at_once_and_leaves_no_row() {
    let mut rig = Rig::new(config());
    let letter = letter_from(&bob(), 3, &passing());
    let outputs = rig.give(arrives(&letter));
    assert_eq!(
        (handed_on(&outputs).len(), confirmed(&outputs).len()),
        (1, 1)
    );
    assert_eq!(rig.give(Input::Kept(letter.id)), []);
    let outputs = rig.give(arrives(&letter));
    assert_eq!(
        (handed_on(&outputs).len(), confirmed(&outputs).len()),
        (0, 1)
    );
    assert!(rig.rows.is_empty());
    rig.pass(60_000);
    assert_eq!(rig.courier.deadline(), None);
}

#[test]
fn a_writer_who_tells_a_name_is_met_once() {
    let mut rig = Rig::new(config());
    let ask = |name: String| {
        Note::ImageAsk(ImageAsk {
            ask: AskId([1; 16]),
            from_name: name,
            image: ImageRef::Index(0),
            views: 1,
            remark: String::new(),
        })
    };
    let letter = letter_from(&bob(), 3, &ask("bob".to_owned()));
    let met = Output::Met(Contact {
        name: "bob".to_owned(),
        identity: *bob().public(),
    });
    assert_eq!(rig.give(arrives(&letter))[0], met);
    assert!(!rig.give(arrives(&letter)).contains(&met));
    for name in [String::new(), "x".repeat(65)] {
        let letter = letter_from(&bob(), 4, &ask(name));
        let outputs = rig.give(arrives(&letter));
        assert!(!outputs.iter().any(|one| matches!(one, Output::Met(_))));
    }
}

#[test]
fn mail_that_does_not_open_is_acked_away_unless_it_is_for_others() {
    let mut rig = Rig::new(config());
    let good = letter_from(&bob(), 3, &lasting(1));
    let mut forged = letter_from(&bob(), 4, &lasting(2));
    forged.posted_at = WallTime(77);
    let mut stray = letter_from(&bob(), 5, &lasting(3));
    stray.to = bob().user_id();
    let outputs = rig.give(mail(&[forged.clone(), stray, good.clone()]));
    assert_eq!(handed_on(&outputs), [(good.id, false)]);
    assert_eq!(acked(&outputs), [forged.id]);
    assert_eq!(
        rig.give(arrives(&forged)),
        [],
        "directly, it is just dropped"
    );
    assert_eq!(
        rig.give(Input::MailArrived {
            letters: Bytes::from_static(b"?")
        }),
        []
    );
}

#[test]
fn mail_is_handed_on_in_order_of_posting_and_acked_in_errands() {
    let mut rig = Rig::new(config());
    let letters: Vec<Letter> = (1..=20)
        .map(|id| letter_from(&bob(), id, &passing()))
        .rev()
        .collect();
    let outputs = rig.give(mail(&letters));
    let ids: Vec<LetterId> = handed_on(&outputs).iter().map(|(id, _)| *id).collect();
    let sorted: Vec<LetterId> = letters.iter().rev().map(|letter| letter.id).collect();
    assert_eq!(ids, sorted);
    assert_eq!(acked(&outputs), sorted);
    let fits = |output: &Output| match output {
        Output::AckMail(letters) => letters.len() <= ERRAND_ACKS,
        _ => true,
    };
    assert!(outputs.iter().all(fits));
}

#[test]
fn nobody_can_use_up_the_id_of_another_writers_letter() {
    let mut rig = Rig::new(config());
    let theirs = letter_from(&mallory(), 3, &lasting(9));
    rig.give(arrives(&theirs));
    let genuine = letter_from(&bob(), 3, &lasting(1));
    assert_eq!(rig.give(arrives(&genuine)), [], "it comes again");
    rig.give(Input::Kept(theirs.id));
    assert_eq!(handed_on(&rig.give(arrives(&genuine))).len(), 1);
}

#[test]
fn nobody_can_draw_the_confirmation_of_another_writers_letter_to_themselves() {
    let mut rig = Rig::new(config());
    let genuine = letter_from(&bob(), 3, &lasting(1));
    rig.give(arrives(&genuine));
    let mut forged = genuine.clone();
    forged.posted_at = WallTime(99);
    for letter in [letter_from(&mallory(), 3, &lasting(1)), forged] {
        let body = Bytes::from(codec::encode(&letter));
        let from = mallory().user_id();
        assert_eq!(rig.give(Input::LetterArrived { from, body }), []);
    }
    let outputs = rig.give(Input::Kept(genuine.id));
    assert_eq!(
        confirmed(&outputs),
        [(Party::User(bob().user_id()), genuine.id)]
    );
}
