//! Sealing while the original arrives, with the memory of one segment.
//!
//! The lengths stand in the head, so they are announced before the first byte, and the original
//! is sealed as it is: how small it could be compressed is known only when all of it was seen
//! ([`Content`](super::Content) does that).

use thiserror::Error;

use super::content::{begin, end};
use super::head::{Plan, content_bytes};
use super::keys::{Salt, Secret};
use super::rights::Rights;
use super::segments::Writer;
use super::sizes::{size_class, unpadded};

/// Why nothing is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The carrier is too small.
    #[error("it takes {least_bytes} bytes, and there is room for {capacity_bytes}")]
    TooLarge {
        /// Size of the container without padding.
        least_bytes: u64,
        /// What the carrier holds.
        capacity_bytes: u64,
    },
    /// The original is not as long as announced. What was written so far opens to nobody.
    #[error("the original is not as long as announced")]
    Length,
}

/// Seals an original that is pushed piece by piece.
pub struct Sealer {
    writer: Writer,
    hasher: blake3::Hasher,
    missing_bytes: u64,
}

impl Sealer {
    /// Begins a container for an original of `original_bytes` in a carrier of `capacity_bytes`,
    /// and writes its start to `out`. The salt serves this container only.
    ///
    /// # Errors
    /// If the carrier is too small.
    pub fn new(
        rights: &Rights,
        original_bytes: u64,
        capacity_bytes: u64,
        (secret, salt): (&Secret, &Salt),
        out: &mut Vec<u8>,
    ) -> Result<Self, SealError> {
        let rights = rights.encode();
        let rights_bytes = rights.len() as u64;
        let least_bytes = unpadded(content_bytes(rights_bytes, original_bytes));
        let refusal = SealError::TooLarge {
            least_bytes,
            capacity_bytes,
        };
        let plan = Plan {
            is_compressed: false,
            rights_bytes,
            data_bytes: original_bytes,
            original_bytes,
            container_bytes: size_class(least_bytes, capacity_bytes).ok_or(refusal)?,
        };
        let mut writer = begin(&plan, secret, salt, out).ok_or(refusal)?;
        writer.push(&rights, out);
        Ok(Self {
            writer,
            hasher: blake3::Hasher::new(),
            missing_bytes: original_bytes,
        })
    }

    /// Takes the next piece of the original; whole segments are written to `out`.
    ///
    /// # Errors
    /// If there are more bytes than announced.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let missing_bytes = self.missing_bytes.checked_sub(piece.len() as u64);
        self.missing_bytes = missing_bytes.ok_or(SealError::Length)?;
        self.hasher.update(piece);
        self.writer.push(piece, out);
        Ok(())
    }

    /// Ends the container.
    ///
    /// # Errors
    /// If there are fewer bytes than announced.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), SealError> {
        if self.missing_bytes > 0 {
            return Err(SealError::Length);
        }
        end(self.writer, self.hasher.finalize().as_bytes(), out);
        Ok(())
    }
}

impl core::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Sealer({} bytes to come)", self.missing_bytes)
    }
}
