//! How much time this server has itself: one that is late sees silence where there is none.
//!
//! After the local health multiplier of Lifeguard (arXiv 1707.00788). Strain grows with each sign
//! that it is this server, and not the others, that is late, and goes again while all is on time.
//! Decides only how much longer than usual a silence may last. Invariant: never more than
//! [`STRETCH_MAX`] times.

use std::time::Duration;

use crate::time::Moment;

/// A silence counts after so many suspicion times at the most.
pub(super) const STRETCH_MAX: u32 = 4;
/// After so long without a sign there is one step of strain less.
const EASE: Duration = Duration::from_secs(5);

/// The strain: 0 to one below [`STRETCH_MAX`].
#[derive(Debug, Default)]
pub(super) struct Health {
    strain: u32,
    /// When it last changed.
    changed_at: Moment,
}

impl Health {
    /// A sign that this server is late.
    pub(super) fn strain(&mut self, now: Moment) {
        self.ease(now);
        self.strain = (self.strain + 1).min(STRETCH_MAX - 1);
        self.changed_at = now;
    }

    /// Time passes without one.
    pub(super) fn ease(&mut self, now: Moment) {
        while self.strain > 0 && now.since(self.changed_at) >= EASE {
            self.strain -= 1;
            self.changed_at = self.changed_at.after(EASE);
        }
    }

    /// How long a silence may last, if it is so long for a server in good health.
    pub(super) const fn stretched(&self, silence: Duration) -> Duration {
        silence.saturating_mul(1 + self.strain)
    }

    /// Whether there was a sign after this moment, and it still counts.
    pub(super) fn is_strained_since(&self, then: Moment) -> bool {
        self.strain > 0 && self.changed_at > then
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_millis(400);

    #[test]
    fn strain_grows_to_its_bound_and_goes_step_by_step() {
        let mut health = Health::default();
        assert_eq!(health.stretched(SILENCE), SILENCE);
        for _ in 0..10 {
            health.strain(Moment::from_millis(1_000));
        }
        assert_eq!(health.stretched(SILENCE), SILENCE * STRETCH_MAX);
        for (at_ms, times) in [
            (5_999, 4),
            (6_000, 3),
            (11_000, 2),
            (15_999, 2),
            (16_000, 1),
        ] {
            health.ease(Moment::from_millis(at_ms));
            assert_eq!(health.stretched(SILENCE), SILENCE * times, "{at_ms}");
        }
    }

    #[test]
    fn a_sign_after_a_long_calm_is_the_first_one() {
        let mut health = Health::default();
        health.strain(Moment::from_millis(1_000));
        health.strain(Moment::from_millis(1_001));
        health.strain(Moment::from_millis(60_000));
        assert_eq!(health.stretched(SILENCE), SILENCE * 2);
        assert!(health.is_strained_since(Moment::from_millis(59_999)));
        assert!(!health.is_strained_since(Moment::from_millis(60_000)));
    }
}
