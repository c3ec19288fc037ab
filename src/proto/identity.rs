//! The public face of a user: two keys, and the name that is hashed from them.

use core::fmt;
use core::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::ids::UserId;

/// A user's public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublicIdentity {
    /// Ed25519 key that verifies this user's signatures.
    pub sign: [u8; 32],
    /// X25519 key to which letters for this user are sealed.
    pub seal: [u8; 32],
}

impl PublicIdentity {
    /// The user id: BLAKE3 over both keys.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 user id");
        hasher.update(&self.sign);
        hasher.update(&self.seal);
        UserId(*hasher.finalize().as_bytes())
    }
}

/// A server's public key, X25519: who can be dialled under it is that server. Written as 64
/// hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyTextError {
    /// The place for a key that nobody has filled in.
    #[error("no key is filled in")]
    Empty,
    /// Something else.
    #[error("a key has 64 hexadecimal digits")]
    Malformed,
}

/// 32 bytes from 64 hexadecimal digits.
///
/// # Errors
/// If the text is anything else.
pub fn key_bytes(text: &str) -> Result<[u8; 32], KeyTextError> {
    let mut bytes = [0; 32];
    if text.is_empty() {
        return Err(KeyTextError::Empty);
    }
    if HEXLOWER_PERMISSIVE.decode_len(text.len()) != Ok(bytes.len()) {
        return Err(KeyTextError::Malformed);
    }
    let decoded = HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), &mut bytes);
    decoded.map_err(|_| KeyTextError::Malformed)?;
    Ok(bytes)
}

impl FromStr for PublicKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        key_bytes(text).map(Self)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER_PERMISSIVE.encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// An Ed25519 signature, in two halves because serde knows arrays up to 32 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature(pub [[u8; 32]; 2]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_as_it_is_written_in_either_case() {
        let key = PublicKey([0xa5; 32]);
        let text = key.to_string();
        assert_eq!(text.len(), 64);
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(text.to_uppercase().parse(), Ok(key));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let key = |text: &str| text.parse::<PublicKey>();
        assert_eq!(key(""), Err(KeyTextError::Empty));
        for wrong in ["a5", &"a".repeat(63), &"a".repeat(66), &"g".repeat(64)] {
            assert_eq!(key(wrong), Err(KeyTextError::Malformed), "{wrong}");
        }
        assert_eq!(key(&"é".repeat(32)), Err(KeyTextError::Malformed));
    }
}
