//! The only place that knows the binary encoding: bincode 2, standard configuration, always with
//! a limit, always the whole slice.
//!
//! A frame is `VERSION | encoded packet`. The version byte comes first for ever, so that a later
//! program can refuse an older one in words it understands.

use bincode::config::standard;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::limits::{MESSAGE_MAX_BYTES, PACKET_MAX_BYTES};
use super::packet::Packet;

/// First byte of every datagram.
pub const VERSION: u8 = 1;

/// Why bytes are not what they should be. The bytes are dropped; no state changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum DecodeError {
    /// A datagram without a byte.
    #[error("empty")]
    Empty,
    /// Longer than the limit for its kind.
    #[error("longer than {limit_bytes} bytes")]
    TooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// Another version of the protocol.
    #[error("protocol version {0}, this program speaks {VERSION}")]
    Version(u8),
    /// Not an encoding of what is expected.
    #[error("malformed")]
    Malformed,
    /// An encoding of what is expected, with more bytes behind it.
    #[error("trailing bytes")]
    Trailing,
}

/// Why a value cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a packet of {size_bytes} bytes, there may be {PACKET_MAX_BYTES} at the most")]
pub struct EncodeError {
    /// Size of the encoded packet.
    pub size_bytes: usize,
}

/// Encodes a packet as one datagram.
///
/// # Errors
/// If it is larger than [`PACKET_MAX_BYTES`].
pub fn encode_packet(packet: &Packet) -> Result<Vec<u8>, EncodeError> {
    let mut frame = Vec::with_capacity(PACKET_MAX_BYTES);
    frame.push(VERSION);
    frame.extend_from_slice(&encode(packet));
    if frame.len() > PACKET_MAX_BYTES {
        return Err(EncodeError {
            size_bytes: frame.len(),
        });
    }
    Ok(frame)
}

/// Decodes one datagram.
///
/// # Errors
/// If it is not exactly one packet of this version, at most [`PACKET_MAX_BYTES`] long.
pub fn decode_packet(frame: &[u8]) -> Result<Packet, DecodeError> {
    let (&version, packet) = frame.split_first().ok_or(DecodeError::Empty)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    decode(packet, PACKET_MAX_BYTES)
}

/// Encodes a value for the inside of a message or for the disk.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, standard())
        .expect("our types encode into memory without fail")
}

/// Decodes a value that fills `bytes` exactly.
///
/// What a length field inside may claim is bounded by a small multiple of the bytes at hand, so a
/// short hostile input cannot ask for much memory.
///
/// # Errors
/// If `bytes` is longer than `limit_bytes`, no encoding of a `T`, or more than one.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that decodes, always with a limit"
)]
pub fn decode<T: DeserializeOwned>(bytes: &[u8], limit_bytes: usize) -> Result<T, DecodeError> {
    if bytes.len() > limit_bytes.min(MESSAGE_MAX_BYTES) {
        return Err(DecodeError::TooLong {
            limit_bytes: limit_bytes.min(MESSAGE_MAX_BYTES),
        });
    }
    // The limit is a constant in bincode's types, hence the classes.
    let decoded = match bytes.len() {
        0..=1_200 => bincode::serde::decode_from_slice(bytes, standard().with_limit::<8_192>()),
        1_201..=16_384 => {
            bincode::serde::decode_from_slice(bytes, standard().with_limit::<{ 64 << 10 }>())
        }
        16_385..=1_048_576 => {
            bincode::serde::decode_from_slice(bytes, standard().with_limit::<{ 4 << 20 }>())
        }
        _ => bincode::serde::decode_from_slice(bytes, standard().with_limit::<{ 128 << 20 }>()),
    };
    match decoded {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok(_) => Err(DecodeError::Trailing),
        Err(_) => Err(DecodeError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::proto::identity::{PublicIdentity, Signature};
    use crate::proto::ids::LetterId;
    use crate::proto::limits::{ERRAND_ACKS, LOOKUP_PAGE_ENTRIES, NAME_MAX_BYTES};
    use crate::proto::packet::{DirectoryEntry, Errand, ErrandKind, LookupAnswer};
    use crate::time::WallTime;

    const KEYS: PublicIdentity = PublicIdentity {
        sign: [0xff; 32],
        seal: [0xff; 32],
    };

    fn acks(letters: usize) -> Packet {
        Packet::Errand(Errand {
            user: KEYS,
            epoch: WallTime(u64::MAX),
            sequence: u64::MAX,
            kind: ErrandKind::AckMail(vec![LetterId([0xff; 16]); letters]),
            signature: Signature([[0xff; 32]; 2]),
        })
    }

    #[test]
    fn the_largest_page_and_the_largest_errand_fit_a_datagram() {
        let entry = DirectoryEntry {
            name: "x".repeat(NAME_MAX_BYTES),
            identity: KEYS,
            address: Some(SocketAddr::from(([0xffff; 8], u16::MAX))),
            last_seen: WallTime(u64::MAX),
        };
        let page = Packet::LookupAnswer(LookupAnswer {
            nonce: u64::MAX,
            entries: vec![entry; LOOKUP_PAGE_ENTRIES],
            more: true,
            pass: None,
        });
        for packet in [page, acks(ERRAND_ACKS)] {
            let frame = encode_packet(&packet).expect("fits");
            assert_eq!(decode_packet(&frame), Ok(packet));
        }
    }

    #[test]
    fn a_packet_over_the_limit_is_refused() {
        assert!(encode_packet(&acks(PACKET_MAX_BYTES / 16)).is_err());
    }

    #[test]
    fn bytes_that_are_no_packet_are_told_apart() {
        assert_eq!(decode_packet(&[]), Err(DecodeError::Empty));
        assert_eq!(decode_packet(&[9, 0, 0]), Err(DecodeError::Version(9)));
        assert_eq!(decode_packet(&[VERSION]), Err(DecodeError::Malformed));
        assert_eq!(
            decode_packet(&[VERSION, 250, 1, 2]),
            Err(DecodeError::Malformed)
        );
        let mut frame = encode_packet(&Packet::Bye).expect("fits");
        frame.push(0);
        assert_eq!(decode_packet(&frame), Err(DecodeError::Trailing));
        let long = vec![VERSION; PACKET_MAX_BYTES + 2];
        assert!(matches!(
            decode_packet(&long),
            Err(DecodeError::TooLong { .. })
        ));
    }

    #[test]
    fn a_claimed_length_reserves_no_memory_beyond_its_class() {
        // A byte string that claims 2^32 - 1 bytes in five.
        let hostile = [252, 255, 255, 255, 255];
        assert_eq!(decode::<Bytes>(&hostile, 100), Err(DecodeError::Malformed));
        assert_eq!(
            decode::<Vec<u64>>(&hostile, 100),
            Err(DecodeError::Malformed)
        );
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(frame in prop::collection::vec(any::<u8>(), 0..1_300)) {
            let _ = decode_packet(&frame);
            let mut versioned = vec![VERSION];
            versioned.extend(frame);
            let _ = decode_packet(&versioned);
        }

        #[test]
        fn what_decodes_encodes_to_the_same_packet(
            tail in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut frame = vec![VERSION];
            frame.extend(tail);
            if let Ok(packet) = decode_packet(&frame) {
                let again = encode_packet(&packet).expect("was short enough");
                prop_assert_eq!(decode_packet(&again), Ok(packet));
            }
        }
    }
}
