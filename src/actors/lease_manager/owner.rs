//! What the owner's half does: opens grants, delivers pictures, makes changes, hears reports.

use super::super::edges::{Contact, DiskOrder, PictureFile, Ticket};
use super::given::{Given, hidden_file};
use super::jobs::{Asker, Job, MadeChange, Opening, RowKey, Then};
use super::naming::Named;
use super::{LeaseManager, Output, failures};
use crate::actors::machine::Outbox;
use crate::proto::control::Failure;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{GrantId, LetterId};
use crate::proto::lease::{LogEntry, LogEvent};
use crate::proto::letter::{Grant, Note};
use crate::proto::limits::VIEWS_MAX;
use crate::proto::notice::LeaseNews;
use crate::time::{Moment, WallTime};

impl LeaseManager {
    pub(super) fn open_grant(&mut self, now: Moment, opening: Opening, out: &mut Outbox<Output>) {
        let Opening { ticket, grant, .. } = &opening;
        let (ticket, id, key) = (*ticket, grant.grant, grant.key);
        if let Some(given) = self
            .given
            .get_mut(&id)
            .filter(|given| given.content_key() == key)
        {
            match &mut given.run.waiting {
                Some((waiting, _)) => *waiting = ticket,
                None if given.run.stored.is_some() => out.push(Output::GrantOpened {
                    ticket,
                    opened: Ok(given.delivered),
                }),
                None => {}
            }
            return;
        }
        if self
            .jobs
            .any(|job| matches!(job, Job::KeepHidden(other) if other.ticket == ticket))
        {
            return;
        }
        let at = self.config.calendar.at(now);
        if let Err(failure) = self.may_open(&opening, at, out) {
            let opened = Err(failure);
            out.push(Output::GrantOpened { ticket, opened });
            return;
        }
        self.keep_hidden(now, Box::new(opening), out);
    }

    fn may_open(
        &mut self,
        opening: &Opening,
        at: WallTime,
        out: &mut Outbox<Output>,
    ) -> Result<(), Failure> {
        let Grant {
            grant: id,
            name,
            views,
            ..
        } = &opening.grant;
        let to = &opening.to;
        if GrantId::of(self.config.me, to.identity.user_id(), name) != *id {
            return Err(failures::wrong_grant());
        }
        if *views > VIEWS_MAX {
            return Err(failures::too_many_views(VIEWS_MAX));
        }
        if opening.grant.conditions.strict && self.config.servers.is_empty() {
            return Err(failures::no_servers());
        }
        if self.is_opening(*id) {
            return Err(failures::in_the_making(name));
        }
        if let Some(old) = self.given.get(id) {
            if old.left_at(at) > 0 || old.run.stored.is_none() {
                return Err(failures::shared_already(name, &to.name, &id.short()));
            }
            if !old.is_told() {
                return Err(failures::in_the_making(name));
            }
            return Ok(());
        }
        if self.make_room(at, out) {
            Ok(())
        } else {
            Err(failures::table_full(self.config.leases_max))
        }
    }

    /// Whether the picture of a new grant of this name is being written.
    pub(super) fn is_opening(&self, id: GrantId) -> bool {
        self.jobs
            .any(|job| matches!(job, Job::KeepHidden(other) if other.grant.grant == id))
    }

    /// Makes room for a lease: the oldest grant of ours that is finished gives way.
    fn make_room(&mut self, at: WallTime, out: &mut Outbox<Output>) -> bool {
        if !self.is_full() {
            return true;
        }
        let oldest = self
            .given
            .values()
            .filter(|given| given.is_finished(at))
            .min_by_key(|given| given.grant.granted_at)
            .map(|given| (given.id(), hidden_file(&given.grant)));
        let Some((oldest, file)) = oldest else {
            return false;
        };
        self.given.remove(&oldest);
        self.dirty.insert(RowKey::Given(oldest));
        self.drop_hidden(file, out);
        true
    }

    pub(super) fn keep_hidden(
        &mut self,
        now: Moment,
        opening: Box<Opening>,
        out: &mut Outbox<Output>,
    ) {
        let file = hidden_file(&opening.grant);
        let order = DiskOrder::Keep(file, opening.picture.clone());
        let ticket = self.jobs.add(self.step_end(now), Job::KeepHidden(opening));
        out.push(Output::Disk { ticket, order });
    }

    /// The picture is on disk: the grant exists from here on.
    pub(super) fn install(&mut self, now: Moment, opening: Opening, out: &mut Outbox<Output>) {
        let Opening {
            ticket,
            to,
            mut grant,
            ..
        } = opening;
        let id = grant.grant;
        if let Some(old) = self.given.get(&id) {
            grant.granted_at = old.next_at(grant.granted_at);
        }
        let given = self.locked(Given::new(to, grant));
        let granted_at = given.grant.granted_at;
        let mut keys = self.log.insert(id, given.granted_entry());
        keys.push(RowKey::Given(id));
        let old = self.given.insert(id, given).map(Box::new);
        let announce = Then::Announce {
            grant: id,
            granted_at,
            ticket,
            old,
        };
        self.store(now, keys, vec![announce], out);
    }

    /// Deletes a picture that nobody may have any more. An answer is not waited for: a file that
    /// stays is of no use to anybody but us.
    pub(super) fn drop_hidden(&mut self, file: PictureFile, out: &mut Outbox<Output>) {
        let order = DiskOrder::Delete(file);
        let ticket = self.jobs.draw();
        out.push(Output::Disk { ticket, order });
    }

    /// The rows of a new grant could not be written: all is as before.
    pub(super) fn uninstall(&mut self, id: GrantId, old: Option<Box<Given>>) {
        if let Some(given) = self.given.remove(&id) {
            self.log.remove(id, given.granted_entry());
        }
        if let Some(old) = old {
            self.given.insert(id, *old);
        }
    }

    pub(super) fn announce(
        &mut self,
        now: Moment,
        (id, granted_at): (GrantId, WallTime),
        ticket: Ticket,
        old: Option<Box<Given>>,
        out: &mut Outbox<Output>,
    ) {
        let (end, due) = (self.after(now, self.config.delivery_ms), self.due_end(now));
        let is_this = |given: &&mut Given| given.grant.granted_at == granted_at;
        let Some(given) = self.given.get_mut(&id).filter(is_this) else {
            let opened = Ok(false);
            out.push(Output::GrantOpened { ticket, opened });
            return;
        };
        given.run.waiting = Some((ticket, end));
        given.run.due_at = due;
        let file = hidden_file(&given.grant);
        self.tell_given(now, id, LeaseNews::Granted, out);
        self.deposit_shares(now, id, out);
        self.post_grant(now, id, out);
        if let Some(gone) = old.map(|old| hidden_file(&old.grant))
            && gone != file
        {
            self.drop_hidden(gone, out);
        }
    }

    pub(super) fn post_grant(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let Some(given) = self.given.get(&id) else {
            return;
        };
        let granted_at = given.grant.granted_at;
        let is_this =
            |job: &Job| matches!(job, Job::PostGrant(of, at) if (*of, *at) == (id, granted_at));
        if given.announced || given.is_unopened() || self.jobs.any(is_this) {
            return;
        }
        let (to, note) = (given.to.identity, Note::Grant(given.grant.clone()));
        let job = Job::PostGrant(id, granted_at);
        let ticket = self.jobs.add(self.step_end(now), job);
        out.push(Output::Post { ticket, to, note });
    }

    /// The letter with the grant is with the courier; now the picture.
    pub(super) fn grant_posted(
        &mut self,
        now: Moment,
        id: GrantId,
        granted_at: WallTime,
        out: &mut Outbox<Output>,
    ) {
        let is_this = |given: &&mut Given| given.grant.granted_at == granted_at;
        let Some(given) = self.given.get_mut(&id).filter(is_this) else {
            return;
        };
        given.announced = true;
        self.store(now, vec![RowKey::Given(id)], Vec::new(), out);
        self.locate_borrower(now, id, false, out);
    }

    pub(super) fn report_heard(
        &mut self,
        now: Moment,
        letter: LetterId,
        from: PublicIdentity,
        (id, entries): (GrantId, &[LogEntry]),
        out: &mut Outbox<Output>,
    ) {
        let is_theirs = |given: &&mut Given| given.to.identity == from;
        let Some(given) = self.given.get_mut(&id).filter(is_theirs) else {
            out.push(Output::Kept(letter));
            return;
        };
        given.learn(entries);
        let mut then = vec![Then::Keep(letter)];
        if given.delivered
            && let Some((ticket, _)) = given.run.waiting.take()
        {
            then.push(Then::Delivered(ticket));
        }
        let mut keys = vec![RowKey::Given(id)];
        let mut news = Vec::new();
        for entry in entries.iter().filter(|entry| given.may_log(entry)) {
            if !self.log.contains(id, *entry) {
                news.push(entry);
            }
            keys.extend(self.log.insert(id, *entry));
        }
        for entry in news {
            if matches!(entry.event, LogEvent::Viewed { .. }) {
                self.complete_after_look(id);
            }
            self.tell_reported(now, id, entry, out);
        }
        self.store(now, keys, then, out);
    }

    /// Does again what is due with a grant of ours.
    pub(super) fn attend_given(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let (due, at) = (self.due_end(now), self.config.calendar.at(now));
        let Some(given) = self.given.get_mut(&id) else {
            return;
        };
        given.run.due_at = due;
        given.run.is_late = given.terms().is_expired(at);
        let granted_at = given.grant.granted_at;
        let unposted: Vec<u32> = given.unposted().collect();
        self.deposit_shares(now, id, out);
        self.tell_ledger(now, id, out);
        self.post_grant(now, id, out);
        for sequence in unposted {
            let made = MadeChange {
                grant: id,
                granted_at,
                sequence,
                asker: Asker::Nobody,
            };
            let is_this = |of: &MadeChange| {
                MadeChange {
                    asker: made.asker,
                    ..*of
                } == made
            };
            let is_posting =
                |job: &Job| matches!(job, Job::PostChange { made: of, .. } if is_this(of));
            if !self.jobs.any(is_posting) {
                self.post_change(now, made, out);
            }
        }
        self.locate_borrower(now, id, false, out);
    }
}

/// How a person points at a grant that we gave.
pub(super) fn named(given: &Given) -> Named<'_> {
    let Contact { name: peer, .. } = &given.to;
    Named {
        grant: given.id(),
        peer,
        image: &given.grant.name,
    }
}
