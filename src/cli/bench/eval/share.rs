//! Shares of the processor: each server may use so much of a core and no more, so that several
//! servers on one machine are worth several machines.
//!
//! By control groups where we may make them (Linux, version 1 or 2). Elsewhere the work itself is
//! measured: a server that has used more than its share stands still until time has caught up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::usage::Usage;
use crate::cli::failure;
use crate::node::clock::Clock;
use crate::proto::control::{Failure, Reason};
use crate::talk::session::pause;
use crate::time::Moment;

/// A share is given anew so often: short beside any response time, and long enough that the least
/// share is the millisecond that Linux wants.
const PERIOD: Duration = Duration::from_millis(20);
/// Least share of a core, in percent.
pub(super) const LEAST_PERCENT: u16 = 5;
/// How often the work is measured where there are no groups.
const LOOK: Duration = Duration::from_millis(10);
/// An idle process saves up no more than this.
const SAVED: Duration = Duration::from_millis(20);

/// How servers are held to their share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ShareMeans {
    /// Groups if they can be made, else pauses
    #[default]
    Auto,
    /// Control groups of Linux; usually only the administrator may make them
    Groups,
    /// The work is measured, and who has done too much stands still
    Pauses,
}

/// Holds processes to shares for as long as it lives.
pub(super) enum Shares {
    Groups(Groups),
    Pauses(Pauses),
}

impl Shares {
    /// Nobody is held yet.
    ///
    /// # Errors
    /// If groups are wanted and there can be none, or there is no thread to be had.
    pub(super) fn new(means: ShareMeans) -> Result<Self, Failure> {
        let groups = || Groups::find().map(Self::Groups);
        let pauses = || Pauses::start().map(Self::Pauses);
        let found = match means {
            ShareMeans::Auto => groups().or_else(|_| pauses()),
            ShareMeans::Groups => groups(),
            ShareMeans::Pauses => pauses(),
        };
        found.map_err(|error| {
            let message = format!("servers cannot be held to a share of a core: {error}");
            let hint = "take `--means pauses`, or be administrator of a Linux with control groups";
            Failure::new(Reason::Other, message, hint)
        })
    }

    /// The means in a few words.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Groups(groups) => groups.kind.word(),
            Self::Pauses(_) => "pauses",
        }
    }

    /// Holds a process to so many hundredths of a core.
    ///
    /// # Errors
    /// If the operating system does not let us.
    pub(super) fn hold(&mut self, pid: u32, percent: u16) -> Result<(), Failure> {
        match self {
            Self::Groups(groups) => groups.hold(pid, percent),
            Self::Pauses(pauses) => pauses.hold(pid, percent),
        }
    }
}

/// Which control groups there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    One,
    Two,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::One => "control groups, version 1",
            Self::Two => "control groups, version 2",
        }
    }
}

/// One group for each process.
pub(super) struct Groups {
    kind: Kind,
    root: PathBuf,
    made: Vec<PathBuf>,
}

impl Groups {
    fn find() -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/mounts")?;
        let (kind, root) = hierarchy(&mounts)
            .ok_or_else(|| io::Error::other("no control groups for the processor"))?;
        let mut groups = Self {
            kind,
            root,
            made: Vec::new(),
        };
        // Whether we may.
        groups.make(LEAST_PERCENT)?;
        Ok(groups)
    }

    fn make(&mut self, percent: u16) -> io::Result<PathBuf> {
        let name = format!("pentimento-{}-{}", std::process::id(), self.made.len());
        let folder = self.root.join(name);
        fs::create_dir(&folder)?;
        self.made.push(folder.clone());
        let period_us = PERIOD.as_micros();
        let share_us = period_us * u128::from(percent) / 100;
        match self.kind {
            Kind::One => {
                fs::write(folder.join("cpu.cfs_period_us"), period_us.to_string())?;
                fs::write(folder.join("cpu.cfs_quota_us"), share_us.to_string())?;
            }
            Kind::Two => fs::write(folder.join("cpu.max"), format!("{share_us} {period_us}"))?,
        }
        Ok(folder)
    }

    fn hold(&mut self, pid: u32, percent: u16) -> Result<(), Failure> {
        let folder = self.make(percent);
        let held =
            folder.and_then(|folder| fs::write(folder.join("cgroup.procs"), pid.to_string()));
        held.map_err(|error| failure::file(&self.root, &error))
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for folder in &self.made {
            // One whose process still ends is busy for a moment; it is empty then, and does
            // nothing.
            let is_gone = || fs::remove_dir(folder).is_ok();
            let _ = (0..20).any(|_| {
                is_gone() || {
                    pause(LOOK);
                    false
                }
            });
        }
    }
}

/// Where groups for the processor are made, by the table of mounts.
fn hierarchy(mounts: &str) -> Option<(Kind, PathBuf)> {
    let lines = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some((words.next()?, words.next()?, words.next()?))
    });
    let mut two = None;
    for (folder, kind, options) in lines {
        match kind {
            "cgroup" if options.split(',').any(|option| option == "cpu") => {
                return Some((Kind::One, folder.into()));
            }
            "cgroup2" => two = Some((Kind::Two, folder.into())),
            _ => {}
        }
    }
    two
}

/// What a process may do, and did.
struct Held {
    pid: u32,
    /// Of a core.
    share: f64,
    since: Moment,
    /// Processor time that it may have used until `since`.
    granted: Duration,
    stands: bool,
}

impl Held {
    /// Whether it has to stand still now.
    fn judge(&mut self, now: Moment, used: Duration) -> bool {
        self.granted += now.since(self.since).mul_f64(self.share);
        self.since = now;
        // What was not used is not kept for later.
        self.granted = self.granted.min(used + SAVED);
        used > self.granted
    }
}

/// A thread that looks after processes.
pub(super) struct Pauses {
    held: Arc<Mutex<Vec<Held>>>,
    clock: Clock,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pauses {
    fn start() -> io::Result<Self> {
        let (held, end): (Arc<Mutex<Vec<Held>>>, Arc<AtomicBool>) = Default::default();
        let (looked_after, ends) = (Arc::clone(&held), Arc::clone(&end));
        let clock = Clock::start();
        let thread = std::thread::Builder::new()
            .name("shares".into())
            .spawn(move || {
                let mut usage = Usage::default();
                while !ends.load(Ordering::Relaxed) {
                    look(clock, &looked_after, &mut usage);
                    pause(LOOK);
                }
            })?;
        Ok(Self {
            held,
            clock,
            end,
            thread: Some(thread),
        })
    }

    fn hold(&self, pid: u32, percent: u16) -> Result<(), Failure> {
        let used = Usage::default().processor(pid);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.push(Held {
            pid,
            share: f64::from(percent) / 100.0,
            since: self.clock.now(),
            granted: used,
            stands: false,
        });
        Ok(())
    }
}

fn look(clock: Clock, held: &Mutex<Vec<Held>>, usage: &mut Usage) {
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    for process in held.iter_mut() {
        let stands = process.judge(clock.now(), usage.processor(process.pid));
        if stands != process.stands {
            process.stands = stands;
            signal(process.pid, stands);
        }
    }
}

fn signal(pid: u32, stop: bool) {
    let signal = if stop { Signal::STOP } else { Signal::CONT };
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // One that has ended already cannot be stopped.
    let _ = pid.map(|pid| kill_process(pid, signal));
}

impl Drop for Pauses {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for process in held.iter().filter(|process| process.stands) {
            signal(process.pid, false);
        }
    }
}

/// The processor and cores of this machine, in a few words.
pub(super) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let text = fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = line
        .and_then(|rest| rest.split_once(':'))
        .map(|(_, name)| name.trim());
    format!("{}, {cores} cores", model.unwrap_or("unknown processor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_made_where_the_processor_is_shared_out() {
        let one = "tmpfs /a tmpfs rw 0 0\ncgroup2 /u cgroup2 rw 0 0\n\
                   cgroup /c/cpuset cgroup rw,cpuset 0 0\n\
                   cgroup /c/cpu cgroup rw,cpu,cpuacct 0 0\n";
        assert_eq!(hierarchy(one), Some((Kind::One, "/c/cpu".into())));
        let two = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
        assert_eq!(hierarchy(two), Some((Kind::Two, "/sys/fs/cgroup".into())));
        assert_eq!(hierarchy("proc /proc proc rw 0 0\nodd\n"), None);
    }

    #[test]
    fn who_has_done_too_much_stands_until_time_has_caught_up() {
        let at = |ms| Moment::from_millis(ms);
        let ms = Duration::from_millis;
        let mut held = Held {
            pid: 1,
            share: 0.25,
            since: at(0),
            granted: ms(0),
            stands: false,
        };
        assert!(!held.judge(at(100), ms(20)), "25 were granted");
        assert!(held.judge(at(120), ms(40)), "30 were granted");
        assert!(held.judge(at(150), ms(40)));
        assert!(!held.judge(at(160), ms(40)), "40 were granted");
        assert!(!held.judge(at(10_160), ms(40)), "idle for ten seconds");
        assert!(held.judge(at(10_160), ms(61)), "which saves up little");
    }
}
