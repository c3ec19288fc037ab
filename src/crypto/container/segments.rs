//! The body of a container: plain bytes cut into segments, each sealed under its number.
//!
//! The nonce of a segment is its number (11 bytes, big endian, from 0) and one byte that is 1 for
//! the last segment and 0 for all others.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use zeroize::Zeroizing;

use super::ContainerError;
use super::head::cipher;
use super::sizes::{SEGMENT_BYTES, TAG_BYTES};

/// The number of the next segment, and how much is still to come.
struct Place {
    number: u64,
    rest_bytes: u64,
}

impl Place {
    const fn new(plain_bytes: u64) -> Self {
        Self {
            number: 0,
            rest_bytes: plain_bytes,
        }
    }

    /// Plain bytes of the next segment.
    fn size(&self) -> usize {
        usize::try_from(self.rest_bytes).map_or(SEGMENT_BYTES, |rest| rest.min(SEGMENT_BYTES))
    }

    /// The nonce of the next segment; after this it is the one before.
    fn step(&mut self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.number.to_be_bytes());
        let size = self.size();
        self.rest_bytes -= size as u64;
        self.number += 1;
        nonce[11] = u8::from(self.rest_bytes == 0);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Seals what is pushed.
pub(super) struct Writer {
    key: LessSafeKey,
    place: Place,
    pending: Zeroizing<Vec<u8>>,
}

impl Writer {
    /// For `plain_bytes` in all.
    pub(super) fn new(key: &[u8; 32], plain_bytes: u64) -> Self {
        Self {
            key: cipher(key),
            place: Place::new(plain_bytes),
            pending: Zeroizing::new(Vec::new()),
        }
    }

    /// Plain bytes that have not been pushed yet.
    pub(super) fn missing_bytes(&self) -> u64 {
        self.place.rest_bytes - self.pending.len() as u64
    }

    /// Takes no more than [`Writer::missing_bytes`]; the caller sees to that.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let size = self.place.size();
            if self.pending.is_empty() && bytes.len() >= size {
                let (now, later) = bytes.split_at(size);
                bytes = later;
                self.seal(now, out);
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(size - self.pending.len()));
            bytes = later;
            if self.pending.capacity() == 0 {
                // Once and for all, so that no half-filled copy stays behind in memory.
                self.pending.reserve_exact(SEGMENT_BYTES);
            }
            self.pending.extend_from_slice(now);
            if self.pending.len() == size {
                let mut pending = core::mem::take(&mut self.pending);
                self.seal(&pending, out);
                pending.clear();
                self.pending = pending;
            }
        }
    }

    fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        let nonce = self.place.step();
        let from = out.len();
        out.extend_from_slice(plain);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::empty(), &mut out[from..])
            .expect("a segment is far below the cipher's limit");
        out.extend_from_slice(tag.as_ref());
    }
}

/// Opens what is pushed, one segment at a time.
pub(super) struct Reader {
    key: LessSafeKey,
    place: Place,
    pending: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
}

impl Reader {
    /// For `plain_bytes` in all.
    pub(super) fn new(key: &[u8; 32], plain_bytes: u64) -> Self {
        Self {
            key: cipher(key),
            place: Place::new(plain_bytes),
            pending: Vec::new(),
            plain: Zeroizing::new(Vec::new()),
        }
    }

    /// Whether the last segment was opened.
    pub(super) const fn is_over(&self) -> bool {
        self.place.rest_bytes == 0
    }

    /// Takes sealed bytes from the front of `bytes`, and gives the next segment once it is there
    /// and proven.
    pub(super) fn next_segment(
        &mut self,
        bytes: &mut &[u8],
    ) -> Result<Option<&[u8]>, ContainerError> {
        if self.is_over() || (bytes.is_empty() && self.pending.is_empty()) {
            return Ok(None);
        }
        let wanted = self.place.size() + TAG_BYTES;
        if self.pending.is_empty() && bytes.len() >= wanted {
            let (sealed, later) = bytes.split_at(wanted);
            *bytes = later;
            return self.open(sealed).map(Some);
        }
        let (now, later) = bytes.split_at(bytes.len().min(wanted - self.pending.len()));
        *bytes = later;
        self.pending.extend_from_slice(now);
        if self.pending.len() < wanted {
            return Ok(None);
        }
        let sealed = core::mem::take(&mut self.pending);
        self.open(&sealed)?;
        self.pending = sealed;
        self.pending.clear();
        Ok(Some(&self.plain))
    }

    fn open(&mut self, sealed: &[u8]) -> Result<&[u8], ContainerError> {
        let (sealed, tag) = sealed.split_at(sealed.len() - TAG_BYTES);
        let nonce = self.place.step();
        if self.plain.capacity() == 0 {
            self.plain.reserve_exact(SEGMENT_BYTES);
        }
        self.plain.resize(sealed.len(), 0);
        self.key
            .open_separate_gather(nonce, Aad::empty(), sealed, tag, &mut self.plain)
            .map_err(|_| ContainerError::Damaged)?;
        Ok(&self.plain)
    }
}
