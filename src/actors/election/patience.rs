//! How long a lower rank waits for a claim: longer where claims come late.
//!
//! A server that gets too little of its processor claims late. Whoever waits too briefly for it
//! does the same work once more, just where there is too little to work with.

use std::time::Duration;

/// The next claim may be later by one part in so many.
const LATER: u32 = 4;
/// After a claim in time so much of what is waited for too long is left out, one part in so many.
const PARTS: u32 = 64;

/// A wait that follows what is seen.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    least: Duration,
    most: Duration,
    wait: Duration,
}

impl Patience {
    /// Waits between these two, milliseconds; the least at first.
    pub(super) const fn new(least_ms: u64, most_ms: u64) -> Self {
        let least = Duration::from_millis(least_ms);
        Self {
            least,
            most: Duration::from_millis(most_ms),
            wait: least,
        }
    }

    /// What each rank waits for those before it.
    pub(super) const fn wait(&self) -> Duration {
        self.wait
    }

    /// The server whose turn it was has claimed without waiting for others, so long after the
    /// question came here.
    pub(super) fn learn(&mut self, late: Duration) {
        let wanted = late.saturating_add(late / LATER);
        let wanted = wanted.min(self.most).max(self.least);
        let too_long = self.wait.saturating_sub(wanted);
        self.wait = self.wait.max(wanted) - too_long / PARTS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_at_once_and_shorter_bit_by_bit() {
        let ms = Duration::from_millis;
        let mut patience = Patience::new(20, 160);
        patience.learn(ms(1));
        assert_eq!(patience.wait(), ms(20));
        patience.learn(ms(40));
        assert_eq!(patience.wait(), ms(50));
        patience.learn(ms(1_000));
        assert_eq!(patience.wait(), ms(160), "nobody waits for ever");
        patience.learn(ms(1));
        assert_eq!(patience.wait(), ms(160) - ms(140) / 64);
        (0..1_000).for_each(|_| patience.learn(ms(1)));
        assert!(patience.wait() - ms(20) < Duration::from_micros(1));
    }
}
