//! From a wish to a grant: galleries, questions, the owner's word, and the making of the picture
//! that is granted.
//!
//! Decides who sees previews and who gets how many looks, by the owner's hand or by rules set
//! beforehand. Ends where a grant exists: from there on the lease manager has it. Every question is
//! on disk on both sides until it is answered.

use bytes::Bytes;

use super::edges::{Contact, DiskAnswer, DiskOrder, Rights, Ticket, Work, WorkDone};
use crate::proto::control::{Failure, Posted, Progress, Report, Rule, Timings};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{GrantId, LetterId, UserId, WishId};
use crate::proto::lease::AtZero;
use crate::proto::letter::{ImageRef, Note};
use crate::time::{Calendar, WallTime};

/// Who we are and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub me: UserId,
    /// Our name.
    pub name: String,
    /// Pictures on offer at the most.
    pub offers_max: usize,
    /// Questions remembered at the most, from both sides; the oldest answered ones are dropped.
    pub asks_max: usize,
    /// Rules at the most.
    pub rules_max: usize,
    /// How long a peer's gallery is waited for, in milliseconds.
    pub gallery_wait_ms: u64,
    /// A step that is not answered for so long counts as failed, in milliseconds.
    pub step_ms: u64,
    /// To stamp questions.
    pub calendar: Calendar,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A person offers a picture.
    OfferWanted {
        /// The wish.
        wish: WishId,
        /// Its name.
        name: String,
        /// The file.
        original: Bytes,
    },
    /// A person wants a gallery: their own or a peer's.
    GalleryWanted {
        /// The wish.
        wish: WishId,
        /// The peer's name.
        peer: Option<String>,
    },
    /// A person asks a peer for looks.
    AskWanted {
        /// The wish.
        wish: WishId,
        /// The peer's name.
        peer: String,
        /// Which picture.
        image: ImageRef,
        /// How many looks.
        views: u32,
        /// A remark for the owner.
        remark: String,
        /// How long to wait for the owner's word, in milliseconds.
        wait_ms: u32,
    },
    /// A person wants the open questions.
    RequestsWanted(WishId),
    /// A person gives their word on a question.
    DecideWanted {
        /// The wish.
        wish: WishId,
        /// First digits of the question's name.
        ask: String,
        /// Looks to grant; none denies.
        views: Option<u32>,
        /// A reason, when denied.
        reason: String,
    },
    /// A person shares a picture.
    ShareWanted {
        /// The wish.
        wish: WishId,
        /// The image's name.
        name: String,
        /// The file; an offered picture if none.
        original: Option<Bytes>,
        /// The peer's name.
        to: String,
        /// How many looks.
        views: u32,
        /// What becomes of the file at zero.
        at_zero: AtZero,
        /// The owner's own cover, if any.
        cover: Option<Bytes>,
    },
    /// A person sets or takes back a rule.
    RuleWanted {
        /// The wish.
        wish: WishId,
        /// The peer's name, or `*`.
        peer: String,
        /// The rule; none takes it back.
        rule: Option<Rule>,
    },
    /// A person wants the rules.
    RulesWanted(WishId),
    /// A note for this concern: a gallery question or answer, a question for looks, a decision.
    NoteArrived {
        /// The letter, to be confirmed when its effect is durable.
        letter: LetterId,
        /// The writer.
        from: PublicIdentity,
        /// When it was posted, by the writer's clock.
        posted_at: WallTime,
        /// What it says.
        note: Note,
    },
    /// Answer to `Find`.
    Found {
        /// Our number.
        ticket: Ticket,
        /// Who, or why not.
        who: Result<Contact, Failure>,
    },
    /// Answer to `MoreLooks`.
    MoreLooksAnswered {
        /// Our number.
        ticket: Ticket,
        /// Whether the grant exists and the looks were added; none if there is no such grant.
        added: Option<Posted>,
    },
    /// A picture goes on.
    Making {
        /// Our number.
        ticket: Ticket,
        /// Where it stands.
        progress: Progress,
    },
    /// A picture is made.
    Made {
        /// Our number.
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
    /// A picture is not made.
    NotMade {
        /// Our number.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// A grant that we opened is durable here, and its letter is on its way.
    GrantOpened {
        /// Our number.
        ticket: Ticket,
        /// `Ok(whether the picture is on the borrower's disk)`, or why the grant is not open.
        opened: Result<bool, Failure>,
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
    /// Who has this name?
    Find {
        /// Our number.
        ticket: Ticket,
        /// The name.
        name: String,
    },
    /// Carry this note.
    Post {
        /// Our number.
        ticket: Ticket,
        /// To whom.
        to: PublicIdentity,
        /// What.
        note: Note,
    },
    /// The effect of this letter is durable (or it has none that lasts).
    Kept(LetterId),
    /// Add looks to this grant, if it exists and was not revoked.
    MoreLooks {
        /// Our number.
        ticket: Ticket,
        /// The grant.
        grant: GrantId,
        /// So many.
        views: u32,
    },
    /// Make a picture.
    Make {
        /// Our number.
        ticket: Ticket,
        /// The rights that travel inside.
        rights: Rights,
        /// The original file.
        original: Bytes,
        /// The owner's own cover, if any.
        cover: Option<Bytes>,
    },
    /// Open this grant: keep it, tell the borrower, deliver the picture.
    OpenGrant {
        /// Our number.
        ticket: Ticket,
        /// The borrower.
        to: Contact,
        /// The grant.
        grant: crate::proto::letter::Grant,
        /// A PNG.
        picture: Bytes,
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
