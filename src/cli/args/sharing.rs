//! What is shared, and on which conditions.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{AtEnd, HidingMode};

/// Who counts looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Counter {
    /// A majority of the servers, before the picture opens
    #[default]
    Servers,
    /// The other person's program, after it was shown
    Program,
}

/// What is shared, with whom, and on which conditions.
#[derive(Debug, Args)]
pub struct ShareArguments {
    /// The file, or the name of a picture you offer
    pub image: String,
    /// The person, as @name
    #[arg(long)]
    pub to: String,
    /// How many looks
    #[arg(long, default_value_t = 1)]
    pub views: u32,
    /// No look from then on: 7d, 12h, 30m, 2026-12-24 or 2026-12-24T18:00 (UTC)
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// A look closes by itself after so long, 1s to 60m
    #[arg(long, value_name = "TIME")]
    pub show_for: Option<String>,
    /// Who counts the looks: the servers, before the picture opens, so that no copy of files gives
    /// one more; or the other person's program, which needs no servers
    #[arg(long, value_enum, default_value_t)]
    pub counted_by: Counter,
    /// Looks that may be on the other person's device at a time, for use without the servers
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offline: u32,
    /// What becomes of the file when no look is left
    #[arg(long, value_enum, default_value_t = AtEnd::Carrier)]
    pub at_end: AtEnd,
    /// Your own picture to hide it in
    #[arg(long, value_name = "FILE")]
    pub cover: Option<PathBuf>,
    /// How it is hidden
    #[arg(long, value_enum, default_value_t)]
    pub mode: HidingMode,
    /// Leave place, serial numbers and the like in the file
    #[arg(long)]
    pub keep_metadata: bool,
    /// Put a faint mark into the image by which `trace` knows this person's copy
    #[arg(long, conflicts_with = "keep_metadata")]
    pub mark: bool,
}
