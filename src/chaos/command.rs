//! The commands of chaos runs: check, run, replay, link, seeds, transfers, rights, soak, flood.
//! They give what to print and the exit code.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::flood::{self, FloodArguments};
use super::judge::{self, KNOWN};
use super::link;
use super::link::command::LinkArguments;
use super::report::{self, Report};
use super::rights::{self, RightsArguments};
use super::scenario::{Mode, Scenario, Store};
use super::seeds::{self, SeedsArguments};
use super::simulated::Simulated;
use super::soak::SoakArguments;
use super::transfers::{self, TransfersArguments};
use super::{player, process};
use crate::node::config::TokenConfig;
use crate::proto::control::{Failure, Reason};
use crate::sim::network::Weather;
use crate::talk::failures;

/// An invariant or a threshold did not hold, or a replay went another way.
const BROKEN: u8 = 99;
/// Ended by a signal.
const INTERRUPTED: u8 = 130;
/// Largest scenario or report that is read.
const FILE_MAX_BYTES: u64 = 64 << 20;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum ChaosVerb {
    /// Check scenario files without playing them
    Check {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Play a scenario; exit code 99 if something that must hold does not
    Run(RunArguments),
    /// Play the scenario of a report again, with its seed and mode
    Replay {
        /// The report
        #[arg(value_name = "REPORT")]
        report: PathBuf,
        /// Folder for the reports of the replay [default: the report's, below `replay`]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Put a bad link between UDP clients and their server, until interrupted
    Link(LinkArguments),
    /// Run drawn faults and wishes of whole nodes, in virtual time
    Seeds(SeedsArguments),
    /// Run drawn transfers between endpoints over bad links, in virtual time
    Transfers(TransfersArguments),
    /// Run drawn faults of the servers that agree on rights, in virtual time
    Rights(RightsArguments),
    /// Play a long drawn scenario with real processes in which everything fails that can
    Soak(SoakArguments),
    /// Pour forged handshakes into a real server over loopback while good clients come
    Flood(FloodArguments),
}

/// How to play a scenario.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The scenario; examples are under config/chaos/
    file: PathBuf,
    /// In virtual time, or with real processes [default: the file's]
    #[arg(long, value_enum)]
    mode: Option<ModeWord>,
    /// Another seed than the file's
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for report.json and report.html [default: target/chaos/NAME-MODE]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeWord {
    Sim,
    Process,
}

/// Does it. What is to be printed goes to `tell` as it comes.
///
/// # Errors
/// If a file cannot be read, breaks a rule (exit code 8), or the cluster does not come up.
pub fn run(verb: &ChaosVerb, tell: &mut dyn FnMut(&str)) -> Result<u8, Failure> {
    match verb {
        ChaosVerb::Check { files } => check(files, tell),
        ChaosVerb::Run(arguments) => {
            let mut scenario = read(&arguments.file)?;
            scenario.seed = arguments.seed.unwrap_or(scenario.seed);
            let mode = match arguments.mode {
                None => scenario.mode,
                Some(ModeWord::Sim) => Mode::Sim,
                Some(ModeWord::Process) => Mode::Process,
            };
            let out = arguments.out.clone().unwrap_or_else(|| {
                Path::new("target/chaos").join(format!("{}-{}", scenario.name, mode.word()))
            });
            play_and_tell(&scenario, mode, &out, tell)
        }
        ChaosVerb::Replay { report, out } => replay(report, out.as_deref(), tell),
        ChaosVerb::Link(arguments) => link::command::run(arguments, tell),
        ChaosVerb::Seeds(arguments) => seeds::run(arguments, tell),
        ChaosVerb::Transfers(arguments) => Ok(transfers::run(arguments, tell)),
        ChaosVerb::Rights(arguments) => rights::run(arguments, tell),
        ChaosVerb::Soak(arguments) => {
            let scenario = parse(&arguments.scenario(), "the drawn scenario")?;
            play_and_tell(&scenario, Mode::Process, &arguments.out(), tell)
        }
        ChaosVerb::Flood(arguments) => flood::run(arguments, tell),
    }
}

fn play_and_tell(
    scenario: &Scenario,
    mode: Mode,
    out: &Path,
    tell: &mut dyn FnMut(&str),
) -> Result<u8, Failure> {
    let Some(report) = play(scenario, mode, tell)? else {
        return Ok(interrupted(tell));
    };
    write(&report, out)?;
    tell(&report::summary::summary(&report, out));
    Ok(if report.verdict.passed { 0 } else { BROKEN })
}

fn check(files: &[PathBuf], tell: &mut dyn FnMut(&str)) -> Result<u8, Failure> {
    let mut wrong = None;
    for file in files {
        match read(file) {
            Ok(scenario) => tell(&format!(
                "✓ {}: {}, {} s, {} requests, {} steps",
                file.display(),
                scenario.name,
                scenario.length_s(),
                scenario.promised(),
                scenario.steps.len(),
            )),
            Err(failure) => {
                tell(&format!("✗ {}", failure.message));
                wrong = wrong.or(Some(failure));
            }
        }
    }
    match wrong {
        None => Ok(0),
        Some(failure) => Err(Failure::new(
            failure.reason,
            format!(
                "not every file is good, the first bad one: {}",
                failure.message
            ),
            failure.hint,
        )),
    }
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let is_long = fs::metadata(file).is_ok_and(|meta| meta.len() > FILE_MAX_BYTES);
    if is_long {
        let message = format!("{} is larger than 64 MB", file.display());
        return Err(Failure::new(
            Reason::Config,
            message,
            "name a scenario or a report",
        ));
    }
    fs::read_to_string(file).map_err(|error| failures::file(file, &error))
}

fn read(file: &Path) -> Result<Scenario, Failure> {
    parse(&read_text(file)?, &file.display().to_string())
}

fn parse(text: &str, name: &str) -> Result<Scenario, Failure> {
    Scenario::parse(text, KNOWN).map_err(|fault| {
        Failure::new(
            Reason::Config,
            format!("{name}:{fault}"),
            "docs/chaos.md tells what a scenario may say; examples are under config/chaos/",
        )
    })
}

/// Plays a scenario and judges it; none if it was interrupted.
fn play(
    scenario: &Scenario,
    mode: Mode,
    tell: &mut dyn FnMut(&str),
) -> Result<Option<Report>, Failure> {
    let seed = scenario.seed;
    // Now, for the tree may move on while the run takes its hours.
    let commit = report::commit();
    tell(&format!(
        "{}  seed {seed}  mode {}  {} s  {} requests",
        scenario.name,
        mode.word(),
        scenario.length_s(),
        scenario.promised(),
    ));
    let in_etcd = *scenario.cluster.ledger.get_ref() == Store::Etcd;
    let is_busy = scenario.cluster.busy;
    if mode == Mode::Sim && (scenario.orders.is_some() || in_etcd || is_busy) {
        return Err(Failure::new(
            Reason::Config,
            "[orders], ledger = \"etcd\" and busy are only played with real processes",
            "use --mode process; `pentimento-chaos rights` has people who order in virtual time",
        ));
    }
    let weather = weather(scenario);
    let (record, trace) = match mode {
        Mode::Sim => {
            let mut stage = Simulated::set(scenario, seed, token(scenario), weather);
            let record = player::play(scenario, seed, weather, &mut stage)?;
            (record, Some(stage.trace()))
        }
        Mode::Process => {
            let mut stage = process::Processes::set(scenario, seed, token(scenario), weather)?;
            match player::play(scenario, seed, weather, &mut stage) {
                Ok(record) => (record, None),
                Err(_) if stage.is_interrupted() => return Ok(None),
                Err(failure) => return Err(failure),
            }
        }
    };
    let verdict = judge::judge(scenario, mode, &record);
    let report = Report::new(scenario, mode, commit, record, verdict, trace);
    Ok(Some(report))
}

fn interrupted(tell: &mut dyn FnMut(&str)) -> u8 {
    tell("interrupted, all processes are ended");
    INTERRUPTED
}

fn weather(scenario: &Scenario) -> Weather {
    let cluster = &scenario.cluster;
    let [shortest, longest] = *cluster.latency_ms.get_ref();
    Weather {
        loss: *cluster.loss.get_ref(),
        duplication: *cluster.duplicate.get_ref(),
        delay_min_us: (shortest * 1e3) as u64,
        delay_max_us: (longest * 1e3) as u64,
    }
}

fn token(scenario: &Scenario) -> TokenConfig {
    let mut config = TokenConfig::default();
    if let Some(token) = &scenario.token {
        let [shortest, longest] = *token.hold_s.get_ref();
        config.hold_min_ms = (shortest * 1e3) as u32;
        config.hold_max_ms = (longest * 1e3) as u32;
        config.pause_ms = (token.pause_s.get_ref() * 1e3) as u64;
    }
    config
}

fn write(report: &Report, out: &Path) -> Result<(), Failure> {
    fs::create_dir_all(out).map_err(|error| failures::file(out, &error))?;
    let files = [
        (report::JSON_FILE, report.to_json()),
        (report::PAGE_FILE, report::page::page(report)),
    ];
    for (name, text) in files {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| failures::file(&path, &error))?;
    }
    Ok(())
}

fn replay(file: &Path, out: Option<&Path>, tell: &mut dyn FnMut(&str)) -> Result<u8, Failure> {
    let text = read_text(file)?;
    let former = report::Former::parse(&text).map_err(|error| {
        Failure::new(
            Reason::Config,
            format!("{}: {error}", file.display()),
            "name a report.json that a run has written",
        )
    })?;
    let mut scenario = parse(
        &former.scenario,
        &format!("the scenario in {}", file.display()),
    )?;
    scenario.seed = former.seed;
    let out = match out {
        Some(out) => out.to_owned(),
        None => file.parent().unwrap_or(Path::new("")).join("replay"),
    };
    let Some(report) = play(&scenario, former.mode, tell)? else {
        return Ok(interrupted(tell));
    };
    write(&report, &out)?;
    tell(&report::summary::summary(&report, &out));
    let passed = if report.verdict.passed { 0 } else { BROKEN };
    match (former.trace, &report.trace) {
        (Some(before), Some(now)) if before == *now => {
            tell("✓ the same trace as in the report, bit for bit");
            Ok(passed)
        }
        (Some(before), Some(now)) => {
            tell(&format!(
                "✗ another trace than in the report: {} then, {} now{}",
                report::short(&before),
                report::short(now),
                report::built_otherwise(former.commit.as_deref(), report.commit.as_deref()),
            ));
            Ok(BROKEN)
        }
        _ => {
            tell("  real processes never run the same way twice; only the plan was the same");
            Ok(passed)
        }
    }
}
