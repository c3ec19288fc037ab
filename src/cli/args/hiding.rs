//! What becomes of pictures, as the command line says it.

use std::path::Path;

use crate::proto::control::{Carrier, Failure, Mode};
use crate::talk::files::read;

/// How bytes are put into a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum HidingMode {
    /// One bit in each sample of the picture
    #[default]
    Fast,
    /// More bits in the same picture, at a little more noise
    Ternary,
    /// Below a 16-bit picture that shows the cover unchanged: small file for much
    Compact,
    /// Few changes in the texture of your own, never published picture, for little
    Covert,
}

impl HidingMode {
    /// How a picture is to be made, in the cover of this file or a default one.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn carrier(self, cover: Option<&Path>) -> Result<Carrier, Failure> {
        let mode = match self {
            Self::Fast => Mode::Fast,
            Self::Ternary => Mode::Ternary,
            Self::Compact => Mode::Compact,
            Self::Covert => Mode::Covert,
        };
        let cover = cover.map(read).transpose()?;
        Ok(Carrier { mode, cover })
    }
}

/// What becomes of the borrower's file when no look is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AtEnd {
    /// The outer picture stays
    Carrier,
    /// The file is deleted
    Delete,
}
