//! Where a passphrase comes from: a file, a variable, or the person, whose typing is not shown.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use super::Person;
use super::screen::{self, Secretly};
use crate::cli::args::{PassphraseArguments, VARIABLE};
use crate::cli::{failure, output};
use crate::crypto::container::{PASSPHRASE_MAX_BYTES, Passphrase};
use crate::proto::control::{Failure, Reason};

impl Person {
    /// A passphrase that opens something.
    pub(super) fn passphrase(&self, wanted: &PassphraseArguments) -> Result<Passphrase, Failure> {
        match self.given(wanted)? {
            Some(passphrase) => Ok(passphrase),
            None => checked(&self.typed("passphrase: ")?),
        }
    }

    /// A passphrase for something new: who types it, types it twice.
    pub(super) fn new_passphrase(
        &self,
        wanted: &PassphraseArguments,
    ) -> Result<Passphrase, Failure> {
        if let Some(passphrase) = self.given(wanted)? {
            return Ok(passphrase);
        }
        let first = self.typed("passphrase: ")?;
        let passphrase = checked(&first)?;
        if self.typed("once more: ")? != first {
            return Err(failure::usage(
                "the two are not the same",
                "nothing was hidden; try again",
            ));
        }
        Ok(passphrase)
    }

    /// From the file or the variable, none if neither is there.
    fn given(&self, wanted: &PassphraseArguments) -> Result<Option<Passphrase>, Failure> {
        if let Some(path) = &wanted.passphrase_file {
            return checked(&first_line(path)?).map(Some);
        }
        let variable = std::env::var_os(VARIABLE).map(std::ffi::OsString::into_encoded_bytes);
        let variable = variable.map(Zeroizing::new);
        variable.map(|bytes| checked(&bytes)).transpose()
    }

    fn typed(&self, question: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if self.global.no_input || !screen::is_asked() {
            return Err(failure::usage(
                "there is nobody to ask for the passphrase",
                format!("--passphrase-file FILE takes it from a file, {VARIABLE} from a variable"),
            ));
        }
        output::ask(question);
        let typed = io::stderr()
            .flush()
            .and_then(|()| Secretly::take())
            .and_then(|terminal| terminal.line(PASSPHRASE_MAX_BYTES));
        output::tell("");
        let broken = |error| Failure::new(Reason::Other, format!("{error}"), "try again");
        typed
            .map_err(broken)?
            .ok_or_else(|| Failure::new(Reason::Cancelled, "no passphrase was given", "try again"))
    }
}

fn first_line(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let file = File::open(path).map_err(|error| failure::file(path, &error))?;
    let mut line = Zeroizing::new(Vec::with_capacity(PASSPHRASE_MAX_BYTES + 3));
    BufReader::new(file.take(PASSPHRASE_MAX_BYTES as u64 + 3))
        .read_until(b'\n', &mut line)
        .map_err(|error| failure::file(path, &error))?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Ok(line)
}

fn checked(bytes: &[u8]) -> Result<Passphrase, Failure> {
    Passphrase::new(bytes).ok_or_else(|| {
        failure::usage(
            "that is no passphrase",
            format!("it has 1 to {PASSPHRASE_MAX_BYTES} bytes; several words are good"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            std::fs::write(&path, text).expect("writes");
            let found = first_line(&path).expect("reads");
            assert_eq!(found.as_slice(), line.as_bytes());
        }
        assert!(first_line(&folder.path().join("gone")).is_err());
        std::fs::write(&path, "x".repeat(PASSPHRASE_MAX_BYTES + 1)).expect("writes");
        assert!(checked(&first_line(&path).expect("reads")).is_err());
        assert!(checked(b"").is_err());
    }
}
