//! A timer for deadlines of microseconds.
//!
//! The runtime's own timer counts whole milliseconds and rounds up, which would turn an
//! acknowledgement after half a millisecond into one after two. On Linux the kernel has a timer
//! that is a file: it is waited for together with the sockets, is exact to some microseconds, and
//! does not ask for a thread of its own. Elsewhere it is the runtime's timer.

use std::io;
use std::task::{Context, Poll};

use crate::time::Moment;

/// Rings once at a moment or soon after it.
#[derive(Debug)]
pub struct Alarm {
    timer: timer::Timer,
    set_for: Option<Moment>,
}

impl Alarm {
    /// An alarm that is not set. Must be called inside the runtime.
    ///
    /// # Errors
    /// If the operating system has no more files.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            timer: timer::Timer::new()?,
            set_for: None,
        })
    }

    /// Sets it for `at`, unless it rings before that anyway: whoever is woken too early sets it
    /// anew, which is cheaper than setting it at each change of a deadline. One that should have
    /// rung and has not is not relied upon: the clock may have gone ahead of the timer's.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn set(&mut self, now: Moment, at: Moment) -> io::Result<()> {
        let rings_before = |set_for: Moment| set_for <= at && set_for > now;
        if self.set_for.is_some_and(rings_before) {
            return Ok(());
        }
        self.timer.start(at.since(now))?;
        self.set_for = Some(at);
        Ok(())
    }

    /// Ready once after it rang.
    pub fn poll_rung(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.set_for.is_none() {
            return Poll::Pending;
        }
        let rung = self.timer.poll(cx);
        if rung.is_ready() {
            self.set_for = None;
        }
        rung
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll, ready};
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::net::watch::watch;

    #[derive(Debug)]
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self(watch(file, Interest::READABLE)?))
        }

        pub(super) fn start(&self, wait: Duration) -> io::Result<()> {
            // A wait of nothing would switch it off.
            let wait = wait.max(Duration::from_nanos(1));
            let it_value = Timespec {
                tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: wait.subsec_nanos().into(),
            };
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value,
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }

        /// The file is not read: setting it anew forgets what it counted, and each ring is told.
        pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
            match ready!(self.0.poll_read_ready(cx)) {
                Ok(mut guard) => guard.clear_ready(),
                // The runtime ends.
                Err(_) => return Poll::Pending,
            }
            Poll::Ready(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use tokio::time::{Sleep, sleep};

    #[derive(Debug)]
    pub(super) struct Timer(Pin<Box<Sleep>>);

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self(Box::pin(Self::wait(Duration::ZERO))))
        }

        #[expect(
            clippy::disallowed_methods,
            reason = "an edge: deadlines are waited for here"
        )]
        fn wait(wait: Duration) -> Sleep {
            sleep(wait)
        }

        pub(super) fn start(&mut self, wait: Duration) -> io::Result<()> {
            self.0.set(Self::wait(wait));
            Ok(())
        }

        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            self.0.as_mut().poll(cx)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn moment(micros: u64) -> Moment {
        Moment::from_micros(micros)
    }

    #[tokio::test]
    async fn it_rings_once_for_each_time_it_is_set() {
        let mut alarm = Alarm::new().unwrap();
        for _ in 0..3 {
            alarm.set(moment(5), moment(105)).unwrap();
            poll_fn(|cx| alarm.poll_rung(cx)).await;
            let again = poll_fn(|cx| Poll::Ready(alarm.poll_rung(cx))).await;
            assert!(again.is_pending());
        }
    }

    #[tokio::test]
    async fn a_deadline_that_is_over_rings_at_once() {
        let mut alarm = Alarm::new().unwrap();
        alarm.set(moment(5), moment(2)).unwrap();
        poll_fn(|cx| alarm.poll_rung(cx)).await;
    }

    #[tokio::test]
    async fn one_that_should_have_rung_is_set_anew() {
        let mut alarm = Alarm::new().unwrap();
        alarm.set(moment(0), moment(1 << 40)).unwrap();
        alarm.set(moment(1 << 41), moment((1 << 41) + 100)).unwrap();
        poll_fn(|cx| alarm.poll_rung(cx)).await;
    }

    #[tokio::test]
    async fn an_earlier_deadline_replaces_a_later_one() {
        let mut alarm = Alarm::new().unwrap();
        alarm.set(moment(0), moment(u64::MAX / 2)).unwrap();
        alarm.set(moment(0), moment(100)).unwrap();
        poll_fn(|cx| alarm.poll_rung(cx)).await;
    }
}
