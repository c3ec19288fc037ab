//! The simulated network: delay, loss, duplication, reordering and cuts, all drawn from a seed.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha20Rng;

/// How bad the network is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Share of datagrams lost, 0 to 1.
    pub loss: f64,
    /// Share of datagrams that arrive twice, 0 to 1.
    pub duplication: f64,
    /// Shortest delay in microseconds.
    pub delay_min_us: u64,
    /// Longest delay in microseconds. Delays are drawn for each datagram alone, so datagrams
    /// overtake each other.
    pub delay_max_us: u64,
}

impl Weather {
    /// Nothing is lost.
    pub const FAIR: Self = Self {
        loss: 0.0,
        duplication: 0.0,
        delay_min_us: 100,
        delay_max_us: 300,
    };

    /// Weather drawn from a seed: loss up to a fifth, some duplication, delays up to 20 ms.
    pub fn draw(rng: &mut ChaCha20Rng) -> Self {
        let delay_min_us = rng.random_range(50..2_000);
        Self {
            loss: if rng.random_bool(0.2) {
                0.0
            } else {
                rng.random_range(0.0..0.2)
            },
            duplication: rng.random_range(0.0..0.05),
            delay_min_us,
            delay_max_us: delay_min_us + rng.random_range(50..18_000),
        }
    }

    /// When the copies of one datagram arrive: none if it is lost, two if it is doubled.
    pub fn arrivals(&self, rng: &mut ChaCha20Rng) -> Vec<Duration> {
        if self.loss > 0.0 && rng.random_bool(self.loss) {
            return Vec::new();
        }
        let doubled = self.duplication > 0.0 && rng.random_bool(self.duplication);
        let copies = if doubled { 2 } else { 1 };
        let mut delay =
            || Duration::from_micros(rng.random_range(self.delay_min_us..=self.delay_max_us));
        (0..copies).map(|_| delay()).collect()
    }
}

/// Pairs of nodes, by their places in the world, that cannot reach each other; each direction
/// alone.
#[derive(Clone, Debug, Default)]
pub struct Cuts(BTreeSet<(usize, usize)>);

impl Cuts {
    /// Cuts a node off from these others, both ways.
    pub fn isolate(&mut self, node: usize, others: impl IntoIterator<Item = usize>) {
        for other in others {
            self.0.insert((node, other));
            self.0.insert((other, node));
        }
    }

    /// Cuts two nodes off from each other, or mends what was cut between them.
    pub fn between(&mut self, one: usize, other: usize, cut: bool) {
        self.one_way(one, other, cut);
        self.one_way(other, one, cut);
    }

    /// Lets nothing pass from one node to another, or mends what was cut that way.
    pub fn one_way(&mut self, from: usize, to: usize, cut: bool) {
        if cut {
            self.0.insert((from, to));
        } else {
            self.0.remove(&(from, to));
        }
    }

    /// Mends everything.
    pub fn mend(&mut self) {
        self.0.clear();
    }

    /// Whether datagrams pass.
    #[must_use]
    pub fn pass(&self, from: usize, to: usize) -> bool {
        !self.0.contains(&(from, to))
    }
}
