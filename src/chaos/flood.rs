//! `flood`: forged handshakes pour into a real server over loopback, as fast as the machine sends
//! them, while good clients come. Tells how many of those were served, how soon, and what it cost.
//!
//! Server, flood and clients are threads of this process, with sockets of their own. What it finds
//! depends on the machine and on what else runs there; the same bar is held in virtual time by a
//! test of the transport.

use std::fmt;
use std::time::Duration;

use clap::{Args, value_parser};

use self::clients::Clients;
use self::server::Victim;
use crate::node::clock::Clock;
use crate::proto::control::{Failure, Reason};
use crate::talk::session::pause;
use crate::time::Moment;

mod clients;
mod pouring;
mod server;

/// The bar is missed.
const BROKEN: u8 = 99;
/// Of a hundred clients, so many are served in time.
const SERVED_MIN_PERCENT: usize = 99;
/// What the flood may cost in memory.
const MEMORY_MAX_BYTES: u64 = 16 << 20;
/// The flood fills tables and rates before the first client comes.
const HEAD_START: Duration = Duration::from_millis(500);
/// Between two looks at the clients.
const LOOK: Duration = Duration::from_millis(1);
/// Looks between two at the memory.
const MEMORY_LOOKS: u32 = 20;

/// How much of it.
#[derive(Debug, Args)]
pub struct FloodArguments {
    /// Forged handshakes a second; the machine may send fewer
    #[arg(long, default_value_t = 200_000, value_parser = value_parser!(u32).range(1..))]
    rate: u32,
    /// For so many seconds
    #[arg(
        long = "for",
        value_name = "SECONDS",
        default_value_t = 2,
        value_parser = value_parser!(u32).range(1..=3_600),
    )]
    length_s: u32,
    /// Good clients, one after the other
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u16).range(1..=1_000))]
    clients: u16,
    /// Milliseconds in which a client should be served
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000)]
    within: u32,
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    asked_per_s: u32,
    sent: u64,
    length: Duration,
    read: u64,
    answered_bytes: u64,
    clients: usize,
    /// How long those waited who were served in time, in ascending order.
    served: Vec<Duration>,
    within_ms: u32,
    /// None where the system does not tell.
    memory_bytes: Option<u64>,
}

impl Outcome {
    fn is_good(&self) -> bool {
        let is_served = self.served.len() * 100 >= SERVED_MIN_PERCENT * self.clients;
        is_served
            && self
                .memory_bytes
                .is_none_or(|bytes| bytes <= MEMORY_MAX_BYTES)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_s = |count: u64| (count as f64 / self.length.as_secs_f64().max(1e-3)) as u64;
        writeln!(
            f,
            "{} forged handshakes a second sent ({} asked), {} a second read, {:.1} s",
            per_s(self.sent),
            self.asked_per_s,
            per_s(self.read),
            self.length.as_secs_f64(),
        )?;
        writeln!(f, "{} kB answered", self.answered_bytes / 1_000)?;
        let at = |part: f64| {
            let last = self.served.len().saturating_sub(1);
            let place = (last as f64 * part) as usize;
            let wait = self.served.get(place).copied().unwrap_or_default();
            wait.as_secs_f64() * 1e3
        };
        writeln!(
            f,
            "{} of {} clients served within {} ms: median {:.1} ms, slowest {:.1} ms",
            self.served.len(),
            self.clients,
            self.within_ms,
            at(0.5),
            at(1.0),
        )?;
        match self.memory_bytes {
            Some(bytes) => write!(f, "memory grew by {:.1} MB", bytes as f64 / 1e6)?,
            None => write!(f, "memory is not told here")?,
        }
        write!(f, "\n{}", if self.is_good() { "good" } else { "missed" })
    }
}

/// Pours, and tells what came of it; exit code 99 if the bar is missed.
///
/// # Errors
/// If the operating system refuses sockets or threads.
pub(super) fn run(arguments: &FloodArguments, tell: &mut dyn FnMut(&str)) -> Result<u8, Failure> {
    let outcome = pour(arguments).map_err(|error| {
        let message = format!("the operating system refuses: {error}");
        Failure::new(Reason::Other, message, "end other programs")
    })?;
    tell(&outcome.to_string());
    Ok(if outcome.is_good() { 0 } else { BROKEN })
}

fn pour(arguments: &FloodArguments) -> std::io::Result<Outcome> {
    let clock = Clock::start();
    let victim = Victim::start(clock)?;
    let within = Duration::from_millis(arguments.within.into());
    let count = usize::from(arguments.clients);
    let mut clients = Clients::new(count, &victim.server, clock.calendar())?;
    let memory_before = memory_bytes();
    let began_at = clock.now();
    let flood = pouring::start(victim.server.clone(), arguments.rate, clock)?;
    let length = Duration::from_secs(arguments.length_s.into());
    // The last one has a second left.
    let gap = length.saturating_sub(HEAD_START + Duration::from_secs(1)) / count as u32;
    let comes_at = |number: usize| began_at.after(HEAD_START + gap * number as u32);
    let mut memory = memory_before;
    let mut looks = 0;
    loop {
        let now = clock.now();
        clients.turn(now, &comes_at);
        if looks % MEMORY_LOOKS == 0 {
            memory = memory.max(memory_bytes());
        }
        looks += 1;
        if now.since(began_at) >= length && clients.are_done(now, within) {
            break;
        }
        pause(LOOK);
    }
    let sent = flood.end();
    let counts = victim.end();
    let read = counts.sockets.received;
    Ok(Outcome {
        asked_per_s: arguments.rate,
        sent,
        length: clock.now().since(began_at),
        read,
        answered_bytes: counts.sent_bytes,
        clients: count,
        served: clients.served(within),
        within_ms: arguments.within,
        memory_bytes: memory
            .zip(memory_before)
            .map(|(most, before)| most - before),
    })
}

/// What this process has in memory.
fn memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes = line.trim().strip_suffix("kB")?.trim();
    Some(kilobytes.parse::<u64>().ok()? * 1_024)
}

/// When somebody asked, and when they were served.
type Wait = (Option<Moment>, Option<Moment>);

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(served: usize, memory_bytes: u64) -> Outcome {
        Outcome {
            clients: 100,
            served: vec![Duration::from_millis(3); served],
            memory_bytes: Some(memory_bytes),
            ..Outcome::default()
        }
    }

    #[test]
    fn the_bar_is_99_of_100_clients_and_16_mebibytes() {
        assert!(outcome(99, MEMORY_MAX_BYTES).is_good());
        assert!(!outcome(98, 0).is_good());
        assert!(!outcome(100, MEMORY_MAX_BYTES + 1).is_good());
    }
}
