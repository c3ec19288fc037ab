//! Sealing, signing, checking and opening letters.
//!
//! Sealed by HPKE (RFC 9180) in base mode with X25519, HKDF-SHA256 and ChaCha20-Poly1305; the
//! sender's authenticity comes from the Ed25519 signature over the whole envelope.

use bytes::Bytes;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use thiserror::Error;

use super::identity::{SecretIdentity, verify};
use crate::proto::codec;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{LetterId, UserId};
use crate::proto::letter::{Letter, Note};
use crate::proto::limits::LETTER_MAX_BYTES;
use crate::time::WallTime;

const LETTER_DOMAIN: &str = "pentimento 1 letter";
const INFO: &[u8] = b"pentimento 1 note";
const KEY_BYTES: usize = 32;

/// Why a letter cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The reader's key is no X25519 key.
    #[error("the reader's key is invalid")]
    ReaderKey,
    /// The note is too large for a letter.
    #[error("a note of {size_bytes} bytes does not fit a letter of {LETTER_MAX_BYTES}")]
    TooLarge {
        /// Size of the sealed note.
        size_bytes: usize,
    },
}

/// Why a letter is not taken. Nothing of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// It is for somebody else.
    #[error("the letter is for another user")]
    NotForUs,
    /// The signature is not the writer's.
    #[error("the letter is not signed by its writer")]
    Signature,
    /// It does not open with our key, or its content is no note.
    #[error("the letter does not open")]
    Sealed,
}

/// Seals and signs a note. `seed` must be fresh for each letter.
///
/// # Errors
/// If the reader's key is invalid or the note is too large.
pub fn seal(
    writer: &SecretIdentity,
    reader: &PublicIdentity,
    id: LetterId,
    posted_at: WallTime,
    note: &Note,
    seed: [u8; 32],
) -> Result<Letter, SealError> {
    let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&reader.seal)
        .map_err(|_| SealError::ReaderKey)?;
    let mut rng = ChaCha20Rng::from_seed(seed);
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &key,
            INFO,
            &codec::encode(note),
            &id.0,
            &mut rng,
        )
        .map_err(|_| SealError::ReaderKey)?;
    let sealed = [encapsulated.to_bytes().as_slice(), &ciphertext].concat();
    if sealed.len() > LETTER_MAX_BYTES {
        return Err(SealError::TooLarge {
            size_bytes: sealed.len(),
        });
    }
    let (from, to, sealed) = (*writer.public(), reader.user_id(), Bytes::from(sealed));
    let signature = writer.sign(
        LETTER_DOMAIN,
        &signed_part(id, &from, to, posted_at, &sealed),
    );
    Ok(Letter {
        id,
        from,
        to,
        posted_at,
        sealed,
        signature,
    })
}

/// Whether a letter is within its limits and signed by its writer. Needs no secret.
#[must_use]
pub fn is_authentic(letter: &Letter) -> bool {
    let Letter {
        id,
        from,
        to,
        posted_at,
        sealed,
        signature,
    } = letter;
    sealed.len() <= LETTER_MAX_BYTES
        && verify(
            from,
            LETTER_DOMAIN,
            &signed_part(*id, from, *to, *posted_at, sealed),
            signature,
        )
}

/// Checks and opens a letter.
///
/// # Errors
/// If it is not for `reader`, not signed by its writer, or does not open.
pub fn open(reader: &SecretIdentity, letter: &Letter) -> Result<Note, OpenError> {
    if letter.to != reader.user_id() {
        return Err(OpenError::NotForUs);
    }
    if !is_authentic(letter) {
        return Err(OpenError::Signature);
    }
    if letter.sealed.len() < KEY_BYTES {
        return Err(OpenError::Sealed);
    }
    let (encapsulated, ciphertext) = letter.sealed.split_at(KEY_BYTES);
    let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated)
        .map_err(|_| OpenError::Sealed)?;
    let note = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &reader.unseal,
        &encapsulated,
        INFO,
        ciphertext,
        &letter.id.0,
    )
    .map_err(|_| OpenError::Sealed)?;
    codec::decode(&note, LETTER_MAX_BYTES).map_err(|_| OpenError::Sealed)
}

fn signed_part(
    id: LetterId,
    from: &PublicIdentity,
    to: UserId,
    posted_at: WallTime,
    sealed: &Bytes,
) -> Vec<u8> {
    codec::encode(&(id, from, to, posted_at, sealed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::cargo::Form;
    use crate::proto::ids::GrantId;

    fn letter() -> (SecretIdentity, SecretIdentity, Letter) {
        let alice = SecretIdentity::from_secret([1; 32]);
        let bob = SecretIdentity::from_secret([2; 32]);
        let note = Note::PictureAsk {
            grant: GrantId([5; 16]),
            form: Form::Delta,
        };
        let letter = seal(
            &alice,
            bob.public(),
            LetterId([3; 16]),
            WallTime(9),
            &note,
            [4; 32],
        )
        .expect("seals");
        (alice, bob, letter)
    }

    #[test]
    fn the_reader_opens_what_the_writer_sealed() {
        let (_, bob, letter) = letter();
        assert_eq!(
            open(&bob, &letter),
            Ok(Note::PictureAsk {
                grant: GrantId([5; 16]),
                form: Form::Delta
            })
        );
    }

    #[test]
    fn nobody_else_opens_it() {
        let (alice, _, letter) = letter();
        assert_eq!(open(&alice, &letter), Err(OpenError::NotForUs));
    }

    #[test]
    fn a_changed_letter_is_refused() {
        let (_, bob, letter) = letter();
        let later = Letter {
            posted_at: WallTime(10),
            ..letter.clone()
        };
        assert_eq!(open(&bob, &later), Err(OpenError::Signature));
        let mut sealed = letter.sealed.to_vec();
        sealed[40] ^= 1;
        let bent = Letter {
            sealed: sealed.into(),
            ..letter
        };
        assert_eq!(open(&bob, &bent), Err(OpenError::Signature));
    }

    #[test]
    fn a_note_beyond_the_limit_is_refused() {
        let alice = SecretIdentity::from_secret([1; 32]);
        let note = Note::GalleryAsk {
            nonce: 1,
            from_name: "x".repeat(LETTER_MAX_BYTES),
        };
        let sealed = seal(
            &alice,
            alice.public(),
            LetterId([0; 16]),
            WallTime(0),
            &note,
            [0; 32],
        );
        assert!(matches!(sealed, Err(SealError::TooLarge { .. })));
    }
}
