//! Letters of ours, from the outbox to their reader or to the servers.

use super::*;

#[test]
fn a_lasting_letter_is_on_disk_before_it_leaves() {
    let mut rig = Rig::new(config());
    rig.disk_works = false;
    let (_, outputs) = rig.post(lasting(1));
    assert_eq!(outputs, [Output::Queue(1)]);
    rig.disk_works = true;
    // The lost order is given again, and only then is the reader looked for.
    let outputs = rig.pass(config().disk_ms);
    assert_eq!(rig.count(Table::Outbox), 1);
    assert!(
        matches!(outputs[..], [Output::Locate { .. }]),
        "{outputs:?}"
    );
}

#[test]
fn a_reader_who_confirms_ends_the_letter() {
    let mut rig = Rig::new(config());
    let (ticket, sent) = rig.post_to(lasting(1), true);
    let id = sent_letter(&sent);
    assert_eq!(
        transfers(&sent),
        [(Party::User(bob().user_id()), Cargo::Letter(id))]
    );
    let kept = Input::LetterKept {
        from: bob().user_id(),
        letter: id,
    };
    let outputs = rig.give(kept.clone());
    assert_eq!(posted(&outputs), [(ticket, Posted::Direct)]);
    assert_eq!(queue(&outputs), [0]);
    assert_eq!(rig.count(Table::Outbox), 0);
    assert_eq!(rig.give(kept), []);
    assert_eq!(rig.pass(60_000), []);
}

#[test]
fn a_confirmation_of_anybody_but_the_reader_is_ignored() {
    let mut rig = Rig::new(config());
    let (_, sent) = rig.post_to(lasting(1), true);
    let kept = Input::LetterKept {
        from: mallory().user_id(),
        letter: sent_letter(&sent),
    };
    assert_eq!(rig.give(kept), []);
    assert_eq!(rig.count(Table::Outbox), 1);
}

#[test]
pub(super) fn a_silent_reader_is_missing_after_three_attempts_and_the_servers_get_the_letter() {
    let mut rig = Rig::new(config());
    let (ticket, sent) = rig.post_to(lasting(1), true);
    let id = sent_letter(&sent);
    let outputs = rig.pass(3 * config().attempt_ms);
    assert_eq!(missing(&outputs), 1);
    let direct = (Party::User(bob().user_id()), Cargo::Letter(id));
    let deposits = SERVERS.map(|node| (Party::Server(node), Cargo::Deposit(id)));
    let expected: Vec<_> = [direct; 2].into_iter().chain(deposits).collect();
    assert_eq!(transfers(&outputs), expected);
    let deposited = |from| Input::Deposited { from, letter: id };
    assert_eq!(rig.give(deposited(NodeId(1))), []);
    assert_eq!(
        rig.give(deposited(NodeId(1))),
        [],
        "one server is no majority"
    );
    assert_eq!(rig.give(deposited(NodeId(9))), [], "nor is a stranger");
    assert_eq!(rig.count(Table::Outbox), 1);
    let outputs = rig.give(deposited(NodeId(3)));
    assert_eq!(posted(&outputs), [(ticket, Posted::Mailbox)]);
    assert_eq!(rig.count(Table::Outbox), 0);
}

#[test]
fn an_offline_reader_and_an_unanswered_locate_lead_to_the_servers() {
    let mut rig = Rig::new(config());
    let (_, sent) = rig.post_to(lasting(1), false);
    assert_eq!(transfers(&sent).len(), SERVERS.len());
    let mut rig = Rig::new(config());
    let (_, outputs) = rig.post(lasting(1));
    assert_eq!(transfers(&outputs), []);
    let outputs = rig.pass(config().locate_ms);
    assert_eq!(transfers(&outputs).len(), SERVERS.len());
    assert_eq!(missing(&outputs), 0);
}

#[test]
fn only_servers_that_have_not_confirmed_are_asked_again() {
    let mut rig = Rig::new(config());
    let (_, sent) = rig.post_to(lasting(1), false);
    let id = sent_letter(&sent);
    rig.give(Input::Deposited {
        from: NodeId(2),
        letter: id,
    });
    let outputs = rig.pass(config().deposit_every_ms);
    let asked: Vec<_> = transfers(&outputs).iter().map(|(to, _)| *to).collect();
    assert_eq!(asked, [NodeId(1), NodeId(3)].map(Party::Server));
    let check = Output::Send {
        to: Party::Server(NodeId(1)),
        packet: Packet::DepositCheck(id),
    };
    assert!(outputs.contains(&check));
}

#[test]
fn a_letter_is_tried_for_ever_told_once_and_goes_directly_when_the_reader_is_back() {
    let mut rig = Rig::new(config());
    let (ticket, sent) = rig.post_to(lasting(1), false);
    let id = sent_letter(&sent);
    let outputs = rig.pass(600_000);
    assert_eq!(posted(&outputs), [(ticket, Posted::Queued)]);
    let rounds = transfers(&outputs).len() / SERVERS.len();
    assert!(
        (110..140).contains(&rounds),
        "{rounds} rounds in ten minutes"
    );
    let outputs = rig.pass(config().deposit_every_max_ms);
    let sent = rig.answer_locates(&outputs, true);
    assert_eq!(
        transfers(&sent),
        [(Party::User(bob().user_id()), Cargo::Letter(id))]
    );
    let outputs = rig.give(Input::LetterKept {
        from: bob().user_id(),
        letter: id,
    });
    assert_eq!(
        posted(&outputs),
        [],
        "its poster was told that it is queued"
    );
    assert_eq!(queue(&outputs), [0]);
    assert_eq!(rig.count(Table::Outbox), 0);
}

#[test]
fn a_server_that_refuses_is_left_alone_for_a_while() {
    let mut rig = Rig::new(config());
    let (_, sent) = rig.post_to(lasting(1), false);
    let letter = sent_letter(&sent);
    for from in SERVERS {
        let reason = if from == NodeId(3) {
            DepositRefusal::Disk
        } else {
            DepositRefusal::Full
        };
        rig.give(Input::DepositRefused {
            from,
            letter,
            reason,
        });
    }
    let outputs = rig.pass(config().refused_wait_ms - config().deposit_every_max_ms);
    let to = |outputs: &[Output], node| {
        let to = Party::Server(node);
        transfers(outputs).iter().any(|(party, _)| *party == to)
    };
    assert!(!to(&outputs, NodeId(1)) && !to(&outputs, NodeId(2)));
    assert!(to(&outputs, NodeId(3)), "a disk may recover at any time");
    let outputs = rig.pass(3 * config().deposit_every_max_ms);
    assert!(to(&outputs, NodeId(1)) && to(&outputs, NodeId(2)));
}

#[test]
fn a_note_that_does_not_last_goes_directly_or_not_at_all() {
    let mut rig = Rig::new(config());
    let (ticket, outputs) = rig.post_to(passing(), false);
    assert_eq!(posted(&outputs), [(ticket, Posted::Queued)]);
    assert_eq!(transfers(&outputs), []);
    let (ticket, sent) = rig.post_to(passing(), true);
    assert_eq!(transfers(&sent).len(), 1);
    let outputs = rig.pass(3 * config().attempt_ms);
    assert_eq!(posted(&outputs), [(ticket, Posted::Queued)]);
    assert_eq!((missing(&outputs), transfers(&outputs).len()), (1, 2));
    let (ticket, sent) = rig.post_to(passing(), true);
    let outputs = rig.give(Input::LetterKept {
        from: bob().user_id(),
        letter: sent_letter(&sent),
    });
    assert_eq!(posted(&outputs), [(ticket, Posted::Direct)]);
    assert!(rig.rows.is_empty(), "none of it touched the disk");
    assert_eq!(rig.courier.deadline(), None);
}

#[test]
fn a_later_letter_to_one_reader_waits_for_the_first_attempt_of_the_earlier() {
    let mut rig = Rig::new(config());
    let (_, sent) = rig.post_to(lasting(1), true);
    let first = sent_letter(&sent);
    let (_, outputs) = rig.post(lasting(2));
    assert_eq!(outputs, [Output::Queue(2)]);
    let outputs = rig.give(Input::LetterKept {
        from: bob().user_id(),
        letter: first,
    });
    let sent = rig.answer_locates(&outputs, true);
    assert_ne!(sent_letter(&sent), first);
    // The third may start when the second was tried once, confirmed or not.
    let (_, outputs) = rig.post(lasting(3));
    assert_eq!(outputs, [Output::Queue(2)]);
    let outputs = rig.pass(config().attempt_ms);
    let located = |output: &Output| matches!(output, Output::Locate { .. });
    assert!(outputs.iter().any(located));
}

#[test]
fn a_letter_at_the_servers_does_not_hold_back_the_next_one() {
    let mut rig = Rig::new(config());
    rig.post_to(lasting(1), false);
    let (_, outputs) = rig.post(lasting(2));
    assert!(matches!(outputs[0], Output::Locate { .. }), "{outputs:?}");
}

#[test]
fn letters_to_different_readers_do_not_wait_for_each_other() {
    let mut rig = Rig::new(config());
    rig.post(lasting(1));
    let outputs = rig.give(Input::Post {
        ticket: ticket(99),
        to: *alice().public(),
        note: lasting(1),
    });
    assert!(matches!(outputs[0], Output::Locate { .. }), "{outputs:?}");
}

#[test]
fn rows_are_resumed_after_a_restart_in_order_and_without_a_report() {
    let mut rig = Rig::new(config());
    let (_, sent) = rig.post_to(lasting(1), false);
    let first = sent_letter(&sent);
    rig.post_to(lasting(2), false);
    rig.rows
        .insert((Table::Outbox, vec![1]), Bytes::from_static(b"junk"));
    let mut rig = Rig::with_rows(config(), rig.rows);
    assert_eq!(rig.courier.deadline(), Some(Moment::START));
    let outputs = rig.pass(0);
    assert_eq!(queue(&outputs), [2]);
    assert_eq!(rig.count(Table::Outbox), 2, "the damaged row is gone");
    let sent = rig.answer_locates(&outputs, true);
    assert_eq!(sent_letter(&sent), first);
    let outputs = rig.give(Input::LetterKept {
        from: bob().user_id(),
        letter: first,
    });
    assert_eq!(posted(&outputs), []);
    let sent = rig.answer_locates(&outputs, false);
    assert_eq!(transfers(&sent).len(), SERVERS.len());
    assert_eq!(posted(&rig.pass(60_000)), []);
    // A letter posted now counts as later than those from before the restart.
    rig.post(lasting(3));
    assert_eq!(rig.count(Table::Outbox), 2);
}

#[test]
fn nothing_to_do_at_the_start_means_no_deadline() {
    assert_eq!(Rig::new(config()).courier.deadline(), None);
}

#[test]
fn the_outbox_takes_its_limit_and_not_one_more() {
    let small = Config {
        outbox_max: 2,
        ..config()
    };
    let mut rig = Rig::new(small);
    assert_eq!(refused(&rig.post(lasting(1)).1), []);
    assert_eq!(refused(&rig.post(lasting(2)).1), []);
    let (ticket, outputs) = rig.post(lasting(3));
    assert_eq!(refused(&outputs), [(ticket, Reason::Busy)]);
    assert_eq!(rig.count(Table::Outbox), 2);
}

#[test]
fn what_does_not_seal_is_not_posted() {
    let mut rig = Rig::new(config());
    let (ticket, outputs) = rig.post(Note::GalleryAsk {
        nonce: 1,
        from_name: "x".repeat(LETTER_MAX_BYTES),
    });
    assert_eq!(refused(&outputs), [(ticket, Reason::TooLarge)]);
    assert_eq!(rig.courier.deadline(), None);
}

#[test]
fn a_disk_that_refuses_or_is_silent_means_not_posted_and_never_sent() {
    for answer in [true, false] {
        let mut rig = Rig::new(config());
        rig.disk_works = false;
        let mut out = Outbox::new();
        let (wanted, to, note) = (ticket(1), *bob().public(), lasting(1));
        let post = Input::Post {
            ticket: wanted,
            to,
            note,
        };
        rig.courier.handle(rig.now, post.clone(), &mut out);
        let order = out.drain().find_map(|output| match output {
            Output::Disk { ticket, .. } => Some(ticket),
            _ => None,
        });
        let outputs = if answer {
            rig.give(Input::Disk {
                ticket: order.expect("a disk order"),
                answer: DiskAnswer::Failed(DiskFault::Io("full".to_owned())),
            })
        } else {
            rig.pass(3 * config().disk_ms)
        };
        assert_eq!(refused(&outputs), [(wanted, Reason::Disk)]);
        let outputs = rig.pass(60_000);
        assert_eq!((posted(&outputs), transfers(&outputs)), (vec![], vec![]));
        assert_eq!(rig.courier.deadline(), None, "nothing is left behind");
    }
}

#[test]
fn a_repeated_post_is_ignored_while_its_letter_is_on_its_way() {
    let mut rig = Rig::new(config());
    rig.post(lasting(1));
    rig.posts -= 1;
    assert_eq!(rig.post(lasting(1)).1, []);
    assert_eq!(rig.count(Table::Outbox), 1);
}
