//! `link`: the bad link as a command, for any program that talks over UDP.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::terms::Terms;
use super::{Told, UdpLink};
use crate::chaos::interruption::Interruption;
use crate::proto::control::{Failure, Reason};
use crate::sim::link::Counts;
use crate::talk::session::pause;

/// How long nobody looks whether the end has come.
const LOOK: Duration = Duration::from_millis(50);

/// Where a link is and what it is like.
#[derive(Debug, Args)]
pub struct LinkArguments {
    /// Where clients send to; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The server
    #[arg(long, value_name = "ADDRESS")]
    to: SocketAddr,
    /// Where the dice fall
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// End by itself after so many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    length_s: Option<u32>,
    /// What both directions are like.
    #[command(flatten)]
    terms: Terms,
}

/// Holds the link until somebody interrupts it or its time is over, and tells what it carried.
///
/// # Errors
/// If a link cannot be like that (exit code 8), or there is no socket to be had.
pub fn run(arguments: &LinkArguments, tell: &mut dyn FnMut(&str)) -> Result<u8, Failure> {
    let config = arguments.terms.config().map_err(|error| {
        let hint = "`pentimento-chaos link --help` tells what a link can be like";
        Failure::new(Reason::Config, error.to_string(), hint)
    })?;
    let failed = |error: std::io::Error| {
        let hint = "take another address with --listen";
        Failure::new(Reason::Unreachable, error.to_string(), hint)
    };
    let interruption = Interruption::watch().map_err(failed)?;
    let link = UdpLink::start(arguments.listen, arguments.to, config, arguments.seed);
    let link = link.map_err(failed)?;
    tell(&format!(
        "{} to {}  seed {}  until interrupted",
        link.listens(),
        arguments.to,
        arguments.seed,
    ));
    let length = arguments
        .length_s
        .map(|seconds| Duration::from_secs(seconds.into()));
    let mut passed = Duration::ZERO;
    while !interruption.has_come() && length.is_none_or(|length| passed < length) {
        pause(LOOK);
        passed += LOOK;
    }
    if let Some(told) = link.end() {
        tell(&summary(&told));
    }
    Ok(0)
}

fn summary(told: &Told) -> String {
    let line = |way: &str, counts: &Counts| {
        format!(
            "{way:10}  {} offered, {} arrived: {} lost, {} dropped at the queue, {} too long, \
             {} doubled, {} late",
            counts.offered,
            counts.arriving,
            counts.lost,
            counts.dropped,
            counts.too_long,
            counts.doubled,
            counts.late,
        )
    };
    let [half, most] = told.late_us;
    format!(
        "{}\n{}\n{} clients, {} not sent on; sent late by {half} us (median), {most} us (99 %)",
        line("to server", &told.to_server),
        line("to clients", &told.to_clients),
        told.clients,
        told.refused,
    )
}
