//! One direction of a bad link, in virtual time: loss, duplication, a bottleneck with a queue,
//! delay, jitter and lateness, all drawn from a seed.
//!
//! A packet meets, in this order: the limit of its size, the dice of loss, the dice of duplication,
//! the queue of the bottleneck (what does not fit is dropped at its tail), the time its bits take,
//! the way with its delay and jitter, and lateness for the few that are to be overtaken. Loss comes
//! before the bottleneck, so what is lost takes no capacity, and duplicates do. Jitter alone never
//! lets a packet overtake another; only lateness does.
//!
//! Decides when the copies of a packet arrive. Never holds a packet, never reads a clock, never
//! sees what is inside.
//!
//! Loss in bursts is the model of Gilbert and Elliott: E. O. Elliott, "Estimates of error rates for
//! codes on burst-noise channels", Bell System Technical Journal 42 (1963).

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use thiserror::Error;

use crate::time::Moment;

/// A packet arrives at most this often: itself and its duplicate.
pub const COPIES_MAX: usize = 2;
/// Longest delay, jitter, lateness or queue, in microseconds: a minute.
pub const TIME_MAX_US: u64 = 60_000_000;
/// Fastest bottleneck, in bits per second.
pub const RATE_MAX: u64 = 1_000_000_000_000;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// What one direction of a link is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Bits per second that pass the bottleneck; none for a link without one.
    pub rate: Option<u64>,
    /// Time on the way after the bottleneck, in microseconds.
    pub delay_us: u64,
    /// Up to so many microseconds are added for each packet, evenly drawn. Order is kept.
    pub jitter_us: u64,
    /// Packets that never arrive.
    pub loss: Loss,
    /// Share of packets that are doubled, 0 to 1.
    pub duplication: f64,
    /// Share of packets that are late, 0 to 1.
    pub reordering: f64,
    /// How late those are, in microseconds.
    pub late_us: u64,
    /// What may wait before the bottleneck.
    pub queue: Queue,
    /// Largest packet that passes, in bytes; larger ones vanish without a word.
    pub mtu_bytes: usize,
}

impl Config {
    /// Everything arrives at once.
    pub const PERFECT: Self = Self {
        rate: None,
        delay_us: 0,
        jitter_us: 0,
        loss: Loss::Never,
        duplication: 0.0,
        reordering: 0.0,
        late_us: 0,
        queue: Queue::Bytes(u64::MAX),
        mtu_bytes: usize::MAX,
    };

    /// Whether all values are within their ranges.
    ///
    /// # Errors
    /// The first value that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self
            .rate
            .is_some_and(|rate| !(1..=RATE_MAX).contains(&rate))
        {
            return Err(ConfigError::Rate);
        }
        let queue_us = match self.queue {
            Queue::Bytes(_) => 0,
            Queue::Micros(micros) => micros,
        };
        let times = [self.delay_us, self.jitter_us, self.late_us, queue_us];
        if times.iter().any(|time| *time > TIME_MAX_US) {
            return Err(ConfigError::Time);
        }
        let [to_bad, to_good, good, bad] = self.loss.chances();
        let shares = [
            to_bad,
            to_good,
            good,
            bad,
            self.duplication,
            self.reordering,
        ];
        // Written so that what is no number is refused as well.
        if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Err(ConfigError::Share);
        }
        if self.mtu_bytes == 0 {
            return Err(ConfigError::Mtu);
        }
        Ok(())
    }
}

/// Which packets are lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// None.
    Never,
    /// Each with the same chance, 0 to 1, whatever happened to others.
    Independent(f64),
    /// The link changes between a good and a bad state with each packet.
    Bursts {
        /// Chance to become bad with a packet, while good.
        to_bad: f64,
        /// Chance to become good with a packet, while bad.
        to_good: f64,
        /// Chance of a packet to be lost while the link is good.
        loss_good: f64,
        /// Chance of a packet to be lost while the link is bad.
        loss_bad: f64,
    },
}

impl Loss {
    /// A share of all packets is lost, in runs of `run` packets on average. A run of one or less is
    /// loss of each packet alone.
    #[must_use]
    pub fn bursts(share: f64, run: f64) -> Self {
        if share <= 0.0 {
            return Self::Never;
        }
        // Runs of independent loss are 1 / (1 - share) long: shorter ones cannot be.
        if share >= 1.0 || run * (1.0 - share) <= 1.0 {
            return Self::Independent(share.min(1.0));
        }
        let to_good = 1.0 / run;
        Self::Bursts {
            to_bad: (to_good * share / (1.0 - share)).min(1.0),
            to_good,
            loss_good: 0.0,
            loss_bad: 1.0,
        }
    }

    const fn chances(self) -> [f64; 4] {
        match self {
            Self::Never => [0.0; 4],
            Self::Independent(share) => [0.0, 0.0, share, 0.0],
            Self::Bursts {
                to_bad,
                to_good,
                loss_good,
                loss_bad,
            } => [to_bad, to_good, loss_good, loss_bad],
        }
    }
}

/// How much may wait before the bottleneck, the packet that is just passing it included. An empty
/// queue takes any packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// So many bytes.
    Bytes(u64),
    /// What passes the bottleneck in so many microseconds.
    Micros(u64),
}

/// What a link cannot be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The rate is zero or beyond [`RATE_MAX`].
    #[error("the rate has to be from 1 bit/s to 1 Tbit/s")]
    Rate,
    /// A time is beyond [`TIME_MAX_US`].
    #[error("delay, jitter, lateness and queue are at most a minute")]
    Time,
    /// A share or chance is not from 0 to 1.
    #[error("shares are from 0 to 100 %")]
    Share,
    /// No packet would pass.
    #[error("the largest packet has at least one byte")]
    Mtu,
}

/// When the copies of one packet arrive, the packet itself first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    at: [Moment; COPIES_MAX],
    copies: usize,
}

impl Arrivals {
    /// The moments; none for a packet that never arrives.
    #[must_use]
    pub fn as_slice(&self) -> &[Moment] {
        &self.at[..self.copies]
    }

    fn add(&mut self, at: Option<Moment>) {
        if let Some(at) = at {
            self.at[self.copies] = at;
            self.copies += 1;
        }
    }
}

impl IntoIterator for Arrivals {
    type Item = Moment;
    type IntoIter = std::iter::Take<std::array::IntoIter<Moment, COPIES_MAX>>;

    fn into_iter(self) -> Self::IntoIter {
        self.at.into_iter().take(self.copies)
    }
}

/// What became of packets. Bytes are those the packets were pushed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pushed.
    pub offered: u64,
    /// Bytes pushed.
    pub offered_bytes: u64,
    /// Longer than the link carries.
    pub too_long: u64,
    /// Lost by the dice.
    pub lost: u64,
    /// Doubled; the copy may yet be dropped at the queue.
    pub doubled: u64,
    /// Copies that found the queue full.
    pub dropped: u64,
    /// Copies that arrive later than those behind them may.
    pub late: u64,
    /// Copies that arrive.
    pub arriving: u64,
    /// Their bytes.
    pub arriving_bytes: u64,
}

impl Counts {
    /// Share of the copies that came to the queue and were dropped there, 0 to 1.
    #[must_use]
    pub fn dropped_share(&self) -> f64 {
        let came = self.dropped + self.arriving;
        if came == 0 {
            0.0
        } else {
            self.dropped as f64 / came as f64
        }
    }
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Link {
    config: Config,
    rng: ChaCha20Rng,
    /// The state of loss in bursts.
    is_bad: bool,
    /// When the bottleneck has passed what it took, in nanoseconds: at a high rate a packet takes
    /// less than a microsecond.
    free_ns: u128,
    /// Room in the queue as time at the bottleneck.
    queue_ns: u128,
    /// Arrival of the last packet that was not late.
    last: Moment,
    counts: Counts,
}

impl Link {
    /// A link whose dice fall as the seed says.
    ///
    /// # Errors
    /// If the configuration breaks a rule.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        let queue_ns = match config.queue {
            Queue::Bytes(bytes) => time_ns(u128::from(bytes), config.rate),
            Queue::Micros(micros) => u128::from(micros) * 1_000,
        };
        Ok(Self {
            config,
            rng: ChaCha20Rng::seed_from_u64(seed),
            is_bad: false,
            free_ns: 0,
            queue_ns,
            last: Moment::START,
            counts: Counts::default(),
        })
    }

    /// Takes a packet of so many bytes, and says when its copies arrive. `now` never runs
    /// backwards.
    pub fn push(&mut self, now: Moment, bytes: usize) -> Arrivals {
        let mut arrivals = Arrivals::default();
        let size = bytes as u64;
        self.counts.offered += 1;
        self.counts.offered_bytes += size;
        if bytes > self.config.mtu_bytes {
            self.counts.too_long += 1;
            return arrivals;
        }
        if self.is_lost() {
            self.counts.lost += 1;
            return arrivals;
        }
        arrivals.add(self.pass(now, size));
        if self.happens(self.config.duplication) {
            self.counts.doubled += 1;
            arrivals.add(self.pass(now, size));
        }
        self.counts.arriving += arrivals.copies as u64;
        self.counts.arriving_bytes += size * arrivals.copies as u64;
        arrivals
    }

    /// What became of the packets so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How long a packet waits that comes now, until its first bit passes the bottleneck.
    #[must_use]
    pub fn wait(&self, now: Moment) -> Duration {
        let wait_ns = self.free_ns.saturating_sub(nanos(now));
        Duration::from_nanos(u64::try_from(wait_ns).unwrap_or(u64::MAX))
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.random_bool(share)
    }

    fn is_lost(&mut self) -> bool {
        let [to_bad, to_good, good, bad] = self.config.loss.chances();
        let turns = self.happens(if self.is_bad { to_good } else { to_bad });
        self.is_bad ^= turns;
        self.happens(if self.is_bad { bad } else { good })
    }

    /// One copy passes the bottleneck and the way, if the queue has room.
    fn pass(&mut self, now: Moment, size: u64) -> Option<Moment> {
        let now_ns = nanos(now);
        let takes_ns = time_ns(u128::from(size), self.config.rate);
        let wait_ns = self.free_ns.saturating_sub(now_ns);
        if wait_ns > 0 && wait_ns + takes_ns > self.queue_ns {
            self.counts.dropped += 1;
            return None;
        }
        self.free_ns = self.free_ns.max(now_ns) + takes_ns;
        let jitter_us = match self.config.jitter_us {
            0 => 0,
            most => self.rng.random_range(0..=most),
        };
        let left_us = u64::try_from(self.free_ns.div_ceil(1_000)).unwrap_or(u64::MAX);
        let way = Duration::from_micros(self.config.delay_us + jitter_us);
        let at = Moment::from_micros(left_us).after(way).max(self.last);
        if self.happens(self.config.reordering) {
            self.counts.late += 1;
            return Some(at.after(Duration::from_micros(self.config.late_us)));
        }
        self.last = at;
        Some(at)
    }
}

fn nanos(moment: Moment) -> u128 {
    u128::from(moment.as_micros()) * 1_000
}

/// What so many bytes take at the bottleneck.
fn time_ns(bytes: u128, rate: Option<u64>) -> u128 {
    rate.map_or(0, |rate| bytes * 8 * NANOS_PER_SECOND / u128::from(rate))
}

#[cfg(test)]
mod tests;
