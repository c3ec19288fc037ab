//! `pentimento-chaos`: plays scenarios, in virtual time or with real processes, and runs seeds of
//! the simulator.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pentimento::chaos::command::{self, ChaosVerb};
use pentimento::cli::args::NodeArguments;
use pentimento::cli::failure::{self, BROKEN, Ended};
use pentimento::cli::logs;
use pentimento::cli::node::{self, Given};
use pentimento::cli::output::{self, Output};
use pentimento::sim::run::{self, Counts, Verdict};

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
    /// Run seeds one after another
    Seeds {
        /// How many
        #[arg(default_value_t = 200)]
        count: u64,
        /// The first one
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Seeds { count, from } => seeds(count, from),
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

fn seeds(count: u64, from: u64) -> ExitCode {
    let mut tally = Tally::default();
    for seed in from..from.saturating_add(count) {
        tally.add(&run::run(seed));
    }
    tally.tell();
    if tally.broken == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(BROKEN)
    }
}

#[derive(Default)]
struct Tally {
    seeds: u64,
    broken: u64,
    events: u64,
    simulated_us: u64,
    counts: Counts,
}

impl Tally {
    #[expect(
        clippy::print_stdout,
        reason = "this is what the program is asked to print"
    )]
    fn add(&mut self, verdict: &Verdict) {
        self.seeds += 1;
        self.events += verdict.events;
        self.simulated_us += verdict.simulated_us;
        self.counts.add(&verdict.counts);
        if verdict.violations.is_empty() {
            return;
        }
        self.broken += 1;
        let Verdict {
            seed,
            violations,
            trace,
            ..
        } = verdict;
        for (check, violation) in violations {
            println!("seed {seed}: {check}: {violation}");
        }
        println!(
            "  again: cargo run --bin pentimento-chaos -- seeds 1 --from {seed}   (trace {})",
            &trace[..16],
        );
    }

    #[expect(
        clippy::print_stdout,
        reason = "this is what the program is asked to print"
    )]
    fn tell(&self) {
        println!(
            "{} seeds, {} broken, {} events, {:.1} simulated hours",
            self.seeds,
            self.broken,
            self.events,
            self.simulated_us as f64 / 3.6e9,
        );
        println!("{:?}", self.counts);
    }
}
