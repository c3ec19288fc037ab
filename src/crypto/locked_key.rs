//! A secret key as text under a passphrase: for a key file that is of no use to who copies it.
//!
//! Two lines. The first names the form and what stretching costs, so that a later program may
//! choose more and still read what an earlier one wrote:
//!
//! ```text
//! pentimento locked key 1 argon2id 65536 3 1
//! salt (32 bytes) | sealed key (32 + 16) | checksum (8), in hexadecimal digits
//! ```
//!
//! The passphrase is stretched with Argon2id (RFC 9106) over a fresh salt; what comes of it seals
//! one key and is never used again, so the nonce of ChaCha20-Poly1305 is zero and need not be
//! longer. The first line is sealed with it. The checksum is no secret: it tells a damaged file
//! from a wrong passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use data_encoding::HEXLOWER_PERMISSIVE;
use thiserror::Error;
use zeroize::Zeroizing;

use super::container::Passphrase;

/// What a locked key begins with.
const FORM: &str = "pentimento locked key";
const VERSION: &str = "1";
const FUNCTION: &str = "argon2id";
const CHECKSUM_CONTEXT: &str = "pentimento 1 locked key, checksum";

const SALT_BYTES: usize = 32;
const SEALED_BYTES: usize = 32 + 16;
const CHECKSUM_BYTES: usize = 8;
const BODY_BYTES: usize = SALT_BYTES + SEALED_BYTES + CHECKSUM_BYTES;

/// What stretching a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory that is filled, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes, which a machine with as many cores can fill at the same time.
    pub lanes: u32,
}

impl Cost {
    /// What new keys are locked with: the second recommendation of RFC 9106 in one lane, some
    /// tenths of a second at each start.
    pub const STANDARD: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 1,
    };

    /// The most that is read, so that no file makes a program swell or hang: a gigabyte.
    const MOST: Self = Self {
        memory_kib: 1 << 20,
        passes: 64,
        lanes: 16,
    };

    const fn is_within(self, most: Self) -> bool {
        self.memory_kib <= most.memory_kib && self.passes <= most.passes && self.lanes <= most.lanes
    }

    fn line(self) -> String {
        let Self {
            memory_kib,
            passes,
            lanes,
        } = self;
        format!("{FORM} {VERSION} {FUNCTION} {memory_kib} {passes} {lanes}")
    }

    fn read(line: &str) -> Result<Self, UnlockError> {
        let rest = line.strip_prefix(FORM).ok_or(UnlockError::Damaged)?;
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let [version, function, memory, passes, lanes] = words[..] else {
            return Err(UnlockError::Damaged);
        };
        if version != VERSION || function != FUNCTION {
            return Err(UnlockError::Newer);
        }
        let number = |word: &str| word.parse().map_err(|_| UnlockError::Damaged);
        let cost = Self {
            memory_kib: number(memory)?,
            passes: number(passes)?,
            lanes: number(lanes)?,
        };
        if cost.is_within(Self::MOST) {
            Ok(cost)
        } else {
            Err(UnlockError::Newer)
        }
    }
}

/// Why a locked key does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnlockError {
    /// It is not what was written.
    #[error("it is damaged")]
    Damaged,
    /// It is of a form, or costs, that this program does not know.
    #[error("it was locked by a newer program")]
    Newer,
    /// The passphrase is another.
    #[error("that is not its passphrase")]
    WrongPassphrase,
}

/// Whether a key file is locked, damaged or not.
#[must_use]
pub fn is_locked(text: &str) -> bool {
    text.starts_with(FORM)
}

/// Locks a key. `salt` must be fresh for each call.
#[must_use]
pub fn lock(
    secret: &[u8; 32],
    passphrase: &Passphrase,
    salt: [u8; SALT_BYTES],
    cost: Cost,
) -> String {
    let line = cost.line();
    let key = stretch(passphrase, &salt, cost).expect("whoever locks knows what is allowed");
    let mut sealed = secret.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    key.seal_in_place_append_tag(nonce, Aad::from(&line), &mut sealed)
        .expect("a key is short");
    let mut body = [salt.as_slice(), &sealed].concat();
    body.extend_from_slice(&checksum(&line, &body));
    format!("{line}\n{}\n", HEXLOWER_PERMISSIVE.encode(&body))
}

/// Opens a locked key.
///
/// # Errors
/// If it is damaged or newer, or the passphrase is another.
pub fn unlock(text: &str, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 32]>, UnlockError> {
    let (line, body) = text.trim().split_once('\n').ok_or(UnlockError::Damaged)?;
    let line = line.trim_end();
    let cost = Cost::read(line)?;
    let body = HEXLOWER_PERMISSIVE.decode(body.trim().as_bytes());
    let body = body.map_err(|_| UnlockError::Damaged)?;
    if body.len() != BODY_BYTES {
        return Err(UnlockError::Damaged);
    }
    let (sealed, found) = body.split_at(BODY_BYTES - CHECKSUM_BYTES);
    if checksum(line, sealed) != found {
        return Err(UnlockError::Damaged);
    }
    let (salt, sealed) = sealed.split_at(SALT_BYTES);
    let key = stretch(passphrase, salt, cost).ok_or(UnlockError::Damaged)?;
    let mut sealed = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let opened = key.open_in_place(nonce, Aad::from(line), &mut sealed);
    let opened = opened.map_err(|_| UnlockError::WrongPassphrase)?;
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(opened);
    Ok(secret)
}

/// None if Argon2 knows no such cost.
fn stretch(passphrase: &Passphrase, salt: &[u8], cost: Cost) -> Option<LessSafeKey> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.bytes(), salt, &mut *key)
        .ok()?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &*key).ok()?;
    Some(LessSafeKey::new(key))
}

fn checksum(line: &str, body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key(CHECKSUM_CONTEXT);
    hasher.update(line.as_bytes()).update(body);
    let mut checksum = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut checksum);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; 32] = [42; 32];
    const CHEAP: Cost = Cost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.as_bytes()).expect("within its bounds")
    }

    fn locked() -> String {
        lock(&SECRET, &passphrase("four words are good"), [1; 32], CHEAP)
    }

    #[test]
    fn a_locked_key_opens_with_its_passphrase_only() {
        let text = locked();
        assert!(is_locked(&text));
        assert!(!is_locked(&"0f".repeat(32)));
        let opened = unlock(&text, &passphrase("four words are good")).expect("opens");
        assert_eq!(*opened, SECRET);
        let wrong = unlock(&text, &passphrase("four words are bad"));
        assert_eq!(wrong.err(), Some(UnlockError::WrongPassphrase));
        // As an editor or a copy on another system leaves it.
        let edited = text.replace('\n', "\r\n").to_owned() + "\n";
        assert!(unlock(&edited, &passphrase("four words are good")).is_ok());
    }

    #[test]
    fn the_text_says_nothing_of_the_key_and_differs_with_the_salt() {
        let text = locked();
        assert!(!text.contains(&HEXLOWER_PERMISSIVE.encode(&SECRET[..4])));
        let other = lock(&SECRET, &passphrase("four words are good"), [2; 32], CHEAP);
        let body = |text: &str| text.lines().nth(1).map(str::to_owned);
        assert_ne!(body(&text), body(&other));
    }

    #[test]
    fn whatever_is_changed_is_called_damage_and_not_a_wrong_passphrase() {
        let text = locked();
        for place in 0..text.trim_end().len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(bytes).expect("text");
            let opened = unlock(&changed, &passphrase("four words are good"));
            let is_told = matches!(opened, Err(UnlockError::Damaged | UnlockError::Newer));
            assert!(is_told, "{place}: {opened:?}");
        }
        for cut in 0..text.trim_end().len() {
            let opened = unlock(&text[..cut], &passphrase("four words are good"));
            assert!(opened.is_err(), "{cut}");
        }
    }

    #[test]
    fn no_file_makes_a_program_swell() {
        let most = Cost::MOST;
        for cost in [
            Cost {
                memory_kib: most.memory_kib + 1,
                ..CHEAP
            },
            Cost {
                passes: most.passes + 1,
                ..CHEAP
            },
            Cost {
                lanes: most.lanes + 1,
                ..CHEAP
            },
        ] {
            assert_eq!(Cost::read(&cost.line()), Err(UnlockError::Newer));
        }
        assert_eq!(Cost::read(&most.line()), Ok(most));
        assert_eq!(Cost::read(&Cost::STANDARD.line()), Ok(Cost::STANDARD));
        // Less than Argon2 can work with.
        let text = locked().replace(" 8 1 1", " 0 0 0");
        let opened = unlock(&text, &passphrase("four words are good"));
        assert_eq!(opened.err(), Some(UnlockError::Damaged));
    }
}
