//! Shares for servers that lack theirs: one was down when they were deposited, or its disk was
//! replaced.
//!
//! A grant is open when a majority has its shares. From then on the same shares are made again and
//! put before all servers: soon, later and later as long as one of them does not tell that it has
//! its share on disk, and rarely when all do. A server whose disk was replaced says so by the name
//! of the disk; then, after a start, when the borrower tells of a look, and when a grant that had
//! ended goes on, all that could be missing is asked at once. So after a while any majority of the
//! servers opens the picture, and not only the first one.
//!
//! A server that has its share keeps it as it is, and one that was told by the ledger to erase it
//! takes no other: what is put here can do no harm, however late it is.

use core::time::Duration;

use super::given::Given;
use super::jobs::Job;
use super::{LeaseManager, Output};
use crate::actors::machine::Outbox;
use crate::planted::{self, Bug};
use crate::proto::ids::{DiskId, GrantId, NodeId};
use crate::time::{Moment, WallTime};

/// Grants whose shares are put before the servers at a time. One that is down costs each of them
/// as long as the clerk waits, and people's orders are to find room beside them.
const UNDER_WAY_MAX: usize = 8;
/// Those for which there is no room are looked at again after so long, in milliseconds.
const NO_ROOM_MS: u64 = 1_000;

/// How far the shares of a grant are, as far as this program has been told since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Completion {
    /// When they are put before the servers the next time.
    at: Moment,
    /// When they were the last time.
    begun_at: Moment,
    /// So long after an attempt that was not complete, in milliseconds; 0 if none was made, or the
    /// last one was complete.
    pub(super) wait_ms: u64,
    /// The grant had ended when it was due.
    is_put_off: bool,
}

impl LeaseManager {
    /// When shares are put before the servers the next time.
    pub(super) fn next_completion(&self) -> Option<Moment> {
        let open = self.given.values().filter(|given| has_shares(given));
        open.map(|given| given.run.completion.at).min()
    }

    /// Puts shares before all servers for grants that are due.
    pub(super) fn complete_shares(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let at = self.config.calendar.at(now);
        let rarely = self.after(now, self.config.complete_every_ms);
        let no_room = self.after(now, NO_ROOM_MS);
        let is_under_way = |job: &Job| matches!(job, Job::CompleteShares(..));
        let mut room = UNDER_WAY_MAX.saturating_sub(self.jobs.count(is_under_way));
        let mut due = Vec::new();
        for given in self.given.values_mut() {
            if !has_shares(given) || given.run.completion.at > now {
                continue;
            }
            if given.end_at(at).is_some() {
                given.run.completion.at = rarely;
                given.run.completion.is_put_off = true;
            } else if room == 0 {
                given.run.completion.at = no_room;
            } else {
                room -= 1;
                due.push(given.id());
            }
        }
        for id in due {
            self.complete_grant(now, id, out);
        }
    }

    fn complete_grant(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let (first, most) = (self.config.complete_first_ms, self.config.complete_max_ms);
        let step_end = self.step_end(now);
        let Some(deposits) = self.deposits(id) else {
            return;
        };
        let Some(given) = self.given.get_mut(&id) else {
            return;
        };
        // As if it were in vain; the answer may tell better.
        let wait_ms = given.run.completion.wait_ms;
        let wait_ms = wait_ms.saturating_mul(2).clamp(first, most.max(first));
        given.run.completion = Completion {
            at: step_end.after(Duration::from_millis(wait_ms)),
            begun_at: now,
            wait_ms,
            is_put_off: false,
        };
        let round = given.locked.as_ref().map_or(0, |locked| locked.round);
        let job = Job::CompleteShares(id, given.grant.granted_at, round);
        let ticket = self.jobs.add(step_end, job);
        let needed = deposits.len();
        out.push(Output::Deposit {
            ticket,
            deposits,
            needed,
        });
    }

    /// So many servers told that they have their shares of this round.
    pub(super) fn completed(
        &mut self,
        now: Moment,
        (id, granted_at, round): (GrantId, WallTime, u32),
        servers: usize,
    ) {
        // A server that was added since has no part in this grant.
        let (known, every_ms) = (self.config.servers.len(), self.config.complete_every_ms);
        let Some(given) = self.given_at(id, granted_at) else {
            return;
        };
        let (Some(locked), Some(lock)) = (&given.locked, &given.grant.lock) else {
            return;
        };
        if locked.round != round {
            return;
        }
        let all = lock.share_hashes.len().min(known);
        let completion = &mut given.run.completion;
        let wait_ms = if servers >= all {
            completion.wait_ms = 0;
            every_ms
        } else {
            completion.wait_ms
        };
        completion.at = now.after(Duration::from_millis(wait_ms.max(1)));
    }

    /// New shares are with a majority: the others are to follow soon.
    pub(super) fn complete_soon(&mut self, now: Moment, id: GrantId) {
        let at = self.after(now, self.config.complete_first_ms);
        if let Some(given) = self.given.get_mut(&id) {
            let begun_at = now;
            given.run.completion = Completion {
                at,
                begun_at,
                wait_ms: 0,
                is_put_off: false,
            };
        }
    }

    /// Something was changed. A grant that goes on has its shares looked after again: the servers
    /// keep those of one whose looks are used up for a while, and disks may have been replaced.
    pub(super) fn complete_what_goes_on(&mut self, now: Moment, id: GrantId) {
        let at = self.config.calendar.at(now);
        let pause = Duration::from_millis(self.config.complete_first_ms);
        let Some(given) = self.given.get_mut(&id) else {
            return;
        };
        let goes_on = given.end_at(at).is_none() && !planted::is(Bug::SharesNotLookedAfter);
        let completion = &mut given.run.completion;
        if completion.is_put_off && goes_on {
            completion.is_put_off = false;
            completion.at = completion.begun_at.after(pause);
        }
    }

    /// A server tells the name of its disk. If it is another than before, nothing is on it.
    pub(super) fn server_heard(&mut self, from: NodeId, disk: DiskId) {
        if !self
            .config
            .servers
            .iter()
            .any(|(server, _)| *server == from)
        {
            return;
        }
        let known = self.disks.insert(from, disk);
        if known.is_none_or(|known| known == disk) {
            return;
        }
        // However often a server says so, none is asked more often than this.
        let pause = Duration::from_millis(self.config.complete_first_ms);
        for given in self.given.values_mut() {
            let completion = &mut given.run.completion;
            completion.at = completion.at.min(completion.begun_at.after(pause));
        }
    }

    /// The borrower told of a look: what is looked at is worth asking about, now and then.
    pub(super) fn complete_after_look(&mut self, id: GrantId) {
        let pause = Duration::from_millis(self.config.complete_max_ms);
        if let Some(given) = self.given.get_mut(&id) {
            let completion = &mut given.run.completion;
            completion.at = completion.at.min(completion.begun_at.after(pause));
        }
    }
}

/// Whether servers are to have shares of it, as far as we know.
fn has_shares(given: &Given) -> bool {
    let is_open = given.locked.is_some() && !given.lacks_shares();
    given.run.stored.is_some() && is_open
}
