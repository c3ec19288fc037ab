//! The clock of the bench: here time is what is measured.

use std::time::{Duration, Instant};

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "an edge: a bench reads the clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Time since then.
pub(crate) fn since(start: Instant) -> Duration {
    now().saturating_duration_since(start)
}
