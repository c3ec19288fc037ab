//! Where a passphrase comes from: a file, a variable, or the person, whose typing is not shown.

use std::io::{self, Write};

use zeroize::Zeroizing;

use super::Person;
use super::screen::{self, Secretly};
use crate::cli::args::{PassphraseArguments, VARIABLE};
use crate::cli::{failure, output};
use crate::crypto::container::{PASSPHRASE_MAX_BYTES, Passphrase};
use crate::proto::control::{Failure, Reason};
use crate::talk::unlock;

impl Person {
    /// A passphrase that opens something.
    pub(super) fn passphrase(&self, wanted: &PassphraseArguments) -> Result<Passphrase, Failure> {
        match self.given(wanted)? {
            Some(passphrase) => Ok(passphrase),
            None => unlock::checked(&self.typed("passphrase: ", &otherwise())?),
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
        self.chosen("passphrase: ", &otherwise())
    }

    /// A passphrase that a person types twice. `otherwise` says how to do without.
    pub(super) fn chosen(&self, question: &str, otherwise: &str) -> Result<Passphrase, Failure> {
        let first = self.typed(question, otherwise)?;
        let passphrase = unlock::checked(&first)?;
        if self.typed("once more: ", otherwise)? != first {
            return Err(failure::usage(
                "the two are not the same",
                "nothing was done; try again",
            ));
        }
        Ok(passphrase)
    }

    /// From the file or the variable, none if neither is there.
    fn given(&self, wanted: &PassphraseArguments) -> Result<Option<Passphrase>, Failure> {
        if let Some(path) = &wanted.passphrase_file {
            return unlock::checked(&unlock::first_line(path)?).map(Some);
        }
        let variable = std::env::var_os(VARIABLE).map(std::ffi::OsString::into_encoded_bytes);
        let variable = variable.map(Zeroizing::new);
        variable.map(|bytes| unlock::checked(&bytes)).transpose()
    }

    /// What a person types, without showing it. `otherwise` says how to do without.
    pub(super) fn typed(
        &self,
        question: &str,
        otherwise: &str,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if self.global.no_input || !screen::is_asked() {
            return Err(failure::usage(
                "there is nobody to ask for the passphrase",
                otherwise,
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

/// How a picture's passphrase is given without typing it.
fn otherwise() -> String {
    format!("--passphrase-file FILE takes it from a file, {VARIABLE} from a variable")
}
