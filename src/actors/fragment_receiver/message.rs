//! One message that is arriving: its beginning in one piece, and what came ahead of it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::proto::cargo::Manifest;
use crate::proto::codec;
use crate::proto::ids::{Digest, TransferId};
use crate::proto::limits::{ACK_BLOCKS, BLOCK_FRAGMENTS, FRAGMENT_BYTES};
use crate::proto::packet::{Fragment, FragmentAck, TransferStatus};
use crate::time::Moment;

/// Longest encoded manifest that is read; ours are a fourth of it.
const MANIFEST_MAX_BYTES: usize = 512;

/// The digest is computed in pieces of this size, so that the last fragment need not wait for
/// all of it.
const DIGEST_STEP_BYTES: usize = 64 << 10;

const BLOCK: u32 = BLOCK_FRAGMENTS as u32;

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It is new and in its place; whether it leaves a gap that was not there before.
    New {
        /// See there.
        gap: bool,
    },
    /// It was here already, or is beyond the credit.
    Dropped,
}

/// How a message is, after its fragments were placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Incomplete.
    Going,
    /// All here, digest right.
    Whole(Bytes),
    /// The manifest or the digest is wrong.
    Damaged,
}

/// What the first bytes told.
#[derive(Debug)]
struct Told {
    manifest: Manifest,
    head_bytes: usize,
    hasher: Box<blake3::Hasher>,
    hashed_bytes: usize,
}

/// One message that is arriving.
#[derive(Debug)]
pub(super) struct Message {
    total_bytes: u32,
    fragments: u32,
    credit_blocks: u32,
    /// Everything before the first missing fragment.
    beginning: Vec<u8>,
    first_missing: u32,
    /// Fragments ahead of the first missing one. Each is a buffer of its own, so what is kept is
    /// what arrived.
    ahead: BTreeMap<u32, Bytes>,
    ahead_bytes: usize,
    /// One bit a fragment, from the block of the first missing one on.
    blocks: VecDeque<u64>,
    /// One more than the last fragment that is here.
    reach: u32,
    told: Option<Told>,
    /// When it will have been idle for too long, as noted by the machine.
    pub(super) idle_at: Moment,
}

/// Fragments of a message of this size.
pub(super) const fn fragments_of(total_bytes: u32) -> u32 {
    total_bytes.div_ceil(FRAGMENT_BYTES as u32)
}

/// Whether a fragment has the length that its place asks for.
pub(super) fn is_well_sized(fragment: &Fragment) -> bool {
    let start = u64::from(fragment.index) * FRAGMENT_BYTES as u64;
    let left = u64::from(fragment.total_bytes).saturating_sub(start);
    left > 0 && fragment.data.len() as u64 == left.min(FRAGMENT_BYTES as u64)
}

impl Message {
    /// Nothing is reserved for what `total_bytes` announces.
    pub(super) fn new(total_bytes: u32, credit_fragments: u32) -> Self {
        Self {
            total_bytes,
            fragments: fragments_of(total_bytes),
            credit_blocks: credit_fragments.div_ceil(BLOCK).max(1),
            beginning: Vec::new(),
            first_missing: 0,
            ahead: BTreeMap::new(),
            ahead_bytes: 0,
            blocks: VecDeque::new(),
            reach: 0,
            told: None,
            idle_at: Moment::START,
        }
    }

    pub(super) const fn total_bytes(&self) -> u32 {
        self.total_bytes
    }

    /// Bytes of memory that hold fragments.
    pub(super) const fn memory_bytes(&self) -> usize {
        self.beginning.capacity() + self.ahead_bytes
    }

    /// Bytes of memory that this fragment would ask for in addition, at the most.
    pub(super) fn cost_bytes(&self, fragment: &Fragment) -> usize {
        if fragment.index == self.first_missing {
            self.growth_bytes(fragment.data.len())
        } else if self.has(fragment.index) {
            0
        } else {
            fragment.data.len()
        }
    }

    /// The manifest, once it could be read, and the size of what is before the body.
    pub(super) fn manifest(&self) -> Option<Manifest> {
        self.told.as_ref().map(|told| told.manifest)
    }

    /// Bytes of the body that are here.
    pub(super) fn done_bytes(&self) -> u32 {
        let head_bytes = self.told.as_ref().map_or(0, |told| told.head_bytes);
        (self.beginning.len() + self.ahead_bytes).saturating_sub(head_bytes) as u32
    }

    /// Puts a fragment of the right size in its place.
    pub(super) fn place(&mut self, fragment: Fragment) -> Placed {
        let index = fragment.index;
        if index >= self.credit() || self.has(index) {
            return Placed::Dropped;
        }
        let gap = index > self.reach;
        self.reach = self.reach.max(index + 1);
        self.set(index);
        if index == self.first_missing {
            let growth = self.growth_bytes(fragment.data.len());
            self.beginning
                .reserve_exact(growth.max(fragment.data.len()));
            self.append(&fragment.data);
            while let Some(next) = self.ahead.remove(&self.first_missing) {
                self.ahead_bytes -= next.len();
                self.append(&next);
            }
        } else {
            self.ahead_bytes += fragment.data.len();
            self.ahead.insert(index, fragment.data);
        }
        Placed::New { gap }
    }

    /// Reads the manifest if it is here, computes the digest of what is here, and judges.
    pub(super) fn examine(&mut self, transfer: TransferId) -> Condition {
        if self.told.is_none() && self.read_manifest(transfer).is_err() {
            return Condition::Damaged;
        }
        let is_whole = self.first_missing == self.fragments;
        let Some(told) = self.told.as_mut() else {
            return if is_whole {
                Condition::Damaged
            } else {
                Condition::Going
            };
        };
        let fresh = &self.beginning[told.hashed_bytes..];
        if fresh.len() >= DIGEST_STEP_BYTES || is_whole {
            told.hasher.update(fresh);
            told.hashed_bytes = self.beginning.len();
        }
        if !is_whole {
            return Condition::Going;
        }
        if Digest(*told.hasher.finalize().as_bytes()) != told.manifest.digest {
            return Condition::Damaged;
        }
        let body = Bytes::from(std::mem::take(&mut self.beginning));
        Condition::Whole(body.slice(told.head_bytes..))
    }

    /// What is here, in words for the sender.
    pub(super) fn ack(&self, transfer: TransferId, echo: u32) -> FragmentAck {
        FragmentAck {
            transfer,
            echo,
            first_missing: self.first_missing,
            blocks: self.blocks.iter().copied().take(ACK_BLOCKS).collect(),
            credit: self.credit(),
            status: TransferStatus::Going,
        }
    }

    /// The first fragment that is not taken: so many blocks from that of the first missing one.
    fn credit(&self) -> u32 {
        let blocks = (self.first_missing / BLOCK).saturating_add(self.credit_blocks);
        self.fragments.min(blocks.saturating_mul(BLOCK))
    }

    fn has(&self, index: u32) -> bool {
        index < self.first_missing || self.ahead.contains_key(&index)
    }

    /// How much the beginning grows to take `length` bytes and what would join it: by half at
    /// least, so that it is copied a few times only, and never beyond the message.
    fn growth_bytes(&self, length: usize) -> usize {
        let have = self.beginning.len();
        let need = length + self.ahead_bytes;
        if self.beginning.capacity() - have >= need {
            return 0;
        }
        need.max(have / 2)
            .min((self.total_bytes as usize).saturating_sub(have))
    }

    fn set(&mut self, index: u32) {
        let block = (index / BLOCK - self.first_missing / BLOCK) as usize;
        if self.blocks.len() <= block {
            self.blocks.resize(block + 1, 0);
        }
        self.blocks[block] |= 1 << (index % BLOCK);
    }

    fn append(&mut self, data: &[u8]) {
        self.beginning.extend_from_slice(data);
        self.first_missing += 1;
        if self.first_missing.is_multiple_of(BLOCK) {
            self.blocks.pop_front();
        }
    }

    fn read_manifest(&mut self, transfer: TransferId) -> Result<(), Unreadable> {
        let Some((&length, rest)) = self.beginning.split_first_chunk::<2>() else {
            return Ok(());
        };
        let length = usize::from(u16::from_le_bytes(length));
        if length > MANIFEST_MAX_BYTES {
            return Err(Unreadable);
        }
        let Some(encoded) = rest.get(..length) else {
            return Ok(());
        };
        let manifest: Manifest =
            codec::decode(encoded, MANIFEST_MAX_BYTES).map_err(|_| Unreadable)?;
        let head_bytes = 2 + length;
        let announced = head_bytes as u64 + u64::from(manifest.size_bytes);
        if manifest.transfer_id(encoded) != transfer || announced != u64::from(self.total_bytes) {
            return Err(Unreadable);
        }
        self.told = Some(Told {
            manifest,
            head_bytes,
            hasher: Box::new(blake3::Hasher::new()),
            hashed_bytes: head_bytes,
        });
        Ok(())
    }
}

/// The first bytes are no manifest of this transfer.
#[derive(Debug)]
struct Unreadable;
