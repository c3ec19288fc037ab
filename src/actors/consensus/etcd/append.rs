//! Batches on their way into the log.

use bytes::Bytes;

use super::super::wire::{Command, Envelope};
use super::super::{Out, StateMachine};
use super::api::{self, Compare, Done, Step, Trouble};
use super::calls::Kind;
use super::records::{Batch, Head, Place};
use super::{Etcd, Standing};
use crate::proto::codec;
use crate::proto::ids::Digest;
use crate::time::{Moment, WallTime};

/// What commands that were put into a batch count as, see [`super::Waiting::knows`].
pub(super) const PUT: u64 = 1;
/// Who wrote the last batch tells the time; each of the others after so long more, in milliseconds.
const TIME_STEP_MS: u64 = 10_000;

/// A batch that is, or may be, on its way.
#[derive(Debug)]
pub(super) struct Append {
    /// The number of its first entry.
    pub(super) first: u64,
    /// As it lies in etcd if it is in.
    pub(super) value: Bytes,
    batch: Batch,
    commands: Vec<Command>,
    body: Bytes,
    /// etcd has told that the head is another one: the log tells what became of the batch.
    pub(super) is_judged: bool,
}

impl<S: StateMachine> Etcd<S> {
    /// Sends the batch under way again, or makes one of what waits.
    pub(super) fn begin_append(&mut self, now: Moment, out: &mut Out<S>) {
        if !self.caught_up || self.fetch.is_some() || !self.calls.is_free(now, Kind::Append) {
            return;
        }
        if self.append.is_none() {
            self.append = self.gathered(now);
        }
        if let Some(append) = self.append.as_ref().filter(|append| !append.is_judged) {
            let body = append.body.clone();
            self.request(now, Kind::Append, body, out);
        }
    }

    /// A batch of what waits, if anything does.
    fn gathered(&mut self, now: Moment) -> Option<Append> {
        if self.standing() != Standing::Serving {
            return None;
        }
        let mut commands = Vec::new();
        let mut size_bytes = 0;
        while commands.len() < self.etcd.batch_max && size_bytes < self.etcd.batch_max_bytes {
            let next = if self.is_first() {
                self.waiting.first()
            } else {
                self.waiting.due(now)
            };
            let Some(command) = next else { break };
            self.waiting.put((command.client, command.nonce), PUT);
            size_bytes += command.bytes.len();
            commands.push(command);
        }
        let stamp = self.config.calendar.at(now);
        if commands.is_empty() && !self.is_time(stamp) {
            return None;
        }
        let put = |command: &Command| Some(command.clone());
        let mut entries: Vec<Envelope> = commands
            .iter()
            .map(|command| Envelope {
                stamp,
                command: put(command),
            })
            .collect();
        if entries.is_empty() {
            entries.push(Envelope {
                stamp,
                command: None,
            });
        }
        Some(self.append(entries, commands))
    }

    /// Whether the log should tell the time, and this server is to do it.
    fn is_time(&self, stamp: WallTime) -> bool {
        let me = self.config.me;
        let before = self.config.peers.iter().filter(|&&peer| peer < me).count() as u64;
        let wait = if self.is_first() {
            0
        } else {
            TIME_STEP_MS * (before + 1)
        };
        let due = self.state.due();
        due.is_some_and(|due| due.0.saturating_add(wait) <= stamp.0)
    }

    fn append(&mut self, entries: Vec<Envelope>, commands: Vec<Command>) -> Append {
        self.attempts += 1;
        let mut boot = [0; 8];
        boot.copy_from_slice(&self.seed[8..16]);
        let count = entries.len();
        let batch = Batch {
            after: self.at,
            author: self.config.me,
            attempt: u64::from_le_bytes(boot).wrapping_add(self.attempts),
            entries,
        };
        let value: Bytes = codec::encode(&batch).into();
        let origin = self.origin.unwrap_or_else(|| Digest::of(&self.seed));
        let head = Head::new(origin, self.at.after(count, &value), self.config.me);
        let key = self.keys.head();
        let compare = match self.author {
            Some(author) if self.at != Place::START => {
                Compare::Is(key.clone(), Head::new(origin, self.at, author).encode())
            }
            _ => Compare::Absent(key.clone()),
        };
        let steps = [
            Step::Put(key, head.encode()),
            Step::Put(self.keys.batch(self.at.next), value.clone()),
        ];
        self.counts.writes += 1;
        Append {
            first: self.at.next,
            value,
            batch,
            commands,
            body: api::transaction(Some(&compare), &steps, &[]),
            is_judged: false,
        }
    }

    /// etcd tells of a batch. No answer changes nothing: the same is sent again.
    pub(super) fn appended(&mut self, done: Result<Done, Trouble>, out: &mut Out<S>) {
        let Ok(done) = done else { return };
        let Some(append) = &mut self.append else {
            return;
        };
        if !done.held {
            // Another one was first, or an earlier attempt of this one was in.
            append.is_judged = true;
            self.sync_wanted = true;
            return;
        }
        if append.first != self.at.next {
            return;
        }
        let (value, batch) = (append.value.clone(), append.batch.clone());
        if self.origin.is_none() {
            self.origin = Some(Digest::of(&self.seed));
        }
        self.apply_batch(&value, &batch, out);
        self.tell_others(out);
        self.answer_questions(out);
    }

    /// The batch at its place in the log is known: what was not in it waits again.
    pub(super) fn settle_append(&mut self, now: Moment, first: u64, value: &[u8]) {
        let settles = |append: &mut Append| append.first <= first;
        let Some(append) = self.append.take_if(settles) else {
            return;
        };
        if append.first == first && append.value == value {
            return;
        }
        for command in append.commands.into_iter().rev() {
            self.waiting.put_back(now, command);
        }
    }

    /// etcd said that the head is another one, and the log shows the one that this server knew: it
    /// was written by another than this server thought. The batch is made anew.
    pub(super) fn give_back_judged(&mut self) {
        if self.append.as_ref().is_some_and(|append| append.is_judged) {
            self.give_back();
        }
    }

    /// What was in the batch under way waits again.
    pub(super) fn give_back(&mut self) {
        self.settle_append(self.last, u64::MAX, &[]);
    }
}
