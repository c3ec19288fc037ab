//! Jobs of this server: reserved, filled, running, returned.
//!
//! Decides which body belongs to which won request, how many jobs run and wait, and when a client
//! is refused. Keeps small bodies of requests that others own, so that a failure needs no second
//! upload. Never touches a pixel: the CPU pool does. Invariants: every reserved place has an
//! expiry; nothing of a picture is kept after the client has acknowledged it; the places taken on
//! the CPU pool are never more than there are, also while it works for requests that were lost.

mod body_cache;
mod intake;
mod job;
mod pool;
mod tale;

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::edges::{Desk, Ticket, TicketBook, Work, WorkDone, WorkFault};
use super::machine::{Machine, Outbox, earliest};
use crate::proto::cargo::Cargo;
use crate::proto::ids::{Digest, NodeId, RequestId, UserId};
use crate::proto::packet::{Ask, Done, Packet, RefusalReason};
use crate::time::Moment;
use body_cache::BodyCache;
use job::{Job, Line, Place, State};
pub use tale::{Ending, Tale};

/// Pause before a result that was not delivered is sent again, in milliseconds.
const RETURN_AGAIN_MS: u64 = 500;

/// Times that a result is offered to the sender again without a word from it, in case a word was
/// lost. The sender ignores what it is sending already.
const RETURN_REMINDERS: u64 = 4;

/// What a server that is about to end tells a client to wait: just long enough for the others to
/// know that the request is free again.
const HAND_OVER_MS: u32 = 200;

/// Bounds and timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// Jobs that run at a time: the places of the CPU pool.
    pub running_max: usize,
    /// Won requests that wait for their body or for a place at the most; further ones are refused
    /// as busy.
    pub waiting_max: usize,
    /// Bodies of requests that others own, at the most, and their bytes together.
    pub cached_max: usize,
    /// See `cached_max`.
    pub cached_max_bytes: usize,
    /// Such a body is dropped after so long, in milliseconds.
    pub cached_ms: u64,
    /// The body of a won request is asked for after so long without a sign of it.
    pub body_ask_ms: u64,
    /// A won request without a body is dropped after so long, in milliseconds.
    pub body_wait_ms: u64,
    /// A finished picture is dropped if the client has not taken it for so long, in milliseconds.
    pub result_ms: u64,
    /// What a busy server tells a client to wait, in milliseconds.
    pub retry_after_ms: u32,
    /// Bodies and results of won requests together, at the most, in bytes; what would go beyond is
    /// refused as busy. At least twice the largest message.
    pub held_max_bytes: usize,
    /// A job that the CPU pool has not answered for so long counts as crashed, in milliseconds.
    pub work_ms: u64,
}

impl Config {
    /// Bounds and timings for a local network and a CPU pool of `running_max` places.
    #[must_use]
    pub const fn lan(me: NodeId, running_max: usize) -> Self {
        Self {
            me,
            running_max,
            // At a quarter of a second a job and two places, eight seconds of work: who comes
            // later does better to wait at home.
            waiting_max: 64,
            // Every small body a busy cluster is sent within `cached_ms`.
            cached_max: 512,
            cached_max_bytes: 16 << 20,
            // Longer than a client tries.
            cached_ms: 20_000,
            // Small bodies come with the ask, large ones at once after the claim; a body that has
            // not begun by now was lost on its way.
            body_ask_ms: 150,
            // A large body over a slow wireless network.
            body_wait_ms: 30_000,
            // A large result over a slow wireless network, or a client that is away for a moment.
            result_ms: 60_000,
            retry_after_ms: 500,
            // With what the transport (128 MiB) and the covers (112 MiB) hold, and small bodies, it
            // stays below half a gigabyte.
            held_max_bytes: 192 << 20,
            // Far beyond the largest picture on a slow host.
            work_ms: 60_000,
        }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// This server owns a request.
    Won {
        /// The request.
        ask: Ask,
        /// Who asked.
        client: UserId,
        /// Epoch of the claim.
        epoch: u32,
    },
    /// Another server owns it now.
    Lost(RequestId),
    /// The request is over.
    Forget(RequestId),
    /// A body has begun to arrive: do not ask for it.
    BodyStarted(RequestId),
    /// A whole body is here.
    BodyArrived {
        /// Of which request.
        request: RequestId,
        /// An encoded hide job.
        body: Bytes,
    },
    /// The CPU pool is done with a job.
    Worked {
        /// Which.
        ticket: Ticket,
        /// With what result.
        done: WorkDone,
    },
    /// The client has acknowledged the whole result.
    Delivered(RequestId),
    /// The client does not take the result.
    NotDelivered(RequestId),
    /// The node falls silent on purpose: forget everything.
    Halted,
    /// The node is about to end: finish what runs, and let the clients take the rest elsewhere.
    Retired,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet to a client.
    Send {
        /// To whom.
        to: UserId,
        /// What.
        packet: Packet,
    },
    /// Do this on the CPU pool.
    Run {
        /// Its number.
        ticket: Ticket,
        /// What.
        work: Work,
    },
    /// Send a finished picture to the client.
    Return {
        /// To whom.
        to: UserId,
        /// A [`Cargo::Result`].
        cargo: Cargo,
        /// A PNG.
        picture: Bytes,
        /// Its digest.
        digest: Digest,
    },
    /// A request is delivered, refused, or given up.
    Finished(Done),
    /// How a request that this server owned came to its end here.
    Ended(Tale),
    /// So many jobs now.
    Jobs {
        /// Waiting for a body or a place.
        queued: u32,
        /// Running.
        running: u32,
        /// All requests that are not done, with those whose picture is on its way.
        open: u32,
    },
}

/// The machine. See the module for what it decides.
#[derive(Debug)]
pub struct StegoWorker {
    config: Config,
    tickets: TicketBook,
    jobs: BTreeMap<RequestId, Job>,
    line: Line,
    /// By number of the ticket.
    places: BTreeMap<u64, Place>,
    cache: BodyCache,
    /// The CPU pool said it is full: not before then.
    pool_retry_at: Option<Moment>,
    /// The node is about to end.
    retired: bool,
    /// The last counts told: waiting, running, all that are not done.
    told: (u32, u32, u32),
}

impl StegoWorker {
    /// A machine without a job.
    #[must_use]
    pub fn new(mut config: Config) -> Self {
        config.running_max = config.running_max.max(1);
        Self {
            config,
            tickets: TicketBook::new(Desk::StegoWorker),
            jobs: BTreeMap::new(),
            line: Line::default(),
            places: BTreeMap::new(),
            cache: BodyCache::default(),
            pool_retry_at: None,
            retired: false,
            told: (0, 0, 0),
        }
    }

    /// Sends a finished picture (again). `anew` counts the time the client has from now.
    fn return_again(
        &mut self,
        now: Moment,
        request: RequestId,
        anew: bool,
        out: &mut Outbox<Output>,
    ) {
        let result_ms = self.config.result_ms;
        let Some(job) = self.jobs.get_mut(&request) else {
            return;
        };
        let (to, cargo_of) = (job.client, (job.ask.request, job.epoch));
        let State::Returned {
            picture,
            digest,
            hiding_us,
            again_at,
            until,
        } = &mut job.state
        else {
            return;
        };
        *again_at = now.after(millis((result_ms / RETURN_REMINDERS).max(RETURN_AGAIN_MS)));
        if anew {
            *until = now.after(millis(result_ms));
        }
        out.push(Output::Return {
            to,
            cargo: Cargo::Result {
                request: cargo_of.0,
                epoch: cargo_of.1,
                node: self.config.me,
                hiding_us: *hiding_us,
            },
            picture: picture.clone(),
            digest: *digest,
        });
    }

    fn not_delivered(&mut self, now: Moment, request: RequestId) {
        if let Some(Job {
            state: State::Returned { again_at, .. },
            ..
        }) = self.jobs.get_mut(&request)
        {
            *again_at = now.after(millis(RETURN_AGAIN_MS));
        }
    }

    fn lost(&mut self, now: Moment, request: RequestId, out: &mut Outbox<Output>) {
        if let Some(job) = self.remove(request) {
            out.push(Output::Ended(job.tale(Ending::Lost)));
            if let Some(body) = job.body {
                self.cache.keep(now, request, body, &self.config);
            }
        }
    }

    fn forget(&mut self, request: RequestId, out: &mut Outbox<Output>) {
        if let Some(job) = self.remove(request) {
            out.push(Output::Ended(job.tale(Ending::Lost)));
        }
        self.cache.take(request);
    }

    fn delivered(&mut self, now: Moment, request: RequestId, out: &mut Outbox<Output>) {
        if let Some(job) = self.remove(request) {
            out.push(Output::Finished(Done::delivered(request)));
            out.push(Output::Ended(job.tale_of_delivery(now)));
        }
    }

    /// Ends a request in which the client takes no part any more.
    fn give_up(&mut self, request: RequestId, ending: Ending, out: &mut Outbox<Output>) {
        if let Some(job) = self.remove(request) {
            out.push(Output::Finished(Done::refused(request)));
            out.push(Output::Ended(job.tale(ending)));
        }
    }

    fn halted(&mut self, out: &mut Outbox<Output>) {
        for job in self.jobs.values() {
            out.push(Output::Ended(job.tale(Ending::Lost)));
        }
        self.jobs.clear();
        self.line.clear();
        self.places.clear();
        self.cache = BodyCache::default();
        self.pool_retry_at = None;
    }

    fn remove(&mut self, request: RequestId) -> Option<Job> {
        let job = self.jobs.remove(&request)?;
        self.line.remove(request);
        Some(job)
    }

    /// Ends a request that cannot be done.
    fn reject(&mut self, request: RequestId, reason: RefusalReason, out: &mut Outbox<Output>) {
        if let Some(job) = self.remove(request) {
            refuse(&job, reason, out);
        }
    }

    /// Does whatever is due.
    fn catch_up(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.cache.expire(now);
        self.pool_retry_at = self.pool_retry_at.filter(|&at| at > now);
        let silent: Vec<_> = self
            .places
            .iter()
            .filter(|(_, place)| place.give_up_at <= now)
            .map(|(&number, _)| number)
            .collect();
        for number in silent {
            let ticket = Ticket {
                desk: Desk::StegoWorker,
                number,
            };
            self.worked(now, ticket, WorkDone::Failed(WorkFault::Crashed), out);
        }
        let due: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.deadline().is_some_and(|at| at <= now))
            .map(|(&request, _)| request)
            .collect();
        for request in due {
            self.job_due(now, request, out);
        }
    }

    fn job_due(&mut self, now: Moment, request: RequestId, out: &mut Outbox<Output>) {
        let body_ask = millis(self.config.body_ask_ms.max(1));
        let busy = self.busy();
        let Some(job) = self.jobs.get_mut(&request) else {
            return;
        };
        match &mut job.state {
            State::Reserved { ask_at, drop_at } if *drop_at > now => {
                *ask_at = Some(now.after(body_ask));
                let epoch = job.epoch;
                out.push(Output::Send {
                    to: job.client,
                    packet: Packet::NeedBody { request, epoch },
                });
            }
            State::Returned { until, .. } if *until > now => {
                self.return_again(now, request, false, out);
            }
            State::Queued { .. } => self.reject(request, busy, out),
            State::Reserved { .. } => self.give_up(request, Ending::NoBody, out),
            State::Returned { .. } => self.give_up(request, Ending::NotTaken, out),
            State::Running => {}
        }
    }

    fn waiting(&self) -> usize {
        self.jobs.values().filter(|job| job.waits()).count()
    }

    const fn busy(&self) -> RefusalReason {
        RefusalReason::Busy {
            retry_after_ms: if self.retired {
                HAND_OVER_MS
            } else {
                self.config.retry_after_ms
            },
        }
    }

    /// What waits is refused at once: the client asks again, and another server takes it.
    fn retire(&mut self, out: &mut Outbox<Output>) {
        self.retired = true;
        let waiting = self.jobs.iter().filter(|(_, job)| job.waits());
        let waiting: Vec<_> = waiting.map(|(&request, _)| request).collect();
        for request in waiting {
            self.reject(request, self.busy(), out);
        }
    }

    /// Starts what can start and tells how many jobs there are, if that changed.
    fn settle(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.start_jobs(now, out);
        let count = |jobs: usize| u32::try_from(jobs).unwrap_or(u32::MAX);
        let (queued, running) = (count(self.waiting()), count(self.places.len()));
        let open = count(self.jobs.len());
        if self.told != (queued, running, open) {
            self.told = (queued, running, open);
            out.push(Output::Jobs {
                queued,
                running,
                open,
            });
        }
    }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Tells the client and the election that a request will not be done.
fn refuse(job: &Job, reason: RefusalReason, out: &mut Outbox<Output>) {
    let request = job.ask.request;
    out.push(Output::Send {
        to: job.client,
        packet: Packet::Refused { request, reason },
    });
    out.push(Output::Finished(Done::refused(request)));
    out.push(Output::Ended(job.tale(Ending::Refused(reason))));
}

impl Machine for StegoWorker {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "stego_worker";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        self.catch_up(now, out);
        match input {
            Input::Won { ask, client, epoch } => self.won(now, ask, client, epoch, out),
            Input::Lost(request) => self.lost(now, request, out),
            Input::Forget(request) => self.forget(request, out),
            Input::BodyStarted(request) => self.body_started(now, request),
            Input::BodyArrived { request, body } => self.body_arrived(now, request, body, out),
            Input::Worked { ticket, done } => self.worked(now, ticket, done, out),
            Input::Delivered(request) => self.delivered(now, request, out),
            Input::NotDelivered(request) => self.not_delivered(now, request),
            Input::Halted => self.halted(out),
            Input::Retired => self.retire(out),
        }
        self.settle(now, out);
    }

    fn deadline(&self) -> Option<Moment> {
        let jobs = self.jobs.values().filter_map(Job::deadline).min();
        let places = self.places.values().map(|place| place.give_up_at).min();
        earliest(
            earliest(jobs, places),
            earliest(self.cache.deadline(), self.pool_retry_at),
        )
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.catch_up(now, out);
        self.settle(now, out);
    }
}

#[cfg(test)]
mod tests;
