//! Keeps every core of the machine busy with nothing, as a neighbour does who computes.

use std::hint::spin_loop;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, available_parallelism};

/// As many threads as cores, which never wait. They have the priority of the servers, and end with
/// this process whatever ends it.
pub(super) struct Spinners {
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Spinners {
    /// Starts them.
    ///
    /// # Errors
    /// If the operating system has no threads to give.
    pub(super) fn start() -> io::Result<Self> {
        let cores = available_parallelism().map_or(1, NonZero::get);
        // Before the first thread, so that those there are end if one cannot be had.
        let mut spinners = Self {
            end: Arc::default(),
            threads: Vec::new(),
        };
        for _ in 0..cores {
            let end = Arc::clone(&spinners.end);
            let spin = move || {
                while !end.load(Ordering::Relaxed) {
                    spin_loop();
                }
            };
            let thread = Builder::new().name("spinner".into()).spawn(spin)?;
            spinners.threads.push(thread);
        }
        Ok(spinners)
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
