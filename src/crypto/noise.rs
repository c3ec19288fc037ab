//! The Noise handshake (revision 34), with X25519, ChaCha20-Poly1305 and SHA-256 of aws-lc.
//!
//! Two patterns: IK for who knows the responder's key, XX for who does not yet. What comes out is
//! one secret that both ends know; packets are sealed with keys derived from it
//! ([`super::packet_keys`]), never with Noise's own transport.
//!
//! Randomness is an argument: the seed of a handshake decides its ephemeral key, so a seed must
//! never be used twice, and never be predictable outside of simulations. A message that does not
//! open leaves a handshake as it was, so a forged one cannot spoil it. Secrets of ours are wiped
//! when dropped; what the Noise library holds during a handshake is freed, not wiped.

use std::sync::Arc;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::digest;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a key, public or secret.
pub const KEY_BYTES: usize = 32;
/// Bytes by which sealing lengthens.
const TAG_BYTES: usize = 16;
/// No message of a handshake is longer (Noise, section 3).
const MESSAGE_MAX_BYTES: usize = 65_535;
const HASH_BYTES: usize = 32;
const HASH_BLOCK_BYTES: usize = 64;

const SESSION_DOMAIN: &str = "pentimento 2 transport session secret";

/// Who knows whose key when a handshake begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Pattern {
    /// The initiator knows the responder's key: two messages.
    Ik = 1,
    /// Neither knows the other's: three messages.
    Xx = 2,
}

impl Pattern {
    /// The pattern of a byte on the wire.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ik),
            2 => Some(Self::Xx),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ik => "Noise_IK_25519_ChaChaPoly_SHA256",
            Self::Xx => "Noise_XX_25519_ChaChaPoly_SHA256",
        }
    }
}

/// Why a handshake does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoiseError {
    /// A key is none of X25519.
    #[error("the key is invalid")]
    Key,
    /// The message is not the one that this handshake waits for.
    #[error("the message does not open")]
    Message,
    /// A message is asked for that is not due, or does not fit its buffer.
    #[error("the handshake is not at that message")]
    State,
}

impl From<snow::Error> for NoiseError {
    fn from(error: snow::Error) -> Self {
        match error {
            snow::Error::Decrypt | snow::Error::Dh => Self::Message,
            _ => Self::State,
        }
    }
}

/// An X25519 key pair that names a party for long. Cheap to clone.
#[derive(Clone)]
pub struct StaticKey(Arc<KeyPair>);

impl StaticKey {
    /// The key pair of a secret.
    ///
    /// # Errors
    /// If the secret is no key.
    pub fn from_secret(secret: &[u8; KEY_BYTES]) -> Result<Self, NoiseError> {
        let pair = KeyPair::from_secret(secret).ok_or(NoiseError::Key)?;
        Ok(Self(Arc::new(pair)))
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &[u8; KEY_BYTES] {
        &self.0.public
    }
}

struct KeyPair {
    secret: Zeroizing<[u8; KEY_BYTES]>,
    public: [u8; KEY_BYTES],
    agreement: PrivateKey,
}

impl KeyPair {
    fn from_secret(secret: &[u8; KEY_BYTES]) -> Option<Self> {
        let agreement = PrivateKey::from_private_key(&X25519, secret).ok()?;
        let public = agreement.compute_public_key().ok()?;
        Some(Self {
            secret: Zeroizing::new(*secret),
            public: public.as_ref().try_into().ok()?,
            agreement,
        })
    }
}

/// The secret that both ends of a finished handshake know, and nobody else. Wiped when dropped.
pub type SessionSecret = Zeroizing<[u8; KEY_BYTES]>;

/// A handshake under way.
pub struct Handshake {
    state: Box<snow::HandshakeState>,
    origin: Origin,
    /// The messages so far, to get back to before one that did not open.
    steps: Vec<Step>,
    /// The last message did not open. The library puts its hash back then, but not the key of its
    /// cipher, so a third message whose first half is right would spoil the state.
    spoiled: bool,
}

/// Everything that a handshake begins with.
struct Origin {
    pattern: Pattern,
    key: StaticKey,
    remote: Option<[u8; KEY_BYTES]>,
    prologue: Vec<u8>,
    seed: Zeroizing<[u8; 32]>,
    is_initiator: bool,
}

/// A message that was written, by its payload, or read.
enum Step {
    Wrote(Vec<u8>),
    Read(Vec<u8>),
}

impl Origin {
    fn builder(&self) -> Result<snow::Builder<'_>, NoiseError> {
        let params: NoiseParams = self.pattern.name().parse()?;
        let resolver = Resolver {
            key: self.key.clone(),
            seed: self.seed.clone(),
        };
        let builder = snow::Builder::with_resolver(params, Box::new(resolver))
            .local_private_key(&*self.key.0.secret)?
            .prologue(&self.prologue)?;
        Ok(match (self.pattern, &self.remote) {
            (Pattern::Ik, Some(remote)) => builder.remote_public_key(remote)?,
            _ => builder,
        })
    }

    fn state(&self) -> Result<Box<snow::HandshakeState>, NoiseError> {
        let builder = self.builder()?;
        Ok(Box::new(if self.is_initiator {
            builder.build_initiator()?
        } else {
            builder.build_responder()?
        }))
    }
}

impl Handshake {
    /// Begins a handshake; `remote` is the responder's key, which IK needs. Both ends must give
    /// the same `prologue`.
    ///
    /// # Errors
    /// If the pattern needs a key that is not given.
    pub fn initiate(
        pattern: Pattern,
        key: &StaticKey,
        remote: Option<&[u8; KEY_BYTES]>,
        prologue: &[u8],
        seed: [u8; 32],
    ) -> Result<Self, NoiseError> {
        Self::new(Origin {
            pattern,
            key: key.clone(),
            remote: remote.copied(),
            prologue: prologue.to_vec(),
            seed: Zeroizing::new(seed),
            is_initiator: true,
        })
    }

    /// Begins the other end of a handshake.
    ///
    /// # Errors
    /// If the primitives are not to be had.
    pub fn respond(
        pattern: Pattern,
        key: &StaticKey,
        prologue: &[u8],
        seed: [u8; 32],
    ) -> Result<Self, NoiseError> {
        Self::new(Origin {
            pattern,
            key: key.clone(),
            remote: None,
            prologue: prologue.to_vec(),
            seed: Zeroizing::new(seed),
            is_initiator: false,
        })
    }

    fn new(origin: Origin) -> Result<Self, NoiseError> {
        Ok(Self {
            state: origin.state()?,
            origin,
            steps: Vec::new(),
            spoiled: false,
        })
    }

    /// Writes the next message with `payload` inside; returns its length in `out`.
    ///
    /// # Errors
    /// If it is the other end's turn, or `out` is too short.
    pub fn write(&mut self, payload: &[u8], out: &mut [u8]) -> Result<usize, NoiseError> {
        self.restore()?;
        let length = self.state.write_message(payload, out)?;
        self.steps.push(Step::Wrote(payload.to_vec()));
        Ok(length)
    }

    /// Reads the next message; returns the length of its payload in `out`.
    ///
    /// # Errors
    /// If it is not the message that is waited for; the handshake still waits for it then.
    pub fn read(&mut self, message: &[u8], out: &mut [u8]) -> Result<usize, NoiseError> {
        self.restore()?;
        match self.state.read_message(message, out) {
            Ok(length) => {
                self.steps.push(Step::Read(message.to_vec()));
                Ok(length)
            }
            Err(error) => {
                self.spoiled = true;
                Err(match error {
                    snow::Error::Input => NoiseError::Message,
                    other => other.into(),
                })
            }
        }
    }

    /// Goes through the messages again, if the last one did not open.
    fn restore(&mut self) -> Result<(), NoiseError> {
        if !self.spoiled {
            return Ok(());
        }
        let mut state = self.origin.state()?;
        let mut scratch = vec![0; MESSAGE_MAX_BYTES];
        for step in &self.steps {
            match step {
                Step::Wrote(payload) => state.write_message(payload, &mut scratch)?,
                Step::Read(message) => state.read_message(message, &mut scratch)?,
            };
        }
        self.state = state;
        self.spoiled = false;
        Ok(())
    }

    /// The other end's key, as soon as it is known.
    #[must_use]
    pub fn remote_static(&self) -> Option<[u8; KEY_BYTES]> {
        self.state.get_remote_static()?.try_into().ok()
    }

    /// The secret, once the last message is written or read.
    ///
    /// # Errors
    /// If it is not.
    pub fn finish(mut self) -> Result<SessionSecret, NoiseError> {
        if !self.state.is_handshake_finished() {
            return Err(NoiseError::State);
        }
        let (mut first, mut second) = self.state.dangerously_get_raw_split();
        let mut hasher = blake3::Hasher::new_derive_key(SESSION_DOMAIN);
        hasher.update(&first);
        hasher.update(&second);
        hasher.update(self.state.get_handshake_hash());
        first.zeroize();
        second.zeroize();
        let secret = Zeroizing::new(*hasher.finalize().as_bytes());
        Ok(secret)
    }
}

/// Hands the primitives to Noise.
struct Resolver {
    key: StaticKey,
    seed: Zeroizing<[u8; 32]>,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(SeededRandom(ChaCha20Rng::from_seed(*self.seed))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let agreement = Agreement {
            known: self.key.clone(),
            pair: None,
        };
        matches!(choice, DHChoice::Curve25519).then(|| Box::new(agreement) as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        let hash = Sha256(digest::Context::new(&digest::SHA256));
        matches!(choice, HashChoice::SHA256).then(|| Box::new(hash) as Box<dyn Hash>)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        matches!(choice, CipherChoice::ChaChaPoly)
            .then(|| Box::new(ChaChaPoly(None)) as Box<dyn Cipher>)
    }
}

struct SeededRandom(ChaCha20Rng);

impl Random for SeededRandom {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}

/// X25519. Our static key's pair is made once, not once a handshake.
struct Agreement {
    known: StaticKey,
    pair: Option<Arc<KeyPair>>,
}

impl Dh for Agreement {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        KEY_BYTES
    }

    fn priv_len(&self) -> usize {
        KEY_BYTES
    }

    fn set(&mut self, privkey: &[u8]) {
        self.pair = if privkey == &self.known.0.secret[..] {
            Some(Arc::clone(&self.known.0))
        } else {
            let secret = <&[u8; KEY_BYTES]>::try_from(privkey).ok();
            secret.and_then(KeyPair::from_secret).map(Arc::new)
        };
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        rng.try_fill_bytes(&mut *secret)?;
        let pair = KeyPair::from_secret(&secret).ok_or(snow::Error::Rng)?;
        self.pair = Some(Arc::new(pair));
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        self.pair.as_ref().map_or(&[], |pair| &pair.public)
    }

    fn privkey(&self) -> &[u8] {
        self.pair.as_ref().map_or(&[], |pair| &pair.secret[..])
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        let pair = self.pair.as_ref().ok_or(snow::Error::Dh)?;
        let remote = pubkey.get(..KEY_BYTES).ok_or(snow::Error::Dh)?;
        let out = out.get_mut(..KEY_BYTES).ok_or(snow::Error::Dh)?;
        // A point of low order gives zero, which aws-lc refuses (RFC 7748, 6.1).
        let remote = UnparsedPublicKey::new(&X25519, remote);
        agree(&pair.agreement, remote, snow::Error::Dh, |secret| {
            out.copy_from_slice(secret);
            Ok(())
        })
    }
}

struct Sha256(digest::Context);

impl Hash for Sha256 {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        HASH_BLOCK_BYTES
    }

    fn hash_len(&self) -> usize {
        HASH_BYTES
    }

    fn reset(&mut self) {
        self.0 = digest::Context::new(&digest::SHA256);
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        out[..HASH_BYTES].copy_from_slice(self.0.clone().finish().as_ref());
    }
}

struct ChaChaPoly(Option<LessSafeKey>);

impl ChaChaPoly {
    /// Four zero bytes and the number, little endian (Noise, section 12.3).
    fn nonce(number: u64) -> Nonce {
        let mut bytes = [0; 12];
        bytes[4..].copy_from_slice(&number.to_le_bytes());
        Nonce::assume_unique_for_key(bytes)
    }
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; KEY_BYTES]) {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key);
        self.0 = key.ok().map(LessSafeKey::new);
    }

    fn encrypt(&self, nonce: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let key = self.0.as_ref().expect("a key is set before it seals");
        let (sealed, rest) = out.split_at_mut(plaintext.len());
        sealed.copy_from_slice(plaintext);
        let tag = key
            .seal_in_place_separate_tag(Self::nonce(nonce), Aad::from(authtext), sealed)
            .expect("a handshake message is shorter than the cipher's limit");
        rest[..TAG_BYTES].copy_from_slice(tag.as_ref());
        plaintext.len() + TAG_BYTES
    }

    fn decrypt(
        &self,
        nonce: u64,
        authtext: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, snow::Error> {
        let key = self.0.as_ref().ok_or(snow::Error::Decrypt)?;
        let split = ciphertext.len().checked_sub(TAG_BYTES);
        let (sealed, tag) = ciphertext.split_at(split.ok_or(snow::Error::Decrypt)?);
        let out = out.get_mut(..sealed.len()).ok_or(snow::Error::Decrypt)?;
        key.open_separate_gather(Self::nonce(nonce), Aad::from(authtext), sealed, tag, out)
            .map_err(|_| snow::Error::Decrypt)?;
        Ok(sealed.len())
    }
}

#[cfg(test)]
mod tests;
