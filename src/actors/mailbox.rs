//! Letters for users who are away, on all servers and on disk.
//!
//! A letter is acknowledged to its writer by each server that has it on disk; the writer counts
//! a majority. Servers compare digests and exchange what differs. A letter that took effect is
//! let go: only its id is kept, so that no exchange brings it back. Never opens a letter.

use std::net::SocketAddr;

use bytes::Bytes;

use super::edges::{DiskAnswer, DiskOrder, Ticket};
use super::membership::Member;
use crate::proto::cargo::Cargo;
use crate::proto::ids::{LetterId, NodeId, UserId};
use crate::proto::packet::Packet;
use crate::time::Calendar;

/// Bounds and timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Letters kept at the most, over all users.
    pub letters_max: usize,
    /// Ids of letters let go that are remembered at the most; the oldest are dropped.
    pub let_go_max: usize,
    /// A letter is dropped after so long, in milliseconds since it was posted.
    pub keep_ms: u64,
    /// Milliseconds between two exchanges with a server whose digest differs.
    pub exchange_every_ms: u64,
    /// How long a starting or recovering server waits for an answer before it asks again, ms.
    pub state_wait_ms: u64,
    /// To judge the age of letters.
    pub calendar: Calendar,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client deposits an encoded letter.
    DepositArrived {
        /// Where it came from.
        client: SocketAddr,
        /// The letter's id, as the transfer names it.
        letter: LetterId,
        /// The encoded letter.
        body: Bytes,
    },
    /// A client asks whether a letter is on disk here.
    CheckArrived {
        /// Where it came from.
        client: SocketAddr,
        /// Which.
        letter: LetterId,
    },
    /// A user is present.
    Present {
        /// Who.
        user: UserId,
        /// Where.
        client: SocketAddr,
    },
    /// An authenticated user wants their mail.
    Fetch {
        /// Who.
        user: UserId,
        /// Where.
        client: SocketAddr,
    },
    /// An authenticated user has these letters on disk.
    Ack {
        /// Who.
        user: UserId,
        /// Which.
        letters: Vec<LetterId>,
    },
    /// A server wants what we know.
    StateAsked(NodeId),
    /// A server sent what it knows.
    StateArrived {
        /// Which.
        from: NodeId,
        /// Encoded letters and ids.
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
    /// Send letters to their reader.
    SendMail {
        /// To whom.
        to: SocketAddr,
        /// A [`Cargo::Mail`].
        cargo: Cargo,
        /// An encoded list of letters.
        letters: Bytes,
    },
    /// Ask a server for what it knows (`Packet::StateAsk`).
    AskState(NodeId),
    /// Send a server what we know, as `Cargo::MailState`.
    SendState {
        /// To whom.
        to: NodeId,
        /// Number of this sending.
        round: u64,
        /// Encoded letters and ids.
        state: Bytes,
    },
    /// Digest and readiness, after each change.
    State {
        /// Digest over letters and ids let go.
        digest: u64,
        /// Whether this server has caught up.
        caught_up: bool,
        /// Letters kept.
        letters: u32,
    },
    /// Ask the disk.
    Disk {
        /// Its number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}
