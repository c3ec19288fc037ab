//! A look: claimed, shown, counted.

use bytes::Bytes;
use rand_chacha::rand_core::Rng;

use super::super::edges::{DiskAnswer, DiskFault, DiskOrder, Work, WorkDone, WorkFault};
use super::super::looks::Look;
use super::borrower::named;
use super::jobs::{Job, RowKey, Then};
use super::naming;
use super::received::{FileState, Received};
use super::storing::fault_text;
use super::{LeaseManager, Output, done, failed, failures};
use crate::actors::machine::Outbox;
use crate::planted::{self, Bug};
use crate::proto::control::{Failure, Outcome, Reason};
use crate::proto::ids::{GrantId, ViewId, WishId};
use crate::proto::lease::{LogEntry, LogEvent};
use crate::proto::notice::LeaseNews;
use crate::time::Moment;

/// A look that was begun and not counted.
pub(super) struct Claim {
    pub(super) view: ViewId,
    /// Who waits for the picture; none when it was opened.
    pub(super) wish: Option<WishId>,
    /// When it is let go.
    pub(super) until: Moment,
    /// It was found on disk at start: it may still be counted, but hinders no other.
    pub(super) is_found: bool,
    /// What the servers gave for it, if they count the looks.
    pub(super) given: Option<Look>,
    /// Looks that are here go back first.
    pub(super) waits_for_return: bool,
}

impl Claim {
    pub(super) const fn found(view: ViewId, until: Moment) -> Self {
        Self {
            view,
            wish: None,
            until,
            is_found: true,
            given: None,
            waits_for_return: false,
        }
    }
}

impl LeaseManager {
    pub(super) fn view_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        lease: &str,
        out: &mut Outbox<Output>,
    ) {
        let found = naming::find(lease, self.received.values().map(named));
        let id = match found {
            Ok(id) => id,
            Err(failure) => return out.push(failed(wish, failure)),
        };
        // One from before our start may have been seen.
        self.count_found(now, id, out);
        // Its date may have come this very moment.
        self.settle(now, id, out);
        if !self.await_picture(now, id, wish) {
            self.view_found(now, id, wish, out);
        }
    }

    /// Begins a look at a grant, or says why there is none.
    pub(super) fn view_found(
        &mut self,
        now: Moment,
        id: GrantId,
        wish: WishId,
        out: &mut Outbox<Output>,
    ) {
        match self.may_view(id) {
            Ok(()) => self.claim(now, id, wish, out),
            Err(failure) => out.push(failed(wish, failure)),
        }
    }

    pub(super) fn may_view(&self, id: GrantId) -> Result<(), Failure> {
        let lease = self
            .received
            .get(&id)
            .ok_or_else(|| failures::not_found(&id.short()))?;
        if lease.ended.is_some() || lease.left() == 0 {
            return Err(failures::ended(lease));
        }
        let (name, owner) = (&lease.grant.name, &lease.grant.owner_name);
        if lease.file != FileState::Here {
            return Err(failures::not_here(name, owner));
        }
        if self.claims.get(&id).is_some_and(|claim| !claim.is_found) {
            return Err(failures::being_viewed(name));
        }
        if lease.is_full() {
            return Err(failures::too_many_reports(owner));
        }
        Ok(())
    }

    /// The claim is durable before the picture opens.
    fn claim(&mut self, now: Moment, id: GrantId, wish: WishId, out: &mut Outbox<Output>) {
        let mut view = ViewId([0; 16]);
        self.rng.fill_bytes(&mut view.0);
        if let Some(lease) = self.received.get_mut(&id) {
            view = lease.unshown.unwrap_or(view);
            if lease.grant.lock.is_some() {
                lease.unshown = Some(view);
            }
        }
        let claim = Claim {
            view,
            wish: Some(wish),
            until: self.after(now, self.config.claim_ms),
            is_found: false,
            given: None,
            waits_for_return: false,
        };
        self.claims.insert(id, claim);
        if let Some(lease) = self.received.get_mut(&id) {
            lease.claim = Some(view);
        }
        let mut keys = vec![RowKey::Received(id)];
        keys.extend(self.is_new_device.then_some(RowKey::Device));
        let mut then = vec![Then::ReadView(id, view)];
        if planted::is(Bug::OpenedBeforeClaim) {
            then.clear();
            self.read_view(now, id, view, out);
        }
        self.store(now, keys, then, out);
    }

    /// The wish that waits for this view to open, if it still does.
    pub(super) fn opening(&self, id: GrantId, view: ViewId) -> Option<(WishId, &Received)> {
        let claim = self.claims.get(&id).filter(|claim| claim.view == view)?;
        Some((claim.wish?, self.received.get(&id)?))
    }

    pub(super) fn read_view(
        &mut self,
        now: Moment,
        id: GrantId,
        view: ViewId,
        out: &mut Outbox<Output>,
    ) {
        let Some((_, lease)) = self.opening(id, view) else {
            return;
        };
        if lease.grant.lock.is_some() && self.view_key(now, id).is_none() {
            return self.count_first(now, id, view, out);
        }
        let order = DiskOrder::Read(lease.picture_file());
        let ticket = self.jobs.add(self.step_end(now), Job::ReadView(id, view));
        out.push(Output::Disk { ticket, order });
    }

    pub(super) fn view_read(
        &mut self,
        now: Moment,
        (id, view): (GrantId, ViewId),
        answer: DiskAnswer,
        out: &mut Outbox<Output>,
    ) {
        let Some((_, lease)) = self.opening(id, view) else {
            return;
        };
        let (name, owner) = (&lease.grant.name, &lease.grant.owner_name);
        let failure = match (answer, self.view_key(now, id)) {
            (DiskAnswer::Read(picture), Some(key)) => {
                let keys = vec![key];
                let ticket = self.jobs.add(self.step_end(now), Job::OpenView(id, view));
                let work = Work::Open { picture, keys };
                out.push(Output::Work { ticket, work });
                return;
            }
            (DiskAnswer::Failed(DiskFault::Missing), _) => {
                let failure = failures::not_here(name, owner);
                self.lose_file(now, id);
                failure
            }
            (DiskAnswer::Failed(fault), _) => Failure::new(
                Reason::Disk,
                format!(
                    "the picture of {name} could not be read: {}",
                    fault_text(&fault)
                ),
                "look after the disk of this client",
            ),
            (DiskAnswer::Read(_) | DiskAnswer::Written, _) => failures::too_slow(),
        };
        self.fail_opening(now, id, failure, out);
    }

    pub(super) fn view_worked(
        &mut self,
        now: Moment,
        (id, view): (GrantId, ViewId),
        worked: WorkDone,
        out: &mut Outbox<Output>,
    ) {
        let Some((_, lease)) = self.opening(id, view) else {
            return;
        };
        let name = lease.grant.name.clone();
        let failure = match worked {
            WorkDone::Opened {
                rights, original, ..
            } => {
                let is_ours = rights.grant == Some(id)
                    && rights.owner == lease.owner.user_id()
                    && rights.borrower == self.config.me;
                if is_ours {
                    self.view_opened(now, (id, view), original, out);
                    return;
                }
                failures::damaged(&name, "it names other rights")
            }
            WorkDone::Failed(WorkFault::Busy) => Failure::new(
                Reason::Busy,
                format!("too much work is waiting to open {name}"),
                "try again in a moment",
            ),
            WorkDone::Failed(WorkFault::BadPicture(what)) => failures::damaged(&name, &what),
            WorkDone::Failed(WorkFault::NothingForUs) => {
                failures::damaged(&name, "nothing opens in it")
            }
            WorkDone::Failed(WorkFault::Damaged) => {
                failures::damaged(&name, "what is inside is broken")
            }
            _ => Failure::new(Reason::Other, format!("opening {name} failed"), "try again"),
        };
        if failure.reason == Reason::Integrity {
            self.lose_file(now, id);
        }
        self.fail_opening(now, id, failure, out);
    }

    fn view_opened(
        &mut self,
        now: Moment,
        (id, view): (GrantId, ViewId),
        original: Bytes,
        out: &mut Outbox<Output>,
    ) {
        // A change or the end date may have come since the claim.
        self.note_date(now, id, out);
        let lease = self.received.get(&id);
        let is_counted = self
            .claims
            .get(&id)
            .is_some_and(|claim| claim.given.is_some());
        if !is_counted && lease.is_some_and(|lease| lease.left() == 0) {
            let failure = self.may_view(id).err().unwrap_or_else(failures::too_slow);
            self.fail_view(now, id, failure, out);
            return;
        }
        let (until, at) = (
            self.after(now, self.config.claim_ms),
            self.config.calendar.at(now),
        );
        let (Some(lease), Some(claim)) = (self.received.get_mut(&id), self.claims.get_mut(&id))
        else {
            return;
        };
        claim.until = until;
        let Some(wish) = claim.wish.take() else {
            return;
        };
        let ours = lease.left().saturating_sub(1);
        let opened = Outcome::Opened {
            view,
            grant: id,
            name: lease.grant.name.clone(),
            original,
            left_after: claim.given.as_ref().map_or(ours, |look| look.remaining),
            show_ms: lease.grant.conditions.show_ms,
        };
        if !lease.is_strict() {
            return out.push(done(wish, opened));
        }
        // On disk before it leaves: whoever ends this program now does not see it twice.
        lease.unshown = None;
        let is_here = claim.given.is_none();
        let taken = lease.taken.as_mut().filter(|_| is_here);
        if taken.is_some_and(|taken| !taken.log(view, at)) {
            return self.fail_opening(now, id, failures::too_slow(), out);
        }
        let then = Then::HandOut {
            grant: id,
            view,
            wish,
            opened: Box::new(opened),
        };
        self.store(now, vec![RowKey::Received(id)], vec![then], out);
    }

    /// The disk does not take it that the picture leaves, so it stays.
    pub(super) fn not_handed_out(
        &mut self,
        now: Moment,
        (id, view): (GrantId, ViewId),
        out: &mut Outbox<Output>,
    ) {
        if self.claims.get(&id).is_some_and(|claim| claim.view == view) {
            self.fail_opening(now, id, failures::given_up(), out);
        }
    }

    /// The file is not what it was: it is asked for again.
    fn lose_file(&mut self, now: Moment, id: GrantId) {
        if let Some(lease) = self.received.get_mut(&id)
            && lease.file == FileState::Here
        {
            lease.file = FileState::Missing;
            lease.run.due_at = now;
        }
    }

    /// The picture does not open. Whoever waits is told whether the look was counted already.
    pub(super) fn fail_opening(
        &mut self,
        now: Moment,
        id: GrantId,
        failure: Failure,
        out: &mut Outbox<Output>,
    ) {
        let claim = self.claims.get(&id);
        let is_counted = claim.is_some_and(|claim| claim.given.is_some());
        self.fail_view(now, id, failures::unopened(failure, is_counted), out);
    }

    /// Lets a claim go and tells who waits for it, if anybody does.
    pub(super) fn fail_view(
        &mut self,
        now: Moment,
        id: GrantId,
        failure: Failure,
        out: &mut Outbox<Output>,
    ) {
        let Some(claim) = self.claims.remove(&id) else {
            return;
        };
        if let Some(lease) = self.received.get_mut(&id) {
            lease.claim = None;
            if lease.is_strict() {
                lease.unshown = Some(claim.view);
            }
        }
        self.store(now, vec![RowKey::Received(id)], Vec::new(), out);
        if let Some(wish) = claim.wish {
            out.push(failed(wish, failure));
        }
        self.settle(now, id, out);
    }

    pub(super) fn shown(
        &mut self,
        now: Moment,
        wish: WishId,
        view: ViewId,
        out: &mut Outbox<Output>,
    ) {
        let claimed = self.claims.iter().find(|(_, claim)| claim.view == view);
        if let Some(id) = claimed.map(|(id, _)| *id) {
            self.count(now, id, Some(wish), out);
            return;
        }
        // Repeated: the same answer, once it is durable.
        let last = self.received.values().find_map(|lease| {
            let counted = lease.counted.filter(|counted| counted.view == view)?;
            Some((lease.grant.grant, counted.ordinal, counted.left))
        });
        let known = last.or_else(|| {
            let (id, ordinal) = self.log.ordinal_of(view)?;
            Some((id, ordinal, self.received.get(&id)?.left()))
        });
        let Some((id, ordinal, left)) = known else {
            out.push(failed(wish, failures::let_go()));
            return;
        };
        let then = Then::Counted {
            wish,
            ordinal,
            left,
        };
        self.store(now, vec![RowKey::Received(id)], vec![then], out);
    }

    /// Counts the look that is claimed, and tells who asks.
    fn count(&mut self, now: Moment, id: GrantId, wish: Option<WishId>, out: &mut Outbox<Output>) {
        let at = self.config.calendar.at(now);
        let (Some(lease), Some(claim)) = (self.received.get_mut(&id), self.claims.remove(&id))
        else {
            return;
        };
        if let Some(look) = &claim.given {
            lease.believe(look.ordinal);
        }
        let view = claim.view;
        let counted = lease.count(view, at);
        let (ordinal, left) = (counted.ordinal, counted.left);
        self.tell_received(id, LeaseNews::Viewed { ordinal }, out);
        let event = LogEvent::Viewed { view, ordinal };
        let mut then = wish.map(|wish| Then::Counted {
            wish,
            ordinal,
            left,
        });
        if let (Some(wish), true) = (wish, planted::is(Bug::CountToldBeforeWritten)) {
            then = None;
            out.push(done(wish, Outcome::Counted { ordinal, left }));
        }
        self.record(
            now,
            id,
            LogEntry { at, event },
            then.into_iter().collect(),
            out,
        );
        self.settle(now, id, out);
    }

    /// A look that another one follows, and that may have been seen before our start.
    fn count_found(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let is_found = self.claims.get(&id).is_some_and(|claim| claim.is_found);
        let is_seen = |lease: &Received| lease.is_handed_out();
        if is_found && self.received.get(&id).is_some_and(is_seen) {
            self.count(now, id, None, out);
        }
    }

    /// A look from before our start ends: counted if it may have been seen, else let go.
    pub(super) fn end_found(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        self.count_found(now, id, out);
        if self.claims.get(&id).is_some_and(|claim| claim.is_found) {
            self.fail_opening(now, id, failures::given_up(), out);
        }
    }

    /// The time of a claim is over. What may have been seen is counted, if looks count first.
    pub(super) fn claim_ended(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let is_seen = |lease: &Received| lease.is_handed_out();
        if self.received.get(&id).is_some_and(is_seen) {
            self.count(now, id, None, out);
        } else {
            self.fail_opening(now, id, failures::too_slow(), out);
        }
    }

    /// A look that nobody saw: its claim is released at once. Repeated, or for a look that was let
    /// go already, it does nothing; one that was counted stays counted.
    pub(super) fn let_go(
        &mut self,
        now: Moment,
        wish: WishId,
        view: ViewId,
        out: &mut Outbox<Output>,
    ) {
        let claimed = self.claims.iter().find(|(_, claim)| claim.view == view);
        if let Some(id) = claimed.map(|(id, _)| *id) {
            self.fail_opening(now, id, failures::given_up(), out);
        } else if self.is_counted(view) {
            return out.push(failed(wish, failures::counted_already()));
        }
        out.push(done(wish, Outcome::LetGo(view)));
    }

    fn is_counted(&self, view: ViewId) -> bool {
        let last = |lease: &Received| lease.counted.is_some_and(|counted| counted.view == view);
        self.received.values().any(last) || self.log.ordinal_of(view).is_some()
    }
}
