//! Where a passphrase comes from. Never from the command line itself, which every program of the
//! machine can read.

use std::path::PathBuf;

use clap::Args;

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
