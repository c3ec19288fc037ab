//! What is ordered and not answered yet: rows being written, letters, files, work.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::super::edges::{Contact, Desk, Ticket, TicketBook};
use super::given::Given;
use crate::proto::control::Outcome;
use crate::proto::ids::{CheckoutId, GrantId, LetterId, ViewId, WishId};
use crate::proto::lease::LogEntry;
use crate::proto::letter::Grant;
use crate::time::{Moment, WallTime};

/// A row of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RowKey {
    /// A grant that we gave.
    Given(GrantId),
    /// A grant that we received.
    Received(GrantId),
    /// The name of this home.
    Device,
    /// A log entry.
    Log(GrantId, LogEntry),
}

/// How far a row has come that is being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) key: RowKey,
    /// When the grant was granted, for a grant that we gave: a newer one counts afresh.
    pub(super) granted_at: WallTime,
    /// Our last change, or the entries ever noted.
    pub(super) reached: u64,
}

/// A grant that is being opened.
pub(super) struct Opening {
    pub(super) ticket: Ticket,
    pub(super) to: Contact,
    pub(super) grant: Grant,
    pub(super) picture: Bytes,
    pub(super) tries: u32,
}

impl Opening {
    pub(super) const fn new(ticket: Ticket, to: Contact, grant: Grant, picture: Bytes) -> Self {
        Self {
            ticket,
            to,
            grant,
            picture,
            tries: 0,
        }
    }
}

/// Who is told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A person.
    Wish(WishId),
    /// Another concern.
    Desk(Ticket),
    /// Nobody: it is a repetition.
    Nobody,
}

/// A change that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MadeChange {
    pub(super) grant: GrantId,
    /// Tells the grant from others of its name.
    pub(super) granted_at: WallTime,
    pub(super) sequence: u32,
    pub(super) asker: Asker,
}

/// What follows when rows are durable.
pub(super) enum Then {
    /// Confirm a letter.
    Keep(LetterId),
    /// Tell the borrower of a new grant; `old` comes back if the rows cannot be written.
    Announce {
        grant: GrantId,
        granted_at: WallTime,
        ticket: Ticket,
        old: Option<Box<Given>>,
    },
    /// Tell the borrower of a change.
    PostChange(MadeChange),
    /// Tell who opened the grant that the picture has arrived.
    Delivered(Ticket),
    /// A claim is durable: read the picture.
    ReadView(GrantId, ViewId),
    /// A look is on disk that counts before it is seen: the picture may leave.
    HandOut {
        grant: GrantId,
        view: ViewId,
        wish: WishId,
        opened: Box<Outcome>,
    },
    /// A look is counted.
    Counted {
        wish: WishId,
        ordinal: u32,
        left: u32,
    },
    /// Looks are to come to this home: ask the servers for them.
    Borrow {
        grant: GrantId,
        checkout: CheckoutId,
        wish: WishId,
    },
    /// Looks are here: tell who wanted them.
    Borrowed { wish: WishId, taken: Box<Outcome> },
    /// A check-in is on disk: send it.
    CheckIn(GrantId),
    /// The key is gone for good: replace the picture.
    Empty(GrantId),
}

/// Something that was ordered.
pub(super) enum Job {
    /// Rows being written.
    Write {
        keys: BTreeSet<RowKey>,
        marks: Vec<Mark>,
        then: Vec<Then>,
    },
    /// The picture of a grant being opened is on its way to the disk.
    KeepHidden(Box<Opening>),
    /// The servers' shares of a grant, granted then, are on their way to them.
    DepositShares(GrantId, WallTime),
    /// The account of such a grant is being opened.
    OpenAccount(GrantId, WallTime),
    /// A change of such a grant, by its sequence, is before the ledger.
    TellLedger(GrantId, WallTime, u32),
    /// How the account of such a grant stands was asked.
    AskStanding(GrantId, WallTime),
    /// The shares of such a grant, of a round, are put before all servers again.
    CompleteShares(GrantId, WallTime, u32),
    /// New shares of such a grant are before the ledger.
    Rekey(GrantId, WallTime),
    /// A look is before the ledger.
    CountLook(GrantId, ViewId),
    /// Looks for this home are before the ledger.
    Borrow(GrantId, CheckoutId, WishId),
    /// What was done with them is before the ledger.
    CheckIn(GrantId, CheckoutId),
    /// A letter with a grant, granted then.
    PostGrant(GrantId, WallTime),
    /// A letter with a change; `accepted`: the borrower had reported the grant before.
    PostChange { made: MadeChange, accepted: bool },
    /// A letter with so many unreported entries.
    PostReport(GrantId, usize),
    /// Can the borrower be reached? `asked`: they asked for the picture themselves.
    LocateBorrower { grant: GrantId, asked: bool },
    /// Can the owner be reached?
    LocateOwner(GrantId),
    /// The picture is read, to be sent.
    ReadHidden(GrantId),
    /// A picture is reduced to its delta; the picture itself, in case there is none.
    Reduce(GrantId, Bytes),
    /// The picture of a delta is being made.
    Render(GrantId),
    /// A received picture is on its way to the disk.
    KeepReceived(GrantId),
    /// The picture of a look is read.
    ReadView(GrantId, ViewId),
    /// The picture of a look is opened.
    OpenView(GrantId, ViewId),
    /// A used-up picture is read.
    ReadSpent(GrantId),
    /// A used-up picture is emptied.
    EmptySpent(GrantId),
    /// An emptied picture replaces the used-up one.
    KeepEmptied(GrantId),
    /// A used-up picture is deleted.
    DeleteSpent(GrantId),
}

/// Orders by ticket number, each with the moment after which no answer is expected.
pub(super) struct Jobs {
    book: TicketBook,
    open: BTreeMap<u64, (Moment, Job)>,
}

impl Jobs {
    pub(super) const fn new() -> Self {
        Self {
            book: TicketBook::new(Desk::LeaseManager),
            open: BTreeMap::new(),
        }
    }

    /// A ticket whose answer nobody waits for.
    pub(super) const fn draw(&mut self) -> Ticket {
        self.book.draw()
    }

    pub(super) fn add(&mut self, expires: Moment, job: Job) -> Ticket {
        let ticket = self.book.draw();
        self.open.insert(ticket.number, (expires, job));
        ticket
    }

    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Job> {
        if ticket.desk != Desk::LeaseManager {
            return None;
        }
        self.open.remove(&ticket.number).map(|(_, job)| job)
    }

    pub(super) fn any(&self, is_wanted: impl Fn(&Job) -> bool) -> bool {
        self.open.values().any(|(_, job)| is_wanted(job))
    }

    pub(super) fn count(&self, is_wanted: impl Fn(&Job) -> bool) -> usize {
        let wanted = self.open.values().filter(|(_, job)| is_wanted(job));
        wanted.count()
    }

    pub(super) fn drop_where(&mut self, is_wanted: impl Fn(&Job) -> bool) {
        self.open.retain(|_, (_, job)| !is_wanted(job));
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.open.values().map(|(expires, _)| *expires).min()
    }

    pub(super) fn expired(&mut self, now: Moment) -> Vec<Job> {
        let due = |(expires, _): &(Moment, Job)| *expires <= now;
        let numbers: Vec<u64> = self
            .open
            .iter()
            .filter(|(_, entry)| due(entry))
            .map(|(number, _)| *number)
            .collect();
        numbers
            .iter()
            .filter_map(|number| self.open.remove(number))
            .map(|(_, job)| job)
            .collect()
    }
}

/// Whether an order belongs to the emptying of this grant's picture.
pub(super) fn is_emptying(job: &Job, grant: GrantId) -> bool {
    matches!(job,
        Job::ReadSpent(of) | Job::EmptySpent(of) | Job::KeepEmptied(of) | Job::DeleteSpent(of)
        if *of == grant)
}
