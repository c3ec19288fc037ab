//! Sends messages in fragments until every block is acknowledged.
//!
//! Decides what to send when: a window that grows with acknowledgements and shrinks with loss, the
//! receiver's credit, repeats of what the bitmap shows missing, a probe when nothing comes back.
//! Never decides what a message means. Invariants: a datagram number is never used twice within a
//! transfer; whatever is unacknowledged has a timer.

use bytes::Bytes;

use crate::proto::cargo::Cargo;
use crate::proto::packet::{FragmentAck, Packet, Party};

/// Timings and bounds.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Transfers at a time; further ones wait. 1 to 4,096.
    pub transfers_max: usize,
    /// Transfers that wait for a place; further ones fail with [`SendFailure::Full`].
    pub waiting_max: usize,
    /// Fragments in flight at the most per transfer. 16 to 4,096.
    pub window_max: u32,
    /// Fragments in flight at the start.
    pub window_start: u32,
    /// Round-trip time assumed before the first measurement, in microseconds.
    pub first_rtt_us: u64,
    /// Shortest time-out before a repeat, in microseconds.
    pub timeout_min_us: u64,
    /// Longest time-out before a repeat, in microseconds.
    pub timeout_max_us: u64,
    /// A transfer fails if nothing is acknowledged for so long, in milliseconds.
    pub give_up_ms: u64,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody wants this sent. The same cargo to the same party again resumes or is ignored
    /// while it runs.
    Send {
        /// To whom.
        to: Party,
        /// What it is.
        cargo: Cargo,
        /// The bytes.
        body: Bytes,
    },
    /// Acknowledgements arrived, in order of arrival.
    Acked {
        /// From whom.
        from: Party,
        /// One each datagram.
        acks: Vec<FragmentAck>,
    },
    /// The transfer is not wanted any more.
    Cancel {
        /// To whom it goes.
        to: Party,
        /// What it is.
        cargo: Cargo,
    },
    /// The node falls silent on purpose: forget everything.
    Halted,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these datagrams, in order.
    Transmit {
        /// To whom.
        to: Party,
        /// A burst.
        packets: Vec<Packet>,
    },
    /// So much is acknowledged. At most one for each batch of acknowledgements.
    Progress {
        /// To whom it goes.
        to: Party,
        /// What it is.
        cargo: Cargo,
        /// Bytes acknowledged.
        done_bytes: u32,
        /// Bytes in all.
        total_bytes: u32,
    },
    /// The receiver has all of it, digest checked.
    Delivered {
        /// To whom it went.
        to: Party,
        /// What it was.
        cargo: Cargo,
    },
    /// It will not arrive.
    Failed {
        /// To whom it should have gone.
        to: Party,
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
    /// The receiver has no room.
    Busy,
    /// The receiver does not take such a message, or it is too large to send at all.
    Refused,
    /// The receiver found the digest wrong.
    Damaged,
    /// Too many transfers wait already.
    Full,
}
