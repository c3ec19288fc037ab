//! One look at a borrowed picture: opened, painted, counted, closed; or given back.

use crate::proto::ids::{GrantId, ViewId};
use crate::time::WallTime;

/// Longest time that painting may take before the look is given back.
pub(crate) const PAINT_MAX_MS: u64 = 10_000;

/// How far a look is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The node opens the picture.
    Opening,
    /// The picture is decoded and painted, since then.
    Painting(WallTime),
    /// It is on the screen, since then.
    Shown(WallTime),
    /// It was on the screen and is wiped, because the window went behind others.
    Blank,
}

/// A look.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) grant: GrantId,
    /// The image's name.
    pub(crate) name: String,
    /// Who granted it.
    pub(crate) peer: String,
    pub(crate) step: Step,
    /// Known once it is open.
    pub(crate) view: Option<ViewId>,
    /// Looks left after this one.
    pub(crate) left: u32,
    /// The number of this look, once it is counted.
    pub(crate) ordinal: Option<u32>,
    /// It closes by itself after so many milliseconds.
    pub(crate) show_ms: Option<u32>,
}

impl Look {
    /// Milliseconds until it closes by itself, if it does.
    pub(crate) fn closes_in_ms(&self, now: WallTime) -> Option<u64> {
        let Step::Shown(since) = self.step else {
            return None;
        };
        let limit_ms = u64::from(self.show_ms?);
        Some(limit_ms.saturating_sub(now.0.saturating_sub(since.0)))
    }
}
