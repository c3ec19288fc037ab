//! The words between the concerns of a node and its transport: orders down, arrivals up. Parties
//! are identities; where they are is the transport's business alone.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::proto::cargo::Cargo;
use crate::proto::ids::Digest;
use crate::proto::packet::{Packet, Party};
use crate::proto::route::Route;
use crate::transport::way::Way;

/// What the transport is asked to do. Orders are carried out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Send these packets, in order. Any of them may be lost.
    Send {
        /// To whom.
        to: Party,
        /// A burst.
        packets: Vec<Packet>,
    },
    /// Send a message of any size. Its end is told by [`Moved::Delivered`] or [`Moved::Failed`].
    /// The same cargo to the same party again is ignored while it is under way, else it resumes.
    SendMessage {
        /// To whom.
        to: Party,
        /// What it is.
        cargo: Cargo,
        /// The bytes.
        body: Bytes,
        /// Their BLAKE3 digest, if whoever made them knows it; otherwise it is computed before
        /// the first of them leaves, 0.2 ms for each megabyte on the thread of the sockets.
        digest: Option<Digest>,
    },
    /// A message is not wanted any more. Nothing is told of it from here on.
    Cancel {
        /// To whom it goes.
        to: Party,
        /// What it is.
        cargo: Cargo,
    },
    /// How a user can be reached, as far as is known now. A hint: it replaces the one before, and
    /// never what packets of the user's own show.
    Reach(Route),
    /// Shut (true) or open (false) the gate of a planned failure, after what was ordered before.
    /// While it is shut, nothing passes; whatever is under way when it shuts is forgotten, and
    /// nothing is told of it.
    Gate(bool),
}

/// What came from one party together, or happened to messages to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The party, authenticated.
    pub from: Party,
    /// The address from which its datagrams came; the last one known when only time has passed,
    /// unspecified if there was none yet.
    pub at: SocketAddr,
    /// In order of arrival.
    pub packets: Vec<Packet>,
    /// In order of events. Of each kind of progress at most one for a message, and all of it not
    /// more often than every 20 ms.
    pub moved: Vec<Moved>,
}

/// What happened to a message, or to the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The beginning of a message is here and says what it is.
    Started {
        /// What it is.
        cargo: Cargo,
        /// Size of its body in bytes, as announced.
        size_bytes: u32,
    },
    /// So much of a message is here.
    Receiving {
        /// What it is.
        cargo: Cargo,
        /// Bytes of the body here.
        done_bytes: u32,
        /// Bytes of the body in all.
        total_bytes: u32,
    },
    /// A whole message is here and its digest is right.
    Received {
        /// What it is.
        cargo: Cargo,
        /// The bytes.
        body: Bytes,
    },
    /// So much of a message of ours is acknowledged.
    Sending {
        /// What it is.
        cargo: Cargo,
        /// Bytes of the body acknowledged. Falls if the receiver forgot.
        done_bytes: u32,
        /// Bytes of the body in all.
        total_bytes: u32,
    },
    /// The receiver has all of it, digest checked.
    Delivered {
        /// What it was.
        cargo: Cargo,
    },
    /// Not about a message: the user is reached in another way now; none if there is no session any
    /// more.
    Way(Option<Way>),
    /// It will not arrive.
    Failed {
        /// What it was.
        cargo: Cargo,
        /// Why.
        reason: SendFailure,
    },
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// Nothing was acknowledged for too long.
    Silent,
    /// There was no session in all the time: neither a direct way nor a server that passes on.
    NoWay,
    /// The receiver has no room.
    Busy,
    /// The receiver does not take such a message, or it is too large to send at all.
    Refused,
    /// The receiver found the digest wrong.
    Damaged,
    /// Too many messages wait already.
    Full,
}
