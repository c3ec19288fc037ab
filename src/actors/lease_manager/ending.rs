//! The end of a received grant: the key is destroyed, then the picture is emptied or deleted.

use rand_chacha::rand_core::Rng;

use super::super::edges::{DiskAnswer, DiskFault, DiskOrder, Work, WorkDone, WorkFault};
use super::jobs::{Job, RowKey, Then, is_emptying};
use super::received::{FileState, expired};
use super::{LeaseManager, Output};
use crate::actors::machine::Outbox;
use crate::proto::ids::GrantId;
use crate::proto::lease::{LogEntry, LogEvent};
use crate::proto::notice::LeaseNews;
use crate::time::Moment;

impl LeaseManager {
    /// When no look is left, by number or by date, and none is open: destroys the key, then deals
    /// with the file.
    pub(super) fn settle(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        self.note_date(now, id, out);
        let (due, at) = (self.due_end(now), self.config.calendar.at(now));
        let is_open = self.claims.contains_key(&id);
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        if is_open || !lease.is_ending() || lease.file == FileState::Emptying {
            return;
        }
        lease.note_spent(at);
        // Also when no picture was here: one may be on its way to the disk, or be left of an older
        // grant.
        lease.erase_key();
        lease.file = FileState::Emptying;
        lease.run.tries = 0;
        lease.run.due_at = due;
        if let Some(ended) = lease.ended {
            self.tell_received(id, LeaseNews::Ended(ended.reason), out);
        }
        self.store(now, vec![RowKey::Received(id)], vec![Then::Empty(id)], out);
    }

    /// Begins, or begins again, to empty the picture of a lease whose key is gone.
    pub(super) fn empty(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let attempts = self.config.attempts;
        let Some(lease) = self.received.get(&id) else {
            return;
        };
        if lease.file != FileState::Emptying || self.jobs.any(|job| is_emptying(job, id)) {
            return;
        }
        let file = lease.picture_file();
        let (order, job) = if lease.is_deleted_at_zero() || lease.run.tries >= attempts {
            (DiskOrder::Delete(file), Job::DeleteSpent(id))
        } else {
            (DiskOrder::Read(file), Job::ReadSpent(id))
        };
        let ticket = self.jobs.add(self.step_end(now), job);
        out.push(Output::Disk { ticket, order });
    }

    pub(super) fn spent_read(
        &mut self,
        now: Moment,
        id: GrantId,
        answer: DiskAnswer,
        out: &mut Outbox<Output>,
    ) {
        let picture = match answer {
            DiskAnswer::Read(picture) => picture,
            DiskAnswer::Failed(DiskFault::Missing) => {
                self.emptied(now, id, FileState::Gone, out);
                return;
            }
            DiskAnswer::Failed(_) | DiskAnswer::Written => {
                self.try_later(id, 1);
                return;
            }
        };
        let Some(lease) = self.received.get(&id) else {
            return;
        };
        let cover = lease.grant.cover;
        let mut fill_seed = [0; 32];
        self.rng.fill_bytes(&mut fill_seed);
        let ticket = self.jobs.add(self.step_end(now), Job::EmptySpent(id));
        let work = Work::Empty {
            picture,
            cover,
            fill_seed,
        };
        out.push(Output::Work { ticket, work });
    }

    pub(super) fn spent_worked(
        &mut self,
        now: Moment,
        id: GrantId,
        worked: WorkDone,
        out: &mut Outbox<Output>,
    ) {
        match worked {
            WorkDone::Emptied(picture) => {
                let Some(lease) = self.received.get(&id) else {
                    return;
                };
                let order = DiskOrder::Keep(lease.picture_file(), picture);
                let ticket = self.jobs.add(self.step_end(now), Job::KeepEmptied(id));
                out.push(Output::Disk { ticket, order });
            }
            WorkDone::Failed(WorkFault::Busy) => self.try_later(id, 0),
            WorkDone::Failed(WorkFault::Crashed) => self.try_later(id, 1),
            // What cannot be emptied is deleted: nothing may be left inside.
            _ => {
                self.try_later(id, self.config.attempts);
                self.empty(now, id, out);
            }
        }
    }

    fn try_later(&mut self, id: GrantId, tries: u32) {
        if let Some(lease) = self.received.get_mut(&id) {
            lease.run.tries = lease.run.tries.saturating_add(tries);
        }
    }

    /// The file is dealt with: the lease is spent, or expired.
    pub(super) fn emptied(
        &mut self,
        now: Moment,
        id: GrantId,
        file: FileState,
        out: &mut Outbox<Output>,
    ) {
        let at = self.config.calendar.at(now);
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        if !lease.is_ending() {
            return;
        }
        lease.file = file;
        if lease.is_expired() {
            // Logged when the date passed.
            return self.store(now, vec![RowKey::Received(id)], Vec::new(), out);
        }
        let event = LogEvent::Spent;
        self.record(now, id, LogEntry { at, event }, Vec::new(), out);
    }

    /// Goes on emptying, unless the loss of the key is still being written.
    pub(super) fn empty_if_stored(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let key = RowKey::Received(id);
        let is_writing = |job: &Job| matches!(job, Job::Write { keys, .. } if keys.contains(&key));
        if !self.dirty.contains(&key) && !self.jobs.any(is_writing) {
            self.empty(now, id, out);
        }
    }

    /// Notes, once, that the date of a lease has passed.
    pub(super) fn note_date(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let at = self.config.calendar.at(now);
        let lease = self.received.get_mut(&id);
        if lease.is_some_and(|lease| lease.note_date(at)) {
            self.record(now, id, expired(at), Vec::new(), out);
        }
    }

    /// Ends the leases whose date has come.
    pub(super) fn end_dated(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let at = self.config.calendar.at(now);
        let due = self.received.values();
        let due = due.filter(|lease| lease.next_date().is_some_and(|date| date <= at));
        for id in due.map(|lease| lease.grant.grant).collect::<Vec<_>>() {
            self.settle(now, id, out);
        }
    }

    /// When the next date ends a lease.
    pub(super) fn next_date(&self) -> Option<Moment> {
        let dates = self
            .received
            .values()
            .filter_map(super::Received::next_date);
        // A moment has more digits than a stamp: never before the stamp is reached.
        dates.min().map(|date| self.config.calendar.moment(date))
    }
}
