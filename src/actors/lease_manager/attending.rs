//! Answers from elsewhere in the node, and what time brings.

use std::time::Duration;

use super::super::edges::{Ticket, WorkDone};
use super::super::looks::LookFault;
use super::jobs::Job;
use super::storing::not_opened;
use super::taken::Taken;
use super::viewing::Claim;
use super::{ATTEND_MAX, LeaseManager, Output, STAGGER_MS, borrower, failures, naming, owner};
use crate::actors::machine::Outbox;
use crate::proto::control::{Failure, Lease, Outcome, Posted};
use crate::time::Moment;

impl LeaseManager {
    pub(super) fn leases(&self, now: Moment) -> Vec<Lease> {
        let at = self.config.calendar.at(now);
        let given = self.given.values().map(|given| Lease {
            grant: given.id(),
            name: given.grant.name.clone(),
            ours: true,
            peer: given.to.name.clone(),
            terms: given.terms(),
            conditions: given.grant.conditions,
            granted_at: given.grant.granted_at,
            ended: given.end_at(at),
            picture_bytes: given.grant.picture_bytes,
            delivered: given.delivered,
            file: None,
            taken: given.lent,
        });
        let received = self.received.values().map(|lease| Lease {
            grant: lease.grant.grant,
            name: lease.grant.name.clone(),
            ours: false,
            peer: lease.grant.owner_name.clone(),
            terms: lease.terms.clone(),
            conditions: lease.grant.conditions,
            granted_at: lease.grant.granted_at,
            ended: lease.end_at(at),
            picture_bytes: lease.grant.picture_bytes,
            delivered: lease.has_file(),
            file: lease.has_file().then(|| lease.picture_file().name),
            taken: lease.taken.as_ref().map(Taken::told_to_person),
        });
        given.chain(received).collect()
    }

    pub(super) fn ledger(&self, lease: Option<String>) -> Result<Outcome, Failure> {
        let all = self.given.values().map(owner::named);
        let all = all.chain(self.received.values().map(borrower::named));
        let grant = lease.map(|lease| naming::find(&lease, all)).transpose()?;
        Ok(Outcome::Ledger(self.log.of(grant)))
    }

    pub(super) fn located(
        &mut self,
        now: Moment,
        ticket: Ticket,
        online: bool,
        out: &mut Outbox<Output>,
    ) {
        match self.jobs.take(ticket) {
            Some(Job::LocateBorrower { grant, asked }) => {
                self.borrower_located(now, grant, asked, online, out);
            }
            Some(Job::LocateOwner(grant)) => self.owner_located(grant, online, out),
            _ => {}
        }
    }

    pub(super) fn posted(
        &mut self,
        now: Moment,
        ticket: Ticket,
        how: Posted,
        out: &mut Outbox<Output>,
    ) {
        match self.jobs.take(ticket) {
            // Nobody has the letter, but what it says is on our disk: it is posted again when due.
            Some(Job::PostChange { made, .. }) if how == Posted::Lost => {
                self.change_told(now, made, Posted::Queued, out);
            }
            Some(Job::PostGrant(..) | Job::PostReport(..)) if how == Posted::Lost => {}
            Some(Job::PostGrant(grant, granted_at)) => {
                self.grant_posted(now, grant, granted_at, out);
            }
            Some(Job::PostChange { made, accepted }) => {
                self.change_posted(now, made, accepted, out);
                self.change_told(now, made, how, out);
            }
            Some(Job::PostReport(grant, count)) => self.report_posted(now, grant, count, out),
            _ => {}
        }
    }

    pub(super) fn worked(
        &mut self,
        now: Moment,
        ticket: Ticket,
        worked: WorkDone,
        out: &mut Outbox<Output>,
    ) {
        match self.jobs.take(ticket) {
            Some(Job::OpenView(grant, view)) => self.view_worked(now, (grant, view), worked, out),
            Some(Job::Reduce(grant, picture)) => self.reduced(now, grant, picture, worked, out),
            Some(Job::Render(grant)) => self.rendered(now, grant, worked, out),
            Some(Job::EmptySpent(grant)) => self.spent_worked(now, grant, worked, out),
            _ => {}
        }
    }

    pub(super) fn expired(&mut self, now: Moment, job: Job, out: &mut Outbox<Output>) {
        match job {
            Job::Write { keys, then, .. } => self.write(now, keys, then, out),
            Job::KeepHidden(mut opening) => {
                opening.tries += 1;
                if opening.tries < self.config.attempts {
                    self.keep_hidden(now, opening, out);
                } else {
                    not_opened(opening.ticket, "no answer", out);
                }
            }
            Job::Borrow(grant, checkout, wish) => {
                self.not_lent(now, grant, (checkout, wish), LookFault::Unanswered, out);
            }
            // Whoever waits for a look is told, and may try again at once.
            Job::CountLook(grant, view) if self.opening(grant, view).is_some() => {
                self.fail_view(now, grant, failures::no_majority(), out);
            }
            Job::ReadView(grant, view) | Job::OpenView(grant, view)
                if self.opening(grant, view).is_some() =>
            {
                self.fail_opening(now, grant, failures::too_slow(), out);
            }
            // It is on our disk, and is posted again when it is due.
            Job::PostChange { made, .. } => self.change_told(now, made, Posted::Queued, out),
            // What these were for is begun again when it is due.
            _ => {}
        }
    }

    pub(super) fn attend(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let stagger = Duration::from_millis(STAGGER_MS);
        let (mut place, mut later) = (0, now);
        let mut is_now = |due_at: &mut Moment| {
            place += 1;
            if place > ATTEND_MAX {
                if place % ATTEND_MAX == 1 {
                    later = later.after(stagger);
                }
                *due_at = later;
            }
            place <= ATTEND_MAX
        };
        let mut given = Vec::new();
        for lease in self.given.values_mut() {
            if lease.run.due_at <= now && lease.is_due() && is_now(&mut lease.run.due_at) {
                given.push(lease.id());
            }
        }
        let mut received = Vec::new();
        for lease in self.received.values_mut() {
            if lease.run.due_at <= now && lease.is_due() && is_now(&mut lease.run.due_at) {
                received.push(lease.grant.grant);
            }
        }
        for grant in given {
            self.attend_given(now, grant, out);
        }
        for grant in received {
            self.attend_received(now, grant, out);
        }
    }

    pub(super) fn waited(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.end_dated(now, out);
        self.end_awaited(now, out);
        let late = |claim: &Claim| claim.until <= now;
        let claims = self.claims.iter().filter(|(_, claim)| late(claim));
        for grant in claims.map(|(grant, _)| *grant).collect::<Vec<_>>() {
            self.claim_ended(now, grant, out);
        }
        for given in self.given.values_mut() {
            if given.run.waiting.is_some_and(|(_, until)| until <= now)
                && let Some((ticket, _)) = given.run.waiting.take()
            {
                let opened = Ok(given.delivered);
                out.push(Output::GrantOpened { ticket, opened });
            }
        }
    }
}
