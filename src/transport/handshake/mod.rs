//! How two parties agree on the keys of a session: Noise IK or XX, cookies against crowds, tickets
//! for sessions without a round trip.
//!
//! Pure machines. A [`Desk`] is what an endpoint has once: its key, what it says of itself, its
//! limits and its bounded tables. Time, calendar, session numbers and one seed are arguments.
//!
//! It decides who is answered, with what, and which keys a session has. It never decides when
//! something is sent again, who may do what, or what becomes of an older session of the same party.
//! The caller
//! - repeats an initiation ([`Initiator::again`]) or a finish until it is answered;
//! - takes a session that it answered for unproven until a packet of it opens, and leaves an older
//!   one in use until then; only then does it [`Desk::keep`] the ticket;
//! - says when it does not want a session that it answered ([`Desk::decline`]);
//! - never gives the same session number to two sessions at a time.
//!
//! Nothing grows with the number of strangers, no answer is longer than what it answers, and what
//! does not open changes no state. In this order a datagram costs: its code, a lookup, a cookie,
//! and only then public keys.

mod bounded;
mod cookie;
mod forged;
mod initiator;
mod layout;
mod load;
mod responder;
mod stampede;
mod tickets;

use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::crypto::noise::{KEY_BYTES, NoiseError, StaticKey};
use crate::crypto::packet_keys::{PacketKeys, Suite, Suites};
use crate::time::Moment;

use bounded::Recent;
pub use cookie::COOKIE_LIFE;
pub use forged::forged_initiation;
pub use initiator::Initiator;
pub use layout::{DATAGRAM_MAX_BYTES, INITIATION_MIN_BYTES, PAYLOAD_MAX_BYTES};
pub use load::ADDRESSES_MAX;
pub use tickets::{
    EARLY_ANSWER_BYTES, EARLY_HEADER_BYTES, EARLY_PREFIX_BYTES, Early, EarlyAccepted, EarlyHeader,
    Resumption, TICKET_LIFE,
};

/// An initiation that comes again within half of this gets the same answer.
pub const ANSWER_LIFE: Duration = Duration::from_secs(30);
/// Answers that are kept to be given again.
pub const ANSWERS_MAX: usize = 4_096;
/// A sender's last stamp is known for at least half of this; an earlier one must show a cookie.
pub const STAMP_LIFE: Duration = Duration::from_secs(20 * 60);
/// Senders whose last stamp is known.
pub const STAMPS_MAX: usize = 16_384;
/// A half-open handshake waits at least half of this for its third message.
pub const HALF_OPEN_LIFE: Duration = Duration::from_secs(20);

/// The limits of a [`Desk`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The ciphers that this machine is quick at.
    pub suites: Suites,
    /// More initiations than this in a second are a crowd, and must show a cookie.
    pub busy_initiations_per_s: u32,
    /// More initiations than this in a second are a stampede: cookies are for who asks twice.
    pub stampede_initiations_per_s: u32,
    /// Handshakes that one address may begin in a second, in a crowd.
    pub address_handshakes_per_s: u32,
    /// Handshakes that all together may begin in a second. One costs the responder about 0.1 ms.
    pub handshakes_per_s: u32,
    /// Cookies and refusals sent in a second.
    pub cookies_per_s: u32,
    /// Handshakes of XX that may wait for their third message; 0: XX is not answered.
    pub half_open_max: usize,
    /// Tickets that are kept for who may come back.
    pub tickets_issued_max: usize,
    /// Responders whose ticket is kept.
    pub tickets_held_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            suites: Suites::of_this_machine(),
            busy_initiations_per_s: 200,
            stampede_initiations_per_s: 20_000,
            address_handshakes_per_s: 20,
            handshakes_per_s: 4_000,
            cookies_per_s: 1_000_000,
            half_open_max: 256,
            tickets_issued_max: 16_384,
            tickets_held_max: 1_024,
        }
    }
}

/// What becomes of an initiation.
pub enum Reaction {
    /// Send this. Without a session it is an answer given before, or one of XX, whose session
    /// begins with [`Desk::on_finish`].
    Answer {
        /// The answer.
        datagram: Vec<u8>,
        /// The session, unproven until a packet of it opens.
        established: Option<Box<Established>>,
    },
    /// Send this: a cookie.
    Cookie(Vec<u8>),
    /// Send this: the versions that we speak.
    Refusal(Vec<u8>),
    /// Count it and forget it.
    Dropped(Reason),
}

/// Why a datagram of a handshake leads to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Reason {
    /// Fewer bytes than its kind has.
    #[error("too short")]
    TooShort,
    /// Bytes that nobody of this version writes.
    #[error("malformed")]
    Malformed,
    /// Another version, and no refusal is due.
    #[error("unknown version")]
    UnknownVersion,
    /// The code is wrong: not for us, bent, or forged.
    #[error("bad mac")]
    BadMac,
    /// A crowd, and cookies are for who asks a second time, or used up.
    #[error("under load")]
    UnderLoad,
    /// The address, or all together, began too many handshakes.
    #[error("rate")]
    Rate,
    /// A key that is none.
    #[error("bad static key")]
    BadKey,
    /// The noise message, the cookie or the packet does not open.
    #[error("does not open")]
    DoesNotOpen,
    /// The last initiation of its sender, once more.
    #[error("replayed")]
    Replayed,
    /// Our own key at the other end.
    #[error("ourselves")]
    Ourselves,
    /// A pattern that is not answered here.
    #[error("pattern refused")]
    PatternRefused,
    /// No handshake of ours waits for this.
    #[error("unknown handshake")]
    UnknownHandshake,
    /// The ticket was never issued, is over, or was used.
    #[error("unknown ticket")]
    UnknownTicket,
    /// What we would say of ourselves is longer than [`PAYLOAD_MAX_BYTES`].
    #[error("payload too long")]
    PayloadTooLong,
}

impl From<NoiseError> for Reason {
    fn from(error: NoiseError) -> Self {
        match error {
            NoiseError::Key => Self::BadKey,
            NoiseError::Message => Self::DoesNotOpen,
            NoiseError::State => Self::UnknownHandshake,
        }
    }
}

/// The keys of a session, and who is at its other end.
pub struct Established {
    /// Seals and opens its packets.
    pub keys: PacketKeys,
    /// The other end's public key.
    pub remote_static: [u8; KEY_BYTES],
    /// What the other end says of itself; at most [`PAYLOAD_MAX_BYTES`].
    pub remote_payload: Vec<u8>,
    /// Our number for the session, in the packets that we receive.
    pub local_session: u32,
    /// The other end's number for it, in the packets that we send.
    pub remote_session: u32,
    /// The cipher.
    pub suite: Suite,
    /// For [`Desk::keep`].
    pub resumption: Resumption,
    /// Whether we began it.
    pub is_initiator: bool,
}

/// What an endpoint has once for all its handshakes.
pub struct Desk {
    key: StaticKey,
    payload: Vec<u8>,
    config: Config,
    rng: ChaCha20Rng,
    mac1_ik: [u8; 32],
    mac1_xx: [u8; 32],
    /// The last stamp that we sent.
    stamp: u64,
    meter: load::Meter,
    seen: stampede::Seen,
    baker: cookie::Baker,
    cookies: load::Bucket,
    handshakes: load::Bucket,
    addresses: load::AddressRates,
    /// By the code of the initiation, which stands for all of its bytes.
    answers: Recent<layout::Mac, Vec<u8>>,
    stamps: Recent<[u8; KEY_BYTES], u64>,
    taken: Option<responder::Taken>,
    half_open: Recent<u32, responder::HalfOpen>,
    tickets: tickets::Tickets,
}

impl Desk {
    /// A desk with a static secret. `payload` is what we say of ourselves to who knows our key or
    /// whose key we learn. `seed` must be fresh and unpredictable; a simulation may choose it.
    ///
    /// # Errors
    /// If the secret is no key or the payload is longer than [`PAYLOAD_MAX_BYTES`].
    pub fn new(
        secret: &[u8; KEY_BYTES],
        payload: Vec<u8>,
        seed: [u8; 32],
        config: Config,
    ) -> Result<Self, Reason> {
        if payload.len() > PAYLOAD_MAX_BYTES {
            return Err(Reason::PayloadTooLong);
        }
        let key = StaticKey::from_secret(secret)?;
        let mut rng = ChaCha20Rng::from_seed(*Zeroizing::new(seed));
        let start = Moment::START;
        Ok(Self {
            payload,
            mac1_ik: layout::mac1_key(Some(key.public())),
            mac1_xx: layout::mac1_key(None),
            key,
            stamp: 0,
            meter: load::Meter::new(config.busy_initiations_per_s),
            seen: stampede::Seen::new(),
            baker: cookie::Baker::new(&mut rng),
            rng,
            cookies: load::Bucket::new(config.cookies_per_s, start),
            handshakes: load::Bucket::new(config.handshakes_per_s, start),
            addresses: load::AddressRates::new(config.address_handshakes_per_s),
            answers: Recent::new(ANSWERS_MAX, ANSWER_LIFE),
            stamps: Recent::new(STAMPS_MAX, STAMP_LIFE),
            taken: None,
            half_open: Recent::new(config.half_open_max, HALF_OPEN_LIFE),
            tickets: tickets::Tickets::new(config.tickets_issued_max, config.tickets_held_max),
            config,
        })
    }

    /// Our public key.
    #[must_use]
    pub fn public(&self) -> &[u8; KEY_BYTES] {
        self.key.public()
    }

    /// Says something else of ourselves from now on.
    ///
    /// # Errors
    /// If it is longer than [`PAYLOAD_MAX_BYTES`].
    pub fn set_payload(&mut self, payload: Vec<u8>) -> Result<(), Reason> {
        if payload.len() > PAYLOAD_MAX_BYTES {
            return Err(Reason::PayloadTooLong);
        }
        self.payload = payload;
        Ok(())
    }

    /// About the memory that the tables take.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let answers: usize = self.answers.values().map(Vec::len).sum();
        answers
            + self.answers.len() * 2 * size_of::<(layout::Mac, Vec<u8>)>()
            + self.stamps.len() * 2 * size_of::<([u8; KEY_BYTES], u64)>()
            + self.half_open.len() * responder::HalfOpen::MEMORY_BYTES
            + self.seen.memory_bytes()
            + self.addresses.memory_bytes()
            + self.tickets.memory_bytes()
    }
}

#[cfg(test)]
mod tests;
