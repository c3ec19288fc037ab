//! The receiver of a flow: acknowledges the first packet, every sixteenth, at gaps, and after
//! half a millisecond.

use std::collections::{BTreeSet, VecDeque};

const ACK_EVERY: u32 = 16;
const ACK_DELAY_US: u64 = 500;
const ACK_WORDS: usize = 16;

/// The receiver's side of a flow.
#[derive(Default)]
pub(super) struct Receiver {
    numbers: VecDeque<bool>,
    first: u64,
    largest: Option<(u64, u64)>,
    pub(super) fragments: BTreeSet<u32>,
    unacked: u32,
    pub(super) ack_at_us: Option<u64>,
}

impl Receiver {
    /// Whether an acknowledgement must leave at once.
    pub(super) fn take(&mut self, now_us: u64, number: u64, fragment: u32) -> bool {
        let expected = self.largest.map_or(0, |(largest, _)| largest + 1);
        while self.first + (self.numbers.len() as u64) <= number {
            self.numbers.push_back(false);
        }
        if number >= self.first {
            self.numbers[(number - self.first) as usize] = true;
        }
        while self.numbers.len() > 64 * ACK_WORDS {
            self.numbers.pop_front();
            self.first += 1;
        }
        self.fragments.insert(fragment);
        let first_packet = self.largest.is_none();
        if number >= expected {
            self.largest = Some((number, now_us));
        }
        self.unacked += 1;
        self.ack_at_us.get_or_insert(now_us + ACK_DELAY_US);
        first_packet || number != expected || self.unacked >= ACK_EVERY
    }

    pub(super) fn ack(&mut self, now_us: u64) -> Option<Report> {
        let (largest, at_us) = self.largest?;
        self.unacked = 0;
        self.ack_at_us = None;
        let mut words = vec![0_u64; ACK_WORDS];
        for back in 0..64 * ACK_WORDS as u64 {
            let Some(number) = largest.checked_sub(back) else {
                break;
            };
            if number >= self.first && self.numbers[(number - self.first) as usize] {
                words[(back / 64) as usize] |= 1 << (back % 64);
            }
        }
        while words.last() == Some(&0) {
            words.pop();
        }
        Some(Report {
            largest,
            delay_us: (now_us - at_us) as u32,
            words,
        })
    }
}

/// An acknowledgement on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Report {
    pub(super) largest: u64,
    pub(super) delay_us: u32,
    pub(super) words: Vec<u64>,
}
