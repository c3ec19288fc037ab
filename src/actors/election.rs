//! Which server takes a request: a claim-based Bully election for each request, without waiting.
//!
//! Every server ranks the live servers by the loads it knows. The best claims at once; each lower
//! rank waits its turn and claims only if it has seen no claim. Of two claims of one epoch the
//! better (score, then node) wins and the other aborts. When the owner falls silent or says
//! goodbye before the request is done, the next epoch is ranked and claimed from the cached ask.
//! Two owners for a while are harmless: results are a pure function of the request, and the client
//! accepts one. Never touches a body or a picture.

use std::net::SocketAddr;

use super::membership::Member;
use crate::proto::ids::{NodeId, RequestId};
use crate::proto::packet::{Ask, Claim, Packet, Party};

/// Timings and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Milliseconds that each lower rank waits for a claim.
    pub rank_wait_ms: u64,
    /// A request is forgotten if nothing is heard of it for so long, in milliseconds.
    pub forget_after_ms: u64,
    /// Requests remembered at the most.
    pub requests_max: usize,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client asked, or asked again.
    Asked {
        /// The client.
        client: SocketAddr,
        /// The request.
        ask: Ask,
    },
    /// A server claimed a request.
    Claimed {
        /// The server.
        from: NodeId,
        /// The claim.
        claim: Claim,
    },
    /// A server says that a request is done.
    DoneHeard {
        /// The server.
        from: NodeId,
        /// The request.
        request: RequestId,
    },
    /// This server's worker has delivered or refused a request that this server owns.
    Finished(RequestId),
    /// The view of the cluster changed.
    View(Vec<Member>),
    /// The node falls silent on purpose: forget everything.
    Halted,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a packet.
    Send {
        /// To whom.
        to: Party,
        /// What.
        packet: Packet,
    },
    /// This server owns the request: expect its body and do it.
    Won {
        /// The request.
        ask: Ask,
        /// The client.
        client: SocketAddr,
        /// Epoch of the claim.
        epoch: u32,
    },
    /// This server does not own the request any more: drop the work, keep a small body.
    Lost(RequestId),
    /// The request is over everywhere: drop whatever belongs to it.
    Forget(RequestId),
}
