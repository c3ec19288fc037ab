//! Puts fragments in their places, acknowledges in blocks, and hands on whole messages.
//!
//! Decides what is kept and what is acknowledged. Never decides what a message means. Invariants:
//! memory grows with what arrived, never with what was announced; a duplicate is acknowledged
//! again; a finished transfer stays known for a while so that a lost last acknowledgement can be
//! repeated.

use bytes::Bytes;

use crate::proto::cargo::Cargo;
use crate::proto::packet::{Fragment, Packet, Party};

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Unfinished transfers at the most, over all senders.
    pub transfers_max: usize,
    /// Unfinished transfers at the most from one sender.
    pub transfers_per_sender: usize,
    /// Bytes of unfinished messages at the most, over all senders.
    pub memory_max_bytes: usize,
    /// Fragments beyond the first missing one that a sender may send.
    pub credit_fragments: u32,
    /// An unfinished transfer is dropped if nothing comes for so long, in milliseconds.
    pub idle_ms: u64,
    /// A finished transfer is remembered for so long, in milliseconds.
    pub remember_ms: u64,
    /// Finished transfers remembered at the most.
    pub remembered_max: usize,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// Fragments arrived, in order of arrival.
    Arrived {
        /// From whom.
        from: Party,
        /// One each datagram.
        fragments: Vec<Fragment>,
    },
    /// The node falls silent on purpose: forget everything.
    Halted,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these acknowledgements.
    Transmit {
        /// To whom.
        to: Party,
        /// A burst.
        packets: Vec<Packet>,
    },
    /// The first piece of a message is here and says what it is.
    Started {
        /// From whom.
        from: Party,
        /// What it is.
        cargo: Cargo,
        /// Size of its body in bytes, as announced.
        size_bytes: u32,
    },
    /// So much is here. At most one for each batch of fragments, only once `Started` was told.
    Progress {
        /// From whom.
        from: Party,
        /// What it is.
        cargo: Cargo,
        /// Bytes here.
        done_bytes: u32,
        /// Bytes in all.
        total_bytes: u32,
    },
    /// A whole message is here and its digest is right. Told once for each transfer remembered.
    Received {
        /// From whom.
        from: Party,
        /// What it is.
        cargo: Cargo,
        /// The bytes.
        body: Bytes,
    },
}
