//! How fast the path delivers: a sample per acknowledgement, after draft-ietf-ccwg-bbr, section
//! "Delivery Rate Samples".
//!
//! Every packet remembers the delivery at the moment it left; its acknowledgement tells what was
//! delivered since and in which time, the longer of sending and acknowledging. Samples of a time
//! when there was nothing to send are marked, for they tell of the sender, not of the path.

/// The delivery at the moment a packet left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Snapshot {
    /// Bytes delivered by then.
    pub(super) delivered: u64,
    /// When the last of them was acknowledged, in microseconds.
    delivered_at_us: u64,
    /// When the packet left whose acknowledgement came last.
    first_sent_at_us: u64,
    /// Bytes lost by then.
    pub(super) lost: u64,
    /// Whether there was too little to send.
    pub(super) app_limited: bool,
}

/// What one acknowledgement tells of the path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RateSample {
    /// Bytes per second; zero if the acknowledgement tells none.
    pub(super) bytes_per_s: f64,
    /// Bytes delivered since the newest acknowledged packet left.
    pub(super) delivered: u64,
    /// Bytes delivered before it left.
    pub(super) prior_delivered: u64,
    /// Bytes lost since it left.
    pub(super) lost: u64,
    /// Bytes in flight when it had left.
    pub(super) in_flight: u64,
    /// The sender had too little to send.
    pub(super) app_limited: bool,
}

/// Counts what is delivered and lost, and samples the rate.
#[derive(Clone, Debug)]
pub(super) struct DeliveryRate {
    delivered: u64,
    delivered_at_us: u64,
    first_sent_at_us: u64,
    lost: u64,
    /// While not zero: samples are limited by the sender until this much is delivered.
    app_limited_until: u64,
}

impl DeliveryRate {
    pub(super) const fn new(now_us: u64) -> Self {
        Self {
            delivered: 0,
            delivered_at_us: now_us,
            first_sent_at_us: now_us,
            lost: 0,
            app_limited_until: 0,
        }
    }

    /// Bytes delivered in all.
    pub(super) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Bytes lost in all, less those that came late.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// There is too little to send to fill the path.
    pub(super) fn limit(&mut self, in_flight: u64) {
        self.app_limited_until = (self.delivered + in_flight).max(1);
    }

    pub(super) const fn is_limited(&self) -> bool {
        self.app_limited_until != 0
    }

    /// A packet leaves while `in_flight` bytes are on their way.
    pub(super) fn on_sent(&mut self, now_us: u64, in_flight: u64) -> Snapshot {
        if in_flight == 0 {
            self.first_sent_at_us = now_us;
            self.delivered_at_us = now_us;
        }
        Snapshot {
            delivered: self.delivered,
            delivered_at_us: self.delivered_at_us,
            first_sent_at_us: self.first_sent_at_us,
            lost: self.lost,
            app_limited: self.is_limited(),
        }
    }

    /// A packet was acknowledged.
    pub(super) const fn on_delivered(&mut self, now_us: u64, bytes: u64) {
        self.delivered += bytes;
        self.delivered_at_us = now_us;
    }

    /// A packet was lost.
    pub(super) const fn on_lost(&mut self, bytes: u64) {
        self.lost += bytes;
    }

    /// A packet counted as lost had been delivered.
    pub(super) const fn on_found(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_sub(bytes);
    }

    /// The sample of an acknowledgement whose newest packet left at `sent_at_us`.
    pub(super) fn sample(
        &mut self,
        now_us: u64,
        sent_at_us: u64,
        in_flight: u64,
        newest: &Snapshot,
        least_us: u64,
    ) -> RateSample {
        if self.delivered > self.app_limited_until {
            self.app_limited_until = 0;
        }
        let send_us = sent_at_us.saturating_sub(newest.first_sent_at_us);
        let ack_us = now_us.saturating_sub(newest.delivered_at_us);
        let interval_us = send_us.max(ack_us);
        self.first_sent_at_us = self.first_sent_at_us.max(sent_at_us);
        let delivered = self.delivered - newest.delivered;
        let reliable = interval_us >= least_us && interval_us > 0;
        RateSample {
            bytes_per_s: if reliable {
                delivered as f64 * 1e6 / interval_us as f64
            } else {
                0.0
            },
            delivered,
            prior_delivered: newest.delivered,
            lost: self.lost.saturating_sub(newest.lost),
            in_flight,
            app_limited: newest.app_limited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_what_was_delivered_over_the_longer_time() {
        let mut rate = DeliveryRate::new(0);
        let first = rate.on_sent(0, 0);
        let second = rate.on_sent(1_000, 1_000);
        rate.on_delivered(20_000, 1_000);
        let sample = rate.sample(20_000, 0, 1_000, &first, 1);
        assert!((sample.bytes_per_s - 50_000.0).abs() < 1e-6);
        rate.on_delivered(25_000, 1_000);
        let sample = rate.sample(25_000, 1_000, 2_000, &second, 1);
        assert_eq!(sample.delivered, 2_000);
        assert!((sample.bytes_per_s - 80_000.0).abs() < 1e-6);
    }

    #[test]
    fn samples_are_marked_until_the_gap_is_delivered() {
        let mut rate = DeliveryRate::new(0);
        rate.limit(0);
        let limited = rate.on_sent(0, 0);
        assert!(limited.app_limited);
        rate.on_delivered(10, 1_000);
        rate.sample(10, 0, 1_000, &limited, 1);
        assert!(!rate.on_sent(20, 0).app_limited);
    }
}
