//! People whom the person refuses.

use super::*;

/// A courier that refuses Bob.
fn rig() -> Rig {
    let mut rig = Rig::new(config());
    let users = BTreeSet::from([bob().user_id()]);
    assert_eq!(rig.give(Input::Blocked(users)), []);
    rig
}

fn ask(name: &str) -> Note {
    Note::ImageAsk(ImageAsk {
        ask: AskId([1; 16]),
        from_name: name.to_owned(),
        image: ImageRef::Index(0),
        views: 1,
        remark: String::new(),
    })
}

#[test]
fn a_letter_of_a_refused_writer_is_confirmed_and_has_no_effect() {
    let mut rig = rig();
    let letter = letter_from(&bob(), 1, &ask("bob"));
    for _ in 0..2 {
        let outputs = rig.give(arrives(&letter));
        assert_eq!(
            confirmed(&outputs),
            [(Party::User(bob().user_id()), letter.id)]
        );
        assert_eq!(outputs.len(), 1, "nobody is met, nothing is handed on");
    }
    assert_eq!(
        acked(&rig.give(mail(std::slice::from_ref(&letter)))),
        [letter.id]
    );
    assert_eq!(rig.count(Table::Seen), 0);
    let other = letter_from(&SecretIdentity::from_secret([3; 32]), 2, &ask("cara"));
    assert_eq!(handed_on(&rig.give(arrives(&other))).len(), 1);
}

#[test]
fn a_letter_that_only_says_it_is_from_a_refused_writer_is_not_confirmed() {
    let mut rig = rig();
    let mut letter = letter_from(&SecretIdentity::from_secret([3; 32]), 1, &ask("bob"));
    letter.from = *bob().public();
    assert_eq!(rig.give(arrives(&letter)), []);
}

#[test]
fn nothing_is_posted_to_a_refused_reader() {
    let mut rig = rig();
    let (ticket, outputs) = rig.post(ask("alice"));
    assert_eq!(refused(&outputs), [(ticket, Reason::Denied)]);
    assert_eq!(rig.count(Table::Outbox), 0);
    rig.give(Input::Blocked(BTreeSet::new()));
    let (_, outputs) = rig.post(ask("alice"));
    assert_eq!(refused(&outputs), []);
    assert_eq!(rig.count(Table::Outbox), 1);
}

#[test]
fn the_books_of_grants_are_kept_in_both_directions() {
    let mut rig = rig();
    let change = letter_from(&bob(), 1, &lasting(1));
    assert_eq!(handed_on(&rig.give(arrives(&change))).len(), 1);
    let (_, sent) = rig.post_to(lasting(1), true);
    assert_eq!(transfers(&sent).len(), 1);
}
