//! Sender and receiver together over a bad path, beside a model of what a message is.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use proptest::prelude::*;

use super::budget::Budget;
use super::contract::SendFailure;
use super::message::{Fragment, Piece, Standing, Status};
use super::pool::{self, Pool};
use super::receiver::{self, FragmentReceiver, ReceiverEvent, Taken};
use super::sender::{self, FragmentSender, SenderEvent};
use crate::proto::cargo::Cargo;
use crate::time::Moment;

/// A message as a list of pieces: what a receiver is, without credit, memory or time.
#[derive(Default)]
struct Model {
    pieces: BTreeMap<u32, Vec<Option<Vec<u8>>>>,
}

impl Model {
    fn put(&mut self, fragment: &Fragment<'_>, length: usize) {
        let count = (fragment.total_bytes as usize).div_ceil(length);
        let message = self.pieces.entry(fragment.message).or_default();
        message.resize(count, None);
        message[fragment.index as usize] = Some(fragment.data.to_vec());
    }

    /// The body of a message, if all of it was put here.
    fn body(&self, message: u32) -> Option<Vec<u8>> {
        let pieces = self.pieces.get(&message)?;
        let whole = pieces.iter().cloned().collect::<Option<Vec<_>>>()?.concat();
        let head = 2 + usize::from(u16::from_le_bytes([whole[0], whole[1]]));
        Some(whole[head..].to_vec())
    }
}

fn body_of(cargo: Cargo, size: usize) -> Bytes {
    let Cargo::MailState(seed) = cargo else {
        return Bytes::new();
    };
    (0..size)
        .map(|n| (n as u64 * 31 + (n as u64 >> 8) * 7 + seed) as u8)
        .collect()
}

/// What a packet carried.
#[derive(Clone, Debug)]
enum Packet {
    Data {
        piece: Piece,
        total_bytes: u32,
        data: Vec<u8>,
    },
    Word(Status),
}

/// A path that loses, repeats and mixes, and tells the fate of each packet as recovery would.
struct Bench {
    sender: FragmentSender,
    receiver: FragmentReceiver,
    budget: Budget,
    pool: Pool,
    now: Moment,
    length: usize,
    random: u64,
    loss: u64,
    /// Whether nobody says that a status was lost.
    hides_loss: bool,
    path: VecDeque<Packet>,
    lengths: BTreeMap<u32, usize>,
    model: Model,
    first_missing: BTreeMap<u32, u32>,
    credits: BTreeMap<u32, u32>,
    sent: BTreeMap<Cargo, Bytes>,
    received: Vec<Cargo>,
    ended: BTreeMap<Cargo, Option<SendFailure>>,
    used_max: usize,
    packets: usize,
    not_taken: usize,
}

impl Bench {
    fn new(seed: u64, loss: u64, sends: sender::Config, receives: receiver::Config) -> Self {
        let mut bench = Self {
            sender: FragmentSender::new(sends),
            receiver: FragmentReceiver::new(receives),
            budget: Budget::lan(),
            pool: Pool::new(pool::Config::lan()),
            now: Moment::from_millis(1),
            length: 1_000,
            random: seed | 1,
            loss,
            hides_loss: false,
            path: VecDeque::new(),
            lengths: BTreeMap::new(),
            model: Model::default(),
            first_missing: BTreeMap::new(),
            credits: BTreeMap::new(),
            sent: BTreeMap::new(),
            received: Vec::new(),
            ended: BTreeMap::new(),
            used_max: 0,
            packets: 0,
            not_taken: 0,
        };
        bench.sender.begin_session(bench.now, bench.length);
        bench
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % below
    }

    fn send(&mut self, number: u64, size: usize) {
        let cargo = Cargo::MailState(number);
        let body = body_of(cargo, size);
        self.sent.insert(cargo, body.clone());
        self.ended.remove(&cargo);
        self.sender.send(self.now, cargo, body, None);
    }

    fn post(&mut self, piece: Piece) {
        let mut data = Vec::new();
        self.sender.write(piece, &mut data);
        assert_eq!(data.len(), self.sender.length(piece));
        assert!(!data.is_empty(), "{piece:?}");
        let credit = self.credits.get(&piece.message);
        let length = *self.lengths.entry(piece.message).or_insert(self.length);
        let first = ((256 << 10) / length as u32).max(1);
        let total_bytes = self.sender.total(piece.message);
        let credit = first.max(credit.copied().unwrap_or(0));
        assert!(piece.index < credit || total_bytes <= 256 << 10);
        self.path.push_back(Packet::Data {
            piece,
            total_bytes,
            data,
        });
        self.packets += 1;
    }

    /// Puts statuses on the path, and up to so many pieces.
    fn fill(&mut self, count: usize) {
        while let Some(status) = self.receiver.poll_status() {
            let before = self.first_missing.entry(status.message).or_default();
            assert!(status.first_missing >= *before, "never backwards");
            *before = status.first_missing;
            self.path.push_back(Packet::Word(status));
        }
        while self.path.len() < count {
            let Some(piece) = self.sender.next(self.now) else {
                break;
            };
            self.post(piece);
        }
    }

    /// Lets one packet of the path arrive or be lost.
    fn step(&mut self) -> bool {
        let reach = self.path.len().min(6) as u64;
        if reach == 0 {
            return false;
        }
        let place = if self.draw(4) == 0 {
            self.draw(reach)
        } else {
            0
        };
        let Some(packet) = self.path.remove(place as usize) else {
            return false;
        };
        let is_lost = self.draw(100) < self.loss;
        match packet {
            Packet::Data {
                piece,
                total_bytes,
                data,
            } => self.arrive(piece, total_bytes, &data, is_lost),
            Packet::Word(_) if is_lost && self.hides_loss => {}
            Packet::Word(status) if is_lost => self.receiver.status_lost(status.message),
            Packet::Word(status) => {
                let credit = self.credits.entry(status.message).or_default();
                *credit = status.credit.max(*credit);
                self.sender.on_status(self.now, &status);
                self.poll_sender();
            }
        }
        true
    }

    fn arrive(&mut self, piece: Piece, total_bytes: u32, data: &[u8], is_lost: bool) {
        if is_lost {
            self.sender.on_lost(piece);
            return;
        }
        let fragment = Fragment {
            message: piece.message,
            index: piece.index,
            total_bytes,
            data,
        };
        let taken = self
            .receiver
            .on_fragment(self.now, &fragment, &mut self.budget, &self.pool);
        assert_eq!(self.budget.used_bytes(), self.receiver.used_bytes());
        self.used_max = self.used_max.max(self.receiver.used_bytes());
        let length = self.lengths[&piece.message];
        self.model.put(&fragment, length);
        if taken == Taken::NotTaken {
            self.not_taken += 1;
        }
        // An acknowledgement may be lost for good: the packet counts as lost.
        if taken == Taken::NotTaken || self.draw(100) < self.loss {
            self.sender.on_lost(piece);
        } else {
            self.sender.on_acked(self.now, piece);
        }
        self.poll(piece.message);
    }

    fn poll(&mut self, message: u32) {
        while let Some(event) = self
            .receiver
            .poll_event()
            .or_else(|| self.receiver.poll_progress())
        {
            match event {
                ReceiverEvent::Received { cargo, body } => {
                    assert_eq!(body, self.sent[&cargo], "bytes identical");
                    if let Some(whole) = self.model.body(message) {
                        assert_eq!(body, whole, "as the model has it");
                    }
                    self.received.push(cargo);
                }
                ReceiverEvent::Progress {
                    done_bytes,
                    total_bytes,
                    ..
                } => assert!(done_bytes <= total_bytes),
                ReceiverEvent::Started { .. } => {}
            }
        }
        self.poll_sender();
    }

    fn poll_sender(&mut self) {
        while let Some(event) = self
            .sender
            .poll_event()
            .or_else(|| self.sender.poll_progress())
        {
            match event {
                SenderEvent::Delivered { cargo } => {
                    assert!(self.received.contains(&cargo));
                    assert_eq!(self.ended.insert(cargo, None), None);
                }
                SenderEvent::Failed { cargo, reason } => {
                    assert_eq!(self.ended.insert(cargo, Some(reason)), None);
                }
                SenderEvent::Progress {
                    done_bytes,
                    total_bytes,
                    ..
                } => assert!(done_bytes <= total_bytes),
            }
        }
    }

    /// Time passes to the next timer. Returns whether there was one.
    fn wait(&mut self) -> bool {
        let next = [self.sender.deadline(), self.receiver.deadline()];
        let Some(at) = next.into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(at);
        self.timers();
        true
    }

    fn timers(&mut self) {
        if self.sender.deadline().is_some_and(|at| at <= self.now) {
            self.sender.on_deadline(self.now);
            assert!(self.sender.deadline().is_none_or(|at| at > self.now));
        }
        if self.receiver.deadline().is_some_and(|at| at <= self.now) {
            self.receiver.on_deadline(self.now, &mut self.budget);
            assert!(self.receiver.deadline().is_none_or(|at| at > self.now));
        }
        self.poll_sender();
    }

    fn drop_path(&mut self) {
        for packet in std::mem::take(&mut self.path) {
            match packet {
                Packet::Data { piece, .. } => self.sender.on_lost(piece),
                Packet::Word(status) => self.receiver.status_lost(status.message),
            }
        }
    }

    fn new_session(&mut self, length: usize) {
        self.drop_path();
        self.length = length;
        self.lengths.clear();
        self.first_missing.clear();
        self.credits.clear();
        self.model = Model::default();
        self.sender.begin_session(self.now, length);
        self.receiver.begin_session(self.now, &mut self.budget);
    }

    fn refit(&mut self, length: usize) {
        self.length = length;
        self.sender.refit(self.now, length);
        while let Some(number) = self.sender.poll_cancel() {
            self.receiver.cancel(self.now, number, &mut self.budget);
        }
    }

    /// Until nothing is left to do.
    fn run(&mut self) {
        let mut turns = 0;
        while !self.sender.is_idle() {
            turns += 1;
            assert!(turns < 2_000_000, "comes to an end: {:?}", self.sender);
            self.fill(64);
            if !self.step() {
                assert!(self.wait(), "somebody has a timer");
            }
            self.now = self.now.after(core::time::Duration::from_micros(20));
        }
    }

    fn assert_delivered(&self) {
        for cargo in self.sent.keys() {
            assert_eq!(self.ended.get(cargo), Some(&None), "{cargo:?}");
            let count = self.received.iter().filter(|one| *one == cargo).count();
            assert_eq!(count, 1, "{cargo:?} once");
        }
        assert_eq!(self.ended.len(), self.sent.len());
    }
}

fn bench(seed: u64, loss: u64) -> Bench {
    Bench::new(seed, loss, sender::Config::lan(), receiver::Config::lan())
}

#[test]
fn a_large_message_needs_its_packets_and_no_more() {
    let mut bench = bench(1, 0);
    bench.send(1, 3_000_000);
    bench.run();
    bench.assert_delivered();
    assert_eq!((bench.packets, bench.not_taken), (3_001, 0));
    assert_eq!(bench.receiver.used_bytes(), 0);
}

#[test]
fn many_messages_of_all_sizes_arrive_over_a_bad_path() {
    for loss in [1, 5, 20, 40] {
        let mut bench = bench(loss + 7, loss);
        for number in 0..100 {
            bench.send(number, (number as usize * 7_919) % 300_000);
        }
        bench.run();
        bench.assert_delivered();
        assert_eq!(bench.receiver.used_bytes(), 0);
    }
}

#[test]
fn statuses_that_are_lost_for_good_are_asked_for() {
    for loss in [5, 10, 20] {
        let mut bench = bench(loss, loss);
        bench.hides_loss = true;
        for number in 0..40 {
            bench.send(number, (number as usize * 47_919) % 900_000);
        }
        bench.run();
        bench.assert_delivered();
    }
}

#[test]
fn a_new_session_goes_on_where_the_last_one_ended() {
    for length in [1_000, 1_400, 300] {
        let mut bench = bench(5, 0);
        bench.send(1, 4_000_000);
        for _ in 0..3_000 {
            bench.fill(64);
            bench.step();
        }
        let before = bench.packets;
        assert!(before > 1_500);
        bench.new_session(length);
        bench.run();
        bench.assert_delivered();
        let again = (bench.packets - before) * length;
        assert!(again < 2_600_000, "{again} bytes at {length}");
    }
}

#[test]
fn a_smaller_path_costs_little_more_than_what_was_on_it() {
    let mut bench = bench(6, 0);
    bench.send(1, 4_000_000);
    for _ in 0..3_000 {
        bench.fill(64);
        bench.step();
    }
    let before = bench.packets;
    bench.drop_path();
    bench.refit(500);
    bench.run();
    bench.assert_delivered();
    assert!((bench.packets - before) * 500 < 2_600_000);
}

#[test]
fn a_repeat_in_a_new_session_is_complete_at_once_and_not_handed_on_twice() {
    let mut bench = bench(9, 0);
    bench.send(1, 3_000_000);
    bench.run();
    let before = bench.packets;
    bench.new_session(1_000);
    bench.send(1, 3_000_000);
    bench.run();
    bench.assert_delivered();
    assert!(
        bench.packets - before <= 256 + 64,
        "the first credit at the most"
    );
}

#[test]
fn a_second_attempt_in_the_same_session_goes_on_where_the_first_gave_up() {
    let mut bench = bench(10, 0);
    bench.send(1, 4_000_000);
    for _ in 0..3_000 {
        bench.fill(64);
        bench.step();
    }
    let until = bench.now.after(core::time::Duration::from_secs(11));
    while bench.now < until && !bench.sender.is_idle() {
        bench.drop_path();
        let _ = bench
            .sender
            .probe(bench.now)
            .map(|piece| bench.sender.on_lost(piece));
        bench.wait();
    }
    let cargo = Cargo::MailState(1);
    assert_eq!(bench.ended[&cargo], Some(SendFailure::Silent));
    let before = bench.packets;
    bench.send(1, 4_000_000);
    bench.run();
    bench.assert_delivered();
    assert!(bench.packets - before < 2_600);
}

/// What else happens on the way.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Steps(u16),
    Send(u8, u32),
    Session(u16),
    Refit(u16, bool),
    Wait,
    Cancel(u8),
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => (1_u16..600).prop_map(Turn::Steps),
        4 => (0_u8..12, prop_oneof![0_u32..3_000, 0_u32..400_000])
            .prop_map(|turn| Turn::Send(turn.0, turn.1)),
        1 => (64_u16..3_000).prop_map(Turn::Session),
        1 => (64_u16..2_000, any::<bool>()).prop_map(|turn| Turn::Refit(turn.0, turn.1)),
        1 => Just(Turn::Wait),
        1 => (0_u8..12).prop_map(Turn::Cancel),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn every_message_arrives_whole_and_once_whatever_the_path_does(
        seed: u64,
        loss in prop_oneof![Just(0_u64), 1_u64..10, 10_u64..35],
        turns in prop::collection::vec(turn(), 1..24),
        memory_max_bytes in prop_oneof![Just(72_usize << 20), Just(600_usize << 10)],
        transfers_max in 2_usize..70,
    ) {
        let sends = sender::Config { give_up_ms: 600_000, ..sender::Config::lan() };
        let receives = receiver::Config {
            memory_max_bytes,
            transfers_max,
            remember_ms: 600_000,
            ..receiver::Config::lan()
        };
        let mut bench = Bench::new(seed, loss, sends, receives);
        for turn in turns {
            match turn {
                Turn::Steps(count) => {
                    for _ in 0..count {
                        bench.fill(64);
                        bench.step();
                    }
                }
                Turn::Send(number, size) => {
                    let cargo = Cargo::MailState(number.into());
                    if !bench.sent.contains_key(&cargo) {
                        bench.send(number.into(), size as usize);
                    }
                }
                Turn::Session(length) => bench.new_session(length.into()),
                Turn::Refit(length, vanishes) => {
                    if vanishes {
                        bench.drop_path();
                    }
                    let length = bench.length.min(length.into());
                    bench.refit(length);
                }
                Turn::Wait => {
                    bench.drop_path();
                    bench.now = bench.now.after(core::time::Duration::from_secs(3));
                    bench.timers();
                }
                Turn::Cancel(number) => {
                    let cargo = Cargo::MailState(number.into());
                    if bench.sent.contains_key(&cargo) && !bench.ended.contains_key(&cargo) {
                        bench.drop_path();
                        bench.sender.cancel(cargo);
                        bench.sent.remove(&cargo);
                        bench.received.retain(|one| *one != cargo);
                        while let Some(number) = bench.sender.poll_cancel() {
                            bench.receiver.cancel(bench.now, number, &mut bench.budget);
                        }
                    }
                }
            }
        }
        bench.run();
        bench.assert_delivered();
        prop_assert_eq!(bench.not_taken, 0, "nobody sends beyond the credit");
        prop_assert!(bench.used_max <= memory_max_bytes);
        bench.receiver.clear(&mut bench.budget);
        prop_assert_eq!(bench.budget.used_bytes(), 0);
        prop_assert_eq!(bench.pool.lent_bytes(), 0);
    }
}

#[test]
fn a_busy_receiver_is_tried_again_until_it_has_room() {
    let mut bench = bench(3, 0);
    let mut other = FragmentReceiver::new(receiver::Config::lan());
    let data = vec![0; 1_000];
    bench.budget = Budget::new(500_000);
    for index in 1..200 {
        let fragment = Fragment {
            message: 1,
            index,
            total_bytes: 1_000_000,
            data: &data,
        };
        let taken = other.on_fragment(bench.now, &fragment, &mut bench.budget, &bench.pool);
        assert_eq!(taken, Taken::New);
    }
    let taken_bytes = bench.budget.used_bytes();
    let cargo = Cargo::MailState(1);
    let body = body_of(cargo, 400_000);
    bench.sent.insert(cargo, body.clone());
    bench.sender.send(bench.now, cargo, body, None);
    let mut busy = 0;
    for _ in 0..4_000 {
        while let Some(status) = bench.receiver.poll_status() {
            busy += usize::from(status.standing == Standing::Busy);
            bench.sender.on_status(bench.now, &status);
        }
        if let Some(piece) = bench.sender.next(bench.now) {
            let mut data = Vec::new();
            bench.sender.write(piece, &mut data);
            let total_bytes = bench.sender.total(piece.message);
            let Piece { message, index } = piece;
            let fragment = Fragment {
                message,
                index,
                total_bytes,
                data: &data,
            };
            bench
                .receiver
                .on_fragment(bench.now, &fragment, &mut bench.budget, &bench.pool);
            bench.sender.on_acked(bench.now, piece);
        } else if busy < 3 {
            bench.wait();
        } else {
            break;
        }
    }
    assert_eq!(busy, 3);
    assert_eq!(
        bench.budget.used_bytes(),
        taken_bytes,
        "nothing is left of it"
    );
    other.clear(&mut bench.budget);
    assert_eq!(bench.budget.used_bytes(), 0);
    bench.lengths.clear();
    bench.run();
    bench.assert_delivered();
}
