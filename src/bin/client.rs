//! `pentimento`: the person's program.

use std::process::ExitCode;

use clap::Parser;
use pentimento::cli::{self, args::Arguments};

fn main() -> ExitCode {
    cli::run(Arguments::parse())
}
