//! What is done without anybody's wish, again until it is done: notes are handed to the courier,
//! and questions granted as a rule says.

use core::time::Duration;

use super::jobs::{Origin, Step, failed};
use super::rows::Stage;
use super::shares::Share;
use super::{Output, Sharing, checks};
use crate::actors::edges::{DiskOrder, Record, Ticket};
use crate::actors::machine::Outbox;
use crate::proto::control::{AskState, Failure, Posted, Reason};
use crate::proto::ids::AskId;
use crate::proto::letter::{ImageAsk, Note};
use crate::time::Moment;

/// Attempts to hand a note to the courier before the next start of the node.
const POST_TRIES: u32 = 4;
/// Attempts to grant by a rule while servers or peers are out of reach; then the owner decides.
const RULE_TRIES: u32 = 5;
/// A grant by a rule that finds no place is tried again after so long.
const RULE_PAUSE: Duration = Duration::from_secs(1);

/// Something to be done by ourselves, and again if it fails.
#[derive(Debug)]
pub(super) struct Duty {
    /// When; none while it is being done.
    pub(super) at: Option<Moment>,
    /// Attempts so far.
    pub(super) tries: u32,
    /// The last order.
    ticket: u64,
}

impl Duty {
    pub(super) const fn due(at: Moment) -> Self {
        Self {
            at: Some(at),
            tries: 0,
            ticket: 0,
        }
    }
}

impl Sharing {
    pub(super) fn do_duties(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let is_due = |duty: &Duty| duty.at.is_some_and(|at| at <= now);
        let due = |(id, duty): (&AskId, &Duty)| is_due(duty).then_some(*id);
        let notes: Vec<AskId> = self.posts.iter().filter_map(due).collect();
        let gifts: Vec<AskId> = self.grants.iter().filter_map(due).collect();
        for id in notes {
            self.post_note(now, id, out);
        }
        for id in gifts {
            self.give_by_rule(now, id, out);
        }
    }

    fn post_note(&mut self, now: Moment, id: AskId, out: &mut Outbox<Output>) {
        let wait = self.step_wait();
        let ask = self.asks.get(&id).filter(|ask| ask.owes_note());
        let duty = self
            .posts
            .get_mut(&id)
            .filter(|duty| duty.tries < POST_TRIES);
        let (Some(ask), Some(duty)) = (ask, duty) else {
            self.posts.remove(&id);
            return;
        };
        let note = match ask.verdict(self.config.me) {
            Some(verdict) => Note::Decision { ask: id, verdict },
            None if ask.state == AskState::Withdrawn => Note::Withdrawn(id),
            None => Note::ImageAsk(ImageAsk {
                ask: id,
                from_name: self.config.name.clone(),
                image: ask.wanted.clone(),
                views: ask.views,
                remark: ask.remark.clone(),
            }),
        };
        let ticket = self.tickets.draw();
        duty.at = Some(now.after(wait * (1 << duty.tries)));
        duty.tries += 1;
        duty.ticket = ticket.number;
        let to = ask.peer.identity;
        out.push(Output::Post { ticket, to, note });
    }

    /// The courier has a note of ours, or could not bring it.
    pub(super) fn posted(&mut self, ticket: Ticket, how: Posted, out: &mut Outbox<Output>) {
        let waits = |step: &Step| matches!(step, Step::GalleryWait { .. });
        let is_with_reader = matches!(how, Posted::Direct | Posted::Mailbox);
        let number = ticket.number;
        if self.jobs.get(&number).is_some_and(|job| waits(&job.step)) {
            if !is_with_reader && let Some(job) = self.jobs.remove(&number) {
                failed(job.origin, checks::unreachable_peer(), out);
            }
            return;
        }
        let Some(id) = self
            .posts
            .iter()
            .find_map(|(id, duty)| (duty.ticket == number).then_some(*id))
        else {
            return;
        };
        if how == Posted::Lost {
            // The duty stays, with its next attempt.
            return;
        }
        self.posts.remove(&id);
        let is_in_hand = self.is_in_hand(id);
        if let Some(ask) = self.asks.get_mut(&id) {
            ask.posted = true;
            let record = ask.record();
            // A newer row is on its way to the disk otherwise.
            if !is_in_hand {
                self.note_down(record, out);
            }
        }
    }

    /// The courier did not take a note of ours. Whoever waits for a gallery is told why; what else
    /// is owed is posted again later.
    pub(super) fn not_posted(
        &mut self,
        ticket: Ticket,
        failure: Failure,
        out: &mut Outbox<Output>,
    ) {
        let job = self.jobs.get(&ticket.number);
        if job.is_some_and(|job| matches!(job.step, Step::GalleryWait { .. }))
            && let Some(job) = self.jobs.remove(&ticket.number)
        {
            failed(job.origin, failure, out);
        }
    }

    pub(super) fn mark(&mut self, id: AskId, stage: Stage) -> Option<Record> {
        let ask = self.asks.get_mut(&id)?;
        ask.stage = stage;
        Some(ask.record())
    }

    /// Begins to grant a question as a rule says.
    pub(super) fn give_by_rule(&mut self, now: Moment, id: AskId, out: &mut Outbox<Output>) {
        let ask = self.asks.get(&id);
        let Some(ask) = ask.filter(|ask| ask.is_open() && ask.stage == Stage::Rule) else {
            self.grants.remove(&id);
            return;
        };
        let views = ask.views;
        if self.is_refused(id) {
            // Whatever a rule says of somebody whom the person refuses, the person says it.
            return self.leave_to_owner(id, true, out);
        }
        let is_taken = self.is_in_hand(id)
            || self.is_being_granted(ask.grant(self.config.me))
            || !self.has_place_for_rule();
        let Some(duty) = self.grants.get_mut(&id) else {
            return;
        };
        if is_taken {
            duty.at = Some(now.after(RULE_PAUSE));
            return;
        }
        duty.at = None;
        duty.tries += 1;
        self.approve(now, Origin::Rule, id, views, out);
    }

    /// A grant by a rule failed before any look was given.
    pub(super) fn rule_stopped(
        &mut self,
        now: Moment,
        share: &Share,
        reason: Reason,
        out: &mut Outbox<Output>,
    ) {
        let Some(id) = share.ask else {
            return;
        };
        let wait = self.step_wait();
        let is_passing = matches!(reason, Reason::Unreachable | Reason::Busy);
        let duty: Option<&mut Duty> = self.grants.get_mut(&id);
        match duty.filter(|duty| is_passing && duty.tries < RULE_TRIES) {
            Some(duty) => {
                duty.at = Some(now.after(wait * (1 << duty.tries)));
                if let Some(record) = self.mark(id, Stage::Rule) {
                    self.note_down(record, out);
                }
            }
            None => {
                self.leave_to_owner(id, true, out);
                self.tell_waiting(id, out);
            }
        }
    }

    /// Takes a question from a rule to the owner. Looks that were set aside are free again, or
    /// stay counted if perhaps they were given.
    pub(super) fn leave_to_owner(&mut self, id: AskId, is_free: bool, out: &mut Outbox<Output>) {
        self.grants.remove(&id);
        let me = self.config.me;
        let Some(ask) = self.asks.get_mut(&id) else {
            return;
        };
        let free = if is_free { ask.reserved } else { 0 };
        ask.stage = Stage::Owner;
        ask.reserved = 0;
        let (grant, record) = (ask.grant(me), ask.record());
        let mut records = vec![record];
        records.extend(self.shift_total(grant, free, 0));
        let ticket = self.tickets.draw();
        let order = DiskOrder::Write(records);
        out.push(Output::Disk { ticket, order });
    }
}
