//! What processes use of the processor and of memory, as the system tells.

use std::time::Duration;

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

/// See the module. Nothing where the system does not tell.
#[derive(Default)]
pub(super) struct Usage(Option<System>);

impl Usage {
    /// Processor time since the start of a process; it grows in steps of ten milliseconds.
    pub(super) fn processor(&mut self, pid: u32) -> Duration {
        let millis = self.ask(pid, Process::accumulated_cpu_time);
        Duration::from_millis(millis)
    }

    /// Memory that a process has now, in bytes.
    pub(super) fn memory(&mut self, pid: u32) -> u64 {
        self.ask(pid, Process::memory)
    }

    fn ask(&mut self, pid: u32, figure: fn(&Process) -> u64) -> u64 {
        if self.0.is_none() {
            self.0 = System::new().ok();
        }
        let Some(system) = &mut self.0 else {
            return 0;
        };
        let pid = Pid::from_u32(pid);
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        system.process(pid).map_or(0, figure)
    }
}
