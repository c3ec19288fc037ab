//! Grants, given and received: looks left, pictures to deliver and to open, changes, and the log.
//!
//! Who counts the looks is a condition of the grant. Of a strict one the servers do, before the
//! picture opens, and without their part of the key it does not (`locked.rs`, `counting.rs`).
//! Else we do:
//!
//! A look is claimed, shown, committed: the claim is durable before the picture opens, the look is
//! counted when the picture was shown, and a claim that was never shown is let go. Changes come in
//! the owner's order and are applied exactly once. At zero, or when the end date comes by the
//! borrower's calendar, the key is destroyed and the file replaced by its cover (or deleted); a
//! later change that gives looks, or a later date, brings the key again. Each event is logged once,
//! on the side where it happened, and carried to the other: the owner logs the granting; the
//! borrower logs the rest, a change when it is applied, and reports it.
//!
//! Invariants: used never exceeds granted; nothing leaves this node that is not durable here; of
//! two grants of one name only the newer counts, and changes and reports of the older do nothing
//! to it.

mod attending;
mod borrower;
mod changing;
mod config;
mod counting;
mod delivering;
mod dispatch;
mod ending;
mod failures;
mod given;
mod jobs;
mod locked;
mod log;
mod naming;
mod owner;
mod received;
mod storing;
mod telling;
mod viewing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

pub use self::config::Config;
use self::given::Given;
use self::jobs::{Jobs, RowKey};
use self::log::Log;
use self::received::Received;
use self::viewing::Claim;
use super::edges::{Contact, DiskAnswer, DiskOrder, Row, Ticket, Work, WorkDone};
use super::looks::{Look, LookFault, LookOrder};
use super::machine::{Machine, Outbox, earliest};
use crate::proto::cargo::Form;
use crate::proto::codec;
use crate::proto::control::{Failure, News, Outcome, Posted, Report};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{GrantId, LetterId, NodeId, UserId, ViewId, WishId};
use crate::proto::lease::Change;
use crate::proto::ledger::{self, Answer};
use crate::proto::letter::{Grant, Note};
use crate::proto::notice::Notice;
use crate::proto::shares::ShareDeposit;
use crate::time::{Moment, WallTime};

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
    /// Can this user be reached now?
    Locate {
        /// Our number.
        ticket: Ticket,
        /// Who.
        user: UserId,
    },
    /// Send a picture in fragments.
    SendPicture {
        /// To whom.
        to: UserId,
        /// The grant.
        grant: GrantId,
        /// In which form.
        form: Form,
        /// A PNG or an encoded [`Delta`](crate::proto::cargo::Delta).
        body: Bytes,
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
    /// The picture of a grant being opened is on its way.
    Delivering {
        /// Whose order.
        ticket: Ticket,
        /// Bytes that the borrower has acknowledged.
        done_bytes: u32,
        /// Bytes in all.
        total_bytes: u32,
    },
    /// Answer to `MoreLooks`.
    MoreLooksAnswered {
        /// Whose order.
        ticket: Ticket,
        /// How the letter went; none if there is no such grant, or it was revoked.
        added: Option<Posted>,
    },
    /// Have servers keep shares.
    Deposit {
        /// Our number.
        ticket: Ticket,
        /// For each server its share.
        deposits: Vec<(NodeId, ShareDeposit)>,
        /// So many have to have theirs on disk.
        needed: usize,
    },
    /// Put this before the ledger.
    Order {
        /// Our number.
        ticket: Ticket,
        /// What.
        command: ledger::Command,
    },
    /// Have this look counted by the servers.
    Look {
        /// Our number.
        ticket: Ticket,
        /// Which.
        look: LookOrder,
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

/// A picture that was handed to the sender and neither arrived nor failed counts as lost then.
const SENDING_MS: u64 = 60_000;
/// Leases that are attended to at once; the others follow [`STAGGER_MS`] later, batch by batch.
const ATTEND_MAX: usize = 32;
const STAGGER_MS: u64 = 100;
/// No row of ours is larger.
const ROW_MAX_BYTES: usize = 256 << 10;
const GIVEN: u8 = b'o';
const RECEIVED: u8 = b'b';

/// The concern.
pub struct LeaseManager {
    config: Config,
    rng: ChaCha20Rng,
    given: BTreeMap<GrantId, Given>,
    received: BTreeMap<GrantId, Received>,
    log: Log,
    claims: BTreeMap<GrantId, Claim>,
    jobs: Jobs,
    /// Rows that differ from those on disk because writing them failed, and when to try again.
    dirty: BTreeSet<RowKey>,
    flush_at: Moment,
    /// The last orders to add looks, with their answers.
    answered: VecDeque<(Ticket, Option<Posted>)>,
}

impl LeaseManager {
    /// The grants and the log as they were found on disk; rows that do not decode are passed over.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], leases: Vec<Row>, log: Vec<Row>) -> Self {
        let mut given = BTreeMap::new();
        let mut received = BTreeMap::new();
        let mut claims = BTreeMap::new();
        for (key, value) in leases {
            match key.first() {
                Some(&GIVEN) => {
                    if let Ok(mut row) = codec::decode::<Given>(&value, ROW_MAX_BYTES) {
                        row.run.stored = Some(row.last_sequence());
                        given.insert(row.id(), row);
                    }
                }
                Some(&RECEIVED) => {
                    if let Ok(mut row) = codec::decode::<Received>(&value, ROW_MAX_BYTES) {
                        row.run.durable = row.noted();
                        let id = row.grant.grant;
                        if let Some(view) = row.claim {
                            let wait = Duration::from_millis(config.claim_ms);
                            let until = Moment::START.after(wait);
                            claims.insert(id, Claim::found(view, until));
                        }
                        received.insert(id, row);
                    }
                }
                _ => {}
            }
        }
        Self {
            log: Log::load(log, config.log_max),
            config,
            rng: ChaCha20Rng::from_seed(seed),
            given,
            received,
            claims,
            jobs: Jobs::new(),
            dirty: BTreeSet::new(),
            flush_at: Moment::START,
            answered: VecDeque::new(),
        }
    }

    fn after(&self, now: Moment, wait_ms: u64) -> Moment {
        // A wait of nothing would make a deadline that never moves.
        now.after(Duration::from_millis(wait_ms.max(1)))
    }

    fn step_end(&self, now: Moment) -> Moment {
        self.after(now, self.config.step_ms)
    }

    fn due_end(&self, now: Moment) -> Moment {
        self.after(now, self.config.due_every_ms)
    }

    fn is_full(&self) -> bool {
        self.given.len() + self.received.len() >= self.config.leases_max
    }
}

impl Machine for LeaseManager {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "lease_manager";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        self.dispatch(now, input, out);
    }

    fn deadline(&self) -> Option<Moment> {
        let mut next = earliest(
            self.jobs.deadline(),
            self.claims.values().map(|claim| claim.until).min(),
        );
        if !self.dirty.is_empty() {
            next = earliest(next, Some(self.flush_at));
        }
        for given in self.given.values() {
            next = earliest(next, given.run.waiting.map(|(_, until)| until));
            next = earliest(next, given.is_due().then_some(given.run.due_at));
        }
        for lease in self.received.values() {
            next = earliest(next, lease.is_due().then_some(lease.run.due_at));
        }
        earliest(next, self.next_date())
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        for job in self.jobs.expired(now) {
            self.expired(now, job, out);
        }
        self.waited(now, out);
        if !self.dirty.is_empty() && self.flush_at <= now {
            self.store(now, Vec::new(), Vec::new(), out);
        }
        self.attend(now, out);
    }
}

fn done(wish: WishId, outcome: Outcome) -> Output {
    let news = News::Done(Box::new(outcome));
    Output::Report(Report { wish, news })
}

fn failed(wish: WishId, failure: Failure) -> Output {
    let news = News::Failed(failure);
    Output::Report(Report { wish, news })
}

#[cfg(test)]
pub(crate) mod tests;
