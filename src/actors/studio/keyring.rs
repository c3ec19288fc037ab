//! The keys of pictures that we made, newest first.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::actors::edges::{Record, Row, Table};
use crate::proto::codec;

const ROW_MAX_BYTES: usize = 64;

/// A bounded set of keys. A key of a picture for a borrower may be dropped for a newer one; a key
/// of a picture for oneself never is: nothing else opens that picture.
pub(super) struct Keyring {
    keys: BTreeMap<u64, Key>,
    keys_max: usize,
    stamped: u64,
}

#[derive(Clone, Copy)]
struct Key {
    key: [u8; 32],
    own: bool,
}

/// A change that is being written to disk.
pub(super) struct Change {
    stamp: u64,
    key: Key,
    dropped: Option<u64>,
}

impl Keyring {
    /// The keyring from its rows, with deletions for rows that are damaged or too many.
    pub(super) fn new(rows: Vec<Row>, keys_max: usize, chores: &mut Vec<Record>) -> Self {
        let mut keys = BTreeMap::new();
        for (name, value) in rows {
            match codec::decode::<(u64, bool, [u8; 32])>(&value, ROW_MAX_BYTES) {
                Ok((stamp, own, key)) if name == name_of(&key) => {
                    // Two that were written at once may share a stamp only if a row was copied.
                    let free = (stamp..).find(|stamp| !keys.contains_key(stamp));
                    keys.insert(free.unwrap_or(stamp), Key { key, own });
                }
                _ => chores.push(deletion(name)),
            }
        }
        let stamped = keys.last_key_value().map_or(0, |(stamp, _)| *stamp);
        let mut keyring = Self {
            keys,
            keys_max,
            stamped,
        };
        while keyring.keys.len() > keys_max {
            let Some(oldest) = keyring.oldest_of_a_grant() else {
                break;
            };
            if let Some(gone) = keyring.keys.remove(&oldest) {
                chores.push(deletion(name_of(&gone.key)));
            }
        }
        keyring
    }

    /// Whether another key of a picture for oneself can be kept.
    pub(super) fn has_room(&self) -> bool {
        self.keys.len() < self.keys_max || self.oldest_of_a_grant().is_some()
    }

    /// What to write for another key; none if there is no room. It counts after
    /// [`Keyring::commit`].
    pub(super) fn add(&mut self, key: [u8; 32], own: bool) -> Option<(Change, Vec<Record>)> {
        if !self.has_room() {
            return None;
        }
        self.stamped = self.stamped.saturating_add(1);
        let dropped = if self.keys.len() < self.keys_max {
            None
        } else {
            self.oldest_of_a_grant()
        };
        let value = codec::encode(&(self.stamped, own, key));
        let mut records = vec![Record {
            table: Table::Keyring,
            key: name_of(&key),
            value: Some(Bytes::from(value)),
        }];
        let gone = dropped.and_then(|stamp| self.keys.get(&stamp));
        records.extend(gone.map(|gone| deletion(name_of(&gone.key))));
        let change = Change {
            stamp: self.stamped,
            key: Key { key, own },
            dropped,
        };
        Some((change, records))
    }

    /// The change is on disk.
    pub(super) fn commit(&mut self, change: Change) {
        if let Some(stamp) = change.dropped {
            self.keys.remove(&stamp);
        }
        self.keys.insert(change.stamp, change.key);
    }

    /// All keys, the newest first.
    pub(super) fn newest_first(&self) -> Vec<[u8; 32]> {
        self.keys.values().rev().map(|one| one.key).collect()
    }

    fn oldest_of_a_grant(&self) -> Option<u64> {
        self.keys
            .iter()
            .find_map(|(stamp, one)| (!one.own).then_some(*stamp))
    }
}

/// Rows are named by a hash of the key, so that a name in a log gives nothing away.
fn name_of(key: &[u8; 32]) -> Vec<u8> {
    blake3::hash(key).as_bytes().to_vec()
}

fn deletion(key: Vec<u8>) -> Record {
    Record {
        table: Table::Keyring,
        key,
        value: None,
    }
}
