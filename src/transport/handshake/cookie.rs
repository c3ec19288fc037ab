//! Cookies: what an initiator must show, when there is a crowd, to prove that it receives at its
//! address. The responder keeps nothing for one; it computes the cookie of an address again.
//!
//! After the idea of WireGuard, section 5.4.7: the reply is sealed with a key that only who saw
//! the initiation can derive, and is bound to that initiation's code, so nobody else can make an
//! initiator take a wrong cookie without reading its traffic.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;
use zeroize::Zeroizing;

use super::layout::{Initiation, MAC_BYTES, Mac, equal, mac, mac2};
use crate::time::Moment;

/// The secret behind the cookies changes after this time; its predecessor counts as long again.
pub const COOKIE_LIFE: Duration = Duration::from_secs(120);

/// Bytes of a cookie and its tag.
const SEALED_BYTES: usize = 2 * MAC_BYTES;

/// Makes and checks the cookies of addresses.
pub(super) struct Baker {
    secret: Zeroizing<[u8; 32]>,
    previous: Zeroizing<[u8; 32]>,
    turned: Moment,
}

impl Baker {
    pub(super) fn new(rng: &mut ChaCha20Rng) -> Self {
        let mut baker = Self {
            secret: Zeroizing::new([0; 32]),
            previous: Zeroizing::new([0; 32]),
            turned: Moment::START,
        };
        rng.fill_bytes(&mut *baker.secret);
        rng.fill_bytes(&mut *baker.previous);
        baker
    }

    /// The cookie for an address.
    pub(super) fn cookie(&mut self, now: Moment, from: SocketAddr, rng: &mut ChaCha20Rng) -> Mac {
        self.turn(now, rng);
        cookie_of(&self.secret, from)
    }

    /// Whether an initiation shows a cookie of this address.
    pub(super) fn check(
        &mut self,
        now: Moment,
        from: SocketAddr,
        initiation: &Initiation<'_>,
        rng: &mut ChaCha20Rng,
    ) -> bool {
        if initiation.mac2 == Mac::default() {
            return false;
        }
        self.turn(now, rng);
        [&self.secret, &self.previous].iter().any(|secret| {
            let cookie = cookie_of(secret, from);
            let code = mac2(&cookie, initiation.signed, &initiation.mac1);
            equal(&code, &initiation.mac2)
        })
    }

    fn turn(&mut self, now: Moment, rng: &mut ChaCha20Rng) {
        let age = now.since(self.turned);
        if age < COOKIE_LIFE {
            return;
        }
        self.previous = self.secret.clone();
        rng.fill_bytes(&mut *self.secret);
        if age >= COOKIE_LIFE * 2 {
            rng.fill_bytes(&mut *self.previous);
        }
        self.turned = now;
    }
}

fn cookie_of(secret: &[u8; 32], from: SocketAddr) -> Mac {
    let port = from.port().to_le_bytes();
    match from.ip().to_canonical() {
        IpAddr::V4(ip) => mac(secret, &[&ip.octets(), &port]),
        IpAddr::V6(ip) => mac(secret, &[&ip.octets(), &port]),
    }
}

/// The key that a cookie travels under: of one initiation and one reply, so the nonce may be zero.
fn travel_key(
    mac1_key: &[u8; 32],
    random: &[u8; 16],
    mac1: &Mac,
    ephemeral: &[u8],
) -> Option<LessSafeKey> {
    let mut hasher = blake3::Hasher::new_keyed(mac1_key);
    for part in [b"cookie reply", &random[..], mac1, ephemeral] {
        hasher.update(part);
    }
    let key = UnboundKey::new(&CHACHA20_POLY1305, hasher.finalize().as_bytes());
    key.ok().map(LessSafeKey::new)
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// Seals a cookie for who sent the initiation.
pub(super) fn seal(
    cookie: &Mac,
    mac1_key: &[u8; 32],
    random: &[u8; 16],
    initiation: &Initiation<'_>,
) -> Option<[u8; SEALED_BYTES]> {
    let key = travel_key(mac1_key, random, &initiation.mac1, initiation.ephemeral())?;
    let mut sealed = [0; SEALED_BYTES];
    let (text, tag) = sealed.split_at_mut(MAC_BYTES);
    text.copy_from_slice(cookie);
    let made = key.seal_in_place_separate_tag(zero_nonce(), Aad::empty(), text);
    tag.copy_from_slice(made.ok()?.as_ref());
    Some(sealed)
}

/// Opens the cookie for an initiation that we sent.
pub(super) fn open(
    mut sealed: [u8; SEALED_BYTES],
    mac1_key: &[u8; 32],
    random: &[u8; 16],
    initiation: &Initiation<'_>,
) -> Option<Mac> {
    let key = travel_key(mac1_key, random, &initiation.mac1, initiation.ephemeral())?;
    let opened = key.open_in_place(zero_nonce(), Aad::empty(), &mut sealed);
    Mac::try_from(&*opened.ok()?).ok()
}
