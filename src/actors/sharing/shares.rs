//! From a decision to a grant: more looks where a grant exists, else a picture and a grant.
//!
//! What a person orders is done once: if its end is unknown they are told so. What a rule orders
//! is marked on disk before the lease manager hears of it, so that a restart does not give twice.
//! Looks that were granted, or that a rule set aside, are counted by borrower and image.

use bytes::Bytes;

use super::jobs::{Awaited, Job, Origin, Step, done, failed};
use super::rows::{Stage, total_record};
use super::{Output, Sharing, checks};
use crate::actors::edges::{Contact, DiskOrder, Record, Rights, Ticket};
use crate::actors::machine::Outbox;
use crate::proto::control::{
    AskState, Carrier, Failure, News, Outcome, Posted, Progress, Report, Timings,
};
use crate::proto::ids::{AskId, Digest, GrantId, UserId, WishId};
use crate::proto::lease::Conditions;
use crate::proto::letter::Grant;
use crate::time::{Moment, WallTime};

/// A share that a person wants.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) original: Option<Bytes>,
    pub(super) views: u32,
    pub(super) conditions: Conditions,
    pub(super) carrier: Carrier,
    pub(super) keep_metadata: bool,
}

/// Looks on their way to a peer.
#[derive(Debug)]
pub(super) struct Share {
    to: Contact,
    name: String,
    grant: GrantId,
    views: u32,
    conditions: Conditions,
    carrier: Carrier,
    /// What was taken out of the original.
    removed: Vec<String>,
    /// The question that is answered; none for a share without one.
    pub(super) ask: Option<AskId>,
    /// The grant and its picture, when it is made.
    made: Option<(Grant, Bytes)>,
    timings: Timings,
}

/// How far a share is: what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShareStep {
    /// The mark that looks may be added (rules only).
    MarkLooks,
    /// More looks for an existing grant.
    Looks,
    /// The original without its metadata.
    Cleaning,
    /// The original.
    Reading,
    /// The picture.
    Making,
    /// The mark that a grant may be open (rules only).
    MarkOpen,
    /// The grant.
    Opening,
}

/// A picture as the studio hands it over.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) key: [u8; 32],
    pub(super) picture: Bytes,
    pub(super) cover: Option<u8>,
    pub(super) timings: Timings,
}

/// A grant that a person wanted and that is open.
#[derive(Debug)]
pub(super) struct Given {
    grant: GrantId,
    delivered: bool,
    removed: Vec<String>,
    timings: Timings,
}

impl Sharing {
    // ---- beginnings ----

    pub(super) fn share_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        to: &str,
        draft: Draft,
        out: &mut Outbox<Output>,
    ) {
        let at = self.config.calendar.at(now);
        if let Err(failure) = self.may_share(&draft, at) {
            return failed(Origin::Wish(wish), failure, out);
        }
        self.find(now, wish, to, Step::ShareFind(Box::new(draft)), out);
    }

    fn may_share(&self, draft: &Draft, at: WallTime) -> Result<(), Failure> {
        checks::image_name(&draft.name)?;
        checks::views(draft.views)?;
        checks::conditions(&draft.conditions, draft.views, at)?;
        match &draft.original {
            Some(original) => checks::original(original.len())?,
            None if self.offers.contains_key(&draft.name) => {}
            None => return Err(checks::not_offered(&draft.name)),
        }
        self.has_place()
    }

    pub(super) fn share_found(
        &mut self,
        now: Moment,
        wish: WishId,
        to: Contact,
        draft: Draft,
        out: &mut Outbox<Output>,
    ) {
        let origin = Origin::Wish(wish);
        let user = to.identity.user_id();
        if user == self.config.me {
            return failed(origin, checks::oneself(), out);
        }
        let grant = GrantId::of(self.config.me, user, &draft.name);
        if self.is_being_granted(grant) {
            return failed(origin, checks::taken("this grant"), out);
        }
        let share = Box::new(Share {
            to,
            name: draft.name,
            grant,
            views: draft.views,
            conditions: draft.conditions,
            carrier: draft.carrier,
            removed: Vec::new(),
            ask: None,
            made: None,
            timings: Timings::default(),
        });
        match draft.original {
            Some(original) if draft.keep_metadata => {
                self.make(now, origin, share, original, out);
            }
            Some(original) => {
                let step = Step::Share(share, ShareStep::Cleaning);
                self.clean(now, origin, step, original, out);
            }
            None => self.read(now, origin, share, out),
        }
    }

    /// Grants a peer's question so many looks.
    pub(super) fn approve(
        &mut self,
        now: Moment,
        origin: Origin,
        id: AskId,
        views: u32,
        out: &mut Outbox<Output>,
    ) {
        let Some(ask) = self.asks.get(&id) else {
            return failed(origin, checks::silent(), out);
        };
        let grant = ask.grant(self.config.me);
        if self.is_being_granted(grant) {
            return failed(origin, checks::taken("this grant"), out);
        }
        let share = Box::new(Share {
            to: ask.peer.clone(),
            name: ask.image.clone(),
            grant,
            views,
            conditions: self.config.answers,
            carrier: Carrier::default(),
            removed: Vec::new(),
            ask: Some(id),
            made: None,
            timings: Timings::default(),
        });
        if origin == Origin::Rule {
            let records = self.mark(id, Stage::Giving).into_iter().collect();
            let step = Step::Share(share, ShareStep::MarkLooks);
            return self.write(now, origin, step, records, out);
        }
        self.order_looks(now, origin, share, out);
    }

    /// Whether looks of this grant are on their way already.
    pub(super) fn is_being_granted(&self, grant: GrantId) -> bool {
        self.jobs
            .values()
            .any(|job| matches!(&job.step, Step::Share(share, _) if share.grant == grant))
    }

    // ---- steps ----

    pub(super) fn order_looks(
        &mut self,
        now: Moment,
        origin: Origin,
        share: Box<Share>,
        out: &mut Outbox<Output>,
    ) {
        let (grant, views) = (share.grant, share.views);
        let ticket = self.begin(now, origin, Step::Share(share, ShareStep::Looks));
        out.push(Output::MoreLooks {
            ticket,
            grant,
            views,
        });
    }

    pub(super) fn looks_answered(
        &mut self,
        now: Moment,
        ticket: Ticket,
        added: Option<Posted>,
        out: &mut Outbox<Output>,
    ) {
        let Some(job) = self.take(ticket, Awaited::Looks) else {
            return;
        };
        let Step::Share(share, _) = job.step else {
            return;
        };
        let Some(ask) = share.ask else {
            return failed(job.origin, checks::silent(), out);
        };
        if added.is_some() {
            let state = AskState::Approved(share.views);
            return self.settle(now, job.origin, ask, state, out);
        }
        if job.origin == Origin::Rule
            && let Some(record) = self.mark(ask, Stage::Rule)
        {
            self.note_down(record, out);
        }
        self.read(now, job.origin, share, out);
    }

    fn read(&mut self, now: Moment, origin: Origin, share: Box<Share>, out: &mut Outbox<Output>) {
        let Some(file) = self.offers.get(&share.name).map(super::Offer::original) else {
            let failure = checks::not_offered(&share.name);
            let job = Job {
                origin,
                until: now,
                step: Step::Share(share, ShareStep::Reading),
            };
            return self.give_up(now, job, failure, out);
        };
        let ticket = self.begin(now, origin, Step::Share(share, ShareStep::Reading));
        let order = DiskOrder::Read(file);
        out.push(Output::Disk { ticket, order });
    }

    pub(super) fn share_cleaned(
        &mut self,
        now: Moment,
        origin: Origin,
        mut share: Box<Share>,
        (original, removed): (Bytes, Vec<String>),
        out: &mut Outbox<Output>,
    ) {
        share.removed = removed;
        self.make(now, origin, share, original, out);
    }

    pub(super) fn make(
        &mut self,
        now: Moment,
        origin: Origin,
        mut share: Box<Share>,
        original: Bytes,
        out: &mut Outbox<Output>,
    ) {
        let rights = Rights {
            name: share.name.clone(),
            owner: self.config.me,
            borrower: share.to.identity.user_id(),
            grant: Some(share.grant),
            views: share.views,
        };
        let carrier = core::mem::take(&mut share.carrier);
        let step = Step::Share(share, ShareStep::Making);
        let ticket = self.begin_for(now, self.long_wait(), origin, step);
        out.push(Output::Make {
            ticket,
            rights,
            original,
            carrier,
        });
    }

    pub(super) fn making(&self, ticket: Ticket, progress: Progress, out: &mut Outbox<Output>) {
        let job = self.jobs.get(&ticket.number);
        let goes_on = |step: &Step| matches!(step.awaited(), Awaited::Picture | Awaited::Grant);
        if let Some(job) = job.filter(|job| goes_on(&job.step)) {
            report(job.origin, progress, out);
        }
    }

    pub(super) fn made(
        &mut self,
        now: Moment,
        ticket: Ticket,
        made: Made,
        out: &mut Outbox<Output>,
    ) {
        let Some(job) = self.take(ticket, Awaited::Picture) else {
            return;
        };
        let Step::Share(mut share, _) = job.step else {
            return;
        };
        let grant = Grant {
            grant: share.grant,
            name: share.name.clone(),
            owner_name: self.config.name.clone(),
            views: share.views,
            conditions: share.conditions,
            key: made.key,
            lock: None,
            picture: Digest::of(&made.picture),
            picture_bytes: u32::try_from(made.picture.len()).unwrap_or(u32::MAX),
            cover: made.cover,
            granted_at: self.config.calendar.at(now),
        };
        share.made = Some((grant, made.picture));
        share.timings = made.timings;
        let mark = share.ask.filter(|_| job.origin == Origin::Rule);
        if let Some(record) = mark.and_then(|ask| self.mark(ask, Stage::Giving)) {
            let step = Step::Share(share, ShareStep::MarkOpen);
            return self.write(now, job.origin, step, vec![record], out);
        }
        self.open(now, job.origin, share, out);
    }

    pub(super) fn not_made(
        &mut self,
        now: Moment,
        ticket: Ticket,
        failure: Failure,
        out: &mut Outbox<Output>,
    ) {
        if let Some(job) = self.take(ticket, Awaited::Picture) {
            self.give_up(now, job, failure, out);
        }
    }

    pub(super) fn open(
        &mut self,
        now: Moment,
        origin: Origin,
        mut share: Box<Share>,
        out: &mut Outbox<Output>,
    ) {
        let Some((grant, picture)) = share.made.take() else {
            return failed(origin, checks::silent(), out);
        };
        let to = share.to.clone();
        let step = Progress::Delivering {
            done_bytes: 0,
            total_bytes: grant.picture_bytes,
        };
        report(origin, step, out);
        let step = Step::Share(share, ShareStep::Opening);
        let ticket = self.begin_for(now, self.long_wait(), origin, step);
        out.push(Output::OpenGrant {
            ticket,
            to,
            grant,
            picture,
        });
    }

    pub(super) fn grant_opened(
        &mut self,
        now: Moment,
        ticket: Ticket,
        opened: Result<bool, Failure>,
        out: &mut Outbox<Output>,
    ) {
        let Some(job) = self.take(ticket, Awaited::Grant) else {
            return;
        };
        let delivered = match opened {
            Ok(delivered) => delivered,
            Err(failure) => return self.give_up(now, job, failure, out),
        };
        let Step::Share(share, _) = job.step else {
            return;
        };
        if let Some(ask) = share.ask {
            let state = AskState::Approved(share.views);
            return self.settle(now, job.origin, ask, state, out);
        }
        let given = Box::new(Given {
            grant: share.grant,
            delivered,
            removed: share.removed,
            timings: share.timings,
        });
        match self.shift_total(share.grant, 0, share.views) {
            Some(record) => {
                let step = Step::ShareRow(given);
                self.write(now, job.origin, step, vec![record], out);
            }
            None => Self::shared(job.origin, &given, out),
        }
    }

    pub(super) fn shared(origin: Origin, given: &Given, out: &mut Outbox<Output>) {
        let outcome = Outcome::Shared {
            grant: given.grant,
            delivered: given.delivered,
            removed: given.removed.clone(),
            timings: given.timings,
        };
        done(origin, outcome, out);
    }

    // ---- totals ----

    /// Whether so many more looks are within a rule's limit, and can be counted.
    pub(super) fn is_within(&self, user: UserId, image: &str, views: u32, limit: u32) -> bool {
        let grant = GrantId::of(self.config.me, user, image);
        let given = self.totals.get(&grant);
        let is_countable = given.is_some() || self.totals.len() < self.config.totals_max;
        is_countable && given.unwrap_or(&0).saturating_add(views) <= limit
    }

    /// Changes a total of granted looks. Returns its row, or none if it is not counted or stays.
    pub(super) fn shift_total(&mut self, grant: GrantId, minus: u32, plus: u32) -> Option<Record> {
        let old = self.totals.get(&grant).copied();
        let is_countable = old.is_some() || self.totals.len() < self.config.totals_max;
        let new = old.unwrap_or(0).saturating_sub(minus).saturating_add(plus);
        if !is_countable || new == old.unwrap_or(0) {
            return None;
        }
        if new == 0 {
            self.totals.remove(&grant);
        } else {
            self.totals.insert(grant, new);
        }
        Some(total_record(grant, new))
    }
}

fn report(origin: Origin, progress: Progress, out: &mut Outbox<Output>) {
    if let Origin::Wish(wish) = origin {
        let news = News::Progress(progress);
        out.push(Output::Report(Report { wish, news }));
    }
}
