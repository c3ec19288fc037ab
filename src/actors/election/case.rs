//! One request, as this server knows it.

use std::time::Duration;

use super::Output;
use crate::proto::ids::{NodeId, UserId};
use crate::proto::packet::{Ask, Claim, Packet};
use crate::time::Moment;

/// A request that is not done.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) ask: Ask,
    pub(super) client: UserId,
    /// Epoch of the claim that is followed, or that this server is about to make.
    pub(super) epoch: u32,
    pub(super) stand: Stand,
    /// When it was last heard of.
    pub(super) touched: Moment,
}

/// A server whose turn it is, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) of: NodeId,
    pub(super) since: Moment,
}

/// Who owns a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// Nobody that this server knows of; it claims when its turn has come.
    Waiting {
        due: Moment,
        /// Who should claim before, if all heard of the request at the same time.
        first: Option<Turn>,
    },
    /// This server.
    Ours {
        score: u64,
        /// Whether it waited for others before it claimed.
        waited: bool,
        /// When the claim goes out, or went out, for the second time.
        repeat_at: Moment,
        /// Whether another server was heard to claim the same.
        contested: bool,
    },
    /// Another server.
    Theirs { owner: NodeId, score: u64 },
}

impl Stand {
    /// Who owns the request, as far as server `me` knows.
    pub(super) const fn owner(self, me: NodeId) -> Option<NodeId> {
        match self {
            Self::Waiting { .. } => None,
            Self::Ours { .. } => Some(me),
            Self::Theirs { owner, .. } => Some(owner),
        }
    }
}

impl Case {
    /// A request that nobody has claimed.
    pub(super) const fn new(ask: Ask, client: UserId, epoch: u32, now: Moment) -> Self {
        Self {
            ask,
            client,
            epoch,
            stand: Stand::Waiting {
                due: now,
                first: None,
            },
            touched: now,
        }
    }

    /// A request first heard of by another server's claim.
    pub(super) const fn claimed(owner: NodeId, claim: &Claim, now: Moment) -> Self {
        Self {
            ask: claim.ask,
            client: claim.client,
            epoch: claim.epoch,
            stand: Stand::Theirs {
                owner,
                score: claim.score,
            },
            touched: now,
        }
    }

    /// Whether another server's claim is better than what is followed now.
    pub(super) fn yields_to(&self, me: NodeId, from: NodeId, claim: &Claim) -> bool {
        if claim.epoch != self.epoch {
            return claim.epoch > self.epoch;
        }
        match self.stand {
            Stand::Waiting { .. } => true,
            Stand::Ours { score, .. } => (claim.score, from) < (score, me),
            Stand::Theirs { owner, score } => from != owner && (claim.score, from) < (score, owner),
        }
    }

    /// This server's claim of it. Only for a case that is ours.
    pub(super) const fn claim(&self) -> Packet {
        let (score, waited) = match self.stand {
            Stand::Ours { score, waited, .. } => (score, waited),
            Stand::Waiting { .. } | Stand::Theirs { .. } => (u64::MAX, true),
        };
        Packet::Claim(Claim {
            ask: self.ask,
            client: self.client,
            epoch: self.epoch,
            score,
            waited,
        })
    }

    /// The order to do it.
    pub(super) const fn won(&self) -> Output {
        Output::Won {
            ask: self.ask,
            client: self.client,
            epoch: self.epoch,
        }
    }

    /// When it wants attention: to be claimed, or to be forgotten.
    pub(super) fn wake(&self, forget_after: Duration) -> Moment {
        match self.stand {
            Stand::Waiting { due, .. } => due,
            Stand::Ours { .. } | Stand::Theirs { .. } => self.touched.after(forget_after),
        }
    }
}
