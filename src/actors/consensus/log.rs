//! The log in memory, as raft reads it: what is on disk or on its way there.
//!
//! Holds the entries since the last cut, the newest snapshot, and the chain of digests over all
//! entries that ever were, so that two logs are equal up to a place if their chains are equal
//! there. Decides nothing; a reader that asks for more than is here gets an error of raft's.

use std::collections::VecDeque;

use bytes::Bytes;
use raft::eraftpb::{Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Storage, StorageError};
use serde::{Deserialize, Serialize};

use super::wire::{Group, LogEntry, Parcel};
use crate::proto::ids::Digest;

/// What an entry costs beside its data when messages are filled, in bytes.
const ENTRY_EXTRA_BYTES: u64 = 32;

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) index: u64,
    pub(super) term: u64,
    /// Digest of all entries up to here.
    pub(super) chain: Digest,
}

impl Place {
    /// Before the first entry.
    pub(super) const START: Self = Self {
        index: 0,
        term: 0,
        chain: Digest([0; 32]),
    };

    /// The place after one more entry.
    pub(super) fn after(self, entry: &LogEntry) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 agreed log");
        hasher.update(&self.chain.0);
        hasher.update(&entry.index.to_le_bytes());
        hasher.update(&entry.term.to_le_bytes());
        hasher.update(&[entry.kind as u8]);
        hasher.update(&(entry.context.len() as u64).to_le_bytes());
        hasher.update(&entry.context);
        hasher.update(&entry.data);
        Self {
            index: entry.index,
            term: entry.term,
            chain: Digest(*hasher.finalize().as_bytes()),
        }
    }
}

/// The state after all entries up to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) at: Place,
    pub(super) state: Bytes,
}

impl Kept {
    /// As it travels. The chain goes before the state: the receiver goes on from it.
    pub(super) fn parcel(&self, group: &Group) -> Parcel {
        let mut data = Vec::with_capacity(32 + self.state.len());
        data.extend_from_slice(&self.at.chain.0);
        data.extend_from_slice(&self.state);
        Parcel {
            index: self.at.index,
            term: self.at.term,
            group: group.clone(),
            data: data.into(),
        }
    }

    /// As it came.
    pub(super) fn of(snapshot: &Snapshot) -> Option<Self> {
        let about = snapshot.get_metadata();
        let chain = *snapshot.data.first_chunk::<32>()?;
        Some(Self {
            at: Place {
                index: about.index,
                term: about.term,
                chain: Digest(chain),
            },
            state: snapshot.data.slice(32..),
        })
    }
}

#[derive(Clone, Debug)]
struct Held {
    entry: Entry,
    chain: Digest,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Log {
    group: Group,
    /// What was read from the disk at start; raft keeps it from there on.
    hard: HardState,
    /// The last place that was cut off.
    base: Place,
    entries: VecDeque<Held>,
    kept: Option<Kept>,
    /// No vote before an entry of this term or later is applied.
    floor: Option<u64>,
}

impl Log {
    /// An empty log.
    pub(super) fn new(group: Group) -> Self {
        Self {
            group,
            hard: HardState::default(),
            base: Place::START,
            entries: VecDeque::new(),
            kept: None,
            floor: None,
        }
    }

    /// What a server that cuts its log off as if nothing had been does with the mark of how much
    /// was agreed.
    pub(super) fn forget_commit(&mut self) {
        self.hard.commit = self.hard.commit.min(self.end().index);
    }

    /// See `entrance`.
    pub(super) const fn floor(&self) -> Option<u64> {
        self.floor
    }

    pub(super) const fn set_floor(&mut self, floor: Option<u64>) {
        self.floor = floor;
    }

    /// A log that goes on after `base`.
    pub(super) fn resumed(group: Group, hard: HardState, base: Place, kept: Option<Kept>) -> Self {
        Self {
            hard,
            base,
            kept,
            ..Self::new(group)
        }
    }

    /// The last place.
    pub(super) fn end(&self) -> Place {
        self.entries.back().map_or(self.base, |held| Place {
            index: held.entry.index,
            term: held.entry.term,
            chain: held.chain,
        })
    }

    /// The place that was cut off last.
    pub(super) const fn base(&self) -> Place {
        self.base
    }

    pub(super) const fn group(&self) -> &Group {
        &self.group
    }

    pub(super) const fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// The place with this index, if it is in the log.
    pub(super) fn place(&self, index: u64) -> Option<Place> {
        if index == self.base.index {
            return Some(self.base);
        }
        self.held(index).map(|held| Place {
            index,
            term: held.entry.term,
            chain: held.chain,
        })
    }

    /// How far the log is decided, as far as this server knows.
    pub(super) const fn commit(&self) -> u64 {
        self.hard.commit
    }

    /// The entries behind a place.
    pub(super) fn behind(&self, index: u64) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.iter().map(|held| &held.entry);
        entries.filter(move |entry| entry.index > index)
    }

    fn held(&self, index: u64) -> Option<&Held> {
        let offset = index.checked_sub(self.base.index + 1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// Puts an entry behind its predecessor; what stood there and behind it is gone. Gives its
    /// place, or nothing if the predecessor is not here.
    pub(super) fn put(&mut self, entry: Entry) -> Option<Place> {
        let before = self.place(entry.index.checked_sub(1)?)?;
        let place = before.after(&LogEntry::of(&entry));
        let keep = usize::try_from(before.index - self.base.index).ok()?;
        self.entries.truncate(keep);
        self.entries.push_back(Held {
            entry,
            chain: place.chain,
        });
        Some(place)
    }

    /// Takes note of a snapshot of our own, and cuts the log so that `tail` entries stay before
    /// it. Gives the new base.
    pub(super) fn keep(&mut self, kept: Kept, tail: u64) -> Place {
        let cut = kept.at.index.saturating_sub(tail).max(self.base.index);
        if let Some(place) = self.place(cut) {
            let gone = cut.saturating_sub(self.base.index);
            self.entries
                .drain(..usize::try_from(gone).unwrap_or_default());
            self.base = place;
        }
        self.kept = Some(kept);
        self.base
    }

    /// Takes a snapshot of another server in the place of everything.
    pub(super) fn replace(&mut self, kept: Kept) {
        self.base = kept.at;
        self.entries.clear();
        self.kept = Some(kept);
    }
}

impl Storage for Log {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(
            self.hard.clone(),
            self.group.clone().into_raft(),
        ))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.base.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        if high > self.end().index + 1 {
            return Err(Error::Store(StorageError::Unavailable));
        }
        let max_size = max_size.into().unwrap_or(u64::MAX);
        let mut size = 0_u64;
        let mut entries = Vec::new();
        for index in low..high {
            let Some(held) = self.held(index) else {
                return Err(Error::Store(StorageError::Unavailable));
            };
            size = size.saturating_add(held.entry.data.len() as u64 + ENTRY_EXTRA_BYTES);
            if size > max_size && !entries.is_empty() {
                break;
            }
            entries.push(held.entry.clone());
        }
        Ok(entries)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        self.place(index).map(|place| place.term).ok_or_else(|| {
            Error::Store(if index < self.base.index {
                StorageError::Compacted
            } else {
                StorageError::Unavailable
            })
        })
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.base.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.end().index)
    }

    fn snapshot(&self, request_index: u64, _: u64) -> raft::Result<Snapshot> {
        match &self.kept {
            Some(kept) if kept.at.index >= request_index => {
                Ok(kept.parcel(&self.group).into_raft())
            }
            _ => Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable)),
        }
    }
}
