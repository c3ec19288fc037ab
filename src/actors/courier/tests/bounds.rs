//! Whatever comes: bounded memory, no panic, and letters get through any loss.

use super::*;

#[test]
fn arrivals_and_memory_are_bounded() {
    let small = Config {
        arrivals_max: 2,
        seen_max: 2,
        ..config()
    };
    let mut rig = Rig::new(small.clone());
    let letters: Vec<Letter> = (1..=3)
        .map(|id| letter_from(&bob(), id, &lasting(u32::from(id))))
        .collect();
    let outputs = rig.give(mail(&letters));
    assert_eq!(handed_on(&outputs).len(), 2);
    rig.give(Input::Kept(letters[0].id));
    rig.give(Input::Kept(letters[1].id));
    rig.give(arrives(&letters[2]));
    rig.give(Input::Kept(letters[2].id));
    assert_eq!(rig.count(Table::Seen), 2);
    assert_eq!(
        handed_on(&rig.give(arrives(&letters[0]))).len(),
        1,
        "forgotten"
    );
    assert_eq!(handed_on(&rig.give(arrives(&letters[2]))), [], "remembered");
    // A smaller bound after a restart lets the oldest rows go.
    let smaller = Config {
        seen_max: 1,
        ..small
    };
    let mut rig = Rig::with_rows(smaller, rig.rows);
    rig.pass(0);
    assert_eq!(rig.count(Table::Seen), 1);
    assert_eq!(acked(&rig.give(mail(&letters[2..]))), [letters[2].id]);
}

proptest::proptest! {
    #[test]
    fn no_bytes_from_the_wire_or_the_disk_panic(
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
    ) {
        let row = vec![(body.clone(), Bytes::from(body.clone()))];
        let mut courier = Courier::new(config(), [0; 32], row.clone(), row);
        let mut out = Outbox::new();
        courier.on_deadline(Moment::START, &mut out);
        let body = Bytes::from(body);
        let from = bob().user_id();
        courier.handle(Moment::START, Input::LetterArrived { from, body: body.clone() }, &mut out);
        courier.handle(Moment::START, Input::MailArrived { letters: body }, &mut out);
    }

    /// Whatever is lost on the way, a letter is posted exactly once, and to the application it
    /// comes at least once.
    #[test]
    fn a_letter_gets_through_any_loss(
        losses in proptest::collection::vec(proptest::prelude::any::<bool>(), 1..200),
    ) {
        let mut writer = Rig::new(config());
        let bobs = Config { identity: bob(), ..config() };
        let mut reader = Rig::new(bobs);
        let mut losses = losses.into_iter().chain(core::iter::repeat(false));
        let (ticket, mut outputs) = writer.post(lasting(1));
        let (mut reports, mut effects) = (Vec::new(), 0);
        // Rounds are up to five seconds apart, and each draws at least one loss: so long that the
        // losses end before the patience does.
        for _ in 0..20_000 {
            if writer.count(Table::Outbox) == 0 && !reports.is_empty() {
                break;
            }
            let mut replies = Vec::new();
            for output in core::mem::take(&mut outputs) {
                if let Output::Posted { ticket, how } = output {
                    reports.push((ticket, how));
                } else if losses.next() == Some(true) {
                    continue;
                } else if let Output::Locate { ticket, user } = output {
                    let online = true;
                    let pass = None;
                    outputs.extend(writer.give(Input::Located { ticket, user, online, pass }));
                } else if let Output::Transfer { cargo: Cargo::Letter(_), body, .. } = output {
                    let from = alice().user_id();
                    replies.extend(reader.give(Input::LetterArrived { from, body }));
                }
            }
            replies.extend(reader.pass(100));
            while let Some(reply) = replies.pop() {
                let lost = losses.next() == Some(true);
                match reply {
                    Output::NoteArrived { letter, .. } if !lost => {
                        effects += 1;
                        replies.extend(reader.give(Input::Kept(letter)));
                    }
                    Output::Send { packet: Packet::LetterKept(letter), .. } if !lost => {
                        let from = bob().user_id();
                        outputs.extend(writer.give(Input::LetterKept { from, letter }));
                    }
                    _ => {}
                }
            }
            outputs.extend(writer.pass(100));
        }
        proptest::prop_assert_eq!(reports.len(), 1);
        proptest::prop_assert_eq!(reports[0].0, ticket);
        proptest::prop_assert!(effects >= 1);
        proptest::prop_assert_eq!(writer.count(Table::Outbox), 0);
    }
}
