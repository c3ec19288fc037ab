//! One bit for each fragment of a message, in words of 64.
//!
//! Holds no more words than the highest bit that was ever set asks for. Never knows how many
//! fragments there are: whoever sets a bit has checked its index.

/// Bits in one word.
const WORD: u32 = u64::BITS;

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// Whether the bit is set.
    pub(super) fn get(&self, index: u32) -> bool {
        self.words
            .get((index / WORD) as usize)
            .is_some_and(|word| word >> (index % WORD) & 1 == 1)
    }

    /// Sets the bit. Returns whether it was clear.
    pub(super) fn set(&mut self, index: u32) -> bool {
        let place = (index / WORD) as usize;
        if place >= self.words.len() {
            self.words.resize(place + 1, 0);
        }
        let mask = 1 << (index % WORD);
        let was_clear = self.words[place] & mask == 0;
        self.words[place] |= mask;
        was_clear
    }

    /// Clears the bit. Returns whether it was set.
    pub(super) fn clear(&mut self, index: u32) -> bool {
        let mask = 1 << (index % WORD);
        match self.words.get_mut((index / WORD) as usize) {
            Some(word) if *word & mask != 0 => {
                *word &= !mask;
                true
            }
            _ => false,
        }
    }

    /// Sets every bit below `end`.
    pub(super) fn fill_below(&mut self, end: u32) {
        let whole = (end / WORD) as usize;
        if self.words.len() < whole {
            self.words.resize(whole, 0);
        }
        self.words[..whole].fill(u64::MAX);
        for index in end / WORD * WORD..end {
            self.set(index);
        }
    }

    /// The first clear bit at or after `from`.
    pub(super) fn first_clear(&self, from: u32) -> u32 {
        let mut index = from;
        while let Some(word) = self.words.get((index / WORD) as usize) {
            let run = (word >> (index % WORD)).trailing_ones();
            if run < WORD - index % WORD {
                return index + run;
            }
            index += run;
        }
        index
    }

    /// The first set bit at or after `from`.
    pub(super) fn first_set(&self, from: u32) -> Option<u32> {
        let mut mask = u64::MAX << (from % WORD);
        let first = (from / WORD) as usize;
        for (place, word) in self.words.iter().enumerate().skip(first) {
            if word & mask != 0 {
                return Some(place as u32 * WORD + (word & mask).trailing_zeros());
            }
            mask = u64::MAX;
        }
        None
    }

    /// Up to `count` words from that of bit `index` on.
    pub(super) fn words_from(&self, index: u32, count: usize) -> &[u64] {
        let first = ((index / WORD) as usize).min(self.words.len());
        &self.words[first..(first + count).min(self.words.len())]
    }

    /// Bytes of memory that are held.
    pub(super) const fn memory_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    /// Bytes of memory that setting this bit would ask for in addition, at the most.
    pub(super) fn growth_bytes(&self, index: u32) -> usize {
        let need = (index / WORD) as usize + 1;
        let have = self.words.capacity();
        if need <= have {
            return 0;
        }
        (need.max(2 * have).max(4) - have) * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(
            steps in prop::collection::vec((any::<bool>(), 0_u32..300), 0..100),
            end in 0_u32..200,
            from in 0_u32..400,
        ) {
            let (mut bits, mut set) = (Bitmap::default(), BTreeSet::new());
            for (adds, index) in steps {
                let growth = bits.growth_bytes(index);
                let before = bits.memory_bytes();
                if adds {
                    prop_assert_eq!(bits.set(index), set.insert(index));
                    prop_assert!(bits.memory_bytes() <= before + growth);
                } else {
                    prop_assert_eq!(bits.clear(index), set.remove(&index));
                }
            }
            prop_assert!((0..400).all(|index| bits.get(index) == set.contains(&index)));
            bits.fill_below(end);
            set.extend(0..end);
            let clear = (from..).find(|index| !set.contains(index));
            prop_assert_eq!(Some(bits.first_clear(from)), clear);
            prop_assert_eq!(bits.first_set(from), set.range(from..).next().copied());
            for (place, word) in (from / 64..).zip(bits.words_from(from, 3)) {
                let has = |bit: &u32| set.contains(&(place * 64 + bit));
                let count = (0..64).filter(has).count();
                prop_assert_eq!(word.count_ones() as usize, count);
            }
        }
    }
}
