//! `pentimento`: the person's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    pentimento::cli::main()
}
