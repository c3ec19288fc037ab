//! Mail that waits on the servers: fetched from one of them, acknowledged to all.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::machine::{Outbox, earliest};
use super::voice::Voice;
use super::{Output, failures, refuse, report};
use crate::proto::control::Outcome;
use crate::proto::ids::{LetterId, NodeId, WishId};
use crate::proto::limits::ERRAND_ACKS;
use crate::proto::packet::ErrandKind;
use crate::time::Moment;

/// Between two fetches.
const FETCH_EVERY: Duration = Duration::from_secs(1);

/// An acknowledgement is sent so often, against loss. If all are lost, the server tells of the
/// letters again, and they are acknowledged again.
const ACK_SENDINGS: u32 = 3;

/// Between two sendings of an acknowledgement.
const ACK_EVERY: Duration = Duration::from_millis(700);

/// Acknowledgements that wait for another sending; the oldest are dropped.
const ACKS_MAX: usize = 64;

/// So long nothing may move before everything counts as at rest.
const QUIET: Duration = Duration::from_millis(600);

/// Persons who may wait for rest.
const SETTLES_MAX: usize = 16;

#[derive(Debug)]
struct Ack {
    letters: Vec<LetterId>,
    sendings_left: u32,
    send_at: Moment,
}

#[derive(Debug)]
struct Settle {
    wish: WishId,
    /// A sign of presence from this one on must have been answered.
    sequence: u64,
    ends_at: Moment,
}

/// Mail that waits.
#[derive(Debug, Default)]
pub(super) struct Mail {
    waiting: BTreeMap<NodeId, u32>,
    fetched_at: Option<Moment>,
    acks: VecDeque<Ack>,
    moved_at: Moment,
    settles: Vec<Settle>,
}

impl Mail {
    /// A server says how many letters it has for us.
    pub(super) fn waits(
        &mut self,
        voice: &mut Voice,
        now: Moment,
        from: NodeId,
        letters: u32,
        out: &mut Outbox<Output>,
    ) {
        if letters == 0 {
            self.waiting.remove(&from);
            return;
        }
        self.moved_at = now;
        self.waiting.insert(from, letters);
        self.fetch(voice, now, out);
    }

    /// Letters took effect: the servers may forget them. All servers hold the same letters, so
    /// what others told before is settled too; what is left, they tell again.
    pub(super) fn took(
        &mut self,
        voice: &mut Voice,
        now: Moment,
        letters: &[LetterId],
        out: &mut Outbox<Output>,
    ) {
        self.moved_at = now;
        self.waiting.clear();
        for chunk in letters.chunks(ERRAND_ACKS) {
            voice.errand_to_all(&ErrandKind::AckMail(chunk.to_vec()), out);
            if self.acks.len() >= ACKS_MAX {
                self.acks.pop_front();
            }
            self.acks.push_back(Ack {
                letters: chunk.to_vec(),
                sendings_left: ACK_SENDINGS - 1,
                send_at: now.after(ACK_EVERY),
            });
        }
    }

    /// Something about our letters changed.
    pub(super) const fn moved(&mut self, now: Moment) {
        self.moved_at = now;
    }

    /// A person waits until everything is at rest. The last sign of presence must be answered.
    pub(super) fn settle(
        &mut self,
        voice: &mut Voice,
        now: Moment,
        wish: WishId,
        wait_ms: u32,
        out: &mut Outbox<Output>,
    ) {
        if self.settles.iter().any(|settle| settle.wish == wish) {
            return;
        }
        if self.settles.len() >= SETTLES_MAX {
            return refuse(wish, failures::too_many_questions(), out);
        }
        self.settles.push(Settle {
            wish,
            sequence: voice.sequence(),
            ends_at: now.after(Duration::from_millis(wait_ms.into())),
        });
        self.moved_at = now;
        // No server need have told: what was deposited a moment ago is worth a question.
        if let Some(server) = voice.by_answer().first() {
            self.waiting.entry(*server).or_insert(1);
            self.fetch(voice, now, out);
        }
    }

    fn fetch(&mut self, voice: &mut Voice, now: Moment, out: &mut Outbox<Output>) {
        if self.next_fetch().is_none_or(|at| now < at) {
            return;
        }
        if let Some((server, _)) = self.waiting.pop_first() {
            self.fetched_at = Some(now);
            self.moved_at = now;
            voice.errand_to(server, ErrandKind::FetchMail, out);
        }
    }

    fn next_fetch(&self) -> Option<Moment> {
        let at = self.fetched_at.map(|at| at.after(FETCH_EVERY));
        (!self.waiting.is_empty()).then(|| at.unwrap_or(Moment::START))
    }

    /// When everything will have been at rest for long enough; none while something is left.
    fn rest_at(&self, voice: &Voice, queue: u32, settle: &Settle) -> Option<Moment> {
        let rests = queue == 0 && self.waiting.is_empty() && voice.answered_since(settle.sequence);
        rests.then(|| self.moved_at.after(QUIET))
    }

    pub(super) fn deadline(&self, voice: &Voice, queue: u32) -> Option<Moment> {
        let ack = self.acks.iter().map(|ack| ack.send_at).min();
        let settle = self
            .settles
            .iter()
            .filter_map(|s| earliest(Some(s.ends_at), self.rest_at(voice, queue, s)))
            .min();
        earliest(earliest(ack, settle), self.next_fetch())
    }

    pub(super) fn tick(
        &mut self,
        voice: &mut Voice,
        queue: u32,
        now: Moment,
        out: &mut Outbox<Output>,
    ) {
        for ack in self.acks.iter_mut().filter(|ack| ack.send_at <= now) {
            voice.errand_to_all(&ErrandKind::AckMail(ack.letters.clone()), out);
            ack.sendings_left -= 1;
            ack.send_at = now.after(ACK_EVERY);
        }
        self.acks.retain(|ack| ack.sendings_left > 0);
        self.fetch(voice, now, out);
        let settles = std::mem::take(&mut self.settles);
        for settle in settles {
            let rests = self
                .rest_at(voice, queue, &settle)
                .is_some_and(|at| at <= now);
            if rests || settle.ends_at <= now {
                report(settle.wish, Outcome::Settled(rests), out);
            } else {
                self.settles.push(settle);
            }
        }
    }
}
