//! The key file under a passphrase, and the question for it.

use std::path::PathBuf;

use serde_json::json;

use super::{Person, screen};
use crate::cli::args::KeyVerb;
use crate::cli::failure::Ended;
use crate::cli::output;
use crate::crypto::identity::SecretIdentity;
use crate::node::control::Link;
use crate::proto::control::{Failure, Reason};
use crate::talk::files::shown;
use crate::talk::home::{self, KEY_FILE};
use crate::talk::unlock;

/// A person may mistype a passphrase so often.
const TRIES: u32 = 3;

impl Person {
    /// Asks for the passphrase of the key file if one is needed and nothing else gives it: not
    /// where a client runs, which has the key, unless `always`. Where nobody can be asked, whoever
    /// reads the key says what to do.
    ///
    /// # Errors
    /// If the person gives up, or the file is damaged.
    pub fn unlock(&self, always: bool) -> Result<(), Failure> {
        let home = &self.home.folder;
        let runs = || Link::connect(home).is_ok();
        if !unlock::is_locked(home) || unlock::given()?.is_some() || (!always && runs()) {
            return Ok(());
        }
        if self.global.no_input || !screen::is_asked() {
            return Ok(());
        }
        for left in (0..TRIES).rev() {
            let typed = self.typed(&format!("passphrase of {KEY_FILE}: "), "")?;
            match unlock::checked(&typed).and_then(|typed| unlock::offer(home, &typed)) {
                Ok(_) => break,
                Err(failure) if left > 0 && failure.reason != Reason::Config => {
                    output::tell(&failure.message);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Puts the key file under a passphrase, or takes it away.
    ///
    /// # Errors
    /// If the file does not open or cannot be written.
    pub fn key(&self, verb: KeyVerb) -> Ended {
        self.unlock(true)?;
        let folder = &self.home.folder;
        let identity = home::read_key(folder)?;
        let protected = match verb {
            KeyVerb::Protect { passphrase_file } => {
                self.protect(&identity, passphrase_file)?;
                true
            }
            KeyVerb::Unprotect => {
                unlock::relock(folder, &identity, None)?;
                false
            }
        };
        let file = folder.join(KEY_FILE);
        let text = if protected {
            "is locked: programs ask for the passphrase when they start"
        } else {
            "is not locked: whoever can read it is you"
        };
        self.output.line(
            format!("{} {text}", file.display()),
            json!({ "file": shown(&file), "protected": protected }),
        );
        if protected {
            self.output.remark(
                "nobody can open it without the passphrase; copies that were made before are not \
                 locked",
            );
        }
        Ok(0)
    }

    fn protect(&self, identity: &SecretIdentity, file: Option<PathBuf>) -> Result<(), Failure> {
        let passphrase = match file {
            Some(path) => unlock::checked(&unlock::first_line(&path)?)?,
            None => self.chosen(
                "new passphrase: ",
                "--passphrase-file FILE takes it from a file",
            )?,
        };
        unlock::relock(&self.home.folder, identity, Some(&passphrase))
    }
}
