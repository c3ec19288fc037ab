//! Whether somebody wants the run to end: Ctrl-C, or a request to terminate. Real processes must
//! not outlive us.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// A watch for signals. From the first one on this process does not end by them any more.
pub(in crate::chaos) struct Interruption(Arc<AtomicBool>);

impl Interruption {
    /// Begins to watch, in a thread that stays.
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    pub(in crate::chaos) fn watch() -> io::Result<Self> {
        let come = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&come);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                runtime.block_on(async move {
                    let kinds = (SignalKind::interrupt(), SignalKind::terminate());
                    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(kinds.0), signal(kinds.1))
                    else {
                        return;
                    };
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    seen.store(true, Ordering::Relaxed);
                });
            })?;
        Ok(Self(come))
    }

    /// Whether a signal came.
    pub(in crate::chaos) fn has_come(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
