//! `pentimento-chaos`: plays scenarios, in virtual time or with real processes, and runs seeds of
//! the simulator.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pentimento::chaos::command::{self, ChaosVerb};
use pentimento::cli::args::NodeArguments;
use pentimento::cli::failure::{self, Ended};
use pentimento::cli::logs;
use pentimento::cli::node::{self, Given};
use pentimento::cli::output::{self, Output};

/// Play clusters in which things fail, and check what must hold.
#[derive(Debug, Parser)]
#[command(name = "pentimento-chaos", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Scenario files
    #[command(flatten)]
    Chaos(ChaosVerb),
    /// Run one node; real processes of a scenario are this program too
    #[command(hide = true)]
    Node {
        /// What the node is told.
        #[command(flatten)]
        node: NodeArguments,
        /// Where its configuration comes from.
        #[command(flatten)]
        given: Given,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Node { node, given } => {
            logs::start(1);
            let output = Output {
                json: false,
                quiet: false,
            };
            end(node::run(output, &node, &given))
        }
        Command::Chaos(verb) => end(command::run(&verb, &mut |text| {
            output::print(&format!("{text}\n"));
        })),
    }
}

fn end(ended: Ended) -> ExitCode {
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure::report(&failure, false),
    }
}
