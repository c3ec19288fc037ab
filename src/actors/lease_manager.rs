//! Grants, given and received: looks left, pictures to deliver and to open, changes, and the log.
//!
//! A look is claimed, shown, committed: the claim is durable before the picture opens, the look is
//! counted when the picture was shown, and a claim that was never shown is let go. Changes come in
//! the owner's order and are applied exactly once. At zero the key is destroyed and the file
//! replaced by its cover (or deleted); a later change that gives looks brings the key again. Each
//! event is logged once, on the side where it happened, and carried to the other.

use std::net::SocketAddr;

use bytes::Bytes;

use super::edges::{Contact, DiskAnswer, DiskOrder, Ticket, Work, WorkDone};
use crate::proto::control::{Failure, Posted, Report};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{GrantId, LetterId, UserId, ViewId, WishId};
use crate::proto::lease::Change;
use crate::proto::letter::{Grant, Note};
use crate::time::{Calendar, WallTime};

/// Who we are, timings and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub me: UserId,
    /// Grants remembered at the most, given and received.
    pub leases_max: usize,
    /// Log entries kept at the most; the oldest are dropped.
    pub log_max: usize,
    /// A claim that was not shown for so long is let go, in milliseconds.
    pub claim_ms: u64,
    /// Attempts to send a picture to a borrower who is online, before it waits for their return.
    pub attempts: u32,
    /// How long the owner waits for the borrower's word that the picture is kept before a wish is
    /// told that it is not delivered yet, in milliseconds.
    pub delivery_ms: u64,
    /// Milliseconds between two looks for pictures that are due (ours to send, or to ask for).
    pub due_every_ms: u64,
    /// To stamp log entries.
    pub calendar: Calendar,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A person wants to look.
    ViewWanted {
        /// The wish.
        wish: WishId,
        /// First digits of the grant's name, or `peer/image`.
        lease: String,
    },
    /// The picture of a view was shown.
    Shown {
        /// The wish.
        wish: WishId,
        /// The view.
        view: ViewId,
    },
    /// A person wants all grants.
    LeasesWanted(WishId),
    /// A person changes a grant.
    AdjustWanted {
        /// The wish.
        wish: WishId,
        /// First digits of the grant's name, or `peer/image`.
        lease: String,
        /// The change.
        change: Change,
    },
    /// A person wants the log.
    LedgerWanted {
        /// The wish.
        wish: WishId,
        /// One grant, or all.
        lease: Option<String>,
    },
    /// Looks are to be added to a grant, if it exists.
    MoreLooks {
        /// Whose order.
        ticket: Ticket,
        /// The grant.
        grant: GrantId,
        /// So many.
        views: u32,
    },
    /// A new grant.
    OpenGrant {
        /// Whose order.
        ticket: Ticket,
        /// The borrower.
        to: Contact,
        /// The grant.
        grant: Grant,
        /// A PNG.
        picture: Bytes,
    },
    /// A note for this concern: a grant, a change, a report, a question for the picture.
    NoteArrived {
        /// The letter, to be confirmed when its effect is durable.
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
    /// A picture arrived.
    PictureArrived {
        /// From which address.
        from: SocketAddr,
        /// Of which grant, as the sender says.
        grant: GrantId,
        /// A PNG, perhaps.
        picture: Bytes,
    },
    /// A picture of ours is at the borrower's end.
    PictureSent(GrantId),
    /// It did not get there.
    PictureNotSent(GrantId),
    /// Answer to `Locate`.
    Located {
        /// Our number.
        ticket: Ticket,
        /// Who.
        user: UserId,
        /// Where; none when offline.
        address: Option<SocketAddr>,
    },
    /// A letter of ours went so.
    Posted {
        /// Our number.
        ticket: Ticket,
        /// How.
        how: Posted,
    },
    /// The CPU pool is done.
    Worked {
        /// Our number.
        ticket: Ticket,
        /// With what result.
        done: WorkDone,
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
    /// Carry this note.
    Post {
        /// Our number.
        ticket: Ticket,
        /// To whom.
        to: PublicIdentity,
        /// What.
        note: Note,
    },
    /// Where is this user?
    Locate {
        /// Our number.
        ticket: Ticket,
        /// Who.
        user: UserId,
    },
    /// Send a picture in fragments.
    SendPicture {
        /// To which address.
        to: SocketAddr,
        /// The grant.
        grant: GrantId,
        /// A PNG.
        picture: Bytes,
    },
    /// The effect of this letter is durable (or it has none that lasts).
    Kept(LetterId),
    /// Answer to `OpenGrant`: whether the picture is on the borrower's disk, or why the grant is
    /// not open.
    GrantOpened {
        /// Whose order.
        ticket: Ticket,
        /// `Ok(delivered)`, or why not.
        opened: Result<bool, Failure>,
    },
    /// Answer to `MoreLooks`.
    MoreLooksAnswered {
        /// Whose order.
        ticket: Ticket,
        /// How the letter went; none if there is no such grant, or it was revoked.
        added: Option<Posted>,
    },
    /// Do this on the CPU pool.
    Work {
        /// Our number.
        ticket: Ticket,
        /// What.
        work: Work,
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
