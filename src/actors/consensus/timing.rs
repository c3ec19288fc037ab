//! How long a server waits for its leader, from a seed.
//!
//! raft-rs draws this wait from the thread's own generator whenever it changes its mind. Here it
//! is a function of the seed, the term and how often the wait has run out, and it is set again
//! after everything that might have drawn: a run repeats from its seed.

use crate::planted::{self, Bug};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    seed: u64,
    min_ticks: u64,
    ran_out: u64,
    /// The last term asked for and its answer.
    known: (u64, usize),
}

/// A good mix of the bits of one number (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
/// Generators", 2014).
const fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Patience {
    /// Waits of at least `min_ticks` and less than twice as many.
    pub(super) fn new(seed: u64, min_ticks: usize) -> Self {
        let mut patience = Self {
            seed,
            min_ticks: min_ticks as u64,
            ran_out: 0,
            known: (0, 0),
        };
        patience.known = (0, patience.draw(0));
        patience
    }

    fn draw(&self, term: u64) -> usize {
        if planted::is(Bug::ElectionWaitFixed) {
            return usize::try_from(self.min_ticks).unwrap_or(usize::MAX);
        }
        let drawn = mixed(mixed(self.seed ^ mixed(term)) ^ self.ran_out);
        usize::try_from(self.min_ticks + drawn % self.min_ticks.max(1)).unwrap_or(usize::MAX)
    }

    /// The wait has run out once more.
    pub(super) fn run_out(&mut self) {
        self.ran_out += 1;
        self.known.1 = self.draw(self.known.0);
    }

    /// The wait in a term, in ticks.
    pub(super) fn ticks(&mut self, term: u64) -> usize {
        if self.known.0 != term {
            self.known = (term, self.draw(term));
        }
        self.known.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_repeats_from_its_seed_and_changes_when_it_runs_out() {
        let draws = |seed| {
            let mut patience = Patience::new(seed, 10);
            let mut draws = Vec::new();
            for term in 0..50 {
                draws.push(patience.ticks(term));
                patience.run_out();
                draws.push(patience.ticks(term));
            }
            draws
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        let mut seen = draws(7);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (10..20).collect::<Vec<usize>>());
    }
}
