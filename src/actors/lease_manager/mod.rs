//! Grants, given and received: looks left, pictures to deliver and to open, changes, and the log.
//!
//! Who counts the looks is a condition of the grant. Of a strict one the servers do, before the
//! picture opens, and without their part of the key it does not (`locked.rs`, `completing.rs`,
//! `counting.rs`). Some of its looks may be with this home (`taken.rs`, `offline.rs`): those we
//! count, before the picture leaves, and tell the servers. Else we do:
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
mod awaiting;
mod borrower;
mod changing;
mod completing;
mod config;
mod counting;
mod delivering;
mod dispatch;
mod ending;
mod failures;
mod given;
mod input;
mod jobs;
mod locked;
mod log;
mod naming;
mod offline;
mod owner;
mod received;
mod standing;
mod storing;
mod taken;
mod telling;
mod viewing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use self::awaiting::Awaited;
pub use self::config::Config;
use self::given::Given;
pub use self::input::Input;
use self::jobs::{Jobs, RowKey};
use self::log::Log;
use self::received::Received;
use self::viewing::Claim;
use super::edges::{DiskOrder, Row, Ticket, Work};
use super::looks::{LoanOrder, LookOrder};
use super::machine::{Machine, Outbox, earliest};
use crate::proto::cargo::Form;
use crate::proto::codec;
use crate::proto::control::{Failure, News, Outcome, Posted, Report};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{DeviceId, DiskId, GrantId, LetterId, NodeId, UserId, WishId};
use crate::proto::ledger;
use crate::proto::letter::Note;
use crate::proto::notice::Notice;
use crate::proto::shares::ShareDeposit;
use crate::time::Moment;

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
        /// The same for every attempt at one delivery, another one for the next.
        number: u64,
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
    /// Have looks moved to this device.
    Borrow {
        /// Our number.
        ticket: Ticket,
        /// Which.
        loan: LoanOrder,
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
const DEVICE: u8 = b'd';

/// The concern.
pub struct LeaseManager {
    config: Config,
    rng: ChaCha20Rng,
    /// This home, as the ledger knows it. A copy of the home has the same.
    device: DeviceId,
    /// Whether its name is not on disk yet.
    is_new_device: bool,
    given: BTreeMap<GrantId, Given>,
    received: BTreeMap<GrantId, Received>,
    log: Log,
    claims: BTreeMap<GrantId, Claim>,
    /// Wishes that wait for a picture.
    awaited: Vec<Awaited>,
    jobs: Jobs,
    /// Rows that differ from those on disk because writing them failed, and when to try again.
    dirty: BTreeSet<RowKey>,
    flush_at: Moment,
    /// The disks of the servers that spoke since the start.
    disks: BTreeMap<NodeId, DiskId>,
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
        let mut device = None;
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
                        row.found();
                        let id = row.grant.grant;
                        if let Some(view) = row.claim {
                            let wait = Duration::from_millis(config.claim_ms);
                            let until = Moment::START.after(wait);
                            claims.insert(id, Claim::found(view, until));
                        }
                        received.insert(id, row);
                    }
                }
                Some(&DEVICE) => device = value[..].try_into().ok().map(DeviceId),
                _ => {}
            }
        }
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut fresh = DeviceId([0; 16]);
        rng.fill_bytes(&mut fresh.0);
        Self {
            log: Log::load(log, config.log_max),
            config,
            rng,
            is_new_device: device.is_none(),
            device: device.unwrap_or(fresh),
            given,
            received,
            claims,
            awaited: Vec::new(),
            jobs: Jobs::new(),
            dirty: BTreeSet::new(),
            flush_at: Moment::START,
            disks: BTreeMap::new(),
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

    fn look_end(&self, now: Moment) -> Moment {
        self.after(now, self.config.look_ms)
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
        next = earliest(next, self.awaited.iter().map(|awaited| awaited.until).min());
        if !self.dirty.is_empty() {
            next = earliest(next, Some(self.flush_at));
        }
        for given in self.given.values() {
            next = earliest(next, given.run.waiting.map(|(_, until)| until));
            next = earliest(next, given.is_due().then_some(given.run.due_at));
            next = earliest(next, given.may_be_copied().then_some(given.run.asked_at));
        }
        for lease in self.received.values() {
            next = earliest(next, lease.is_due().then_some(lease.run.due_at));
        }
        next = earliest(next, self.next_completion());
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
        self.ask_standings(now, out);
        self.complete_shares(now, out);
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
