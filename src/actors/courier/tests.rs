mod refused;

use super::*;
use crate::actors::edges::{DiskFault, Table};
use crate::crypto::letters;
use crate::proto::codec;
use crate::proto::control::Reason;
use crate::proto::ids::{AskId, GrantId};
use crate::proto::lease::{Adjust, Change};
use crate::proto::letter::{ImageAsk, ImageRef, Letter};
use crate::proto::limits::{ERRAND_ACKS, LETTER_MAX_BYTES};

const SERVERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// A courier, its clock, and a disk that the test may break.
struct Rig {
    courier: Courier,
    now: Moment,
    disk_works: bool,
    rows: std::collections::BTreeMap<(Table, Vec<u8>), Bytes>,
    posts: u64,
}

impl Rig {
    fn new(config: Config) -> Self {
        Self::with_rows(config, std::collections::BTreeMap::new())
    }

    fn with_rows(
        config: Config,
        rows: std::collections::BTreeMap<(Table, Vec<u8>), Bytes>,
    ) -> Self {
        let of = |wanted: Table| -> Vec<Row> {
            rows.iter()
                .filter(|((table, _), _)| *table == wanted)
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect()
        };
        Self {
            courier: Courier::new(config, [7; 32], of(Table::Outbox), of(Table::Seen)),
            now: Moment::START,
            disk_works: true,
            rows,
            posts: 0,
        }
    }

    /// Gives an input; the disk answers at once. Disk orders are not among the outputs.
    fn give(&mut self, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        self.courier.handle(self.now, input, &mut out);
        self.settle(out.take())
    }

    fn settle(&mut self, outputs: Vec<Output>) -> Vec<Output> {
        let mut rest = Vec::new();
        for output in outputs {
            let Output::Disk { ticket, order } = output else {
                rest.push(output);
                continue;
            };
            if self.disk_works {
                self.write(order);
                let answer = DiskAnswer::Written;
                rest.extend(self.give(Input::Disk { ticket, answer }));
            }
        }
        rest
    }

    fn write(&mut self, order: DiskOrder) {
        let DiskOrder::Write(records) = order else {
            panic!("the courier only writes rows: {order:?}");
        };
        for record in records {
            match record.value {
                Some(value) => drop(self.rows.insert((record.table, record.key), value)),
                None => drop(self.rows.remove(&(record.table, record.key))),
            }
        }
    }

    /// Lets time pass, with every deadline on its way.
    fn pass(&mut self, wait_ms: u64) -> Vec<Output> {
        let end = self.now.after(core::time::Duration::from_millis(wait_ms));
        let mut outputs = Vec::new();
        for _ in 0..100_000 {
            let Some(at) = self.courier.deadline().filter(|at| *at <= end) else {
                self.now = end;
                return outputs;
            };
            self.now = self.now.max(at);
            let mut out = Outbox::new();
            self.courier.on_deadline(self.now, &mut out);
            outputs.extend(self.settle(out.take()));
            let moved = self.courier.deadline();
            assert!(moved.is_none_or(|next| next > self.now), "stuck at {at:?}");
        }
        panic!("deadlines without end");
    }

    fn post(&mut self, note: Note) -> (Ticket, Vec<Output>) {
        self.posts += 1;
        let ticket = ticket(self.posts);
        let to = *bob().public();
        (ticket, self.give(Input::Post { ticket, to, note }))
    }

    /// Posts a note and tells whether its reader is online.
    fn post_to(&mut self, note: Note, online: bool) -> (Ticket, Vec<Output>) {
        let (ticket, outputs) = self.post(note);
        let sent = self.answer_locates(&outputs, online);
        (ticket, sent)
    }

    fn answer_locates(&mut self, outputs: &[Output], online: bool) -> Vec<Output> {
        let mut sent = Vec::new();
        for output in outputs {
            if let Output::Locate { ticket, user } = output {
                sent.extend(self.give(Input::Located {
                    ticket: *ticket,
                    user: *user,
                    online,
                }));
            }
        }
        sent
    }

    fn count(&self, table: Table) -> usize {
        self.rows.keys().filter(|(one, _)| *one == table).count()
    }
}

fn alice() -> SecretIdentity {
    SecretIdentity::from_secret([1; 32])
}

fn bob() -> SecretIdentity {
    SecretIdentity::from_secret([2; 32])
}

fn config() -> Config {
    Config::lan(alice(), SERVERS.to_vec(), Calendar::default())
}

fn ticket(number: u64) -> Ticket {
    let desk = Desk::LeaseManager;
    Ticket { desk, number }
}

fn mallory() -> SecretIdentity {
    SecretIdentity::from_secret([66; 32])
}

fn lasting(sequence: u32) -> Note {
    let adjust = Adjust {
        grant: GrantId([5; 16]),
        owner_sequence: sequence,
        change: Change::Add(1),
        at: WallTime(0),
    };
    Note::Adjust {
        adjust,
        key: [0; 32],
    }
}

fn passing() -> Note {
    Note::PictureAsk(GrantId([5; 16]))
}

fn transfers(outputs: &[Output]) -> Vec<(Party, Cargo)> {
    let of = |output: &Output| match output {
        Output::Transfer { to, cargo, .. } => Some((*to, *cargo)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn sent_letter(outputs: &[Output]) -> LetterId {
    match transfers(outputs).first() {
        Some((_, Cargo::Letter(id) | Cargo::Deposit(id))) => *id,
        _ => panic!("no letter among {outputs:?}"),
    }
}

fn posted(outputs: &[Output]) -> Vec<(Ticket, Posted)> {
    let of = |output: &Output| match output {
        Output::Posted { ticket, how } => Some((*ticket, *how)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn refused(outputs: &[Output]) -> Vec<(Ticket, Reason)> {
    let of = |output: &Output| match output {
        Output::NotPosted { ticket, failure } => Some((*ticket, failure.reason)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn missing(outputs: &[Output]) -> usize {
    let is = |output: &&Output| matches!(output, Output::Missing(_));
    outputs.iter().filter(is).count()
}

/// Letters handed on, and whether they came directly.
fn handed_on(outputs: &[Output]) -> Vec<(LetterId, bool)> {
    let of = |output: &Output| match output {
        Output::NoteArrived { letter, direct, .. } => Some((*letter, *direct)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn confirmed(outputs: &[Output]) -> Vec<(Party, LetterId)> {
    let of = |output: &Output| match output {
        Output::Send {
            to,
            packet: Packet::LetterKept(letter),
        } => Some((*to, *letter)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

fn acked(outputs: &[Output]) -> Vec<LetterId> {
    let of = |output: &Output| match output {
        Output::AckMail(letters) => Some(letters.clone()),
        _ => None,
    };
    outputs.iter().filter_map(of).flatten().collect()
}

fn queue(outputs: &[Output]) -> Vec<u32> {
    let of = |output: &Output| match output {
        Output::Queue(count) => Some(*count),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

/// A letter from Bob (or whoever holds `writer`) to Alice.
fn letter_from(writer: &SecretIdentity, id: u8, note: &Note) -> Letter {
    let id = LetterId([id; 16]);
    letters::seal(
        writer,
        alice().public(),
        id,
        WallTime(u64::from(id.0[0])),
        note,
        [9; 32],
    )
    .expect("seals")
}

fn arrives(letter: &Letter) -> Input {
    Input::LetterArrived {
        from: letter.from.user_id(),
        body: codec::encode(letter).into(),
    }
}

fn mail(letters: &[Letter]) -> Input {
    Input::MailArrived {
        letters: codec::encode(&letters).into(),
    }
}

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
fn a_silent_reader_is_missing_after_three_attempts_and_the_servers_get_the_letter() {
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
                    outputs.extend(writer.give(Input::Located { ticket, user, online }));
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
