//! What the borrower's half does: takes grants, pictures and changes, reports.

use super::jobs::{Job, RowKey, Then, is_emptying};
use super::naming::Named;
use super::received::{FileState, Received, is_sound};
use super::{LeaseManager, Output};
use crate::actors::machine::Outbox;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{GrantId, LetterId};
use crate::proto::lease::{Adjust, LogEntry, LogEvent};
use crate::proto::letter::{Grant, Note};
use crate::proto::notice::LeaseNews;
use crate::time::Moment;

impl LeaseManager {
    /// A grant that is not taken now is not confirmed either: its letter comes again.
    pub(super) fn take_grant(
        &mut self,
        now: Moment,
        letter: LetterId,
        from: PublicIdentity,
        grant: Grant,
        out: &mut Outbox<Output>,
    ) {
        if !is_sound(&grant, from.user_id(), self.config.me) {
            out.push(Output::Kept(letter));
            return;
        }
        let (id, due) = (grant.grant, self.due_end(now));
        let views = grant.views;
        let entry = LogEntry {
            at: grant.granted_at,
            event: LogEvent::Granted { views },
        };
        let is_claimed = self.claims.contains_key(&id);
        let is_full = self.is_full();
        let mut is_news = true;
        match self.received.get_mut(&id) {
            Some(old) if old.grant.granted_at < grant.granted_at => {
                if is_claimed || old.is_full() {
                    return;
                }
                old.replace(grant);
                old.run.due_at = due;
                let old_orders = |job: &Job| {
                    is_emptying(job, id) || matches!(job, Job::KeepReceived(of) if *of == id)
                };
                self.jobs.drop_where(old_orders);
            }
            // Repeated, or one that a newer grant has overtaken: it stands in the log, no more.
            Some(_) => is_news = false,
            None if is_full => return,
            None => {
                let mut fresh = Received::new(from, grant);
                fresh.run.due_at = due;
                self.received.insert(id, fresh);
            }
        }
        if is_news {
            self.tell_received(id, LeaseNews::Granted, out);
        }
        let mut keys = self.log.insert(id, entry);
        keys.push(RowKey::Received(id));
        self.store(now, keys, vec![Then::Keep(letter)], out);
        self.settle(now, id, out);
    }

    /// A change of a grant that we do not have is dropped: the owner tells all changes again when
    /// the grant is reported.
    pub(super) fn take_change(
        &mut self,
        now: Moment,
        letter: LetterId,
        from: PublicIdentity,
        (adjust, key): (Adjust, [u8; 32]),
        out: &mut Outbox<Output>,
    ) {
        let (id, due) = (adjust.grant, self.due_end(now));
        let at = self.config.calendar.at(now);
        let Some(lease) = self
            .received
            .get_mut(&id)
            .filter(|lease| lease.owner == from)
        else {
            out.push(Output::Kept(letter));
            return;
        };
        if lease.is_full() {
            return;
        }
        let was_ended = lease.key.is_none();
        let Some(entries) = lease.adjust(adjust, &key, at) else {
            out.push(Output::Kept(letter));
            return;
        };
        if was_ended && lease.key.is_some() {
            lease.run.due_at = due;
            self.jobs.drop_where(|job| is_emptying(job, id));
        }
        let mut keys = vec![RowKey::Received(id)];
        if !entries.is_empty() {
            self.tell_received(id, LeaseNews::Changed, out);
        }
        for entry in entries {
            keys.extend(self.log.insert(id, entry));
        }
        self.store(now, keys, vec![Then::Keep(letter)], out);
        self.settle(now, id, out);
    }

    pub(super) fn picture_kept(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let at = self.config.calendar.at(now);
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        if lease.file != FileState::Missing {
            return;
        }
        lease.file = FileState::Here;
        self.tell_received(id, LeaseNews::Delivered, out);
        let event = LogEvent::Received;
        self.record(now, id, LogEntry { at, event }, Vec::new(), out);
        self.settle(now, id, out);
        self.picture_came(now, id, out);
    }

    /// Writes an event of a received lease together with its row.
    pub(super) fn record(
        &mut self,
        now: Moment,
        id: GrantId,
        entry: LogEntry,
        then: Vec<Then>,
        out: &mut Outbox<Output>,
    ) {
        if let Some(lease) = self.received.get_mut(&id) {
            lease.note(entry);
        }
        let mut keys = self.log.insert(id, entry);
        keys.push(RowKey::Received(id));
        self.store(now, keys, then, out);
    }

    /// Reports what is durable and not reported, one letter at a time.
    pub(super) fn post_report(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        if self
            .jobs
            .any(|job| matches!(job, Job::PostReport(of, _) if *of == id))
        {
            return;
        }
        let Some(lease) = self.received.get(&id) else {
            return;
        };
        let Some((entries, count)) = lease.report() else {
            return;
        };
        let to = lease.owner;
        let ticket = self
            .jobs
            .add(self.step_end(now), Job::PostReport(id, count));
        let note = Note::Report { grant: id, entries };
        out.push(Output::Post { ticket, to, note });
    }

    pub(super) fn report_posted(
        &mut self,
        now: Moment,
        id: GrantId,
        count: usize,
        out: &mut Outbox<Output>,
    ) {
        if let Some(lease) = self.received.get_mut(&id) {
            lease.reported(count);
            self.store(now, vec![RowKey::Received(id)], Vec::new(), out);
        }
    }

    /// Does again what is due with a grant that we received.
    pub(super) fn attend_received(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let (due, at) = (self.due_end(now), self.config.calendar.at(now));
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        lease.run.due_at = due;
        let is_wanting = lease.is_wanting();
        let checks_in = lease.checks_in(now, at);
        let user = lease.owner.user_id();
        self.post_report(now, id, out);
        self.settle(now, id, out);
        if checks_in {
            self.check_in(now, id, out);
        }
        self.empty_if_stored(now, id, out);
        if is_wanting && !self.is_arriving(id) {
            let ticket = self.jobs.add(self.step_end(now), Job::LocateOwner(id));
            out.push(Output::Locate { ticket, user });
        }
    }

    pub(super) fn owner_located(&mut self, id: GrantId, online: bool, out: &mut Outbox<Output>) {
        let Some(lease) = self.received.get(&id).filter(|lease| lease.is_wanting()) else {
            return;
        };
        if online {
            let note = lease.picture_ask();
            let (ticket, to) = (self.jobs.draw(), lease.owner);
            out.push(Output::Post { ticket, to, note });
        }
    }
}

/// How a person points at a grant that we received.
pub(super) fn named(lease: &Received) -> Named<'_> {
    Named {
        grant: lease.grant.grant,
        peer: &lease.grant.owner_name,
        image: &lease.grant.name,
    }
}
