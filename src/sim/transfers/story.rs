//! What became of the messages of a run, as those see it who ordered and who got them; and whether
//! that is what was promised.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::checks::Broken;
use super::plan::{Plan, Planned};
use crate::transport::contract::SendFailure;

/// A receiver knows a message again for so long, in microseconds.
const REMEMBERED_US: u64 = 30_000_000;
/// Times that a message is ordered at the most.
pub(super) const ATTEMPTS_MAX: u32 = 3;

/// How a message stands with its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody ordered it yet.
    Unsaid,
    /// Ordered at this time, in microseconds.
    UnderWay(u64),
    /// The receiver has all of it.
    Delivered,
    /// It will not arrive.
    Failed(SendFailure),
    /// It was cancelled.
    Cancelled,
    /// Its sender was started anew, or fell silent on purpose.
    Forgotten,
}

/// One message.
#[derive(Debug)]
pub(super) struct Tale {
    /// From, to, size.
    pub(super) planned: Planned,
    /// Its bytes.
    pub(super) body: Bytes,
    /// How it stands.
    pub(super) standing: Standing,
    /// How often it was ordered.
    pub(super) attempts: u32,
    /// How often it was received whole.
    pub(super) receipts: u32,
    /// When each life of its receiver got it last.
    received_us: BTreeMap<u32, u64>,
}

/// All messages of a run.
#[derive(Debug)]
pub(super) struct Story {
    /// By their numbers.
    pub(super) tales: Vec<Tale>,
}

impl Story {
    /// Nothing has happened yet.
    #[must_use]
    pub(super) fn new(seed: u64, plan: &Plan) -> Self {
        let mut story = Self { tales: Vec::new() };
        for planned in &plan.messages {
            story.add(seed, *planned);
        }
        story
    }

    /// Adds a message; gives its number.
    pub(super) fn add(&mut self, seed: u64, planned: Planned) -> usize {
        let number = self.tales.len();
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (number as u64) << 48);
        let mut body = vec![0; planned.size_bytes];
        rng.fill_bytes(&mut body);
        self.tales.push(Tale {
            planned,
            body: body.into(),
            standing: Standing::Unsaid,
            attempts: 0,
            receipts: 0,
            received_us: BTreeMap::new(),
        });
        number
    }

    /// Whether no message is under way.
    #[must_use]
    pub(super) fn is_over(&self) -> bool {
        let mut all = self.tales.iter();
        !all.any(|tale| matches!(tale.standing, Standing::UnderWay(_)))
    }

    /// A whole message arrived.
    pub(super) fn on_received(
        &mut self,
        now_us: u64,
        number: usize,
        (from, to, life): (usize, usize, u32),
        body: &Bytes,
    ) -> Broken {
        let Some(tale) = self.tales.get_mut(number) else {
            return Some(format!("message {number} was never ordered"));
        };
        if (tale.planned.from, tale.planned.to) != (from, to) || tale.attempts == 0 {
            return Some(format!("message {number} went astray"));
        }
        tale.receipts += 1;
        let before = tale.received_us.insert(life, now_us);
        bytes_are_identical(number, &tale.body, body)
            .or_else(|| is_received_once(number, before, now_us))
    }

    /// The sender is told that a message arrived.
    pub(super) fn on_delivered(&mut self, number: usize) -> Broken {
        let tale = self.tales.get_mut(number)?;
        let was = std::mem::replace(&mut tale.standing, Standing::Delivered);
        is_told_once(number, was).or_else(|| {
            (tale.receipts == 0).then(|| format!("message {number} delivered, but not received"))
        })
    }

    /// The sender is told that a message will not arrive. `has_cause`: something happened that
    /// explains it.
    pub(super) fn on_failed(
        &mut self,
        number: usize,
        reason: SendFailure,
        has_cause: bool,
    ) -> Broken {
        let tale = self.tales.get_mut(number)?;
        let was = std::mem::replace(&mut tale.standing, Standing::Failed(reason));
        is_told_once(number, was).or_else(|| fails_with_a_cause(number, reason, has_cause))
    }

    /// The sender was told of progress.
    #[must_use]
    pub(super) fn on_progress(&self, number: usize, done: u32, total: u32) -> Broken {
        let tale = self.tales.get(number)?;
        is_told_once(number, tale.standing).or_else(|| {
            let is_possible = done <= total && total as usize == tale.planned.size_bytes;
            (!is_possible).then(|| format!("message {number}: {done} of {total} bytes"))
        })
    }
}

/// What arrives is what was sent.
fn bytes_are_identical(number: usize, sent: &Bytes, got: &Bytes) -> Broken {
    (sent != got).then(|| format!("message {number} arrived with other bytes"))
}

/// A message is handed on once for as long as its receiver remembers it.
fn is_received_once(number: usize, before_us: Option<u64>, now_us: u64) -> Broken {
    let is_again = before_us.is_some_and(|before_us| now_us < before_us + REMEMBERED_US);
    is_again.then(|| format!("message {number} received twice, at {before_us:?} and {now_us}"))
}

/// Of a message that is over nothing is told.
fn is_told_once(number: usize, was: Standing) -> Broken {
    let is_under_way = matches!(was, Standing::UnderWay(_));
    (!is_under_way).then(|| format!("message {number}: told of although it is {was:?}"))
}

/// Nothing fails on a link that works.
fn fails_with_a_cause(number: usize, reason: SendFailure, has_cause: bool) -> Broken {
    let is_silence = matches!(reason, SendFailure::Silent | SendFailure::NoWay);
    let is_explained = is_silence && has_cause;
    (!is_explained).then(|| format!("message {number} failed without a cause: {reason:?}"))
}
