use crate::proto::ids::LetterId;
use crate::proto::packet::{Packet, Party};
use crate::transport::contract::{Moved, SendFailure};

use self::net::Net;

mod hostile;
mod net;
mod reach;

const CLIENT: usize = 3;
const OTHER: usize = 4;

fn is_delivered(moved: &Moved) -> bool {
    matches!(moved, Moved::Delivered { .. })
}

fn packet(number: u8) -> Packet {
    Packet::LetterKept(LetterId([number; 16]))
}

#[test]
fn a_packet_to_a_server_takes_a_handshake_and_then_half_a_round_trip() {
    let mut net = Net::new(1, 3, 2);
    let begin = net.now_us;
    net.say(CLIENT, 0, packet(1));
    assert!(net.run(1_000, &|net| net.packets(0) == 1));
    assert_eq!(net.now_us - begin, 30_000);
    assert_eq!(net.hosts[0].heard[0].from, net.hosts[CLIENT].party);
    assert_eq!(net.hosts[0].heard[0].at, net.hosts[CLIENT].address);
    let begin = net.now_us;
    net.say(0, CLIENT, packet(2));
    assert!(net.run(1_000, &|net| net.packets(CLIENT) == 1));
    assert_eq!(net.now_us - begin, 10_000);
    assert_eq!(
        net.hosts[CLIENT].heard[0].from,
        Party::Server(crate::proto::ids::NodeId(1))
    );
}

#[test]
fn a_message_of_two_megabytes_arrives_whole_and_is_delivered() {
    let mut net = Net::new(2, 3, 2);
    let body = Net::body(2_000_000);
    net.send(CLIENT, 1, 7, &body);
    assert!(net.run(5_000, &|net| net.count(CLIENT, &is_delivered) == 1));
    assert!(net.received(1) == [body]);
    assert!(net.bytes < 2_200_000, "{} bytes", net.bytes);
}

#[test]
fn messages_arrive_through_heavy_loss() {
    for seed in 0..5 {
        let mut net = Net::new(seed, 3, 2);
        net.loss = 0.2;
        let body = Net::body(300_000);
        net.send(CLIENT, 1, 7, &body);
        assert!(
            net.run(9_000, &|net| net.count(CLIENT, &is_delivered) == 1),
            "seed {seed}: {:?}",
            net.hosts[CLIENT].endpoint.counts()
        );
        assert!(net.received(1) == [body]);
    }
}

#[test]
fn users_talk_directly_once_they_are_introduced() {
    let mut net = Net::new(3, 3, 2);
    net.introduce(CLIENT, OTHER);
    net.say(CLIENT, OTHER, packet(1));
    assert!(net.run(1_000, &|net| net.packets(OTHER) == 1));
    assert_eq!(net.hosts[OTHER].heard[0].from, net.hosts[CLIENT].party);
    net.say(OTHER, CLIENT, packet(2));
    assert!(net.run(1_000, &|net| net.packets(CLIENT) == 1));
}

#[test]
fn both_may_begin_at_once() {
    let mut net = Net::new(4, 3, 2);
    net.introduce(CLIENT, OTHER);
    net.introduce(OTHER, CLIENT);
    net.say(CLIENT, OTHER, packet(1));
    net.say(OTHER, CLIENT, packet(2));
    assert!(net.run(1_000, &|net| net.packets(OTHER) == 1
        && net.packets(CLIENT) == 1));
}

/// The one that yields heard of the session that the other end had declined when it repeated its
/// initiation, and what was under way began anew in a session that nobody knew.
#[test]
fn who_yields_never_hears_of_a_session_that_was_declined() {
    let mut net = Net::new(4, 3, 2);
    net.delay_us = 70_000;
    net.introduce(CLIENT, OTHER);
    net.introduce(OTHER, CLIENT);
    net.send(CLIENT, OTHER, 7, &Net::body(200_000));
    net.send(OTHER, CLIENT, 7, &Net::body(200_000));
    assert!(net.run(3_000, &|net| {
        [CLIENT, OTHER]
            .iter()
            .all(|place| net.count(*place, &is_delivered) == 1)
    }));
    assert!(net.bytes < 450_000, "{} bytes", net.bytes);
    net.run(3_000, &|_| false);
    for place in [CLIENT, OTHER] {
        let counts = net.hosts[place].endpoint.counts();
        assert!(
            !counts.dropped.contains_key("unknown session"),
            "{counts:?}"
        );
    }
}

/// An attempt that was declined while both began is taken when the other's has come to nothing.
#[test]
fn who_yields_gets_in_when_the_other_attempt_never_arrives() {
    for (preferred, place) in [(CLIENT, OTHER), (OTHER, CLIENT)] {
        let mut net = Net::new(4, 3, 2);
        net.introduce(CLIENT, OTHER);
        net.introduce(OTHER, CLIENT);
        net.one_way = Some((preferred, place));
        net.say(preferred, place, packet(1));
        net.say(place, preferred, packet(2));
        net.run(2_500, &|_| false);
        net.one_way = None;
        assert!(net.run(3_000, &|net| net.packets(OTHER) == 1
            && net.packets(CLIENT) == 1));
        let counts = net.hosts[preferred].endpoint.counts();
        assert!(
            !counts.dropped.contains_key("unknown session"),
            "{counts:?}"
        );
    }
}

#[test]
fn a_server_that_was_started_anew_is_found_again_at_once() {
    let mut net = Net::new(5, 3, 2);
    net.say(CLIENT, 0, packet(1));
    assert!(net.run(1_000, &|net| net.packets(0) == 1));
    net.restart(0, 3, &|_| {});
    let begin = net.now_us;
    net.say(CLIENT, 0, packet(2));
    assert!(net.run(1_000, &|net| net.packets(0) == 1));
    assert!(net.now_us - begin < 100_000, "{} us", net.now_us - begin);
}

#[test]
fn a_client_that_was_started_anew_is_heard_at_once() {
    let mut net = Net::new(6, 3, 2);
    net.say(CLIENT, 0, packet(1));
    assert!(net.run(1_000, &|net| net.packets(0) == 1));
    net.restart(CLIENT, 3, &|_| {});
    net.say(CLIENT, 0, packet(2));
    assert!(net.run(1_000, &|net| net.packets(0) == 2));
    net.say(0, CLIENT, packet(3));
    assert!(net.run(1_000, &|net| net.packets(CLIENT) == 1));
}

#[test]
fn a_transfer_goes_on_through_a_restart_of_its_receiver() {
    let mut net = Net::new(7, 3, 2);
    net.delay_us = 1_000;
    let body = Net::body(20_000_000);
    net.send(CLIENT, 1, 7, &body);
    net.run(20, &|_| false);
    assert!(net.received(1).is_empty());
    net.restart(1, 3, &|_| {});
    assert!(net.run(9_000, &|net| net.count(CLIENT, &is_delivered) == 1));
    assert!(net.received(1) == [body]);
}

#[test]
fn nobody_answers_and_the_message_fails_in_time() {
    let mut net = Net::new(8, 3, 2);
    net.hosts[1].is_up = false;
    net.send(CLIENT, 1, 7, &Net::body(5_000));
    let failed = |moved: &Moved| {
        matches!(
            moved,
            Moved::Failed {
                reason: SendFailure::Silent,
                ..
            }
        )
    };
    assert!(net.run(12_000, &|net| net.count(CLIENT, &failed) == 1));
}

#[test]
fn a_path_that_carries_little_is_found_out() {
    let mut net = Net::new(9, 3, 2);
    net.mtu = 1_300;
    let body = Net::body(500_000);
    net.send(CLIENT, 1, 7, &body);
    assert!(net.run(5_000, &|net| net.count(CLIENT, &is_delivered) == 1));
    assert!(net.received(1) == [body]);
}

#[test]
fn a_path_that_becomes_narrow_is_found_out() {
    let mut net = Net::new(10, 3, 2);
    let body = Net::body(3_000_000);
    net.send(CLIENT, 1, 7, &body);
    net.run(90, &|_| false);
    assert!(net.received(1).is_empty());
    net.mtu = 1_300;
    assert!(
        net.run(9_000, &|net| net.count(CLIENT, &is_delivered) == 1),
        "{:?}",
        net.hosts[CLIENT].endpoint.counts()
    );
    assert!(net.received(1) == [body]);
}

#[test]
fn a_session_follows_a_client_to_a_new_address() {
    let mut net = Net::new(11, 3, 2);
    net.say(CLIENT, 0, packet(1));
    assert!(net.run(1_000, &|net| net.packets(0) == 1));
    net.hosts[CLIENT].address = net::address(77);
    net.say(CLIENT, 0, packet(2));
    assert!(net.run(1_000, &|net| net.packets(0) == 2));
    assert_eq!(net.hosts[0].heard[1].at, net::address(77));
    net.send(0, CLIENT, 7, &Net::body(100_000));
    assert!(net.run(2_000, &|net| net.count(0, &is_delivered) == 1));
}

#[test]
fn a_session_that_goes_on_from_an_earlier_one_asks_at_once() {
    let mut net = Net::new(12, 3, 2);
    net.say(CLIENT, 0, packet(1));
    assert!(net.run(1_000, &|net| net.packets(0) == 1));
    net.run(400_000, &|_| false);
    assert_eq!(net.hosts[CLIENT].endpoint.counts().sessions, 1);
    let begin = net.now_us;
    net.say(CLIENT, 0, packet(2));
    assert!(net.run(1_000, &|net| net.packets(0) == 2));
    assert_eq!(net.now_us - begin, net.delay_us);
    net.say(0, CLIENT, packet(3));
    assert!(net.run(1_000, &|net| net.packets(CLIENT) == 1));
    assert_eq!(net.now_us - begin, 2 * net.delay_us);
    net.send(CLIENT, 0, 7, &Net::body(300_000));
    assert!(net.run(2_000, &|net| net.count(CLIENT, &is_delivered) == 1));
    assert_eq!(net.hosts[0].endpoint.counts().sessions, 2);
}

#[test]
fn a_ticket_that_is_not_known_costs_one_round_trip() {
    let mut net = Net::new(13, 3, 2);
    net.say(CLIENT, 0, packet(1));
    assert!(net.run(1_000, &|net| net.packets(0) == 1));
    net.run(400_000, &|_| false);
    net.restart(0, 3, &|_| {});
    let begin = net.now_us;
    net.say(CLIENT, 0, packet(2));
    assert!(net.run(1_000, &|net| net.packets(0) == 1));
    assert_eq!(net.now_us - begin, 5 * net.delay_us);
}

#[test]
fn early_messages_arrive_through_heavy_loss() {
    for seed in 20..30 {
        let mut net = Net::new(seed, 3, 2);
        net.say(CLIENT, 0, packet(1));
        assert!(net.run(1_000, &|net| net.packets(0) == 1));
        net.run(400_000, &|_| false);
        net.loss = 0.2;
        let body = Net::body(30_000);
        net.send(CLIENT, 0, 7, &body);
        assert!(
            net.run(9_000, &|net| net.count(CLIENT, &is_delivered) == 1),
            "{seed}"
        );
        assert!(net.received(0) == [body]);
    }
}

#[test]
fn large_messages_in_a_row_do_not_become_slower_on_a_path_that_loses_and_jitters() {
    let mut net = Net::new(3, 3, 2);
    (net.loss, net.rate_mbit) = (0.05, 700);
    (net.delay_us, net.spread_us) = (1_000, 2_000);
    let body = Net::body(7_900_000);
    let mut took_ms = Vec::new();
    for number in 1..=16 {
        let begin = net.now_us;
        net.send(1, CLIENT, number as u64, &body);
        if number == 1 {
            net.say(CLIENT, 1, packet(1));
        }
        let all = |net: &Net| net.count(1, &is_delivered) == number;
        assert!(net.run(5_000, &all), "message {number} after {took_ms:?}");
        took_ms.push((net.now_us - begin) / 1_000);
        net.run(2_000, &|_| false);
    }
    let early = took_ms[..4].iter().max().copied().unwrap_or(0);
    let late = took_ms[12..].iter().max().copied().unwrap_or(0);
    assert!(late < 2 * early, "{took_ms:?}");
}
