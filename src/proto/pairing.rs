//! How two people make sure of each other: six words that they compare aloud, and a code that one
//! shows and the other scans or types.
//!
//! Both say the user id, which is a hash of the user's keys. The words say 60 bits of it: enough
//! against anybody who would have to make keys until the words agree. The code says all of it, and
//! the name, with a checksum against slips; it is no secret.

use data_encoding::BASE32_NOPAD;
use thiserror::Error;

use super::ids::UserId;
use super::limits::NAME_MAX_BYTES;
use super::words::{BITS, COUNT, WORDS};

/// Words in which a user id is read aloud.
pub const WORDS_SAID: usize = 6;
/// Longest code in characters, without spaces and dashes.
pub const CODE_MAX_CHARS: usize = (1 + ID_BYTES + NAME_MAX_BYTES + CHECK_BYTES) * 8 / 5 + 1;

const VERSION: u8 = 1;
const ID_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;

/// Why a code says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PairingError {
    /// It is mistyped, cut off, or no code at all.
    #[error("the code is damaged: it has a wrong, missing or surplus character")]
    Damaged,
    /// It comes from a program that we do not understand.
    #[error("the code has version {0}, this program reads version {VERSION}")]
    WrongVersion(u8),
    /// The name in it can be nobody's.
    #[error("the name in the code is none")]
    Name,
}

/// The words of a user, for two people to compare.
#[must_use]
pub fn words(user: &UserId) -> [&'static str; WORDS_SAID] {
    let mut bits = [0; 8];
    bits.copy_from_slice(&user.0[..8]);
    let bits = u64::from_be_bytes(bits);
    core::array::from_fn(|place| {
        let from_top = BITS * (u32::try_from(place).unwrap_or(0) + 1);
        let index = usize::try_from(bits >> (u64::BITS - from_top)).unwrap_or(0);
        WORDS[index % COUNT]
    })
}

/// The code of a user: upper-case letters and digits from 2 to 7. For a name of at most 20 bytes
/// it has at most 92 characters.
#[must_use]
pub fn code(name: &str, user: &UserId) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&user.0);
    bytes.extend_from_slice(name.as_bytes());
    let check = checksum(&bytes);
    bytes.extend_from_slice(&check);
    BASE32_NOPAD.encode(&bytes)
}

/// Whose code it is. Small letters, spaces and dashes are as good.
///
/// # Errors
/// If it is damaged, from another version, or names nobody.
pub fn parse(code: &str) -> Result<(String, UserId), PairingError> {
    let plain: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(CODE_MAX_CHARS + 1)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let bytes = BASE32_NOPAD
        .decode(plain.as_bytes())
        .map_err(|_| PairingError::Damaged)?;
    let (said, check) = bytes
        .split_last_chunk::<CHECK_BYTES>()
        .ok_or(PairingError::Damaged)?;
    if plain.len() > CODE_MAX_CHARS || checksum(said) != *check {
        return Err(PairingError::Damaged);
    }
    let (&version, said) = said.split_first().ok_or(PairingError::Damaged)?;
    if version != VERSION {
        return Err(PairingError::WrongVersion(version));
    }
    let (id, name) = said
        .split_first_chunk::<ID_BYTES>()
        .ok_or(PairingError::Damaged)?;
    let name = core::str::from_utf8(name).map_err(|_| PairingError::Name)?;
    let fits = (1..=NAME_MAX_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    if !fits {
        return Err(PairingError::Name);
    }
    Ok((name.to_owned(), UserId(*id)))
}

fn checksum(said: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = blake3::derive_key("pentimento 1 pairing code", said);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        BASE32_NOPAD.encode(&[bytes, &checksum(bytes)].concat())
    }

    #[test]
    fn the_words_say_the_first_sixty_bits() {
        let first = WORDS[0];
        let last = WORDS[COUNT - 1];
        assert_eq!(words(&UserId([0; 32])), [first; 6]);
        assert_eq!(words(&UserId([255; 32])), [last; 6]);
        let mut id = [0; 32];
        id[1] = 0b0100_0000;
        assert_eq!(words(&UserId(id))[..2], [WORDS[1], first]);
        let mut id = [0; 32];
        id[7] = 0b0001_0000;
        assert_eq!(words(&UserId(id))[5], WORDS[1]);
        id[7] = 0b0000_1111;
        assert_eq!(words(&UserId(id))[5], first, "the rest is not said");
    }

    #[test]
    fn a_code_of_a_usual_name_is_short() {
        let code = code(&"n".repeat(20), &UserId([7; 32]));
        assert!(code.len() <= 110, "{}", code.len());
        assert!(
            code.bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        );
    }

    #[test]
    fn the_longest_name_fits_and_a_longer_one_does_not() {
        let user = UserId([7; 32]);
        let longest = "n".repeat(NAME_MAX_BYTES);
        assert_eq!(parse(&code(&longest, &user)), Ok((longest.clone(), user)));
        assert!(code(&longest, &user).len() <= CODE_MAX_CHARS);
        assert!(parse(&code(&(longest + "n"), &user)).is_err());
    }

    #[test]
    fn a_code_of_another_version_or_without_a_name_is_told_apart() {
        let mut said = vec![VERSION + 1; ID_BYTES + 6];
        assert_eq!(
            parse(&encoded(&said)),
            Err(PairingError::WrongVersion(VERSION + 1)),
        );
        said[0] = VERSION;
        assert_eq!(parse(&encoded(&said)), Err(PairingError::Name), "controls");
        said.truncate(1 + ID_BYTES);
        assert_eq!(parse(&encoded(&said)), Err(PairingError::Name));
        said.truncate(ID_BYTES);
        assert_eq!(parse(&encoded(&said)), Err(PairingError::Damaged));
        assert_eq!(parse(&encoded(&[])), Err(PairingError::Damaged));
        assert_eq!(parse(""), Err(PairingError::Damaged));
    }

    proptest! {
        #[test]
        fn a_code_says_who_it_was_made_for_however_it_is_typed(
            name in "[a-zA-Z0-9._-]{1,64}",
            id in any::<[u8; 32]>(),
            group in 1_usize..9,
        ) {
            let code = code(&name, &UserId(id));
            let wanted = Ok((name, UserId(id)));
            prop_assert_eq!(&parse(&code), &wanted);
            let groups: Vec<String> = code
                .to_ascii_lowercase()
                .as_bytes()
                .chunks(group)
                .map(|chunk| String::from_utf8_lossy(chunk).into_owned())
                .collect();
            prop_assert_eq!(&parse(&groups.join("-")), &wanted);
            prop_assert_eq!(&parse(&groups.join(" \n")), &wanted);
        }

        #[test]
        fn a_code_with_one_wrong_character_is_damaged(
            id in any::<[u8; 32]>(),
            place in any::<prop::sample::Index>(),
            other in "[A-Z2-7]",
        ) {
            let code = code("alice", &UserId(id));
            let place = place.index(code.len());
            let mut typed = code.clone();
            typed.replace_range(place..=place, &other);
            if typed == code {
                prop_assert!(parse(&typed).is_ok());
            } else {
                prop_assert_eq!(parse(&typed), Err(PairingError::Damaged));
            }
        }

        #[test]
        fn anything_else_is_an_error_and_no_panic(text in ".{0,400}") {
            prop_assert!(parse(&text).is_err());
        }
    }
}
