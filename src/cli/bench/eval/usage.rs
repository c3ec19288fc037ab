//! What processes use of the processor, as the system tells.

use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// See the module. Nothing where the system does not tell.
#[derive(Default)]
pub(super) struct Usage(Option<System>);

impl Usage {
    /// Processor time since the start of a process; it grows in steps of ten milliseconds.
    pub(super) fn processor(&mut self, pid: u32) -> Duration {
        if self.0.is_none() {
            self.0 = System::new().ok();
        }
        let Some(system) = &mut self.0 else {
            return Duration::ZERO;
        };
        let pid = Pid::from_u32(pid);
        let what = ProcessRefreshKind::nothing().with_cpu();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        let process = system.process(pid);
        Duration::from_millis(process.map_or(0, sysinfo::Process::accumulated_cpu_time))
    }
}
