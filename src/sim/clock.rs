//! The clock of one node: when it was started, how far its calendar is off, and how fast it goes.

use super::world::wall_time;
use crate::time::{Calendar, Moment, WallTime};

/// A million parts.
const MILLION: u64 = 1_000_000;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// When the node was started, in microseconds of the world.
    pub started_us: u64,
    /// What its calendar is ahead, in milliseconds.
    pub ahead_ms: i64,
    /// What it goes fast, in parts of a million.
    pub drift_ppm: i32,
}

impl Clock {
    fn rate(self) -> u64 {
        MILLION.saturating_add_signed(i64::from(self.drift_ppm))
    }

    /// What the node takes for the time since its start.
    #[must_use]
    pub fn local(self, now_us: u64) -> Moment {
        Moment::from_micros((now_us - self.started_us) * self.rate() / MILLION)
    }

    /// When it is that moment for the node, in microseconds of the world.
    #[must_use]
    pub fn global(self, local: Moment) -> u64 {
        let passed = local
            .as_micros()
            .saturating_mul(MILLION)
            .div_ceil(self.rate());
        self.started_us.saturating_add(passed)
    }

    /// What it is given at its start.
    #[must_use]
    pub fn calendar(self) -> Calendar {
        let at = wall_time(self.started_us);
        Calendar {
            started_at: WallTime(at.0.saturating_add_signed(self.ahead_ms)),
        }
    }

    /// What its calendar shows.
    #[must_use]
    pub fn wall(self, now_us: u64) -> WallTime {
        self.calendar().at(self.local(now_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_come_when_the_clock_says_so() {
        for drift_ppm in [-200, 0, 77, 200] {
            let clock = Clock {
                started_us: 12_345,
                ahead_ms: -600_000,
                drift_ppm,
            };
            for micros in [0, 1, 999_999, 3_600_000_007] {
                let moment = Moment::from_micros(micros);
                assert!(
                    clock.local(clock.global(moment)) >= moment,
                    "{drift_ppm} {micros}"
                );
            }
        }
    }
}
