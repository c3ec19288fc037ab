//! How long an answer takes: the estimator of RFC 6298, fed only by datagram numbers that were
//! used once, so that Karn's ambiguity cannot arise.

use core::time::Duration;

/// Below this a late packet is not told from a lost one, in microseconds (RFC 9002, 6.1.2).
const GRANULARITY_US: u64 = 1_000;

/// Most doublings of a time-out: beyond them only the longest time-out is left.
const DOUBLINGS_MAX: u32 = 16;

/// The round-trip time to one party, as far as known.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrip {
    smoothed_us: u64,
    variation_us: u64,
    latest_us: u64,
    measured: bool,
    timeout_min_us: u64,
    timeout_max_us: u64,
}

impl RoundTrip {
    /// Before the first measurement: `first_us` is assumed.
    pub(super) fn assumed(first_us: u64, timeout_min_us: u64, timeout_max_us: u64) -> Self {
        let timeout_min_us = timeout_min_us.max(1);
        Self {
            smoothed_us: first_us,
            variation_us: first_us / 2,
            latest_us: first_us,
            measured: false,
            timeout_min_us,
            timeout_max_us: timeout_max_us.max(timeout_min_us),
        }
    }

    /// Whether it was ever measured.
    pub(super) const fn is_measured(&self) -> bool {
        self.measured
    }

    /// Takes one measurement (RFC 6298, section 2).
    pub(super) fn measure(&mut self, sample: Duration) {
        let sample_us = u64::try_from(sample.as_micros()).unwrap_or(u64::MAX >> 8);
        let sample_us = sample_us.min(u64::MAX >> 8);
        self.latest_us = sample_us;
        if self.measured {
            let deviation_us = self.smoothed_us.abs_diff(sample_us);
            self.variation_us = (3 * self.variation_us + deviation_us) / 4;
            self.smoothed_us = (7 * self.smoothed_us + sample_us) / 8;
        } else {
            self.measured = true;
            self.smoothed_us = sample_us;
            self.variation_us = sample_us / 2;
        }
    }

    /// How long to wait for an answer after `failures` waits in vain.
    pub(super) fn timeout(&self, failures: u32) -> Duration {
        let plain_us = self
            .smoothed_us
            .saturating_add(self.variation_us.saturating_mul(4))
            .clamp(self.timeout_min_us, self.timeout_max_us);
        let backed_off_us = plain_us.saturating_mul(1 << failures.min(DOUBLINGS_MAX));
        Duration::from_micros(backed_off_us.min(self.timeout_max_us))
    }

    /// How long after its sending a packet counts as lost once a later one was heard of
    /// (RFC 9002, 6.1.2).
    pub(super) fn loss_delay(&self) -> Duration {
        let longest_us = self.smoothed_us.max(self.latest_us);
        let delay_us = longest_us.saturating_add(longest_us / 8);
        Duration::from_micros(delay_us.max(GRANULARITY_US))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_round_trip_is_learned_and_its_variation_forgotten() {
        let mut trip = RoundTrip::assumed(100_000, 1_000, 500_000);
        assert_eq!(trip.timeout(0), Duration::from_micros(300_000));
        for _ in 0..50 {
            trip.measure(Duration::from_micros(8_000));
        }
        assert!(trip.timeout(0) < Duration::from_micros(8_100));
        assert_eq!(trip.loss_delay(), Duration::from_micros(9_000));
    }

    #[test]
    fn time_outs_stay_within_their_bounds() {
        let mut trip = RoundTrip::assumed(0, 5_000, 80_000);
        assert_eq!(trip.timeout(0), Duration::from_micros(5_000));
        assert_eq!(trip.timeout(1), Duration::from_micros(10_000));
        assert_eq!(trip.timeout(u32::MAX), Duration::from_micros(80_000));
        trip.measure(Duration::MAX);
        assert_eq!(trip.timeout(0), Duration::from_micros(80_000));
    }
}
