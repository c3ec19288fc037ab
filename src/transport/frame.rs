//! What is inside a sealed packet: frames, one after another.
//!
//! A frame is a type byte and its fields, integers little endian. A fragment or padding goes on to
//! the end of the packet. Reading never allocates and never trusts a length; a frame that does not
//! parse ends the packet, which then counts as damaged as a whole.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use super::message::{STATUS_WORDS, Standing, Status};
use crate::proto::ids::UserId;

/// Words of bitmap in one acknowledgement.
pub const ACK_WORDS: usize = 16;
/// Bytes of a fragment frame before its data.
pub const FRAGMENT_HEADER_BYTES: usize = 13;
/// Bytes of a packet frame before its content.
pub const PACKET_HEADER_BYTES: usize = 3;
/// Bytes of a relay frame before its datagram.
pub const RELAY_HEADER_BYTES: usize = 35;
/// Bytes of an acknowledgement before its words.
pub const ACK_BYTES_MIN: usize = 10;
/// Bytes of the longest acknowledgement.
pub const ACK_BYTES_MAX: usize = ACK_BYTES_MIN + 8 * ACK_WORDS;
/// Bytes of a challenge, and of the answer to one.
pub const CHALLENGE_BYTES: usize = 9;
/// Bytes of an observed address at the most.
pub const OBSERVED_BYTES_MAX: usize = 20;
/// Addresses in an introduction at the most.
pub const ADDRESSES_MAX: usize = 5;
/// Bytes of an introduction at the most.
pub const INTRODUCTION_BYTES_MAX: usize = 43 + ADDRESSES_MAX * 19;
/// Bytes of the longest status.
pub const STATUS_BYTES_MAX: usize = 15 + 8 * STATUS_WORDS;
/// Unit of an acknowledgement's delay, in microseconds.
const DELAY_UNIT_US: u64 = 8;

const PADDING: u8 = 0;
const PING: u8 = 1;
const ACK: u8 = 2;
const PACKET: u8 = 3;
const FRAGMENT: u8 = 4;
const STATUS: u8 = 5;
const CANCEL: u8 = 6;
const CLOSE: u8 = 7;
const PRESSING_FRAGMENT: u8 = 8;
const CHALLENGE: u8 = 9;
const RESPONSE: u8 = 10;
const OBSERVED: u8 = 11;
const RELAY: u8 = 12;
const QUIET_PACKET: u8 = 13;
const INTRODUCTION: u8 = 14;

/// Little-endian words as they lie in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words<'a>(&'a [u8]);

impl Words<'_> {
    /// Copies the words to `out`; gives how many there were.
    pub fn copy_to(self, out: &mut [u64]) -> usize {
        let words = self.0.chunks_exact(8).zip(out.iter_mut());
        let mut count = 0;
        for (bytes, word) in words {
            let mut wide = [0; 8];
            wide.copy_from_slice(bytes);
            *word = u64::from_le_bytes(wide);
            count += 1;
        }
        count
    }
}

/// Addresses as they lie in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses<'a>(&'a [u8]);

impl Iterator for Addresses<'_> {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        let mut reader = Frames(self.0);
        let address = reader.address().ok()?;
        self.0 = reader.0;
        Some(address)
    }
}

/// What an introduction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// To a server: I want to reach this user; the addresses are those I believe to have.
    Wish = 0,
    /// From a server: the user is here, and seen at the address.
    Here = 1,
    /// From a server: the user is not here.
    Away = 2,
    /// From a server: this user wants to reach you, and may be at the addresses.
    Asked = 3,
}

/// How two users are brought together by a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction<'a> {
    /// What for.
    pub purpose: Purpose,
    /// The other user.
    pub user: UserId,
    /// Drawn by the one who wants to reach the other, for each search.
    pub number: u64,
    /// Addresses, at most [`ADDRESSES_MAX`].
    pub addresses: Addresses<'a>,
}

/// How a message stands at its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusFrame<'a> {
    /// The message.
    pub message: u32,
    /// How it stands.
    pub standing: Standing,
    /// Every fragment before this one is there.
    pub first_missing: u32,
    /// The first fragment that may not be sent yet.
    pub credit: u32,
    /// Bitmap of fragments from the block of the first missing one on, if it is told.
    pub words: Words<'a>,
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Nothing but a wish for an acknowledgement.
    Ping,
    /// Packets that arrived.
    Ack {
        /// The largest number that arrived.
        largest: u64,
        /// Microseconds between its arrival and this acknowledgement.
        delay_us: u64,
        /// Bit `b` of word `w` stands for packet `largest - 64 w - b`.
        words: Words<'a>,
    },
    /// A small packet, encoded.
    Packet {
        /// The encoding.
        bytes: &'a [u8],
        /// Whether its sender repeats it until it is acknowledged.
        kept: bool,
    },
    /// A piece of a message.
    Fragment {
        /// The message.
        message: u32,
        /// Its place among the fragments of the message.
        index: u32,
        /// Size of the message in bytes.
        total: u32,
        /// Whether the sender waits for an acknowledgement.
        pressing: bool,
        /// The piece.
        data: &'a [u8],
    },
    /// How a message stands.
    Status(StatusFrame<'a>),
    /// The sender of this message gave it up.
    Cancel(u32),
    /// The session ends; nothing more will be sent or read.
    Close,
    /// Prove that you are at this address.
    Challenge(u64),
    /// The proof.
    Response(u64),
    /// The address that your packets come from.
    Observed(SocketAddr),
    /// To a server: pass this datagram on to that user. From a server: it comes from that user.
    Relay {
        /// The other user.
        user: UserId,
        /// The datagram.
        datagram: &'a [u8],
    },
    /// Two users are brought together.
    Introduction(Introduction<'a>),
}

/// What an authenticated packet holds is no frame of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("malformed frame")]
pub struct Malformed;

/// Reads the frames of a packet in order.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a>(pub &'a [u8]);

impl<'a> Frames<'a> {
    /// The next frame; none at the end.
    ///
    /// # Errors
    /// If the bytes are no frame. Nothing after them can be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'a>>, Malformed> {
        let Some((&kind, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        self.0 = rest;
        let frame = match kind {
            PADDING => {
                self.0 = &[];
                return Ok(None);
            }
            PING => Frame::Ping,
            ACK => self.ack()?,
            PACKET | QUIET_PACKET => {
                let length = u16::from_le_bytes(self.array()?);
                let bytes = self.take(usize::from(length))?;
                let kept = kind == PACKET;
                Frame::Packet { bytes, kept }
            }
            FRAGMENT | PRESSING_FRAGMENT => Frame::Fragment {
                message: u32::from_le_bytes(self.array()?),
                index: u32::from_le_bytes(self.array()?),
                total: u32::from_le_bytes(self.array()?),
                pressing: kind == PRESSING_FRAGMENT,
                data: std::mem::take(&mut self.0),
            },
            STATUS => self.status()?,
            CANCEL => Frame::Cancel(u32::from_le_bytes(self.array()?)),
            CLOSE => Frame::Close,
            CHALLENGE => Frame::Challenge(u64::from_le_bytes(self.array()?)),
            RESPONSE => Frame::Response(u64::from_le_bytes(self.array()?)),
            OBSERVED => Frame::Observed(self.address()?),
            RELAY => {
                let user = UserId(self.array()?);
                let length = u16::from_le_bytes(self.array()?);
                let datagram = self.take(usize::from(length))?;
                Frame::Relay { user, datagram }
            }
            INTRODUCTION => self.introduction()?,
            _ => return Err(Malformed),
        };
        Ok(Some(frame))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn words(&mut self, max: usize) -> Result<Words<'a>, Malformed> {
        let [count] = self.array()?;
        if usize::from(count) > max {
            return Err(Malformed);
        }
        Ok(Words(self.take(usize::from(count) * 8)?))
    }

    fn ack(&mut self) -> Result<Frame<'a>, Malformed> {
        let mut largest = [0; 8];
        largest[..6].copy_from_slice(&self.array::<6>()?);
        Ok(Frame::Ack {
            largest: u64::from_le_bytes(largest),
            delay_us: u64::from(u16::from_le_bytes(self.array()?)) * DELAY_UNIT_US,
            words: self.words(ACK_WORDS)?,
        })
    }

    fn status(&mut self) -> Result<Frame<'a>, Malformed> {
        let message = u32::from_le_bytes(self.array()?);
        let [code] = self.array()?;
        Ok(Frame::Status(StatusFrame {
            message,
            standing: Standing::from_code(code).ok_or(Malformed)?,
            first_missing: u32::from_le_bytes(self.array()?),
            credit: u32::from_le_bytes(self.array()?),
            words: self.words(STATUS_WORDS)?,
        }))
    }

    fn introduction(&mut self) -> Result<Frame<'a>, Malformed> {
        let purpose = match self.array()? {
            [0] => Purpose::Wish,
            [1] => Purpose::Here,
            [2] => Purpose::Away,
            [3] => Purpose::Asked,
            [_] => return Err(Malformed),
        };
        let user = UserId(self.array()?);
        let number = u64::from_le_bytes(self.array()?);
        let [count] = self.array()?;
        if usize::from(count) > ADDRESSES_MAX {
            return Err(Malformed);
        }
        let all = self.0;
        for _ in 0..count {
            self.address()?;
        }
        Ok(Frame::Introduction(Introduction {
            purpose,
            user,
            number,
            addresses: Addresses(&all[..all.len() - self.0.len()]),
        }))
    }

    fn address(&mut self) -> Result<SocketAddr, Malformed> {
        let ip: IpAddr = match self.array()? {
            [4] => self.array::<4>()?.into(),
            [6] => self.array::<16>()?.into(),
            [_] => return Err(Malformed),
        };
        let port = u16::from_le_bytes(self.array()?);
        Ok(SocketAddr::new(ip, port))
    }
}

/// Writes a ping.
pub fn write_ping(out: &mut Vec<u8>) {
    out.push(PING);
}

/// Writes an acknowledgement. At most [`ACK_WORDS`] words are written.
pub fn write_ack(out: &mut Vec<u8>, largest: u64, delay_us: u64, words: &[u64]) {
    out.push(ACK);
    out.extend_from_slice(&largest.to_le_bytes()[..6]);
    let delay = u16::try_from(delay_us / DELAY_UNIT_US).unwrap_or(u16::MAX);
    out.extend_from_slice(&delay.to_le_bytes());
    write_words(out, words, ACK_WORDS);
}

fn write_words(out: &mut Vec<u8>, words: &[u64], max: usize) {
    let words = &words[..words.len().min(max)];
    out.push(words.len() as u8);
    for word in words {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

/// Writes a small packet of at most 65,535 encoded bytes. `kept`: it is repeated until it is
/// acknowledged.
pub fn write_packet(out: &mut Vec<u8>, packet: &[u8], kept: bool) {
    out.push(if kept { PACKET } else { QUIET_PACKET });
    out.extend_from_slice(&(packet.len() as u16).to_le_bytes());
    out.extend_from_slice(packet);
}

/// Writes what comes before the data of a fragment.
pub fn write_fragment(out: &mut Vec<u8>, message: u32, index: u32, total: u32, pressing: bool) {
    out.push(if pressing {
        PRESSING_FRAGMENT
    } else {
        FRAGMENT
    });
    out.extend_from_slice(&message.to_le_bytes());
    out.extend_from_slice(&index.to_le_bytes());
    out.extend_from_slice(&total.to_le_bytes());
}

/// Writes how a message stands. At most [`STATUS_WORDS`] words are written.
pub fn write_status(out: &mut Vec<u8>, status: &Status) {
    out.push(STATUS);
    out.extend_from_slice(&status.message.to_le_bytes());
    out.push(status.standing.code());
    out.extend_from_slice(&status.first_missing.to_le_bytes());
    out.extend_from_slice(&status.credit.to_le_bytes());
    write_words(out, &status.words, STATUS_WORDS);
}

/// Writes that a message is given up.
pub fn write_cancel(out: &mut Vec<u8>, message: u32) {
    out.push(CANCEL);
    out.extend_from_slice(&message.to_le_bytes());
}

/// Writes the end of the session.
pub fn write_close(out: &mut Vec<u8>) {
    out.push(CLOSE);
}

/// Writes a challenge or, with `is_response`, the response to one.
pub fn write_challenge(out: &mut Vec<u8>, number: u64, is_response: bool) {
    out.push(if is_response { RESPONSE } else { CHALLENGE });
    out.extend_from_slice(&number.to_le_bytes());
}

/// Writes an address as it is seen here.
pub fn write_observed(out: &mut Vec<u8>, address: SocketAddr) {
    out.push(OBSERVED);
    write_address(out, address);
}

/// Writes an introduction. At most [`ADDRESSES_MAX`] addresses are written.
pub fn write_introduction(
    out: &mut Vec<u8>,
    purpose: Purpose,
    (user, number): (UserId, u64),
    addresses: &[SocketAddr],
) {
    let addresses = &addresses[..addresses.len().min(ADDRESSES_MAX)];
    out.extend_from_slice(&[INTRODUCTION, purpose as u8]);
    out.extend_from_slice(&user.0);
    out.extend_from_slice(&number.to_le_bytes());
    out.push(addresses.len() as u8);
    for address in addresses {
        write_address(out, *address);
    }
}

fn write_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend_from_slice(&ip.octets());
        }
    }
    out.extend_from_slice(&address.port().to_le_bytes());
}

/// Writes a datagram of at most 65,535 bytes to be passed on.
pub fn write_relay(out: &mut Vec<u8>, user: UserId, datagram: &[u8]) {
    out.push(RELAY);
    out.extend_from_slice(&user.0);
    out.extend_from_slice(&(datagram.len() as u16).to_le_bytes());
    out.extend_from_slice(datagram);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Vec<u8> {
        let mut out = Vec::new();
        write_ping(&mut out);
        write_ack(&mut out, (1 << 48) - 1, 800, &[1, u64::MAX]);
        write_packet(&mut out, b"packet", true);
        let status = Status {
            message: 7,
            standing: Standing::Busy,
            first_missing: 3,
            credit: 9,
            words: vec![5],
        };
        write_status(&mut out, &status);
        write_cancel(&mut out, 8);
        write_challenge(&mut out, 11, false);
        write_challenge(&mut out, 12, true);
        write_observed(&mut out, SocketAddr::from(([10, 0, 0, 1], 4_101)));
        write_observed(&mut out, SocketAddr::from(([1; 8], 4_102)));
        write_relay(&mut out, UserId([3; 32]), b"sealed");
        let addresses = [
            SocketAddr::from(([10, 0, 0, 1], 4_101)),
            SocketAddr::from(([1; 8], 4_102)),
        ];
        let user = (UserId([4; 32]), 1 << 60);
        write_introduction(&mut out, Purpose::Asked, user, &addresses);
        write_close(&mut out);
        write_fragment(&mut out, 1, 2, 3, true);
        out.extend_from_slice(b"data");
        out
    }

    #[test]
    fn frames_come_back_in_order() {
        let bytes = all();
        let mut frames = Frames(&bytes);
        let mut next = || frames.next_frame().expect("well formed").expect("one more");
        assert_eq!(next(), Frame::Ping);
        let Frame::Ack {
            largest,
            delay_us,
            words,
        } = next()
        else {
            panic!("an acknowledgement");
        };
        let mut copied = [0; ACK_WORDS];
        assert_eq!(words.copy_to(&mut copied), 2);
        assert_eq!((largest, delay_us), ((1 << 48) - 1, 800));
        assert_eq!(copied[..2], [1, u64::MAX]);
        assert!(matches!(
            next(),
            Frame::Packet {
                bytes: b"packet",
                kept: true
            }
        ));
        let Frame::Status(status) = next() else {
            panic!("a status");
        };
        assert_eq!((status.message, status.standing), (7, Standing::Busy));
        assert_eq!((status.first_missing, status.credit), (3, 9));
        assert_eq!(next(), Frame::Cancel(8));
        assert_eq!(next(), Frame::Challenge(11));
        assert_eq!(next(), Frame::Response(12));
        assert!(matches!(next(), Frame::Observed(address) if address.port() == 4_101));
        assert!(matches!(next(), Frame::Observed(address) if address.is_ipv6()));
        assert!(matches!(
            next(),
            Frame::Relay {
                datagram: b"sealed",
                ..
            }
        ));
        let Frame::Introduction(said) = next() else {
            panic!("an introduction");
        };
        assert_eq!((said.purpose, said.number), (Purpose::Asked, 1 << 60));
        assert_eq!(said.user, UserId([4; 32]));
        let ports = said.addresses.map(|address| address.port());
        assert_eq!(ports.collect::<Vec<_>>(), [4_101, 4_102]);
        assert_eq!(next(), Frame::Close);
        assert!(matches!(
            next(),
            Frame::Fragment {
                message: 1,
                index: 2,
                total: 3,
                pressing: true,
                data: b"data"
            }
        ));
        assert_eq!(frames.next_frame(), Ok(None));
    }

    #[test]
    fn padding_ends_a_packet() {
        let mut frames = Frames(&[1, 0, 99, 99]);
        assert_eq!(frames.next_frame(), Ok(Some(Frame::Ping)));
        assert_eq!(frames.next_frame(), Ok(None));
        assert_eq!(frames.next_frame(), Ok(None));
    }

    #[test]
    fn more_words_than_there_may_be_are_refused() {
        let mut out = vec![ACK];
        out.extend_from_slice(&[0; 8]);
        out.push(ACK_WORDS as u8 + 1);
        out.resize(out.len() + 8 * (ACK_WORDS + 1), 0);
        assert_eq!(Frames(&out).next_frame(), Err(Malformed));
    }

    #[test]
    fn more_addresses_than_there_may_be_are_not_read() {
        let address = SocketAddr::from(([1; 8], 4_102));
        let mut out = Vec::new();
        let to = (UserId([4; 32]), 9);
        write_introduction(&mut out, Purpose::Wish, to, &[address; ADDRESSES_MAX + 1]);
        assert_eq!(out.len(), INTRODUCTION_BYTES_MAX);
        assert!(Frames(&out).next_frame().is_ok());
        out[INTRODUCTION_BYTES_MAX - ADDRESSES_MAX * 19 - 1] += 1;
        out.extend_from_within(INTRODUCTION_BYTES_MAX - 19..);
        assert_eq!(Frames(&out).next_frame(), Err(Malformed));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut frames = Frames(&bytes);
            while let Ok(Some(_)) = frames.next_frame() {}
        }

        #[test]
        fn a_cut_packet_never_panics(cut in 0..300_usize, bent in any::<(u8, u8)>()) {
            let mut bytes = all();
            let place = usize::from(bent.0) % bytes.len();
            bytes[place] ^= bent.1;
            bytes.truncate(cut);
            let mut frames = Frames(&bytes);
            while let Ok(Some(_)) = frames.next_frame() {}
        }
    }
}
