//! A key file under a passphrase: where the passphrase comes from when nobody is asked, and how the
//! file is replaced.
//!
//! A program that asks a person keeps what it opened for as long as it runs: `offer` remembers it,
//! and whoever reads the key file afterwards finds it open.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use super::failures;
use super::home::{KEY_FILE, random};
use crate::crypto::container::{PASSPHRASE_MAX_BYTES, Passphrase};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::locked_key::{self, Cost, UnlockError};
use crate::proto::control::{Failure, Reason};

/// The variable that holds the passphrase of the key file.
pub const VARIABLE: &str = "PENTIMENTO_KEY_PASSPHRASE";
/// The variable that names a file whose first line is that passphrase.
pub const FILE_VARIABLE: &str = "PENTIMENTO_KEY_PASSPHRASE_FILE";

/// Key files that this program has opened: their text, and the key.
static OPENED: Mutex<Vec<(String, SecretIdentity)>> = Mutex::new(Vec::new());

/// Whether the key file of a home is under a passphrase.
#[must_use]
pub fn is_locked(home: &Path) -> bool {
    let text = fs::read_to_string(home.join(KEY_FILE)).map(Zeroizing::new);
    text.is_ok_and(|text| locked_key::is_locked(&text))
}

/// The passphrase that the environment gives, if it does.
///
/// # Errors
/// If it names a file that cannot be read, or gives what is no passphrase.
pub fn given() -> Result<Option<Passphrase>, Failure> {
    if let Some(text) = std::env::var_os(VARIABLE) {
        let bytes = Zeroizing::new(OsString::into_encoded_bytes(text));
        return checked(&bytes).map(Some);
    }
    let Some(path) = std::env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    checked(&first_line(Path::new(&path))?).map(Some)
}

/// The first line of a file, without its end.
///
/// # Errors
/// If it cannot be read.
pub fn first_line(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let file = File::open(path).map_err(|error| failures::file(path, &error))?;
    let mut line = Zeroizing::new(Vec::with_capacity(PASSPHRASE_MAX_BYTES + 3));
    BufReader::new(file.take(PASSPHRASE_MAX_BYTES as u64 + 3))
        .read_until(b'\n', &mut line)
        .map_err(|error| failures::file(path, &error))?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Ok(line)
}

/// A passphrase, if that is one.
///
/// # Errors
/// If it is empty or too long.
pub fn checked(bytes: &[u8]) -> Result<Passphrase, Failure> {
    Passphrase::new(bytes).ok_or_else(|| {
        failures::usage(
            "that is no passphrase",
            format!("it has 1 to {PASSPHRASE_MAX_BYTES} bytes; several words are good"),
        )
    })
}

/// The key in the text of a key file that is locked: opened before by [`offer`], or with the
/// passphrase of the environment.
///
/// # Errors
/// If there is no passphrase or another one, or the file is damaged.
pub(super) fn key(path: &Path, text: &str) -> Result<SecretIdentity, Failure> {
    let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, identity)) = opened.iter().find(|(known, _)| known == text) {
        return Ok(identity.clone());
    }
    drop(opened);
    let passphrase = given()?.ok_or_else(|| {
        Failure::new(
            Reason::Config,
            format!("{} is locked", path.display()),
            format!(
                "run this in a terminal, which is asked for the passphrase; or have {VARIABLE} \
                 hold it, or {FILE_VARIABLE} name a file with it"
            ),
        )
    })?;
    open(path, text, &passphrase)
}

/// Opens the key file of a home and remembers the key for as long as this program runs.
///
/// # Errors
/// If it cannot be read, is damaged, or has another passphrase: [`Reason::Denied`] then.
pub fn offer(home: &Path, passphrase: &Passphrase) -> Result<SecretIdentity, Failure> {
    let path = home.join(KEY_FILE);
    let text = fs::read_to_string(&path).map_err(|error| failures::file(&path, &error))?;
    let identity = open(&path, &text, passphrase)?;
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.push((text, identity.clone()));
    Ok(identity)
}

fn open(path: &Path, text: &str, passphrase: &Passphrase) -> Result<SecretIdentity, Failure> {
    let secret = locked_key::unlock(text, passphrase).map_err(|error| {
        let (reason, hint) = match error {
            UnlockError::WrongPassphrase => (
                Reason::Denied,
                "try again; nobody can open it without its passphrase",
            ),
            UnlockError::Damaged => (Reason::Config, "restore it from a copy"),
            UnlockError::Newer => (Reason::Config, "use the program that locked it"),
        };
        let message = format!("{} does not open: {error}", path.display());
        Failure::new(reason, message, hint)
    })?;
    Ok(SecretIdentity::from_secret(*secret))
}

/// Puts the key of a home under a passphrase, or under another one, or (with none) under none. The
/// file is replaced as a whole: whatever happens, the old one or the new one is there.
///
/// # Errors
/// If it cannot be written.
pub fn relock(
    home: &Path,
    identity: &SecretIdentity,
    passphrase: Option<&Passphrase>,
) -> Result<(), Failure> {
    let text = match passphrase {
        Some(passphrase) => {
            let mut salt = [0; 32];
            random(&mut salt)?;
            Zeroizing::new(locked_key::lock(
                identity.secret(),
                passphrase,
                salt,
                Cost::STANDARD,
            ))
        }
        None => super::home::key_text(identity.secret()),
    };
    let (path, fresh) = (home.join(KEY_FILE), home.join(format!("{KEY_FILE}.new")));
    let written = replace(home, &path, &fresh, text.as_bytes());
    written.map_err(|error| {
        let _ = fs::remove_file(&fresh);
        failures::file(&path, &error)
    })
}

fn replace(home: &Path, path: &Path, fresh: &Path, text: &[u8]) -> std::io::Result<()> {
    // What an earlier attempt left.
    if fresh.exists() {
        fs::remove_file(fresh)?;
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(fresh)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(fresh, path)?;
    File::open(home)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::home;
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        checked(text.as_bytes()).expect("a passphrase")
    }

    #[test]
    fn a_key_is_locked_opened_relocked_and_unlocked() {
        let folder = tempfile::tempdir().expect("folder");
        let made = home::make_key(folder.path()).expect("makes");
        let plain = fs::read_to_string(folder.path().join(KEY_FILE)).expect("reads");
        assert!(!is_locked(folder.path()));

        relock(folder.path(), &made, Some(&passphrase("one"))).expect("locks");
        assert!(is_locked(folder.path()));
        let locked = fs::read_to_string(folder.path().join(KEY_FILE)).expect("reads");
        assert!(!locked.contains(plain.trim()));
        // Nobody has given a passphrase.
        let refused = home::read_key(folder.path()).expect_err("is locked");
        assert_eq!(refused.reason, Reason::Config);
        let wrong = offer(folder.path(), &passphrase("two")).expect_err("another passphrase");
        assert_eq!(wrong.reason, Reason::Denied);
        assert!(home::read_key(folder.path()).is_err());
        let opened = offer(folder.path(), &passphrase("one")).expect("opens");
        assert_eq!(opened.public(), made.public());
        let read = home::read_key(folder.path()).expect("was opened");
        assert_eq!(read.public(), made.public());

        // What was opened is not open under another passphrase.
        relock(folder.path(), &read, Some(&passphrase("two"))).expect("locks");
        assert!(home::read_key(folder.path()).is_err());
        let opened = offer(folder.path(), &passphrase("two")).expect("opens");
        relock(folder.path(), &opened, None).expect("unlocks");
        let back = fs::read_to_string(folder.path().join(KEY_FILE)).expect("reads");
        assert_eq!(back, plain);
        let left: Vec<_> = fs::read_dir(folder.path()).expect("lists").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn what_an_attempt_left_is_in_nobodys_way_and_others_read_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("folder");
        let made = home::make_key(folder.path()).expect("makes");
        fs::write(folder.path().join("identity.key.new"), "half").expect("writes");
        relock(folder.path(), &made, Some(&passphrase("one"))).expect("locks");
        let mode = fs::metadata(folder.path().join(KEY_FILE)).expect("is there");
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_file_is_told_from_a_wrong_passphrase() {
        let folder = tempfile::tempdir().expect("folder");
        let made = home::make_key(folder.path()).expect("makes");
        relock(folder.path(), &made, Some(&passphrase("one"))).expect("locks");
        let path = folder.path().join(KEY_FILE);
        let text = fs::read_to_string(&path).expect("reads");
        fs::write(&path, &text[..text.len() - 5]).expect("writes");
        let refused = offer(folder.path(), &passphrase("one")).expect_err("is damaged");
        assert_eq!(refused.reason, Reason::Config);
        assert!(refused.message.contains("damaged"), "{refused:?}");
    }

    #[test]
    fn the_first_line_of_a_file_counts_without_its_end() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("secret");
        for (text, line) in [
            ("one two", "one two"),
            ("one two\n", "one two"),
            ("one\r\ntwo\n", "one"),
            (" \t\n", " \t"),
            ("\n", ""),
        ] {
            fs::write(&path, text).expect("writes");
            let found = first_line(&path).expect("reads");
            assert_eq!(found.as_slice(), line.as_bytes());
        }
        assert!(first_line(&folder.path().join("gone")).is_err());
        fs::write(&path, "x".repeat(PASSPHRASE_MAX_BYTES + 1)).expect("writes");
        assert!(checked(&first_line(&path).expect("reads")).is_err());
        assert!(checked(b"").is_err());
    }
}
