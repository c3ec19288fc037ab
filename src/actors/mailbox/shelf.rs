//! The letters and the ids let go, as they are on disk. Keeps a letter or knows that it was let
//! go, never both.

use std::collections::{BTreeMap, BTreeSet};

use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::ids::{LetterId, UserId};
use crate::proto::letter::Letter;
use crate::time::WallTime;

/// Names a letter let go: its id and its reader. With the reader, so that nobody lets go of a
/// letter that is not theirs, whatever its id.
pub(super) type GoneKey = (LetterId, UserId);

/// The letters and the ids let go.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    letters: BTreeMap<LetterId, Letter>,
    boxes: BTreeMap<UserId, Waiting>,
    size_bytes: usize,
    let_go: BTreeMap<GoneKey, WallTime>,
}

/// One reader's letters.
#[derive(Clone, Debug, Default)]
struct Waiting {
    by_age: BTreeSet<(WallTime, LetterId)>,
    size_bytes: usize,
}

/// Letters and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Letters.
    pub(super) letters: usize,
    /// Bytes of their encodings together.
    pub(super) size_bytes: usize,
}

impl Usage {
    /// Adds a letter.
    pub(super) fn add(&mut self, letter: &Letter) {
        self.letters += 1;
        self.size_bytes += size_bytes(letter);
    }
}

/// Bytes that a letter takes, encoded; within a few bytes, without encoding it.
pub(super) const fn size_bytes(letter: &Letter) -> usize {
    /// Id, keys, reader, stamp, length of the note, signature.
    const ENVELOPE_BYTES: usize = 16 + 64 + 32 + 9 + 5 + 64;
    letter.sealed.len() + ENVELOPE_BYTES
}

impl Shelf {
    /// The letter of this id, if it is here.
    pub(super) fn letter(&self, id: LetterId) -> Option<&Letter> {
        self.letters.get(&id)
    }

    /// All letters, by id.
    pub(super) fn letters(&self) -> impl Iterator<Item = &Letter> {
        self.letters.values()
    }

    /// All ids let go, with the time of it.
    pub(super) fn let_go(&self) -> impl Iterator<Item = (GoneKey, WallTime)> {
        self.let_go.iter().map(|(&key, &at)| (key, at))
    }

    /// How many ids let go are remembered.
    pub(super) fn let_go_count(&self) -> usize {
        self.let_go.len()
    }

    /// When this letter was let go, if it was.
    pub(super) fn gone_at(&self, key: GoneKey) -> Option<WallTime> {
        self.let_go.get(&key).copied()
    }

    /// Whether some reader let go of a letter of this id.
    pub(super) fn is_gone(&self, id: LetterId) -> bool {
        let all = (id, UserId([0; 32]))..=(id, UserId([u8::MAX; 32]));
        self.let_go.range(all).next().is_some()
    }

    /// What all letters take.
    pub(super) fn usage(&self) -> Usage {
        Usage {
            letters: self.letters.len(),
            size_bytes: self.size_bytes,
        }
    }

    /// What one reader's letters take.
    pub(super) fn usage_of(&self, user: UserId) -> Usage {
        self.boxes
            .get(&user)
            .map_or_else(Usage::default, |waiting| Usage {
                letters: waiting.by_age.len(),
                size_bytes: waiting.size_bytes,
            })
    }

    /// One reader's letters, oldest first.
    pub(super) fn letters_of(&self, user: UserId) -> impl Iterator<Item = &Letter> {
        let waiting = self.boxes.get(&user);
        let ids = waiting.into_iter().flat_map(|waiting| &waiting.by_age);
        ids.filter_map(|(_, id)| self.letters.get(id))
    }

    /// Keeps a letter, unless its id is taken or it was let go.
    pub(super) fn put(&mut self, letter: Letter) {
        let key = (letter.id, letter.to);
        if self.letters.contains_key(&letter.id) || self.let_go.contains_key(&key) {
            return;
        }
        let waiting = self.boxes.entry(letter.to).or_default();
        waiting.by_age.insert((letter.posted_at, letter.id));
        waiting.size_bytes += size_bytes(&letter);
        self.size_bytes += size_bytes(&letter);
        self.letters.insert(letter.id, letter);
    }

    /// Removes a letter.
    pub(super) fn take(&mut self, id: LetterId) {
        let Some(letter) = self.letters.remove(&id) else {
            return;
        };
        self.size_bytes -= size_bytes(&letter);
        if let Some(waiting) = self.boxes.get_mut(&letter.to) {
            waiting.by_age.remove(&(letter.posted_at, id));
            waiting.size_bytes -= size_bytes(&letter);
            if waiting.by_age.is_empty() {
                self.boxes.remove(&letter.to);
            }
        }
    }

    /// Remembers that a letter was let go, and removes it. The earliest time counts.
    pub(super) fn release(&mut self, key: GoneKey, at: WallTime) {
        let (id, user) = key;
        if self.letters.get(&id).is_some_and(|held| held.to == user) {
            self.take(id);
        }
        if planted::is(Bug::MailComesBack) {
            return;
        }
        let known = self.let_go.entry(key).or_insert(at);
        *known = at.min(*known);
    }

    /// Forgets that a letter was let go.
    pub(super) fn forget(&mut self, key: GoneKey) {
        self.let_go.remove(&key);
    }

    /// The ids let go that are the oldest, beyond the newest `keep`.
    pub(super) fn oldest_beyond(&self, keep: usize) -> Vec<GoneKey> {
        let excess = self.let_go.len().saturating_sub(keep);
        if excess == 0 {
            return Vec::new();
        }
        let mut by_age: Vec<_> = self.let_go.iter().map(|(&key, &at)| (at, key)).collect();
        by_age.sort_unstable();
        by_age.truncate(excess);
        by_age.into_iter().map(|(_, key)| key).collect()
    }

    /// Digest over the ids of letters and of letters let go; the order of arrival does not count.
    pub(super) fn digest(&self) -> u64 {
        let held: Vec<LetterId> = self.letters.keys().copied().collect();
        let gone: Vec<GoneKey> = self.let_go.keys().copied().collect();
        let hash = blake3::derive_key("pentimento 1 mail digest", &codec::encode(&(held, gone)));
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        u64::from_le_bytes(first)
    }
}
