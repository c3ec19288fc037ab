//! `pentimento-node`: one node, without a face. `--role server` or `--role client`.

use std::process::ExitCode;

use clap::Parser;
use pentimento::cli::args::NodeArguments;
use pentimento::cli::node::{self, Given};
use pentimento::cli::output::Output;
use pentimento::cli::{failure, logs};

/// Run one node of Pentimento.
#[derive(Debug, Parser)]
#[command(name = "pentimento-node", version)]
struct Arguments {
    /// What the node is told.
    #[command(flatten)]
    node: NodeArguments,
    /// Where its configuration comes from.
    #[command(flatten)]
    given: Given,
    /// Log more (twice: much more), to standard error
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logs::start(arguments.verbose.saturating_add(1));
    let output = Output {
        json: false,
        quiet: false,
    };
    match node::run(output, &arguments.node, &arguments.given) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure::report(&failure, false),
    }
}
