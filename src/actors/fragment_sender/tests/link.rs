//! Both halves of a transfer over a link that loses, repeats and reorders, in virtual time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::super::*;
use super::{body_of, server};
use crate::actors::fragment_receiver::{
    Config as ReceiverConfig, FragmentReceiver, Input as Arrival, Output as News,
};
use crate::proto::limits::FRAGMENT_BYTES;

/// How bad the link is, both ways.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    loss_percent: u32,
    repeat_percent: u32,
    /// Largest additional delay of a datagram, in microseconds.
    jitter_us: u32,
}

/// One way, in microseconds.
const DELAY_US: u64 = 1_000;

/// The most datagrams the net edge hands over at once.
const BATCH: usize = 64;

struct Link {
    now: Moment,
    weather: Weather,
    is_cut: bool,
    random: ChaCha20Rng,
    /// Datagrams under way, by arrival, then order.
    under_way: BTreeMap<(Moment, u64), Packet>,
    count: u64,
    sender: FragmentSender,
    receiver: FragmentReceiver,
    /// Every fragment that the sender sent: its index and the datagram number.
    sent: Vec<(u32, u32)>,
    numbers: BTreeSet<(TransferId, u32)>,
    acks_sent: usize,
    told: Vec<Output>,
    received: Vec<(Cargo, Bytes)>,
    /// The highest `first_missing` that the receiver told, by transfer.
    told_up_to: BTreeMap<TransferId, u32>,
    /// The highest `first_missing` that reached the sender.
    heard_up_to: u32,
    memory_max_bytes: usize,
}

impl Link {
    fn new(seed: u64, weather: Weather) -> Self {
        Self {
            now: Moment::from_millis(50),
            weather,
            is_cut: false,
            random: ChaCha20Rng::seed_from_u64(seed),
            under_way: BTreeMap::new(),
            count: 0,
            sender: FragmentSender::new(Config::lan()),
            receiver: FragmentReceiver::new(ReceiverConfig::lan()),
            sent: Vec::new(),
            numbers: BTreeSet::new(),
            acks_sent: 0,
            told: Vec::new(),
            received: Vec::new(),
            told_up_to: BTreeMap::new(),
            heard_up_to: 0,
            memory_max_bytes: 0,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.next_u32() % 100 < percent
    }

    fn carry(&mut self, packet: &Packet) {
        let copies = 1 + usize::from(self.chance(self.weather.repeat_percent));
        for _ in 0..copies {
            if self.is_cut || self.chance(self.weather.loss_percent) {
                continue;
            }
            let jitter_us = self.random.next_u32() % (self.weather.jitter_us + 1);
            let arrival = Moment::from_micros(
                self.now.as_micros() + DELAY_US + u64::from(jitter_us) / 100 * 100,
            );
            self.count += 1;
            self.under_way.insert((arrival, self.count), packet.clone());
        }
    }

    fn order(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.sender.handle(self.now, input, &mut out);
        self.obey(out);
    }

    fn obey(&mut self, mut out: Outbox<Output>) {
        for order in out.take() {
            let Output::Transmit { packets, .. } = order else {
                self.told.push(order);
                continue;
            };
            for packet in packets {
                if let Packet::Fragment(fragment) = &packet {
                    let is_fresh = self.numbers.insert((fragment.transfer, fragment.packet));
                    assert!(is_fresh, "a number is never used twice");
                    self.sent.push((fragment.index, fragment.packet));
                }
                self.carry(&packet);
            }
        }
    }

    fn arrive(&mut self, packets: Vec<Packet>) {
        let mut fragments = Vec::new();
        let mut acks = Vec::new();
        for packet in packets {
            match packet {
                Packet::Fragment(fragment) => fragments.push(fragment),
                Packet::FragmentAck(ack) => {
                    self.heard_up_to = self.heard_up_to.max(ack.first_missing);
                    acks.push(ack);
                }
                _ => unreachable!("only these are sent"),
            }
        }
        if !fragments.is_empty() {
            let mut out = Outbox::new();
            let from = server(9);
            let input = Arrival::Arrived { from, fragments };
            self.receiver.handle(self.now, input, &mut out);
            self.memory_max_bytes = self.memory_max_bytes.max(self.receiver.memory_bytes());
            for order in out.take() {
                match order {
                    News::Transmit { packets, .. } => {
                        for packet in packets {
                            self.check_ack(&packet);
                            self.acks_sent += 1;
                            self.carry(&packet);
                        }
                    }
                    News::Received { cargo, body, .. } => self.received.push((cargo, body)),
                    News::Started { .. } | News::Progress { .. } => {}
                }
            }
        }
        if !acks.is_empty() {
            let from = server(1);
            self.order(Input::Acked { from, acks });
        }
    }

    fn check_ack(&mut self, packet: &Packet) {
        let Packet::FragmentAck(ack) = packet else {
            panic!("the receiver only acknowledges");
        };
        let before = self.told_up_to.insert(ack.transfer, ack.first_missing);
        assert!(
            before.is_none_or(|before| before <= ack.first_missing),
            "acknowledgements never run backwards"
        );
    }

    /// Runs until nothing is left to do, or `until`.
    fn run(&mut self, until: Moment) {
        loop {
            let next_arrival = self.under_way.first_key_value().map(|((at, _), _)| *at);
            let sender_at = self.sender.deadline();
            // The receiver's timers alone do not keep a run going.
            let Some(next) = earliest(next_arrival, sender_at) else {
                return;
            };
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            if self.receiver.deadline().is_some_and(|at| at <= self.now) {
                self.receiver.on_deadline(self.now, &mut Outbox::new());
            }
            if next_arrival.is_some_and(|at| at <= self.now) {
                let mut batch = Vec::new();
                while batch.len() < BATCH
                    && let Some(first) = self.under_way.first_entry()
                    && first.key().0 <= self.now
                {
                    batch.push(first.remove());
                }
                self.arrive(batch);
            } else {
                let mut out = Outbox::new();
                self.sender.on_deadline(self.now, &mut out);
                self.obey(out);
                let again = self.sender.deadline();
                assert!(again.is_none_or(|at| at >= self.now), "deadlines move on");
            }
        }
    }

    fn send(&mut self, number: u64, body: &Bytes) {
        self.order(Input::Send {
            to: server(1),
            cargo: Cargo::MailState(number),
            body: body.clone(),
        });
    }

    fn delivered(&self) -> usize {
        let told = self.told.iter();
        told.filter(|told| matches!(told, Output::Delivered { .. }))
            .count()
    }

    fn settle(&mut self) {
        self.run(Moment::from_millis(3_600_000));
    }
}

fn least_packets(body: &Bytes) -> usize {
    let message = Message::new(Cargo::MailState(1), body.clone());
    message.expect("small enough").fragments() as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_message_survives_a_bad_link_bit_for_bit_and_without_waste(
        seed in any::<u64>(),
        size in 0_usize..200_000,
        loss_percent in 0_u32..=20,
        repeat_percent in 0_u32..=20,
        jitter_us in 0_u32..3_000,
    ) {
        let weather = Weather { loss_percent, repeat_percent, jitter_us };
        let mut link = Link::new(seed, weather);
        let body = body_of(size);
        link.send(1, &body);
        link.settle();
        prop_assert_eq!(link.delivered(), 1, "{:?}", link.told.last());
        prop_assert_eq!(&link.received, &[(Cargo::MailState(1), body.clone())]);
        let limit = 3 * least_packets(&body) + 50;
        prop_assert!(link.sent.len() <= limit, "{} packets, limit {limit}", link.sent.len());
        prop_assert!(link.memory_max_bytes <= 2 * (size + FRAGMENT_BYTES));
    }

    #[test]
    fn without_loss_nothing_is_sent_twice(seed in any::<u64>(), size in 0_usize..2_000_000) {
        let mut link = Link::new(seed, Weather::default());
        let body = body_of(size);
        link.send(1, &body);
        link.settle();
        prop_assert_eq!(link.delivered(), 1);
        prop_assert_eq!(link.sent.len(), least_packets(&body));
    }
}

#[test]
fn many_messages_at_once_all_arrive_over_a_bad_link() {
    let weather = Weather {
        loss_percent: 20,
        repeat_percent: 10,
        jitter_us: 2_000,
    };
    let mut link = Link::new(5, weather);
    let bodies: Vec<Bytes> = (0..40).map(|n| body_of(n * 1_777)).collect();
    for (number, body) in bodies.iter().enumerate() {
        link.send(number as u64, body);
    }
    link.settle();
    assert_eq!(link.delivered(), bodies.len());
    link.received.sort_by_key(|(cargo, _)| *cargo);
    let received: Vec<Bytes> = link.received.iter().map(|(_, body)| body.clone()).collect();
    assert_eq!(received, bodies);
    let least: usize = bodies.iter().map(least_packets).sum();
    assert!(link.sent.len() <= 3 * least + 50, "{}", link.sent.len());
}

#[test]
fn a_cut_shorter_than_give_up_repeats_nothing_that_was_acknowledged() {
    let mut link = Link::new(3, Weather::default());
    let body = body_of(2_000_000);
    link.send(1, &body);
    link.run(Moment::from_micros(link.now.as_micros() + 9_000));
    let at_the_cut = link.sent.len();
    assert!(at_the_cut < least_packets(&body), "cut in the middle");
    link.is_cut = true;
    link.run(Moment::from_millis(5_000));
    assert!(link.heard_up_to > 100, "{}", link.heard_up_to);
    let acknowledged = link.heard_up_to;
    assert_eq!(link.delivered(), 0);
    link.is_cut = false;
    link.settle();
    assert_eq!(link.delivered(), 1);
    let again = link.sent[at_the_cut..].iter();
    let again = again.filter(|(index, _)| *index < acknowledged).count();
    assert_eq!(again, 0, "of {acknowledged}");
    // At most the window that was under way at the cut is sent twice, and the probes.
    let limit = least_packets(&body) + 1_100;
    assert!(link.sent.len() <= limit, "{}", link.sent.len());
}

#[test]
fn a_second_attempt_goes_on_where_the_first_gave_up() {
    let mut link = Link::new(4, Weather::default());
    let body = body_of(2_000_000);
    link.send(1, &body);
    link.run(Moment::from_micros(link.now.as_micros() + 9_000));
    link.is_cut = true;
    link.settle();
    assert!(matches!(
        link.told.last(),
        Some(Output::Failed {
            reason: SendFailure::Silent,
            ..
        })
    ));
    link.is_cut = false;
    let before = link.sent.len();
    let acknowledged = link.heard_up_to;
    assert!(acknowledged > 100, "{acknowledged}");
    link.send(1, &body);
    link.settle();
    assert_eq!(link.delivered(), 1);
    assert_eq!(link.received.len(), 1);
    let again = link.sent[before..].iter();
    let again = again.filter(|(index, _)| *index < acknowledged).count();
    // The first burst leaves before the receiver has said what it has.
    assert!(again <= Config::lan().window_start as usize, "{again}");
}

#[test]
fn a_receiver_that_forgot_everything_is_sent_everything() {
    for after_us in [3_000, 7_000, 11_000, 15_000] {
        let mut link = Link::new(6, Weather::default());
        let body = body_of(3_000_000);
        link.send(1, &body);
        link.run(Moment::from_micros(link.now.as_micros() + after_us));
        link.receiver
            .handle(link.now, Arrival::Halted, &mut Outbox::new());
        assert_eq!(link.receiver.memory_bytes(), 0);
        link.told_up_to.clear();
        link.settle();
        assert_eq!(link.delivered(), 1, "forgot after {after_us}");
        assert_eq!(link.received.len(), 1);
        assert!(link.sent.len() < 3 * least_packets(&body));
        assert!(link.now < Moment::from_millis(2_000), "{:?}", link.now);
    }
}

#[test]
fn a_large_message_is_cheap_in_packets_and_acknowledgements() {
    let mut link = Link::new(7, Weather::default());
    let body = body_of(20_000 * FRAGMENT_BYTES);
    link.send(1, &body);
    link.settle();
    assert_eq!(link.received.len(), 1);
    assert_eq!(link.sent.len(), least_packets(&body));
    assert!(link.acks_sent <= link.sent.len() / 12, "{}", link.acks_sent);
    // 20,000 fragments, 1,024 a round trip of 2 ms.
    assert!(link.now < Moment::from_millis(50 + 100), "{:?}", link.now);
}
