//! One won request on its way, and the line of those that wait for a place.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::proto::cargo::{CoverChoice, HideJob};
use crate::proto::ids::{Digest, RequestId, UserId};
use crate::proto::limits::SMALL_BODY_BYTES;
use crate::proto::packet::Ask;
use crate::time::Moment;

/// Times that small jobs may go before the first large one.
const OVERTAKES_MAX: u8 = 4;

/// What a job costs in memory beside its pictures, in bytes.
const JOB_BYTES: usize = 1 << 10;

/// A request this server owns.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) ask: Ask,
    pub(super) client: UserId,
    pub(super) epoch: u32,
    /// The body as it arrived, only if it is small: another server may lose the next owner.
    pub(super) body: Option<Bytes>,
    pub(super) state: State,
    /// When it was won, when its body was here, and when its picture was made.
    pub(super) won_at: Moment,
    pub(super) body_at: Option<Moment>,
    pub(super) made_at: Option<Moment>,
}

/// How far a job is.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Waits for its body.
    Reserved {
        /// Next question for the body; none while it streams.
        ask_at: Option<Moment>,
        drop_at: Moment,
    },
    /// Waits for a place.
    Queued {
        hide: HideJob,
        arrived_at: Moment,
        drop_at: Moment,
    },
    /// On the CPU pool; its [`Place`] has the rest.
    Running,
    /// On its way to the client.
    Returned {
        picture: Bytes,
        digest: Digest,
        hiding_us: u32,
        again_at: Moment,
        until: Moment,
    },
}

impl Job {
    /// Whether it waits for a body or a place.
    pub(super) const fn waits(&self) -> bool {
        matches!(self.state, State::Reserved { .. } | State::Queued { .. })
    }

    /// Whether it is quick, by the size of its body.
    pub(super) const fn is_small(&self) -> bool {
        self.ask.size_bytes as usize <= SMALL_BODY_BYTES
    }

    /// Memory it holds, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        let pictures = match &self.state {
            State::Reserved { .. } | State::Running => 0,
            State::Queued { hide, .. } => size_of_hide(hide),
            State::Returned { picture, .. } => picture.len(),
        };
        JOB_BYTES + pictures + self.body.as_ref().map_or(0, Bytes::len)
    }

    /// Next moment at which something has to happen to it.
    pub(super) fn deadline(&self) -> Option<Moment> {
        match &self.state {
            State::Reserved { ask_at, drop_at } => {
                Some(ask_at.map_or(*drop_at, |at| at.min(*drop_at)))
            }
            State::Queued { drop_at, .. } => Some(*drop_at),
            State::Running => None,
            State::Returned {
                again_at, until, ..
            } => Some((*again_at).min(*until)),
        }
    }
}

/// A place on the CPU pool. It stays taken when the request is lost, until the pool answers.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) request: RequestId,
    pub(super) digest: Digest,
    /// In case the pool has no room after all.
    pub(super) hide: HideJob,
    pub(super) arrived_at: Moment,
    pub(super) give_up_at: Moment,
}

impl Place {
    /// Memory it holds, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        size_of_hide(&self.hide)
    }
}

fn size_of_hide(hide: &HideJob) -> usize {
    let cover = match &hide.cover {
        CoverChoice::Ours(_) => 0,
        CoverChoice::Given(cover) => cover.len(),
    };
    hide.payload.len() + cover
}

/// Jobs in the order of their bodies' arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    waiting: VecDeque<RequestId>,
    /// Times that the first was overtaken.
    overtaken: u8,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push_back(&mut self, request: RequestId) {
        self.waiting.push_back(request);
    }

    /// Puts a job back that found no place after all.
    pub(super) fn push_front(&mut self, request: RequestId) {
        self.waiting.push_front(request);
    }

    pub(super) fn remove(&mut self, request: RequestId) {
        if self.waiting.front() == Some(&request) {
            self.overtaken = 0;
        }
        self.waiting.retain(|&waiting| waiting != request);
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.overtaken = 0;
    }

    /// The next to run: the first, unless it is large and a small one may go before it.
    pub(super) fn pop(&mut self, jobs: &BTreeMap<RequestId, Job>) -> Option<RequestId> {
        let small = |request: &RequestId| jobs.get(request).is_some_and(Job::is_small);
        let place = if self.overtaken < OVERTAKES_MAX {
            self.waiting.iter().position(small).unwrap_or(0)
        } else {
            0
        };
        self.overtaken = if place == 0 { 0 } else { self.overtaken + 1 };
        self.waiting.remove(place)
    }
}
