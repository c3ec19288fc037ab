//! What a client node tells unasked, and what it still remembers of it. Numbers notices; carries
//! none.
//!
//! Invariant: numbers only grow, also across restarts, as long as fewer than a thousand notices a
//! millisecond come and the clock is not set back.

use std::collections::VecDeque;

use crate::proto::notice::{Notice, Noticed};
use crate::time::WallTime;

/// Notices that are remembered for programs that begin to watch later.
pub const KEPT: usize = 256;

/// Numbers of one millisecond of the calendar.
const NUMBERS_A_MILLISECOND: u64 = 1_000;

/// The last notices, oldest first.
#[derive(Debug)]
pub struct Notices {
    last: u64,
    kept: VecDeque<Noticed>,
}

impl Notices {
    /// No notice yet, for a node that started at this time.
    #[must_use]
    pub const fn new(started_at: WallTime) -> Self {
        Self {
            last: started_at.0.saturating_mul(NUMBERS_A_MILLISECOND),
            kept: VecDeque::new(),
        }
    }

    /// Numbers and remembers a notice; beyond [`KEPT`] the oldest is forgotten.
    pub fn add(&mut self, at: WallTime, notice: Notice) -> Noticed {
        self.last = self.last.saturating_add(1);
        let noticed = Noticed {
            number: self.last,
            at,
            notice,
        };
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(noticed.clone());
        noticed
    }

    /// What is remembered from after this number, oldest first; nothing for a program that wants
    /// only what is still to come.
    pub fn after(&self, number: Option<u64>) -> impl Iterator<Item = &Noticed> {
        let number = number.unwrap_or(u64::MAX);
        self.kept.iter().filter(move |one| one.number > number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(notices: &Notices, after: Option<u64>) -> Vec<u64> {
        notices.after(after).map(|one| one.number).collect()
    }

    #[test]
    fn who_watches_later_hears_what_they_missed_in_order() {
        let mut notices = Notices::new(WallTime(7));
        for at in 10..13 {
            notices.add(WallTime(at), Notice::Offers);
        }
        assert_eq!(numbers(&notices, Some(0)), [7_001, 7_002, 7_003]);
        assert_eq!(numbers(&notices, Some(7_001)), [7_002, 7_003]);
        assert_eq!(numbers(&notices, Some(7_003)), [0; 0]);
        assert_eq!(numbers(&notices, None), [0; 0]);
        let first = notices.after(Some(0)).next().expect("remembered");
        assert_eq!(first.at, WallTime(10));
    }

    #[test]
    fn only_the_last_are_remembered() {
        let mut notices = Notices::new(WallTime(0));
        for _ in 0..KEPT {
            notices.add(WallTime(1), Notice::Offers);
        }
        assert_eq!(numbers(&notices, Some(0)).len(), KEPT);
        notices.add(WallTime(1), Notice::Offers);
        let kept = numbers(&notices, Some(0));
        assert_eq!(kept.len(), KEPT);
        assert_eq!((kept[0], kept[KEPT - 1]), (2, KEPT as u64 + 1));
    }

    #[test]
    fn numbers_grow_across_a_restart() {
        let mut before = Notices::new(WallTime(1_000));
        let old = before.add(WallTime(1_500), Notice::Offers);
        let mut after = Notices::new(WallTime(2_000));
        let new = after.add(WallTime(2_001), Notice::Offers);
        assert!(new.number > old.number);
        assert_eq!(numbers(&after, Some(old.number)), [new.number]);
    }
}
