//! Which packet numbers of a session arrived: refuses repeats, and tells what to acknowledge.
//!
//! Two questions are asked before and after opening a packet: `check` costs no cryptography, and
//! only a packet that opened is inserted, so forged numbers change nothing. The window covers the
//! last 128 words of 64 numbers; what is older is refused, whether it arrived before or not.

use crate::planted::{self, Bug};

/// Words of the ring.
const WORDS: u64 = 128;
/// Numbers that the window covers; the oldest word of them slides out as a whole.
pub const WINDOW_PACKETS: u64 = WORDS * 64;
/// Words of an acknowledgement.
pub const ACK_WORDS: usize = 16;
/// A number that arrived is told in this many acknowledgements, so that losing some costs nothing.
const TOLD_TIMES: usize = 8;

/// The numbers that arrived, of the last [`WINDOW_PACKETS`].
pub struct ReplayWindow {
    /// Bit `n % 64` of word `n / 64 % WORDS` is number `n`.
    ring: [u64; WORDS as usize],
    /// One more than the largest number that arrived; 0 while none did.
    end: u64,
    /// The smallest number that arrived before each of the last acknowledgements, newest first.
    /// The first slot is for what arrived since.
    smallest_new: [u64; TOLD_TIMES],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self {
            ring: [0; WORDS as usize],
            end: 0,
            smallest_new: [u64::MAX; TOLD_TIMES],
        }
    }
}

impl ReplayWindow {
    /// Whether a packet of this number is worth opening: it is neither a repeat nor too old.
    #[must_use]
    pub fn check(&self, number: u64) -> bool {
        if number >= self.end {
            return true;
        }
        let newest_word = (self.end - 1) / 64;
        let words = WORDS + u64::from(planted::is(Bug::ReplayOffByOne));
        number / 64 + words > newest_word && !self.has(number)
    }

    /// Remembers a number whose packet opened. One that [`Self::check`] refuses changes nothing.
    pub fn insert(&mut self, number: u64) {
        if !self.check(number) {
            return;
        }
        if number >= self.end {
            self.slide(number);
        }
        self.ring[slot(number)] |= 1 << (number % 64);
        self.smallest_new[0] = self.smallest_new[0].min(number);
    }

    /// The largest number that arrived.
    #[must_use]
    pub const fn largest(&self) -> Option<u64> {
        self.end.checked_sub(1)
    }

    /// Whether a number within the window arrived. False for what is too old to know.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        number < self.end && number / 64 + WORDS > (self.end - 1) / 64 && self.has(number)
    }

    /// Whether a number from `first` up to the largest is missing. What is too old counts as there.
    #[must_use]
    pub fn has_gap_since(&self, first: u64) -> bool {
        let Some(largest) = self.largest() else {
            return false;
        };
        let oldest = (largest / 64).saturating_sub(WORDS - 1) * 64;
        let first = first.max(oldest);
        if first > largest {
            return false;
        }
        (first / 64..=largest / 64).any(|word| {
            let mut wanted = u64::MAX;
            if word == first / 64 {
                wanted &= u64::MAX << (first % 64);
            }
            if word == largest / 64 {
                wanted &= u64::MAX >> (63 - largest % 64);
            }
            self.ring[(word % WORDS) as usize] & wanted != wanted
        })
    }

    /// Fills the bitmap of an acknowledgement and returns how many words are worth sending: bit
    /// `b` of word `w` tells whether `largest - 64 w - b` arrived. Each number is told in several
    /// acknowledgements and then no more; what is older than the last word is not told.
    pub fn words(&mut self, out: &mut [u64; ACK_WORDS]) -> usize {
        let Some(largest) = self.largest() else {
            return 0;
        };
        let smallest = self.smallest_new.iter().copied().min().unwrap_or(largest);
        self.smallest_new.rotate_right(1);
        self.smallest_new[0] = u64::MAX;
        let span = largest - smallest.min(largest);
        let count = ((span / 64) as usize + 1).min(ACK_WORDS);
        for (back, word) in (0_u64..).zip(out.iter_mut().take(count)) {
            *word = self.word_ending_at(largest - 64 * back);
        }
        count
    }

    /// Bit `b` is number `last - b`. The caller asks for at most `ACK_WORDS` below the largest.
    fn word_ending_at(&self, last: u64) -> u64 {
        let here = self.ring[slot(last)];
        let shift = 63 - last % 64;
        let below = match last.checked_sub(64) {
            Some(before) if shift > 0 => self.ring[slot(before)] >> (64 - shift),
            _ => 0,
        };
        ((here << shift) | below).reverse_bits()
    }

    fn has(&self, number: u64) -> bool {
        self.ring[slot(number)] & (1 << (number % 64)) != 0
    }

    /// Makes `number` the largest: forgets the words that the ring reuses for it.
    fn slide(&mut self, number: u64) {
        // With nothing arrived yet the ring is empty as it is.
        if let Some(largest) = self.largest() {
            let (old, new) = (largest / 64, number / 64);
            let first = (old + 1).max((new + 1).saturating_sub(WORDS));
            for word in first..=new {
                self.ring[(word % WORDS) as usize] = 0;
            }
        }
        self.end = number.saturating_add(1);
    }
}

const fn slot(number: u64) -> usize {
    (number / 64 % WORDS) as usize
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_taken_once() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.largest(), None);
        assert!(window.check(0));
        window.insert(0);
        assert!(!window.check(0));
        assert!(window.check(1));
        assert_eq!(window.largest(), Some(0));
    }

    #[test]
    pub(in crate::transport) fn what_slid_out_is_refused() {
        let mut window = ReplayWindow::default();
        window.insert(WINDOW_PACKETS - 1);
        assert!(window.check(0));
        window.insert(WINDOW_PACKETS);
        assert!(!window.check(63));
        assert!(window.check(64));
    }

    #[test]
    fn a_jump_forgets_everything_before() {
        let mut window = ReplayWindow::default();
        for number in 0..300 {
            window.insert(number);
        }
        let far = (1 << 48) - 1;
        window.insert(far);
        assert!(!window.check(299));
        assert!(window.check(far - 64));
        assert!(window.has_gap_since(0));
        assert!(!window.has_gap_since(far));
    }

    #[test]
    fn a_number_is_told_a_few_times_and_then_cut() {
        let mut window = ReplayWindow::default();
        let mut out = [0; ACK_WORDS];
        assert_eq!(window.words(&mut out), 0);
        window.insert(0);
        window.insert(200);
        for _ in 0..TOLD_TIMES {
            assert_eq!(window.words(&mut out), 4);
            assert_eq!(out[3], 1 << (200 - 3 * 64));
        }
        assert_eq!(window.words(&mut out), 1);
        window.insert(150);
        assert_eq!(window.words(&mut out), 1);
        assert_eq!(out[0], 1 | 1 << 50);
    }

    /// The window as the definition says it.
    #[derive(Default)]
    struct Model(BTreeSet<u64>);

    impl Model {
        fn check(&self, number: u64) -> bool {
            let largest = self.0.last().copied().unwrap_or(0);
            number / 64 + WORDS > largest / 64 && !self.0.contains(&number)
        }
    }

    proptest! {
        #[test]
        fn the_window_is_its_model(
            base in prop_oneof![Just(0_u64), 0..1_u64 << 47],
            steps in prop::collection::vec(
                prop_oneof![0..200_u64, 0..10_000_u64, 8_100..8_300_u64], 1..400),
        ) {
            let mut window = ReplayWindow::default();
            let mut model = Model::default();
            let mut at = base;
            for (step, offset) in steps.into_iter().enumerate() {
                let number = at.saturating_sub(offset / 2) + offset % 97;
                at = at.max(number) + u64::from(step % 3 == 0) * offset;
                prop_assert_eq!(window.check(number), model.check(number));
                if model.check(number) {
                    model.0.insert(number);
                }
                window.insert(number);
                let largest = window.largest().unwrap();
                prop_assert_eq!(Some(&largest), model.0.last());
                let gap_from = number.saturating_sub(70);
                let floor = (largest / 64).saturating_sub(WORDS - 1) * 64;
                let gap = (gap_from.max(floor)..=largest).any(|n| !model.0.contains(&n));
                prop_assert_eq!(window.has_gap_since(gap_from), gap);
                let mut out = [0; ACK_WORDS];
                let count = window.words(&mut out);
                prop_assert!(count >= 1);
                for (w, word) in out[..count].iter().enumerate() {
                    for b in 0..64_u64 {
                        let back = 64 * w as u64 + b;
                        let there = largest.checked_sub(back)
                            .is_some_and(|n| model.0.contains(&n));
                        prop_assert_eq!(word >> b & 1 == 1, there, "w {} b {}", w, b);
                    }
                }
                // What just arrived is told, if an acknowledgement reaches it.
                let back = largest - number.min(largest);
                if back < 1_024 && model.0.contains(&number) && step % 2 == 0 {
                    prop_assert!(window.contains(number));
                }
            }
        }
    }
}
