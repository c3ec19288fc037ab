//! One message that is arriving: which fragments are here, what the first bytes say, how far the
//! digest has come, how far the sender may go.

use bytes::Bytes;

use super::store::Store;
use super::{Config, MANIFEST_MAX_BYTES};
use crate::planted::{self, Bug};
use crate::proto::cargo::Manifest;
use crate::proto::codec;
use crate::proto::ids::{Digest, TransferId};
use crate::time::Moment;
use crate::transport::bitmap::Bitmap;
use crate::transport::message::{
    Cut, FIRST_CREDIT_BYTES, Fragment, Length, STATUS_WORDS, Standing, Status, infer_length,
};
use crate::transport::pool::Pool;

/// What a message costs beside its fragments: its record and the state of its digest.
const RECORD_BYTES: usize = 2_560;

/// From here on a message is worth a buffer of its own.
const SETTLE_BYTES: u32 = 64 << 10;

/// The digest is computed in pieces of so many bytes, while they are in the cache.
const DIGEST_STEP_BYTES: usize = 64 << 10;

/// What the sender may be ahead by is at most so many times what has arrived, beyond
/// [`FIRST_CREDIT_BYTES`]: enough for a rate that doubles with each round trip, too little for
/// gaps that cost much more than what fills them.
const CREDIT_PER_ARRIVED: u32 = 4;

/// What is to be done with a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is new.
    Take,
    /// It is here already.
    Here,
    /// The sender may not send it yet.
    Beyond,
    /// It is no fragment of this message.
    Malformed,
}

/// What the first bytes told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) manifest: Manifest,
    pub(super) id: TransferId,
    head_bytes: usize,
    hasher: Box<blake3::Hasher>,
    /// Bytes of the message that the digest covers, or that lie before the body.
    hashed: usize,
}

/// The first bytes are no manifest of this message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// One message that is arriving.
#[derive(Debug)]
pub(super) struct Assembly {
    total_bytes: u32,
    /// None while the length of its fragments is unknown: then one fragment is here at the most.
    cut: Option<Cut>,
    store: Store,
    here: Bitmap,
    pub(super) first_missing: u32,
    /// Bytes from the beginning on that are here. May be more than the fragments before the first
    /// missing one, after a change of their length.
    solid: usize,
    /// Bytes that are here.
    pub(super) arrived: u32,
    pub(super) told: Option<Told>,
    /// The first fragment that is not taken.
    credit: u32,
    /// The credit that the sender was told.
    credit_told: u32,
    /// Whether parts of it were here before it began in this session.
    pub(super) is_resumed: bool,
    /// Whether a status waits to be said.
    pub(super) is_unsaid: bool,
    /// Whether more is here than the last event told.
    pub(super) has_news: bool,
    /// When something new arrived last.
    pub(super) news_at: Moment,
    /// Beginning of the present window of measuring its speed, and what was here then.
    pub(super) pace_from: (Moment, u32),
    /// When a duplicate was answered last.
    pub(super) answered_at: Moment,
}

impl Assembly {
    /// Nothing is reserved for what `total_bytes` announces.
    pub(super) fn new(now: Moment, total_bytes: u32) -> Self {
        let reserved_bytes = if planted::is(Bug::ReservedByTotal) {
            total_bytes as usize
        } else {
            0
        };
        Self {
            total_bytes,
            cut: None,
            store: Store::new(reserved_bytes),
            here: Bitmap::default(),
            first_missing: 0,
            solid: 0,
            arrived: 0,
            told: None,
            credit: 1,
            credit_told: 0,
            is_resumed: false,
            is_unsaid: false,
            has_news: false,
            news_at: now,
            pace_from: (now, 0),
            answered_at: now,
        }
    }

    /// Bytes of memory that it is charged.
    pub(super) fn memory_bytes(&self) -> usize {
        RECORD_BYTES + self.store.memory_bytes() + self.here.memory_bytes()
    }

    /// Bytes of memory that this fragment would be charged in addition, at the most.
    pub(super) fn growth_bytes(&self, index: u32, size: usize) -> usize {
        let is_first = self.arrived == 0;
        let store = self.store.growth_bytes(self.cut.as_ref(), index, size);
        store + self.here.growth_bytes(index) + if is_first { RECORD_BYTES } else { 0 }
    }

    /// Judges a fragment. Finds the length of all fragments if it is not known.
    pub(super) fn judge(&mut self, fragment: &Fragment<'_>) -> Verdict {
        let (index, size) = (fragment.index, fragment.data.len());
        if fragment.total_bytes != self.total_bytes {
            return Verdict::Malformed;
        }
        let Some(cut) = self.cut.or_else(|| self.find_cut(index, size)) else {
            return match (
                self.store.lone(),
                infer_length(index, size, self.total_bytes),
            ) {
                (None, Length::Unsure) if self.is_near(index, size) => Verdict::Take,
                (None, Length::Unsure) => Verdict::Beyond,
                (Some(lone), _) if lone == (index, size) => Verdict::Here,
                _ => Verdict::Malformed,
            };
        };
        if index >= cut.fragments || size != cut.size_of(index) as usize {
            return Verdict::Malformed;
        }
        if self.cut.is_none() {
            let credit = cut.credit_at(FIRST_CREDIT_BYTES);
            if let Some((other, size)) = self.store.lone()
                && (other >= credit || cut.size_of(other) as usize != size)
            {
                return Verdict::Malformed;
            }
            self.cut = Some(cut);
            self.credit = credit;
            self.credit_told = credit;
        }
        if self.here.get(index) {
            Verdict::Here
        } else if index >= self.credit && !planted::is(Bug::GapsUnbounded) {
            Verdict::Beyond
        } else {
            Verdict::Take
        }
    }

    /// Takes a fragment that is to be taken.
    pub(super) fn place(&mut self, now: Moment, index: u32, data: &[u8]) {
        let Some(cut) = self.cut else {
            self.store.put(None, index, data);
            self.note(now, index, data.len());
            return;
        };
        let offset = cut.offset(index);
        if offset < self.solid {
            // The digest may cover the beginning of it already.
            let known = self.solid - offset;
            if let Some(rest) = data.get(known..) {
                let total_bytes = self.total_bytes as usize;
                self.store.overwrite(self.solid, rest, total_bytes);
            }
        } else {
            self.store.put(Some(&cut), index, data);
        }
        self.note(now, index, data.len());
        if self.here.get(self.first_missing) {
            self.first_missing = self.here.first_clear(self.first_missing);
            let solid = cut.offset(self.first_missing);
            self.solid = self.solid.max(solid.min(self.total_bytes as usize));
        }
    }

    fn note(&mut self, now: Moment, index: u32, size: usize) {
        self.here.set(index);
        self.arrived = self.arrived.saturating_add(size as u32);
        self.news_at = now;
        self.has_news = true;
    }

    /// Reads the manifest if it was not read and is here.
    pub(super) fn read_manifest(&mut self) -> Result<bool, Unreadable> {
        if self.told.is_some() || self.solid == 0 {
            return Ok(false);
        }
        let first = self.store.first_bytes(2 + MANIFEST_MAX_BYTES, self.solid);
        let is_all = first.len() == self.total_bytes as usize;
        let wait = |is_all| if is_all { Err(Unreadable) } else { Ok(false) };
        let Some((&length, rest)) = first.split_first_chunk::<2>() else {
            return wait(is_all);
        };
        let length = usize::from(u16::from_le_bytes(length));
        if length > MANIFEST_MAX_BYTES {
            return Err(Unreadable);
        }
        let Some(encoded) = rest.get(..length) else {
            return wait(is_all);
        };
        let manifest: Manifest =
            codec::decode(encoded, MANIFEST_MAX_BYTES).map_err(|_| Unreadable)?;
        let head_bytes = 2 + length;
        if head_bytes as u64 + u64::from(manifest.size_bytes) != u64::from(self.total_bytes) {
            return Err(Unreadable);
        }
        self.told = Some(Told {
            manifest,
            id: manifest.transfer_id(encoded),
            head_bytes,
            hasher: Box::new(blake3::Hasher::new()),
            hashed: head_bytes,
        });
        Ok(true)
    }

    /// Whether it is time to give it a buffer of its own, and what that would be charged.
    pub(super) fn settling_bytes(&self) -> Option<usize> {
        let is_due = self.told.is_some() && !self.store.is_placed() && self.arrived >= SETTLE_BYTES;
        let cut = self.cut.as_ref().filter(|_| is_due)?;
        Some(self.store.settling_bytes(cut))
    }

    /// Gives it a buffer of its own.
    pub(super) fn settle(&mut self, pool: &Pool) {
        if let Some(cut) = &self.cut {
            self.store.settle(cut, pool);
        }
    }

    /// The first fragment that is not taken, once the length of fragments is known.
    pub(super) fn credit(&self) -> Option<u32> {
        self.cut.map(|_| self.credit)
    }

    /// Whether all of it is here.
    pub(super) fn is_whole(&self) -> bool {
        self.solid == self.total_bytes as usize || self.has_end_unchecked()
    }

    /// Whether its last fragment is here and that is taken for enough.
    fn has_end_unchecked(&self) -> bool {
        let has_end = |cut: Cut| self.here.get(cut.fragments - 1);
        planted::is(Bug::HolesHandedOn) && self.cut.is_some_and(has_end)
    }

    /// Carries the digest on over what is here, in large steps.
    pub(super) fn digest(&mut self) {
        let Some(told) = &mut self.told else {
            return;
        };
        let fresh = self.solid.saturating_sub(told.hashed);
        if fresh < DIGEST_STEP_BYTES || !self.store.is_placed() {
            return;
        }
        let end = told.hashed + fresh / DIGEST_STEP_BYTES * DIGEST_STEP_BYTES;
        if let Some(bytes) = self.store.until(end) {
            told.hasher.update(&bytes[told.hashed..]);
            told.hashed = end;
        }
    }

    /// The body of a whole message, if its digest is right.
    pub(super) fn into_body(mut self, pool: &Pool) -> Option<Bytes> {
        let total_bytes = self.total_bytes as usize;
        let is_unchecked = self.has_end_unchecked();
        if self.store.until(total_bytes).is_none() {
            self.settle(pool);
        }
        let mut told = self.told?;
        let bytes = self.store.until(total_bytes)?;
        told.hasher.update(&bytes[told.hashed..]);
        let digest = Digest(*told.hasher.finalize().as_bytes());
        let is_right = digest == told.manifest.digest || is_unchecked;
        is_right.then(|| self.store.into_body(told.head_bytes, total_bytes))
    }

    /// Computes the credit anew. Returns whether the sender should be told of it.
    pub(super) fn renew_credit(&mut self, config: &Config) -> bool {
        let Some(cut) = self.cut.as_ref().filter(|cut| self.credit < cut.fragments) else {
            return false;
        };
        let solid = self.solid as u32;
        let earned = FIRST_CREDIT_BYTES + CREDIT_PER_ARRIVED.saturating_mul(self.arrived);
        let window = solid.saturating_add(config.credit_bytes);
        let bytes = earned.min(window).max(FIRST_CREDIT_BYTES);
        let most = self.first_missing.saturating_add(config.credit_fragments);
        let credit = cut.credit_at(bytes).min(most).min(cut.fragments);
        self.credit = self.credit.max(credit);
        let step = (config.credit_step_bytes / cut.length).max(1);
        let moved = self.credit - self.credit_told;
        moved >= step.min(config.credit_fragments / 2)
            || (moved > 0 && self.credit == cut.fragments)
    }

    /// Whether its sender may not send all of it yet.
    pub(super) fn has_more_to_ask(&self) -> bool {
        self.cut
            .as_ref()
            .is_some_and(|cut| self.credit < cut.fragments)
    }

    /// The word on it, from which on the sender knows of its credit.
    pub(super) fn status(&mut self, message: u32) -> Status {
        self.credit_told = self.credit;
        let words = if self.is_resumed {
            self.here.words_from(self.first_missing, STATUS_WORDS)
        } else {
            &[]
        };
        Status {
            message,
            standing: Standing::Going,
            first_missing: self.first_missing,
            credit: self.credit,
            words: words.to_vec(),
        }
    }

    /// Bytes of the body that are here, and in all.
    pub(super) fn progress(&self) -> (u32, u32) {
        self.told.as_ref().map_or((0, 0), |told| {
            let done_bytes = self.arrived.saturating_sub(told.head_bytes as u32);
            let total_bytes = told.manifest.size_bytes;
            (done_bytes.min(total_bytes), total_bytes)
        })
    }

    /// Bytes that [`Assembly::go_on`] would be charged beyond what both are charged now, at the
    /// most.
    pub(super) fn joining_bytes(&self, next: &Self) -> usize {
        let Some(cut) = &next.cut else {
            return 0;
        };
        let settling = self
            .cut
            .as_ref()
            .map_or(0, |cut| self.store.settling_bytes(cut));
        let ends = next
            .store
            .early()
            .map(|(index, data)| cut.offset(index) + data.len());
        settling + ends.max().unwrap_or(0) + self.here.growth_bytes(cut.fragments)
    }

    /// Goes on as `next`, the same message under another number and perhaps with fragments of
    /// another length. Of fragments of another length only the beginning without a gap is kept.
    pub(super) fn go_on(&mut self, now: Moment, next: &Self, pool: &Pool) {
        let Some(cut) = next.cut else {
            return;
        };
        if self.cut.is_none_or(|own| own.length != cut.length) {
            self.settle(pool);
            self.first_missing = self.solid as u32 / cut.length;
            self.here = Bitmap::default();
            self.here.fill_below(self.first_missing);
            self.arrived = self.first_missing * cut.length;
            self.cut = Some(cut);
        }
        self.credit = next.credit;
        self.credit_told = next.credit_told;
        self.is_resumed = true;
        self.is_unsaid = false;
        self.pace_from = (now, self.arrived);
        for (index, data) in next.store.early() {
            if !self.here.get(index) {
                self.place(now, index, data);
            }
        }
        self.news_at = now;
    }

    /// What the length of all fragments must be, after this one.
    fn find_cut(&self, index: u32, size: usize) -> Option<Cut> {
        let length = match (
            self.store.lone(),
            infer_length(index, size, self.total_bytes),
        ) {
            // Of two fragments the longer one is in the middle.
            (Some((other, other_size)), Length::Known(_) | Length::Unsure) if other != index => {
                u32::try_from(size.max(other_size)).ok()?
            }
            (None, Length::Known(length)) => length,
            _ => return None,
        };
        Some(Cut::new(self.total_bytes, length))
    }

    /// Whether a fragment of a message whose cut is unknown may have been sent already.
    fn is_near(&self, index: u32, size: usize) -> bool {
        let end = (u64::from(index) + 1).saturating_mul(size as u64);
        end.min(u64::from(self.total_bytes)) <= u64::from(FIRST_CREDIT_BYTES) || index == 0
    }
}
