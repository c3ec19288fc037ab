//! Time as the machines see it: a number that somebody else supplies.
//!
//! No code outside the edges reads a clock. A [`Moment`] counts from the start of the node and
//! only moves forward; a [`WallTime`] is the calendar, used for stamps that people read and for
//! numbers that must be larger after a restart than before it.

use core::fmt;
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

/// As `YYYY-MM-DD hh:mm:ss` in UTC. The calendar arithmetic is the day count of Howard Hinnant's
/// `civil_from_days`.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000;
        let days = seconds / 86_400 + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        )
    }
}

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
        WallTime(self.started_at.0.saturating_add(now.as_micros() / 1_000))
    }

    /// The moment of a wall time: the start of the node for one before it, the last representable
    /// moment for one too far away.
    #[must_use]
    pub fn moment(self, at: WallTime) -> Moment {
        let wait_ms = at.0.saturating_sub(self.started_at.0);
        Moment::START.after(Duration::from_millis(wait_ms))
    }
}

/// The earlier of two optional moments. Machines with several timers fold with it.
#[must_use]
pub fn earliest(first: Option<Moment>, second: Option<Moment>) -> Option<Moment> {
    match (first, second) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
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
        assert_eq!(calendar.moment(WallTime(1_250)), Moment::from_millis(250));
        assert_eq!(calendar.moment(WallTime(7)), Moment::START);
        assert_eq!(
            calendar.moment(WallTime(u64::MAX)),
            Moment::from_micros(u64::MAX)
        );
    }

    #[test]
    fn days_become_dates() {
        assert_eq!(WallTime(0).to_string(), "1970-01-01 00:00:00");
        assert_eq!(WallTime(951_782_400_000).to_string(), "2000-02-29 00:00:00");
        assert_eq!(
            WallTime(1_795_219_199_000).to_string(),
            "2026-11-20 23:59:59"
        );
        // Whatever a peer sends has a text.
        assert!(WallTime(u64::MAX).to_string().ends_with(":25:51"));
    }

    #[test]
    fn the_earliest_of_two_is_the_one_that_is_there() {
        let one = Some(Moment::from_millis(1));
        let two = Some(Moment::from_millis(2));
        assert_eq!(earliest(one, two), one);
        assert_eq!(earliest(None, two), two);
        assert_eq!(earliest(None, None), None);
    }
}
