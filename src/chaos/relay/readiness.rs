//! Waits until one of several sockets or devices has something to read, or until a time that is met
//! to a few microseconds where the operating system can.

use std::io;
use std::time::Duration;

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Asks the operating system to wake this thread as exactly as it can.
pub fn be_exact() {
    // An older kernel keeps its 50 microseconds.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Waits for one of these, or for so long at most. `ready` holds the places of those that can be
/// read.
///
/// # Errors
/// What the operating system says. That a signal came is none: nothing is ready then.
pub fn wait<T: AsFd>(all: &[T], most: Duration, ready: &mut Vec<usize>) -> io::Result<()> {
    ready.clear();
    let mut polled: Vec<PollFd<'_>> = all
        .iter()
        .map(|one| PollFd::from_borrowed_fd(one.as_fd(), PollFlags::IN))
        .collect();
    let most = Timespec {
        tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: most.subsec_nanos().into(),
    };
    match poll(&mut polled, Some(&most)) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let is_ready =
        |(place, one): (usize, &PollFd<'_>)| (!one.revents().is_empty()).then_some(place);
    ready.extend(polled.iter().enumerate().filter_map(is_ready));
    Ok(())
}
