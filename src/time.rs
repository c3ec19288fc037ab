//! Time as the machines see it: a number that somebody else supplies.
//!
//! No code outside the edges reads a clock. A [`Moment`] counts from the start of the node and
//! only moves forward; a [`WallTime`] is the calendar, used for stamps that people read and for
//! numbers that must be larger after a restart than before it.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since the start of the node. Never runs backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The start of the node.
    pub const START: Self = Self(0);

    /// A moment from microseconds since the start of the node.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// A moment from milliseconds since the start of the node.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1_000)
    }

    /// Microseconds since the start of the node.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The moment `wait` later, or the last representable one.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// The time that passed since `earlier`; zero if `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Milliseconds since 1970-01-01 UTC, as some node's clock told it. Only for stamps that people
/// read and for epochs; never for time-outs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WallTime(pub u64);

/// Turns moments into calendar stamps: the wall time at which the node's moments began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calendar {
    /// Wall time at [`Moment::START`].
    pub started_at: WallTime,
}

impl Calendar {
    /// The wall time at `now`.
    #[must_use]
    pub const fn at(self, now: Moment) -> WallTime {
        WallTime(self.started_at.0 + now.as_micros() / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_after_a_wait_is_that_much_later() {
        let start = Moment::from_millis(5);
        let end = start.after(Duration::from_millis(7));
        assert_eq!(end.since(start), Duration::from_millis(7));
        assert_eq!(start.since(end), Duration::ZERO);
    }

    #[test]
    fn the_calendar_counts_from_the_start_of_the_node() {
        let calendar = Calendar {
            started_at: WallTime(1_000),
        };
        assert_eq!(calendar.at(Moment::from_millis(250)), WallTime(1_250));
    }
}
