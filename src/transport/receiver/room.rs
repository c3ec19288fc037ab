//! Who may hold memory: what is charged, what is kept for another session, and who goes when
//! there is not enough.

use core::time::Duration;

use super::assembly::Assembly;
use super::{FragmentReceiver, PACE_WINDOW, Taken};
use crate::time::Moment;
use crate::transport::budget::Budget;
use crate::transport::message::Standing;

impl FragmentReceiver {
    pub(super) fn keep(&mut self, now: Moment, mut assembly: Assembly, budget: &mut Budget) {
        assembly.is_unsaid = false;
        assembly.pace_from = (now, assembly.arrived);
        let id = assembly.told.as_ref().map(|told| told.id);
        let memory_bytes = assembly.memory_bytes();
        match id {
            Some(id) if !self.ended.has_transfer(id) => {
                self.arm(now.after(PACE_WINDOW));
                self.arm(
                    assembly
                        .news_at
                        .after(Duration::from_millis(self.config.idle_ms)),
                );
                if let Some(older) = self.kept.insert(id, assembly) {
                    self.charge(older.memory_bytes(), 0, budget);
                }
            }
            _ => self.charge(memory_bytes, 0, budget),
        }
        while self.kept.len() > self.config.transfers_max {
            self.drop_kept(budget);
        }
    }

    /// Drops what has waited to be resumed for too long; if memory is tight, all that has waited
    /// for a while.
    pub(super) fn drop_stale(&mut self, now: Moment, budget: &mut Budget) {
        let idle = Duration::from_millis(self.config.idle_ms);
        let is_tight = budget.is_tight();
        let mut freed = 0;
        self.kept.retain(|_, assembly| {
            let is_due = assembly.pace_from.0.after(PACE_WINDOW) <= now;
            let is_stale = assembly.news_at.after(idle) <= now;
            let goes = is_stale || (is_due && is_tight);
            if goes {
                freed += assembly.memory_bytes();
            } else if is_due {
                assembly.pace_from.0 = now;
            }
            !goes
        });
        self.charge(freed, 0, budget);
    }

    /// Drops the message that waits to be resumed for longest. Returns whether there was one.
    fn drop_kept(&mut self, budget: &mut Budget) -> bool {
        let oldest = self
            .kept
            .iter()
            .min_by_key(|(_, assembly)| assembly.news_at);
        let Some(id) = oldest.map(|(id, _)| *id) else {
            return false;
        };
        if let Some(assembly) = self.kept.remove(&id) {
            self.charge(assembly.memory_bytes(), 0, budget);
        }
        true
    }

    /// Whether a message may be charged so much more. What waits to be resumed makes room, and
    /// newer messages do: so the oldest always comes to its end.
    pub(super) fn make_room(
        &mut self,
        now: Moment,
        number: u32,
        bytes: usize,
        budget: &mut Budget,
    ) -> bool {
        while self.used_bytes.saturating_add(bytes) > self.config.memory_max_bytes
            || !budget.has_room(bytes)
        {
            if self.drop_kept(budget) {
                continue;
            }
            let Some(newest) = self.open.newest_after(number) else {
                return false;
            };
            self.close(now, newest, Some(Standing::Busy), budget);
        }
        true
    }

    /// Makes room for other links: what waits to be resumed goes, then the newest message, the only
    /// one that is left if `oldest_too`. Tells whether anything went.
    pub fn give_way(&mut self, now: Moment, oldest_too: bool, budget: &mut Budget) -> bool {
        if self.drop_kept(budget) {
            return true;
        }
        let newest = self.open.newest_after(0);
        let newest = newest.filter(|_| oldest_too || self.open.len() > 1);
        if let Some(newest) = newest {
            self.close(now, newest, Some(Standing::Busy), budget);
        }
        newest.is_some()
    }

    /// There is no room for a message.
    pub(super) fn turn_away(&mut self, now: Moment, number: u32, budget: &mut Budget) -> Taken {
        self.close(now, number, Some(Standing::Busy), budget);
        Taken::NoRoom
    }

    pub(super) fn charge(&mut self, before: usize, after: usize, budget: &mut Budget) {
        self.used_bytes = self.used_bytes.saturating_sub(before) + after;
        budget.change(before, after);
    }

    /// The messages that are too slow, now that memory is tight and the whole link is slow. Begins
    /// new windows of measuring.
    pub(super) fn find_slow(&mut self, now: Moment, budget: &Budget) -> Vec<u32> {
        let least = |time: Duration| {
            u64::from(self.config.rate_min).saturating_mul(time.as_millis() as u64) / 1_000
        };
        let (from, taken_bytes) = self.paced;
        let link = now.since(from);
        if link < PACE_WINDOW {
            return Vec::new();
        }
        self.paced = (now, self.taken_bytes);
        let is_scarce = budget.is_tight() || self.used_bytes > self.config.memory_max_bytes / 2;
        let is_strict = is_scarce && self.taken_bytes - taken_bytes < least(link);
        let mut slow = Vec::new();
        for (number, assembly) in self.open.iter_mut() {
            let (from, arrived) = assembly.pace_from;
            let time = now.since(from);
            if time < PACE_WINDOW {
                continue;
            }
            assembly.pace_from = (now, assembly.arrived);
            if is_strict && u64::from(assembly.arrived.saturating_sub(arrived)) < least(time) {
                slow.push(number);
            }
        }
        slow
    }
}
