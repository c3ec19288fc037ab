//! What can happen to grants.

use bytes::Bytes;

use super::super::edges::{Contact, DiskAnswer, Ticket, WorkDone};
use super::super::looks::{Lent, Look, LookFault};
use crate::proto::cargo::Form;
use crate::proto::control::Posted;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{DiskId, GrantId, LetterId, NodeId, UserId, ViewId, WishId};
use crate::proto::lease::Change;
use crate::proto::ledger::Answer;
use crate::proto::letter::{Grant, Note};
use crate::time::WallTime;

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
    /// The picture of a view could not be shown.
    LetGo {
        /// The wish.
        wish: WishId,
        /// The view.
        view: ViewId,
    },
    /// A person wants looks on this device, for use without the servers.
    TakeWanted {
        /// The wish.
        wish: WishId,
        /// First digits of the grant's name, or `peer/image`.
        lease: String,
        /// So many; as many as may be, if not said.
        looks: Option<u32>,
        /// Good until then; as long as may be, if not said.
        until: Option<WallTime>,
    },
    /// A person gives the looks on this device back.
    ReturnWanted {
        /// The wish.
        wish: WishId,
        /// First digits of the grant's name, or `peer/image`.
        lease: String,
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
        /// Whether it came from the writer directly.
        direct: bool,
        /// When it was posted, by the writer's clock.
        posted_at: WallTime,
        /// What it says.
        note: Note,
    },
    /// A picture arrived.
    PictureArrived {
        /// From whom. Taken only from the grant's owner.
        from: UserId,
        /// Of which grant, as the sender says.
        grant: GrantId,
        /// In which form, as the sender says.
        form: Form,
        /// A PNG or a delta, perhaps.
        body: Bytes,
    },
    /// A picture of ours is on its way.
    PictureMoves {
        /// The grant.
        grant: GrantId,
        /// Bytes that the borrower has acknowledged.
        done_bytes: u32,
        /// Bytes in all.
        total_bytes: u32,
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
        /// Whether they can be reached now.
        online: bool,
    },
    /// A letter of ours went so.
    Posted {
        /// Our number.
        ticket: Ticket,
        /// How.
        how: Posted,
    },
    /// So many servers keep their shares.
    Deposited {
        /// Our number.
        ticket: Ticket,
        /// So many.
        servers: usize,
    },
    /// The ledger's word on an order of ours.
    Ordered {
        /// Our number.
        ticket: Ticket,
        /// The word; none if no majority of the servers was there.
        answer: Option<Answer>,
    },
    /// What became of a look that the servers count.
    Looked {
        /// Our number.
        ticket: Ticket,
        /// Their part of the key, or why there is none.
        looked: Result<Look, LookFault>,
    },
    /// A server spoke.
    ServerHeard {
        /// Which.
        from: NodeId,
        /// Its disk.
        disk: DiskId,
    },
    /// What became of looks that were to go to this device.
    Lent {
        /// Our number.
        ticket: Ticket,
        /// The servers' part of the key, or why there is none.
        lent: Result<Lent, LookFault>,
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
