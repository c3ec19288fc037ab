//! From a secret to the keys of one container.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroizing;

use super::ContainerError;

/// Bytes of a salt. A container begins with it.
pub const SALT_BYTES: usize = 32;
/// Bytes that commit to the secret.
pub(super) const COMMITMENT_BYTES: usize = 32;

/// Longest passphrase, in bytes.
pub const PASSPHRASE_MAX_BYTES: usize = 1_024;
/// Memory that Argon2id fills, in KiB.
const ARGON2_MEMORY_KIB: u32 = 64 << 10;
/// Passes of Argon2id over its memory.
const ARGON2_PASSES: u32 = 1;
/// Lanes of Argon2id.
const ARGON2_LANES: u32 = 1;

/// What follows a salt in these contexts never changes, so that every later program knows an
/// older container, and every earlier one sees that a container is newer.
const KEY_CONTEXT: &str = "pentimento container, key";
const PASSPHRASE_CONTEXT: &str = "pentimento container, passphrase";
const SALT_CONTEXT: &str = "pentimento container, salt";
const FILL_CONTEXT: &str = "pentimento container, fill";

/// Makes the keys of a container its own. A salt serves one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub [u8; SALT_BYTES]);

impl Salt {
    /// The salt of a seed, which serves one container.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(blake3::derive_key(SALT_CONTEXT, seed))
    }

    /// The salt that a container begins with.
    ///
    /// # Errors
    /// If there are too few bytes for one.
    pub fn at_start(start: &[u8]) -> Result<Self, ContainerError> {
        let salt = start.first_chunk().ok_or(ContainerError::NoKeyFits)?;
        Ok(Self(*salt))
    }
}

/// A passphrase: 1 to [`PASSPHRASE_MAX_BYTES`] bytes, wiped when dropped.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// The passphrase in these bytes, none if there are too few or too many.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=PASSPHRASE_MAX_BYTES)
            .contains(&bytes.len())
            .then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The bytes, to stretch them.
    pub(in crate::crypto) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// What opens a container: a content key, or a stretched passphrase. Wiped when dropped.
pub struct Secret {
    bytes: Zeroizing<[u8; 32]>,
    is_passphrase: bool,
}

impl Secret {
    /// A content key.
    #[must_use]
    pub fn key(key: &[u8; 32]) -> Self {
        Self {
            bytes: Zeroizing::new(*key),
            is_passphrase: false,
        }
    }

    /// A passphrase, stretched for one container: Argon2id (RFC 9106) over 64 MiB, which takes
    /// some tens of milliseconds and those 64 MiB, on purpose.
    #[must_use]
    pub fn stretch(passphrase: &Passphrase, salt: &Salt) -> Self {
        let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, Some(32))
            .expect("the parameters are within the bounds of Argon2");
        let mut bytes = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&passphrase.0, &salt.0, &mut *bytes)
            .expect("passphrase and salt are within the bounds of Argon2");
        Self {
            bytes,
            is_passphrase: true,
        }
    }

    /// The seed of what fills the picture beside this container: whoever opens the container can
    /// make the picture again, and the seed says nothing of the secret.
    #[must_use]
    pub fn fill_seed(&self, salt: &Salt) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(FILL_CONTEXT);
        hasher.update(&*self.bytes);
        hasher.update(&salt.0);
        hasher.finalize().into()
    }

    fn derivation(&self) -> Derivation {
        Derivation::new(if self.is_passphrase {
            PASSPHRASE_CONTEXT
        } else {
            KEY_CONTEXT
        })
    }

    pub(super) fn keys(&self, salt: &Salt) -> Keys {
        self.derivation().keys(&self.bytes, salt)
    }

    pub(super) fn matching(&self, salt: &Salt, start: &[u8]) -> Option<Keys> {
        self.derivation().matching(&self.bytes, salt, start)
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The keys of one container.
pub(super) struct Keys {
    pub(super) commitment: [u8; COMMITMENT_BYTES],
    pub(super) head: Zeroizing<[u8; 32]>,
    pub(super) body: Zeroizing<[u8; 32]>,
}

/// BLAKE3 in its mode for deriving keys, the context taken in already.
pub(super) struct Derivation(blake3::Hasher);

impl Derivation {
    fn new(context: &str) -> Self {
        Self(blake3::Hasher::new_derive_key(context))
    }

    pub(super) fn of_keys() -> Self {
        Self::new(KEY_CONTEXT)
    }

    fn output(&self, secret: &[u8; 32], salt: &Salt) -> blake3::OutputReader {
        let mut hasher = self.0.clone();
        hasher.update(secret).update(&salt.0).finalize_xof()
    }

    fn keys(&self, secret: &[u8; 32], salt: &Salt) -> Keys {
        let mut output = self.output(secret, salt);
        let mut commitment = [0; COMMITMENT_BYTES];
        output.fill(&mut commitment);
        rest(commitment, output)
    }

    /// The keys, if the start of a container commits to this secret.
    pub(super) fn matching(&self, secret: &[u8; 32], salt: &Salt, start: &[u8]) -> Option<Keys> {
        let claimed = start.get(SALT_BYTES..SALT_BYTES + COMMITMENT_BYTES)?;
        let mut output = self.output(secret, salt);
        let mut commitment = [0; COMMITMENT_BYTES];
        output.fill(&mut commitment);
        verify_slices_are_equal(&commitment, claimed).ok()?;
        Some(rest(commitment, output))
    }
}

fn rest(commitment: [u8; COMMITMENT_BYTES], mut output: blake3::OutputReader) -> Keys {
    let mut keys = Keys {
        commitment,
        head: Zeroizing::new([0; 32]),
        body: Zeroizing::new([0; 32]),
    };
    output.fill(&mut *keys.head);
    output.fill(&mut *keys.body);
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_has_bounds_and_is_never_shown() {
        assert!(Passphrase::new(b"").is_none());
        assert!(Passphrase::new(&[b'x'; PASSPHRASE_MAX_BYTES + 1]).is_none());
        let longest = Passphrase::new(&[b'x'; PASSPHRASE_MAX_BYTES]).expect("within");
        assert_eq!(format!("{longest:?}"), "Passphrase(..)");
        let secret = Secret::key(&[120; 32]);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn a_key_and_a_stretched_passphrase_of_the_same_bytes_differ() {
        let salt = Salt([1; 32]);
        let key = Secret::key(&[5; 32]);
        let passphrase = Secret {
            bytes: Zeroizing::new([5; 32]),
            is_passphrase: true,
        };
        assert_ne!(
            key.keys(&salt).commitment,
            passphrase.keys(&salt).commitment
        );
    }

    #[test]
    fn every_key_depends_on_secret_and_salt() {
        let keys = |secret, salt| {
            let keys = Secret::key(&[secret; 32]).keys(&Salt([salt; 32]));
            [keys.commitment, *keys.head, *keys.body]
        };
        let mut all: Vec<_> = [keys(1, 1), keys(1, 2), keys(2, 1)].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 9);
    }
}
