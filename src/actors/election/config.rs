//! Timings and bounds of the election.

use std::time::Duration;

use crate::proto::ids::NodeId;

/// Timings and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Milliseconds that each lower rank waits for a claim.
    pub rank_wait_ms: u64,
    /// And at the most, where claims come late.
    pub rank_wait_max_ms: u64,
    /// A request is taken from an owner whom its client has not heard for so long, in
    /// milliseconds, even if the owner is there.
    pub unheard_ms: u16,
    /// A request is forgotten if nothing is heard of it for so long, in milliseconds.
    pub forget_after_ms: u64,
    /// Requests remembered at the most.
    pub requests_max: usize,
}

impl Config {
    /// For servers on one local network.
    #[must_use]
    pub const fn lan(me: NodeId, peers: Vec<NodeId>) -> Self {
        Self {
            me,
            peers,
            // Many times a round trip on such a network, and nothing to a person.
            rank_wait_ms: 20,
            // Less than a server may be silent before it counts as lost.
            rank_wait_max_ms: 160,
            // Far longer than an owner takes to say a word, and a third of a client's patience.
            unheard_ms: 5_000,
            // Longer than the upload of the largest body over a slow line; the worker ends what
            // nobody wants much earlier.
            forget_after_ms: 600_000,
            // About a megabyte, and far more than the jobs of a cluster that still moves.
            requests_max: 4_096,
        }
    }

    /// Between the two sendings of a claim: the second arrives before the next rank claims.
    pub(super) const fn repeat_after(&self) -> Duration {
        Duration::from_micros(self.rank_wait_ms.saturating_mul(500))
    }
}
