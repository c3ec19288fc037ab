use std::collections::BTreeSet;

use super::*;
use crate::actors::edges::{DiskFault, Record, Table};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::letters::seal;
use crate::proto::codec;
use crate::proto::ids::GrantId;
use crate::proto::letter::Note;
use crate::proto::limits::MAILBOX_LETTERS;
use crate::proto::packet::LoadReport;

use super::shelf::size_bytes;

mod cluster;

const TODAY: WallTime = WallTime(1_700_000_000_000);
const ME: NodeId = NodeId(1);

fn alice() -> SecretIdentity {
    SecretIdentity::from_secret([1; 32])
}

fn bob() -> SecretIdentity {
    SecretIdentity::from_secret([2; 32])
}

fn calendar() -> Calendar {
    Calendar { started_at: TODAY }
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn id(number: u8) -> LetterId {
    LetterId([number; 16])
}

fn letter_of(id: LetterId, posted_at: WallTime, note: &Note) -> Letter {
    seal(&alice(), bob().public(), id, posted_at, note, [4; 32]).unwrap()
}

fn letter(number: u8) -> Letter {
    let posted_at = WallTime(TODAY.0 + u64::from(number));
    letter_of(id(number), posted_at, &Note::PictureAsk(GrantId([5; 16])))
}

fn numbered(number: usize) -> Letter {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    letter_of(LetterId(id), TODAY, &Note::PictureAsk(GrantId([0; 16])))
}

fn big_letter(number: u8, bytes: usize) -> Letter {
    let note = Note::GalleryAsk {
        nonce: 1,
        from_name: "x".repeat(bytes),
    };
    letter_of(id(number), TODAY, &note)
}

/// A mailbox, its disk, and what it said since somebody looked.
struct Rig {
    mailbox: Mailbox,
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    said: Vec<Output>,
    now: Moment,
    disk_works: bool,
    disk_answers: bool,
}

impl Rig {
    fn new(config: Config) -> Self {
        Self::from_rows(config, BTreeMap::new())
    }

    fn alone() -> Self {
        Self::new(Config::lan(ME, vec![], calendar()))
    }

    fn of_three() -> Self {
        Self::new(Config::lan(ME, vec![NodeId(2), NodeId(3)], calendar()))
    }

    fn from_rows(config: Config, rows: BTreeMap<(Table, Vec<u8>), Bytes>) -> Self {
        let of = |table| -> Vec<Row> {
            let rows = rows.iter().filter(|((of, _), _)| *of == table);
            rows.map(|((_, key), value)| (key.clone(), value.clone()))
                .collect()
        };
        let mailbox = Mailbox::new(config, of(Table::Letters), of(Table::LetGo));
        assert_eq!(mailbox.deadline(), Some(Moment::START));
        let mut rig = Self {
            mailbox,
            rows,
            said: Vec::new(),
            now: Moment::START,
            disk_works: true,
            disk_answers: true,
        };
        rig.pass(0);
        rig
    }

    fn restarted(self) -> Self {
        Self::from_rows(self.mailbox.config.clone(), self.rows)
    }

    fn take(&mut self, mut out: Outbox<Output>) {
        for order in out.take() {
            let Output::Disk { ticket, order } = order else {
                self.said.push(order);
                continue;
            };
            let DiskOrder::Write(records) = order else {
                panic!("only rows are written");
            };
            let answer = if self.disk_works {
                write(&mut self.rows, &records);
                DiskAnswer::Written
            } else {
                DiskAnswer::Failed(DiskFault::Io("full".into()))
            };
            if self.disk_answers {
                self.give(Input::Disk { ticket, answer });
            }
        }
    }

    fn give(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.mailbox.handle(self.now, input, &mut out);
        self.take(out);
    }

    /// Lets time pass, calling all deadlines in it.
    fn pass(&mut self, millis: u64) {
        let end = self.now.after(Duration::from_millis(millis));
        while let Some(deadline) = self.mailbox.deadline().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            let mut out = Outbox::new();
            self.mailbox.on_deadline(self.now, &mut out);
            self.take(out);
            assert!(self.mailbox.deadline() > Some(self.now), "deadline stands");
        }
        self.now = end;
    }

    fn said(&mut self) -> Vec<Output> {
        let mut said = std::mem::take(&mut self.said);
        said.retain(|output| !matches!(output, Output::State { .. }));
        said
    }

    fn deposit(&mut self, letter: &Letter) -> Vec<Output> {
        self.deposit_as(letter.id, codec::encode(letter))
    }

    fn deposit_as(&mut self, letter: LetterId, body: Vec<u8>) -> Vec<Output> {
        self.give(Input::DepositArrived {
            client: alice().user_id(),
            letter,
            body: body.into(),
        });
        self.said()
    }

    fn check(&mut self, letter: LetterId) -> Vec<Output> {
        self.give(Input::CheckArrived {
            client: alice().user_id(),
            letter,
        });
        self.said()
    }

    fn ack(&mut self, user: UserId, letters: Vec<LetterId>) {
        self.give(Input::Ack { user, letters });
    }

    fn fetch(&mut self) -> Vec<Vec<LetterId>> {
        self.give(Input::Fetch(bob().user_id()));
        let mail = self.said().into_iter().map(|output| match output {
            Output::SendMail { to, letters, .. } => {
                assert_eq!(to, bob().user_id());
                letters_in(&letters)
            }
            other => panic!("unexpected {other:?}"),
        });
        mail.collect()
    }

    fn caught_up(&mut self) -> bool {
        self.mailbox.catch_up.is_done()
    }

    /// What it would tell another server.
    fn state(&mut self) -> Bytes {
        self.now = self.now.after(Duration::from_secs(1));
        let peer = *self.mailbox.config.peers.first().unwrap();
        self.give(Input::StateAsked(peer));
        let mut states = self.said().into_iter().filter_map(|output| match output {
            Output::SendState { state, .. } => Some(state),
            _ => None,
        });
        states.next().expect("it tells")
    }

    fn view(&mut self, peers: &[(u8, bool, Option<u64>)]) {
        let members = peers.iter().map(|&(node, alive, digest)| Member {
            node: NodeId(node),
            alive,
            report: LoadReport {
                incarnation: TODAY,
                sequence: 1,
                queued: 0,
                running: 0,
                speed_milli: 1,
                caught_up: digest.is_some(),
                draining: false,
                mail_digest: digest.unwrap_or(0),
                names_digest: 0,
            },
        });
        let members = members.collect();
        self.give(Input::View(members));
    }
}

fn write(rows: &mut BTreeMap<(Table, Vec<u8>), Bytes>, records: &[Record]) {
    for record in records {
        let key = (record.table, record.key.clone());
        match &record.value {
            Some(value) => rows.insert(key, value.clone()),
            None => rows.remove(&key),
        };
    }
}

fn letters_in(bytes: &Bytes) -> Vec<LetterId> {
    let letters: Vec<Letter> = codec::decode(bytes, usize::MAX).unwrap();
    letters.into_iter().map(|letter| letter.id).collect()
}

fn kept(letter: LetterId) -> Vec<Output> {
    vec![deposited(alice().user_id(), letter)]
}

fn refused(letter: LetterId, reason: DepositRefusal) -> Vec<Output> {
    vec![Output::Send {
        to: alice().user_id(),
        packet: Packet::DepositRefused { letter, reason },
    }]
}

fn told(letters: Vec<Letter>, let_go: Vec<(GoneKey, WallTime)>) -> Bytes {
    Told { letters, let_go }.encode()
}

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
    let note = Note::PictureAsk(GrantId([5; 16]));
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
    let note = Note::PictureAsk(GrantId([5; 16]));
    let own = seal(&alice(), alice().public(), id(17), TODAY, &note, [4; 32]).unwrap();
    assert_eq!(rig.deposit(&own), kept(id(17)));
}

#[test]
fn a_letter_is_kept_for_its_writer_only() {
    let mut rig = Rig::alone();
    let note = Note::PictureAsk(GrantId([5; 16]));
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

#[test]
fn a_reader_who_is_present_is_told_of_waiting_mail() {
    let mut rig = Rig::alone();
    let present = Input::Present(bob().user_id());
    rig.give(present.clone());
    assert_eq!(rig.said(), vec![]);
    rig.deposit(&letter(1));
    rig.deposit(&letter(2));
    rig.give(present);
    let waiting = Output::Send {
        to: bob().user_id(),
        packet: Packet::MailWaiting(2),
    };
    assert_eq!(rig.said(), vec![waiting]);
}

#[test]
fn mail_is_sent_oldest_first_and_not_again_while_it_is_under_way() {
    let mut rig = Rig::alone();
    for number in [3, 1, 2] {
        rig.deposit(&letter(number));
    }
    assert_eq!(rig.fetch(), vec![vec![id(1), id(2), id(3)]]);
    rig.pass(999);
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    rig.pass(1);
    rig.ack(bob().user_id(), vec![id(2)]);
    assert_eq!(rig.fetch(), vec![vec![id(1), id(3)]]);
}

#[test]
fn mail_goes_in_batches_with_numbers_of_their_own() {
    let mut rig = Rig::alone();
    for number in 0..5 {
        rig.deposit(&big_letter(number, 64_000));
    }
    rig.give(Input::Fetch(bob().user_id()));
    let mut rounds = BTreeSet::new();
    let mut ids = Vec::new();
    for output in rig.said() {
        let Output::SendMail { cargo, letters, .. } = output else {
            panic!("unexpected {output:?}");
        };
        assert!(letters.len() <= 256_000);
        assert!(rounds.insert(cargo));
        ids.push(letters_in(&letters));
    }
    assert_eq!(ids, vec![vec![id(0), id(1), id(2)], vec![id(3), id(4)]]);
}

#[test]
fn a_letter_let_go_is_gone_for_good() {
    let mut rig = Rig::alone();
    rig.deposit(&letter(1));
    rig.ack(bob().user_id(), vec![id(1)]);
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    // Its writer, who asks late, hears that it need not worry.
    assert_eq!(rig.check(id(1)), kept(id(1)));
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
    let mut rig = rig.restarted();
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    let tables: Vec<Table> = rig.rows.keys().map(|(table, _)| *table).collect();
    assert_eq!(tables, vec![Table::LetGo]);
}

#[test]
fn a_letter_let_go_before_it_comes_is_not_kept() {
    let mut rig = Rig::alone();
    rig.ack(bob().user_id(), vec![id(1)]);
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
}

#[test]
fn nobody_lets_go_of_the_letter_of_another() {
    let mut rig = Rig::alone();
    rig.ack(alice().user_id(), vec![id(2)]);
    rig.deposit(&letter(1));
    rig.deposit(&letter(2));
    rig.ack(alice().user_id(), vec![id(1)]);
    assert_eq!(rig.fetch(), vec![vec![id(1), id(2)]]);
    let mut rig = rig.restarted();
    assert_eq!(rig.fetch(), vec![vec![id(1), id(2)]]);
}

#[test]
fn letters_and_ids_are_dropped_when_their_time_has_passed() {
    let config = Config {
        keep_ms: 100_000,
        ..Config::lan(ME, vec![], calendar())
    };
    let mut rig = Rig::new(config);
    rig.deposit(&letter(1));
    rig.deposit(&letter(2));
    rig.ack(bob().user_id(), vec![id(2)]);
    rig.pass(60_000);
    assert_eq!(rig.rows.len(), 2);
    rig.pass(120_000);
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    // The id outlives every copy of its letter.
    assert_eq!(rig.rows.len(), 1);
    rig.pass(AHEAD_MAX_MS);
    assert_eq!(rig.rows.len(), 0);
}

#[test]
fn the_oldest_ids_let_go_are_dropped_beyond_the_limit() {
    let config = Config {
        let_go_max: 3,
        ..Config::lan(ME, vec![], calendar())
    };
    let mut rig = Rig::new(config);
    for number in 0..3 {
        rig.ack(bob().user_id(), vec![id(number)]);
        rig.pass(2_000);
    }
    assert_eq!(rig.rows.len(), 3);
    rig.ack(bob().user_id(), vec![id(3)]);
    rig.pass(2_000);
    let left: Vec<u8> = rig.rows.keys().map(|(_, key)| key[0]).collect();
    assert_eq!(left, vec![1, 2, 3]);
}

#[test]
fn a_letter_row_beside_its_let_go_row_is_cleared_at_start() {
    let mut rows = BTreeMap::new();
    let key = (id(1), bob().user_id());
    write(
        &mut rows,
        &exchange::rows(&Shelf::default(), &[Effect::LetGo(vec![(key, TODAY)])]),
    );
    rows.insert(
        (Table::Letters, id(1).0.to_vec()),
        codec::encode(&letter(1)).into(),
    );
    rows.insert((Table::Letters, vec![9; 16]), Bytes::from_static(b"?"));
    let mut rig = Rig::from_rows(Config::lan(ME, vec![], calendar()), rows);
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    // What nobody can read is left alone.
    let keys: Vec<&(Table, Vec<u8>)> = rig.rows.keys().collect();
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&&(Table::Letters, vec![9; 16])));
}

#[test]
fn a_server_alone_has_caught_up_and_one_of_three_needs_one_other() {
    assert!(Rig::alone().caught_up());
    let mut rig = Rig::of_three();
    assert!(!rig.caught_up());
    let asked = [2, 3].map(|node| Output::AskState(NodeId(node)));
    assert_eq!(rig.said(), asked);
    // Unknown servers and damaged states do not count.
    for (from, state) in [(9, told(vec![], vec![])), (2, Bytes::from_static(b"?!"))] {
        let from = NodeId(from);
        rig.give(Input::StateArrived { from, state });
        assert!(!rig.caught_up());
    }
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(vec![letter(1)], vec![]),
    });
    assert!(rig.caught_up());
    assert_eq!(rig.fetch(), vec![vec![id(1)]]);
    assert_eq!(rig.rows.len(), 1);
}

#[test]
fn a_merged_state_counts_only_when_it_is_durable() {
    let mut rig = Rig::of_three();
    rig.disk_works = false;
    let arrived = Input::StateArrived {
        from: NodeId(2),
        state: told(vec![letter(1)], vec![]),
    };
    rig.give(arrived.clone());
    assert!(!rig.caught_up());
    rig.disk_works = true;
    rig.give(arrived);
    assert!(rig.caught_up());
}

#[test]
fn an_unanswered_question_is_repeated_to_the_living_only() {
    let mut rig = Rig::of_three();
    rig.said();
    rig.view(&[(1, true, None), (2, true, None), (3, false, None)]);
    rig.pass(1_000);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    // Each wait doubles, to eight times the first.
    rig.pass(60_000);
    let times = rig.said().len();
    assert!((7..=9).contains(&times), "{times}");
    rig.view(&[(1, true, None), (2, false, None), (3, false, None)]);
    rig.pass(60_000);
    assert_eq!(rig.said(), vec![]);
    assert!(!rig.caught_up());
    rig.view(&[(1, true, None), (2, false, None), (3, true, None)]);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(3))]);
}

#[test]
fn while_it_catches_up_it_takes_deposits_and_sends_no_mail() {
    let mut rig = Rig::of_three();
    rig.said();
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    rig.give(Input::Present(bob().user_id()));
    assert_eq!(rig.said(), vec![]);
    // Its disk may be what makes the majority of another.
    let state = rig.state();
    assert_eq!(Told::decode(&state).unwrap().letters, vec![letter(1)]);
}

#[test]
fn after_silence_it_catches_up_again() {
    let mut rig = Rig::of_three();
    let state = told(vec![], vec![]);
    let arrived = Input::StateArrived {
        from: NodeId(2),
        state,
    };
    rig.give(arrived.clone());
    rig.said();
    rig.give(Input::Resumed);
    assert!(!rig.caught_up());
    assert!(rig.said().contains(&Output::AskState(NodeId(2))));
    rig.give(arrived);
    assert!(rig.caught_up());
    let mut alone = Rig::alone();
    alone.give(Input::Resumed);
    assert!(alone.caught_up());
}

#[test]
fn a_merge_that_began_before_the_silence_does_not_count_after_it() {
    let mut rig = Rig::of_three();
    rig.disk_answers = false;
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(vec![letter(1)], vec![]),
    });
    rig.give(Input::Resumed);
    rig.disk_answers = true;
    rig.pass(3_000);
    assert_eq!(rig.rows.len(), 1);
    assert!(!rig.caught_up());
}

#[test]
fn in_a_merge_letting_go_wins_over_the_letter() {
    let key = |number| (id(number), bob().user_id());
    let mut rig = Rig::of_three();
    rig.deposit(&letter(1));
    rig.ack(bob().user_id(), vec![id(2)]);
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(
            vec![letter(2), letter(3), letter(4)],
            vec![(key(1), TODAY), (key(4), TODAY)],
        ),
    });
    rig.said();
    assert_eq!(rig.fetch(), vec![vec![id(3)]]);
    let letters = rig.rows.keys().filter(|(of, _)| *of == Table::Letters);
    assert_eq!(letters.count(), 1);
}

#[test]
fn a_merge_takes_no_forged_and_no_expired_letter() {
    let mut rig = Rig::of_three();
    let mut forged = letter(1);
    forged.posted_at.0 += 1;
    let old = WallTime(TODAY.0 - rig.mailbox.config.keep_ms - 1);
    let expired = letter_of(id(2), old, &Note::PictureAsk(GrantId([5; 16])));
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(vec![forged, expired], vec![]),
    });
    assert!(rig.rows.is_empty());
    assert!(rig.caught_up());
}

#[test]
fn a_merge_takes_no_more_letters_than_may_be_kept() {
    let config = Config {
        letters_max: 2,
        ..Config::lan(ME, vec![NodeId(2)], calendar())
    };
    let mut rig = Rig::new(config);
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(vec![letter(1), letter(2), letter(3)], vec![]),
    });
    assert_eq!(rig.rows.len(), 2);
}

#[test]
fn the_digest_tells_content_and_not_the_order_of_arrival() {
    let (mut one, mut other) = (Rig::alone(), Rig::alone());
    assert_eq!(one.mailbox.digest, other.mailbox.digest);
    one.deposit(&letter(1));
    one.deposit(&letter(2));
    other.deposit(&letter(2));
    assert_ne!(one.mailbox.digest, other.mailbox.digest);
    other.deposit(&letter(1));
    assert_eq!(one.mailbox.digest, other.mailbox.digest);
    one.ack(bob().user_id(), vec![id(1)]);
    assert_ne!(one.mailbox.digest, other.mailbox.digest);
    assert_eq!(one.restarted().mailbox.digest, {
        other.ack(bob().user_id(), vec![id(1)]);
        other.mailbox.digest
    });
}

#[test]
fn a_lasting_difference_is_asked_for_and_not_too_often() {
    let mut rig = Rig::of_three();
    for from in [2, 3].map(NodeId) {
        let state = told(vec![], vec![]);
        rig.give(Input::StateArrived { from, state });
    }
    rig.said();
    let same = rig.mailbox.digest;
    rig.pass(10_000);
    // One that is still catching up has nothing to tell yet.
    rig.view(&[(2, true, Some(same)), (3, true, None)]);
    rig.pass(10_000);
    assert_eq!(rig.said(), vec![]);
    rig.view(&[(2, true, Some(same ^ 1)), (3, true, Some(same))]);
    rig.pass(1_400);
    assert_eq!(rig.said(), vec![]);
    rig.pass(100);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    rig.pass(4_999);
    assert_eq!(rig.said(), vec![]);
    rig.pass(1);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    rig.view(&[(2, true, Some(same))]);
    rig.pass(20_000);
    assert_eq!(rig.said(), vec![]);
}

#[test]
fn a_question_repeated_at_once_is_answered_once() {
    let mut rig = Rig::of_three();
    rig.said();
    for _ in 0..2 {
        rig.give(Input::StateAsked(NodeId(2)));
    }
    rig.give(Input::StateAsked(NodeId(9)));
    assert_eq!(rig.said().len(), 1);
}

#[test]
fn the_largest_mailbox_fits_one_message_and_decodes() {
    let mut largest = letter(1);
    largest.sealed = vec![1; LETTER_MAX_BYTES].into();
    let letters = vec![largest.clone(); LETTERS_MAX_BYTES / size_bytes(&largest)];
    let key = (id(1), bob().user_id());
    let let_go = vec![(key, TODAY); Config::lan(ME, vec![], calendar()).let_go_max];
    let state = told(letters, let_go);
    assert!(state.len() < crate::proto::limits::MESSAGE_MAX_BYTES - 1_024);
    assert!(Told::decode(&state).is_some());
    // Many small ones: the decoder's bound on memory leaves room for them.
    for count in [1, 10, 100, 10_000] {
        let state = told(vec![letter(1); count], vec![(key, TODAY); count]);
        assert!(Told::decode(&state).is_some(), "{count}");
    }
}
