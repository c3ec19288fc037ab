//! Several users on one thread, waited for together.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Line;
use crate::time::{Moment, earliest};

/// Somebody at the end of a line.
pub trait Caller {
    /// What becomes of their wishes.
    type Told;

    /// Their line.
    fn line(&self) -> &Line;

    /// When [`Caller::turn`] has something to do though nothing arrives.
    fn deadline(&self) -> Option<Moment>;

    /// Reads, lets time pass, and writes.
    fn turn(&mut self) -> Vec<Self::Told>;
}

/// Sends what is to be sent, waits for whatever comes first, at most so long, and lets everybody
/// have a turn. Gives what became of wishes, and whose.
///
/// # Errors
/// If the sockets cannot be waited for.
pub fn turn<C: Caller>(callers: &mut [C], at_most: Duration) -> io::Result<Vec<(usize, C::Told)>> {
    let told = everybody(callers);
    if !told.is_empty() {
        return Ok(told);
    }
    let now = callers.first().map(|caller| caller.line().now());
    let deadlines = callers.iter().map(Caller::deadline);
    let nap = match (deadlines.fold(None, earliest), now) {
        (Some(first), Some(now)) => first.since(now).min(at_most),
        _ => at_most,
    };
    let nap = Timespec {
        tv_sec: i64::try_from(nap.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(nap.subsec_nanos()),
    };
    let mut sockets: Vec<PollFd<'_>> = callers
        .iter()
        .map(|caller| PollFd::from_borrowed_fd(caller.line().socket(), PollFlags::IN))
        .collect();
    match poll(&mut sockets, Some(&nap)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(everybody(callers))
}

fn everybody<C: Caller>(callers: &mut [C]) -> Vec<(usize, C::Told)> {
    let turns = callers.iter_mut().map(Caller::turn);
    let numbered = turns.enumerate();
    numbered
        .flat_map(|(caller, told)| told.into_iter().map(move |told| (caller, told)))
        .collect()
}
