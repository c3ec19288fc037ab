//! Stops and continues processes of our own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, Signal, System};

use crate::talk::session::pause;

/// A slow process runs for a part of each such time and stands still for the rest.
const ROUND: Duration = Duration::from_millis(50);

/// Lets something be done with a process of ours, if it still runs.
fn with<T>(pid: u32, mut act: impl FnMut(&Process) -> T) -> Option<T> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    let only = ProcessesToUpdate::Some(&[pid]);
    system.refresh_processes_specifics(only, true, ProcessRefreshKind::nothing());
    system.process(pid).map(&mut act)
}

/// Stops a process of ours, or lets it go on.
pub(super) fn send(pid: u32, stop: bool) {
    let signal = if stop { Signal::Stop } else { Signal::Continue };
    // One that has ended already cannot be stopped.
    let _ = with(pid, |process| process.kill_with(signal));
}

/// Makes a process slow for as long as this lives.
pub(super) struct Throttle {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Throttle {
    /// Makes it so many times slower.
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    pub(super) fn start(pid: u32, times: u32) -> io::Result<Self> {
        let end = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&end);
        let runs = ROUND / times.max(1);
        let thread = std::thread::Builder::new()
            .name("throttle".into())
            .spawn(move || {
                let _ = with(pid, |process| {
                    while !ends.load(Ordering::Relaxed) {
                        let _ = process.kill_with(Signal::Stop);
                        pause(ROUND - runs);
                        let _ = process.kill_with(Signal::Continue);
                        pause(runs);
                    }
                });
            })?;
        Ok(Self {
            end,
            thread: Some(thread),
        })
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It leaves the process running.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn sleeper() -> Child {
        let mut command = Command::new("sleep");
        command.arg("30").stdin(Stdio::null());
        command.spawn().expect("starts")
    }

    /// Waits until the process is stopped, or is not.
    fn becomes_stopped(pid: u32, wanted: bool) -> bool {
        (0..200).any(|_| {
            pause(Duration::from_millis(10));
            with(pid, |process| {
                process.status() == sysinfo::ProcessStatus::Stop
            }) == Some(wanted)
        })
    }

    #[test]
    fn a_process_stands_still_and_goes_on() {
        let mut child = sleeper();
        send(child.id(), true);
        assert!(becomes_stopped(child.id(), true));
        send(child.id(), false);
        assert!(becomes_stopped(child.id(), false));
        child.kill().expect("ends");
        child.wait().expect("is gone");
        send(child.id(), true);
    }

    #[test]
    fn a_slow_process_runs_when_the_slowness_is_over() {
        let mut child = sleeper();
        let throttle = Throttle::start(child.id(), 50).expect("starts");
        assert!(becomes_stopped(child.id(), true));
        drop(throttle);
        assert!(becomes_stopped(child.id(), false));
        child.kill().expect("ends");
        child.wait().expect("is gone");
    }
}
