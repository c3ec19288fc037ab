//! When a session acknowledges what it received.
//!
//! At once for a packet out of order, one that its sender waits for, and the sixteenth; the first
//! packets of a flight two by two, so that a starting sender does not stall; all others within
//! half a millisecond. What ends a message is not hurried: the answer to it mostly comes within
//! that time and carries the acknowledgement. Never decides what is acknowledged.

use core::time::Duration;

use crate::time::Moment;

/// Eliciting packets that one acknowledgement answers.
const EVERY: u32 = 16;
/// The same in the first round trips of a flight.
const EVERY_EARLY: u32 = 2;
/// Packets of a flight that count as its first round trips.
const EARLY: u32 = 64;
/// A pause after which a flight begins anew.
const FLIGHT_PAUSE: Duration = Duration::from_millis(100);
/// The longest an acknowledgement waits.
pub(super) const DELAY_MAX: Duration = Duration::from_micros(500);

/// What is to be acknowledged, and when.
#[derive(Debug, Default)]
pub(super) struct Acks {
    waiting: u32,
    due_at: Option<Moment>,
    at_once: bool,
    /// Nothing more is expected to come soon, so that the count does not matter.
    relaxed: bool,
    largest: u64,
    largest_at: Moment,
    flight: u32,
    heard_at: Moment,
}

impl Acks {
    /// A packet arrived that its sender wants acknowledged. `pressing`: it waits for that.
    pub(super) fn arrived(&mut self, now: Moment, number: u64, pressing: bool) {
        if now.since(self.heard_at) > FLIGHT_PAUSE {
            self.flight = 0;
        }
        self.heard_at = now;
        self.flight = self.flight.saturating_add(1);
        self.waiting += 1;
        self.relaxed = false;
        // Whatever came between is missing, or was not worth an acknowledgement.
        self.at_once |= pressing || number < self.largest;
        self.due_at.get_or_insert(now.after(DELAY_MAX));
    }

    /// What arrived last was the end of a message.
    pub(super) const fn relax(&mut self) {
        self.relaxed = true;
    }

    /// A packet arrived, of whatever kind. `gap`: numbers before it have not arrived.
    pub(super) fn heard(&mut self, now: Moment, number: u64, gap: bool) {
        if number >= self.largest {
            self.largest = number;
            self.largest_at = now;
        }
        self.at_once |= gap;
    }

    /// A packet arrived a second time: its sender does not know of the first.
    pub(super) fn repeated(&mut self, now: Moment) {
        self.waiting += 1;
        self.at_once = true;
        self.due_at.get_or_insert(now);
    }

    /// Whether to acknowledge now.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        let every = if self.flight < EARLY {
            EVERY_EARLY
        } else {
            EVERY
        };
        let are_many = self.waiting >= every && !self.relaxed;
        self.waiting > 0
            && (self.at_once || are_many || self.due_at.is_some_and(|due_at| due_at <= now))
    }

    /// Whether there is anything to acknowledge, if a packet leaves anyway.
    pub(super) const fn has_news(&self) -> bool {
        self.waiting > 0
    }

    /// When to acknowledge if nothing else leaves before.
    pub(super) const fn due_at(&self) -> Option<Moment> {
        self.due_at
    }

    /// An acknowledgement is written: how long the largest packet has been here.
    pub(super) fn written(&mut self, now: Moment) -> Duration {
        self.waiting = 0;
        self.due_at = None;
        self.at_once = false;
        self.relaxed = false;
        now.since(self.largest_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Moment {
        Moment::from_micros(1_000_000 + micros)
    }

    #[test]
    fn a_lonely_packet_waits_half_a_millisecond() {
        let mut acks = Acks::default();
        acks.heard(at(0), 1, false);
        acks.arrived(at(0), 1, false);
        assert!(!acks.is_due(at(499)));
        assert!(acks.is_due(at(500)));
        assert_eq!(acks.written(at(500)), DELAY_MAX);
        assert!(!acks.has_news() && acks.due_at().is_none());
    }

    #[test]
    fn a_starting_flight_is_answered_by_twos_and_a_long_one_by_sixteens() {
        let mut acks = Acks::default();
        let mut answers = Vec::new();
        for number in 1..=200 {
            acks.heard(at(number), number, false);
            acks.arrived(at(number), number, false);
            if acks.is_due(at(number)) {
                answers.push(number);
                acks.written(at(number));
            }
        }
        assert_eq!(answers[..3], [2, 4, 6]);
        let gaps: Vec<u64> = answers.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.ends_with(&[16, 16]), "{gaps:?}");
    }

    #[test]
    fn the_end_of_a_message_is_not_hurried_unless_its_sender_waits() {
        let mut acks = Acks::default();
        for number in 1..=4 {
            acks.heard(at(0), number, false);
            acks.arrived(at(0), number, false);
        }
        assert!(acks.is_due(at(0)));
        acks.relax();
        assert!(!acks.is_due(at(499)) && acks.has_news());
        assert!(acks.is_due(at(500)));
        acks.heard(at(1), 5, false);
        acks.arrived(at(1), 5, false);
        assert!(acks.is_due(at(1)), "more comes");
        acks.heard(at(2), 6, false);
        acks.arrived(at(2), 6, true);
        acks.relax();
        assert!(acks.is_due(at(2)), "its sender waits");
    }

    #[test]
    fn gaps_latecomers_repeats_and_pressing_packets_are_answered_at_once() {
        let mut acks = Acks::default();
        acks.heard(at(0), 5, true);
        acks.arrived(at(0), 5, false);
        assert!(acks.is_due(at(0)));
        acks.written(at(0));
        acks.heard(at(1), 4, false);
        acks.arrived(at(1), 4, false);
        assert!(acks.is_due(at(1)));
        acks.written(at(1));
        acks.repeated(at(2));
        assert!(acks.is_due(at(2)));
        acks.written(at(2));
        acks.heard(at(3), 6, false);
        acks.arrived(at(3), 6, true);
        assert!(acks.is_due(at(3)));
    }
}
