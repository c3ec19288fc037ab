//! What lies in etcd, under which keys, and the row that a server keeps of it.
//!
//! | key | value |
//! |---|---|
//! | `<prefix>/head` | [`Head`]: how far the log is. Every append compares and replaces it |
//! | `<prefix>/log/<number>` | [`Batch`], by the number of its first entry, 20 digits |
//! | `<prefix>/base` | [`Base`]: the newest state that is written down as a whole |
//! | `<prefix>/state/<number>/<part>` | a part of that state |
//!
//! Each batch names the digest of all before it, and the head that of all, so a log that was put
//! back from a copy, or edited, is found out by whoever knows how it went on.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::guard;
use super::super::rows::{self, Damage};
use super::super::standing::{Whereabouts, Why};
use super::super::wire::Envelope;
use crate::actors::consensus::Rows;
use crate::actors::edges::Record;
use crate::proto::codec;
use crate::proto::ids::{Digest, NodeId};

/// Of what lies in etcd. Another one is not read.
const VERSION: u8 = 1;
/// No head or base is larger.
const SMALL_MAX_BYTES: usize = 256;
/// No batch is larger, in etcd; its own limit for a request is 1.5 MiB.
pub(super) const BATCH_MAX_BYTES: usize = 512 << 10;

/// A place between two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The number of the entry that comes next.
    pub(super) next: u64,
    /// Digest of all batches before it.
    pub(super) chain: Digest,
}

impl Place {
    /// Before the first entry.
    pub(super) const START: Self = Self {
        next: 1,
        chain: Digest([0; 32]),
    };

    /// Whether a log can have come there; entries are counted on from it.
    const fn is_place(self) -> bool {
        self.next > 0 && guard::is_reached(self.next)
    }

    /// The place after a batch of so many entries.
    pub(super) fn after(self, entries: usize, batch: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 ledger in etcd");
        hasher.update(&self.chain.0);
        hasher.update(batch);
        Self {
            next: self.next + entries as u64,
            chain: Digest(*hasher.finalize().as_bytes()),
        }
    }
}

/// How far the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    version: u8,
    /// Drawn when the ledger began; tells it from every other.
    pub(super) origin: Digest,
    /// Where it ends.
    pub(super) end: Place,
    /// Who wrote the last batch.
    pub(super) author: NodeId,
    /// It was exported and goes on elsewhere.
    pub(super) is_closed: bool,
}

impl Head {
    /// A head.
    pub(super) const fn new(origin: Digest, end: Place, author: NodeId) -> Self {
        Self {
            version: VERSION,
            origin,
            end,
            author,
            is_closed: false,
        }
    }

    /// The same, and nothing follows.
    pub(super) const fn closed(mut self) -> Self {
        self.is_closed = true;
        self
    }

    /// Its bytes; the same for the same head.
    pub(super) fn encode(&self) -> Bytes {
        codec::encode(self).into()
    }

    /// From its bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let head: Self = codec::decode(bytes, SMALL_MAX_BYTES).ok()?;
        (head.version == VERSION && head.end.is_place()).then_some(head)
    }
}

/// Entries that were written together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Batch {
    /// The place that it follows on.
    pub(super) after: Place,
    /// Who wrote it.
    pub(super) author: NodeId,
    /// Of that server's attempts, so that no two batches are alike.
    pub(super) attempt: u64,
    /// At least one.
    pub(super) entries: Vec<Envelope>,
}

impl Batch {
    /// From its bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let batch: Self = codec::decode(bytes, BATCH_MAX_BYTES).ok()?;
        (!batch.entries.is_empty()).then_some(batch)
    }
}

/// A state that is written down as a whole, in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    version: u8,
    /// Of the ledger.
    pub(super) origin: Digest,
    /// After all entries before this place.
    pub(super) at: Place,
    /// Its parts.
    pub(super) parts: u32,
    /// BLAKE3 over them.
    pub(super) digest: Digest,
}

impl Base {
    /// A base.
    pub(super) const fn new(origin: Digest, at: Place, parts: u32, digest: Digest) -> Self {
        Self {
            version: VERSION,
            origin,
            at,
            parts,
            digest,
        }
    }

    /// Its bytes.
    pub(super) fn encode(&self) -> Bytes {
        codec::encode(self).into()
    }

    /// From its bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let base: Self = codec::decode(bytes, SMALL_MAX_BYTES).ok()?;
        (base.version == VERSION && base.at.is_place()).then_some(base)
    }
}

/// The names of keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    /// Below a prefix, which ends in no `/`.
    pub(super) const fn new(prefix: String) -> Self {
        Self { prefix }
    }

    fn key(&self, rest: &str) -> Vec<u8> {
        format!("{}/{rest}", self.prefix).into_bytes()
    }

    /// Of the head.
    pub(super) fn head(&self) -> Vec<u8> {
        self.key("head")
    }

    /// Of the base.
    pub(super) fn base(&self) -> Vec<u8> {
        self.key("base")
    }

    /// Of the batch that begins with entry `first`.
    pub(super) fn batch(&self, first: u64) -> Vec<u8> {
        self.key(&format!("log/{first:020}"))
    }

    /// Behind every batch: `0` follows on `/`.
    pub(super) fn batches_end(&self) -> Vec<u8> {
        self.key("log0")
    }

    /// Of a part of the state before entry `next`.
    pub(super) fn part(&self, next: u64, part: u32) -> Vec<u8> {
        self.key(&format!("state/{next:020}/{part:08}"))
    }

    /// Before every part of the state before entry `next`, and behind those of older ones.
    pub(super) fn parts(&self, next: u64) -> Vec<u8> {
        self.key(&format!("state/{next:020}/"))
    }
}

/// What a server has on its own disk of a ledger in etcd, so that it finds out when etcd was put
/// back from a copy, and is not started with the embedded store by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    /// Which ledger.
    pub(super) origin: Digest,
    /// A place that etcd had reached.
    pub(super) at: Place,
}

impl Marker {
    /// The row.
    pub(super) fn record(&self) -> Record {
        rows::etcd_record(&codec::encode(self))
    }

    /// From what the row holds.
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        codec::decode(payload, SMALL_MAX_BYTES).ok()
    }

    /// What the rows of a disk say.
    ///
    /// # Errors
    /// Why this server takes no part.
    pub(super) fn read(rows: &Rows) -> Result<Option<Self>, Why> {
        if let Some(why) = rows::quarantined(rows).map_err(Why::Damaged)? {
            return Err(why);
        }
        match rows.whereabouts() {
            Whereabouts::Nowhere => Ok(None),
            Whereabouts::Etcd => {
                let payload = rows::etcd_row(rows).map_err(Why::Damaged)?;
                let damaged = || Why::Damaged(Damage::Row("etcd".into()));
                Self::of(&payload).map(Some).ok_or_else(damaged)
            }
            elsewhere => Err(Why::Elsewhere(elsewhere)),
        }
    }
}

/// What servers tell each other about a log in etcd. It may be lost: whoever hears nothing looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hint {
    /// The entry that comes next, as far as the sender knows.
    pub(super) next: u64,
    /// The sender's newest checkpoint and its digest.
    pub(super) checkpoint: Option<(u64, Digest)>,
}

/// Tells a hint from a letter of the embedded store.
const HINT: &[u8] = b"etcd 1 ";

impl Hint {
    /// Its bytes.
    pub(super) fn encode(&self) -> Bytes {
        let mut bytes = HINT.to_vec();
        bytes.extend_from_slice(&codec::encode(self));
        bytes.into()
    }

    /// From its bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(HINT)?;
        codec::decode(rest, SMALL_MAX_BYTES).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_batches_sort_by_their_numbers_and_end_before_others() {
        let keys = Keys::new("a/b".into());
        let mut all: Vec<Vec<u8>> = [9, 10, 100, u64::MAX].map(|n| keys.batch(n)).to_vec();
        all.push(keys.batches_end());
        assert!(all.is_sorted());
        assert!(keys.batches_end() < keys.part(0, 0));
        assert!(keys.parts(7) < keys.part(7, 0) && keys.part(7, u32::MAX) < keys.parts(8));
    }

    #[test]
    fn a_head_of_another_version_is_none() {
        let head = Head::new(Digest([1; 32]), Place::START, NodeId(1));
        assert_eq!(Head::decode(&head.encode()), Some(head));
        let mut later = head.encode().to_vec();
        later[0] += 1;
        assert_eq!(Head::decode(&later), None);
        assert_eq!(Hint::decode(&head.encode()), None);
    }

    #[test]
    fn a_place_that_nothing_follows_is_none() {
        for (next, is_one) in [(0, false), (1, true), (1 << 62, false), (u64::MAX, false)] {
            let (origin, chain) = (Digest([1; 32]), Digest([0; 32]));
            let place = Place { next, chain };
            let head = Head::new(origin, place, NodeId(1));
            assert_eq!(Head::decode(&head.encode()), is_one.then_some(head));
            let base = Base::new(origin, place, 1, origin);
            assert_eq!(Base::decode(&base.encode()), is_one.then_some(base));
        }
    }
}
