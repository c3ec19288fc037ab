//! The X25519 key that a party's handshakes are made with: a server's own, a user's sealing key.

use core::fmt;

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use zeroize::Zeroizing;

use super::identity::SecretIdentity;
use crate::proto::identity::PublicKey;

/// A static secret. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct StaticSecret {
    secret: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

/// Secrets are equal if their public halves are.
impl PartialEq for StaticSecret {
    fn eq(&self, other: &Self) -> bool {
        self.public == other.public
    }
}

impl Eq for StaticSecret {}

impl fmt::Debug for StaticSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticSecret({})", self.public)
    }
}

impl StaticSecret {
    /// The key pair of this secret: any 32 bytes, from a source of randomness.
    #[must_use]
    pub fn from_bytes(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&*secret)
            .expect("any 32 bytes are an X25519 secret");
        let public = X25519HkdfSha256::sk_to_pk(&private).to_bytes();
        Self {
            secret,
            public: PublicKey(public.into()),
        }
    }

    /// That of a user: its public half is [`PublicIdentity::seal`].
    ///
    /// [`PublicIdentity::seal`]: crate::proto::identity::PublicIdentity::seal
    #[must_use]
    pub fn of_user(identity: &SecretIdentity) -> Self {
        Self::from_bytes(identity.unseal.to_bytes().into())
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// The secret, for a handshake or the key file.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.secret
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::identity::key_bytes;

    #[test]
    fn the_public_half_is_that_of_rfc_7748() {
        // Section 6.1, Bob's keys.
        let secret = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
        let public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
        let pair = StaticSecret::from_bytes(key_bytes(secret).expect("a key"));
        assert_eq!(pair.public().to_string(), public);
    }

    #[test]
    fn a_user_s_is_the_one_that_letters_are_sealed_to() {
        let identity = SecretIdentity::from_secret([7; 32]);
        let key = StaticSecret::of_user(&identity);
        assert_eq!(key.public().0, identity.public().seal);
    }
}
