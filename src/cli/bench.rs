//! `pentimento bench`: what this machine takes for the work, beside what it can be compared with.
//!
//! All cases run in turn, round after round, so that other work on the machine slows all of them
//! alike; what counts are ratios of medians. A bar that is missed is marked and, with `--check`,
//! ends the command with exit code 99.

mod eval;
mod folder;
mod formats;
mod hide;
mod peers;
mod rights;
mod suite;
mod table;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::suite::{Bar, Measured};
use super::failure::{BROKEN, Ended};
use super::output::Output;
use super::render::Said;
use crate::proto::control::{Failure, Reason};
use crate::terminal::text::table;

/// Folder for drawn covers, among the temporary files: of all measurements, since a large one takes
/// seconds to draw.
const COVERS: &str = "pentimento-bench-covers";

fn no_socket(error: &std::io::Error) -> Failure {
    Failure::new(Reason::Other, format!("no socket: {error}"), "")
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum BenchVerb {
    /// Hiding and getting out again, beside the encoders of others and copying
    Hide(HideBench),
    /// Strict looks by servers on this machine: waits, rate, gaps, catching up, memory
    Rights(RightsBench),
    /// What balancing is worth: servers held to a share of a core, few clients and many
    Eval(EvalBench),
    /// Encodings beside each other on the messages of this program: size and time
    Formats,
}

/// How hiding is measured.
#[derive(Debug, Args)]
pub struct HideBench {
    /// How often each case runs
    #[arg(long, value_name = "N", default_value_t = 11)]
    pub rounds: u16,
    /// Small pictures only
    #[arg(long)]
    pub small: bool,
    /// End with exit code 99 if a ratio misses its bar
    #[arg(long)]
    pub check: bool,
    /// Folder where drawn covers are kept [default: one among the temporary files]
    #[arg(long, value_name = "DIR")]
    pub covers: Option<PathBuf>,
}

/// How strict looks are measured.
#[derive(Debug, Args)]
pub struct RightsBench {
    /// Users who order at the same time
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub clients: u16,
    /// Looks a second while it is busy
    #[arg(long, value_name = "N", default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub rate: u16,
    /// How long it is busy, and how long commits are counted
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=600))]
    pub seconds: u16,
    /// How often the leader is killed
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub kills: u16,
    /// Entries that a server is behind when it comes back
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub entries: u32,
    /// Whether the same is measured with the ledger in an etcd of three members, and bare etcd
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub etcd: EtcdWish,
}

/// How balancing is measured.
#[derive(Debug, Args)]
pub struct EvalBench {
    /// Numbers of clients, in the order in which they are tried
    #[arg(
        long,
        value_name = "N,...",
        value_delimiter = ',',
        default_value = "1,2,3,4,5,6,12,100"
    )]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub clients: Vec<u16>,
    /// How long clients ask for small images; for large ones twice as long, and a crowd of them
    /// three times
    #[arg(long, value_name = "SECONDS", default_value_t = 12)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=600))]
    pub seconds: u16,
    /// Share of a core that each server has, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u16).range(5..=100))]
    pub share: u16,
    /// How servers are held to it
    #[arg(long, value_enum, default_value_t)]
    pub means: eval::ShareMeans,
    /// Small images only
    #[arg(long)]
    pub small: bool,
    /// How long servers fail on purpose, one after the other; 0 leaves it out
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=3_600))]
    pub failing: u16,
    /// Users of the largest directory that is measured
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1_000..))]
    pub users: u32,
    /// Folder for eval.json, eval.md and eval.html [default: target/bench/eval]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Whether etcd is measured too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum EtcdWish {
    /// If there is a program of that name
    #[default]
    Auto,
    /// It is a failure if there is none
    Always,
    /// No
    Never,
}

/// Measures.
///
/// # Errors
/// If a file cannot be written, or a case does not do what it should.
pub fn run(output: Output, verb: &BenchVerb) -> Ended {
    if cfg!(debug_assertions) {
        output
            .remark("this is a debug build: build with --release for figures that mean something");
    }
    let wishes = match verb {
        BenchVerb::Hide(wishes) => wishes,
        BenchVerb::Rights(wishes) => return rights::run(output, wishes),
        BenchVerb::Eval(wishes) => return eval::run(output, wishes),
        BenchVerb::Formats => return formats::run(output),
    };
    let measured = hide::measure(wishes)?;
    let bars = hide::bars(&measured);
    output.say(&Said {
        text: text(&measured, &bars),
        json: json(wishes, &measured, &bars),
    });
    let misses = bars.iter().any(|bar| bar.is_ratio && !bar.holds());
    Ok(if wishes.check && misses { BROKEN } else { 0 })
}

fn text(measured: &[Measured], bars: &[Bar]) -> String {
    let cases: Vec<Vec<String>> = measured
        .iter()
        .map(|case| {
            vec![
                case.name.to_owned(),
                format!("{:.2} ms", case.median_ms()),
                format!("{:.2} ms", case.least_ms()),
                case.bytes.to_string(),
                case.note.to_owned(),
            ]
        })
        .collect();
    let bars: Vec<Vec<String>> = bars
        .iter()
        .map(|bar| {
            vec![
                bar.name.to_owned(),
                format!("{:.3}", bar.value),
                bar.limit.to_string(),
                if bar.holds() { "ok" } else { "missed" }.to_owned(),
            ]
        })
        .collect();
    format!(
        "{}\n\n{}",
        table(&["case", "median", "least", "bytes", "what"], &cases),
        table(&["figure", "is", "bar", ""], &bars),
    )
}

fn json(wishes: &HideBench, measured: &[Measured], bars: &[Bar]) -> Value {
    let cases: Vec<Value> = measured
        .iter()
        .map(|case| {
            json!({
                "name": case.name,
                "median_us": case.median_us,
                "least_us": case.least_us,
                "bytes": case.bytes,
            })
        })
        .collect();
    let figures: Vec<Value> = bars
        .iter()
        .map(|bar| {
            json!({
                "name": bar.name,
                "value": bar.value,
                "bar": bar.limit.to_string(),
                "holds": bar.holds(),
            })
        })
        .collect();
    json!({
        "rounds": wishes.rounds.max(1),
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        "cases": cases,
        "figures": figures,
    })
}
