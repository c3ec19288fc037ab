//! Questions about the state, answered only with what was agreed when they were asked.
//!
//! The leader is asked how far the log was agreed, and it asks a majority whether it still leads;
//! no clock enters (Ongaro, "Consensus: Bridging Theory and Practice", 6.4). One round serves
//! every question that came before it. A server's own catching up is such a question.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::proto::codec;
use crate::proto::ids::{NodeId, UserId};
use crate::time::Moment;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// This server: what was agreed without it.
    CatchUp,
    /// A client.
    Query {
        client: UserId,
        nonce: u64,
        question: Bytes,
    },
}

#[derive(Debug)]
struct Round {
    context: Vec<u8>,
    questions: Vec<Question>,
    since: Moment,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Reads {
    me: NodeId,
    /// Tells this start of the server from earlier ones: an index that was asked for before a
    /// restart must not answer a question of after it.
    boot: u64,
    count: u64,
    queued: Vec<Question>,
    round: Option<Round>,
    /// By the place that must have been applied first.
    known: BTreeMap<u64, Vec<Question>>,
}

impl Reads {
    /// Nobody asks. `boot` must be fresh at each start.
    pub(super) const fn new(me: NodeId, boot: u64) -> Self {
        Self {
            me,
            boot,
            count: 0,
            queued: Vec::new(),
            round: None,
            known: BTreeMap::new(),
        }
    }

    /// Questions without an answer.
    pub(super) fn len(&self) -> usize {
        let round = self.round.as_ref().map_or(0, |round| round.questions.len());
        self.queued.len() + round + self.known.values().map(Vec::len).sum::<usize>()
    }

    /// Takes a question in.
    pub(super) fn add(&mut self, question: Question) {
        self.queued.push(question);
    }

    /// Forgets everything that was asked.
    pub(super) fn clear(&mut self) {
        self.queued.clear();
        self.round = None;
        self.known.clear();
    }

    /// The context of a new round, if one is to begin: the last one has ended, or has had no
    /// answer for `wait`.
    pub(super) fn begin(&mut self, now: Moment, wait: Duration) -> Option<Vec<u8>> {
        if let Some(round) = &self.round {
            if now.since(round.since) < wait {
                return None;
            }
            if let Some(round) = self.round.take() {
                self.queued.extend(round.questions);
            }
        }
        if self.queued.is_empty() {
            return None;
        }
        self.count += 1;
        let context = codec::encode(&(self.me, self.boot, self.count));
        self.round = Some(Round {
            context: context.clone(),
            questions: std::mem::take(&mut self.queued),
            since: now,
        });
        Some(context)
    }

    /// The log was agreed up to `index` when the round with this context began.
    pub(super) fn confirmed(&mut self, context: &[u8], index: u64) {
        if self
            .round
            .as_ref()
            .is_some_and(|round| round.context == context)
            && let Some(round) = self.round.take()
        {
            self.known.entry(index).or_default().extend(round.questions);
        }
    }

    /// Questions that the state after `applied` answers.
    pub(super) fn answerable(&mut self, applied: u64) -> Vec<Question> {
        let mut questions = Vec::new();
        while let Some(first) = self.known.first_entry() {
            if *first.key() > applied {
                break;
            }
            questions.extend(first.remove());
        }
        questions
    }
}
