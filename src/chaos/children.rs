//! Processes of a run: started, struck down, and how much memory they took.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::proto::control::{Failure, Reason};
use crate::talk::failures;

/// Processes by number. All of them end with this.
#[derive(Debug, Default)]
pub struct Children {
    running: BTreeMap<u8, Child>,
    /// What each took at the most, in KiB.
    most_kib: BTreeMap<u8, u64>,
}

impl Children {
    /// Starts a process; what it says goes to the end of a file.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&mut self, number: u8, command: &mut Command, log: &Path) -> Result<(), Failure> {
        let said = fs::File::options().create(true).append(true).open(log);
        let said = said.map_err(|error| failures::file(log, &error))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .map_err(|error| {
                let program = Path::new(command.get_program());
                failures::file(program, &error)
            })?;
        self.running.insert(number, child);
        Ok(())
    }

    /// Ends a process without a word.
    ///
    /// # Errors
    /// If the operating system does not let us.
    pub fn kill(&mut self, number: u8) -> Result<(), Failure> {
        self.note_memory();
        let Some(mut child) = self.running.remove(&number) else {
            return Ok(());
        };
        let ended = child.kill().and_then(|()| child.wait());
        ended
            .map(|_| ())
            .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))
    }

    /// Those that were started and not killed.
    pub fn running(&self) -> impl Iterator<Item = u8> {
        self.running.keys().copied()
    }

    /// The number that the system knows one of them by.
    #[must_use]
    pub fn pid(&self, number: u8) -> Option<u32> {
        self.running.get(&number).map(Child::id)
    }

    fn note_memory(&mut self) {
        for (number, child) in &self.running {
            let most = self.most_kib.entry(*number).or_default();
            *most = (*most).max(most_kib(child.id()));
        }
    }

    /// What the largest of them took at the most, in KiB.
    pub fn most_kib(&mut self) -> u64 {
        self.note_memory();
        self.most_kib.values().copied().max().unwrap_or_default()
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for (_, mut child) in std::mem::take(&mut self.running) {
            // One that has ended is no harm.
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// The most memory that a process ever had, in KiB, as Linux tells.
fn most_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    of_status(&status.unwrap_or_default())
}

fn of_status(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::of_status;

    #[test]
    fn the_most_memory_is_read_and_a_page_without_it_is_none() {
        let status = "Name:\tx\nVmPeak:\t  9000 kB\nVmHWM:\t  1234 kB\nVmRSS:\t   12 kB\n";
        assert_eq!(of_status(status), 1_234);
        assert_eq!(of_status("Name:\tx\nVmHWM:\n"), 0);
    }
}
