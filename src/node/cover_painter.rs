//! Draws covers before anybody needs them, so that nobody waits for the seconds that a large one
//! takes: one after the other, with the lowest priority, on a server that has been up for a while.
//!
//! Draws onto the disk only, so it holds the memory of one cover at a time. What is drawn already,
//! by this server or another one that shares the folder, is left alone.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::cover_shelf::CoverShelf;
use crate::stego::CoverId;

/// A server that is up for less has other things to do, or is soon gone again.
const BEGIN_AFTER: Duration = Duration::from_secs(60);
/// Rest after each cover.
const REST: Duration = Duration::from_secs(5);
/// What is added to the niceness of the thread: the kernel stops at the lowest priority.
const NICER: i32 = 19;

/// Draws until it is done or dropped.
pub struct CoverPainter {
    _stop: SyncSender<()>,
}

impl CoverPainter {
    /// Starts a thread that draws into `folder`.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(folder: PathBuf) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(0);
        thread::Builder::new()
            .name("painter".to_owned())
            .spawn(move || {
                if let Err(error) = rustix::process::nice(NICER) {
                    tracing::warn!(%error, "covers are not drawn ahead");
                    return;
                }
                let drawn = paint(&CoverShelf::new(folder), &stopped, (BEGIN_AFTER, REST));
                tracing::debug!(drawn, "covers drawn ahead");
            })?;
        Ok(Self { _stop: stop })
    }
}

/// Draws what is missing, small sizes first, until it is stopped; how many it drew.
fn paint(
    shelf: &CoverShelf,
    stop: &Receiver<()>,
    (begin_after, rest): (Duration, Duration),
) -> usize {
    let goes_on = |wait| stop.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
    let mut covers: Vec<_> = CoverId::all().collect();
    covers.sort();
    // Servers that share a folder begin at different places.
    let middle = std::process::id() as usize % covers.len();
    covers.rotate_left(middle);
    let mut drawn = 0;
    if !goes_on(begin_after) {
        return drawn;
    }
    for id in covers {
        if shelf.draw_ahead(id) {
            drawn += 1;
            if !goes_on(rest) {
                break;
            }
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_painter_that_is_stopped_draws_no_more_and_nothing_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = CoverShelf::new(folder.path().into());
        let (stop, stopped) = sync_channel(0);
        drop(stop);
        assert_eq!(paint(&shelf, &stopped, (Duration::ZERO, Duration::ZERO)), 0);
        let id = CoverId::from_number(6).expect("a cover");
        assert!(shelf.draw_ahead(id));
        assert!(!shelf.draw_ahead(id), "it is there");
        let comes_with_the_program = CoverId::from_number(0).expect("a cover");
        assert!(!shelf.draw_ahead(comes_with_the_program));
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("a folder").count(),
            1
        );
    }
}
