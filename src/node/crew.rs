//! Threads that do jobs, and help each other with one that falls into pieces.
//!
//! Decides who does what next: a job that waits comes before help, so a large job takes only the
//! threads that nobody else wants, and gives one back after each piece. The thread that has a job
//! works on its pieces itself, so help is never needed, and no job waits for another. Pieces are
//! numbered and each is done once; what they make may not depend on who did which.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::stego::Scratch;

/// Work that falls into pieces which can be done in any order.
pub trait Pieces: Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;
    /// Does the piece of that number. Called once for each, by any thread.
    fn work_on(&self, piece: usize, scratch: &mut Scratch);
}

/// A piece of the work panicked; the other pieces may be done or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crashed;

/// Who works through pieces.
pub trait Crew {
    /// Does all pieces, and returns when the last is done.
    ///
    /// # Errors
    /// [`Crashed`] if one panicked.
    fn work_through(&self, pieces: Arc<dyn Pieces>, scratch: &mut Scratch) -> Result<(), Crashed>;
}

/// A crew of one: the thread that asks.
pub struct Alone;

impl Crew for Alone {
    fn work_through(&self, pieces: Arc<dyn Pieces>, scratch: &mut Scratch) -> Result<(), Crashed> {
        Shared::new(pieces).work_to_the_end(scratch)
    }
}

/// Where threads meet: jobs that wait, and work that is shared.
pub struct Floor<J> {
    jobs_max: usize,
    state: Mutex<State<J>>,
    news: Condvar,
}

struct State<J> {
    jobs: VecDeque<J>,
    /// At most one for each thread.
    shared: Vec<Arc<Shared>>,
    is_closed: bool,
}

enum Next<J> {
    Job(J),
    Help(Arc<Shared>),
    End,
}

impl<J> Floor<J> {
    /// A floor on which at most `jobs_max` jobs wait.
    #[must_use]
    pub const fn new(jobs_max: usize) -> Self {
        Self {
            jobs_max,
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                shared: Vec::new(),
                is_closed: false,
            }),
            news: Condvar::new(),
        }
    }

    /// Puts a job at the end of the line.
    ///
    /// # Errors
    /// The job itself, if as many wait as may.
    pub fn offer(&self, job: J) -> Result<(), J> {
        let mut state = self.lock();
        if state.jobs.len() >= self.jobs_max {
            return Err(job);
        }
        state.jobs.push_back(job);
        self.news.notify_one();
        Ok(())
    }

    /// Sends everybody home once no job waits.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_all();
    }

    /// Does jobs and helps until the floor is closed. A job must not panic.
    pub fn toil(&self, mut perform: impl FnMut(J, &mut Scratch)) {
        let mut scratch = Scratch::default();
        loop {
            match self.next() {
                Next::Job(job) => perform(job, &mut scratch),
                Next::Help(shared) => {
                    shared.work_on_one(&mut scratch);
                }
                Next::End => return,
            }
            scratch.trim();
        }
    }

    fn next(&self) -> Next<J> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Next::Job(job);
            }
            if let Some(shared) = state.shared.iter().find(|shared| shared.has_more()) {
                return Next::Help(shared.clone());
            }
            if state.is_closed {
                return Next::End;
            }
            let woken = self.news.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> Crew for Floor<J> {
    fn work_through(&self, pieces: Arc<dyn Pieces>, scratch: &mut Scratch) -> Result<(), Crashed> {
        let shared = Arc::new(Shared::new(pieces));
        if shared.pieces.count() > 1 {
            self.lock().shared.push(shared.clone());
            self.news.notify_all();
        }
        let done = shared.work_to_the_end(scratch);
        self.lock()
            .shared
            .retain(|other| !Arc::ptr_eq(other, &shared));
        done
    }
}

/// Pieces that several threads work on.
struct Shared {
    pieces: Arc<dyn Pieces>,
    next: AtomicUsize,
    progress: Mutex<Progress>,
    all_done: Condvar,
}

#[derive(Default)]
struct Progress {
    done: usize,
    has_crashed: bool,
}

impl Shared {
    fn new(pieces: Arc<dyn Pieces>) -> Self {
        Self {
            pieces,
            next: AtomicUsize::new(0),
            progress: Mutex::default(),
            all_done: Condvar::new(),
        }
    }

    fn has_more(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.pieces.count()
    }

    /// Takes a piece and does it; false if none was left.
    fn work_on_one(&self, scratch: &mut Scratch) -> bool {
        let piece = self.next.fetch_add(1, Ordering::Relaxed);
        if piece >= self.pieces.count() {
            return false;
        }
        let work = AssertUnwindSafe(|| self.pieces.work_on(piece, scratch));
        let has_crashed = panic::catch_unwind(work).is_err();
        let mut progress = self.progress();
        progress.done += 1;
        progress.has_crashed |= has_crashed;
        if progress.done == self.pieces.count() {
            self.all_done.notify_all();
        }
        true
    }

    /// Works until no piece is left, and waits for those that others have.
    fn work_to_the_end(&self, scratch: &mut Scratch) -> Result<(), Crashed> {
        while self.work_on_one(scratch) {}
        let unfinished = |progress: &mut Progress| progress.done < self.pieces.count();
        let waited = self.all_done.wait_while(self.progress(), unfinished);
        let progress = waited.unwrap_or_else(PoisonError::into_inner);
        if progress.has_crashed {
            return Err(Crashed);
        }
        Ok(())
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// Marks the pieces that were done; one of them may panic.
    struct Marks {
        done: Vec<AtomicUsize>,
        panics_at: Option<usize>,
    }

    impl Marks {
        fn new(count: usize, panics_at: Option<usize>) -> Arc<Self> {
            let done = (0..count).map(|_| AtomicUsize::new(0)).collect();
            Arc::new(Self { done, panics_at })
        }

        fn all_once(&self) -> bool {
            self.done
                .iter()
                .all(|times| times.load(Ordering::Relaxed) == 1)
        }
    }

    impl Pieces for Marks {
        fn count(&self) -> usize {
            self.done.len()
        }

        fn work_on(&self, piece: usize, _: &mut Scratch) {
            assert_ne!(self.panics_at, Some(piece));
            self.done[piece].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn with_helpers(helpers: usize, work: impl FnOnce(&Floor<Arc<Barrier>>)) {
        let floor = Floor::new(2);
        thread::scope(|scope| {
            for _ in 0..helpers {
                scope.spawn(|| floor.toil(|job: Arc<Barrier>, _| _ = job.wait()));
            }
            work(&floor);
            floor.close();
        });
    }

    #[test]
    fn every_piece_is_done_once_with_any_number_of_threads() {
        for helpers in [0, 1, 3] {
            with_helpers(helpers, |floor| {
                for count in [0, 1, 2, 100] {
                    let marks = Marks::new(count, None);
                    let done = floor.work_through(marks.clone(), &mut Scratch::default());
                    assert_eq!(done, Ok(()));
                    assert!(marks.all_once());
                }
            });
        }
        let marks = Marks::new(9, None);
        assert_eq!(
            Alone.work_through(marks.clone(), &mut Scratch::default()),
            Ok(())
        );
        assert!(marks.all_once());
    }

    #[test]
    fn a_panic_in_a_piece_is_told_and_leaves_the_threads_alive() {
        with_helpers(2, |floor| {
            for panics_at in [0, 7, 19] {
                let marks = Marks::new(20, Some(panics_at));
                let done = floor.work_through(marks, &mut Scratch::default());
                assert_eq!(done, Err(Crashed));
            }
            let marks = Marks::new(20, None);
            assert_eq!(floor.work_through(marks, &mut Scratch::default()), Ok(()));
        });
    }

    /// Waits, in its first piece, until a job that came later is done by the only helper.
    struct Patient(Arc<Barrier>);

    impl Pieces for Patient {
        fn count(&self) -> usize {
            2
        }

        fn work_on(&self, piece: usize, _: &mut Scratch) {
            if piece == 0 {
                self.0.wait();
            }
        }
    }

    #[test]
    fn a_waiting_job_comes_before_help() {
        with_helpers(1, |floor| {
            let met = Arc::new(Barrier::new(2));
            floor
                .offer(met.clone())
                .unwrap_or_else(|_| panic!("there is room"));
            let work = Arc::new(Patient(met));
            assert_eq!(floor.work_through(work, &mut Scratch::default()), Ok(()));
        });
    }

    #[test]
    fn the_line_is_bounded_and_ends_when_the_floor_is_closed() {
        let floor = Floor::new(2);
        assert!(floor.offer(1).is_ok() && floor.offer(2).is_ok());
        assert_eq!(floor.offer(3), Err(3));
        floor.close();
        let mut done = Vec::new();
        floor.toil(|job, _| done.push(job));
        assert_eq!(done, [1, 2]);
    }
}
