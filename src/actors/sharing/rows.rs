//! What the concern keeps on disk, and how.
//!
//! Three tables: offers by the hash of their name, questions and totals of granted looks in one
//! table (so that a question and its looks change together), rules by user.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::actors::edges::{Contact, Folder, PictureFile, Record, Row, Table};
use crate::proto::codec;
use crate::proto::control::Rule;
use crate::proto::ids::{AskId, GrantId, UserId};
use crate::proto::letter::{GalleryItem, ImageRef, Verdict};
use crate::proto::outcome::{AskState, OpenAsk};
use crate::time::WallTime;

/// Largest row that is read back.
const ROW_MAX_BYTES: usize = 16 << 10;
const ASK_KEY: u8 = b'a';
const TOTAL_KEY: u8 = b'g';
const EVERYBODY_KEY: &[u8] = b"*";

/// A picture on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    /// As it is shown.
    pub(super) item: GalleryItem,
    /// Name of the original's file.
    pub(super) file: String,
}

impl Offer {
    /// Name of the file for the original of this name: no letter of the name gets into a path.
    pub(super) fn file_of(name: &str) -> String {
        let hash = blake3::derive_key("pentimento 1 offer file", name.as_bytes());
        hash[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    pub(super) fn original(&self) -> PictureFile {
        PictureFile {
            folder: Folder::Originals,
            name: self.file.clone(),
        }
    }

    pub(super) fn record(&self) -> Record {
        record(Table::Offers, self.file.clone().into_bytes(), self)
    }
}

/// Who may carry an open question on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// The owner (of the picture) decides.
    Owner,
    /// A rule grants it; nothing is given yet.
    Rule,
    /// A rule grants it; perhaps the looks are given.
    Giving,
}

/// A question, ours or a peer's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ask {
    pub(super) id: AskId,
    /// Counts questions in the order of their arrival here.
    pub(super) order: u64,
    /// Whether we asked.
    pub(super) ours: bool,
    /// The other side; their name is what they call themselves if they asked.
    pub(super) peer: Contact,
    /// The image's name; for one of ours by index, its number.
    pub(super) image: String,
    /// How the image was pointed at.
    pub(super) wanted: ImageRef,
    pub(super) views: u32,
    pub(super) remark: String,
    pub(super) at: WallTime,
    pub(super) state: AskState,
    pub(super) stage: Stage,
    /// Looks of the total that a rule has set aside for this question.
    pub(super) reserved: u32,
    /// Whether the courier has the note that this question owes: ours the question itself or that
    /// it is taken back, a peer's the decision.
    pub(super) posted: bool,
}

impl Ask {
    pub(super) fn is_open(&self) -> bool {
        self.state == AskState::Open
    }

    /// Whether a note has to go out.
    pub(super) fn owes_note(&self) -> bool {
        let owed = match self.state {
            AskState::Open | AskState::Withdrawn => self.ours,
            AskState::Approved(_) | AskState::Denied(_) => !self.ours,
        };
        owed && !self.posted
    }

    /// Whether all we know of a peer's question is that it is taken back.
    pub(super) fn is_early(&self) -> bool {
        self.state == AskState::Withdrawn && self.image.is_empty()
    }

    /// The grant that this question of a peer's is about.
    pub(super) fn grant(&self, me: UserId) -> GrantId {
        GrantId::of(me, self.peer.identity.user_id(), &self.image)
    }

    /// Our word on a peer's question; none while it is open.
    pub(super) fn verdict(&self, me: UserId) -> Option<Verdict> {
        match &self.state {
            AskState::Open | AskState::Withdrawn => None,
            AskState::Approved(views) => Some(Verdict::Approved {
                grant: self.grant(me),
                views: *views,
            }),
            AskState::Denied(reason) => Some(Verdict::Denied {
                reason: reason.clone(),
            }),
        }
    }

    pub(super) fn shown(&self) -> OpenAsk {
        OpenAsk {
            ask: self.id,
            ours: self.ours,
            peer: self.peer.name.clone(),
            image: self.image.clone(),
            views: self.views,
            remark: self.remark.clone(),
            at: self.at,
            state: self.state.clone(),
        }
    }

    pub(super) fn record(&self) -> Record {
        record(Table::Asks, ask_key(self.id), self)
    }

    pub(super) fn removal(id: AskId) -> Record {
        removal(Table::Asks, ask_key(id))
    }
}

/// A rule with the name it was set under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RuleRow {
    pub(super) name: String,
    pub(super) rule: Rule,
}

/// The row of a rule, or its removal.
pub(super) fn rule_record(user: Option<UserId>, row: Option<&RuleRow>) -> Record {
    let key = user.map_or_else(|| EVERYBODY_KEY.to_vec(), |user| user.0.to_vec());
    match row {
        Some(row) => record(Table::Rules, key, row),
        None => removal(Table::Rules, key),
    }
}

/// The row of a total; zero removes it.
pub(super) fn total_record(grant: GrantId, views: u32) -> Record {
    let mut key = vec![TOTAL_KEY];
    key.extend_from_slice(&grant.0);
    if views == 0 {
        removal(Table::Asks, key)
    } else {
        record(Table::Asks, key, &views)
    }
}

/// What a row of the table of questions holds.
pub(super) enum Kept {
    Ask(Box<Ask>),
    Total(GrantId, u32),
}

pub(super) fn ask_or_total((key, value): &Row) -> Option<Kept> {
    let (kind, id) = key.split_first()?;
    let id: [u8; 16] = id.try_into().ok()?;
    match *kind {
        ASK_KEY => read::<Ask>(value)
            .filter(|ask| ask.id == AskId(id))
            .map(|ask| Kept::Ask(Box::new(ask))),
        TOTAL_KEY => Some(Kept::Total(GrantId(id), read(value)?)),
        _ => None,
    }
}

pub(super) fn offers(rows: &[Row]) -> BTreeMap<String, Offer> {
    rows.iter()
        .filter_map(|(_, value)| read::<Offer>(value))
        .map(|offer| (offer.item.name.clone(), offer))
        .collect()
}

pub(super) fn rules(rows: &[Row]) -> BTreeMap<Option<UserId>, RuleRow> {
    rows.iter()
        .filter_map(|(key, value)| {
            let user = if key == EVERYBODY_KEY {
                None
            } else {
                Some(UserId(key.as_slice().try_into().ok()?))
            };
            Some((user, read::<RuleRow>(value)?))
        })
        .collect()
}

fn ask_key(id: AskId) -> Vec<u8> {
    let mut key = vec![ASK_KEY];
    key.extend_from_slice(&id.0);
    key
}

fn read<T: DeserializeOwned>(value: &Bytes) -> Option<T> {
    codec::decode(value, ROW_MAX_BYTES).ok()
}

fn record<T: Serialize>(table: Table, key: Vec<u8>, value: &T) -> Record {
    Record {
        table,
        key,
        value: Some(Bytes::from(codec::encode(value))),
    }
}

const fn removal(table: Table, key: Vec<u8>) -> Record {
    Record {
        table,
        key,
        value: None,
    }
}
