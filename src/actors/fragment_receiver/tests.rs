//! The receiver alone: fragments by hand.

use proptest::prelude::*;

use super::*;
use crate::proto::cargo::Manifest;
use crate::proto::codec;
use crate::proto::ids::{Digest, NodeId};
use crate::proto::limits::{ACK_BLOCKS, FRAGMENT_BYTES};

const CARGO: Cargo = Cargo::DirectoryState(7);

fn server(number: u8) -> Party {
    Party::Server(NodeId(number))
}

fn body_of(size: usize) -> Bytes {
    (0..size).map(|n| (n * 31 + (n >> 8) * 7) as u8).collect()
}

/// The fragments of a message, numbered from 0, with the digest as given.
fn cut(body: &Bytes, digest: Digest) -> Vec<Fragment> {
    let manifest = Manifest {
        cargo: CARGO,
        size_bytes: body.len() as u32,
        digest,
    };
    let encoded = codec::encode(&manifest);
    let mut message = (encoded.len() as u16).to_le_bytes().to_vec();
    message.extend_from_slice(&encoded);
    message.extend_from_slice(body);
    raw(manifest.transfer_id(&encoded), &message)
}

fn raw(transfer: TransferId, message: &[u8]) -> Vec<Fragment> {
    let pieces = message.chunks(FRAGMENT_BYTES).zip(0..);
    let fragments = pieces.map(|(piece, index)| Fragment {
        transfer,
        packet: index,
        index,
        total_bytes: message.len() as u32,
        data: Bytes::copy_from_slice(piece),
    });
    fragments.collect()
}

fn fragments_of_size(size: usize) -> (Bytes, Vec<Fragment>) {
    let body = body_of(size);
    let fragments = cut(&body, Digest::of(&body));
    (body, fragments)
}

struct Bench {
    receiver: FragmentReceiver,
    now: Moment,
}

impl Bench {
    fn new(config: Config) -> Self {
        Self {
            receiver: FragmentReceiver::new(config),
            now: Moment::from_millis(1),
        }
    }

    /// Lets a batch arrive. Returns the acknowledgements and everything else.
    fn arrive(&mut self, from: Party, fragments: &[Fragment]) -> (Vec<FragmentAck>, Vec<Output>) {
        let mut out = Outbox::new();
        let fragments = fragments.to_vec();
        let input = Input::Arrived { from, fragments };
        self.receiver.handle(self.now, input, &mut out);
        let mut acks = Vec::new();
        let mut news = Vec::new();
        for order in out.take() {
            let Output::Transmit { to, packets } = order else {
                news.push(order);
                continue;
            };
            assert_eq!(to, from);
            for packet in packets {
                let Packet::FragmentAck(ack) = packet else {
                    panic!("only acknowledgements");
                };
                assert!(ack.blocks.len() <= ACK_BLOCKS);
                acks.push(ack);
            }
        }
        (acks, news)
    }

    fn last_ack(&mut self, from: Party, fragments: &[Fragment]) -> FragmentAck {
        let (mut acks, _) = self.arrive(from, fragments);
        acks.pop().expect("an acknowledgement")
    }

    fn later(&mut self, millis: u64) {
        self.now = Moment::from_micros(self.now.as_micros() + millis * 1_000);
        while self.receiver.deadline().is_some_and(|at| at <= self.now) {
            let before = self.receiver.deadline();
            self.receiver.on_deadline(self.now, &mut Outbox::new());
            assert!(self.receiver.deadline() != before, "the deadline moves on");
        }
    }
}

fn received(body: &Bytes) -> Output {
    Output::Received {
        from: server(1),
        cargo: CARGO,
        body: body.clone(),
    }
}

#[test]
fn a_message_is_announced_then_told_of_and_handed_on_once() {
    let (body, fragments) = fragments_of_size(3_000);
    let mut bench = Bench::new(Config::lan());
    let (acks, news) = bench.arrive(server(1), &fragments[..2]);
    assert_eq!(acks.last().map(|ack| ack.first_missing), Some(2));
    assert!(matches!(
        news[0],
        Output::Started {
            size_bytes: 3_000,
            ..
        }
    ));
    assert!(matches!(
        news[1],
        Output::Progress {
            total_bytes: 3_000,
            ..
        }
    ));
    assert_eq!(news.len(), 2);
    let (acks, news) = bench.arrive(server(1), &fragments[2..]);
    assert_eq!(news, [received(&body)]);
    assert_eq!(acks.len(), 1);
    assert_eq!(acks[0].status, TransferStatus::Complete);
    assert_eq!(acks[0].first_missing, 3);
    assert_eq!(bench.receiver.memory_bytes(), 0);
    let (acks, news) = bench.arrive(server(1), &fragments);
    assert!(news.is_empty(), "told once");
    assert_eq!(acks.len(), 1);
    assert_eq!(acks[0].status, TransferStatus::Complete);
}

#[test]
fn an_empty_body_is_a_message() {
    let (body, fragments) = fragments_of_size(0);
    let mut bench = Bench::new(Config::lan());
    let (_, news) = bench.arrive(server(1), &fragments);
    assert_eq!(news.last(), Some(&received(&body)));
}

#[test]
fn the_same_transfer_of_two_senders_is_two_transfers() {
    let (_, fragments) = fragments_of_size(3_000);
    let mut bench = Bench::new(Config::lan());
    bench.arrive(server(1), &fragments[..1]);
    let ack = bench.last_ack(server(2), &fragments[1..]);
    assert_eq!(ack.first_missing, 0);
    assert_eq!(ack.blocks, [0b110]);
}

#[test]
fn a_batch_is_acknowledged_at_its_start_every_sixteen_at_gaps_and_at_its_end() {
    let (_, fragments) = fragments_of_size(100 * FRAGMENT_BYTES);
    let mut bench = Bench::new(Config::lan());
    let (acks, _) = bench.arrive(server(1), &fragments[..40]);
    let echoes: Vec<u32> = acks.iter().map(|ack| ack.echo).collect();
    assert_eq!(echoes, [0, 16, 32, 39]);
    let (acks, _) = bench.arrive(server(1), &fragments[42..44]);
    let seen: Vec<_> = acks
        .iter()
        .map(|ack| (ack.echo, ack.first_missing))
        .collect();
    assert_eq!(seen, [(42, 40), (43, 40)]);
    assert_eq!(acks[1].blocks, [((1_u64 << 44) - 1) & !(0b11 << 40)]);
    assert_eq!(acks[1].credit, fragments.len() as u32);
}

#[test]
fn the_bitmap_begins_at_the_block_of_the_first_missing_fragment() {
    let (_, fragments) = fragments_of_size(300 * FRAGMENT_BYTES);
    let mut bench = Bench::new(Config::lan());
    bench.arrive(server(1), &fragments[..70]);
    let ack = bench.last_ack(server(1), &fragments[130..131]);
    assert_eq!(ack.first_missing, 70);
    assert_eq!(ack.blocks, [0b11_1111, 0b100]);
}

#[test]
fn a_wrong_digest_or_manifest_is_damage_and_leaves_nothing_behind() {
    let body = body_of(5_000);
    let mut wrong_digest = cut(&body, Digest::of(b"something else"));
    let (_, mut wrong_name) = fragments_of_size(5_000);
    for fragment in &mut wrong_name {
        fragment.transfer = TransferId([9; 16]);
    }
    let no_manifest = raw(TransferId([8; 16]), &[0xff; 5_000]);
    let one_byte = raw(TransferId([7; 16]), &[0]);
    wrong_digest.reverse();
    for fragments in [wrong_digest, wrong_name, no_manifest, one_byte] {
        let mut bench = Bench::new(Config::lan());
        let (acks, news) = bench.arrive(server(1), &fragments);
        let status = acks.last().map(|ack| ack.status);
        assert_eq!(status, Some(TransferStatus::Damaged));
        assert!(
            !news
                .iter()
                .any(|told| matches!(told, Output::Received { .. }))
        );
        assert_eq!(bench.receiver.memory_bytes(), 0);
        assert_eq!(bench.receiver.deadline(), None);
    }
}

#[test]
fn a_manifest_that_announces_another_size_is_damage() {
    let (_, fragments) = fragments_of_size(5_000);
    let whole: Vec<u8> = fragments.iter().flat_map(|f| f.data.to_vec()).collect();
    let longer = [whole.as_slice(), &[0]].concat();
    let mut bench = Bench::new(Config::lan());
    let ack = bench.last_ack(server(1), &raw(fragments[0].transfer, &longer));
    assert_eq!(ack.status, TransferStatus::Damaged);
}

#[test]
fn malformed_fragments_are_refused_and_change_nothing() {
    let (_, fragments) = fragments_of_size(5_000);
    let good = &fragments[1];
    let with = |change: &dyn Fn(&mut Fragment)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    let bad = [
        with(&|f| f.data = Bytes::new()),
        with(&|f| f.data = f.data.slice(1..)),
        with(&|f| f.data = Bytes::from(vec![0; FRAGMENT_BYTES + 1])),
        with(&|f| f.total_bytes = 0),
        with(&|f| f.total_bytes = u32::MAX),
        with(&|f| f.total_bytes = MESSAGE_MAX_BYTES as u32 + 1),
        with(&|f| f.index = 4),
    ];
    for fragment in bad {
        let mut bench = Bench::new(Config::lan());
        let ack = bench.last_ack(server(1), std::slice::from_ref(&fragment));
        assert_eq!(ack.status, TransferStatus::Refused, "{fragment:?}");
        assert_eq!(bench.receiver.deadline(), None, "no state");
    }
    for index in [5, u32::MAX] {
        let mut bench = Bench::new(Config::lan());
        let (acks, news) = bench.arrive(server(1), &[with(&|f| f.index = index)]);
        assert!(acks.is_empty() && news.is_empty(), "beyond is dropped");
    }
}

#[test]
fn another_size_within_a_transfer_is_refused_and_the_transfer_goes_on() {
    let (body, fragments) = fragments_of_size(5_000);
    let mut bench = Bench::new(Config::lan());
    bench.arrive(server(1), &fragments[..2]);
    let mut other = fragments[2].clone();
    other.total_bytes += 1;
    let ack = bench.last_ack(server(1), &[other]);
    assert_eq!(
        (ack.status, ack.first_missing),
        (TransferStatus::Refused, 2)
    );
    let (_, news) = bench.arrive(server(1), &fragments[2..]);
    assert_eq!(news, [received(&body)]);
}

#[test]
fn the_largest_message_may_begin() {
    let mut fragment = fragments_of_size(5_000).1.swap_remove(1);
    fragment.total_bytes = MESSAGE_MAX_BYTES as u32;
    let mut bench = Bench::new(Config::lan());
    let ack = bench.last_ack(server(1), &[fragment]);
    assert_eq!(ack.status, TransferStatus::Going);
    assert_eq!(bench.receiver.memory_bytes(), FRAGMENT_BYTES);
}

#[test]
fn fragments_beyond_the_credit_are_not_kept() {
    let config = Config {
        credit_fragments: 128,
        ..Config::lan()
    };
    let (_, fragments) = fragments_of_size(400 * FRAGMENT_BYTES);
    let mut bench = Bench::new(config);
    let ack = bench.last_ack(server(1), &fragments[127..129]);
    assert_eq!((ack.credit, ack.blocks), (128, vec![0, 1 << 63]));
    assert_eq!(bench.receiver.memory_bytes(), FRAGMENT_BYTES);
    let ack = bench.last_ack(server(1), &fragments[..64]);
    assert_eq!((ack.first_missing, ack.credit), (64, 192));
}

#[test]
fn gappy_fragments_of_huge_messages_cost_what_arrived() {
    let mut bench = Bench::new(Config::lan());
    let mut arrived = 0;
    for transfer in 0..32 {
        let spread = (0..1_024).step_by(if transfer % 2 == 0 { 64 } else { 2 });
        for index in spread {
            let fragment = Fragment {
                transfer: TransferId([transfer; 16]),
                packet: index,
                index,
                total_bytes: MESSAGE_MAX_BYTES as u32,
                data: Bytes::from(vec![1; FRAGMENT_BYTES]),
            };
            arrived += FRAGMENT_BYTES;
            bench.arrive(server(1), &[fragment]);
        }
    }
    assert!(bench.receiver.memory_bytes() <= arrived);
}

#[test]
fn fragments_in_order_cost_at_most_half_more_than_arrived() {
    let (_, fragments) = fragments_of_size(2_000 * FRAGMENT_BYTES);
    let mut bench = Bench::new(Config::lan());
    for (arrived, fragment) in (1..).zip(&fragments[..1_000]) {
        bench.arrive(server(1), std::slice::from_ref(fragment));
        let limit = arrived * FRAGMENT_BYTES * 3 / 2;
        assert!(bench.receiver.memory_bytes() <= limit);
    }
}

#[test]
fn transfers_are_limited_in_all_and_by_sender() {
    let config = Config {
        transfers_max: 3,
        transfers_per_sender: 2,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    let first_of = |transfer: u8| Fragment {
        transfer: TransferId([transfer; 16]),
        packet: 0,
        index: 1,
        total_bytes: 1_000_000,
        data: Bytes::from(vec![1; FRAGMENT_BYTES]),
    };
    let mut status = |from, transfer| bench.last_ack(server(from), &[first_of(transfer)]).status;
    assert_eq!(status(1, 1), TransferStatus::Going);
    assert_eq!(status(1, 2), TransferStatus::Going);
    assert_eq!(status(1, 3), TransferStatus::Busy);
    assert_eq!(status(2, 1), TransferStatus::Going);
    assert_eq!(status(2, 2), TransferStatus::Busy);
    assert_eq!(status(1, 2), TransferStatus::Going, "those inside go on");
    bench.later(Config::lan().idle_ms);
    assert_eq!(bench.receiver.memory_bytes(), 0);
    assert_eq!(bench.receiver.deadline(), None);
}

#[test]
fn memory_is_limited_and_free_again_when_a_message_is_whole() {
    let (body, fragments) = fragments_of_size(9 * FRAGMENT_BYTES);
    let (_, others) = fragments_of_size(20 * FRAGMENT_BYTES);
    let config = Config {
        memory_max_bytes: 10 * FRAGMENT_BYTES,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    bench.arrive(server(1), &fragments[1..9]);
    assert_eq!(bench.receiver.memory_bytes(), 8 * FRAGMENT_BYTES);
    assert_eq!(
        bench.last_ack(server(2), &others[5..6]).status,
        TransferStatus::Going
    );
    assert_eq!(
        bench.last_ack(server(2), &others[7..8]).status,
        TransferStatus::Going
    );
    let ack = bench.last_ack(server(2), &others[9..10]);
    assert_eq!(ack.status, TransferStatus::Busy);
    assert_eq!(bench.receiver.memory_bytes(), 10 * FRAGMENT_BYTES);
    bench.later(1);
    bench.receiver.config.memory_max_bytes = 30 * FRAGMENT_BYTES;
    let (_, news) = bench.arrive(server(1), &[&fragments[..1], &fragments[9..]].concat());
    assert_eq!(news.last(), Some(&received(&body)));
    assert_eq!(bench.receiver.memory_bytes(), 2 * FRAGMENT_BYTES);
    assert_eq!(
        bench.last_ack(server(2), &others[9..10]).status,
        TransferStatus::Going
    );
}

#[test]
fn a_partial_transfer_lives_as_long_as_something_comes() {
    let (body, fragments) = fragments_of_size(5_000);
    let mut bench = Bench::new(Config::lan());
    let idle_ms = Config::lan().idle_ms;
    bench.arrive(server(1), &fragments[..1]);
    bench.later(idle_ms - 1);
    bench.arrive(server(1), &fragments[..2]);
    bench.later(idle_ms - 1);
    let (_, news) = bench.arrive(server(1), &fragments[2..]);
    assert_eq!(news.last(), Some(&received(&body)));

    let mut bench = Bench::new(Config::lan());
    bench.arrive(server(1), &fragments[..2]);
    bench.later(idle_ms);
    assert_eq!(bench.last_ack(server(1), &fragments[2..3]).first_missing, 0);
}

#[test]
fn what_is_finished_is_remembered_for_a_while_and_up_to_a_count() {
    let (body, fragments) = fragments_of_size(100);
    let config = Config {
        remembered_max: 2,
        ..Config::lan()
    };
    let mut bench = Bench::new(config);
    for from in 1..=3 {
        bench.arrive(server(from), &fragments);
    }
    assert_eq!(bench.receiver.finished.len(), 2);
    let (_, news) = bench.arrive(server(3), &fragments);
    assert!(news.is_empty());
    let (_, news) = bench.arrive(server(1), &fragments);
    assert_eq!(
        news.last(),
        Some(&received(&body)),
        "pushed out, so new again"
    );
    bench.later(config.remember_ms);
    assert_eq!(bench.receiver.deadline(), None);
    let (_, news) = bench.arrive(server(1), &fragments);
    assert_eq!(
        news.last(),
        Some(&received(&body)),
        "forgotten, so new again"
    );
}

#[test]
fn a_halted_receiver_knows_nothing() {
    let (_, fragments) = fragments_of_size(5_000);
    let mut bench = Bench::new(Config::lan());
    bench.arrive(server(1), &fragments[..2]);
    bench.arrive(server(2), &fragments);
    let now = bench.now;
    bench
        .receiver
        .handle(now, Input::Halted, &mut Outbox::new());
    assert_eq!(bench.receiver.memory_bytes(), 0);
    assert_eq!(bench.receiver.deadline(), None);
    let ack = bench.last_ack(server(2), &fragments[4..]);
    assert_eq!((ack.first_missing, ack.status), (0, TransferStatus::Going));
}

proptest! {
    #[test]
    fn any_order_with_repeats_gives_the_message_once(
        size in 0_usize..60_000,
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..150),
        batch in 1_usize..64,
    ) {
        let (body, fragments) = fragments_of_size(size);
        let mut sequence: Vec<Fragment> =
            order.iter().map(|index| index.get(&fragments).clone()).collect();
        sequence.extend(fragments.iter().rev().cloned());
        let mut bench = Bench::new(Config::lan());
        let mut told = Vec::new();
        for part in sequence.chunks(batch) {
            told.extend(bench.arrive(server(1), part).1);
        }
        told.retain(|told| !matches!(told, Output::Progress { .. }));
        prop_assert_eq!(told.len(), 2);
        let is_started = matches!(told[0], Output::Started { .. });
        prop_assert!(is_started);
        prop_assert_eq!(&told[1], &received(&body));
        prop_assert_eq!(bench.receiver.memory_bytes(), 0);
    }

    #[test]
    fn hostile_fragments_never_panic_nor_cost_more_than_twice_what_arrived(
        hostile in prop::collection::vec(
            (0_u8..4, 0_u32..80, prop_oneof![Just(0_u32), Just(1), 1..200_000_u32, Just(64 << 20),
                Just(u32::MAX)], prop_oneof![Just(FRAGMENT_BYTES), 0_usize..1_200]),
            0..300,
        ),
    ) {
        let mut bench = Bench::new(Config::lan());
        let mut arrived = 0;
        for (transfer, index, total_bytes, length) in hostile {
            let fragment = Fragment {
                transfer: TransferId([transfer; 16]),
                packet: index.wrapping_mul(0x9e37_79b9),
                index: if index == 79 { u32::MAX } else { index },
                total_bytes,
                data: Bytes::from(vec![0x20; length]),
            };
            arrived += length;
            bench.arrive(server(transfer % 2), &[fragment]);
            prop_assert!(bench.receiver.memory_bytes() <= 2 * arrived);
        }
    }
}
