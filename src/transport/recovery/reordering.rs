//! How late, and how far behind, a packet may be before it counts as lost.
//!
//! Starts like RFC 9002 (three packets) and RFC 8985 (a quarter of the least round trip) and
//! grows by proof only: the acknowledgement of a packet that had been declared lost tells how
//! late it was, and both limits are raised above that. The window never exceeds the smoothed
//! round trip. Without new proof both shrink again (RFC 8985 keeps them for 16 recoveries).

/// RFC 9002, section 6.1.1.
const PACKETS_MIN: u64 = 3;
/// No path puts a packet farther behind than this, or it is lost.
const PACKETS_MAX: u64 = 4_096;
/// RFC 8985, section 6.2: recoveries without proof before the limits shrink.
const RECOVERIES_KEPT: u32 = 16;
/// Timers and threads are not finer than this.
const WINDOW_MIN_US: u64 = 100;

/// The limits of lateness.
#[derive(Clone, Debug)]
pub(super) struct Reordering {
    packets: u64,
    /// The lateness proven, with a margin; zero until there is proof.
    proven_us: u64,
    recoveries: u32,
}

impl Reordering {
    pub(super) const fn new() -> Self {
        Self {
            packets: PACKETS_MIN,
            proven_us: 0,
            recoveries: 0,
        }
    }

    /// How many later packets may be acknowledged before one counts as lost.
    pub(super) const fn packets(&self) -> u64 {
        self.packets
    }

    /// How long after a whole round trip a packet may still come.
    pub(super) fn window_us(&self, least_us: u64, smoothed_us: u64) -> u64 {
        (least_us / 4)
            .max(self.proven_us)
            .min(smoothed_us)
            .max(WINDOW_MIN_US)
    }

    /// A packet that had been declared lost came: `behind` packets behind the newest, `late_us`
    /// later than a round trip.
    pub(super) fn proven(&mut self, behind: u64, late_us: u64) {
        self.recoveries = 0;
        let packets = behind.saturating_add(behind / 2).saturating_add(1);
        self.packets = self.packets.max(packets.min(PACKETS_MAX));
        self.proven_us = self.proven_us.max(late_us.saturating_add(late_us / 4));
    }

    /// A round trip with losses ended without proof of reordering.
    pub(super) fn recovered(&mut self) {
        self.recoveries += 1;
        if self.recoveries >= RECOVERIES_KEPT {
            self.recoveries = 0;
            self.packets = (self.packets / 2).max(PACKETS_MIN);
            self.proven_us /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_with_three_packets_and_a_quarter_of_a_round_trip() {
        let reordering = Reordering::new();
        assert_eq!(reordering.packets(), 3);
        assert_eq!(reordering.window_us(20_000, 21_000), 5_000);
    }

    #[test]
    fn proof_raises_both_limits_and_the_round_trip_bounds_the_window() {
        let mut reordering = Reordering::new();
        reordering.proven(42, 6_000);
        assert!(reordering.packets() > 42);
        assert_eq!(reordering.window_us(20_000, 21_000), 7_500);
        reordering.proven(u64::MAX, u64::MAX);
        assert_eq!(reordering.packets(), PACKETS_MAX);
        assert_eq!(reordering.window_us(20_000, 21_000), 21_000);
    }

    #[test]
    fn without_proof_the_limits_shrink_back() {
        let mut reordering = Reordering::new();
        reordering.proven(42, 6_000);
        for _ in 0..8 * RECOVERIES_KEPT {
            reordering.recovered();
        }
        assert_eq!(reordering.packets(), 3);
        assert_eq!(reordering.window_us(20_000, 21_000), 5_000);
    }
}
