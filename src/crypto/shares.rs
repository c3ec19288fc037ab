//! The servers' part of a content key: split so that some of the servers can give it together and
//! fewer know nothing, sealed to each server, and sealed anew to one look.
//!
//! Shamir, "How to share a secret" (1979), byte by byte over GF(256). The sharing itself is ours,
//! forty lines without tables, because the kept crate for it (blahaj 0.7) looks up tables by the
//! bytes of the secret, takes a share twice for two, and turns on a generator of random numbers
//! that draws its own seed. The field is the same, and shares are exchangeable with it.
//!
//! Invariants: a share says nothing about the secret; a share that its hash does not fit is never
//! used; what was sealed for one purpose opens for no other.

use core::fmt;

use bytes::Bytes;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::static_key::StaticSecret;
use crate::proto::codec;
use crate::proto::identity::PublicKey;
use crate::proto::ids::{AccountId, CheckoutId, Digest, ViewId};
use crate::proto::limits::SERVERS_MAX;
use crate::time::WallTime;

mod field;

const INFO: &[u8] = b"pentimento 1 share";
const KEY_BYTES: usize = 32;
const SECRET_BYTES: usize = 32;

/// Size of a sealed share in bytes: key, index, value, tag.
pub const SEALED_SHARE_BYTES: usize = KEY_BYTES + 1 + SECRET_BYTES + 16;

/// What is shared, and what shares make. Wiped from memory when dropped.
pub type Secret = Zeroizing<[u8; SECRET_BYTES]>;

/// Why a secret cannot be shared so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{threshold} of {count} shares cannot be made, there may be {SERVERS_MAX} at the most")]
pub struct SplitError {
    /// Shares that were to make the secret.
    pub threshold: u8,
    /// Shares that were to be made.
    pub count: u8,
}

/// Why shares do not make the secret. They are kept; more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{right} right shares of {needed}, and {wrong} wrong ones")]
pub struct CombineError {
    /// Different shares that fit their hashes.
    pub right: usize,
    /// Shares that do not.
    pub wrong: usize,
    /// Shares that make the secret.
    pub needed: usize,
}

/// Why a share cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealedShareError {
    /// The reader's key is no X25519 key.
    #[error("the reader's key is invalid")]
    ReaderKey,
    /// It was sealed to somebody else, for another purpose, or was changed.
    #[error("the share does not open")]
    Sealed,
}

/// One server's share. Wiped from memory when dropped; its value is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    /// Which, from 1: the place of its server in the list.
    pub index: u8,
    value: Secret,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({})", self.index)
    }
}

/// What a share is sealed for; it opens for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// To be kept by a server.
    Keep {
        /// The account.
        account: AccountId,
        /// Which set of shares of the account.
        round: u32,
        /// The share.
        index: u8,
    },
    /// For one look.
    Look {
        /// The account.
        account: AccountId,
        /// Which set of shares of the account.
        round: u32,
        /// The share.
        index: u8,
        /// The look.
        view: ViewId,
        /// Its number.
        ordinal: u32,
        /// Looks left after it.
        remaining: u32,
        /// Position in the log of the order that counted it.
        seq: u64,
    },
    /// For looks without the servers.
    Checkout {
        /// The account.
        account: AccountId,
        /// Which set of shares of the account.
        round: u32,
        /// The share.
        index: u8,
        /// The checkout.
        checkout: CheckoutId,
        /// Its looks.
        looks: u32,
        /// Good until then.
        until: WallTime,
        /// Position in the log of the order that moved the looks.
        seq: u64,
    },
}

impl Share {
    /// BLAKE3 over index and value: who holds the hash knows a wrong share.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 share hash");
        hasher.update(&[self.index]);
        hasher.update(&*self.value);
        Digest(*hasher.finalize().as_bytes())
    }

    /// Whether it is the share at its index in `hashes`.
    #[must_use]
    pub fn fits(&self, hashes: &[Digest]) -> bool {
        usize::from(self.index)
            .checked_sub(1)
            .and_then(|place| hashes.get(place))
            .is_some_and(|hash| *hash == self.hash())
    }

    /// Seals the share to `reader`. `seed` must be fresh for each.
    ///
    /// # Errors
    /// If the reader's key is no key.
    pub fn seal(
        &self,
        reader: &PublicKey,
        purpose: &Purpose,
        seed: [u8; 32],
    ) -> Result<Bytes, SealedShareError> {
        let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&reader.0)
            .map_err(|_| SealedShareError::ReaderKey)?;
        let mut plain = Zeroizing::new([0; 1 + SECRET_BYTES]);
        plain[0] = self.index;
        plain[1..].copy_from_slice(&*self.value);
        let mut rng = ChaCha20Rng::from_seed(seed);
        let (encapsulated, ciphertext) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &key,
                INFO,
                &*plain,
                &codec::encode(purpose),
                &mut rng,
            )
            .map_err(|_| SealedShareError::ReaderKey)?;
        Ok([encapsulated.to_bytes().as_slice(), &ciphertext]
            .concat()
            .into())
    }

    /// Opens a share that was sealed to `reader` for `purpose`.
    ///
    /// # Errors
    /// If it was not, or was changed.
    pub fn open(
        reader: &StaticSecret,
        purpose: &Purpose,
        sealed: &[u8],
    ) -> Result<Self, SealedShareError> {
        if sealed.len() != SEALED_SHARE_BYTES {
            return Err(SealedShareError::Sealed);
        }
        let (encapsulated, ciphertext) = sealed.split_at(KEY_BYTES);
        let key = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(reader.bytes())
            .map_err(|_| SealedShareError::ReaderKey)?;
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated)
            .map_err(|_| SealedShareError::Sealed)?;
        let plain = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &key,
            &encapsulated,
            INFO,
            ciphertext,
            &codec::encode(purpose),
        )
        .map(Zeroizing::new)
        .map_err(|_| SealedShareError::Sealed)?;
        let (&index, value) = plain.split_first().ok_or(SealedShareError::Sealed)?;
        let value: [u8; SECRET_BYTES] = value.try_into().map_err(|_| SealedShareError::Sealed)?;
        if index != purpose.index() {
            return Err(SealedShareError::Sealed);
        }
        Ok(Self {
            index,
            value: Zeroizing::new(value),
        })
    }
}

impl Purpose {
    const fn index(&self) -> u8 {
        match self {
            Self::Keep { index, .. } | Self::Look { index, .. } | Self::Checkout { index, .. } => {
                *index
            }
        }
    }
}

/// Splits `secret` into `count` shares of which any `threshold` make it. `seed` must be fresh for
/// each secret, and as secret as it.
///
/// # Errors
/// If there is no such sharing, or more shares than servers.
pub fn split(
    secret: &[u8; SECRET_BYTES],
    threshold: u8,
    count: u8,
    seed: [u8; 32],
) -> Result<Vec<Share>, SplitError> {
    if threshold == 0 || threshold > count || usize::from(count) > SERVERS_MAX {
        return Err(SplitError { threshold, count });
    }
    // The highest coefficient first, the secret last.
    let mut rng = ChaCha20Rng::from_seed(seed);
    let mut coefficients: Vec<Secret> = (1..threshold)
        .map(|_| {
            let mut random = Zeroizing::new([0; SECRET_BYTES]);
            rng.fill_bytes(&mut *random);
            random
        })
        .collect();
    coefficients.push(Zeroizing::new(*secret));
    let shares = (1..=count).map(|index| {
        let mut value = Zeroizing::new([0; SECRET_BYTES]);
        for coefficient in &coefficients {
            for (byte, more) in value.iter_mut().zip(coefficient.iter()) {
                *byte = field::multiply(*byte, index) ^ more;
            }
        }
        Share { index, value }
    });
    Ok(shares.collect())
}

/// The secret of which `shares` are shares, by the hashes that the owner told. Shares that do not
/// fit are left out: one wrong server keeps nobody from looking.
///
/// # Errors
/// If fewer than `threshold` different shares fit.
pub fn combine(shares: &[Share], threshold: u8, hashes: &[Digest]) -> Result<Secret, CombineError> {
    let needed = usize::from(threshold).max(1);
    let mut right: Vec<&Share> = Vec::with_capacity(needed);
    let mut wrong = 0;
    for share in shares {
        if !share.fits(hashes) {
            wrong += 1;
        } else if right.len() < needed && right.iter().all(|one| one.index != share.index) {
            right.push(share);
        }
    }
    if right.len() < needed {
        return Err(CombineError {
            right: right.len(),
            wrong,
            needed,
        });
    }
    // Lagrange's polynomial at 0. Indices are public; what is multiplied by them is not.
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    for share in &right {
        let others = right.iter().filter(|other| other.index != share.index);
        let weight = others.fold(1, |weight, other| {
            let ratio = field::divide(other.index, other.index ^ share.index);
            field::multiply(weight, ratio)
        });
        for (byte, value) in secret.iter_mut().zip(share.value.iter()) {
            *byte ^= field::multiply(*value, weight);
        }
    }
    Ok(secret)
}

/// The part of a content key that goes with another part: both together make the key, and either
/// alone, if one of them was drawn evenly, tells nothing of it. So the same picture can be split
/// anew, which a key derived from its parts could not.
#[must_use]
pub fn other_part(whole: &[u8; SECRET_BYTES], part: &[u8; SECRET_BYTES]) -> [u8; SECRET_BYTES] {
    core::array::from_fn(|place| whole[place] ^ part[place])
}

#[cfg(test)]
mod tests;
