//! Whether the path has become longer.
//!
//! The least round trip of before makes the window of a longer path far too small, and what is in
//! flight there look like a queue. A queue of others looks the same from outside; the two differ
//! when we send little for a while (ProbeRTT): our own part of a queue drains at once, a longer way
//! stays exactly as long.

/// Rounds without any round trip near the least one, after which we look.
const ROUNDS: u32 = 5;
/// Far is above so many halves of the least round trip, and this.
const FAR_HALVES: u64 = 3;
const FAR_MIN_US: u64 = 5_000;
/// Shorter by this share, or this: it was a queue.
const SHORTER_SHARE: u64 = 12;
const SHORTER_MIN_US: u64 = 1_000;
/// After a look in vain there is none for so long.
const PAUSE_US: u64 = 5_000_000;

/// What tells a longer path from a queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Detour {
    /// Rounds in a row in which every round trip was far above the least.
    rounds: u32,
    /// The least of the last round.
    last_us: u64,
    /// The same before we sent little, and the least since.
    before_us: u64,
    low_us: Option<u64>,
    pause_until_us: u64,
}

impl Detour {
    /// A round has ended; the least round trip of it, and of the path as far as is known.
    pub(super) fn on_round(&mut self, round_us: u64, least_us: u64) {
        self.last_us = round_us;
        let is_far = round_us > FAR_HALVES * (least_us / 2) + FAR_MIN_US;
        self.rounds = if is_far { self.rounds + 1 } else { 0 };
    }

    /// Whether to send little for a while in order to find out.
    pub(super) const fn is_suspected(&self, now_us: u64) -> bool {
        self.rounds >= ROUNDS && now_us >= self.pause_until_us
    }

    /// We send little from now on.
    pub(super) const fn begin(&mut self) {
        self.before_us = self.last_us;
        self.low_us = None;
        self.rounds = 0;
    }

    /// A round trip while we send little.
    pub(super) fn sample(&mut self, rtt_us: u64) {
        self.low_us = Some(self.low_us.map_or(rtt_us, |low_us| low_us.min(rtt_us)));
    }

    /// We send as usual again. The least round trip of the path, if it is a longer one than was
    /// known.
    pub(super) fn end(&mut self, now_us: u64, least_us: u64) -> Option<u64> {
        let low_us = self.low_us.take()?;
        let shorter_us = (self.before_us / SHORTER_SHARE).max(SHORTER_MIN_US);
        let is_way = low_us + shorter_us >= self.before_us;
        let is_longer = low_us > least_us + (least_us / 8).max(SHORTER_MIN_US);
        if is_longer && !is_way {
            self.pause_until_us = now_us + PAUSE_US;
        }
        (is_way && is_longer).then_some(low_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(before_us: u64, low_us: u64) -> (bool, Option<u64>) {
        let mut detour = Detour::default();
        for _ in 0..ROUNDS {
            detour.on_round(before_us, 20_000);
        }
        let is_suspected = detour.is_suspected(0);
        detour.begin();
        detour.sample(low_us + 100);
        detour.sample(low_us);
        (is_suspected, detour.end(0, 20_000))
    }

    #[test]
    fn a_way_that_stays_as_long_when_little_is_sent_is_longer() {
        assert_eq!(look(50_000, 49_500), (true, Some(49_500)));
    }

    #[test]
    fn what_drains_when_little_is_sent_was_a_queue() {
        assert_eq!(look(50_000, 40_000), (true, None));
    }

    #[test]
    fn a_little_longer_is_no_reason_to_look() {
        assert!(!look(30_000, 30_000).0);
    }

    #[test]
    fn a_look_in_vain_is_not_repeated_soon() {
        let mut detour = Detour::default();
        for now_us in [0, 1_000_000, PAUSE_US] {
            for _ in 0..ROUNDS {
                detour.on_round(50_000, 20_000);
            }
            assert_eq!(detour.is_suspected(now_us), now_us != 1_000_000);
            if now_us == 0 {
                detour.begin();
                detour.sample(30_000);
                assert_eq!(detour.end(now_us, 20_000), None);
            }
        }
    }
}
