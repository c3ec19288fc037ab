//! The head: version, flags and lengths, sealed under a key of its own.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::keys::{COMMITMENT_BYTES, Keys, SALT_BYTES};
use super::sizes::{PROBE_BYTES, TAG_BYTES, room};
use super::{ContainerError, VERSION};
use crate::proto::limits::MESSAGE_MAX_BYTES;

/// Plain bytes of a head, in every version.
const HEAD_BYTES: usize = 32;
/// A head in its container.
pub(super) const SEALED_HEAD_BYTES: usize = HEAD_BYTES + TAG_BYTES;
/// Bytes of the digest behind the data.
pub(super) const DIGEST_BYTES: usize = 32;

const COMPRESSED: u8 = 1;

/// How the content of a container is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) is_compressed: bool,
    pub(super) rights_bytes: u64,
    /// The original as it is sealed, compressed or not.
    pub(super) data_bytes: u64,
    pub(super) original_bytes: u64,
    pub(super) container_bytes: u64,
}

impl Plan {
    /// Plain bytes without the padding.
    pub(super) const fn content_bytes(&self) -> u64 {
        content_bytes(self.rights_bytes, self.data_bytes)
    }

    /// Seals the start of a container: salt, commitment and head.
    pub(super) fn write(&self, salt: &[u8; SALT_BYTES], keys: &Keys, out: &mut Vec<u8>) {
        let mut head = [0; HEAD_BYTES];
        head[0] = VERSION;
        head[1] = if self.is_compressed { COMPRESSED } else { 0 };
        head[2..4].copy_from_slice(&(self.rights_bytes as u16).to_le_bytes());
        head[8..16].copy_from_slice(&self.data_bytes.to_le_bytes());
        head[16..24].copy_from_slice(&self.original_bytes.to_le_bytes());
        head[24..32].copy_from_slice(&self.container_bytes.to_le_bytes());
        let tag = cipher(&keys.head)
            .seal_in_place_separate_tag(nonce(), Aad::empty(), &mut head)
            .expect("a head is far below the cipher's limit");
        out.extend_from_slice(salt);
        out.extend_from_slice(&keys.commitment);
        out.extend_from_slice(&head);
        out.extend_from_slice(tag.as_ref());
    }

    fn read(head: &[u8; HEAD_BYTES]) -> Result<Self, ContainerError> {
        if head[0] > VERSION {
            return Err(ContainerError::Version(head[0]));
        }
        let long = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&head[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let plan = Self {
            is_compressed: head[1] == COMPRESSED,
            rights_bytes: u16::from_le_bytes([head[2], head[3]]).into(),
            data_bytes: long(8),
            original_bytes: long(16),
            container_bytes: long(24),
        };
        let is_known = head[0] == VERSION && head[1] <= COMPRESSED && head[4..8] == [0; 4];
        let is_bounded = plan
            .container_bytes
            .max(plan.data_bytes)
            .max(plan.original_bytes)
            <= MESSAGE_MAX_BYTES as u64;
        let is_whole = is_bounded
            && (plan.is_compressed || plan.original_bytes == plan.data_bytes)
            && room(plan.container_bytes).is_some_and(|room| room >= plan.content_bytes());
        if is_known && is_whole {
            Ok(plan)
        } else {
            Err(ContainerError::Damaged)
        }
    }
}

/// Plain bytes of rights, data and digest.
pub(super) const fn content_bytes(rights_bytes: u64, data_bytes: u64) -> u64 {
    rights_bytes + data_bytes + DIGEST_BYTES as u64
}

/// What a fitting key tells of a container before its content is read.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// Place of the fitting key in the list that was tried.
    pub key_index: usize,
    /// Size of the whole container in bytes.
    pub total_bytes: usize,
    pub(super) plan: Plan,
    pub(super) body_key: Zeroizing<[u8; 32]>,
}

impl Head {
    /// Reads the head with the keys that the start commits to.
    pub(super) fn open(start: &[u8], keys: Keys, key_index: usize) -> Result<Self, ContainerError> {
        let mut sealed = [0; SEALED_HEAD_BYTES];
        sealed.copy_from_slice(&start[SALT_BYTES + COMMITMENT_BYTES..PROBE_BYTES]);
        let plain = cipher(&keys.head)
            .open_in_place(nonce(), Aad::empty(), &mut sealed)
            .map_err(|_| ContainerError::Damaged)?;
        let head = plain.first_chunk().ok_or(ContainerError::Damaged)?;
        let plan = Plan::read(head)?;
        Ok(Self {
            key_index,
            total_bytes: usize::try_from(plan.container_bytes)
                .map_err(|_| ContainerError::Damaged)?,
            plan,
            body_key: keys.body,
        })
    }

    /// Size of the original in bytes.
    #[must_use]
    pub const fn original_bytes(&self) -> u64 {
        self.plan.original_bytes
    }

    /// What to reserve for the original: what it says of itself, as far as the container's own
    /// size makes it likely.
    pub(super) fn likely_bytes(&self) -> usize {
        let said = usize::try_from(self.plan.original_bytes).unwrap_or(usize::MAX);
        said.min(self.total_bytes.saturating_mul(4))
    }
}

/// Lengths only.
impl core::fmt::Debug for Head {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Head")
            .field("key_index", &self.key_index)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

pub(super) fn cipher(key: &[u8; 32]) -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("keys have 32 bytes");
    LessSafeKey::new(key)
}

/// The key seals one head only.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}
