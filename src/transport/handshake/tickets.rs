//! Sessions without a round trip (0-RTT), by a ticket that an earlier session left.
//!
//! Both ends of every handshake derive a ticket, an id and a secret, from its session secret; it is
//! never sent. The responder keeps those it issued, the initiator the latest of each responder. A
//! ticket is used once.
//!
//! 1. The initiator draws 32 random bytes; the early secret is derived from the ticket's secret and
//!    them. It sends packets at once, each headed by
//!    `[version][5][ticket 16][random 32][initiator's session u32][number u48]`, all of it bound to
//!    what is sealed, with keys of the early secret. These open no packet of the other direction.
//! 2. The responder finds the ticket, derives the same and opens the packet. Only if it opens is
//!    the ticket gone: a forged packet spends nobody's ticket, and one that is replayed later finds
//!    none. It draws 32 random bytes itself and answers
//!    `[version][6][initiator's session][its own session][random 32][code 16]`, the code keyed by
//!    the early secret. From the early secret, both randoms and both sessions come the keys of the
//!    session, and its next ticket. It sends with these at once, and opens with them or, for early
//!    packets that come later, with the early keys.
//! 3. The initiator checks the code, derives the same and goes on with the session's keys; numbers
//!    go on counting. Until then it repeats early packets, with the same random. The caller
//!    keeps sessions by that random, and sends the same answer again when it meets one it knows.
//!
//! If the responder does not know the ticket, it says nothing here; the initiator begins a
//! handshake. Early packets are as secret as the ticket: it was made by ephemeral keys and is wiped
//! once used, but no new ones are mixed in. An early packet is taken once: a replay finds no
//! ticket, not even after a restart, which forgets all of them. Never decided here: what a session
//! is for, and when packets are sent.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use rand_chacha::rand_core::Rng;
use zeroize::Zeroizing;

use super::bounded::Recent;
use super::layout::{self, MAC_BYTES, equal};
use super::{Desk, Established, Reason};
use crate::crypto::noise::{KEY_BYTES, SessionSecret};
use crate::crypto::packet_keys::{OpeningKeys, PacketKeys, SealingKeys, Suite};
use crate::time::Moment;
use crate::transport::wire::{Kind, VERSION};

/// A ticket is good for this long.
pub const TICKET_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes before what is sealed in an early packet, number included.
pub const EARLY_HEADER_BYTES: usize = EARLY_PREFIX_BYTES + 6;
/// Bytes of that which are the same in all packets of an early session.
pub const EARLY_PREFIX_BYTES: usize = 2 + 16 + 32 + 4;
/// Bytes of an early answer.
pub const EARLY_ANSWER_BYTES: usize = 2 + 4 + 4 + 32 + MAC_BYTES;

const TICKET_ID_DOMAIN: &str = "pentimento 2 transport ticket id";
const TICKET_SECRET_DOMAIN: &str = "pentimento 2 transport ticket secret";
const EARLY_DOMAIN: &str = "pentimento 2 transport early secret";
const EARLY_PACKETS_DOMAIN: &str = "pentimento 2 transport early packets";
const EARLY_ANSWER_DOMAIN: &str = "pentimento 2 transport early answer";
const EARLY_SESSION_DOMAIN: &str = "pentimento 2 transport session after early packets";

/// What a later session can begin with.
#[derive(Clone)]
pub(super) struct Ticket {
    id: [u8; 16],
    secret: Zeroizing<[u8; 32]>,
}

impl Ticket {
    pub(super) fn of(session: &SessionSecret) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::derive_key(TICKET_ID_DOMAIN, &**session)[..16]);
        Self {
            id,
            secret: Zeroizing::new(blake3::derive_key(TICKET_SECRET_DOMAIN, &**session)),
        }
    }

    fn early_secret(&self, random: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        derive(EARLY_DOMAIN, &[&*self.secret, random])
    }
}

fn derive(domain: &str, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key(domain);
    for part in parts {
        hasher.update(part);
    }
    Zeroizing::new(*hasher.finalize().as_bytes())
}

/// The part of a finished handshake that a later session can go on from; see [`Desk::keep`].
#[derive(Clone)]
pub struct Resumption {
    pub(super) ticket: Ticket,
    pub(super) suite: Suite,
    pub(super) remote_static: [u8; KEY_BYTES],
    pub(super) remote_payload: Vec<u8>,
    pub(super) is_initiator: bool,
    /// The round trip, if the session knew one: the next one begins with it.
    pub rtt: Option<Duration>,
    /// Bytes of the datagram that the handshake came in, or none: the path carries as much.
    pub datagram_bytes: usize,
}

struct Kept {
    resumption: Resumption,
    at: Moment,
    /// Where the other end was; of use to a responder only.
    address: IpAddr,
}

/// Tickets that we issued, and those that we hold.
pub(super) struct Tickets {
    issued: BTreeMap<[u8; 16], Kept>,
    /// Ids in the order of issue, spent ones too; never longer than the limit.
    order: VecDeque<[u8; 16]>,
    limit: usize,
    held: Recent<[u8; KEY_BYTES], Kept>,
}

impl Tickets {
    pub(super) fn new(issued_max: usize, held_max: usize) -> Self {
        Self {
            issued: BTreeMap::new(),
            order: VecDeque::new(),
            limit: issued_max,
            // An entry lives at least half of that.
            held: Recent::new(held_max, TICKET_LIFE * 2),
        }
    }

    fn keep(&mut self, now: Moment, resumption: Resumption, from: SocketAddr) {
        let kept = Kept {
            at: now,
            address: from.ip().to_canonical(),
            resumption,
        };
        if kept.resumption.is_initiator {
            self.held.insert(now, kept.resumption.remote_static, kept);
            return;
        }
        while self.order.len() >= self.limit {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.issued.remove(&oldest);
        }
        self.order.push_back(kept.resumption.ticket.id);
        self.issued.insert(kept.resumption.ticket.id, kept);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let of = |kept: &Kept| size_of::<Kept>() * 2 + kept.resumption.remote_payload.len();
        self.issued.values().map(of).sum::<usize>()
            + self.held.values().map(of).sum::<usize>()
            + self.order.len() * 16
    }
}

/// The clear part of an early packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyHeader {
    /// The ticket's id.
    pub ticket: [u8; 16],
    /// What the initiator drew for this session.
    pub random: [u8; 32],
    /// The initiator's session.
    pub session: u32,
    /// The packet's number.
    pub number: u64,
}

impl EarlyHeader {
    /// Reads the header of an early packet. What is sealed comes after [`EARLY_HEADER_BYTES`].
    ///
    /// # Errors
    /// If it is none, or too short to hold anything.
    pub fn parse(datagram: &[u8]) -> Result<Self, Reason> {
        let header: &[u8; EARLY_HEADER_BYTES] = datagram.first_chunk().ok_or(Reason::TooShort)?;
        if datagram.len() < EARLY_HEADER_BYTES + MAC_BYTES {
            return Err(Reason::TooShort);
        }
        if header[..2] != [VERSION, Kind::Early as u8] {
            return Err(Reason::Malformed);
        }
        let (mut ticket, mut random) = ([0; 16], [0; 32]);
        ticket.copy_from_slice(&header[2..18]);
        random.copy_from_slice(&header[18..50]);
        let mut number = [0; 8];
        number[..6].copy_from_slice(&header[54..]);
        Ok(Self {
            ticket,
            random,
            session: u32::from_le_bytes([header[50], header[51], header[52], header[53]]),
            number: u64::from_le_bytes(number),
        })
    }
}

/// A session that sends before it was answered.
pub struct Early {
    /// Seals early packets; their generation is not told, so [`SealingKeys::advance`] is not asked.
    pub keys: SealingKeys,
    prefix: [u8; EARLY_PREFIX_BYTES],
    secret: Zeroizing<[u8; 32]>,
    session: u32,
    suite: Suite,
    remote_static: [u8; KEY_BYTES],
    remote_payload: Vec<u8>,
    /// The round trip of the session before, if it was known.
    pub rtt: Option<Duration>,
}

impl Early {
    /// The header of the early packet with this number, to which [`Self::keys`] must bind it.
    #[must_use]
    pub fn header(&self, number: u64) -> [u8; EARLY_HEADER_BYTES] {
        let mut header = [0; EARLY_HEADER_BYTES];
        header[..EARLY_PREFIX_BYTES].copy_from_slice(&self.prefix);
        header[EARLY_PREFIX_BYTES..].copy_from_slice(&number.to_le_bytes()[..6]);
        header
    }

    /// Our session.
    #[must_use]
    pub const fn local_session(&self) -> u32 {
        self.session
    }
}

/// A session that began with an early packet.
pub struct EarlyAccepted {
    /// Opens the early packets, this one and later ones (generation 0).
    pub keys: OpeningKeys,
    /// The header of the packet; its random names the session in later early packets.
    pub header: EarlyHeader,
    /// Where in the datagram the opened frames are.
    pub opened: Range<usize>,
    /// Whether the initiator was at this address when the ticket was issued. If not, no more may be
    /// sent to it than came, until it proves its address.
    pub address_proven: bool,
    /// The early answer; to be sent again whenever an early packet of the session comes.
    pub answer: Vec<u8>,
    /// The session.
    pub established: Established,
}

/// The session that both ends derive once both randoms are known.
fn session_secret(early: &[u8; 32], random: &[u8], sessions: &[u8]) -> SessionSecret {
    derive(EARLY_SESSION_DOMAIN, &[early, random, sessions])
}

fn answer_code(early: &[u8; 32], signed: &[u8]) -> layout::Mac {
    layout::mac(&derive(EARLY_ANSWER_DOMAIN, &[early]), &[signed])
}

fn packets_secret(early: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    derive(EARLY_PACKETS_DOMAIN, &[early])
}

impl Desk {
    /// Keeps what a session can be resumed from; `from` is the other end's address. An initiator
    /// keeps it at once. A responder does so when the first packet of the session opened, since
    /// only that proves who holds the key, and at which address.
    pub fn keep(&mut self, now: Moment, resumption: Resumption, from: SocketAddr) {
        self.tickets.keep(now, resumption, from);
    }

    /// Whether a ticket for this responder is held.
    pub fn can_begin_early(&mut self, now: Moment, remote: &[u8; KEY_BYTES]) -> bool {
        let kept = self.tickets.held.get(now, remote);
        kept.is_some_and(|kept| now.since(kept.at) < TICKET_LIFE)
    }

    /// Begins a session with the ticket that we hold from this responder, if there is one. The
    /// ticket is used up by it.
    pub fn early(
        &mut self,
        now: Moment,
        remote: &[u8; KEY_BYTES],
        local_session: u32,
    ) -> Option<Early> {
        let kept = self.tickets.held.take(now, remote)?;
        if now.since(kept.at) >= TICKET_LIFE {
            return None;
        }
        let Resumption {
            ticket,
            suite,
            remote_static,
            remote_payload,
            rtt,
            ..
        } = kept.resumption;
        let mut random = [0; 32];
        self.rng.fill_bytes(&mut random);
        let mut prefix = [0; EARLY_PREFIX_BYTES];
        prefix[..2].copy_from_slice(&[VERSION, Kind::Early as u8]);
        prefix[2..18].copy_from_slice(&ticket.id);
        prefix[18..50].copy_from_slice(&random);
        prefix[50..].copy_from_slice(&local_session.to_le_bytes());
        let secret = ticket.early_secret(&random);
        Some(Early {
            keys: SealingKeys::new(suite, &packets_secret(&secret), now),
            prefix,
            secret,
            session: local_session,
            suite,
            remote_static,
            remote_payload,
            rtt,
        })
    }

    /// Reads the answer to our early packets. A forged one changes nothing.
    ///
    /// # Errors
    /// If it is not the answer to them.
    pub fn on_early_answer(
        &self,
        now: Moment,
        early: &Early,
        datagram: &[u8],
    ) -> Result<Established, Reason> {
        let bytes: &[u8; EARLY_ANSWER_BYTES] =
            datagram.try_into().map_err(|_| Reason::Malformed)?;
        if bytes[..2] != [VERSION, Kind::EarlyAnswer as u8] {
            return Err(Reason::Malformed);
        }
        if bytes[2..6] != early.session.to_le_bytes() {
            return Err(Reason::UnknownHandshake);
        }
        let (signed, code) = bytes.split_at(EARLY_ANSWER_BYTES - MAC_BYTES);
        if !equal(&answer_code(&early.secret, signed), code) {
            return Err(Reason::BadMac);
        }
        let secret = session_secret(&early.secret, &signed[10..], &signed[2..10]);
        let remote = u32::from_le_bytes([signed[6], signed[7], signed[8], signed[9]]);
        let mut established = Established::new(
            now,
            &secret,
            (early.session, remote),
            early.suite,
            (early.remote_static, early.remote_payload.clone()),
            true,
        );
        established.resumption.rtt = early.rtt;
        Ok(established)
    }

    /// Reads the first early packet of a session and opens it in place. `fresh_session` becomes our
    /// number for the session.
    ///
    /// # Errors
    /// If no ticket opens it: [`Reason::UnknownTicket`] if it is unknown, over, or was used.
    pub fn on_early(
        &mut self,
        now: Moment,
        from: SocketAddr,
        datagram: &mut [u8],
        fresh_session: u32,
    ) -> Result<EarlyAccepted, Reason> {
        let header = EarlyHeader::parse(datagram)?;
        let kept = self.tickets.issued.get(&header.ticket);
        let kept = kept.filter(|kept| now.since(kept.at) < TICKET_LIFE);
        let kept = kept.ok_or(Reason::UnknownTicket)?;
        let suite = kept.resumption.suite;
        let early = kept.resumption.ticket.early_secret(&header.random);
        let mut keys = OpeningKeys::new(suite, &packets_secret(&early));
        let (clear, sealed) = datagram.split_at_mut(EARLY_HEADER_BYTES);
        let opened = keys
            .open_in_place(now, 0, header.number, clear, sealed)
            .map_err(|_| Reason::DoesNotOpen)?
            .len();
        // Proven, so used up.
        let kept = self.tickets.issued.remove(&header.ticket);
        let kept = kept.ok_or(Reason::UnknownTicket)?;

        let mut answer = vec![VERSION, Kind::EarlyAnswer as u8];
        answer.extend_from_slice(&header.session.to_le_bytes());
        answer.extend_from_slice(&fresh_session.to_le_bytes());
        let mut random = [0; 32];
        self.rng.fill_bytes(&mut random);
        answer.extend_from_slice(&random);
        let secret = session_secret(&early, &answer[10..], &answer[2..10]);
        let code = answer_code(&early, &answer);
        answer.extend_from_slice(&code);
        let remote = (
            kept.resumption.remote_static,
            kept.resumption.remote_payload,
        );
        let sessions = (fresh_session, header.session);
        let mut established = Established::new(now, &secret, sessions, suite, remote, false);
        established.resumption.rtt = kept.resumption.rtt;
        established.resumption.datagram_bytes = kept.resumption.datagram_bytes;
        Ok(EarlyAccepted {
            keys,
            header,
            opened: EARLY_HEADER_BYTES..EARLY_HEADER_BYTES + opened,
            address_proven: kept.address == from.ip().to_canonical(),
            answer,
            established,
        })
    }
}

impl Established {
    /// A session of a secret; `sessions` are ours and the other end's.
    pub(super) fn new(
        now: Moment,
        secret: &SessionSecret,
        sessions: (u32, u32),
        suite: Suite,
        remote: ([u8; KEY_BYTES], Vec<u8>),
        is_initiator: bool,
    ) -> Self {
        let (remote_static, remote_payload) = remote;
        Self {
            keys: PacketKeys::new(suite, secret, is_initiator, now),
            remote_static,
            local_session: sessions.0,
            remote_session: sessions.1,
            suite,
            resumption: Resumption {
                ticket: Ticket::of(secret),
                suite,
                remote_static,
                remote_payload: remote_payload.clone(),
                is_initiator,
                rtt: None,
                datagram_bytes: 0,
            },
            remote_payload,
            is_initiator,
        }
    }
}
