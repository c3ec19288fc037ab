//! The log, the vote and the snapshot as rows of the disk, and what is made of such rows at start.
//!
//! Every row tells whether it is whole: entries by the chain of digests, the others by a checksum
//! over key and value. The last place of the log is written with each batch, so entries that are
//! missing at the end are missed too. A write is one transaction, so there is no torn end that
//! might be cut off in good faith: *any* damage means that something that was promised may be
//! gone, and a server that has forgotten a promise must not vote.

use bytes::Bytes;
use raft::eraftpb::HardState;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::guard;
use super::log::{Kept, Log, Place};
use super::standing::{Whereabouts, Why};
use super::wire::{Group, LogEntry};
use crate::actors::edges::{Record, Row, Table};
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::ids::{Digest, NodeId};
use crate::proto::limits::MESSAGE_MAX_BYTES;

/// A row of a snapshot is at most this long, in bytes.
pub(super) const PART_BYTES: usize = 256 << 10;

const VOTE: &[u8] = b"vote";
const BASE: &[u8] = b"base";
const QUARANTINE: &[u8] = b"quarantine";
const HEAD: &[u8] = b"head";
const ETCD: &[u8] = b"etcd";
const EXPORTED: &[u8] = b"exported";
const SUM_BYTES: usize = 16;

/// The rows of the three tables at start.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Rows of [`Table::RaftLog`].
    pub log: Vec<Row>,
    /// Rows of [`Table::RaftState`].
    pub state: Vec<Row>,
    /// Rows of [`Table::LedgerSnapshot`].
    pub snapshot: Vec<Row>,
}

impl Rows {
    /// Where the ledger of this server lies.
    #[must_use]
    pub fn whereabouts(&self) -> Whereabouts {
        let has = |key: &[u8]| self.state.iter().any(|(name, _)| name == key);
        if has(EXPORTED) {
            Whereabouts::Exported
        } else if has(ETCD) {
            Whereabouts::Etcd
        } else if self.state.is_empty() && self.log.is_empty() && self.snapshot.is_empty() {
            Whereabouts::Nowhere
        } else {
            Whereabouts::Embedded
        }
    }
}

/// What is wrong with the rows of a disk.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Damage {
    /// A row that must be there is not, or is not whole.
    #[error("the row `{0}` is missing or damaged")]
    Row(String),
    /// An entry does not follow from the one before it.
    #[error("entry {0} of the log is missing or damaged")]
    Entry(u64),
    /// The log ends before the place that was written down.
    #[error("the log ends at {found} instead of {written}")]
    End {
        /// Last entry found.
        found: u64,
        /// Last entry that was written.
        written: u64,
    },
    /// The snapshot does not fit the log, or is no state.
    #[error("the snapshot is damaged: {0}")]
    Snapshot(String),
    /// The rows belong to another server or another group.
    #[error("the disk is that of server {me} in a group of {voters}")]
    Stranger {
        /// That server.
        me: u8,
        /// Servers that vote there.
        voters: usize,
    },
}

/// Term, vote and how far things are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VoteRow {
    pub(super) term: u64,
    /// Whom this server voted for in the term; 0 for nobody.
    pub(super) vote: u64,
    pub(super) commit: u64,
    pub(super) end: Place,
}

/// Who this is and where the log begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct BaseRow {
    me: NodeId,
    group: Group,
    base: Place,
    floor: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct EntryRow {
    entry: LogEntry,
    chain: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeadRow {
    at: Place,
    parts: u32,
    digest: Digest,
}

/// What a disk held.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing: the first start, or the first after the tables were moved away.
    Blank,
    /// A log.
    Log(Box<Log>),
    /// This server took itself out of the group, with the reason that was written down.
    Quarantined(Why),
}

fn sum(table: Table, key: &[u8], payload: &[u8]) -> [u8; SUM_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 agreed log row");
    hasher.update(&[u8::from(table == Table::LedgerSnapshot)]);
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(payload);
    let mut sum = [0; SUM_BYTES];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..SUM_BYTES]);
    sum
}

fn sealed(table: Table, key: &[u8], payload: &[u8]) -> Record {
    let mut value = Vec::with_capacity(SUM_BYTES + payload.len());
    value.extend_from_slice(&sum(table, key, payload));
    value.extend_from_slice(payload);
    Record {
        table,
        key: key.to_vec(),
        value: Some(value.into()),
    }
}

fn opened(table: Table, key: &[u8], rows: &[Row]) -> Result<Bytes, Damage> {
    let damaged = || Damage::Row(String::from_utf8_lossy(key).into_owned());
    let (_, value) = rows
        .iter()
        .find(|(name, _)| name == key)
        .ok_or_else(damaged)?;
    let payload = value.get(SUM_BYTES..).ok_or_else(damaged)?;
    if value[..SUM_BYTES] == sum(table, key, payload) {
        Ok(value.slice(SUM_BYTES..))
    } else {
        Err(damaged())
    }
}

fn state_row<T: serde::de::DeserializeOwned>(key: &[u8], rows: &[Row]) -> Result<T, Damage> {
    let payload = opened(Table::RaftState, key, rows)?;
    codec::decode(&payload, MESSAGE_MAX_BYTES)
        .map_err(|_| Damage::Row(String::from_utf8_lossy(key).into_owned()))
}

pub(super) fn vote_record(row: &VoteRow) -> Record {
    sealed(Table::RaftState, VOTE, &codec::encode(row))
}

pub(super) fn base_record(me: NodeId, log: &Log) -> Record {
    let row = BaseRow {
        me,
        group: log.group().clone(),
        base: log.base(),
        floor: log.floor(),
    };
    sealed(Table::RaftState, BASE, &codec::encode(&row))
}

pub(super) fn quarantine_record(why: &Why) -> Record {
    sealed(Table::RaftState, QUARANTINE, &codec::encode(why))
}

/// The row of a server whose ledger lies in etcd.
pub(super) fn etcd_record(payload: &[u8]) -> Record {
    sealed(Table::RaftState, ETCD, payload)
}

/// The row of a server whose ledger was exported.
pub(super) fn exported_record() -> Record {
    sealed(Table::RaftState, EXPORTED, &[])
}

/// What the row of a ledger in etcd holds.
///
/// # Errors
/// If it is not whole.
pub(super) fn etcd_row(rows: &Rows) -> Result<Bytes, Damage> {
    opened(Table::RaftState, ETCD, &rows.state)
}

/// Why this server took itself out, if it did.
///
/// # Errors
/// If the row is not whole.
pub(super) fn quarantined(rows: &Rows) -> Result<Option<Why>, Damage> {
    let has = rows.state.iter().any(|(key, _)| key == QUARANTINE);
    has.then(|| state_row(QUARANTINE, &rows.state)).transpose()
}

fn entry_key(index: u64) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

pub(super) fn entry_record(entry: LogEntry, place: Place) -> Record {
    let row = EntryRow {
        entry,
        chain: place.chain,
    };
    Record {
        table: Table::RaftLog,
        key: entry_key(place.index),
        value: Some(codec::encode(&row).into()),
    }
}

pub(super) fn no_entry_record(index: u64) -> Record {
    Record {
        table: Table::RaftLog,
        key: entry_key(index),
        value: None,
    }
}

fn part_key(part: u32) -> Vec<u8> {
    let mut key = b"part".to_vec();
    key.extend_from_slice(&part.to_be_bytes());
    key
}

/// Rows of a snapshot of `parts` before it gives the number of rows that an older one had.
pub(super) fn snapshot_records(kept: &Kept, parts_before: u32) -> (Vec<Record>, u32) {
    let parts: Vec<Bytes> = (0..kept.state.len())
        .step_by(PART_BYTES)
        .map(|from| {
            kept.state
                .slice(from..(from + PART_BYTES).min(kept.state.len()))
        })
        .collect();
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    let head = HeadRow {
        at: kept.at,
        parts: count,
        digest: Digest::of(&kept.state),
    };
    let mut records = vec![sealed(Table::LedgerSnapshot, HEAD, &codec::encode(&head))];
    for (part, value) in (0..).zip(parts) {
        records.push(Record {
            table: Table::LedgerSnapshot,
            key: part_key(part),
            value: Some(value),
        });
    }
    for part in count..parts_before {
        records.push(Record {
            table: Table::LedgerSnapshot,
            key: part_key(part),
            value: None,
        });
    }
    (records, count)
}

/// How many rows the snapshot of a disk has beside its head.
pub(super) fn parts_on_disk(rows: &Rows) -> u32 {
    u32::try_from(rows.snapshot.len().saturating_sub(1)).unwrap_or(u32::MAX)
}

/// The snapshot of a disk, if there is one.
fn kept(rows: &[Row]) -> Result<Option<Kept>, Damage> {
    if rows.is_empty() {
        return Ok(None);
    }
    let damaged = |what: &str| Damage::Snapshot(what.to_owned());
    let payload = opened(Table::LedgerSnapshot, HEAD, rows)?;
    let head: HeadRow =
        codec::decode(&payload, PART_BYTES).map_err(|_| damaged("its head is no head"))?;
    let mut state = Vec::new();
    for part in 0..head.parts {
        let key = part_key(part);
        // Rows come sorted by key, the head first.
        let found = rows.binary_search_by(|(name, _)| name.as_slice().cmp(&key));
        let at = found.map_err(|_| damaged("a part is missing"))?;
        state.extend_from_slice(&rows[at].1);
    }
    if Digest::of(&state) != head.digest {
        return Err(damaged("its digest is another"));
    }
    Ok(Some(Kept {
        at: head.at,
        state: state.into(),
    }))
}

/// Reads the rows of a disk and believes none of them.
///
/// # Errors
/// What is wrong with them.
pub(super) fn read(me: NodeId, group: &Group, rows: &Rows) -> Result<Found, Damage> {
    if rows.state.is_empty() && rows.log.is_empty() && rows.snapshot.is_empty() {
        return Ok(Found::Blank);
    }
    if let Some(why) = quarantined(rows)? {
        return Ok(Found::Quarantined(why));
    }
    let whereabouts = rows.whereabouts();
    if whereabouts != Whereabouts::Embedded {
        return Ok(Found::Quarantined(Why::Elsewhere(whereabouts)));
    }
    let vote: VoteRow = state_row(VOTE, &rows.state)?;
    let base: BaseRow = state_row(BASE, &rows.state)?;
    if base.me != me || base.group != *group {
        return Err(Damage::Stranger {
            me: base.me.0,
            voters: base.group.voters.len(),
        });
    }
    if !are_reached(&vote, &base) {
        return Err(Damage::Row(String::from_utf8_lossy(VOTE).into_owned()));
    }
    let kept = kept(&rows.snapshot)?;
    let kept_at = kept.as_ref().map_or(Place::START, |kept| kept.at);
    let hard = HardState {
        term: vote.term,
        vote: vote.vote,
        commit: vote.commit,
        ..HardState::default()
    };
    let mut log = Log::resumed(base.group, hard, base.base, kept);
    log.set_floor(base.floor);
    let entries = read_entries(&mut log, &rows.log);
    let is_plausible = log.end().index >= kept_at.index;
    if entries.is_err() && is_plausible && planted::is(Bug::TruncatesAndVotes) {
        log.forget_commit();
        return Ok(Found::Log(Box::new(log)));
    }
    entries?;
    let end = log.end();
    if end != vote.end {
        return Err(Damage::End {
            found: end.index,
            written: vote.end.index,
        });
    }
    if log.place(kept_at.index) != Some(kept_at) {
        return Err(Damage::Snapshot("it is not of this log".to_owned()));
    }
    if vote.commit < kept_at.index || vote.commit > end.index || vote.term < end.term {
        return Err(Damage::Row(String::from_utf8_lossy(VOTE).into_owned()));
    }
    Ok(Found::Log(Box::new(log)))
}

/// Whether raft can count on from these numbers; the others of a disk are not beyond them. A
/// server counts on from what it believes of others, but not nearly as far again.
fn are_reached(vote: &VoteRow, base: &BaseRow) -> bool {
    let floor = base.floor.unwrap_or_default();
    [vote.term, vote.end.index, base.base.index, floor]
        .into_iter()
        .all(|number| guard::is_reached(number / 2))
}

fn read_entries(log: &mut Log, rows: &[Row]) -> Result<(), Damage> {
    for (key, value) in rows {
        let index = log.end().index + 1;
        let damaged = || Damage::Entry(index);
        if *key != entry_key(index) {
            return Err(damaged());
        }
        let row: EntryRow = codec::decode(value, MESSAGE_MAX_BYTES).map_err(|_| damaged())?;
        if row.entry.index != index || row.entry.term < log.end().term {
            return Err(damaged());
        }
        let place = log.put(row.entry.into_raft()).ok_or_else(damaged)?;
        if place.chain != row.chain {
            return Err(damaged());
        }
    }
    Ok(())
}

/// The place of the snapshot that a head row is of.
#[cfg(test)]
pub(super) fn snapshot_index(value: &[u8]) -> Option<u64> {
    let head: HeadRow = codec::decode(value.get(SUM_BYTES..)?, PART_BYTES).ok()?;
    Some(head.at.index)
}
