//! What BBR believes about the path: its rate, its fullness, how acknowledgements are bunched,
//! and what it loses for reasons of its own.

/// The highest rate of this and the previous cycle (draft, "BBR.max_bw Max Filter").
#[derive(Clone, Debug, Default)]
pub(super) struct RateFilter {
    cycles: [f64; 2],
}

impl RateFilter {
    pub(super) fn update(&mut self, bytes_per_s: f64) {
        self.cycles[0] = self.cycles[0].max(bytes_per_s);
    }

    pub(super) fn advance(&mut self) {
        if self.cycles[0] > 0.0 {
            self.cycles = [0.0, self.cycles[0]];
        }
    }

    pub(super) fn max(&self) -> f64 {
        self.cycles[0].max(self.cycles[1])
    }
}

/// Whether sending faster still brings more (draft, "Exiting Acceleration Based on Bandwidth
/// Plateau").
#[derive(Clone, Debug, Default)]
pub(super) struct FullPipe {
    baseline: f64,
    rounds: u32,
    /// Since the estimate was last reset.
    pub(super) now: bool,
    /// Ever.
    pub(super) reached: bool,
}

impl FullPipe {
    const GROWTH: f64 = 1.25;
    const ROUNDS: u32 = 3;

    pub(super) fn reset(&mut self, baseline: f64) {
        self.baseline = baseline;
        self.rounds = 0;
        self.now = false;
    }

    /// At the start of a round whose samples are not limited by the sender. Returns whether the
    /// rate still grows.
    pub(super) fn update(&mut self, bytes_per_s: f64) -> bool {
        if self.now {
            return false;
        }
        if bytes_per_s >= self.baseline * Self::GROWTH {
            self.reset(bytes_per_s);
            return true;
        }
        self.rounds += 1;
        self.now = self.rounds >= Self::ROUNDS;
        self.reached |= self.now;
        false
    }

    /// A round brought no growth.
    pub(super) const fn is_flat(&self) -> bool {
        self.rounds > 0
    }
}

/// How much more is acknowledged at once than the rate explains (draft, "BBR.extra_acked").
#[derive(Clone, Debug)]
pub(super) struct Bunching {
    began_us: u64,
    delivered: f64,
    /// The most of the present and of the previous half of the filter's rounds.
    most: [f64; 2],
    half_began: u64,
}

impl Bunching {
    const HALF_ROUNDS: u64 = 5;

    pub(super) const fn new(now_us: u64) -> Self {
        Self {
            began_us: now_us,
            delivered: 0.0,
            most: [0.0; 2],
            half_began: 0,
        }
    }

    pub(super) fn restart(&mut self, now_us: u64) {
        self.began_us = now_us;
        self.delivered = 0.0;
    }

    pub(super) fn update(&mut self, now_us: u64, acked: f64, rate: f64, round: u64, full: bool) {
        let elapsed_s = now_us.saturating_sub(self.began_us) as f64 / 1e6;
        let mut expected = rate * elapsed_s;
        if self.delivered <= expected {
            self.restart(now_us);
            expected = 0.0;
        }
        self.delivered += acked;
        let half = if full { Self::HALF_ROUNDS } else { 1 };
        if round >= self.half_began + half {
            self.half_began = round;
            self.most = [0.0, self.most[0]];
        }
        self.most[0] = self.most[0].max(self.delivered - expected);
    }

    pub(super) fn extra(&self) -> f64 {
        self.most[0].max(self.most[1])
    }
}

/// The share of packets that the path loses although nothing fills its queue.
///
/// Measured only while we send less than the path delivers (start-up while the rate still grows,
/// ProbeBW_DOWN) and the round trip is near its least: a full queue or a policer loses nothing
/// then, radio and broken cables do.
#[derive(Clone, Debug, Default)]
pub(super) struct LossFloor {
    lost: f64,
    total: f64,
    mark: Option<(u64, u64)>,
}

impl LossFloor {
    /// Samples count half after this many bytes (in datagrams).
    const MEMORY_DATAGRAMS: f64 = 400.0;
    /// More than this is a broken path, not a property of one.
    const SHARE_MAX: f64 = 0.4;

    /// From here on (totals of the session).
    pub(super) const fn mark(&mut self, delivered: u64, lost: u64) {
        self.mark = Some((delivered, lost));
    }

    pub(super) const fn unmark(&mut self) {
        self.mark = None;
    }

    /// Counts what was lost since the mark, and marks anew.
    pub(super) fn measure(&mut self, delivered: u64, lost: u64, datagram: f64) {
        if let Some((delivered_then, lost_then)) = self.mark {
            let lost = lost.saturating_sub(lost_then) as f64;
            let total = delivered.saturating_sub(delivered_then) as f64 + lost;
            let keep = 0.5_f64.powf(total / (Self::MEMORY_DATAGRAMS * datagram));
            self.lost = self.lost * keep + lost;
            self.total = self.total * keep + total;
        }
        self.mark(delivered, lost);
    }

    /// What was lost since the mark, in spite of a queue, is more than the floor.
    pub(super) fn bound(&mut self, delivered: u64, lost: u64) {
        if let Some((delivered_then, lost_then)) = self.mark {
            let lost = lost.saturating_sub(lost_then) as f64;
            let total = delivered.saturating_sub(delivered_then) as f64 + lost;
            if total > 0.0 {
                self.lost = self.lost.min(self.total * lost / total);
            }
        }
        self.mark(delivered, lost);
    }

    pub(super) fn share(&self) -> f64 {
        if self.total > 0.0 {
            (self.lost / self.total).min(Self::SHARE_MAX)
        } else {
            0.0
        }
    }
}

/// The rate at which the first flight came out of the path's narrowest link: it left as one burst,
/// so its acknowledgements are spaced by that link.
#[derive(Clone, Debug, Default)]
pub(super) struct Train {
    first: Option<(u64, u64)>,
    bytes_per_s: f64,
}

impl Train {
    const MIN_BYTES: u64 = 10_000;

    pub(super) fn update(&mut self, now_us: u64, delivered: u64, round: u64) {
        if round > 1 {
            return;
        }
        let (first_us, first_delivered) = *self.first.get_or_insert((now_us, delivered));
        let bytes = delivered - first_delivered;
        if now_us > first_us && bytes >= Self::MIN_BYTES {
            self.bytes_per_s = bytes as f64 * 1e6 / (now_us - first_us) as f64;
        }
    }

    /// What that rate brings in a round trip.
    pub(super) fn volume(&self, min_rtt_us: u64) -> f64 {
        if min_rtt_us == u64::MAX {
            return 0.0;
        }
        self.bytes_per_s * min_rtt_us as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_highest_of_two_cycles() {
        let mut filter = RateFilter::default();
        filter.update(10.0);
        filter.advance();
        filter.update(5.0);
        assert!((filter.max() - 10.0).abs() < f64::EPSILON);
        filter.advance();
        assert!((filter.max() - 5.0).abs() < f64::EPSILON);
        filter.advance();
        assert!(
            (filter.max() - 5.0).abs() < f64::EPSILON,
            "no cycle without a sample"
        );
    }

    #[test]
    fn three_flat_rounds_mean_a_full_pipe() {
        let mut pipe = FullPipe::default();
        assert!(pipe.update(10.0));
        assert!(pipe.update(13.0));
        for _ in 0..3 {
            assert!(!pipe.now);
            assert!(!pipe.update(14.0));
        }
        assert!(pipe.now && pipe.reached);
    }

    #[test]
    fn bunched_acknowledgements_are_seen() {
        let mut bunching = Bunching::new(0);
        for tick in 1..20 {
            bunching.update(tick * 10_000, 10_000.0, 1e6, tick, true);
        }
        assert!(
            (bunching.extra() - 10_000.0).abs() < 1.0,
            "{}",
            bunching.extra()
        );
    }

    #[test]
    fn the_floor_is_the_share_lost_since_the_mark() {
        let mut floor = LossFloor::default();
        floor.mark(0, 0);
        floor.measure(80_000, 20_000, 1_000.0);
        assert!((floor.share() - 0.2).abs() < 1e-9);
        for _ in 0..20 {
            floor.measure(80_000, 20_000, 1_000.0);
        }
        floor.mark(0, 0);
        for step in 1..40 {
            floor.measure(100_000 * step, 0, 1_000.0);
        }
        assert!(floor.share() < 0.01);
    }
}
