//! The sealed container that is hidden in a picture. Without the key it is noise from its first
//! bit to its last: no header, no length, nothing in the clear. `docs/format.md` says all of it
//! so that a reader can be written from that page alone.
//!
//! Layout: `salt (32) | commitment (32) | sealed head (48) | segments`. From a secret (a content
//! key, or a passphrase stretched by Argon2id with the salt) and the salt, BLAKE3 derives a
//! commitment, a key for the head and a key for the segments. The commitment makes the container
//! open to one secret only: ChaCha20-Poly1305 alone lets whoever knows two keys make one
//! ciphertext that both open (Albertini, Duong, Gueron, Kölbl, Luykx and Schmieg, "How to abuse
//! and fix authenticated encryption without key commitment", 2022, whose generic fix by key
//! derivation this is). It is also what makes trying many keys cheap: one hash each.
//!
//! The segments are STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, "Online authenticated-
//! encryption and its nonce-reuse misuse-resistance", 2015): each has its number and whether it
//! is the last in its nonce, so that none can be changed, moved, doubled or left out, and both
//! ends work with the memory of one segment ([`Sealer`], [`Opener`]). The keys serve one salt,
//! and a salt serves one container, so no nonce is used twice.
//!
//! Whoever sees the container, like the server that hides it, learns its size class and nothing
//! else, see [`size_class`]. Never decides where bits go in a picture; never draws a seed.

mod content;
mod head;
mod keys;
mod opener;
mod rights;
mod sealer;
mod segments;
mod sizes;

use bytes::Bytes;
use thiserror::Error;

pub use content::Content;
pub use head::Head;
pub use keys::{PASSPHRASE_MAX_BYTES, Passphrase, SALT_BYTES, Salt, Secret};
pub use opener::Opener;
pub use rights::{NAME_MAX_BYTES, Rights};
pub use sealer::{SealError, Sealer};
pub use sizes::{PROBE_BYTES, SEGMENT_BYTES, SMALLEST_CLASS_BYTES, size_class};

/// The version that is written and read.
const VERSION: u8 = 2;

/// Why a container does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ContainerError {
    /// No key fits: nothing is inside, or it is for somebody else. The two cannot be told apart.
    #[error("no key of ours opens this")]
    NoKeyFits,
    /// A key fits, but what follows is damaged.
    #[error("the content is damaged")]
    Damaged,
    /// A key fits, but a newer program made it.
    #[error("made by a newer version of the program ({0})")]
    Version(u8),
}

/// Seals an original with its rights for a carrier without bounds. `seed` must be fresh for each
/// call.
#[must_use]
pub fn seal(rights: &Rights, original: &[u8], key: &[u8; 32], seed: &[u8; 32]) -> Vec<u8> {
    let content = Content::pack(rights, original);
    let size = size_class(content.least_bytes(), u64::MAX).expect("there are no bounds");
    content.seal(size, &Secret::key(key), &Salt::from_seed(seed))
}

/// Finds the key that fits, from the first [`PROBE_BYTES`] of a container. A key that does not
/// fit costs one hash of 64 bytes.
///
/// # Errors
/// If no key fits, or one fits a container of a newer version or with a damaged head.
pub fn probe(start: &[u8], keys: &[[u8; 32]]) -> Result<Head, ContainerError> {
    let start = start.get(..PROBE_BYTES).ok_or(ContainerError::NoKeyFits)?;
    let salt = Salt::at_start(start)?;
    let derivation = keys::Derivation::of_keys();
    for (index, key) in keys.iter().enumerate() {
        if let Some(found) = derivation.matching(key, &salt, start) {
            return Head::open(start, found, index);
        }
    }
    Err(ContainerError::NoKeyFits)
}

/// As [`probe`], for one secret: how a passphrase is tried, once it is stretched with the salt
/// that the container begins with.
///
/// # Errors
/// As [`probe`].
pub fn probe_secret(start: &[u8], secret: &Secret) -> Result<Head, ContainerError> {
    let start = start.get(..PROBE_BYTES).ok_or(ContainerError::NoKeyFits)?;
    let salt = Salt::at_start(start)?;
    let found = secret.matching(&salt, start);
    Head::open(start, found.ok_or(ContainerError::NoKeyFits)?, 0)
}

/// Opens a whole container of [`Head::total_bytes`].
///
/// # Errors
/// If the content is not, bit for bit, what was sealed.
pub fn open(container: &[u8], head: &Head) -> Result<(Rights, Bytes), ContainerError> {
    if container.len() != head.total_bytes {
        return Err(ContainerError::Damaged);
    }
    let body = container
        .get(PROBE_BYTES..)
        .ok_or(ContainerError::Damaged)?;
    let mut original = Vec::with_capacity(head.likely_bytes());
    let mut opener = Opener::new(head);
    opener.push(body, &mut original)?;
    let rights = opener.finish()?;
    Ok((rights, original.into()))
}

#[cfg(test)]
mod tests;
