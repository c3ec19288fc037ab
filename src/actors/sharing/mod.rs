//! From a wish to a grant: galleries, questions, the owner's word, and the making of the picture
//! that is granted.
//!
//! Decides who sees previews and who gets how many looks, by the owner's hand or by rules set
//! beforehand. Ends where a grant exists: from there on the lease manager has it. Never lets a
//! look be taken, never holds a content key longer than it takes to hand it on.
//!
//! Every question is on disk on both sides before it is sent or confirmed, and until it is
//! answered. Every wish gets exactly one final report. A rule never gives more looks than it names:
//! they are counted on disk before they are given, and a gift whose end is unknown (a crash, a
//! lost answer) is never repeated without the owner.

mod answers;
mod asks;
mod checks;
mod dispatch;
mod duties;
mod gallery;
mod jobs;
mod rows;
mod rules;
mod shares;
#[cfg(test)]
mod tests;
mod withdrawals;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use self::asks::Wait;
use self::duties::Duty;
use self::jobs::Job;
use self::rows::{Ask, Kept, Offer, RuleRow};
use super::edges::{
    Contact, Desk, DiskAnswer, DiskOrder, Rights, Row, Ticket, TicketBook, Work, WorkDone,
};
use super::machine::{Machine, Outbox, earliest};
use crate::proto::control::{Carrier, Failure, Posted, Progress, Report, Rule, Timings};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{AskId, GrantId, LetterId, UserId, WishId};
use crate::proto::lease::Conditions;
use crate::proto::letter::{ImageRef, Note};
use crate::proto::notice::Notice;
use crate::time::{Calendar, Moment, WallTime};

/// Who we are and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub me: UserId,
    /// Our name.
    pub name: String,
    /// What is set for the looks that are given to those who ask.
    pub answers: Conditions,
    /// Pictures on offer at the most.
    pub offers_max: usize,
    /// Questions remembered at the most, from both sides; the oldest answered ones are dropped.
    pub asks_max: usize,
    /// Rules at the most.
    pub rules_max: usize,
    /// Pairs of borrower and image whose granted looks are counted, at the most. Beyond them no
    /// rule gives looks; the owner does.
    pub totals_max: usize,
    /// Wishes in the making at the most; further ones are refused as busy. As many notes may be
    /// on their way to the disk, and half as many questions be granted by rules.
    pub jobs_max: usize,
    /// How long a peer's gallery is waited for, in milliseconds.
    pub gallery_wait_ms: u64,
    /// A step that is not answered for so long counts as failed, in milliseconds. Longer than
    /// the courier takes to tell how a letter went. Making a picture and delivering it may take
    /// [`LONG_STEPS`] times as long.
    pub step_ms: u64,
    /// To stamp questions.
    pub calendar: Calendar,
}

/// Making a picture (or delivering it) may take so many times as long as any other step.
pub const LONG_STEPS: u64 = 20;

impl Config {
    /// The configuration for a local network.
    #[must_use]
    pub fn lan(me: UserId, name: String, calendar: Calendar) -> Self {
        Self {
            me,
            name,
            answers: Conditions::default(),
            // More than a gallery answer shows, so that it is the letter that limits it.
            offers_max: 1_000,
            // A few hundred bytes each: a file of half a megabyte.
            asks_max: 1_000,
            rules_max: 1_000,
            // Sixteen images for each of as many borrowers as there may be questions.
            totals_max: 16_000,
            // Each may hold an original in memory.
            jobs_max: 32,
            // Three direct attempts each way, with room.
            gallery_wait_ms: 5_000,
            // The courier needs its attempts and a round of deposits before it tells.
            step_ms: 15_000,
            calendar,
        }
    }
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
        /// Whether metadata stays in the file.
        keep_metadata: bool,
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
    /// A person takes a question of theirs back.
    WithdrawWanted {
        /// The wish.
        wish: WishId,
        /// First digits of the question's name.
        ask: String,
    },
    /// A person gives up a wish, perhaps one of another concern.
    CancelWanted {
        /// The wish to give up.
        wish: WishId,
        /// The wish that is given up.
        target: WishId,
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
        /// What the owner sets beside the looks.
        conditions: Conditions,
        /// How it is hidden, and in what.
        carrier: Carrier,
        /// Whether metadata stays in the file.
        keep_metadata: bool,
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
    /// Whom the person refuses, from now on.
    Blocked(BTreeSet<UserId>),
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
        /// Number of the default cover; none for an own cover.
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
    /// A letter of ours was not taken.
    NotPosted {
        /// Our number.
        ticket: Ticket,
        /// Why.
        failure: Failure,
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
        /// How it is hidden, and in what.
        carrier: Carrier,
    },
    /// That picture is not wanted any more.
    CancelMake(Ticket),
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
    /// Tell whoever watches.
    Notice(Notice),
    /// Ask the disk.
    Disk {
        /// Our number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}

/// The concern.
#[derive(Debug)]
pub struct Sharing {
    config: Config,
    rng: ChaCha20Rng,
    tickets: TicketBook,
    /// By name, which is the order of the gallery.
    offers: BTreeMap<String, Offer>,
    asks: BTreeMap<AskId, Ask>,
    /// Looks granted (or set aside by a rule) for a borrower and an image.
    totals: BTreeMap<GrantId, u32>,
    /// By user; none is the rule for everybody else.
    rules: BTreeMap<Option<UserId>, RuleRow>,
    /// What was ordered and waits for its answer, by the number of its ticket.
    jobs: BTreeMap<u64, Job>,
    /// Wishes that wait for the owner's word.
    waits: BTreeMap<AskId, Wait>,
    /// Notes that the courier has not confirmed yet, by their question.
    posts: BTreeMap<AskId, Duty>,
    /// Questions that a rule grants, as long as they are not granted.
    grants: BTreeMap<AskId, Duty>,
    /// Whom the person refuses: they are given nothing.
    blocked: BTreeSet<UserId>,
    /// Counts questions in the order of their arrival.
    last_order: u64,
}

impl Sharing {
    /// The concern as its tables left it. Rows that do not decode are passed over.
    #[must_use]
    pub fn new(
        config: Config,
        seed: [u8; 32],
        offers: Vec<Row>,
        asks: Vec<Row>,
        rules: Vec<Row>,
    ) -> Self {
        let mut sharing = Self {
            config,
            rng: ChaCha20Rng::from_seed(seed),
            tickets: TicketBook::new(Desk::Sharing),
            offers: rows::offers(&offers),
            asks: BTreeMap::new(),
            totals: BTreeMap::new(),
            rules: rows::rules(&rules),
            jobs: BTreeMap::new(),
            waits: BTreeMap::new(),
            posts: BTreeMap::new(),
            grants: BTreeMap::new(),
            blocked: BTreeSet::new(),
            last_order: 0,
        };
        for kept in asks.iter().filter_map(rows::ask_or_total) {
            match kept {
                Kept::Ask(ask) => sharing.recall(*ask),
                Kept::Total(grant, views) => {
                    sharing.totals.insert(grant, views);
                }
            }
        }
        sharing
    }
}

impl Machine for Sharing {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "sharing";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        self.dispatch(now, input, out);
        self.do_duties(now, out);
    }

    fn deadline(&self) -> Option<Moment> {
        let jobs = self.jobs.values().map(|job| job.until);
        let waits = self.waits.values().map(|wait| wait.until);
        let duties = self.posts.values().chain(self.grants.values());
        jobs.chain(waits)
            .chain(duties.filter_map(|duty| duty.at))
            .fold(None, |first, next| earliest(first, Some(next)))
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.expire_jobs(now, out);
        self.expire_waits(now, out);
        self.do_duties(now, out);
    }
}
