//! The round-trip time, in microseconds: smoothed, its variation, and the least of a while.
//!
//! After RFC 9002, section 5, with one difference: the least is that of the last 10 to 20 seconds
//! (RFC 8985 asks for a windowed one), not of the whole session, and the receiver's own delay is
//! taken off it, since it would be most of a round trip on loopback. A receiver that lies about
//! its delay harms only its own transfer.

/// The least round trip is forgotten after one to two of these.
const LEAST_WINDOW_US: u64 = 10_000_000;

/// The clock's grain: no variation is held to be smaller.
const GRAIN_US: u64 = 200;

/// Estimates of the round-trip time.
#[derive(Clone, Debug)]
pub(super) struct RoundTrip {
    latest_us: u64,
    smoothed_us: u64,
    variation_us: u64,
    /// The least of the present window and of the one before.
    least_us: [u64; 2],
    window_began_us: u64,
    measured: bool,
}

impl RoundTrip {
    /// Before any measurement: a guess.
    pub(super) const fn new(guess_us: u64) -> Self {
        Self {
            latest_us: guess_us,
            smoothed_us: guess_us,
            variation_us: guess_us / 2,
            least_us: [u64::MAX; 2],
            window_began_us: 0,
            measured: false,
        }
    }

    /// A packet came back after `raw_us`, of which the receiver says it kept it `delay_us`.
    /// Gives the sample without the receiver's delay.
    pub(super) fn sample(&mut self, now_us: u64, raw_us: u64, delay_us: u64) -> u64 {
        let sample_us = raw_us.saturating_sub(delay_us).max(1);
        if now_us.saturating_sub(self.window_began_us) > LEAST_WINDOW_US {
            self.window_began_us = now_us;
            self.least_us = [u64::MAX, self.least_us[0]];
        }
        self.least_us[0] = self.least_us[0].min(sample_us);
        self.latest_us = sample_us;
        if self.measured {
            let off_us = self.smoothed_us.abs_diff(sample_us);
            self.variation_us = (3 * self.variation_us + off_us).div_ceil(4);
            self.smoothed_us = (7 * self.smoothed_us + sample_us).div_ceil(8);
        } else {
            self.measured = true;
            self.smoothed_us = sample_us;
            self.variation_us = sample_us / 2;
        }
        sample_us
    }

    pub(super) const fn is_measured(&self) -> bool {
        self.measured
    }

    pub(super) const fn smoothed_us(&self) -> u64 {
        self.smoothed_us
    }

    /// The least of the last 10 to 20 seconds; the guess before any measurement.
    pub(super) fn least_us(&self) -> u64 {
        match self.least_us[0].min(self.least_us[1]) {
            u64::MAX => self.smoothed_us,
            least_us => least_us,
        }
    }

    /// The larger of the smoothed and the latest: how long a packet in flight may take.
    pub(super) fn present_us(&self) -> u64 {
        self.smoothed_us.max(self.latest_us)
    }

    /// How long to wait for news of the last packet before probing: RFC 9002, section 6.2.1,
    /// without the receiver's delay.
    pub(super) fn probe_wait_us(&self) -> u64 {
        self.smoothed_us + (4 * self.variation_us).max(GRAIN_US)
    }

    /// The wait before the first probe: between one and two round trips (RFC 8985, section 7.2,
    /// takes two; one is enough where the variation is small).
    pub(super) fn tail_wait_us(&self) -> u64 {
        self.probe_wait_us()
            .min(2 * self.smoothed_us)
            .max(self.smoothed_us + GRAIN_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_replaces_the_guess() {
        let mut round_trip = RoundTrip::new(100_000);
        round_trip.sample(0, 20_500, 500);
        assert_eq!(round_trip.smoothed_us(), 20_000);
        assert_eq!(round_trip.least_us(), 20_000);
    }

    #[test]
    fn a_delay_longer_than_the_sample_leaves_one_microsecond() {
        let mut round_trip = RoundTrip::new(100_000);
        assert_eq!(round_trip.sample(0, 30, 65_535 * 8), 1);
    }

    #[test]
    fn the_least_is_forgotten_after_its_window() {
        let mut round_trip = RoundTrip::new(100_000);
        round_trip.sample(0, 10_000, 0);
        round_trip.sample(LEAST_WINDOW_US + 1, 30_000, 0);
        assert_eq!(round_trip.least_us(), 10_000);
        round_trip.sample(2 * LEAST_WINDOW_US + 2, 30_000, 0);
        assert_eq!(round_trip.least_us(), 30_000);
    }

    #[test]
    fn the_tail_is_probed_after_one_to_two_round_trips() {
        let mut round_trip = RoundTrip::new(100_000);
        round_trip.sample(0, 20_000, 0);
        assert_eq!(round_trip.tail_wait_us(), 40_000);
        for _ in 0..100 {
            round_trip.sample(0, 20_000, 0);
        }
        assert!(round_trip.tail_wait_us() < 21_000);
    }
}
