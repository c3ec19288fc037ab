//! Letters that took effect, so that none takes effect twice.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::actors::edges::{Record, Row, Table};
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::ids::{LetterId, UserId};

const KEY_BYTES: usize = 48;
const STAMP_MAX_BYTES: usize = 16;

/// The writer and the letter. The id alone would not do: servers see ids, and whoever wrote a
/// letter under the id of another one could make that one look known.
pub(super) type Known = (UserId, LetterId);

/// A bounded memory of letters, oldest out first.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    stamps: BTreeMap<Known, u64>,
    by_age: BTreeMap<u64, Known>,
}

impl Seen {
    /// The memory from its rows, with deletions for rows that are damaged or too many.
    pub(super) fn new(rows: Vec<Row>, seen_max: usize, chores: &mut Vec<Record>) -> Self {
        let mut seen = Self::default();
        for (key, value) in rows {
            let stamp = codec::decode::<u64>(&value, STAMP_MAX_BYTES).ok();
            match known_of(&key).zip(stamp) {
                Some((known, stamp)) if !seen.by_age.contains_key(&stamp) => {
                    seen.stamps.insert(known, stamp);
                    seen.by_age.insert(stamp, known);
                }
                _ => chores.push(deletion(key)),
            }
        }
        while let Some(known) = seen.drop_oldest(seen_max) {
            chores.push(deletion(key_of(&known)));
        }
        seen
    }

    /// Whether the letter took effect.
    pub(super) fn has(&self, known: &Known) -> bool {
        self.stamps.contains_key(known) && !planted::is(Bug::LetterForgotten)
    }

    /// The row that remembers a letter, if [`Seen::insert`] follows with the same stamp.
    pub(super) fn row(known: &Known, stamp: u64) -> Record {
        Record {
            table: Table::Seen,
            key: key_of(known),
            value: Some(Bytes::from(codec::encode(&stamp))),
        }
    }

    /// The stamp after all known ones; `at_least` spares stamps that are being written.
    pub(super) fn next_stamp(&self, at_least: u64) -> u64 {
        let last = self.by_age.last_key_value().map_or(0, |(stamp, _)| *stamp);
        last.saturating_add(1).max(at_least)
    }

    /// Remembers a letter; gives the deletions of what is forgotten for it.
    pub(super) fn insert(&mut self, known: Known, stamp: u64, seen_max: usize) -> Vec<Record> {
        if let Some(older) = self.stamps.insert(known, stamp) {
            self.by_age.remove(&older);
        }
        if let Some(other) = self.by_age.insert(stamp, known)
            && other != known
        {
            self.stamps.remove(&other);
        }
        let mut deletions = Vec::new();
        while let Some(known) = self.drop_oldest(seen_max) {
            deletions.push(deletion(key_of(&known)));
        }
        deletions
    }

    fn drop_oldest(&mut self, seen_max: usize) -> Option<Known> {
        if self.stamps.len() <= seen_max {
            return None;
        }
        let (_, known) = self.by_age.pop_first()?;
        self.stamps.remove(&known);
        Some(known)
    }
}

fn key_of((writer, letter): &Known) -> Vec<u8> {
    [writer.0.as_slice(), &letter.0].concat()
}

fn known_of(key: &[u8]) -> Option<Known> {
    if key.len() != KEY_BYTES {
        return None;
    }
    let (writer, letter) = key.split_at(32);
    Some((
        UserId(writer.try_into().ok()?),
        LetterId(letter.try_into().ok()?),
    ))
}

fn deletion(key: Vec<u8>) -> Record {
    Record {
        table: Table::Seen,
        key,
        value: None,
    }
}
