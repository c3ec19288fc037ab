//! Measures once a second how much of this host is free for our work.
//!
//! The load average of the whole machine cannot tell servers on one host apart and lags by a
//! minute; so the speed is the cores times the share that *others* leave, and our own jobs are
//! counted where they wait. Who is given fewer cores than the host has, by a quota or by affinity,
//! has no more than these.

use std::thread;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Recipient};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::shell::{self, In};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What this host can do for us now, in thousandths of a free core.
    pub speed_milli: u32,
    /// Resident memory of this process, in bytes.
    pub rss_bytes: u64,
    /// CPU time of this process since its start, in milliseconds.
    pub cpu_ms: u64,
}

const EVERY: Duration = Duration::from_secs(1);
/// Weight of the newest measurement in the moving average, in tenths.
const NEWEST_TENTHS: u32 = 3;

/// The actor.
pub struct LoadProbe<I: Send + 'static> {
    system: Option<System>,
    me: Option<Pid>,
    /// Whole cores that this process may use: a quota is rounded down, to one at least.
    given: f32,
    speed_milli: Option<u32>,
    told: Recipient<In<I>>,
    wrap: fn(Measured) -> I,
}

impl<I: Send + 'static> LoadProbe<I> {
    /// A probe that tells `told` what it measures.
    #[must_use]
    pub fn new(told: Recipient<In<I>>, wrap: fn(Measured) -> I) -> Self {
        let me = sysinfo::get_current_pid().ok();
        Self {
            system: System::new().ok(),
            me,
            given: thread::available_parallelism().map_or(f32::MAX, |cores| cores.get() as f32),
            speed_milli: None,
            told,
            wrap,
        }
    }

    /// None on a system that cannot be measured; the node then counts its jobs only.
    fn measure(&mut self) -> Option<Measured> {
        let system = self.system.as_mut()?;
        system.refresh_cpu_usage();
        let cores = system.cpus().len().max(1) as f32;
        let used = system.global_cpu_usage() / 100.0 * cores;
        if let Some(me) = self.me {
            let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[me]), false, what);
        }
        let process = self.me.and_then(|me| system.process(me));
        let ours = process.map_or(0.0, |process| process.cpu_usage() / 100.0);
        Some(Measured {
            speed_milli: free_milli(cores, self.given, used, ours),
            rss_bytes: process.map_or(0, sysinfo::Process::memory),
            cpu_ms: process.map_or(0, sysinfo::Process::accumulated_cpu_time),
        })
    }
}

/// Thousandths of a core that others leave, of those that are given to us; never 0, because even a
/// full host gets some turns.
fn free_milli(cores: f32, given: f32, used: f32, ours: f32) -> u32 {
    let foreign = (used - ours).max(0.0);
    ((cores - foreign).max(cores * 0.05).min(given) * 1_000.0) as u32
}

impl<I: Send + 'static> Actor for LoadProbe<I> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.measure();
        ctx.run_interval(EVERY, |probe, _| {
            let Some(newest) = probe.measure() else {
                return;
            };
            let smooth = probe.speed_milli.map_or(newest.speed_milli, |old| {
                (old * (10 - NEWEST_TENTHS) + newest.speed_milli * NEWEST_TENTHS) / 10
            });
            probe.speed_milli = Some(smooth);
            let measured = Measured {
                speed_milli: smooth,
                ..newest
            };
            shell::post(
                "switchboard",
                probe.told.try_send(In((probe.wrap)(measured))),
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_work_does_not_slow_us() {
        assert_eq!(free_milli(2.0, 2.0, 1.5, 1.5), 2_000);
        assert_eq!(free_milli(2.0, 2.0, 1.5, 0.5), 1_000);
    }

    #[test]
    fn a_full_host_is_slow_but_not_dead() {
        assert_eq!(free_milli(2.0, 2.0, 2.0, 0.0), 100);
    }

    #[test]
    fn a_part_of_a_large_host_has_that_part_at_the_most() {
        assert_eq!(free_milli(64.0, 2.0, 10.0, 1.0), 2_000);
        assert_eq!(free_milli(64.0, 2.0, 64.0, 0.0), 2_000);
    }
}
