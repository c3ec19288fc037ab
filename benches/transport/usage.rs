//! What a process has used: processor time and its largest memory.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

use crate::peer::Fault;

/// Of one process.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Processor time of all its threads, in its own code and in the kernel's for it, in
    /// microseconds.
    pub(crate) cpu_us: u64,
    /// Largest resident memory since [`forget_peak`], in kilobytes of 1,024 bytes.
    pub(crate) peak_kb: u64,
}

/// Processor time so far, in microseconds.
pub(crate) fn cpu_us() -> Result<u64, Fault> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = |time: TimeVal| time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
    Ok(micros(usage.user_time()) + micros(usage.system_time()))
}

/// All of it, of this process.
pub(crate) fn usage() -> Result<Usage, Fault> {
    Ok(Usage {
        cpu_us: cpu_us()?,
        peak_kb: field_kb("VmHWM:")?,
    })
}

fn field_kb(name: &str) -> Result<u64, Fault> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .ok_or("no such field")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Largest memory counts from now on.
pub(crate) fn forget_peak() -> Result<(), Fault> {
    Ok(fs::write("/proc/self/clear_refs", "5")?)
}

/// A time in whole microseconds.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
