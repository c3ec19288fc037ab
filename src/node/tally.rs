//! What a server has done so far: counted from the news of its concerns, for people and monitors.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use super::load_probe::Measured;
use crate::actors::stego_worker::{Ending, Tale};
use crate::time::Moment;

/// What "lately" means for rates and percentiles.
const LATELY: Duration = Duration::from_secs(60);
/// Requests remembered for that at the most.
const RECENT_MAX: usize = 1_024;

/// Upper ends of the classes of durations, in seconds.
const CLASSES_S: [f64; 13] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The label of a histogram: operation and phase.
pub type PhaseLabels = [(&'static str, &'static str); 2];
/// Durations by operation and phase.
pub type Phases = Family<PhaseLabels, Histogram, fn() -> Histogram>;

/// The only operation that servers do for clients on request.
pub const HIDE: &str = "hide";

fn classes() -> Histogram {
    Histogram::new(CLASSES_S)
}

/// The counts.
#[derive(Debug)]
pub struct Tally {
    /// Requests claimed.
    pub claimed: u64,
    /// Packets and messages that their senders may not send.
    pub out_of_place: u64,
    /// Times that another server was silent for so long that it counted as lost.
    pub suspicions: u64,
    /// Requests that came to an end here, by the word of their end.
    pub ended: BTreeMap<&'static str, u64>,
    /// How long the parts of a request took.
    pub phases: Phases,
    /// What the process takes; none before the first measurement.
    pub measured: Option<Measured>,
    /// When the last requests were delivered and how long they took in microseconds.
    recent: VecDeque<(Moment, u64)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            claimed: 0,
            out_of_place: 0,
            suspicions: 0,
            ended: BTreeMap::new(),
            phases: Phases::new_with_constructor(classes),
            measured: None,
            recent: VecDeque::new(),
        }
    }
}

impl Tally {
    /// Counts a request that has ended.
    pub fn add(&mut self, now: Moment, tale: &Tale) {
        *self.ended.entry(tale.ending.word()).or_default() += 1;
        let phases = [
            ("wait", tale.wait_us),
            ("hiding", tale.hiding_us),
            ("return", tale.return_us),
        ];
        for (phase, took_us) in phases {
            if let Some(took_us) = took_us {
                let labels = [("op", HIDE), ("phase", phase)];
                let seconds = Duration::from_micros(took_us).as_secs_f64();
                self.phases.get_or_create(&labels).observe(seconds);
            }
        }
        if tale.ending == Ending::Delivered {
            let total_us = phases.iter().filter_map(|&(_, us)| us).sum();
            if self.recent.len() >= RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back((now, total_us));
        }
    }

    /// Requests delivered since the start.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.ended
            .get(Ending::Delivered.word())
            .copied()
            .unwrap_or_default()
    }

    /// Requests delivered in the last minute, and what 95 of 100 of them took at the most, in
    /// milliseconds, rounded up.
    #[must_use]
    pub fn lately(&self, now: Moment) -> (u32, u32) {
        let mut took_us: Vec<u64> = self
            .recent
            .iter()
            .filter(|(at, _)| now.since(*at) < LATELY)
            .map(|&(_, us)| us)
            .collect();
        took_us.sort_unstable();
        let place = (took_us.len() * 95).div_ceil(100);
        let p95_us = place.checked_sub(1).map_or(0, |index| took_us[index]);
        let count = u32::try_from(took_us.len()).unwrap_or(u32::MAX);
        let p95_ms = u32::try_from(p95_us.div_ceil(1_000)).unwrap_or(u32::MAX);
        (count, p95_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(total_ms: u64) -> Tale {
        Tale {
            ending: Ending::Delivered,
            wait_us: Some(0),
            hiding_us: Some(total_ms * 1_000),
            return_us: Some(0),
        }
    }

    #[test]
    fn nothing_done_is_no_rate_and_no_percentile() {
        assert_eq!(Tally::default().lately(Moment::START), (0, 0));
    }

    #[test]
    fn the_percentile_leaves_out_the_slowest_twentieth_of_the_last_minute() {
        let mut tally = Tally::default();
        let start = Moment::START;
        tally.add(start, &delivered(90_000));
        let later = start.after(LATELY);
        for total_ms in 1..=20 {
            tally.add(later, &delivered(total_ms));
        }
        assert_eq!(tally.lately(later), (20, 19));
        assert_eq!(tally.delivered(), 21);
        assert_eq!(tally.lately(later.after(LATELY)), (0, 0));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut tally = Tally::default();
        for _ in 0..=RECENT_MAX {
            tally.add(Moment::START, &delivered(1));
        }
        assert_eq!(tally.lately(Moment::START), (1_024, 1));
        assert_eq!(tally.delivered(), 1_025);
    }

    #[test]
    fn a_request_that_was_lost_is_counted_but_is_no_delivery() {
        let mut tally = Tally::default();
        let lost = Tale {
            ending: Ending::Lost,
            wait_us: None,
            hiding_us: None,
            return_us: None,
        };
        tally.add(Moment::START, &lost);
        assert_eq!(tally.ended.get("lost"), Some(&1));
        assert_eq!(
            (tally.delivered(), tally.lately(Moment::START)),
            (0, (0, 0))
        );
    }
}
