//! The sender alone: acknowledgements by hand.

use proptest::prelude::*;

use super::*;
use crate::proto::ids::NodeId;
use crate::proto::limits::FRAGMENT_BYTES;
use crate::proto::packet::{Fragment, TransferStatus};

mod link;

pub(super) fn server(number: u8) -> Party {
    Party::Server(NodeId(number))
}

pub(super) fn body_of(size: usize) -> Bytes {
    (0..size).map(|n| (n * 31 + (n >> 8) * 7) as u8).collect()
}

/// A sender and a clock.
struct Bench {
    sender: FragmentSender,
    now: Moment,
    told: Vec<Output>,
    sent: Vec<Fragment>,
    bursts: Vec<(Party, usize)>,
}

impl Bench {
    fn new(config: Config) -> Self {
        Self {
            sender: FragmentSender::new(config),
            now: Moment::from_millis(1),
            told: Vec::new(),
            sent: Vec::new(),
            bursts: Vec::new(),
        }
    }

    fn sort(&mut self, mut out: Outbox<Output>) {
        for order in out.take() {
            let Output::Transmit { to, packets } = order else {
                self.told.push(order);
                continue;
            };
            self.bursts.push((to, packets.len()));
            for packet in packets {
                if let Packet::Fragment(fragment) = packet {
                    self.sent.push(fragment);
                }
            }
        }
    }

    fn handle(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.sender.handle(self.now, input, &mut out);
        self.sort(out);
    }

    fn send(&mut self, to: Party, number: u64, size: usize) {
        self.handle(Input::Send {
            to,
            cargo: Cargo::MailState(number),
            body: body_of(size),
        });
    }

    fn ack(&mut self, from: Party, ack: FragmentAck) {
        let acks = vec![ack];
        self.handle(Input::Acked { from, acks });
    }

    /// Lets the next deadline come. Returns whether there was one.
    fn wait(&mut self) -> bool {
        let Some(at) = self.sender.deadline() else {
            return false;
        };
        self.now = self.now.max(at);
        let mut out = Outbox::new();
        self.sender.on_deadline(self.now, &mut out);
        self.sort(out);
        true
    }

    fn later(&mut self, micros: u64) {
        self.now = Moment::from_micros(self.now.as_micros() + micros);
    }

    fn failure(&self) -> Option<SendFailure> {
        self.told.iter().find_map(|told| match told {
            Output::Failed { reason, .. } => Some(*reason),
            _ => None,
        })
    }
}

fn ack_of(fragment: &Fragment, status: TransferStatus) -> FragmentAck {
    FragmentAck {
        transfer: fragment.transfer,
        echo: fragment.packet,
        first_missing: 0,
        blocks: Vec::new(),
        credit: 1_024,
        status,
    }
}

fn going(fragment: &Fragment, first_missing: u32, blocks: &[u64]) -> FragmentAck {
    FragmentAck {
        first_missing,
        blocks: blocks.to_vec(),
        ..ack_of(fragment, TransferStatus::Going)
    }
}

fn failed(reason: SendFailure) -> Output {
    Output::Failed {
        to: server(1),
        cargo: Cargo::MailState(1),
        reason,
    }
}

#[test]
fn a_burst_begins_at_the_start_and_fills_the_window_only() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 100 * FRAGMENT_BYTES);
    let indexes: Vec<u32> = bench.sent.iter().map(|fragment| fragment.index).collect();
    assert_eq!(indexes, (0..32).collect::<Vec<_>>());
    assert_eq!(bench.bursts, [(server(1), 32)]);
}

#[test]
fn every_last_word_of_the_receiver_ends_the_transfer() {
    let words = [
        (TransferStatus::Refused, failed(SendFailure::Refused)),
        (TransferStatus::Damaged, failed(SendFailure::Damaged)),
        (
            TransferStatus::Complete,
            Output::Delivered {
                to: server(1),
                cargo: Cargo::MailState(1),
            },
        ),
    ];
    for (status, end) in words {
        let mut bench = Bench::new(Config::lan());
        bench.send(server(1), 1, 5_000);
        let word = ack_of(&bench.sent[0], status);
        bench.ack(server(1), word.clone());
        bench.ack(server(1), word);
        assert_eq!(bench.told, [end]);
        assert_eq!(bench.sender.deadline(), None);
    }
}

#[test]
fn acknowledgements_of_strangers_and_of_packets_never_sent_change_nothing() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 100 * FRAGMENT_BYTES);
    let count = bench.sent.len();
    let word = ack_of(&bench.sent[0], TransferStatus::Complete);
    bench.ack(server(2), word.clone());
    let last = bench.sent[count - 1].packet;
    for echo in [0, last + 1, u32::MAX] {
        let ack = FragmentAck {
            echo,
            ..word.clone()
        };
        bench.ack(server(1), ack);
    }
    let beyond = going(&bench.sent[0], u32::MAX, &[u64::MAX; 40]);
    bench.ack(server(1), beyond);
    assert!(bench.told.is_empty());
    assert_eq!(bench.sent.len(), count);
}

#[test]
fn only_what_the_bitmap_shows_missing_is_sent_again() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 30 * FRAGMENT_BYTES);
    let count = bench.sent.len();
    assert_eq!(count, 31);
    bench.later(2_000);
    // 3 and 7 are missing, everything else is there.
    let bits = (1_u64 << 31) - 1 - (1 << 3) - (1 << 7);
    let ack = going(&bench.sent[30], 3, &[bits]);
    bench.ack(server(1), ack.clone());
    bench.ack(server(1), ack);
    let again: Vec<u32> = bench.sent[count..].iter().map(|f| f.index).collect();
    assert_eq!(again, [3, 7]);
    assert!(bench.sent[count].packet > bench.sent[count - 1].packet);
    let total_bytes = 30 * FRAGMENT_BYTES as u32;
    let Some(Output::Progress { done_bytes, .. }) = bench.told.first() else {
        panic!("progress is told");
    };
    assert_eq!(*done_bytes, total_bytes - 2 * FRAGMENT_BYTES as u32);
    assert_eq!(bench.told.len(), 1, "no news, no progress");
}

#[test]
fn a_packet_slightly_overtaken_waits_for_the_time_threshold() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 3 * FRAGMENT_BYTES);
    let count = bench.sent.len();
    assert_eq!(count, 4);
    bench.later(2_000);
    let ack = going(&bench.sent[2], 1, &[0b101]);
    bench.ack(server(1), ack);
    assert_eq!(bench.sent.len(), count, "one behind is reordering");
    bench.wait();
    let again: Vec<u32> = bench.sent[count..].iter().map(|f| f.index).collect();
    assert_eq!(again, [1], "9/8 of a round trip later it is loss");
}

#[test]
fn silence_is_probed_ever_more_slowly_and_then_given_up() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 100 * FRAGMENT_BYTES);
    let begun = bench.now;
    let mut waits = Vec::new();
    let mut before = bench.now;
    while bench.failure().is_none() {
        assert!(bench.wait(), "a timer is armed while anything is out");
        waits.push(bench.now.since(before));
        before = bench.now;
    }
    assert_eq!(bench.failure(), Some(SendFailure::Silent));
    assert_eq!(bench.now.since(begun).as_millis(), 10_000);
    assert!(waits[0] < waits[1] && waits[1] < waits[2]);
    assert!(waits.len() < 40, "{} probes", waits.len());
    let probes = bench.sent.len() - 32;
    assert!(probes <= 2 * waits.len());
    assert_eq!(bench.sender.deadline(), None);
}

#[test]
fn a_busy_receiver_is_asked_again_with_one_fragment_until_it_has_room() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 100 * FRAGMENT_BYTES);
    let count = bench.sent.len();
    let busy = ack_of(&bench.sent[31], TransferStatus::Busy);
    bench.ack(server(1), busy.clone());
    bench.ack(server(1), busy);
    assert_eq!(bench.sent.len(), count, "nothing goes while it is busy");
    let asked = bench.now;
    bench.wait();
    let waited_ms = bench.now.since(asked).as_millis();
    assert_eq!(waited_ms, 50, "one refusal of one burst, told twice");
    assert_eq!(bench.sent.len(), count + 1);
    let ack = going(&bench.sent[count], 1, &[1]);
    bench.ack(server(1), ack);
    assert_eq!(bench.sent.len(), count + 1 + 32);
    assert!(
        bench
            .told
            .iter()
            .all(|told| matches!(told, Output::Progress { .. }))
    );
}

#[test]
fn a_receiver_that_stays_busy_fails_the_transfer_as_busy() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 100 * FRAGMENT_BYTES);
    while bench.failure().is_none() {
        let last = bench.sent.last().expect("something was sent").clone();
        bench.ack(server(1), ack_of(&last, TransferStatus::Busy));
        assert!(bench.wait());
    }
    assert_eq!(bench.failure(), Some(SendFailure::Busy));
    assert!(bench.sent.len() < 32 + 40, "{}", bench.sent.len());
}

#[test]
fn nothing_goes_beyond_the_credit() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 200 * FRAGMENT_BYTES);
    let last = bench.sent[31].clone();
    let mut ack = going(&last, 32, &[]);
    ack.credit = 40;
    bench.ack(server(1), ack.clone());
    let top = bench.sent.iter().map(|fragment| fragment.index).max();
    assert_eq!(top, Some(39));
    // Credit is never taken back.
    ack.credit = 0;
    ack.echo = bench.sent[35].packet;
    ack.first_missing = 40;
    bench.ack(server(1), ack);
    assert!(
        bench.wait(),
        "a timer is armed although nothing may be sent"
    );
}

#[test]
fn the_same_wish_again_is_ignored_while_it_runs_and_sent_after_it_ended() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 500);
    bench.send(server(1), 1, 500);
    assert_eq!(bench.sent.len(), 1);
    bench.send(server(2), 1, 500);
    assert_eq!(bench.sent.len(), 2);
    let word = ack_of(&bench.sent[0], TransferStatus::Complete);
    bench.ack(server(1), word);
    bench.later(1_000);
    bench.send(server(1), 1, 500);
    assert_eq!(bench.sent.len(), 3);
    assert_ne!(bench.sent[2].packet, bench.sent[0].packet);
}

#[test]
fn places_are_limited_and_given_to_those_who_wait() {
    let config = Config {
        transfers_max: 2,
        waiting_max: 1,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    for number in 1..=3 {
        bench.send(server(1), number, 500);
    }
    assert_eq!(bench.sent.len(), 2);
    assert!(bench.told.is_empty());
    bench.send(server(1), 4, 500);
    assert_eq!(bench.failure(), Some(SendFailure::Full));
    let word = ack_of(&bench.sent[0], TransferStatus::Complete);
    bench.ack(server(1), word);
    assert_eq!(bench.sent.len(), 3);
}

#[test]
fn what_is_cancelled_is_silent_for_ever_wherever_it_stood() {
    let config = Config {
        transfers_max: 1,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    bench.send(server(1), 1, 500);
    bench.send(server(1), 2, 500);
    bench.send(server(1), 3, 500);
    for number in [2, 1] {
        let (to, cargo) = (server(1), Cargo::MailState(number));
        bench.handle(Input::Cancel { to, cargo });
    }
    assert_eq!(bench.sent.len(), 2, "the third took the place of the first");
    let (to, cargo) = (server(1), Cargo::MailState(3));
    bench.handle(Input::Cancel { to, cargo });
    assert_eq!(bench.sender.deadline(), None);
    assert!(bench.told.is_empty());
}

#[test]
fn a_halted_sender_knows_nothing() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 100_000);
    bench.handle(Input::Halted);
    assert_eq!(bench.sender.deadline(), None);
    let count = bench.sent.len();
    let word = ack_of(&bench.sent[0], TransferStatus::Complete);
    bench.ack(server(1), word);
    assert!(bench.told.is_empty());
    assert_eq!(bench.sent.len(), count);
}

#[test]
fn a_small_message_is_not_behind_a_large_one_in_a_burst() {
    let mut bench = Bench::new(Config::lan());
    // Both wait for one place; when two get free at once, the small one leads.
    bench.sender.config.transfers_max = 0;
    bench.send(server(1), 1, 1_000 * FRAGMENT_BYTES);
    bench.send(server(1), 2, 500);
    bench.sender.config.transfers_max = 2;
    bench.handle(Input::Acked {
        from: server(1),
        acks: Vec::new(),
    });
    assert_eq!(bench.bursts, [(server(1), 33)]);
    assert!(bench.sent[0].total_bytes < 1_000);
    assert!(bench.sent[1].total_bytes > 1_000);
}

#[test]
fn one_call_sends_one_turn_and_the_rest_follows_at_once() {
    let config = Config {
        window_start: 200,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    bench.send(server(1), 1, 1_000 * FRAGMENT_BYTES);
    assert_eq!(bench.sent.len(), 64);
    assert_eq!(bench.sender.deadline(), Some(bench.now));
    let begun = bench.now;
    for count in [128, 192, 200] {
        bench.wait();
        assert_eq!((bench.now, bench.sent.len()), (begun, count));
    }
    assert!(bench.sender.deadline() > Some(begun));
}

#[test]
fn a_receiver_that_forgets_without_end_is_given_up() {
    let mut bench = Bench::new(Config::lan());
    bench.send(server(1), 1, 1_000 * FRAGMENT_BYTES);
    let mut rounds = 0;
    while bench.failure().is_none() {
        rounds += 1;
        assert!(rounds < 100, "never given up");
        let last = bench.sent.last().expect("something was sent").clone();
        let first_missing = if rounds % 2 == 1 { 20 } else { 0 };
        bench.later(2_000);
        bench.ack(server(1), going(&last, first_missing, &[]));
    }
    assert_eq!(bench.failure(), Some(SendFailure::Silent));
}

proptest! {
    #[test]
    fn hostile_acknowledgements_never_panic_nor_keep_a_transfer_for_ever(
        words in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_u32..70_000, any::<u32>(), 0_u8..12,
                prop::collection::vec(prop_oneof![Just(0), Just(u64::MAX), any::<u64>()], 0..20)),
            0..120,
        ),
        size in 0_usize..300_000,
    ) {
        let mut bench = Bench::new(Config::lan());
        bench.send(server(1), 1, size);
        for (echoed, first_missing, credit, kind, blocks) in words {
            let fragment = echoed.get(&bench.sent).clone();
            let mut ack = going(&fragment, first_missing % 300, &blocks);
            ack.credit = credit;
            match kind {
                0 => ack.status = TransferStatus::Busy,
                1 => ack.echo = credit,
                2 => ack.first_missing = u32::MAX - first_missing,
                3 => { bench.wait(); }
                _ => {}
            }
            bench.later(u64::from(credit % 3_000));
            bench.ack(server(1), ack);
        }
        let mut waits = 0;
        while bench.wait() {
            waits += 1;
            prop_assert!(waits < 2_000, "never ends");
        }
        let ends = bench.told.iter().filter(|told| !matches!(told, Output::Progress { .. }));
        prop_assert_eq!(ends.count(), 1);
    }
}
