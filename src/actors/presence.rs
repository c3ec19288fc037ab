//! This client's presence, and its own registry of the peers it knows.
//!
//! Tells all servers again and again that we are here, under which name; asks them who somebody is
//! and where; remembers the answers, so that known peers can be reached when no server answers. The
//! first key met under a name is kept for it: another key under the same name is a conflict, never
//! a silent change. Never carries a letter.

use std::net::SocketAddr;

use super::edges::{Contact, DiskAnswer, DiskOrder, Ticket};
use crate::crypto::identity::SecretIdentity;
use crate::proto::control::{Failure, Report};
use crate::proto::ids::{LetterId, NodeId, UserId, WishId};
use crate::proto::packet::{HereAnswer, LookupAnswer, Packet, Party};
use crate::time::Calendar;

/// Who we are, timings and bounds.
#[derive(Clone)]
pub struct Config {
    /// Our keys.
    pub identity: SecretIdentity,
    /// Our name.
    pub name: String,
    /// The servers.
    pub servers: Vec<NodeId>,
    /// Milliseconds between two signs of presence.
    pub here_every_ms: u64,
    /// Milliseconds for which each is valid; at least three times the above.
    pub ttl_ms: u32,
    /// How long an answer of the servers is waited for before the registry answers, ms.
    pub lookup_wait_ms: u64,
    /// A server that has not answered for so long is not counted as answering, in milliseconds.
    pub server_silent_ms: u64,
    /// Peers remembered at the most.
    pub contacts_max: usize,
    /// To number errands across restarts.
    pub calendar: Calendar,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A person wants the list of peers.
    PeersWanted(WishId),
    /// A person wants the status. The courier's queue is filled in by it.
    StatusWanted(WishId),
    /// A concern wants the user of this name.
    Find {
        /// Whose order.
        ticket: Ticket,
        /// The name, without a leading `@`.
        name: String,
    },
    /// A concern wants to know where this user is.
    Locate {
        /// Whose order.
        ticket: Ticket,
        /// Who.
        user: UserId,
    },
    /// A letter that verified came from this user, who calls themselves so.
    Met(Contact),
    /// A user did not answer three times.
    Missing(UserId),
    /// These letters from the servers have taken effect on disk.
    AckMail(Vec<LetterId>),
    /// The courier's queue has so many letters now.
    Queue(u32),
    /// A server answered our presence.
    HereAnswered {
        /// Which.
        from: NodeId,
        /// How.
        answer: HereAnswer,
    },
    /// A server says that mail waits there.
    MailWaiting {
        /// Which.
        from: NodeId,
        /// Letters.
        letters: u32,
    },
    /// A server answered a lookup.
    LookupAnswered {
        /// Which.
        from: NodeId,
        /// How.
        answer: LookupAnswer,
    },
    /// Somebody asks whether we are there.
    PingHeard {
        /// Who.
        from: Party,
        /// Repeated in the answer.
        nonce: u64,
    },
    /// The disk answered.
    Disk {
        /// Which order.
        ticket: Ticket,
        /// How.
        answer: DiskAnswer,
    },
    /// The client ends: say goodbye to all servers.
    Leave,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet.
    Send {
        /// To whom.
        to: Party,
        /// What.
        packet: Packet,
    },
    /// Answer to `Find`.
    Found {
        /// Whose order.
        ticket: Ticket,
        /// Who, or why not.
        who: Result<Contact, Failure>,
    },
    /// Answer to `Locate`.
    Located {
        /// Whose order.
        ticket: Ticket,
        /// Who.
        user: UserId,
        /// Where; none when offline.
        address: Option<SocketAddr>,
    },
    /// Tell a person.
    Report(Report),
    /// Ask the disk.
    Disk {
        /// Its number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}
