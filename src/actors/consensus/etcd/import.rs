//! A ledger that was exported, on its way into etcd and out of it.

use bytes::Bytes;

use super::super::moving::{Exported, Source};
use super::super::{Rows, StateMachine, Why};
use super::api::{self, Compare, Done, Step};
use super::records::{Base, Head, Keys, Marker, Place};
use super::{Etcd, EtcdConfig};
use crate::actors::edges::{HttpAnswer, HttpOrder, Record};
use crate::proto::ids::{Digest, NodeId};

/// Writes a ledger to an etcd that has none under the prefix, one question after another. Safe to
/// repeat: one that is there already is left as it is.
#[derive(Debug)]
pub struct Import {
    config: EtcdConfig,
    keys: Keys,
    base: Base,
    me: NodeId,
    state: Bytes,
    parts: u32,
    done: bool,
}

impl Import {
    /// Of this file, by this server.
    #[must_use]
    pub fn new(config: EtcdConfig, file: &Exported, me: NodeId) -> Self {
        let at = Place {
            next: file.seq + 1,
            chain: file.origin(),
        };
        let parts = file.state.len().div_ceil(config.part_bytes);
        let parts = u32::try_from(parts).unwrap_or(u32::MAX);
        Self {
            keys: Keys::new(config.prefix.clone()),
            base: Base::new(file.origin(), at, parts, file.digest()),
            state: file.state.clone(),
            me,
            parts: 0,
            done: false,
            config,
        }
    }

    /// What is to be asked next, of any endpoint; nothing if all is there.
    #[must_use]
    pub fn next(&self) -> Option<HttpOrder> {
        if self.done {
            return None;
        }
        let next = self.base.at.next;
        let body = if self.parts < self.base.parts {
            let from = self.parts as usize * self.config.part_bytes;
            let to = (from + self.config.part_bytes).min(self.state.len());
            let key = self.keys.part(next, self.parts);
            let part = Step::Put(key, self.state.slice(from..to));
            // A ledger that is there may need the parts of its own state.
            let compare = Compare::Absent(self.keys.head());
            let head = Step::Get(self.keys.head());
            api::transaction(Some(&compare), &[part], &[head])
        } else {
            let head = Head::new(self.base.origin, self.base.at, self.me);
            let steps = [
                Step::Put(self.keys.base(), self.base.encode()),
                Step::Put(self.keys.head(), head.encode()),
            ];
            let compare = Compare::Absent(self.keys.head());
            let known = Step::Get(self.keys.head());
            api::transaction(Some(&compare), &steps, &[known])
        };
        Some(order(&self.config, body))
    }

    /// An answer to it.
    ///
    /// # Errors
    /// In words, if etcd has another ledger or does not do it. Nothing can be said of the question
    /// then; it may be asked again.
    pub fn answered(&mut self, answer: HttpAnswer) -> Result<(), String> {
        let done = read(answer)?;
        if done.held {
            self.done = self.parts == self.base.parts;
            self.parts += u32::from(!self.done);
            return Ok(());
        }
        let head = done.read.into_iter().flatten().next();
        match head.and_then(|pair| Head::decode(&pair.value)) {
            Some(head) if head.origin == self.base.origin && !head.is_closed => {
                self.done = true;
                Ok(())
            }
            _ => Err("etcd has another ledger under this prefix".into()),
        }
    }

    /// The row of a server that takes part in it.
    #[must_use]
    pub fn record(&self) -> Record {
        let marker = Marker {
            origin: self.base.origin,
            at: self.base.at,
        };
        marker.record()
    }
}

fn order(config: &EtcdConfig, body: Bytes) -> HttpOrder {
    HttpOrder {
        endpoint: 0,
        path: api::TXN,
        body,
        wait_ms: config.wait_ms,
        answer_max_bytes: config.answer_max_bytes,
    }
}

fn read(answer: HttpAnswer) -> Result<Done, String> {
    match answer {
        HttpAnswer::Failed(words) => Err(words),
        HttpAnswer::Done { status, body } => {
            api::answer(status, &body).map_err(|trouble| trouble.to_string())
        }
    }
}

impl<S: StateMachine> Etcd<S> {
    /// The ledger as it is now, if this server has caught up.
    #[must_use]
    pub fn exported(&self) -> Option<Exported> {
        let origin = self.origin.filter(|_| self.caught_up)?;
        Some(Exported {
            source: Source::Etcd { origin },
            seq: self.applied(),
            state: self.state.snapshot(),
        })
    }

    /// Asks etcd to take nothing more after what this server has applied.
    #[must_use]
    pub fn closing(&self) -> Option<HttpOrder> {
        let (origin, author) = (self.origin?, self.author?);
        let head = Head::new(origin, self.at, author);
        let key = self.keys.head();
        let steps = [Step::Put(key.clone(), head.closed().encode())];
        let known = Step::Get(key.clone());
        let compare = Compare::Is(key, head.encode());
        let body = api::transaction(Some(&compare), &steps, &[known]);
        Some(order(&self.etcd, body))
    }

    /// Whether etcd did so, now or when it was asked before; not, if something was appended.
    ///
    /// # Errors
    /// In words, if there is no answer.
    pub fn is_closed(&self, answer: HttpAnswer) -> Result<bool, String> {
        let done = read(answer)?;
        let head = done.read.into_iter().flatten().next();
        let head = head.and_then(|pair| Head::decode(&pair.value));
        Ok(done.held || head.is_some_and(|head| head.is_closed && head.end == self.at))
    }
}

/// Why a server whose ledger lies in etcd takes no part, as its rows tell.
pub(in crate::actors::consensus) fn trouble(rows: &Rows) -> Option<Why> {
    Marker::read(rows).err()
}

/// Whether the rows of a server tell of this ledger and nothing behind that entry.
pub(in crate::actors::consensus) fn knows_no_more(rows: &Rows, origin: Digest, seq: u64) -> bool {
    let payload = super::super::rows::etcd_row(rows).ok();
    let marker = payload.and_then(|payload| Marker::of(&payload));
    marker.is_some_and(|marker| marker.origin == origin && marker.at.next <= seq + 1)
}
