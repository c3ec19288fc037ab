//! The keys that packets of a session are sealed with: one chain per direction, renewed on the way.
//!
//! A chain begins with a secret of its direction. Each generation's key and IV are derived from
//! the chain, then the chain moves on one way, so that a key that leaks opens nothing earlier. The
//! sender decides when: after 2^20 packets or 120 s, and only once a packet of the present
//! generation was acknowledged (the rule of RFC 9001, 6.1), so that the other end is never left
//! more than one generation behind. A packet names its generation modulo 4. The receiver holds the
//! present generation, the next one, derived ahead so that a forged name costs one failed opening
//! and no derivation, and for 30 s the previous one for what was overtaken.
//!
//! The nonce is the generation's IV xor the packet's number (as RFC 9001, 5.3). The caller never
//! gives a number twice in a direction. Nothing here allocates but the change of a generation.
//! Secrets are wiped when dropped; those inside the cipher by aws-lc.

use core::time::Duration;

use aws_lc_rs::aead::{
    AES_128_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::time::Moment;

/// Bytes by which sealing lengthens a packet.
pub const TAG_BYTES: usize = 16;
/// A generation is used for about this many packets.
pub const GENERATION_PACKETS: u64 = 1 << 20;
/// A generation is used for about this long.
pub const GENERATION_TIME: Duration = Duration::from_secs(120);
/// No key seals more packets than this, acknowledged or not (RFC 9001, 6.6, for AES-GCM).
pub const KEY_PACKETS_MAX: u64 = 1 << 23;
/// The previous generation opens for this long after the change.
pub const PREVIOUS_TIME: Duration = Duration::from_secs(30);
/// Generations are named modulo this.
const NAMES: u8 = 4;

const SECRET_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

const INITIATOR_DOMAIN: &str = "pentimento 2 packets of the initiator";
const RESPONDER_DOMAIN: &str = "pentimento 2 packets of the responder";
const KEY_DOMAIN: &str = "pentimento 2 packet key";
const IV_DOMAIN: &str = "pentimento 2 packet iv";
const NEXT_DOMAIN: &str = "pentimento 2 next generation";

/// A cipher for packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Suite {
    /// For processors that compute AES themselves.
    Aes128Gcm = 1,
    /// For all others.
    ChaCha20Poly1305 = 2,
}

impl Suite {
    /// The suite of a byte on the wire.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Aes128Gcm),
            2 => Some(Self::ChaCha20Poly1305),
            _ => None,
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes128Gcm => &AES_128_GCM,
            Self::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        }
    }
}

/// The suites that an end is quick at, as bits on the wire. Every end can do ChaCha20-Poly1305.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suites(u8);

impl Suites {
    /// ChaCha20-Poly1305 alone.
    pub const CHACHA: Self = Self(Suite::ChaCha20Poly1305 as u8);
    /// Both suites.
    pub const ALL: Self = Self(Suite::Aes128Gcm as u8 | Suite::ChaCha20Poly1305 as u8);

    /// What this machine is quick at.
    #[must_use]
    pub fn of_this_machine() -> Self {
        if computes_aes() {
            Self::ALL
        } else {
            Self::CHACHA
        }
    }

    /// The suites of a byte on the wire. Unknown ones are left out.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte & Self::ALL.0 | Self::CHACHA.0)
    }

    /// The byte on the wire.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// The suite for two ends.
    #[must_use]
    pub const fn choose(self, other: Self) -> Suite {
        if self.0 & other.0 & Suite::Aes128Gcm as u8 == 0 {
            Suite::ChaCha20Poly1305
        } else {
            Suite::Aes128Gcm
        }
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn computes_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn computes_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn computes_aes() -> bool {
    false
}

/// A packet did not open: forged, bent, or of a generation that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the packet does not open")]
pub struct Forged;

/// One key with its IV.
struct Generation {
    key: LessSafeKey,
    iv: [u8; NONCE_BYTES],
}

impl Generation {
    fn nonce(&self, number: u64) -> Nonce {
        let mut bytes = self.iv;
        for (byte, mask) in bytes[4..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= mask;
        }
        Nonce::assume_unique_for_key(bytes)
    }

    #[inline]
    fn seal(&self, number: u64, header: &[u8], plaintext: &mut [u8]) -> [u8; TAG_BYTES] {
        let (nonce, header) = (self.nonce(number), Aad::from(header));
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, header, plaintext)
            .expect("a datagram is shorter than the cipher's limit");
        let mut bytes = [0; TAG_BYTES];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// Seals `head` in place and `tail` from where it lies into `sealed_tail`, which is longer by
    /// the tag.
    #[inline]
    fn seal_with_tail(
        &self,
        number: u64,
        header: &[u8],
        head: &mut [u8],
        (tail, sealed_tail): (&[u8], &mut [u8]),
    ) {
        let (nonce, header) = (self.nonce(number), Aad::from(header));
        self.key
            .seal_in_place_scatter(nonce, header, head, tail, sealed_tail)
            .expect("a datagram is shorter than the cipher's limit, and there is room for the tag");
    }

    /// Opens in place; the plaintext is what comes before the tag.
    #[inline]
    fn open(&self, number: u64, header: &[u8], sealed: &mut [u8]) -> Result<usize, Forged> {
        let (nonce, header) = (self.nonce(number), Aad::from(header));
        let opened = self.key.open_in_place(nonce, header, sealed);
        opened.map(|plaintext| plaintext.len()).map_err(|_| Forged)
    }
}

/// The generations of one direction, of which only the way forward is known.
struct Chain {
    suite: Suite,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl Chain {
    /// The present generation; the chain then stands at the one after it.
    fn next(&mut self) -> Generation {
        let algorithm = self.suite.algorithm();
        let mut bytes = Zeroizing::new(blake3::derive_key(KEY_DOMAIN, &*self.secret));
        let key = UnboundKey::new(algorithm, &bytes[..algorithm.key_len()])
            .expect("the key has the length of its algorithm");
        *bytes = blake3::derive_key(IV_DOMAIN, &*self.secret);
        let mut iv = [0; NONCE_BYTES];
        iv.copy_from_slice(&bytes[..NONCE_BYTES]);
        *self.secret = blake3::derive_key(NEXT_DOMAIN, &*self.secret);
        let key = LessSafeKey::new(key);
        Generation { key, iv }
    }
}

/// Seals the packets of one direction.
pub struct SealingKeys {
    chain: Chain,
    present: Generation,
    name: u8,
    began: Moment,
    packets: u64,
    /// Number of the first packet of the generation; none before there is one.
    first: Option<u64>,
    acknowledged: bool,
}

impl SealingKeys {
    /// The keys of a direction's secret, whose first generation begins at `now`.
    #[must_use]
    pub fn new(suite: Suite, secret: &[u8; SECRET_BYTES], now: Moment) -> Self {
        let mut chain = Chain {
            suite,
            secret: Zeroizing::new(*secret),
        };
        Self {
            present: chain.next(),
            chain,
            name: 0,
            began: now,
            packets: 0,
            first: None,
            acknowledged: false,
        }
    }

    /// Counts the packet with this number, which is sealed next, and tells the generation to write
    /// into its header. None if the key is worn out: the session is over.
    #[must_use]
    pub fn advance(&mut self, now: Moment, number: u64) -> Option<u8> {
        let old = self.packets >= GENERATION_PACKETS || now.since(self.began) >= GENERATION_TIME;
        if old && self.acknowledged {
            self.present = self.chain.next();
            self.name = (self.name + 1) % NAMES;
            self.began = now;
            self.packets = 0;
            self.first = None;
            self.acknowledged = false;
        }
        if self.packets >= KEY_PACKETS_MAX {
            return None;
        }
        self.packets += 1;
        self.first.get_or_insert(number);
        Some(self.name)
    }

    /// The other end acknowledged packets up to this number.
    pub fn on_acknowledged(&mut self, largest: u64) {
        if self.first.is_some_and(|first| largest >= first) {
            self.acknowledged = true;
        }
    }

    /// Seals a packet. The header is bound to it, not hidden.
    #[inline]
    #[must_use]
    pub fn seal_in_place(
        &self,
        number: u64,
        header: &[u8],
        plaintext: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        self.present.seal(number, header, plaintext)
    }

    /// Seals a packet whose plaintext ends with `tail`: what is before is sealed in place, the
    /// tail is read where it lies and never copied. `sealed_tail` takes the sealed tail and the
    /// tag.
    ///
    /// # Panics
    /// If `sealed_tail` is not [`TAG_BYTES`] longer than the tail.
    #[inline]
    pub fn seal_with_tail(
        &self,
        number: u64,
        header: &[u8],
        plaintext: &mut [u8],
        (tail, sealed_tail): (&[u8], &mut [u8]),
    ) {
        self.present
            .seal_with_tail(number, header, plaintext, (tail, sealed_tail));
    }
}

/// Opens the packets of one direction.
pub struct OpeningKeys {
    chain: Chain,
    present: Generation,
    next: Generation,
    previous: Option<(Generation, Moment)>,
    name: u8,
}

impl OpeningKeys {
    /// The keys of a direction's secret.
    #[must_use]
    pub fn new(suite: Suite, secret: &[u8; SECRET_BYTES]) -> Self {
        let mut chain = Chain {
            suite,
            secret: Zeroizing::new(*secret),
        };
        Self {
            present: chain.next(),
            next: chain.next(),
            chain,
            previous: None,
            name: 0,
        }
    }

    /// Opens a packet, whose tag is at its end, and returns the plaintext. A packet of the next
    /// generation that opens makes that the present one.
    ///
    /// # Errors
    /// If it does not open; its bytes are of no use then.
    #[inline]
    pub fn open_in_place<'a>(
        &mut self,
        now: Moment,
        generation: u8,
        number: u64,
        header: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], Forged> {
        if self.previous.as_ref().is_some_and(|(_, end)| now >= *end) {
            self.previous = None;
        }
        let length = match generation.wrapping_sub(self.name) % NAMES {
            0 => self.present.open(number, header, sealed)?,
            1 => {
                let length = self.next.open(number, header, sealed)?;
                self.turn(now);
                length
            }
            3 => match &self.previous {
                Some((previous, _)) => previous.open(number, header, sealed)?,
                None => return Err(Forged),
            },
            _ => return Err(Forged),
        };
        sealed.get_mut(..length).ok_or(Forged)
    }

    #[cold]
    fn turn(&mut self, now: Moment) {
        let next = core::mem::replace(&mut self.next, self.chain.next());
        let previous = core::mem::replace(&mut self.present, next);
        self.previous = Some((previous, now.after(PREVIOUS_TIME)));
        self.name = (self.name + 1) % NAMES;
    }
}

/// Both directions of a session.
pub struct PacketKeys {
    /// For the packets we send.
    pub seal: SealingKeys,
    /// For the packets we receive.
    pub open: OpeningKeys,
}

impl PacketKeys {
    /// The keys of a session secret, which both ends of a handshake know.
    #[must_use]
    pub fn new(suite: Suite, secret: &[u8; SECRET_BYTES], is_initiator: bool, now: Moment) -> Self {
        let mut ours = blake3::derive_key(INITIATOR_DOMAIN, secret);
        let mut theirs = blake3::derive_key(RESPONDER_DOMAIN, secret);
        if !is_initiator {
            core::mem::swap(&mut ours, &mut theirs);
        }
        let keys = Self {
            seal: SealingKeys::new(suite, &ours, now),
            open: OpeningKeys::new(suite, &theirs),
        };
        ours.zeroize();
        theirs.zeroize();
        keys
    }

    /// See [`SealingKeys::advance`].
    #[must_use]
    pub fn advance(&mut self, now: Moment, number: u64) -> Option<u8> {
        self.seal.advance(now, number)
    }

    /// See [`SealingKeys::on_acknowledged`].
    pub fn on_acknowledged(&mut self, largest: u64) {
        self.seal.on_acknowledged(largest);
    }

    /// See [`SealingKeys::seal_in_place`].
    #[inline]
    #[must_use]
    pub fn seal_in_place(
        &self,
        number: u64,
        header: &[u8],
        plaintext: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        self.seal.seal_in_place(number, header, plaintext)
    }

    /// See [`SealingKeys::seal_with_tail`].
    ///
    /// # Panics
    /// If there is no room for the tag.
    #[inline]
    pub fn seal_with_tail(
        &self,
        number: u64,
        header: &[u8],
        plaintext: &mut [u8],
        tail: (&[u8], &mut [u8]),
    ) {
        self.seal.seal_with_tail(number, header, plaintext, tail);
    }

    /// See [`OpeningKeys::open_in_place`].
    ///
    /// # Errors
    /// If it does not open; its bytes are of no use then.
    #[inline]
    pub fn open_in_place<'a>(
        &mut self,
        now: Moment,
        generation: u8,
        number: u64,
        header: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], Forged> {
        self.open
            .open_in_place(now, generation, number, header, sealed)
    }
}

#[cfg(test)]
mod tests;
