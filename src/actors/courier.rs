//! Letters: sealed, signed, carried until they have taken effect on the other side's disk.
//!
//! A lasting letter is written to disk before it is sent. It is tried directly three times; a
//! reader who does not confirm counts as offline, the servers are told, and the letter is
//! deposited until a majority of them has it on disk. Letters that arrive are verified, opened and
//! handed on once; they are confirmed only after their effect is durable, so neither side's crash
//! loses one. Never decides what a note means.

use std::net::SocketAddr;

use bytes::Bytes;

use super::edges::{Contact, DiskAnswer, DiskOrder, Ticket};
use crate::crypto::identity::SecretIdentity;
use crate::proto::cargo::Cargo;
use crate::proto::control::Posted;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{LetterId, NodeId, UserId};
use crate::proto::letter::Note;
use crate::proto::packet::{DepositRefusal, Packet, Party};
use crate::time::{Calendar, WallTime};

/// Who we are, timings and bounds.
#[derive(Clone)]
pub struct Config {
    /// Our keys.
    pub identity: SecretIdentity,
    /// The servers.
    pub servers: Vec<NodeId>,
    /// Direct attempts before the reader counts as offline.
    pub attempts: u32,
    /// Milliseconds that each attempt waits for the confirmation.
    pub attempt_ms: u64,
    /// Milliseconds between two rounds of asking the servers for a deposit.
    pub deposit_every_ms: u64,
    /// A wish is told `Queued` if neither way worked for so long, in milliseconds; the letter is
    /// tried on.
    pub tell_after_ms: u64,
    /// Letters on their way at the most.
    pub outbox_max: usize,
    /// Ids of letters that took effect, remembered at the most; the oldest are dropped.
    pub seen_max: usize,
    /// To stamp letters.
    pub calendar: Calendar,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A concern wants a note carried.
    Post {
        /// Whose order.
        ticket: Ticket,
        /// To whom.
        to: PublicIdentity,
        /// What.
        note: Note,
    },
    /// A letter arrived directly.
    LetterArrived {
        /// From which address.
        from: SocketAddr,
        /// An encoded letter.
        body: Bytes,
    },
    /// Letters arrived from a server.
    MailArrived {
        /// An encoded list of letters.
        letters: Bytes,
    },
    /// The effect of a letter that we handed on is durable.
    Kept(LetterId),
    /// A reader confirms a letter of ours.
    LetterKept {
        /// From which address.
        from: SocketAddr,
        /// Which.
        letter: LetterId,
    },
    /// A server has a letter of ours on disk.
    Deposited {
        /// Which server.
        from: NodeId,
        /// Which letter.
        letter: LetterId,
    },
    /// A server cannot keep a letter of ours.
    DepositRefused {
        /// Which server.
        from: NodeId,
        /// Which letter.
        letter: LetterId,
        /// Why.
        reason: DepositRefusal,
    },
    /// Answer to `Locate`.
    Located {
        /// Our order.
        ticket: Ticket,
        /// Who.
        user: UserId,
        /// Where; none when offline.
        address: Option<SocketAddr>,
    },
    /// A transfer of a letter did not arrive.
    TransferFailed {
        /// To whom.
        to: Party,
        /// What.
        cargo: Cargo,
    },
    /// The disk answered.
    Disk {
        /// Which order.
        ticket: Ticket,
        /// How.
        answer: DiskAnswer,
    },
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
    /// Send an encoded letter in fragments ([`Cargo::Letter`] or [`Cargo::Deposit`]).
    Transfer {
        /// To whom.
        to: Party,
        /// What it is.
        cargo: Cargo,
        /// The bytes.
        body: Bytes,
    },
    /// Where is this user?
    Locate {
        /// Our number.
        ticket: Ticket,
        /// Who.
        user: UserId,
    },
    /// This user did not answer three times.
    Missing(UserId),
    /// These letters from the servers have taken effect.
    AckMail(Vec<LetterId>),
    /// A letter was verified and opened for the first time, or its effect was not confirmed yet.
    NoteArrived {
        /// The letter, to be named in `Kept`.
        letter: LetterId,
        /// The writer.
        from: PublicIdentity,
        /// Where it came from, if it came directly.
        address: Option<SocketAddr>,
        /// When it was posted, by the writer's clock.
        posted_at: WallTime,
        /// What it says.
        note: Note,
    },
    /// A writer told their name in a note.
    Met(Contact),
    /// How a letter went. Told once for each `Post`; `Queued` only if neither way worked in time,
    /// or if the note is not lasting and was not confirmed.
    Posted {
        /// Whose order.
        ticket: Ticket,
        /// How.
        how: Posted,
    },
    /// Letters on their way now.
    Queue(u32),
    /// Ask the disk.
    Disk {
        /// Its number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}
