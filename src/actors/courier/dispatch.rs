//! All letters on their way out: to disk, to the reader, to the servers.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::outgoing::{Outgoing, Stage, deletion, restored};
use super::{Call, Output, failures};
use crate::actors::edges::{Record, Row, Ticket};
use crate::actors::machine::earliest;
use crate::crypto::letters::{self, SealError};
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::control::Posted;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{LetterId, NodeId, UserId};
use crate::proto::letter::{Letter, Note};
use crate::proto::packet::DepositRefusal;
use crate::proto::pass::{Pass, PassFault};
use crate::time::Moment;

/// An order to the disk is given so often before it counts as failed.
const DISK_TRIES: u32 = 3;

/// So often another pass is got for one letter.
const RENEWALS: u32 = 2;

/// Letters on their way out, by their number in the order of posting.
#[derive(Clone, Debug)]
pub(super) struct Dispatch {
    rng: ChaCha20Rng,
    letters: BTreeMap<u64, Outgoing>,
    last: u64,
    queue_told: u32,
}

impl Dispatch {
    pub(super) fn new(seed: [u8; 32], rows: Vec<Row>, chores: &mut Vec<Record>) -> Self {
        let mut dispatch = Self {
            rng: ChaCha20Rng::from_seed(seed),
            letters: BTreeMap::new(),
            last: 0,
            queue_told: 0,
        };
        for (key, value) in rows {
            match restored(&key, &value) {
                Some((number, letter)) if !dispatch.letters.contains_key(&number) => {
                    dispatch.last = dispatch.last.max(number);
                    dispatch.letters.insert(number, letter);
                }
                _ => chores.push(deletion(key)),
            }
        }
        dispatch
    }

    pub(super) fn post(
        &mut self,
        ticket: Ticket,
        to: &PublicIdentity,
        note: &Note,
        call: &mut Call<'_>,
    ) {
        if self.letters.values().any(|one| one.ticket == Some(ticket)) {
            return;
        }
        if call.is_refused(to.user_id(), note) {
            let failure = failures::refused();
            call.out.push(Output::NotPosted { ticket, failure });
            return;
        }
        if self.letters.len() >= call.config.outbox_max {
            let failure = failures::full(call.config.outbox_max);
            call.out.push(Output::NotPosted { ticket, failure });
            return;
        }
        let letter = match self.seal(to, note, call) {
            Ok(letter) => letter,
            Err(error) => {
                let failure = failures::unsealed(error);
                call.out.push(Output::NotPosted { ticket, failure });
                return;
            }
        };
        self.last = self.last.saturating_add(1);
        let body = Bytes::from(codec::encode(&letter));
        let mut one = Outgoing::new(letter.id, letter.to, body, note.is_lasting());
        one.ticket = Some(ticket);
        one.told = false;
        one.visits = note.needs_pass();
        one.tell_at = call.in_ms(call.config.tell_after_ms);
        if one.lasting {
            let ticket = call.tickets.draw();
            one.stage = Stage::Saving { ticket, tries: 1 };
            one.next = Some(call.in_ms(call.config.disk_ms));
            call.write(ticket, vec![one.row(self.last)]);
        }
        self.letters.insert(self.last, one);
    }

    fn seal(
        &mut self,
        to: &PublicIdentity,
        note: &Note,
        call: &Call<'_>,
    ) -> Result<Letter, SealError> {
        let (mut id, mut seed) = ([0; 16], [0; 32]);
        self.rng.fill_bytes(&mut id);
        self.rng.fill_bytes(&mut seed);
        let posted_at = call.config.calendar.at(call.now);
        let writer = &call.config.identity;
        letters::seal(writer, to, LetterId(id), posted_at, note, seed)
    }

    /// The reader has it, if it is they who say so.
    pub(super) fn letter_kept(&mut self, from: UserId, id: LetterId, call: &mut Call<'_>) {
        if let Some((number, one)) = self.find(id)
            && one.reader == from
        {
            self.finish(number, Posted::Direct, call);
        }
    }

    pub(super) fn deposited(&mut self, from: NodeId, id: LetterId, call: &mut Call<'_>) {
        if !call.config.servers.contains(&from) {
            return;
        }
        let majority = call.config.servers.len() / 2 + 1;
        if let Some((number, one)) = self.find(id)
            && matches!(one.stage, Stage::Depositing)
        {
            one.stored.insert(from);
            one.refused.remove(&from);
            if one.stored.len() >= majority || planted::is(Bug::MailAckBeforeQuorum) {
                self.finish(number, Posted::Mailbox, call);
            }
        }
    }

    /// A full mailbox or a letter that a server finds invalid is not better in half a second.
    pub(super) fn deposit_refused(
        &mut self,
        from: NodeId,
        id: LetterId,
        reason: DepositRefusal,
        call: &Call<'_>,
    ) {
        if reason == DepositRefusal::Disk || !call.config.servers.contains(&from) {
            return;
        }
        if let Some((_, one)) = self.find(id)
            && matches!(one.stage, Stage::Depositing)
            && !one.stored.contains(&from)
        {
            let until = call.in_ms(call.config.refused_wait_ms);
            one.refused.entry(from).or_insert(until);
        }
    }

    pub(super) fn located(
        &mut self,
        ticket: Ticket,
        user: UserId,
        (online, pass): (bool, Option<Pass>),
        call: &mut Call<'_>,
    ) {
        let asked = |one: &Outgoing| one.locate == Some(ticket) && one.reader == user;
        let Some((number, one)) = self.letters.iter_mut().find(|(_, one)| asked(one)) else {
            return;
        };
        let number = *number;
        one.locate = None;
        one.pass = pass.or(one.pass);
        match (one.stage, online) {
            (Stage::Locating, true) => one.attempt(1, call),
            (Stage::Locating, false) => self.unreachable(number, call),
            (Stage::Depositing, true) => one.send_direct(call),
            _ => {}
        }
    }

    /// The reader wants another pass: the servers are asked where they are once more, and give one
    /// with the answer.
    pub(super) fn pass_wanted(
        &mut self,
        from: UserId,
        id: LetterId,
        fault: PassFault,
        call: &mut Call<'_>,
    ) {
        let Some((number, one)) = self.find(id) else {
            return;
        };
        let is_answer = one.reader == from && matches!(one.stage, Stage::Direct { .. });
        if !is_answer || !one.visits {
            return;
        }
        if one.renewals < RENEWALS {
            one.renewals += 1;
            one.stage = Stage::Locating;
            one.next = Some(call.in_ms(call.config.locate_ms));
            one.locate(call);
        } else {
            if let Some(ticket) = one.ticket.filter(|_| !one.told) {
                let failure = failures::not_admitted(fault);
                call.out.push(Output::NotPosted { ticket, failure });
            }
            self.letters.remove(&number);
        }
    }

    /// The disk answered; whether it was one of our orders.
    pub(super) fn disk(&mut self, ticket: Ticket, written: bool, call: &mut Call<'_>) -> bool {
        let ours = |stage: Stage| {
            matches!(
                stage,
                Stage::Saving { ticket: t, .. } | Stage::Forgetting { ticket: t, .. } if t == ticket
            )
        };
        let Some((number, one)) = self.letters.iter_mut().find(|(_, one)| ours(one.stage)) else {
            return false;
        };
        let number = *number;
        match (one.stage, written) {
            (Stage::Saving { .. }, true) => {
                one.stage = Stage::Waiting;
                one.next = None;
            }
            (Stage::Saving { .. }, false) => self.not_saved(number, call),
            (Stage::Forgetting { .. }, true) => drop(self.letters.remove(&number)),
            // The deadline tries again.
            _ => {}
        }
        true
    }

    fn find(&mut self, id: LetterId) -> Option<(u64, &mut Outgoing)> {
        self.letters
            .iter_mut()
            .find(|(_, one)| one.id == id && !one.is_over())
            .map(|(number, one)| (*number, one))
    }

    fn finish(&mut self, number: u64, how: Posted, call: &mut Call<'_>) {
        let Some(one) = self.letters.get_mut(&number) else {
            return;
        };
        one.answer(how, call);
        if one.lasting {
            one.forget(call);
        } else {
            self.letters.remove(&number);
        }
    }

    /// The row may be there although nobody said so; what was reported as not posted must not
    /// leave after a restart.
    fn not_saved(&mut self, number: u64, call: &mut Call<'_>) {
        let Some(one) = self.letters.get_mut(&number) else {
            return;
        };
        if let Some(ticket) = one.ticket {
            let failure = failures::unsaved();
            call.out.push(Output::NotPosted { ticket, failure });
        }
        one.told = true;
        one.forget(call);
    }

    /// The direct way is closed for now.
    fn unreachable(&mut self, number: u64, call: &mut Call<'_>) {
        match self.letters.get_mut(&number) {
            Some(one) if one.lasting => one.deposit(call),
            Some(_) => self.finish(number, Posted::Queued, call),
            None => {}
        }
    }

    /// Starts, for each reader, the first letter that waits, unless an earlier one is on its first
    /// attempt.
    pub(super) fn start_next(&mut self, call: &mut Call<'_>) {
        let mut busy = BTreeSet::new();
        for one in self.letters.values_mut() {
            if one.tried || one.is_over() || !busy.insert(one.reader) {
                continue;
            }
            if matches!(one.stage, Stage::Waiting) {
                one.stage = Stage::Locating;
                one.next = Some(call.in_ms(call.config.locate_ms));
                one.locate(call);
            }
        }
    }

    /// Whether the count of letters differs from what was told last.
    pub(super) fn has_news(&self) -> bool {
        self.count() != self.queue_told
    }

    pub(super) fn tell_queue(&mut self, call: &mut Call<'_>) {
        if self.has_news() {
            self.queue_told = self.count();
            call.out.push(Output::Queue(self.queue_told));
        }
    }

    fn count(&self) -> u32 {
        let on_their_way = self.letters.values().filter(|one| !one.is_over()).count();
        u32::try_from(on_their_way).unwrap_or(u32::MAX)
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.letters.values().fold(None, |first, one| {
            earliest(first, earliest(one.next, one.tell_due()))
        })
    }

    pub(super) fn on_deadline(&mut self, call: &mut Call<'_>) {
        let numbers: Vec<u64> = self.letters.keys().copied().collect();
        for number in numbers {
            self.tell_if_due(number, call);
            self.go_on_if_due(number, call);
        }
    }

    fn tell_if_due(&mut self, number: u64, call: &mut Call<'_>) {
        let Some(one) = self.letters.get_mut(&number) else {
            return;
        };
        if one.tell_due().is_none_or(|at| at > call.now) {
            return;
        }
        if one.lasting {
            one.answer(Posted::Queued, call);
        } else {
            self.finish(number, Posted::Queued, call);
        }
    }

    fn go_on_if_due(&mut self, number: u64, call: &mut Call<'_>) {
        let Some(one) = self.letters.get_mut(&number) else {
            return;
        };
        if one.next.is_none_or(|at| at > call.now) {
            return;
        }
        match one.stage {
            Stage::Saving { ticket, tries } if tries < DISK_TRIES => {
                let tries = tries + 1;
                one.stage = Stage::Saving { ticket, tries };
                one.next = Some(call.in_ms(call.config.disk_ms));
                call.write(ticket, vec![one.row(number)]);
            }
            Stage::Saving { .. } => self.not_saved(number, call),
            Stage::Waiting => one.next = None,
            Stage::Locating => {
                one.locate = None;
                self.unreachable(number, call);
            }
            Stage::Direct { attempt } => {
                one.tried = true;
                if attempt < call.config.attempts {
                    one.attempt(attempt + 1, call);
                } else {
                    call.out.push(Output::Missing(one.reader));
                    self.unreachable(number, call);
                }
            }
            Stage::Depositing => one.deposit(call),
            Stage::Forgetting { ticket, tries } if tries < DISK_TRIES => {
                let tries = tries + 1;
                one.stage = Stage::Forgetting { ticket, tries };
                one.next = Some(call.in_ms(call.config.disk_ms));
                call.write(ticket, vec![deletion(one.id.0.to_vec())]);
            }
            // The row stays; after a restart the letter is sent once more and known there.
            Stage::Forgetting { .. } => drop(self.letters.remove(&number)),
        }
    }
}
