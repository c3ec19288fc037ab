//! Where a passphrase comes from. Never from the command line itself, which every program of the
//! machine can read.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The variable that holds a passphrase.
pub const VARIABLE: &str = "PENTIMENTO_PASSPHRASE";

/// Whether a passphrase takes the place of the key, and where it comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct PassphraseArguments {
    /// Under a passphrase, without key, client and servers: PENTIMENTO_PASSPHRASE, else asked for
    #[arg(long, conflicts_with = "passphrase_file")]
    pub passphrase: bool,
    /// The same, with the first line of a file as the passphrase
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseArguments {
    /// Whether one is wanted.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.passphrase || self.passphrase_file.is_some()
    }
}

/// The key file.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Lock it with a passphrase, or with another one; asks for it
    #[command(after_help = "\
Programs ask for the passphrase when they start. Where nobody can be asked, \
PENTIMENTO_KEY_PASSPHRASE holds it, or PENTIMENTO_KEY_PASSPHRASE_FILE names a file with it.")]
    Protect {
        /// Take the new passphrase from the first line of a file
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Keep it without a passphrase from now on
    Unprotect,
}
