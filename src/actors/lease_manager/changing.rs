//! Changes of grants that we gave: made, told to the borrower, told to who asked for them.

use super::super::edges::{DiskOrder, Folder, PictureFile, Ticket};
use super::given::{Given, PendingChange};
use super::jobs::{Asker, Job, RowKey, Then};
use super::owner::named;
use super::{LeaseManager, Output, done, failed, failures, naming};
use crate::actors::machine::Outbox;
use crate::proto::control::{Failure, Outcome, Posted};
use crate::proto::ids::{GrantId, WishId};
use crate::proto::lease::Change;
use crate::proto::letter::Note;
use crate::proto::limits::VIEWS_MAX;
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
            Job::PostChange { asker, .. } => is_same(asker),
            Job::Write { then, .. } => then
                .iter()
                .any(|then| matches!(then, Then::PostChange { asker, .. } if is_same(asker))),
            _ => false,
        }) {
            return;
        }
        let change = Change::Add(views);
        let may = |given: &Given| !given.terms().revoked && !given.is_excessive(change);
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
        let given = self
            .given
            .get_mut(&id)
            .ok_or_else(|| failures::not_found(&id.short()))?;
        let sequence = given
            .change(change, at)
            .ok_or_else(|| failures::too_many_changes(&given.to.name))?;
        if change == Change::Revoke {
            // Nobody may have it any more. An answer is not waited for: the next grant of this
            // name replaces the file anyway.
            let order = DiskOrder::Delete(PictureFile::of_grant(Folder::Hidden, id));
            let ticket = self.jobs.draw();
            out.push(Output::Disk { ticket, order });
        }
        let then = Then::PostChange {
            grant: id,
            sequence,
            asker,
        };
        self.store(now, vec![RowKey::Given(id)], vec![then], out);
        Ok(())
    }

    pub(super) fn post_change(
        &mut self,
        now: Moment,
        id: GrantId,
        sequence: u32,
        asker: Asker,
        out: &mut Outbox<Output>,
    ) {
        let end = self.step_end(now);
        let found = self.given.get(&id).and_then(|given| {
            let of = |pending: &&PendingChange| pending.adjust.owner_sequence == sequence;
            let pending = given.pending.iter().find(of)?;
            let (adjust, key) = (pending.adjust, given.grant.key);
            Some((given.to.identity, Note::Adjust { adjust, key }))
        });
        let Some((to, note)) = found else {
            self.change_failed(asker, "another change before it failed", out);
            return;
        };
        let job = Job::PostChange {
            grant: id,
            sequence,
            asker,
        };
        let ticket = self.jobs.add(end, job);
        out.push(Output::Post { ticket, to, note });
    }

    pub(super) fn change_failed(&mut self, asker: Asker, why: &str, out: &mut Outbox<Output>) {
        match asker {
            Asker::Wish(wish) => out.push(failed(wish, failures::disk("the change", why))),
            Asker::Desk(ticket) => self.answer_more_looks(ticket, None, out),
            Asker::Nobody => {}
        }
    }

    /// A change is with the courier, who tells how it went.
    pub(super) fn change_posted(
        &mut self,
        now: Moment,
        id: GrantId,
        sequence: u32,
        out: &mut Outbox<Output>,
    ) {
        let pending = self.given.get_mut(&id).and_then(|given| {
            let mut pending = given.pending.iter_mut();
            pending.find(|pending| pending.adjust.owner_sequence == sequence)
        });
        if let Some(pending) = pending {
            pending.posted = true;
            self.store(now, vec![RowKey::Given(id)], Vec::new(), out);
        }
    }

    pub(super) fn change_told(
        &mut self,
        id: GrantId,
        asker: Asker,
        posted: Posted,
        out: &mut Outbox<Output>,
    ) {
        match asker {
            Asker::Wish(wish) => {
                let left = self.given.get(&id).map_or(0, |given| given.terms().left());
                let grant = id;
                out.push(done(
                    wish,
                    Outcome::Adjusted {
                        grant,
                        left,
                        posted,
                    },
                ));
            }
            Asker::Desk(ticket) => self.answer_more_looks(ticket, Some(posted), out),
            Asker::Nobody => {}
        }
    }

    fn find_given(&self, lease: &str) -> Result<GrantId, Failure> {
        naming::find(lease, self.given.values().map(named))
    }
}
