//! Names, keys and presence: who is who, who is online, and where.
//!
//! Names are bound to the first key that shows them and kept on disk by every server; of two
//! bindings of one name the older wins, then the smaller user id. Presence is soft: a signed,
//! numbered errand makes a user present, silence or a goodbye ends it. Never keeps a letter.

use std::net::SocketAddr;

use bytes::Bytes;

use super::edges::{DiskAnswer, DiskOrder, Ticket};
use super::membership::Member;
use crate::proto::ids::{LetterId, NodeId, UserId};
use crate::proto::packet::{Errand, Lookup, Packet};
use crate::time::Calendar;

/// Bounds and timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Names kept at the most.
    pub names_max: usize,
    /// Longest presence that an errand may claim, in milliseconds.
    pub ttl_max_ms: u32,
    /// A user reported missing is asked so often before they count as offline.
    pub pings: u32,
    /// Milliseconds between those.
    pub ping_every_ms: u64,
    /// How long a starting or recovering server waits for an answer before it asks again, ms.
    pub state_wait_ms: u64,
    /// To stamp names and presence.
    pub calendar: Calendar,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client sent an errand; its signature is not checked yet.
    ErrandArrived {
        /// Where it came from.
        client: SocketAddr,
        /// The errand.
        errand: Errand,
    },
    /// A client asked the directory.
    LookupArrived {
        /// Where it came from.
        client: SocketAddr,
        /// The question.
        lookup: Lookup,
    },
    /// A client answered a ping.
    PongArrived {
        /// Where it came from.
        client: SocketAddr,
        /// The ping's number.
        nonce: u64,
    },
    /// A server wants what we know.
    StateAsked(NodeId),
    /// A server sent what it knows.
    StateArrived {
        /// Which.
        from: NodeId,
        /// Encoded names and presence.
        state: Bytes,
    },
    /// The view of the cluster changed.
    View(Vec<Member>),
    /// The disk answered.
    Disk {
        /// Which order.
        ticket: Ticket,
        /// How.
        answer: DiskAnswer,
    },
    /// The node is back from silence: catch up before serving.
    Resumed,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet to a client.
    Send {
        /// To whom.
        to: SocketAddr,
        /// What.
        packet: Packet,
    },
    /// Ask a server for what it knows (`Packet::StateAsk`).
    AskState(NodeId),
    /// Send a server what we know, as `Cargo::DirectoryState`.
    SendState {
        /// To whom.
        to: NodeId,
        /// Number of this sending.
        round: u64,
        /// Encoded names and presence.
        state: Bytes,
    },
    /// A user is present (again), for whom mail may wait.
    Present {
        /// Who.
        user: UserId,
        /// Where.
        client: SocketAddr,
    },
    /// An authenticated user wants their mail.
    FetchMail {
        /// Who.
        user: UserId,
        /// Where.
        client: SocketAddr,
    },
    /// An authenticated user has these letters on disk.
    AckMail {
        /// Who.
        user: UserId,
        /// Which.
        letters: Vec<LetterId>,
    },
    /// Digest and readiness, after each change.
    State {
        /// Digest over all names.
        digest: u64,
        /// Whether this server has caught up.
        caught_up: bool,
        /// Users online.
        online: u32,
    },
    /// Ask the disk.
    Disk {
        /// Its number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}
