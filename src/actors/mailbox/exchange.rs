//! Letters and ids let go outside of memory: what a server tells another, and rows on disk.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::shelf::{GoneKey, Shelf};
use super::{ENCODED_MAX_BYTES, Effect};
use crate::actors::edges::{Record, Row, Table};
use crate::proto::codec;
use crate::proto::ids::{LetterId, UserId};
use crate::proto::letter::Letter;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::time::WallTime;

const ID_BYTES: usize = 16;

/// What a server tells of its mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// Letters that wait.
    pub(super) letters: Vec<Letter>,
    /// Letters let go, and when.
    pub(super) let_go: Vec<(GoneKey, WallTime)>,
}

impl Told {
    /// Everything on a shelf.
    pub(super) fn all(shelf: &Shelf) -> Self {
        Self {
            letters: shelf.letters().cloned().collect(),
            let_go: shelf.let_go().collect(),
        }
    }

    /// The bytes that travel.
    pub(super) fn encode(&self) -> Bytes {
        codec::encode(self).into()
    }

    /// What travelled, if it is that.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        codec::decode(bytes, MESSAGE_MAX_BYTES).ok()
    }

    /// Drops what `shelf` knows already. Stamps from the future become `today`; ids let go so long
    /// ago that they are forgotten here stay forgotten.
    pub(super) fn keep_news(
        &mut self,
        shelf: &Shelf,
        today: WallTime,
        is_remembered: impl Fn(WallTime) -> bool,
    ) {
        for (_, at) in &mut self.let_go {
            *at = today.min(*at);
        }
        let is_news = |key, at| shelf.gone_at(key).is_none_or(|known| at < known);
        self.let_go
            .retain(|&(key, at)| is_remembered(at) && is_news(key, at));
        let gone: BTreeSet<GoneKey> = self.let_go.iter().map(|&(key, _)| key).collect();
        self.letters.retain(|letter| {
            let key = (letter.id, letter.to);
            shelf.letter(letter.id).is_none()
                && shelf.gone_at(key).is_none()
                && !gone.contains(&key)
        });
    }

    /// Drops the oldest ids let go beyond `keep`.
    pub(super) fn keep_newest_let_go(&mut self, keep: usize) {
        if self.let_go.len() > keep {
            self.let_go
                .sort_unstable_by_key(|&(key, at)| (core::cmp::Reverse(at), key));
            self.let_go.truncate(keep);
        }
    }
}

/// What effects write, in their order, on top of what is on the shelf.
pub(super) fn rows(shelf: &Shelf, effects: &[Effect]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut gone = BTreeSet::new();
    let put = |letter: &Letter, gone: &BTreeSet<GoneKey>, records: &mut Vec<Record>| {
        let key = (letter.id, letter.to);
        if shelf.gone_at(key).is_none() && !gone.contains(&key) {
            records.push(letter_row(letter.id, Some(letter)));
        }
    };
    let release = |news: &[(GoneKey, WallTime)], gone: &mut BTreeSet<_>, records: &mut Vec<_>| {
        for &(key, at) in news {
            let is_of_another = |held: &Letter| held.to != key.1;
            if !shelf.letter(key.0).is_some_and(is_of_another) {
                records.push(letter_row(key.0, None));
            }
            records.push(let_go_row(key, Some(at)));
            gone.insert(key);
        }
    };
    for effect in effects {
        match effect {
            Effect::Deposit { letter, .. } => put(letter, &gone, &mut records),
            Effect::LetGo(news) => release(news, &mut gone, &mut records),
            Effect::Merge { told, .. } => {
                release(&told.let_go, &mut gone, &mut records);
                for letter in &told.letters {
                    put(letter, &gone, &mut records);
                }
            }
            Effect::Sweep { letters, let_go } => {
                records.extend(letters.iter().map(|&id| letter_row(id, None)));
                records.extend(let_go.iter().map(|&key| let_go_row(key, None)));
            }
        }
    }
    records
}

fn letter_row(id: LetterId, letter: Option<&Letter>) -> Record {
    Record {
        table: Table::Letters,
        key: id.0.to_vec(),
        value: letter.map(|letter| codec::encode(letter).into()),
    }
}

fn let_go_row((id, user): GoneKey, at: Option<WallTime>) -> Record {
    Record {
        table: Table::LetGo,
        key: [&id.0[..], &user.0[..]].concat(),
        value: at.map(|at| codec::encode(&at).into()),
    }
}

/// A letter from its row.
pub(super) fn read_letter((key, value): &Row) -> Option<Letter> {
    let letter: Letter = codec::decode(value, ENCODED_MAX_BYTES).ok()?;
    (letter.id.0[..] == key[..]).then_some(letter)
}

/// An id let go, and when, from its row.
pub(super) fn read_let_go((key, value): &Row) -> Option<(GoneKey, WallTime)> {
    let (id, user) = key.split_at_checked(ID_BYTES)?;
    let key = (LetterId(id.try_into().ok()?), UserId(user.try_into().ok()?));
    Some((key, codec::decode(value, ENCODED_MAX_BYTES).ok()?))
}
