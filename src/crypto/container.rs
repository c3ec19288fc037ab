//! The sealed container that is hidden in a picture. Without the key it is noise from its first
//! bit to its last: no header, no length, nothing in the clear.
//!
//! Layout: `nonce (24) | sealed head (HEAD_BYTES + 16) | sealed content`. The head tells how long
//! the content is, so that a reader needs only the first bytes of a picture to know whether a key
//! fits. Both are sealed with XChaCha20-Poly1305 under keys and nonces derived from the content
//! key and the nonce; the content is the encoded rights, then the original, compressed as a whole
//! if that makes it smaller.

use std::io::{Read, Write};

use bytes::Bytes;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::proto::codec;
use crate::proto::ids::{GrantId, UserId};
use crate::proto::limits::MESSAGE_MAX_BYTES;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = 16;
/// Bytes at the start of a container that tell whether a key fits.
pub const PROBE_BYTES: usize = NONCE_BYTES + HEAD_BYTES + TAG_BYTES;
/// Compression is tried only on a sample; a gain below one part in this many is no gain.
const GAIN_PARTS: usize = 16;

/// The rights that travel inside a picture (and are authenticated with it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// File name of the image.
    pub name: String,
    /// The owner.
    pub owner: UserId,
    /// The borrower; the owner for a picture hidden for oneself.
    pub borrower: UserId,
    /// The grant it belongs to, none for oneself.
    pub grant: Option<GrantId>,
    /// Looks granted when it was made.
    pub views: u32,
}

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

/// What a fitting key tells of a container before its content is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Place of the fitting key in the list that was tried.
    pub key_index: usize,
    /// Size of the whole container in bytes.
    pub total_bytes: usize,
    compressed: bool,
}

/// Seals an original with its rights. `seed` must be fresh for each call.
#[must_use]
pub fn seal(rights: &Rights, original: &[u8], key: &[u8; 32], seed: &[u8; 32]) -> Vec<u8> {
    let rights = codec::encode(rights);
    let mut content = Vec::with_capacity(4 + rights.len() + original.len());
    content.extend_from_slice(&(rights.len() as u32).to_le_bytes());
    content.extend_from_slice(&rights);
    content.extend_from_slice(original);
    let (content, compressed) = match compress(&content) {
        Some(smaller) => (smaller, true),
        None => (content, false),
    };
    let nonce = nonce_from(seed);
    let mut head = [0; HEAD_BYTES];
    head[0] = VERSION;
    head[1] = u8::from(compressed);
    head[4..12].copy_from_slice(&(content.len() as u64).to_le_bytes());
    let mut container = Vec::with_capacity(PROBE_BYTES + content.len() + TAG_BYTES);
    container.extend_from_slice(&nonce);
    container.extend_from_slice(&encrypt(key, &nonce, Part::Head, &head));
    container.extend_from_slice(&encrypt(key, &nonce, Part::Content, &content));
    container
}

/// Finds the key that fits, from the first [`PROBE_BYTES`] of a container.
///
/// # Errors
/// If no key fits, or one fits a container of a newer version.
pub fn probe(start: &[u8], keys: &[[u8; 32]]) -> Result<Head, ContainerError> {
    let start = start.get(..PROBE_BYTES).ok_or(ContainerError::NoKeyFits)?;
    let (nonce, sealed) = start.split_at(NONCE_BYTES);
    for (key_index, key) in keys.iter().enumerate() {
        let Some(head) = decrypt(key, nonce, Part::Head, sealed) else {
            continue;
        };
        if head[0] != VERSION {
            return Err(ContainerError::Version(head[0]));
        }
        let mut length = [0; 8];
        length.copy_from_slice(&head[4..12]);
        let length = usize::try_from(u64::from_le_bytes(length))
            .ok()
            .filter(|length| *length <= MESSAGE_MAX_BYTES)
            .ok_or(ContainerError::Damaged)?;
        let total_bytes = PROBE_BYTES + length + TAG_BYTES;
        return Ok(Head {
            key_index,
            total_bytes,
            compressed: head[1] == 1,
        });
    }
    Err(ContainerError::NoKeyFits)
}

/// Opens a container of exactly [`Head::total_bytes`] with the key that fitted.
///
/// # Errors
/// If the content is not, bit for bit, what was sealed.
pub fn open(
    container: &[u8],
    head: Head,
    key: &[u8; 32],
) -> Result<(Rights, Bytes), ContainerError> {
    if container.len() != head.total_bytes {
        return Err(ContainerError::Damaged);
    }
    let (nonce, sealed) = (&container[..NONCE_BYTES], &container[PROBE_BYTES..]);
    let content = decrypt(key, nonce, Part::Content, sealed).ok_or(ContainerError::Damaged)?;
    let content = if head.compressed {
        decompress(&content)?
    } else {
        content
    };
    let (length, rest) = content.split_at_checked(4).ok_or(ContainerError::Damaged)?;
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
    let (rights, _) = rest
        .split_at_checked(length)
        .ok_or(ContainerError::Damaged)?;
    let rights = codec::decode(rights, 4_096).map_err(|_| ContainerError::Damaged)?;
    Ok((rights, Bytes::from(content).slice(4 + length..)))
}

#[derive(Clone, Copy)]
enum Part {
    Head,
    Content,
}

/// A cipher for one part; each part has a key of its own, so that one nonce serves both.
fn cipher(key: &[u8; 32], part: Part) -> XChaCha20Poly1305 {
    let context = match part {
        Part::Head => "pentimento 1 container head",
        Part::Content => "pentimento 1 container content",
    };
    XChaCha20Poly1305::new(&blake3::derive_key(context, key).into())
}

fn encrypt(key: &[u8; 32], nonce: &[u8; NONCE_BYTES], part: Part, plain: &[u8]) -> Vec<u8> {
    cipher(key, part)
        .encrypt(&XNonce::from(*nonce), plain)
        .expect("messages are far below the cipher's limit of 256 GB")
}

fn decrypt(key: &[u8; 32], nonce: &[u8], part: Part, sealed: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
    cipher(key, part).decrypt(&XNonce::from(nonce), sealed).ok()
}

fn nonce_from(seed: &[u8; 32]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&blake3::derive_key("pentimento 1 container nonce", seed)[..NONCE_BYTES]);
    nonce
}

/// The compressed content if that is clearly smaller. Most originals are compressed already, and
/// then a sample tells without work on the whole.
fn compress(content: &[u8]) -> Option<Vec<u8>> {
    let sample = &content[..content.len().min(64 << 10)];
    let gain = |before: usize, after: usize| after + before / GAIN_PARTS < before;
    if !gain(sample.len(), deflate(sample).len()) {
        return None;
    }
    let smaller = deflate(content);
    gain(content.len(), smaller.len()).then_some(smaller)
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(bytes)
        .expect("a vector takes every write");
    encoder.finish().expect("a vector takes every write")
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, ContainerError> {
    let mut content = Vec::new();
    let mut bounded = ZlibDecoder::new(bytes).take(MESSAGE_MAX_BYTES as u64 + 1);
    bounded
        .read_to_end(&mut content)
        .map_err(|_| ContainerError::Damaged)?;
    if content.len() > MESSAGE_MAX_BYTES {
        return Err(ContainerError::Damaged);
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn rights() -> Rights {
        Rights {
            name: "beach.jpg".into(),
            owner: UserId([1; 32]),
            borrower: UserId([2; 32]),
            grant: None,
            views: 2,
        }
    }

    #[test]
    fn the_right_key_among_others_opens_it() {
        let container = seal(&rights(), b"original", &KEY, &[1; 32]);
        let head = probe(&container, &[[0; 32], [1; 32], KEY]).expect("fits");
        assert_eq!((head.key_index, head.total_bytes), (2, container.len()));
        let (found, original) = open(&container, head, &KEY).expect("opens");
        assert_eq!((found, original.as_ref()), (rights(), &b"original"[..]));
    }

    #[test]
    fn without_the_key_it_is_not_even_recognised() {
        let container = seal(&rights(), b"original", &KEY, &[1; 32]);
        assert_eq!(
            probe(&container, &[[0; 32]]),
            Err(ContainerError::NoKeyFits)
        );
        assert_eq!(probe(&[0; 10], &[KEY]), Err(ContainerError::NoKeyFits));
        assert_eq!(probe(&container, &[]), Err(ContainerError::NoKeyFits));
    }

    #[test]
    fn text_is_compressed_and_noise_is_not() {
        let text = vec![b'a'; 100_000];
        assert!(seal(&rights(), &text, &KEY, &[1; 32]).len() < 2_000);
        let mut noise = vec![0; 100_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let sealed = seal(&rights(), &noise, &KEY, &[1; 32]).len();
        assert!((100_000..100_300).contains(&sealed), "{sealed}");
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let container = seal(&rights(), b"an original", &KEY, &[1; 32]);
        for bit in 0..container.len() * 8 {
            let mut bent = container.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let result = probe(&bent, &[KEY]).and_then(|head| open(&bent, head, &KEY));
            assert!(result.is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(original in prop::collection::vec(any::<u8>(), 0..5_000)) {
            let container = seal(&rights(), &original, &KEY, &[3; 32]);
            let head = probe(&container, &[KEY]).expect("fits");
            let (_, found) = open(&container, head, &KEY).expect("opens");
            prop_assert_eq!(found.as_ref(), &original[..]);
        }

        #[test]
        fn any_bytes_end_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(probe(&bytes, &[KEY]).is_err());
        }
    }
}
