//! What goes to the disk: one write at a time, and everything that came meanwhile in the next.
//!
//! Letters that promise something wait here until what they promise is on disk. Never decides what
//! is promised. Invariant: batches are carried out in the order in which raft made them, also if
//! an answer of the disk is lost and an order is given again.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::log::{Kept, Log, Place};
use super::rows::{self, VoteRow};
use super::wire::{LogEntry, RaftMessage};
use crate::actors::edges::{Desk, DiskOrder, Record, Table, Ticket, TicketBook};
use crate::proto::ids::NodeId;
use crate::time::Moment;

/// A letter that waits for the disk.
pub(super) type Held = (NodeId, RaftMessage);

/// What has come together since the last write was ordered.
#[derive(Debug, Default)]
struct Batch {
    rows: BTreeMap<(Table, Vec<u8>), Option<Bytes>>,
    letters: Vec<Held>,
    /// Number of the last part of raft's that is in here; 0 for none.
    number: u64,
    /// Whether it has to be on disk before anything is said.
    needed: bool,
    /// Whether a snapshot of another server is in here.
    installs: bool,
}

#[derive(Debug)]
struct Flight {
    ticket: Ticket,
    records: Vec<Record>,
    letters: Vec<Held>,
    number: u64,
    installs: bool,
    since: Moment,
}

/// What is on disk now.
#[derive(Debug)]
pub(super) struct Done {
    /// To be told to raft; 0 for nothing.
    pub(super) number: u64,
    /// May leave now.
    pub(super) letters: Vec<Held>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Writer {
    me: NodeId,
    tickets: TicketBook,
    batch: Batch,
    flight: Option<Flight>,
    /// The last entry that has a row once everything in here is written.
    top: u64,
    /// The first entry that has a row then.
    bottom: u64,
    /// Rows of the snapshot then, beside its head.
    parts: u32,
    writes: u64,
}

impl Writer {
    /// A writer for a disk with the rows of `log` and a snapshot of so many parts.
    pub(super) fn new(me: NodeId, log: &Log, parts: u32) -> Self {
        Self {
            me,
            tickets: TicketBook::new(Desk::Consensus),
            batch: Batch::default(),
            flight: None,
            top: log.end().index,
            bottom: log.base().index + 1,
            parts,
            writes: 0,
        }
    }

    /// Whether a snapshot of another server is on its way to the disk.
    pub(super) fn is_installing(&self) -> bool {
        self.batch.installs || self.flight.as_ref().is_some_and(|flight| flight.installs)
    }

    /// Writes ordered so far.
    pub(super) const fn writes(&self) -> u64 {
        self.writes
    }

    fn put(&mut self, record: Record) {
        self.batch
            .rows
            .insert((record.table, record.key), record.value);
    }

    fn put_base(&mut self, log: &Log) {
        self.put(rows::base_record(self.me, log));
    }

    /// Who this is, or whether it votes, is another; makes a blank disk one of this group.
    pub(super) fn base(&mut self, log: &Log) {
        self.put_base(log);
        self.batch.needed = true;
    }

    /// An entry, which has its place in the log already.
    pub(super) fn entry(&mut self, entry: LogEntry, place: Place) {
        for index in place.index..=self.top {
            self.put(rows::no_entry_record(index));
        }
        self.top = place.index;
        self.put(rows::entry_record(entry, place));
        self.batch.needed = true;
    }

    /// The vote or the term is another.
    pub(super) const fn vote(&mut self) {
        self.batch.needed = true;
    }

    /// A snapshot of our own, which the log has taken note of already.
    pub(super) fn checkpoint(&mut self, log: &Log) {
        let Some(kept) = log.kept() else { return };
        self.put_snapshot(kept);
        for index in self.bottom..=log.base().index {
            self.put(rows::no_entry_record(index));
        }
        self.bottom = log.base().index + 1;
        self.put_base(log);
        self.batch.needed = true;
    }

    /// A snapshot of another server, which the log has taken already.
    pub(super) fn install(&mut self, log: &Log) {
        let Some(kept) = log.kept() else { return };
        self.put_snapshot(kept);
        for index in self.bottom..=self.top {
            self.put(rows::no_entry_record(index));
        }
        self.bottom = kept.at.index + 1;
        self.top = kept.at.index;
        self.put_base(log);
        self.batch.needed = true;
        self.batch.installs = true;
    }

    fn put_snapshot(&mut self, kept: &Kept) {
        let (records, parts) = rows::snapshot_records(kept, self.parts);
        self.parts = parts;
        for record in records {
            self.put(record);
        }
    }

    /// A part of raft's is complete; `letters` may leave when it is on disk.
    pub(super) fn close(&mut self, number: u64, letters: impl IntoIterator<Item = Held>) {
        self.batch.number = number;
        self.batch.letters.extend(letters);
    }

    /// What needs no write, if nothing is being written before it.
    pub(super) fn settled(&mut self) -> Option<Done> {
        if self.flight.is_some() || self.batch.needed || self.batch.number == 0 {
            return None;
        }
        let batch = std::mem::take(&mut self.batch);
        Some(Done {
            number: batch.number,
            letters: batch.letters,
        })
    }

    /// The next write, if one is needed and none is under way. `vote` is written with it.
    pub(super) fn order(&mut self, now: Moment, vote: &VoteRow) -> Option<(Ticket, DiskOrder)> {
        if self.flight.is_some() || !self.batch.needed {
            return None;
        }
        self.put(rows::vote_record(vote));
        let batch = std::mem::take(&mut self.batch);
        let records: Vec<Record> = batch
            .rows
            .into_iter()
            .map(|((table, key), value)| Record { table, key, value })
            .collect();
        let ticket = self.tickets.draw();
        self.writes += 1;
        self.flight = Some(Flight {
            ticket,
            records: records.clone(),
            letters: batch.letters,
            number: batch.number,
            installs: batch.installs,
            since: now,
        });
        Some((ticket, DiskOrder::Write(records)))
    }

    /// The write that is under way, once more, if it was ordered before `since`. It comes before
    /// every later one, so it does no harm if the first was carried out too.
    pub(super) fn again(&mut self, now: Moment, since: Moment) -> Option<(Ticket, DiskOrder)> {
        let flight = self
            .flight
            .as_mut()
            .filter(|flight| flight.since <= since)?;
        flight.since = now;
        Some((flight.ticket, DiskOrder::Write(flight.records.clone())))
    }

    /// Whether `ticket` is that of the write under way.
    pub(super) fn is_ours(&self, ticket: Ticket) -> bool {
        self.flight
            .as_ref()
            .is_some_and(|flight| flight.ticket == ticket)
    }

    /// The write under way is on disk.
    pub(super) fn written(&mut self) -> Option<Done> {
        let flight = self.flight.take()?;
        Some(Done {
            number: flight.number,
            letters: flight.letters,
        })
    }

    /// Takes note that this server is out of the group. Written beside everything else.
    pub(super) fn quarantine(&mut self, why: &super::Why) -> (Ticket, DiskOrder) {
        let record = rows::quarantine_record(why);
        (self.tickets.draw(), DiskOrder::Write(vec![record]))
    }
}
