//! The looks of one account whose names are remembered.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::proto::ids::ViewId;
use crate::proto::limits::{COMMAND_FRESH_MS, RELEASE_AGAIN_MS};
use crate::time::WallTime;

/// How long a name is remembered: a day.
const KEPT_MS: u64 = 86_400_000;

// What was signed at the latest moment before its look was counted, and the earliest after it was
// forgotten, are further apart than an order stays fresh.
const _: () = assert!(KEPT_MS > 2 * COMMAND_FRESH_MS && KEPT_MS > RELEASE_AGAIN_MS);

/// A counted look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Look {
    pub(super) view: ViewId,
    pub(super) reply_key: [u8; 32],
    pub(super) ordinal: u32,
    pub(super) remaining: u32,
    pub(super) at: WallTime,
    pub(super) seq: u64,
}

/// Oldest first, so in the order of their numbers, and of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Looks(VecDeque<Look>);

impl Looks {
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The look of this name. From the newest on: repeats come soon.
    pub(super) fn find(&self, view: ViewId) -> Option<&Look> {
        self.0.iter().rev().find(|look| look.view == view)
    }

    pub(super) fn push(&mut self, look: Look) {
        self.0.push_back(look);
    }

    pub(super) fn forget(&mut self, now: WallTime) {
        while self.next_due().is_some_and(|due| due <= now) {
            self.0.pop_front();
        }
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
    }

    pub(super) fn next_due(&self) -> Option<WallTime> {
        self.0.front().map(|look| later(look.at, KEPT_MS))
    }

    /// Whether numbers, times and positions go up, and stay below what is given.
    pub(super) fn are_sound(&self, spent: u32, now: WallTime, applied: u64) -> bool {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        let is_last_known = self
            .0
            .back()
            .is_none_or(|look| look.ordinal <= spent && look.at <= now && look.seq <= applied);
        is_last_known
            && pairs.into_iter().all(|(one, next)| {
                one.ordinal < next.ordinal && one.at <= next.at && one.seq < next.seq
            })
    }
}

impl Look {
    /// Whether its shares are let out again.
    pub(super) fn is_recent(&self, now: WallTime) -> bool {
        now < later(self.at, RELEASE_AGAIN_MS)
    }
}

/// So many milliseconds later.
pub(super) const fn later(at: WallTime, wait_ms: u64) -> WallTime {
    WallTime(at.0.saturating_add(wait_ms))
}
