//! The log of all grants: a set of entries by time, bounded, each its own row.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::edges::Row;
use super::jobs::RowKey;
use crate::proto::codec;
use crate::proto::ids::{GrantId, ViewId};
use crate::proto::lease::{LogEntry, LogEvent};

const ID_BYTES: usize = 16;
/// No encoded entry is longer.
const ENTRY_MAX_BYTES: usize = 64;

/// Entries of all grants by time. Inserting one twice changes nothing.
pub(super) struct Log {
    entries: BTreeSet<(LogEntry, GrantId)>,
    max: usize,
}

impl Log {
    /// The log as it was found on disk; rows that are none are passed over.
    pub(super) fn load(rows: Vec<Row>, max: usize) -> Self {
        let entries = rows.iter().filter_map(|(key, _)| parse(key)).collect();
        Self { entries, max }
    }

    /// Adds an entry, dropping the oldest ones beyond the bound. Returns the rows to write.
    pub(super) fn insert(&mut self, grant: GrantId, entry: LogEntry) -> Vec<RowKey> {
        self.entries.insert((entry, grant));
        let mut touched = vec![RowKey::Log(grant, entry)];
        while self.entries.len() > self.max {
            let Some((oldest, of)) = self.entries.pop_first() else {
                break;
            };
            touched.push(RowKey::Log(of, oldest));
        }
        touched
    }

    /// Whether an entry stands in the log.
    pub(super) fn contains(&self, grant: GrantId, entry: LogEntry) -> bool {
        self.entries.contains(&(entry, grant))
    }

    /// Takes back an entry that could not be written.
    pub(super) fn remove(&mut self, grant: GrantId, entry: LogEntry) {
        self.entries.remove(&(entry, grant));
    }

    /// The entries of one grant or of all, by time.
    pub(super) fn of(&self, grant: Option<GrantId>) -> Vec<(GrantId, LogEntry)> {
        self.entries
            .iter()
            .filter(|(_, of)| grant.is_none_or(|wanted| wanted == *of))
            .map(|(entry, of)| (*of, *entry))
            .collect()
    }

    /// The number of a look that was counted.
    pub(super) fn ordinal_of(&self, wanted: ViewId) -> Option<(GrantId, u32)> {
        self.entries
            .iter()
            .rev()
            .find_map(|(entry, grant)| match entry.event {
                LogEvent::Viewed { view, ordinal } if view == wanted => Some((*grant, ordinal)),
                _ => None,
            })
    }

    /// The value of an entry's row: none if the entry is not (or no more) in the log.
    pub(super) fn value(&self, grant: GrantId, entry: LogEntry) -> Option<Bytes> {
        self.contains(grant, entry)
            .then(|| Bytes::from_static(&[1]))
    }
}

/// The key of an entry's row.
pub(super) fn row_key(grant: GrantId, entry: &LogEntry) -> Vec<u8> {
    let mut key = grant.0.to_vec();
    key.extend(codec::encode(entry));
    key
}

fn parse(key: &[u8]) -> Option<(LogEntry, GrantId)> {
    let (id, entry) = key.split_at_checked(ID_BYTES)?;
    let id = GrantId(id.try_into().ok()?);
    Some((codec::decode(entry, ENTRY_MAX_BYTES).ok()?, id))
}
