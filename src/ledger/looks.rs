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
    pub(super) ordinal: u32,
    pub(super) remaining: u32,
    pub(super) at: WallTime,
    pub(super) seq: u64,
}

/// Oldest first, so in the order of their numbers, and of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Looks {
    looks: VecDeque<Look>,
    /// Keys of the newest of them, in the same order: of those that get their shares again. They
    /// are half of what there is to remember, and serve nothing later.
    keys: VecDeque<[u8; 32]>,
}

impl Looks {
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.looks.len()).unwrap_or(u32::MAX)
    }

    /// The look of this name, and its key while it is known. From the newest on: repeats come soon.
    pub(super) fn find(&self, view: ViewId) -> Option<(&Look, Option<&[u8; 32]>)> {
        let place = self.looks.iter().rposition(|look| look.view == view)?;
        let from_end = self.looks.len() - place;
        let key = self.keys.len().checked_sub(from_end);
        Some((&self.looks[place], key.map(|place| &self.keys[place])))
    }

    pub(super) fn push(&mut self, look: Look, reply_key: [u8; 32]) {
        self.looks.push_back(look);
        self.keys.push_back(reply_key);
    }

    pub(super) fn forget(&mut self, now: WallTime) {
        while self.key_due().is_some_and(|due| due <= now) {
            self.keys.pop_front();
        }
        while self.look_due().is_some_and(|due| due <= now) {
            self.looks.pop_front();
        }
        self.keys.shrink_to(2 * self.keys.len());
        self.looks.shrink_to(2 * self.looks.len());
    }

    pub(super) fn next_due(&self) -> Option<WallTime> {
        self.key_due().into_iter().chain(self.look_due()).min()
    }

    /// Whether numbers, times and positions go up, and stay below what is given.
    pub(super) fn are_sound(&self, spent: u32, now: WallTime, applied: u64) -> bool {
        let pairs = self.looks.iter().zip(self.looks.iter().skip(1));
        let is_last_known = self
            .looks
            .back()
            .is_none_or(|look| look.ordinal <= spent && look.at <= now && look.seq <= applied);
        is_last_known
            && self.keys.len() <= self.looks.len()
            && pairs.into_iter().all(|(one, next)| {
                one.ordinal < next.ordinal && one.at <= next.at && one.seq < next.seq
            })
    }

    fn look_due(&self) -> Option<WallTime> {
        self.looks.front().map(|look| later(look.at, KEPT_MS))
    }

    fn key_due(&self) -> Option<WallTime> {
        let first = self.looks.len().checked_sub(self.keys.len())?;
        let look = self.looks.get(first)?;
        Some(later(look.at, RELEASE_AGAIN_MS))
    }
}

/// So many milliseconds later.
pub(super) const fn later(at: WallTime, wait_ms: u64) -> WallTime {
    WallTime(at.0.saturating_add(wait_ms))
}
