//! What is to be done later, in order of time, and how late it was done.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::time::Moment;

/// Things with a time. Those of one time come out as they went in.
#[derive(Debug)]
pub struct Schedule<T> {
    heap: BinaryHeap<Reverse<Due<T>>>,
    sequence: u64,
    lateness: Lateness,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            sequence: 0,
            lateness: Lateness::default(),
        }
    }
}

impl<T> Schedule<T> {
    /// Puts a thing in.
    pub fn push(&mut self, at: Moment, what: T) {
        self.sequence += 1;
        self.heap.push(Reverse(Due {
            at,
            sequence: self.sequence,
            what,
        }));
    }

    /// The first thing, if its time has come.
    pub fn pop(&mut self, now: Moment) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        let Reverse(due) = self.heap.pop()?;
        self.lateness.add(now.since(due.at));
        Some(due.what)
    }

    /// When the first thing is due.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.heap.peek().map(|Reverse(first)| first.at)
    }

    /// How many things wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// How late things came out so far.
    #[must_use]
    pub const fn lateness(&self) -> &Lateness {
        &self.lateness
    }

    /// Forgets what waits and how late things were.
    pub fn clear(&mut self) {
        self.heap.clear();
        self.lateness = Lateness::default();
    }
}

#[derive(Debug)]
struct Due<T> {
    at: Moment,
    sequence: u64,
    what: T,
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl<T> Eq for Due<T> {}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Due<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// Steps of [`Lateness`]: each is a third longer than the one before it.
const STEPS: usize = 64;
const STEP: f64 = 4.0 / 3.0;

/// How late things were, in steps of a third.
#[derive(Clone, Debug)]
pub struct Lateness {
    steps: [u64; STEPS],
    longest: Duration,
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            steps: [0; STEPS],
            longest: Duration::ZERO,
        }
    }
}

impl Lateness {
    /// Notes one.
    pub fn add(&mut self, late: Duration) {
        let micros = late.as_micros() as f64;
        let step = (micros + 1.0).log(STEP).ceil() as usize;
        self.steps[step.min(STEPS - 1)] += 1;
        self.longest = self.longest.max(late);
    }

    /// The lateness that this share, 0 to 1, did not exceed; to a third above, at most the longest.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let all: u64 = self.steps.iter().sum();
        let wanted = (all as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (step, count) in self.steps.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let micros = STEP.powi(step as i32) - 1.0;
                return Duration::from_secs_f64(micros / 1e6).min(self.longest);
            }
        }
        self.longest
    }

    /// The longest.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_out_in_order_of_time_then_as_they_went_in() {
        let mut schedule = Schedule::default();
        for (at, what) in [(5, 'c'), (3, 'a'), (5, 'd'), (3, 'b')] {
            schedule.push(Moment::from_micros(at), what);
        }
        assert_eq!(schedule.next(), Some(Moment::from_micros(3)));
        assert_eq!(schedule.pop(Moment::from_micros(2)), None);
        let now = Moment::from_micros(5);
        let out: String = std::iter::from_fn(|| schedule.pop(now)).collect();
        assert_eq!(out, "abcd");
        assert_eq!(schedule.lateness().longest(), Duration::from_micros(2));
    }

    #[test]
    fn lateness_is_told_to_a_third() {
        let mut lateness = Lateness::default();
        for micros in 1..=1_000 {
            lateness.add(Duration::from_micros(micros));
        }
        for (share, exact) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let told = lateness.quantile(share).as_secs_f64() * 1e6;
            assert!((exact..=exact * 1.34).contains(&told), "{told} for {exact}");
        }
        assert_eq!(lateness.longest(), Duration::from_millis(1));
    }
}
