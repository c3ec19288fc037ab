//! The part of a datagram that everybody can read: which version, which kind, which session.
//!
//! A datagram begins with one byte. `0x00` is a refusal, fixed for all versions. From `0x80` on it
//! is a sealed packet of a session, whose two ends agreed on a version when the session began. All
//! others name the version of a handshake datagram; its second byte is the kind. Integers are
//! little endian. Nothing here decides anything; what does not parse is named and dropped.

use thiserror::Error;

/// The version of handshake and packets that this program speaks.
pub const VERSION: u8 = 2;

/// First bytes of a refusal, whatever the version.
const REFUSAL: [u8; 5] = [0, b'P', b'N', b'T', b'M'];
/// Bytes of a refusal.
pub const REFUSAL_BYTES: usize = 11;

/// Set in the first byte of a sealed packet.
const SEALED: u8 = 0x80;
/// Bytes of a sealed packet before what is sealed: kind, session, number.
pub const HEADER_BYTES: usize = 11;
/// Bytes of the authentication tag at the end of a sealed packet.
pub const TAG_BYTES: usize = 16;

/// First number that no packet may have: numbers are written in 48 bits.
pub const NUMBERS: u64 = 1 << 48;

/// The kind of a handshake datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// First message of a handshake.
    Initiation = 1,
    /// The answer to it.
    Answer = 2,
    /// Third message, where the initiator did not know the responder's key.
    Finish = 3,
    /// Prove your address first.
    Cookie = 4,
    /// First packets of a session that goes on from an earlier one.
    Early = 5,
    /// The answer to them.
    EarlyAnswer = 6,
    /// The session that a packet named is not known here.
    UnknownSession = 7,
    /// Opens the way for those who want to reach its sender.
    Opener = 8,
}

/// The cleartext of a sealed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Generation of the key, modulo 4.
    pub generation: u8,
    /// The session, as its receiver numbered it.
    pub session: u32,
    /// The packet's number, below [`NUMBERS`].
    pub number: u64,
}

impl Header {
    /// Writes the header.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = SEALED | (self.generation & 3);
        bytes[1..5].copy_from_slice(&self.session.to_le_bytes());
        bytes[5..].copy_from_slice(&self.number.to_le_bytes()[..6]);
        bytes
    }

    fn parse(datagram: &[u8]) -> Option<Self> {
        let (header, _) = datagram.split_first_chunk::<HEADER_BYTES>()?;
        let [kind, s0, s1, s2, s3, number @ ..] = *header;
        let mut wide = [0; 8];
        wide[..6].copy_from_slice(&number);
        Some(Self {
            generation: kind & 3,
            session: u32::from_le_bytes([s0, s1, s2, s3]),
            number: u64::from_le_bytes(wide),
        })
    }
}

/// What a datagram is, by its cleartext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outer {
    /// A sealed packet.
    Sealed(Header),
    /// A datagram of a handshake.
    Handshake(Kind),
    /// The other end speaks these versions only.
    Refusal {
        /// Lowest version that it speaks.
        lowest: u8,
        /// Highest version that it speaks.
        highest: u8,
        /// The initiator's session, repeated.
        session: u32,
    },
}

/// Why a datagram is dropped before a key is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum WireError {
    /// Not a byte.
    #[error("empty")]
    Empty,
    /// Too short for what its first byte says.
    #[error("too short")]
    TooShort,
    /// A first byte that no version has.
    #[error("unknown kind")]
    UnknownKind,
    /// Another version of the handshake.
    #[error("another version of the protocol")]
    Version(u8),
}

/// Tells what a datagram is.
///
/// # Errors
/// If it cannot be a datagram of this version.
pub fn parse(datagram: &[u8]) -> Result<Outer, WireError> {
    let &first = datagram.first().ok_or(WireError::Empty)?;
    match first {
        0 => parse_refusal(datagram),
        SEALED..=0xff if first & !(SEALED | 3) != 0 => Err(WireError::UnknownKind),
        SEALED..=0xff if datagram.len() < HEADER_BYTES + TAG_BYTES => Err(WireError::TooShort),
        SEALED..=0xff => Header::parse(datagram)
            .map(Outer::Sealed)
            .ok_or(WireError::TooShort),
        VERSION => parse_handshake(datagram),
        other => Err(WireError::Version(other)),
    }
}

fn parse_handshake(datagram: &[u8]) -> Result<Outer, WireError> {
    let kind = match datagram.get(1) {
        None => return Err(WireError::TooShort),
        Some(1) => Kind::Initiation,
        Some(2) => Kind::Answer,
        Some(3) => Kind::Finish,
        Some(4) => Kind::Cookie,
        Some(5) => Kind::Early,
        Some(6) => Kind::EarlyAnswer,
        Some(7) => Kind::UnknownSession,
        Some(8) => Kind::Opener,
        Some(_) => return Err(WireError::UnknownKind),
    };
    Ok(Outer::Handshake(kind))
}

fn parse_refusal(datagram: &[u8]) -> Result<Outer, WireError> {
    if datagram.len() < REFUSAL_BYTES {
        return Err(WireError::TooShort);
    }
    if datagram[..5] != REFUSAL {
        return Err(WireError::UnknownKind);
    }
    let session = [datagram[7], datagram[8], datagram[9], datagram[10]];
    Ok(Outer::Refusal {
        lowest: datagram[5],
        highest: datagram[6],
        session: u32::from_le_bytes(session),
    })
}

/// The answer to a handshake of another version; none if the datagram is too short to deserve one.
#[must_use]
pub fn refusal(datagram: &[u8]) -> Option<[u8; REFUSAL_BYTES]> {
    // Whoever made that version: the session follows version and kind for ever.
    let session = datagram.get(2..6).filter(|_| datagram.len() >= 64)?;
    let mut bytes = [0; REFUSAL_BYTES];
    bytes[..5].copy_from_slice(&REFUSAL);
    bytes[5] = VERSION;
    bytes[6] = VERSION;
    bytes[7..].copy_from_slice(session);
    Some(bytes)
}

/// Bytes of [`unknown_session`].
pub const UNKNOWN_SESSION_BYTES: usize = 12;

/// Says that the session of a packet is not known here: its header's session and number again. No
/// longer than any sealed packet. Whoever reads it must take it for a hint only.
#[must_use]
pub fn unknown_session(header: Header) -> [u8; UNKNOWN_SESSION_BYTES] {
    let mut bytes = [0; UNKNOWN_SESSION_BYTES];
    bytes[0] = VERSION;
    bytes[1] = Kind::UnknownSession as u8;
    bytes[2..6].copy_from_slice(&header.session.to_le_bytes());
    bytes[6..].copy_from_slice(&header.number.to_le_bytes()[..6]);
    bytes
}

/// Reads what [`unknown_session`] wrote: session and number.
#[must_use]
pub fn parse_unknown_session(datagram: &[u8]) -> Option<(u32, u64)> {
    let bytes: &[u8; UNKNOWN_SESSION_BYTES] = datagram.try_into().ok()?;
    let mut number = [0; 8];
    number[..6].copy_from_slice(&bytes[6..]);
    let session = u32::from_le_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]);
    Some((session, u64::from_le_bytes(number)))
}

/// Bytes of [`opener`].
pub const OPENER_BYTES: usize = 10;

/// Opens the way for somebody who wants to reach us: the number of their introduction. Whoever
/// reads it must take it for a hint only.
#[must_use]
pub fn opener(number: u64) -> [u8; OPENER_BYTES] {
    let mut bytes = [0; OPENER_BYTES];
    bytes[0] = VERSION;
    bytes[1] = Kind::Opener as u8;
    bytes[2..].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Reads what [`opener`] wrote.
#[must_use]
pub fn parse_opener(datagram: &[u8]) -> Option<u64> {
    let bytes: &[u8; OPENER_BYTES] = datagram.try_into().ok()?;
    let (_, number) = bytes.split_last_chunk()?;
    Some(u64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_comes_back() {
        let header = Header {
            generation: 3,
            session: 0xdead_beef,
            number: NUMBERS - 1,
        };
        let mut datagram = header.to_bytes().to_vec();
        assert_eq!(parse(&datagram), Err(WireError::TooShort));
        datagram.resize(HEADER_BYTES + TAG_BYTES, 0);
        assert_eq!(parse(&datagram), Ok(Outer::Sealed(header)));
    }

    #[test]
    fn what_is_no_datagram_of_ours_is_named() {
        assert_eq!(parse(&[]), Err(WireError::Empty));
        assert_eq!(parse(&[1, 2, 3, 4, 5]), Err(WireError::Version(1)));
        assert_eq!(parse(&[77; 1_500]), Err(WireError::Version(77)));
        assert_eq!(parse(&[VERSION]), Err(WireError::TooShort));
        assert_eq!(parse(&[VERSION, 99]), Err(WireError::UnknownKind));
        assert_eq!(parse(&[0x84; 40]), Err(WireError::UnknownKind));
        assert_eq!(parse(&[0; 5]), Err(WireError::TooShort));
        assert_eq!(parse(&[0; 50]), Err(WireError::UnknownKind));
    }

    #[test]
    fn a_version_from_the_future_is_told_what_is_spoken_here() {
        let mut future = vec![VERSION + 1; 1_200];
        future[2..6].copy_from_slice(&7_u32.to_le_bytes());
        let refusal = refusal(&future).expect("long enough");
        assert_eq!(
            parse(&refusal),
            Ok(Outer::Refusal {
                lowest: VERSION,
                highest: VERSION,
                session: 7
            })
        );
    }

    #[test]
    fn a_datagram_too_short_to_be_a_handshake_is_not_answered() {
        assert_eq!(refusal(&[VERSION + 1; 63]), None);
    }

    #[test]
    fn an_unknown_session_is_told_with_its_number() {
        let header = Header {
            generation: 0,
            session: 9,
            number: 1 << 40,
        };
        let hint = unknown_session(header);
        assert_eq!(parse(&hint), Ok(Outer::Handshake(Kind::UnknownSession)));
        assert_eq!(parse_unknown_session(&hint), Some((9, 1 << 40)));
        assert_eq!(parse_unknown_session(&hint[1..]), None);
    }

    #[test]
    fn an_opener_comes_back() {
        let opener = opener(1 << 60);
        assert_eq!(parse(&opener), Ok(Outer::Handshake(Kind::Opener)));
        assert_eq!(parse_opener(&opener), Some(1 << 60));
        assert_eq!(parse_opener(&opener[1..]), None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(datagram in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&datagram);
            let _ = refusal(&datagram);
            let _ = parse_unknown_session(&datagram);
            let _ = parse_opener(&datagram);
        }
    }
}
