//! Measures transports beside each other, in one run on one machine: time, processor seconds per
//! gigabyte and memory, on loopback and, as root, over a bad link.
//!
//! `cargo bench --bench transport -- --help` tells what can be asked for. It is a bench and no
//! command of the program because the peers are only here for comparison.

// Memory and processor time of a process are read as Linux tells them, and so are its namespaces
// made.
#![cfg_attr(
    not(target_os = "linux"),
    expect(unused, reason = "measures on Linux only")
)]

mod cases;
mod child;
mod clock;
mod peer;
mod peers;
mod process;
mod report;
mod run;
mod tunnel;
mod usage;

use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use cases::Case;
use peer::Fault;
use run::{How, Table, Wire};

/// Measure transports beside each other
#[derive(Debug, Parser)]
#[command(name = "transport")]
struct Arguments {
    /// Also over a link of 100 Mbit/s and 20 ms between two network namespaces; needs root
    #[arg(long)]
    link: bool,
    /// The measured ends before all other work of this machine, which may be busy; needs root
    #[arg(long)]
    first: bool,
    /// A third of the rounds, at least one
    #[arg(long)]
    quick: bool,
    /// So many rounds for every case
    #[arg(long)]
    rounds: Option<u32>,
    /// Only cases whose names begin like one of these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these peers, in every case
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Name cases and peers, and measure nothing
    #[arg(long)]
    list: bool,
    /// Folder for transport.md and transport.json
    #[arg(long, default_value = "target/bench", value_name = "DIR")]
    out: PathBuf,
    /// Said by cargo
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program is when it has started itself.
#[derive(Debug, Subcommand)]
enum Role {
    /// One end.
    #[command(hide = true)]
    Server { peer: String, bind: String },
    /// The other.
    #[command(hide = true)]
    Client { peer: String, server: String },
    /// What is between them.
    #[command(hide = true)]
    Link,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match &arguments.role {
        Some(Role::Server { peer, bind }) => {
            named(peer).and_then(|peer| child::server(&*peer, bind))
        }
        Some(Role::Client { peer, server }) => {
            named(peer).and_then(|peer| child::client(&*peer, server))
        }
        Some(Role::Link) => tunnel::run(),
        None => measure(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            // Whoever reads this program's errors has gone if this fails.
            let _ = writeln!(stderr(), "{fault}");
            ExitCode::FAILURE
        }
    }
}

fn named(peer: &str) -> Result<Box<dyn peer::Peer>, Fault> {
    let entry = peers::by_name(peer).ok_or_else(|| format!("{peer} is nobody here"))?;
    Ok((entry.make)())
}

fn measure(arguments: &Arguments) -> Result<(), Fault> {
    if arguments.list {
        return list();
    }
    let mut wire = if arguments.link {
        Some(Wire::lay()?)
    } else {
        None
    };
    let who: Vec<&str> = peers::ALL.iter().map(|entry| entry.name).collect();
    tell(&report::heading(&who))?;
    let mut tables = Vec::new();
    for case in cases::ALL.iter().filter(|case| is_wanted(arguments, case)) {
        let who = invited(arguments, case);
        if who.is_empty() {
            continue;
        }
        let fewer = if arguments.quick {
            case.rounds.div_ceil(3)
        } else {
            case.rounds
        };
        let how = How {
            who: &who,
            rounds: arguments.rounds.unwrap_or(fewer),
            is_first: arguments.first,
        };
        let wire = case.link.and(wire.as_mut());
        let table = run::play(case, &how, wire);
        tell(&report::markdown(&table))?;
        tables.push(table);
    }
    write(&arguments.out, &report::heading(&who), &tables)
}

fn is_wanted(arguments: &Arguments, case: &Case) -> bool {
    let is_named = arguments
        .only
        .iter()
        .any(|start| case.name.starts_with(start.as_str()));
    (arguments.link || case.link.is_none()) && (arguments.only.is_empty() || is_named)
}

/// The peers of a case that are built in.
fn invited<'a>(arguments: &'a Arguments, case: &Case) -> Vec<&'a str> {
    if arguments.peers.is_empty() {
        case.peers
            .iter()
            .copied()
            .filter(|peer| peers::by_name(peer).is_some())
            .collect()
    } else {
        arguments.peers.iter().map(String::as_str).collect()
    }
}

fn write(folder: &Path, heading: &str, tables: &[Table]) -> Result<(), Fault> {
    let mut text = heading.to_owned();
    text.extend(tables.iter().map(report::markdown));
    fs::create_dir_all(folder)?;
    fs::write(folder.join("transport.md"), text)?;
    Ok(fs::write(
        folder.join("transport.json"),
        serde_json::to_string_pretty(tables)?,
    )?)
}

fn list() -> Result<(), Fault> {
    for case in cases::ALL {
        tell(&format!("{:14} {}\n", case.name, case.title))?;
    }
    for entry in &peers::ALL {
        tell(&format!("{:14} {}\n", entry.name, entry.about))?;
    }
    Ok(())
}

fn tell(text: &str) -> Result<(), Fault> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
