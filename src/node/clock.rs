//! The one clock of a node. Everything else is told the time.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::time::{Calendar, Moment, WallTime};

/// Tells moments since its creation. Follows a paused runtime in tests.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    calendar: Calendar,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where time enters the program"
    )]
    pub fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let started_at = WallTime(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX));
        Self {
            start: Instant::now(),
            calendar: Calendar { started_at },
        }
    }

    /// The moment it is.
    #[must_use]
    pub fn now(&self) -> Moment {
        let micros = self.start.elapsed().as_micros();
        Moment::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Turns moments of this clock into calendar stamps.
    #[must_use]
    pub const fn calendar(&self) -> Calendar {
        self.calendar
    }
}
