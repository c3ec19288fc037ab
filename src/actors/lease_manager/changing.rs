//! Changes of grants that we gave: made, told to the borrower, told to who asked for them.

use super::super::edges::Ticket;
use super::given::{Given, hidden_file};
use super::jobs::{Asker, Job, MadeChange, RowKey, Then};
use super::owner::named;
use super::{LeaseManager, Output, done, failed, failures, naming};
use crate::actors::machine::Outbox;
use crate::proto::control::{Failure, Outcome, Posted};
use crate::proto::ids::{GrantId, WishId};
use crate::proto::lease::{Change, EndReason};
use crate::proto::letter::Note;
use crate::proto::limits::VIEWS_MAX;
use crate::proto::notice::LeaseNews;
use crate::time::Moment;

/// Answers to `MoreLooks` that are remembered, so that a repeated order adds nothing.
const ANSWERED_MAX: usize = 64;

impl LeaseManager {
    pub(super) fn adjust_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        lease: &str,
        change: Change,
        out: &mut Outbox<Output>,
    ) {
        let checked = self.find_given(lease).and_then(|id| {
            let given = self
                .given
                .get(&id)
                .ok_or_else(|| failures::not_found(lease))?;
            if given.terms().revoked {
                return Err(failures::revoked_by_us(&given.grant.name, &given.to.name));
            }
            if change == Change::Refund && !given.is_used() {
                let failure = failures::nothing_to_refund(&given.grant.name, &given.to.name);
                return Err(failure);
            }
            if given.is_excessive(change) {
                return Err(failures::too_many_views(VIEWS_MAX));
            }
            Ok(id)
        });
        let made = checked.and_then(|id| self.change(now, id, change, Asker::Wish(wish), out));
        if let Err(failure) = made {
            out.push(failed(wish, failure));
        }
    }

    pub(super) fn more_looks(
        &mut self,
        now: Moment,
        ticket: Ticket,
        id: GrantId,
        views: u32,
        out: &mut Outbox<Output>,
    ) {
        if let Some((_, added)) = self.answered.iter().find(|(done, _)| *done == ticket) {
            let added = *added;
            out.push(Output::MoreLooksAnswered { ticket, added });
            return;
        }
        let asker = Asker::Desk(ticket);
        let is_same = |other: &Asker| *other == asker;
        if self.jobs.any(|job| match job {
            Job::PostChange { made, .. } => is_same(&made.asker),
            Job::Write { then, .. } => then
                .iter()
                .any(|then| matches!(then, Then::PostChange(made) if is_same(&made.asker))),
            _ => false,
        }) {
            return;
        }
        let change = Change::Add(views);
        let at = self.config.calendar.at(now);
        let is_over = |given: &Given| {
            let reason = given.end_at(at).map(|ended| ended.reason);
            matches!(reason, Some(EndReason::Revoked | EndReason::Expired))
        };
        let may = |given: &Given| !is_over(given) && !given.is_excessive(change);
        let made = self.given.get(&id).is_some_and(may)
            && self.change(now, id, change, asker, out).is_ok();
        if !made {
            self.answer_more_looks(ticket, None, out);
        }
    }

    fn answer_more_looks(
        &mut self,
        ticket: Ticket,
        added: Option<Posted>,
        out: &mut Outbox<Output>,
    ) {
        if self.answered.len() >= ANSWERED_MAX {
            self.answered.pop_front();
        }
        self.answered.push_back((ticket, added));
        out.push(Output::MoreLooksAnswered { ticket, added });
    }

    fn change(
        &mut self,
        now: Moment,
        id: GrantId,
        change: Change,
        asker: Asker,
        out: &mut Outbox<Output>,
    ) -> Result<(), Failure> {
        let at = self.config.calendar.at(now);
        let is_opening = self.is_opening(id);
        let given = self
            .given
            .get_mut(&id)
            .ok_or_else(|| failures::not_found(&id.short()))?;
        if is_opening {
            return Err(failures::in_the_making(&given.grant.name));
        }
        let sequence = given
            .change(change, at)
            .ok_or_else(|| failures::too_many_changes(&given.to.name))?;
        let made = MadeChange {
            grant: id,
            granted_at: given.grant.granted_at,
            sequence,
            asker,
        };
        let then = Then::PostChange(made);
        self.store(now, vec![RowKey::Given(id)], vec![then], out);
        self.complete_what_goes_on(now, id);
        Ok(())
    }

    pub(super) fn post_change(&mut self, now: Moment, made: MadeChange, out: &mut Outbox<Output>) {
        let Some(given) = self.given_of(made) else {
            // A newer grant begins only when every change of the older one is on its way.
            self.change_told(now, made, Posted::Queued, out);
            return;
        };
        let Some(pending) = given.pending_change(made.sequence) else {
            if made.sequence <= given.last_sequence() {
                self.change_told(now, made, Posted::Direct, out);
            } else {
                self.change_failed(made.asker, "another change before it failed", out);
            }
            return;
        };
        let (adjust, key) = (pending.adjust, given.grant.key);
        let (to, note) = (given.to.identity, Note::Adjust { adjust, key });
        let accepted = given.accepted;
        let is_revoke = adjust.change == Change::Revoke;
        let gone = is_revoke.then(|| hidden_file(&given.grant));
        if let Some(file) = gone {
            self.drop_hidden(file, out);
        }
        if made.asker != Asker::Nobody {
            let what = if is_revoke {
                LeaseNews::Ended(EndReason::Revoked)
            } else {
                LeaseNews::Changed
            };
            self.tell_given(now, made.grant, what, out);
        }
        let job = Job::PostChange { made, accepted };
        let ticket = self.jobs.add(self.step_end(now), job);
        out.push(Output::Post { ticket, to, note });
        self.tell_ledger(now, made.grant, out);
    }

    fn given_of(&mut self, made: MadeChange) -> Option<&mut Given> {
        self.given_at(made.grant, made.granted_at)
    }

    pub(super) fn change_failed(&mut self, asker: Asker, why: &str, out: &mut Outbox<Output>) {
        match asker {
            Asker::Wish(wish) => out.push(failed(wish, failures::disk("the change", why))),
            Asker::Desk(ticket) => self.answer_more_looks(ticket, None, out),
            Asker::Nobody => {}
        }
    }

    /// A change is with the courier. If the borrower reported the grant meanwhile, the letter may
    /// have come before the grant and been dropped: then it does not count.
    pub(super) fn change_posted(
        &mut self,
        now: Moment,
        made: MadeChange,
        accepted: bool,
        out: &mut Outbox<Output>,
    ) {
        let given = self
            .given_of(made)
            .filter(|given| given.accepted == accepted);
        if let Some(pending) = given.and_then(|given| given.pending_change(made.sequence)) {
            pending.posted = true;
            self.store(now, vec![RowKey::Given(made.grant)], Vec::new(), out);
        }
    }

    pub(super) fn change_told(
        &mut self,
        now: Moment,
        made: MadeChange,
        posted: Posted,
        out: &mut Outbox<Output>,
    ) {
        match made.asker {
            Asker::Wish(wish) => {
                let grant = made.grant;
                let at = self.config.calendar.at(now);
                let left = self.given_of(made).map_or(0, |given| given.left_at(at));
                let adjusted = Outcome::Adjusted {
                    grant,
                    left,
                    posted,
                };
                out.push(done(wish, adjusted));
            }
            Asker::Desk(ticket) => self.answer_more_looks(ticket, Some(posted), out),
            Asker::Nobody => {}
        }
    }

    fn find_given(&self, lease: &str) -> Result<GrantId, Failure> {
        naming::find(lease, self.given.values().map(named))
    }
}
