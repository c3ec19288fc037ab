//! Several users on one thread, waited for together.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Orders, Told};
use crate::time::earliest;

/// Somebody who orders.
pub trait HasOrders {
    /// Their connection.
    fn orders(&mut self) -> &mut Orders;
}

impl HasOrders for Orders {
    fn orders(&mut self) -> &mut Orders {
        self
    }
}

/// Sends what was ordered, waits for whatever comes first, at most so long, and lets everybody have
/// a turn. Tells what became of orders, and whose.
///
/// # Errors
/// If the sockets cannot be waited for.
pub fn turn<U: HasOrders>(users: &mut [U], at_most: Duration) -> io::Result<Vec<(usize, Told)>> {
    let told = everybody(users);
    if !told.is_empty() {
        return Ok(told);
    }
    let now = users.first_mut().map(|user| user.orders().clock.now());
    let deadlines = users.iter_mut().map(|user| user.orders().deadline());
    let nap = match (deadlines.fold(None, earliest), now) {
        (Some(first), Some(now)) => first.since(now).min(at_most),
        _ => at_most,
    };
    let nap = Timespec {
        tv_sec: i64::try_from(nap.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(nap.subsec_nanos()),
    };
    let mut sockets: Vec<PollFd<'_>> = users
        .iter_mut()
        .map(|user| PollFd::from_borrowed_fd(user.orders().socket(), PollFlags::IN))
        .collect();
    match poll(&mut sockets, Some(&nap)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(everybody(users))
}

fn everybody<U: HasOrders>(users: &mut [U]) -> Vec<(usize, Told)> {
    let turns = users.iter_mut().map(|user| user.orders().turn());
    let numbered = turns.enumerate();
    numbered
        .flat_map(|(user, told)| told.into_iter().map(move |told| (user, told)))
        .collect()
}
