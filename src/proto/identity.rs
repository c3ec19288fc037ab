//! The public face of a user: two keys, and the name that is hashed from them.

use serde::{Deserialize, Serialize};

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

/// An Ed25519 signature, in two halves because serde knows arrays up to 32 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature(pub [[u8; 32]; 2]);
