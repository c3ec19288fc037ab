//! States as a whole, to etcd and from there.
//!
//! A state is written in parts, and counts when the base names it. The same transaction deletes
//! the batches before it, but for a tail, and older states. It is written only when a majority of
//! the servers has told the same digest, so one server's fault does not become everybody's state.

use bytes::Bytes;

use super::super::rows::Damage;
use super::super::{Out, Output, StateMachine, Why};
use super::Etcd;
use super::api::{self, Compare, Done, Step, Trouble};
use super::calls::Kind;
use super::records::{Base, Place};
use crate::proto::ids::Digest;
use crate::time::Moment;

/// A state on its way here.
#[derive(Debug)]
pub(super) struct Fetch {
    base: Base,
    bytes: Vec<u8>,
    parts: u32,
}

impl Fetch {
    /// Nothing of it is here.
    pub(super) const fn new(base: Base) -> Self {
        Self {
            base,
            bytes: Vec::new(),
            parts: 0,
        }
    }
}

/// A state on its way to etcd.
#[derive(Debug)]
pub(super) struct Upload {
    at: Place,
    /// Of the state, as servers tell each other.
    digest: Digest,
    bytes: Bytes,
    /// A majority has told the same.
    is_agreed: bool,
    /// So many parts are there.
    parts: u32,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// A part of the state that is fetched.
    Part,
    /// To keep a part.
    Keep,
    /// To make it the base.
    Seal,
}

impl<S: StateMachine> Etcd<S> {
    /// Has the state as it is now written down, as soon as a majority has told the same. One that
    /// no majority has told so far gives way to it: the others may be past it.
    pub(super) fn offer(&mut self, digest: Digest) {
        if self.upload.as_ref().is_some_and(|upload| upload.is_agreed) {
            return;
        }
        let bytes = self.state.snapshot();
        if bytes.len() > self.config.snapshot_max_bytes {
            self.counts.too_large_states += 1;
            return;
        }
        self.upload = Some(Upload {
            at: self.at,
            digest,
            bytes,
            is_agreed: false,
            parts: 0,
        });
    }

    /// Asks for the next part, or writes it.
    pub(super) fn begin_state(&mut self, now: Moment, out: &mut Out<S>) {
        if !self.calls.is_free(now, Kind::State) {
            return;
        }
        let Some((doing, body)) = self.next_part() else {
            return;
        };
        self.doing = Some(doing);
        self.request(now, Kind::State, body, out);
    }

    fn next_part(&mut self) -> Option<(Doing, Bytes)> {
        if let Some(fetch) = &self.fetch {
            let key = self.keys.part(fetch.base.at.next, fetch.parts);
            let body = api::transaction(None, &[Step::Get(key)], &[]);
            return Some((Doing::Part, body));
        }
        let newest = self.base.map_or(0, |base| base.at.next);
        self.upload.take_if(|upload| upload.at.next <= newest);
        let upload = self.upload.as_mut()?;
        let (seq, digest) = (upload.at.next - 1, upload.digest);
        upload.is_agreed = upload.is_agreed || self.checkpoints.agreed(seq, digest);
        if !upload.is_agreed {
            return None;
        }
        let upload = self.upload.as_ref()?;
        let from = upload.parts as usize * self.etcd.part_bytes;
        if from < upload.bytes.len() {
            let to = (from + self.etcd.part_bytes).min(upload.bytes.len());
            let key = self.keys.part(upload.at.next, upload.parts);
            let step = Step::Put(key, upload.bytes.slice(from..to));
            return Some((Doing::Keep, api::transaction(None, &[step], &[])));
        }
        Some((Doing::Seal, self.seal(upload)?))
    }

    fn seal(&self, upload: &Upload) -> Option<Bytes> {
        let key = self.keys.base();
        let compare = match &self.base {
            None => Compare::Absent(key.clone()),
            Some(base) => Compare::Is(key.clone(), base.encode()),
        };
        let digest = Digest::of(&upload.bytes);
        let base = Base::new(self.origin?, upload.at, upload.parts, digest);
        let cut = upload.at.next.saturating_sub(self.config.log_tail);
        let steps = [
            Step::Put(key, base.encode()),
            Step::Delete {
                from: self.keys.batch(0),
                end: self.keys.batch(cut),
            },
            Step::Delete {
                from: self.keys.parts(0),
                end: self.keys.parts(upload.at.next),
            },
        ];
        Some(api::transaction(Some(&compare), &steps, &[]))
    }

    pub(super) fn state_answered(&mut self, done: Result<Done, Trouble>, out: &mut Out<S>) {
        let (Some(doing), Ok(done)) = (self.doing.take(), done) else {
            return;
        };
        match doing {
            Doing::Part => self.part_came(done, out),
            Doing::Keep => {
                if let Some(upload) = &mut self.upload {
                    upload.parts += 1;
                }
            }
            // Also if it did not hold: then there is a newer one, or this one is in already.
            Doing::Seal => {
                self.upload = None;
                self.sync_wanted = true;
            }
        }
    }

    fn part_came(&mut self, done: Done, out: &mut Out<S>) {
        let Some(fetch) = &mut self.fetch else { return };
        let part = done.read.into_iter().flatten().next();
        let Some(part) = part.filter(|_| fetch.bytes.len() <= self.config.snapshot_max_bytes)
        else {
            // A newer state has taken its place.
            self.fetch = None;
            self.sync_wanted = true;
            return;
        };
        fetch.bytes.extend_from_slice(&part.value);
        fetch.parts += 1;
        if fetch.parts < fetch.base.parts {
            return;
        }
        let Some(fetch) = self.fetch.take() else {
            return;
        };
        match restored(&fetch) {
            Ok(state) => self.restore(fetch.base, state, out),
            Err(words) => self.quarantine(Why::Damaged(Damage::Snapshot(words)), out),
        }
    }

    fn restore(&mut self, base: Base, state: S, out: &mut Out<S>) {
        self.give_back();
        self.state = state;
        self.at = base.at;
        self.author = None;
        self.origin = Some(base.origin);
        let seq = self.applied();
        self.checkpoints.reached(seq, self.state.digest());
        out.push(Output::Restored { seq });
        self.sync_wanted = true;
        self.compare(out);
    }
}

fn restored<S: StateMachine>(fetch: &Fetch) -> Result<S, String> {
    if Digest::of(&fetch.bytes) != fetch.base.digest {
        return Err("its digest is another".to_owned());
    }
    S::restore(&fetch.bytes).map_err(|damaged| damaged.to_string())
}
