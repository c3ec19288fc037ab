//! Pictures in the making: sealed here, hidden by the cloud, checked here before anybody trusts
//! them; and pictures opened or inspected.
//!
//! Draws the content keys. Keeps those of pictures hidden for oneself; the keys of grants belong to
//! the lease manager. A picture from the cloud counts only after it was opened with its key and
//! gave back what went in.

use bytes::Bytes;

use super::edges::{DiskAnswer, DiskOrder, Rights, Ticket, Work, WorkDone};
use crate::proto::control::{Failure, Progress, Report, Timings};
use crate::proto::ids::{RequestId, UserId, WishId};

/// Who we are and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub me: UserId,
    /// Pictures in the making at the most; further ones are refused as busy.
    pub making_max: usize,
    /// Keys kept at the most.
    pub keys_max: usize,
    /// Largest original in bytes.
    pub original_max_bytes: usize,
    /// A step that is not answered for so long counts as failed, in milliseconds.
    pub step_ms: u64,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A concern wants a picture for a borrower.
    Make {
        /// Whose order.
        ticket: Ticket,
        /// The rights that travel inside.
        rights: Rights,
        /// The original file.
        original: Bytes,
        /// The owner's own cover, if any.
        cover: Option<Bytes>,
    },
    /// A person hides a file for themselves.
    HideWanted {
        /// The wish.
        wish: WishId,
        /// File name.
        name: String,
        /// The file.
        original: Bytes,
        /// Their own cover, if any.
        cover: Option<Bytes>,
    },
    /// A person wants to see what is inside a picture.
    RevealWanted {
        /// The wish.
        wish: WishId,
        /// A picture file.
        picture: Bytes,
    },
    /// A person wants to know what can be told of a picture.
    InspectWanted {
        /// The wish.
        wish: WishId,
        /// A picture file.
        picture: Bytes,
    },
    /// The CPU pool is done.
    Worked {
        /// Our number.
        ticket: Ticket,
        /// With what result.
        done: WorkDone,
    },
    /// The cloud goes on with a picture.
    Progressed {
        /// Our number.
        ticket: Ticket,
        /// Where it stands.
        progress: Progress,
    },
    /// The cloud has made a picture.
    Hidden {
        /// Our number.
        ticket: Ticket,
        /// The request.
        request: RequestId,
        /// A PNG.
        picture: Bytes,
        /// Where the time went.
        timings: Timings,
    },
    /// The cloud has not.
    NotHidden {
        /// Our number.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// The disk answered.
    Disk {
        /// Our number.
        ticket: Ticket,
        /// How.
        answer: DiskAnswer,
    },
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Do this on the CPU pool.
    Work {
        /// Our number.
        ticket: Ticket,
        /// What.
        work: Work,
    },
    /// Have the cloud do this.
    Hide {
        /// Our number.
        ticket: Ticket,
        /// An encoded hide job.
        body: Bytes,
    },
    /// A picture that a concern wanted goes on.
    Making {
        /// Whose order.
        ticket: Ticket,
        /// Where it stands.
        progress: Progress,
    },
    /// A picture that a concern wanted is made and checked.
    Made {
        /// Whose order.
        ticket: Ticket,
        /// Opens it.
        key: [u8; 32],
        /// A PNG.
        picture: Bytes,
        /// Index of the default cover; none for an own cover.
        cover: Option<u8>,
        /// Where the time went.
        timings: Timings,
    },
    /// It is not.
    NotMade {
        /// Whose order.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// Tell a person.
    Report(Report),
    /// Ask the disk.
    Disk {
        /// Our number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}
