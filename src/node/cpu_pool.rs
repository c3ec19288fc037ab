//! The CPU pool: a fixed number of threads, a bounded queue, and a wall around every job, so that
//! neither a flood nor a bug in pixel code reaches the sockets and timers. Threads without a job
//! help with the strips of a large one.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

use actix::{Actor, Context, Handler, Recipient};

use super::cover_shelf::CoverShelf;
use super::crew::Floor;
use super::shell::{self, In};
use super::switchboard::{EdgeAnswer, WorkRequest};
use super::workshop::{self, Bench};
use crate::actors::edges::{WorkDone, WorkFault};

/// Jobs that wait for a thread; further ones are answered as busy.
const QUEUE: usize = 64;

/// The actor in front of the threads.
pub struct CpuPool<I: Send + 'static> {
    floor: Arc<Floor<WorkRequest>>,
    answers: Recipient<In<I>>,
    wrap: fn(EdgeAnswer) -> I,
}

impl<I: Send + 'static> CpuPool<I> {
    /// Starts `threads` threads (at least one). They end when the actor does.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn start(
        threads: usize,
        covers: CoverShelf,
        answers: Recipient<In<I>>,
        wrap: fn(EdgeAnswer) -> I,
    ) -> std::io::Result<Self> {
        let (floor, covers) = (Arc::new(Floor::new(QUEUE)), Arc::new(covers));
        let pool = Self {
            floor: floor.clone(),
            answers: answers.clone(),
            wrap,
        };
        for number in 0..threads.max(1) {
            let (floor, covers, answers) = (floor.clone(), covers.clone(), answers.clone());
            thread::Builder::new()
                .name(format!("work-{number}"))
                .spawn(move || toil(&floor, &covers, &answers, wrap))?;
        }
        Ok(pool)
    }
}

/// Does one job after another until the pool is gone.
fn toil<I: Send + 'static>(
    floor: &Floor<WorkRequest>,
    covers: &CoverShelf,
    answers: &Recipient<In<I>>,
    wrap: fn(EdgeAnswer) -> I,
) {
    floor.toil(|WorkRequest { ticket, work }, scratch| {
        let bench = Bench {
            covers,
            crew: floor,
            scratch,
        };
        let done = panic::catch_unwind(AssertUnwindSafe(|| workshop::perform(work, bench)));
        let done = done.unwrap_or(WorkDone::Failed(WorkFault::Crashed));
        shell::post(
            "switchboard",
            answers.try_send(In(wrap(EdgeAnswer::Work(ticket, done)))),
        );
    });
}

impl<I: Send + 'static> Drop for CpuPool<I> {
    fn drop(&mut self) {
        self.floor.close();
    }
}

impl<I: Send + 'static> Actor for CpuPool<I> {
    type Context = Context<Self>;
}

impl<I: Send + 'static> Handler<In<WorkRequest>> for CpuPool<I> {
    type Result = ();

    fn handle(&mut self, In(request): In<WorkRequest>, _: &mut Self::Context) {
        let ticket = request.ticket;
        if self.floor.offer(request).is_err() {
            let busy = EdgeAnswer::Work(ticket, WorkDone::Failed(WorkFault::Busy));
            shell::post("switchboard", self.answers.try_send(In((self.wrap)(busy))));
        }
    }
}
