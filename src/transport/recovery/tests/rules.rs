//! The rules one by one, each trap with its name.

use super::super::sent::RING_MAX;
use super::super::{Ack, AckResult, Algorithm, Config, Due, Kind, Outcome, Permit, Recovery};
use crate::time::Moment;

const DATAGRAM: usize = 1_200;

fn at_us(micros: u64) -> Moment {
    Moment::from_micros(micros)
}

fn new() -> Recovery<u64> {
    Recovery::new(Config::lan(), at_us(0))
}

fn send(recovery: &mut Recovery<u64>, now_us: u64) -> u64 {
    let number = recovery.next_number();
    recovery.on_sent(at_us(now_us), DATAGRAM, Kind::Eliciting, number)
}

/// Acknowledges `words` from `largest` down; gives the numbers acknowledged and lost.
fn ack(
    recovery: &mut Recovery<u64>,
    now_us: u64,
    largest: u64,
    words: &[u64],
) -> (AckResult, Vec<u64>, Vec<u64>) {
    let (mut acked, mut lost) = (Vec::new(), Vec::new());
    let ack = Ack {
        largest,
        delay_us: 0,
        words,
        marks: None,
    };
    let result = recovery.on_ack(at_us(now_us), &ack, &mut |outcome| match outcome {
        Outcome::Acked(packet) => acked.push(packet.carried),
        Outcome::Lost(packet) => lost.push(packet.carried),
    });
    (result, acked, lost)
}

fn deadline(recovery: &mut Recovery<u64>) -> (u64, Due, usize) {
    let due = recovery.deadline().expect("something is in flight");
    let mut lost = 0;
    let what = recovery.on_deadline(due, &mut |_| lost += 1);
    (due.as_micros(), what, lost)
}

#[test]
fn three_packets_later_a_packet_is_lost() {
    let mut recovery = new();
    for _ in 0..4 {
        send(&mut recovery, 0);
    }
    assert_eq!(
        ack(&mut recovery, 20_000, 2, &[0b1]),
        (AckResult::News, vec![2], vec![])
    );
    let (_, acked, lost) = ack(&mut recovery, 20_100, 3, &[0b11]);
    assert_eq!((acked, lost), (vec![3], vec![0]));
    assert_eq!(recovery.in_flight_bytes(), DATAGRAM as u64);
}

#[test]
fn a_quarter_of_a_round_trip_later_a_packet_is_lost() {
    let mut recovery = new();
    for _ in 0..2 {
        send(&mut recovery, 0);
    }
    ack(&mut recovery, 20_000, 1, &[0b1]);
    assert_eq!(deadline(&mut recovery), (25_000, Due::Losses, 1));
    assert_eq!((recovery.in_flight_bytes(), recovery.deadline()), (0, None));
}

#[test]
fn a_late_packet_is_not_handed_out_again_and_widens_the_window() {
    let mut recovery = new();
    for _ in 0..10 {
        send(&mut recovery, 0);
    }
    let (_, _, lost) = ack(&mut recovery, 20_000, 9, &[0b1]);
    assert_eq!(lost, (0..=6).collect::<Vec<_>>());
    let (result, acked, lost) = ack(&mut recovery, 21_000, 9, &[0b11_1111_1111]);
    assert_eq!((result, acked, lost), (AckResult::News, vec![7, 8], vec![]));
    assert_eq!(recovery.counters().spurious, 7);
    // Nine behind was proven: nine behind is no loss any more.
    for _ in 0..10 {
        send(&mut recovery, 30_000);
    }
    let (_, _, lost) = ack(&mut recovery, 50_000, 19, &[0b1]);
    assert_eq!(lost, Vec::<u64>::new());
}

#[test]
fn a_strangers_acknowledgement_changes_nothing() {
    let mut recovery = new();
    send(&mut recovery, 0);
    for largest in [1, 64, u64::MAX] {
        let (result, acked, lost) = ack(&mut recovery, 20_000, largest, &[u64::MAX; 16]);
        assert_eq!(
            (result, acked.len(), lost.len()),
            (AckResult::Stranger, 0, 0)
        );
    }
    assert_eq!(recovery.counters().strangers, 3);
    assert_eq!(recovery.in_flight_bytes(), DATAGRAM as u64);
    assert!(!recovery.has_rtt());
}

#[test]
fn bits_below_the_first_number_mean_nothing() {
    let mut recovery = new();
    for _ in 0..70 {
        send(&mut recovery, 0);
    }
    let (_, acked, lost) = ack(&mut recovery, 20_000, 69, &[u64::MAX; 40]);
    assert_eq!(acked, (0..70).collect::<Vec<_>>());
    assert!(lost.is_empty());
}

#[test]
fn the_same_acknowledgement_again_is_old() {
    let mut recovery = new();
    send(&mut recovery, 0);
    assert_eq!(ack(&mut recovery, 20_000, 0, &[1]).0, AckResult::News);
    assert_eq!(ack(&mut recovery, 20_000, 0, &[1]).0, AckResult::Old);
}

#[test]
fn silent_packets_are_never_in_flight_nor_lost() {
    let mut recovery = new();
    for now_us in 0..1_000 {
        recovery.on_sent(at_us(now_us), 60, Kind::Silent, 0);
    }
    assert_eq!((recovery.in_flight_bytes(), recovery.deadline()), (0, None));
    assert_eq!(send(&mut recovery, 2_000), 1_000);
    let (_, acked, lost) = ack(&mut recovery, 20_000, 1_000, &[u64::MAX; 16]);
    assert_eq!((acked, lost.len()), (vec![1_000], 0));
}

#[test]
fn the_probe_timer_is_armed_while_the_window_is_full_and_a_lost_window_recovers() {
    let mut recovery = new();
    let mut sent = 0;
    while recovery.permit(at_us(0)) != Permit::Blocked {
        send(&mut recovery, 0);
        sent += 1;
    }
    assert_eq!(sent, 32);
    let mut waits = Vec::new();
    let mut last_us = 0;
    for probe in 0..12 {
        let (due_us, what, _) = deadline(&mut recovery);
        assert_eq!((what, recovery.pto_count()), (Due::Probe, probe + 1));
        waits.push(due_us - last_us);
        last_us = due_us;
        send(&mut recovery, due_us);
    }
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
    assert_eq!(waits.last(), Some(&2_000_000), "capped");
    let newest = recovery.next_number() - 1;
    let (_, acked, lost) = ack(&mut recovery, last_us + 20_000, newest, &[1]);
    assert_eq!(acked, vec![newest]);
    assert_eq!(lost.len(), 32 + 12 - 1);
    assert_eq!(recovery.pto_count(), 0);
    assert!(matches!(
        recovery.permit(at_us(last_us + 30_000)),
        Permit::Now { .. }
    ));
}

#[test]
fn a_short_answer_after_a_silence_is_not_paced() {
    let mut recovery = Recovery::new(
        Config {
            window_start_packets: 16,
            ..Config::lan()
        },
        at_us(0),
    );
    // A slow measurement: one small packet, 100 ms.
    send(&mut recovery, 0);
    recovery.app_limited(at_us(0));
    ack(&mut recovery, 100_000, 0, &[1]);
    for round in 1..20 {
        let now_us = round * 1_000_000;
        let Permit::Now { bytes } = recovery.permit(at_us(now_us)) else {
            panic!("round {round} has to wait");
        };
        assert!(bytes >= 16 * DATAGRAM, "{bytes}");
        let number = send(&mut recovery, now_us);
        recovery.app_limited(at_us(now_us));
        ack(&mut recovery, now_us + 100_000, number, &[1]);
    }
}

#[test]
fn the_loss_of_a_size_probe_is_not_congestion() {
    let mut recovery = new();
    for number in 0..20 {
        if number == 10 {
            recovery.on_sent(at_us(0), 1_472, Kind::Probe(1_472), number);
        } else {
            send(&mut recovery, 0);
        }
    }
    let mut probed = None;
    let report = Ack {
        largest: 19,
        delay_us: 0,
        words: &[0xf_ffff & !(1 << 9)],
        marks: None,
    };
    let window = recovery.window_bytes();
    recovery.on_ack(at_us(20_000), &report, &mut |outcome| {
        if let Outcome::Lost(packet) = outcome {
            probed = packet.probed_bytes;
        }
    });
    assert_eq!(probed, Some(1_472));
    assert!(
        recovery.window_bytes() > window,
        "it grew by what was acknowledged"
    );
}

#[test]
fn a_full_ring_hands_its_oldest_out_and_gives_no_permit() {
    let mut recovery = new();
    send(&mut recovery, 0);
    for _ in 1..RING_MAX {
        recovery.on_sent(at_us(0), 60, Kind::Silent, 0);
    }
    assert_eq!(recovery.permit(at_us(10_000_000)), Permit::Blocked);
    recovery.on_sent(at_us(0), 60, Kind::Silent, 0);
    assert_eq!(recovery.in_flight_bytes(), 0);
    assert_eq!(deadline(&mut recovery), (0, Due::Losses, 1));
    assert_eq!(recovery.deadline(), None);
    assert!(matches!(
        recovery.permit(at_us(10_000_000)),
        Permit::Now { .. }
    ));
}

#[test]
fn abandoning_hands_everything_out_and_numbers_go_on() {
    let mut recovery = new();
    for _ in 0..5 {
        send(&mut recovery, 0);
    }
    ack(&mut recovery, 20_000, 0, &[1]);
    let mut lost = Vec::new();
    recovery.path_changed(at_us(30_000), &mut |outcome| {
        if let Outcome::Lost(packet) = outcome {
            lost.push(packet.carried);
        }
    });
    assert_eq!(lost, vec![1, 2, 3, 4]);
    assert_eq!((recovery.in_flight_bytes(), recovery.deadline()), (0, None));
    assert!(!recovery.has_rtt());
    assert_eq!(send(&mut recovery, 40_000), 5);
    // What was abandoned may still be acknowledged: it is news to nobody.
    assert_eq!(ack(&mut recovery, 50_000, 4, &[0b11111]).0, AckResult::Old);
}

#[test]
fn round_trips_of_loopback_are_told_apart() {
    let mut recovery = new();
    let mut now_us = 0;
    for _ in 0..50 {
        let number = send(&mut recovery, now_us);
        ack(&mut recovery, now_us + 37, number, &[1]);
        now_us += 1_000;
    }
    assert_eq!(recovery.min_rtt().as_micros(), 37);
    assert_eq!(recovery.smoothed_rtt().as_micros(), 37);
}

#[test]
fn pacing_never_waits_longer_than_a_round_trip_or_two() {
    // The only samples are too short to tell a rate, and losses end start-up.
    let mut recovery = new();
    let mut now_us = 0;
    for round in 0..50 {
        let first = recovery.next_number();
        for _ in 0..16 {
            send(&mut recovery, now_us);
        }
        now_us += if round == 0 { 100 } else { 100_000 };
        ack(&mut recovery, now_us, first + 15, &[1]);
        if let Permit::At(at) = recovery.permit(at_us(now_us)) {
            assert!(at <= at_us(now_us + 200_000), "{at:?} at {now_us}");
        }
    }
}

/// Sixteen packets per round trip of 20 ms, all acknowledged, with a count of marks.
fn marked_rounds(recovery: &mut Recovery<u64>, rounds: u64, marks: impl Fn(u64) -> u64) {
    let base_us = recovery.next_number() * 2_000;
    for round in 0..rounds {
        let now_us = base_us + round * 20_000;
        for _ in 0..16 {
            send(recovery, now_us);
        }
        let report = Ack {
            largest: recovery.next_number() - 1,
            delay_us: 0,
            words: &[0xffff],
            marks: Some(marks(round)),
        };
        recovery.on_ack(at_us(now_us + 20_000), &report, &mut |_| {});
    }
}

#[test]
fn marks_of_congestion_make_both_algorithms_send_less() {
    for congestion in [Algorithm::Bbr, Algorithm::Cubic] {
        let mut windows = [0, 0];
        for (window, marking) in windows.iter_mut().zip([false, true]) {
            let config = Config {
                congestion,
                window_start_packets: 16,
                ..Config::lan()
            };
            let mut recovery = Recovery::new(config, at_us(0));
            marked_rounds(&mut recovery, 12, |round| u64::from(marking) * round);
            *window = recovery.window_bytes();
        }
        assert!(windows[1] < windows[0], "{congestion:?}: {windows:?}");
    }
}
