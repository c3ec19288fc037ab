//! Acknowledgements of whatever was and was not sent: every packet has one outcome, what is in
//! flight is what was sent and not settled, a deadline is armed while anything is in flight.

use core::time::Duration;
use std::collections::BTreeMap;

use pentimento::time::Moment;
use pentimento::transport::recovery::{Ack, AckResult, Algorithm, Config, Kind, Outcome, Recovery};

use crate::Input;

/// Packets that are sent in one call at the most.
const PACKETS_MAX: usize = 200;

/// A sequence of sending, acknowledging and waiting.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let congestion = match input.byte() % 2 {
        0 => Algorithm::Bbr,
        _ => Algorithm::Cubic,
    };
    let config = Config {
        congestion,
        ..Config::lan()
    };
    let mut now = Moment::from_millis(1);
    let mut recovery = Recovery::new(config, now);
    let mut flying = Flying::default();
    while !input.is_empty() && flying.sent < PACKETS_MAX {
        match input.byte() % 8 {
            0 | 1 => {
                let count = input.byte() % 32;
                let bytes = 30 + usize::from(input.short());
                for _ in 0..count {
                    recovery.permit(now);
                    let number = recovery.on_sent(now, bytes, Kind::Eliciting, bytes);
                    flying.add(number, bytes);
                }
            }
            2 => {
                recovery.on_sent(now, 50, Kind::Silent, 50);
            }
            3 => {
                let bytes = 1_200 + usize::from(input.short() % 8_000);
                let number = recovery.on_sent(now, bytes, Kind::Probe(bytes), bytes);
                flying.add(number, bytes);
            }
            4 | 5 => {
                let next = recovery.next_number();
                let largest = match input.byte() {
                    0xff => input.long() >> (input.byte() % 64),
                    below => next.saturating_sub(u64::from(below)),
                };
                let count = usize::from(input.byte() % 5);
                let words: Vec<u64> = (0..count).map(|_| input.long()).collect();
                let delay_us = input.word() >> (input.byte() % 32);
                let marks = (input.byte() == 7).then(|| input.long());
                let ack = Ack {
                    largest,
                    delay_us,
                    words: &words,
                    marks,
                };
                let result = recovery.on_ack(now, &ack, &mut |outcome| flying.settle(outcome));
                assert_eq!(result == AckResult::Stranger, largest >= next);
            }
            6 => now = now.after(Duration::from_micros(u64::from(input.number()) * 50)),
            _ => {
                if let Some(at) = recovery.deadline() {
                    now = now.max(at);
                }
                recovery.on_deadline(now, &mut |outcome| flying.settle(outcome));
            }
        }
        assert_eq!(recovery.in_flight_bytes(), flying.bytes as u64);
        assert!(
            flying.packets.is_empty() || recovery.deadline().is_some(),
            "armed while in flight"
        );
        assert!(recovery.window_bytes() > 0);
    }
    recovery.abandon(&mut |outcome| flying.settle(outcome));
    assert!(flying.packets.is_empty());
}

/// What was sent and has no outcome yet.
#[derive(Default)]
struct Flying {
    packets: BTreeMap<u64, usize>,
    bytes: usize,
    sent: usize,
}

impl Flying {
    fn add(&mut self, number: u64, bytes: usize) {
        let before = self.packets.insert(number, bytes);
        assert!(before.is_none(), "a number is used once");
        self.bytes += bytes;
        self.sent += 1;
    }

    fn settle(&mut self, outcome: Outcome<usize>) {
        let (Outcome::Acked(settled) | Outcome::Lost(settled)) = outcome;
        let sent = self.packets.remove(&settled.number);
        assert_eq!(sent, Some(settled.bytes), "one outcome each");
        assert_eq!(settled.carried, settled.bytes);
        self.bytes -= settled.bytes;
    }
}
