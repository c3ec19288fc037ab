//! What waits for an answer: each order has a ticket, a deadline, and a next step.

use core::time::Duration;

use super::asks::{Draft as AskDraft, Verdicted};
use super::rows::{Ask, Offer, RuleRow};
use super::shares::{Draft as ShareDraft, Given, Share, ShareStep};
use super::{LONG_STEPS, Output, Sharing, checks};
use crate::actors::edges::{Contact, Desk, DiskAnswer, DiskOrder, Record, Ticket};
use crate::actors::machine::Outbox;
use crate::proto::control::{Failure, News, Outcome, Report, Rule};
use crate::proto::ids::{AskId, LetterId, UserId, WishId};
use crate::time::Moment;

/// For whom a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A person, who is told.
    Wish(WishId),
    /// A letter, which is confirmed.
    Letter(LetterId),
    /// A rule.
    Rule,
}

/// Something that waits for an answer.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) origin: Origin,
    pub(super) until: Moment,
    pub(super) step: Step,
}

/// What is waited for, and what is needed to go on.
#[derive(Debug)]
pub(super) enum Step {
    /// The original of an offer without its metadata.
    OfferClean(String),
    /// The preview of an offer; with what was taken out of the original, as in the next two.
    OfferPreview(String, bytes::Bytes, Vec<String>),
    /// The original of an offer is written.
    OfferKeep(Box<Offer>, Vec<String>),
    /// The row of an offer is written.
    OfferRow(Box<Offer>, Vec<String>),
    /// Whose gallery?
    GalleryFind,
    /// A peer's gallery.
    GalleryWait { nonce: u64, peer: UserId },
    /// Whom do we ask?
    AskFind(Box<AskDraft>),
    /// Our question is written; then it is waited for so many milliseconds.
    AskRow(Box<Ask>, u32),
    /// A peer's question is written.
    ArrivalRow(Box<Ask>),
    /// A peer's word on our question is written.
    DecisionRow(Box<Verdicted>),
    /// Our word on a peer's question is written.
    AnswerRow(Box<Ask>),
    /// That a question is taken back is written.
    WithdrawnRow(Box<Ask>),
    /// Whose rule?
    RuleFind(Option<Rule>),
    /// A rule is written, or its removal.
    RuleRow(Vec<(Option<UserId>, Option<RuleRow>)>),
    /// To whom do we give?
    ShareFind(Box<ShareDraft>),
    /// Looks on their way to a peer.
    Share(Box<Share>, ShareStep),
    /// The total of looks is written after a grant by hand.
    ShareRow(Box<Given>),
}

/// The kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    Find,
    Disk,
    Work,
    Looks,
    Picture,
    Grant,
    Gallery,
}

impl Step {
    pub(super) const fn awaited(&self) -> Awaited {
        match self {
            Self::OfferClean(_) | Self::OfferPreview(..) | Self::Share(_, ShareStep::Cleaning) => {
                Awaited::Work
            }
            Self::GalleryFind | Self::AskFind(_) | Self::RuleFind(_) | Self::ShareFind(_) => {
                Awaited::Find
            }
            Self::GalleryWait { .. } => Awaited::Gallery,
            Self::Share(_, ShareStep::Looks) => Awaited::Looks,
            Self::Share(_, ShareStep::Making) => Awaited::Picture,
            Self::Share(_, ShareStep::Opening) => Awaited::Grant,
            Self::OfferKeep(..)
            | Self::OfferRow(..)
            | Self::AskRow(..)
            | Self::ArrivalRow(_)
            | Self::DecisionRow(_)
            | Self::AnswerRow(_)
            | Self::WithdrawnRow(_)
            | Self::RuleRow(_)
            | Self::Share(..)
            | Self::ShareRow(_) => Awaited::Disk,
        }
    }

    /// The question that is dealt with.
    pub(super) fn ask(&self) -> Option<AskId> {
        match self {
            Self::AskRow(ask, _)
            | Self::ArrivalRow(ask)
            | Self::AnswerRow(ask)
            | Self::WithdrawnRow(ask) => Some(ask.id),
            Self::DecisionRow(verdicted) => Some(verdicted.ask.id),
            Self::Share(share, _) => share.ask,
            _ => None,
        }
    }
}

/// Ends a job well: whoever wished it is told.
pub(super) fn done(origin: Origin, outcome: Outcome, out: &mut Outbox<Output>) {
    if let Origin::Wish(wish) = origin {
        out.push(Output::Report(Report {
            wish,
            news: News::Done(Box::new(outcome)),
        }));
    }
}

/// Ends a job: whoever wished it is told why.
pub(super) fn failed(origin: Origin, failure: Failure, out: &mut Outbox<Output>) {
    if let Origin::Wish(wish) = origin {
        out.push(Output::Report(Report {
            wish,
            news: News::Failed(failure),
        }));
    }
}

impl Sharing {
    pub(super) const fn step_wait(&self) -> Duration {
        Duration::from_millis(self.config.step_ms)
    }

    pub(super) const fn long_wait(&self) -> Duration {
        Duration::from_millis(self.config.step_ms.saturating_mul(LONG_STEPS))
    }

    /// Begins to wait for an answer of the usual kind.
    pub(super) fn begin(&mut self, now: Moment, origin: Origin, step: Step) -> Ticket {
        self.begin_for(now, self.step_wait(), origin, step)
    }

    pub(super) fn begin_for(
        &mut self,
        now: Moment,
        wait: Duration,
        origin: Origin,
        step: Step,
    ) -> Ticket {
        let ticket = self.tickets.draw();
        let until = now.after(wait);
        self.jobs.insert(
            ticket.number,
            Job {
                origin,
                until,
                step,
            },
        );
        ticket
    }

    /// Asks the disk to write rows, and waits for it.
    pub(super) fn write(
        &mut self,
        now: Moment,
        origin: Origin,
        step: Step,
        records: Vec<Record>,
        out: &mut Outbox<Output>,
    ) {
        let ticket = self.begin(now, origin, step);
        let order = DiskOrder::Write(records);
        out.push(Output::Disk { ticket, order });
    }

    /// Asks the disk to write a row whose loss is made good at the next start.
    pub(super) fn note_down(&mut self, record: Record, out: &mut Outbox<Output>) {
        let ticket = self.tickets.draw();
        let order = DiskOrder::Write(vec![record]);
        out.push(Output::Disk { ticket, order });
    }

    pub(super) fn find(
        &mut self,
        now: Moment,
        wish: WishId,
        name: &str,
        step: Step,
        out: &mut Outbox<Output>,
    ) {
        let ticket = self.begin(now, Origin::Wish(wish), step);
        let name = bare(name).to_owned();
        out.push(Output::Find { ticket, name });
    }

    /// The job that waits for this answer; none if it came too late or twice.
    pub(super) fn take(&mut self, ticket: Ticket, awaited: Awaited) -> Option<Job> {
        let job = self.jobs.get(&ticket.number)?;
        let fits = ticket.desk == Desk::Sharing && job.step.awaited() == awaited;
        fits.then(|| self.jobs.remove(&ticket.number)).flatten()
    }

    /// Whether another wish may begin.
    pub(super) fn has_place(&self) -> Result<(), Failure> {
        let wishes = self.count(|origin| matches!(origin, Origin::Wish(_)));
        if wishes < self.config.jobs_max {
            Ok(())
        } else {
            Err(checks::busy())
        }
    }

    /// Whether another note may begin. One that may not comes again.
    pub(super) fn has_place_for_note(&self) -> bool {
        self.count(|origin| matches!(origin, Origin::Letter(_))) < self.config.jobs_max
    }

    pub(super) fn has_place_for_rule(&self) -> bool {
        self.count(|origin| origin == Origin::Rule) < (self.config.jobs_max / 2).max(1)
    }

    fn count(&self, wanted: impl Fn(Origin) -> bool) -> usize {
        let origins = self.jobs.values().map(|job| job.origin);
        origins.filter(|origin| wanted(*origin)).count()
    }

    /// Whether somebody deals with this question just now.
    pub(super) fn is_in_hand(&self, ask: AskId) -> bool {
        self.jobs.values().any(|job| job.step.ask() == Some(ask))
    }

    pub(super) fn found(
        &mut self,
        now: Moment,
        ticket: Ticket,
        who: Result<Contact, Failure>,
        out: &mut Outbox<Output>,
    ) {
        let Some(job) = self.take(ticket, Awaited::Find) else {
            return;
        };
        let Origin::Wish(wish) = job.origin else {
            return;
        };
        match (who, job.step) {
            (Err(failure), _) => failed(job.origin, failure, out),
            (Ok(peer), Step::GalleryFind) => self.ask_gallery(now, wish, &peer, out),
            (Ok(peer), Step::AskFind(draft)) => self.write_ask(now, wish, peer, *draft, out),
            (Ok(peer), Step::RuleFind(rule)) => self.write_rule(now, wish, &peer, rule, out),
            (Ok(peer), Step::ShareFind(draft)) => self.share_found(now, wish, peer, *draft, out),
            _ => {}
        }
    }

    pub(super) fn disk(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: DiskAnswer,
        out: &mut Outbox<Output>,
    ) {
        let Some(job) = self.take(ticket, Awaited::Disk) else {
            return;
        };
        match answer {
            DiskAnswer::Failed(fault) => self.give_up(now, job, checks::disk(&fault), out),
            DiskAnswer::Read(original) => {
                if let Step::Share(share, ShareStep::Reading) = job.step {
                    self.make(now, job.origin, share, original, out);
                } else {
                    self.give_up(now, job, checks::silent(), out);
                }
            }
            DiskAnswer::Written => self.written(now, job, out),
        }
    }

    fn written(&mut self, now: Moment, job: Job, out: &mut Outbox<Output>) {
        let origin = job.origin;
        match job.step {
            Step::OfferKeep(offer, removed) => self.write_offer(now, origin, offer, removed, out),
            Step::OfferRow(offer, removed) => self.offered(origin, *offer, removed, out),
            Step::AskRow(ask, wait_ms) => self.ask_written(now, origin, *ask, wait_ms, out),
            Step::ArrivalRow(ask) => self.arrival_written(now, origin, *ask, out),
            Step::DecisionRow(verdicted) => self.decision_written(origin, *verdicted, out),
            Step::AnswerRow(ask) => self.answer_written(now, origin, *ask, out),
            Step::WithdrawnRow(ask) => self.withdrawal_written(now, origin, *ask, out),
            Step::RuleRow(changes) => self.rule_written(origin, changes, out),
            Step::Share(share, ShareStep::MarkLooks) => self.order_looks(now, origin, share, out),
            Step::Share(share, ShareStep::MarkOpen) => self.open(now, origin, share, out),
            Step::ShareRow(given) => Self::shared(origin, &given, out),
            // Nothing else waits for a write; a job that is here nevertheless must not hang.
            step => self.give_up(now, Job { step, ..job }, checks::silent(), out),
        }
    }

    /// Ends a job whose step failed: undoes what it had set aside, tells whoever wished it.
    pub(super) fn give_up(
        &mut self,
        now: Moment,
        job: Job,
        failure: Failure,
        out: &mut Outbox<Output>,
    ) {
        match job.step {
            Step::ArrivalRow(ask) => {
                self.shift_total(ask.grant(self.config.me), ask.reserved, 0);
            }
            Step::AnswerRow(ask) => return self.answer_lost(now, job.origin, *ask, failure, out),
            Step::WithdrawnRow(ask) => self.withdrawal_lost(job.origin, &ask),
            Step::ShareRow(given) => return Self::shared(job.origin, &given, out),
            Step::Share(share, _) if job.origin == Origin::Rule => {
                self.rule_stopped(now, &share, failure.reason, out);
            }
            _ => {}
        }
        failed(job.origin, failure, out);
    }

    /// Ends every job whose time is over.
    pub(super) fn expire_jobs(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let over: Vec<u64> = self
            .jobs
            .iter()
            .filter_map(|(number, job)| (job.until <= now).then_some(*number))
            .collect();
        for number in over {
            let Some(job) = self.jobs.remove(&number) else {
                continue;
            };
            match &job.step {
                Step::Share(share, ShareStep::Looks | ShareStep::Opening) => {
                    if let (Origin::Rule, Some(ask)) = (job.origin, share.ask) {
                        self.leave_to_owner(ask, false, out);
                        self.tell_waiting(ask, out);
                    }
                    failed(job.origin, checks::uncertain(), out);
                }
                Step::GalleryWait { .. } => failed(job.origin, checks::unreachable_peer(), out),
                _ => self.give_up(now, job, checks::silent(), out),
            }
        }
    }
}

/// A peer's name without the sign that people put before it.
pub(super) fn bare(name: &str) -> &str {
    name.strip_prefix('@').unwrap_or(name)
}
