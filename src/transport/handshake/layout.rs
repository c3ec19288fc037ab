//! The bytes of handshake datagrams, and the codes that let most forgeries go unread.
//!
//! Integers are little endian; every datagram begins with version and kind.
//!
//! - initiation: `[session u32][pattern u8][length u16][noise message][zeros][mac1 16][mac2 16]`,
//!   at least [`INITIATION_MIN_BYTES`];
//! - answer: `[initiator's session u32][responder's session u32][noise message][mac 16]`;
//! - finish: `[responder's session u32][noise message][mac 16]`;
//! - cookie: `[initiator's session u32][random 16][sealed cookie 32]`.
//!
//! `mac1` is keyed with the responder's public key (with zeros if the initiator does not know it),
//! `mac2` with a cookie; both are over what comes before the zeros, and `mac2` over `mac1` too. The
//! code of an answer is keyed with the initiator's ephemeral key and that of a finish with the
//! responder's: who did not see the message before cannot make the other end compute.
//!
//! Inside the noise messages: first of IK `[stamp u64][suites u8][payload]`, of XX `[suites u8]`;
//! second `[suite u8][responder's session u32][payload]`; third `[payload]`.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::Reason;
use crate::crypto::noise::{KEY_BYTES, Pattern};
use crate::crypto::packet_keys::{Suite, Suites};
use crate::transport::way::RELAYED_BYTES;
use crate::transport::wire::{Kind, VERSION};

/// An initiation is at least this long, so that no answer is longer: what a relay passes on.
pub const INITIATION_MIN_BYTES: usize = RELAYED_BYTES;
/// No datagram is longer (65,535 less the headers of IPv4 and UDP).
pub const DATAGRAM_MAX_BYTES: usize = 65_507;
/// What a party may say of itself in its handshake message.
pub const PAYLOAD_MAX_BYTES: usize = 256;

/// Bytes of a message authentication code, and of a cookie.
pub(super) const MAC_BYTES: usize = 16;
/// Bytes of a cookie reply.
pub(super) const COOKIE_REPLY_BYTES: usize = 6 + 16 + 32;
/// Room for the longest noise message: keys, tags, fixed fields, payload.
pub(super) const NOISE_MAX_BYTES: usize = 2 * KEY_BYTES + 2 * MAC_BYTES + 9 + PAYLOAD_MAX_BYTES;

const INITIATION_HEAD: usize = 9;
const ANSWER_HEAD: usize = 10;
const FINISH_HEAD: usize = 6;

const MAC1_DOMAIN: &str = "pentimento 2 transport mac1";
const ANSWER_DOMAIN: &str = "pentimento 2 transport mac of an answer";
const FINISH_DOMAIN: &str = "pentimento 2 transport mac of a finish";

/// A code over parts of a datagram.
pub(super) type Mac = [u8; MAC_BYTES];

/// The key of `mac1` for a responder's public key, if it is known.
pub(super) fn mac1_key(remote: Option<&[u8; KEY_BYTES]>) -> [u8; 32] {
    blake3::derive_key(MAC1_DOMAIN, remote.unwrap_or(&[0; KEY_BYTES]))
}

pub(super) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Mac {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(part);
    }
    let mut mac = [0; MAC_BYTES];
    hasher.finalize_xof().fill(&mut mac);
    mac
}

/// The code of a datagram by a cookie.
pub(super) fn mac2(cookie: &Mac, signed: &[u8], mac1: &Mac) -> Mac {
    let mut key = [0; 32];
    key[..MAC_BYTES].copy_from_slice(cookie);
    mac(&key, &[signed, mac1])
}

pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

/// Ends a head of two bytes with sessions.
fn head(kind: Kind, sessions: &[u32]) -> Vec<u8> {
    let mut datagram = vec![VERSION, kind as u8];
    for session in sessions {
        datagram.extend_from_slice(&session.to_le_bytes());
    }
    datagram
}

/// What an initiation says in clear.
pub(super) struct Initiation<'a> {
    pub(super) session: u32,
    pub(super) pattern: Pattern,
    pub(super) noise: &'a [u8],
    /// What `mac1` is over.
    pub(super) signed: &'a [u8],
    pub(super) mac1: Mac,
    pub(super) mac2: Mac,
}

impl<'a> Initiation<'a> {
    /// Writes an initiation of `size` bytes; `mac2` is left zero, see [`set_mac2`].
    pub(super) fn write(
        (session, pattern): (u32, Pattern),
        noise: &[u8],
        mac1_key: &[u8; 32],
        size: usize,
    ) -> Vec<u8> {
        let mut datagram = head(Kind::Initiation, &[session]);
        datagram.push(pattern as u8);
        let length = u16::try_from(noise.len()).unwrap_or(u16::MAX);
        datagram.extend_from_slice(&length.to_le_bytes());
        datagram.extend_from_slice(noise);
        let mac1 = mac(mac1_key, &[&datagram]);
        datagram.resize(size - 2 * MAC_BYTES, 0);
        datagram.extend_from_slice(&mac1);
        datagram.resize(size, 0);
        datagram
    }

    /// Reads what [`Self::write`] wrote. Version and kind were looked at.
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, Reason> {
        if datagram.len() < INITIATION_MIN_BYTES {
            return Err(Reason::TooShort);
        }
        let (rest, mac2) = datagram.split_last_chunk().ok_or(Reason::TooShort)?;
        let (body, mac1) = rest.split_last_chunk().ok_or(Reason::TooShort)?;
        let session = u32_at(body, 2).ok_or(Reason::TooShort)?;
        let pattern = Pattern::from_byte(body[6]).ok_or(Reason::Malformed)?;
        let length = usize::from(u16::from_le_bytes([body[7], body[8]]));
        let end = INITIATION_HEAD + length;
        if !(KEY_BYTES..=NOISE_MAX_BYTES).contains(&length) || end > body.len() {
            return Err(Reason::Malformed);
        }
        let (signed, zeros) = body.split_at(end);
        if zeros.iter().fold(0, |all, byte| all | byte) != 0 {
            return Err(Reason::Malformed);
        }
        Ok(Self {
            session,
            pattern,
            noise: &signed[INITIATION_HEAD..],
            signed,
            mac1: *mac1,
            mac2: *mac2,
        })
    }

    /// The initiator's ephemeral public key.
    pub(super) fn ephemeral(&self) -> &'a [u8] {
        &self.noise[..KEY_BYTES]
    }
}

/// The same initiation in a datagram of another size, without a code by a cookie.
pub(super) fn resize(datagram: &[u8], size: usize) -> Vec<u8> {
    let Ok(initiation) = Initiation::parse(datagram) else {
        return datagram.to_vec();
    };
    let size = size.clamp(INITIATION_MIN_BYTES, DATAGRAM_MAX_BYTES);
    let mut resized = initiation.signed.to_vec();
    resized.resize(size - 2 * MAC_BYTES, 0);
    resized.extend_from_slice(&initiation.mac1);
    resized.resize(size, 0);
    resized
}

/// Writes the code by a cookie into an initiation that was written before.
pub(super) fn set_mac2(datagram: &mut [u8], cookie: &Mac) {
    let code = match Initiation::parse(datagram) {
        Ok(initiation) => mac2(cookie, initiation.signed, &initiation.mac1),
        Err(_) => return,
    };
    if let Some(place) = datagram.last_chunk_mut() {
        *place = code;
    }
}

fn keyed(domain: &str, ephemeral: &[u8], signed: &[u8]) -> Mac {
    mac(&blake3::derive_key(domain, ephemeral), &[signed])
}

/// Splits a datagram of a fixed head, a noise message and a code, which must be right.
fn open<'a>(
    datagram: &'a [u8],
    head: usize,
    (domain, ephemeral): (&str, &[u8]),
) -> Result<&'a [u8], Reason> {
    let (signed, code) = datagram
        .split_last_chunk::<MAC_BYTES>()
        .ok_or(Reason::TooShort)?;
    let noise = signed.get(head..).ok_or(Reason::TooShort)?;
    if noise.len() > NOISE_MAX_BYTES {
        return Err(Reason::Malformed);
    }
    if !equal(&keyed(domain, ephemeral, signed), code) {
        return Err(Reason::BadMac);
    }
    Ok(noise)
}

fn close(mut datagram: Vec<u8>, noise: &[u8], domain: &str, ephemeral: &[u8]) -> Vec<u8> {
    datagram.extend_from_slice(noise);
    let code = keyed(domain, ephemeral, &datagram);
    datagram.extend_from_slice(&code);
    datagram
}

/// An answer; `ephemeral` is the initiator's.
pub(super) fn write_answer(
    initiator: u32,
    responder: u32,
    noise: &[u8],
    ephemeral: &[u8],
) -> Vec<u8> {
    let datagram = head(Kind::Answer, &[initiator, responder]);
    close(datagram, noise, ANSWER_DOMAIN, ephemeral)
}

/// The responder's session and the noise message of an answer to `initiator`.
pub(super) fn parse_answer<'a>(
    datagram: &'a [u8],
    initiator: u32,
    ephemeral: &[u8],
) -> Result<(u32, &'a [u8]), Reason> {
    let session = u32_at(datagram, 2).ok_or(Reason::TooShort)?;
    let responder = u32_at(datagram, 6).ok_or(Reason::TooShort)?;
    if session != initiator {
        return Err(Reason::UnknownHandshake);
    }
    let noise = open(datagram, ANSWER_HEAD, (ANSWER_DOMAIN, ephemeral))?;
    Ok((responder, noise))
}

/// A finish; `ephemeral` is the responder's.
pub(super) fn write_finish(responder: u32, noise: &[u8], ephemeral: &[u8]) -> Vec<u8> {
    let datagram = head(Kind::Finish, &[responder]);
    close(datagram, noise, FINISH_DOMAIN, ephemeral)
}

/// The session that a finish, a cookie or an answer is for.
pub(super) fn session_of(datagram: &[u8]) -> Result<u32, Reason> {
    u32_at(datagram, 2).ok_or(Reason::TooShort)
}

/// The noise message of a finish.
pub(super) fn parse_finish<'a>(datagram: &'a [u8], ephemeral: &[u8]) -> Result<&'a [u8], Reason> {
    open(datagram, FINISH_HEAD, (FINISH_DOMAIN, ephemeral))
}

/// A cookie reply.
pub(super) fn write_cookie(session: u32, random: &[u8; 16], sealed: &[u8; 32]) -> Vec<u8> {
    let mut datagram = head(Kind::Cookie, &[session]);
    datagram.extend_from_slice(random);
    datagram.extend_from_slice(sealed);
    datagram
}

/// What is in a cookie reply: session, random, sealed cookie.
pub(super) fn parse_cookie(datagram: &[u8]) -> Result<(u32, [u8; 16], [u8; 32]), Reason> {
    let bytes: &[u8; COOKIE_REPLY_BYTES] = datagram.try_into().map_err(|_| Reason::Malformed)?;
    let session = session_of(bytes)?;
    let (rest, sealed) = bytes.split_last_chunk().ok_or(Reason::Malformed)?;
    let random = rest.last_chunk().ok_or(Reason::Malformed)?;
    Ok((session, *random, *sealed))
}

/// What the initiator says in its first message.
pub(super) struct Opening<'a> {
    /// Microseconds of its calendar, growing with every handshake; IK only.
    pub(super) stamp: u64,
    pub(super) suites: Suites,
    pub(super) payload: &'a [u8],
}

impl<'a> Opening<'a> {
    pub(super) fn write(&self, pattern: Pattern) -> Vec<u8> {
        match pattern {
            Pattern::Xx => vec![self.suites.to_byte()],
            Pattern::Ik => {
                let mut bytes = self.stamp.to_le_bytes().to_vec();
                bytes.push(self.suites.to_byte());
                bytes.extend_from_slice(self.payload);
                bytes
            }
        }
    }

    pub(super) fn parse(pattern: Pattern, bytes: &'a [u8]) -> Result<Self, Reason> {
        let (stamp, rest) = match pattern {
            Pattern::Xx => (0, bytes),
            Pattern::Ik => {
                let (stamp, rest) = bytes.split_first_chunk().ok_or(Reason::Malformed)?;
                (u64::from_le_bytes(*stamp), rest)
            }
        };
        let (&suites, payload) = rest.split_first().ok_or(Reason::Malformed)?;
        let limit = match pattern {
            Pattern::Ik => PAYLOAD_MAX_BYTES,
            Pattern::Xx => 0,
        };
        if payload.len() > limit {
            return Err(Reason::Malformed);
        }
        Ok(Self {
            stamp,
            suites: Suites::from_byte(suites),
            payload,
        })
    }
}

/// What the responder says in the second message.
pub(super) struct Reply<'a> {
    pub(super) suite: Suite,
    pub(super) session: u32,
    pub(super) payload: &'a [u8],
}

impl<'a> Reply<'a> {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = vec![self.suite as u8];
        bytes.extend_from_slice(&self.session.to_le_bytes());
        bytes.extend_from_slice(self.payload);
        bytes
    }

    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Reason> {
        let session = u32_at(bytes, 1).ok_or(Reason::Malformed)?;
        let payload = bytes.get(5..).ok_or(Reason::Malformed)?;
        if payload.len() > PAYLOAD_MAX_BYTES {
            return Err(Reason::Malformed);
        }
        Ok(Self {
            suite: Suite::from_byte(bytes[0]).ok_or(Reason::Malformed)?,
            session,
            payload,
        })
    }
}

/// What both ends hash before the first message: versions, pattern, the initiator's session.
pub(super) fn prologue(pattern: Pattern, session: u32) -> [u8; 16] {
    let mut bytes = *b"pentimento\0\0\0\0\0\0";
    bytes[10] = VERSION;
    bytes[11] = pattern as u8;
    bytes[12..].copy_from_slice(&session.to_le_bytes());
    bytes
}
