//! The log as it is read and applied.

use bytes::Bytes;

use super::super::rows::Damage;
use super::super::wire::Envelope;
use super::super::{Out, Output, StateMachine, Whereabouts, Why};
use super::api::{self, Done, Pair, Step, Trouble};
use super::calls::Kind;
use super::records::{Base, Batch, Head, Place};
use super::state::Fetch;
use super::{Etcd, Question};
use crate::time::Moment;

/// What one look at etcd showed, all of one moment.
struct Seen {
    head: Option<Head>,
    base: Option<Base>,
    page: Vec<Pair>,
}

impl<S: StateMachine> Etcd<S> {
    /// Looks how far the log is, if anybody wants to know.
    pub(super) fn begin_sync(&mut self, now: Moment, out: &mut Out<S>) {
        if !self.sync_wanted || self.fetch.is_some() || !self.calls.is_free(now, Kind::Sync) {
            return;
        }
        self.sync_wanted = false;
        // What was asked before this moment is answered by what etcd has after it.
        self.round = self.reads.begin(now, core::time::Duration::ZERO);
        self.asked_at = self.at;
        let steps = [
            Step::Get(self.keys.head()),
            Step::Get(self.keys.base()),
            Step::Page {
                from: self.keys.batch(self.at.next),
                end: self.keys.batches_end(),
                keys_max: self.etcd.page,
            },
        ];
        let body = api::transaction(None, &steps, &[]);
        self.request(now, Kind::Sync, body, out);
    }

    pub(super) fn synced(&mut self, done: Result<Done, Trouble>, out: &mut Out<S>) {
        let Ok(done) = done else {
            self.sync_wanted = true;
            return;
        };
        match seen(done) {
            Ok(seen) => self.look(&seen, out),
            Err(why) => self.quarantine(why, out),
        }
    }

    fn look(&mut self, seen: &Seen, out: &mut Out<S>) {
        if let Some(why) = self.doubts(seen.head.as_ref()) {
            self.quarantine(why, out);
            return;
        }
        self.base = seen.base;
        let Some(head) = &seen.head else {
            self.confirm(Place::START, out);
            return;
        };
        self.origin = Some(head.origin);
        let followed = match self.followed(&seen.page, head.end) {
            Ok(followed) => followed,
            Err(why) => return self.quarantine(why, out),
        };
        let Some(batches) = followed else {
            return self.skip(out);
        };
        for (value, batch) in batches {
            self.apply_batch(&value, &batch, out);
            if self.quarantine.is_some() {
                return;
            }
        }
        if self.at == head.end {
            self.author = Some(head.author);
            self.give_back_judged();
        }
        self.sync_wanted |= self.at.next < head.end.next;
        self.confirm(head.end, out);
    }

    /// The batches of a page that follow on what was applied, none if some are missing. Each is
    /// vouched for by the digest in the one behind it, the last by the head; one that is not is
    /// left for the next page.
    fn followed(&self, page: &[Pair], end: Place) -> Result<Option<Vec<(Bytes, Batch)>>, Why> {
        let mut at = self.at;
        let mut batches = Vec::new();
        for pair in page {
            let next = self.keys.batch(at.next);
            // Our own append may have been answered meanwhile.
            if pair.key < next {
                continue;
            }
            if pair.key > next {
                return Ok(None);
            }
            let batch = Batch::decode(&pair.value).filter(|batch| batch.after == at);
            let batch = batch.ok_or(Why::Damaged(Damage::Entry(at.next)))?;
            at = at.after(batch.entries.len(), &pair.value);
            batches.push((pair.value.clone(), batch));
        }
        if at.next >= end.next {
            let is_end = at == end || batches.is_empty();
            return is_end
                .then_some(Some(batches))
                .ok_or(Why::Damaged(Damage::Entry(at.next - 1)));
        }
        if page.len() < self.etcd.page as usize {
            return Ok(None);
        }
        batches.pop();
        Ok(Some(batches))
    }

    /// Why this server cannot go on with such a head.
    fn doubts(&self, head: Option<&Head>) -> Option<Why> {
        // What etcd had before it was asked; what was learned since may be missing in the answer.
        let known = self.floor.next.max(self.asked_at.next);
        let Some(head) = head else {
            return (known > 1).then_some(Why::Forgot);
        };
        if head.is_closed {
            return Some(Why::Elsewhere(Whereabouts::Exported));
        }
        if self.origin.is_some_and(|origin| origin != head.origin) {
            return Some(Why::OtherLedger);
        }
        let differs = |place: Place| head.end.next == place.next && head.end != place;
        let is_other = differs(self.asked_at) || differs(self.at) || differs(self.floor);
        (head.end.next < known || is_other).then_some(Why::Forgot)
    }

    /// The log was read up to `end`.
    fn confirm(&mut self, end: Place, out: &mut Out<S>) {
        if let Some(round) = self.round.take() {
            self.reads.confirmed(&round, end.next - 1);
        }
        self.answer_questions(out);
    }

    /// The batches that come next are deleted: goes on with the state that was written down.
    fn skip(&mut self, out: &mut Out<S>) {
        match self.base.filter(|base| base.at.next > self.at.next) {
            Some(base) if Some(base.origin) == self.origin => {
                self.fetch = Some(Fetch::new(base));
            }
            _ => {
                let missing = Why::Damaged(Damage::Entry(self.at.next));
                self.quarantine(missing, out);
            }
        }
    }

    /// Applies a batch that follows on what was applied.
    pub(super) fn apply_batch(&mut self, value: &[u8], batch: &Batch, out: &mut Out<S>) {
        let first = self.at.next;
        self.settle_append(self.last, first, value);
        for (seq, envelope) in (first..).zip(&batch.entries) {
            self.apply_entry(seq, envelope, out);
        }
        self.at = self.at.after(batch.entries.len(), value);
        self.author = Some(batch.author);
        let every = self.config.checkpoint_every;
        if self.applied() / every > (first - 1) / every {
            self.checkpoint(batch.author == self.config.me, out);
        }
    }

    fn apply_entry(&mut self, seq: u64, envelope: &Envelope, out: &mut Out<S>) {
        self.counts.applied += 1;
        let command = envelope.command.as_ref();
        let bytes = command.map_or(&[][..], |command| &command.bytes);
        let (reply, effects) = self.state.apply(seq, envelope.stamp, bytes);
        if !effects.is_empty() {
            out.push(Output::Effects {
                seq,
                effects,
                replayed: !self.caught_up,
            });
        }
        let Some((client, nonce)) = command.map(|command| (command.client, command.nonce)) else {
            return;
        };
        if self.waiting.answered((client, nonce)) && self.caught_up {
            out.push(Output::Answer {
                client,
                nonce,
                seq,
                reply,
            });
        }
    }

    /// Compares states with the others. Who wrote the batch writes the state down, too, when a
    /// majority has the same.
    fn checkpoint(&mut self, is_ours: bool, out: &mut Out<S>) {
        let digest = self.state.digest();
        self.checkpoints.reached(self.applied(), digest);
        self.tell_others(out);
        self.compare(out);
        if is_ours && self.quarantine.is_none() {
            self.offer(digest);
        }
    }

    /// Answers what the state as it is now answers.
    pub(super) fn answer_questions(&mut self, out: &mut Out<S>) {
        let applied = self.applied();
        for question in self.reads.answerable(applied) {
            match question {
                Question::CatchUp => self.caught_up = true,
                Question::Query {
                    client,
                    nonce,
                    question,
                } => {
                    let reply = self.state.query(&question);
                    out.push(Output::Told {
                        client,
                        nonce,
                        seq: applied,
                        reply,
                    });
                }
            }
        }
    }
}

fn seen(done: Done) -> Result<Seen, Why> {
    let damaged = |name: &str| Why::Damaged(Damage::Row(name.to_owned()));
    let mut read = done.read.into_iter();
    let mut next = || read.next().unwrap_or_default();
    let (head, base, page) = (next(), next(), next());
    let head = head
        .first()
        .map(|pair| Head::decode(&pair.value).ok_or_else(|| damaged("head")));
    let base = base
        .first()
        .map(|pair| Base::decode(&pair.value).ok_or_else(|| damaged("base")));
    Ok(Seen {
        head: head.transpose()?,
        base: base.transpose()?,
        page,
    })
}
