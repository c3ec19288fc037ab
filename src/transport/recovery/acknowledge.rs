//! What an acknowledgement, or its absence, means for the packets on their way.
//!
//! Settles packets as delivered, lost or found late, and keeps the counts of [`Recovery`] true;
//! when to ask is decided by the caller.

use super::congestion::LossSample;
use super::delivery_rate::Snapshot;
use super::sent::{Acknowledged, Taken};
use super::{Ack, Outcome, Recovery};

/// Records of lost packets are kept for this long at least.
const REMEMBERED_MIN_US: u64 = 10_000;

/// The newest packet of an acknowledgement.
pub(super) struct Newest {
    pub(super) number: u64,
    pub(super) at_us: u64,
    pub(super) in_flight: u64,
    pub(super) snapshot: Snapshot,
}

impl<T> Recovery<T> {
    /// Takes what `ack` acknowledges first out of the ring; gives the newest packet of it.
    pub(super) fn take_acked(
        &mut self,
        now_us: u64,
        ack: &Ack<'_>,
        outcome: &mut impl FnMut(Outcome<T>),
    ) -> Option<Newest> {
        let mut newest = None;
        for (place, word) in ack.words.iter().enumerate().rev() {
            let below = (place as u64).saturating_mul(u64::from(u64::BITS));
            let Some(top) = ack.largest.checked_sub(below) else {
                continue;
            };
            if *word == 0 || top < self.ring.first() {
                continue;
            }
            // Bit i of `numbers` is the number `low + i`.
            let low = top.saturating_sub(63);
            let numbers = word.reverse_bits() >> (63 - (top - low));
            let mut fresh = numbers & self.ring.open_from(low);
            while fresh != 0 {
                let number = low + u64::from(fresh.trailing_zeros());
                fresh &= fresh - 1;
                match self.ring.acknowledge(number) {
                    Acknowledged::First(taken) => {
                        newest = Some(self.deliver(now_us, taken, outcome));
                    }
                    Acknowledged::Late { at_us, bytes } => {
                        self.found(now_us, ack.largest, number, at_us, bytes);
                    }
                    Acknowledged::Nothing => {}
                }
            }
        }
        newest
    }

    fn deliver(
        &mut self,
        now_us: u64,
        taken: Taken<T>,
        outcome: &mut impl FnMut(Outcome<T>),
    ) -> Newest {
        let bytes = u64::from(taken.bytes);
        self.in_flight -= bytes;
        self.rate.on_delivered(now_us, bytes);
        self.counters.acked += 1;
        let newest = Newest {
            number: taken.number,
            at_us: taken.at_us,
            in_flight: u64::from(taken.in_flight),
            snapshot: taken.snapshot,
        };
        if self
            .largest_acked
            .is_some_and(|largest| taken.number < largest)
        {
            self.reordered_in_recovery = true;
        }
        outcome(Outcome::Acked(taken.settled()));
        newest
    }

    /// A packet that had been declared lost was delivered after all.
    fn found(&mut self, now_us: u64, largest: u64, number: u64, at_us: u64, bytes: u32) {
        self.counters.spurious += 1;
        self.probes = 0;
        self.rate.on_found(u64::from(bytes));
        self.rate.on_delivered(now_us, u64::from(bytes));
        let largest = self.largest_acked.unwrap_or(largest).max(number);
        let age_us = now_us.saturating_sub(at_us);
        let late_us = age_us.saturating_sub(self.round_trip.smoothed_us());
        self.reordering.proven(largest - number, late_us);
        self.reordered_in_recovery = true;
        self.congestion.on_spurious();
    }

    pub(super) fn sample_rtt(&mut self, now_us: u64, newest: &Newest, ack: &Ack<'_>) -> u64 {
        let raw_us = now_us.saturating_sub(newest.at_us);
        let delay_us = u64::from(ack.delay_us).min(self.config.max_ack_delay_us);
        self.round_trip.sample(now_us, raw_us, delay_us)
    }

    pub(super) fn note_marks(&mut self, now_us: u64, ack: &Ack<'_>) {
        if let Some(marks) = ack.marks
            && marks > self.marks
        {
            self.marks = marks;
            self.congestion.on_marked(now_us);
        }
    }

    /// Declares lost what is too far behind or too late (RFC 9002, section 6.1), and sets the
    /// moment at which the next packet will be.
    pub(super) fn detect_losses(
        &mut self,
        now_us: u64,
        outcome: &mut impl FnMut(Outcome<T>),
    ) -> bool {
        self.loss_due_us = None;
        let Some(largest) = self.largest_acked else {
            return false;
        };
        let window_us = self
            .reordering
            .window_us(self.round_trip.least_us(), self.round_trip.smoothed_us());
        let wait_us = self.round_trip.present_us() + window_us;
        let mut any = false;
        while let Some((number, at_us)) = self.ring.oldest() {
            if number >= largest {
                break;
            }
            let due_us = at_us + wait_us;
            if due_us > now_us && largest - number < self.reordering.packets() {
                self.loss_due_us = Some(due_us);
                break;
            }
            if let Some(taken) = self.ring.lose(number) {
                self.count_loss(now_us, &taken);
                any = true;
                outcome(Outcome::Lost(taken.settled()));
            }
        }
        self.judge_recovery(largest, any);
        any
    }

    fn count_loss(&mut self, now_us: u64, taken: &Taken<T>) {
        let bytes = u64::from(taken.bytes);
        self.in_flight -= bytes;
        self.counters.lost += 1;
        if taken.probed_bytes > 0 {
            return;
        }
        self.rate.on_lost(bytes);
        self.congestion.on_lost(&LossSample {
            now_us,
            bytes,
            sent_at_us: taken.at_us,
            in_flight: u64::from(taken.in_flight),
            snapshot: taken.snapshot,
            delivered: self.rate.delivered(),
            lost: self.rate.lost(),
        });
    }

    /// A recovery is the round trip after a loss; sixteen without reordering shrink its limits.
    fn judge_recovery(&mut self, largest: u64, any: bool) {
        if self.recovery_until.is_some_and(|until| largest >= until) {
            self.recovery_until = None;
            if !self.reordered_in_recovery {
                self.reordering.recovered();
            }
        }
        if any && self.recovery_until.is_none() {
            self.recovery_until = Some(self.ring.next_number());
            self.reordered_in_recovery = false;
        }
    }

    pub(super) fn trim(&mut self, now_us: u64) {
        self.ring.oldest();
        let keep_us = (4 * self.round_trip.present_us()).max(REMEMBERED_MIN_US);
        self.ring.trim(now_us.saturating_sub(keep_us));
    }

    pub(super) fn hand_evicted(&mut self, outcome: &mut impl FnMut(Outcome<T>)) {
        for taken in self.evicted.drain(..) {
            self.counters.lost += 1;
            outcome(Outcome::Lost(taken.settled()));
        }
    }
}
