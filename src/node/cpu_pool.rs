//! The CPU pool: a fixed number of threads, a bounded queue, and a wall around every job, so that
//! neither a flood nor a bug in pixel code reaches the sockets and timers.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use actix::{Actor, Context, Handler, Recipient};

use super::cover_shelf::CoverShelf;
use super::shell::{self, In};
use super::switchboard::{EdgeAnswer, WorkRequest};
use super::workshop;
use crate::actors::edges::{WorkDone, WorkFault};

/// Jobs that wait for a thread; further ones are answered as busy.
const QUEUE: usize = 64;

/// The actor in front of the threads.
pub struct CpuPool<I: Send + 'static> {
    jobs: SyncSender<WorkRequest>,
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
        let (jobs, waiting) = mpsc::sync_channel(QUEUE);
        let (waiting, covers) = (Arc::new(Mutex::new(waiting)), Arc::new(covers));
        for number in 0..threads.max(1) {
            let (waiting, covers, answers) = (waiting.clone(), covers.clone(), answers.clone());
            thread::Builder::new()
                .name(format!("work-{number}"))
                .spawn(move || toil(&waiting, &covers, &answers, wrap))?;
        }
        Ok(Self {
            jobs,
            answers,
            wrap,
        })
    }
}

/// Does one job after another until the pool is gone.
fn toil<I: Send + 'static>(
    waiting: &Mutex<Receiver<WorkRequest>>,
    covers: &CoverShelf,
    answers: &Recipient<In<I>>,
    wrap: fn(EdgeAnswer) -> I,
) {
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(WorkRequest { ticket, work }) = next else {
            return;
        };
        let done = panic::catch_unwind(AssertUnwindSafe(|| workshop::perform(work, covers)));
        let done = done.unwrap_or(WorkDone::Failed(WorkFault::Crashed));
        shell::post(
            "switchboard",
            answers.try_send(In(wrap(EdgeAnswer::Work(ticket, done)))),
        );
    }
}

impl<I: Send + 'static> Actor for CpuPool<I> {
    type Context = Context<Self>;
}

impl<I: Send + 'static> Handler<In<WorkRequest>> for CpuPool<I> {
    type Result = ();

    fn handle(&mut self, In(request): In<WorkRequest>, _: &mut Self::Context) {
        let ticket = request.ticket;
        if self.jobs.try_send(request).is_err() {
            let busy = EdgeAnswer::Work(ticket, WorkDone::Failed(WorkFault::Busy));
            shell::post("switchboard", self.answers.try_send(In((self.wrap)(busy))));
        }
    }
}
