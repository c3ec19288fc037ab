//! How jobs get places on the CPU pool, and what becomes of its answers.

use super::job::{Job, Place, State};
use super::{Output, StegoWorker, millis};
use crate::actors::edges::{Desk, Ticket, Work, WorkDone, WorkFault};
use crate::actors::machine::Outbox;
use crate::proto::packet::RefusalReason;
use crate::time::Moment;

/// Pause before the CPU pool is tried again after it said that it is full, in milliseconds.
const POOL_RETRY_MS: u64 = 100;

impl StegoWorker {
    /// Fills the free places of the CPU pool.
    pub(super) fn start_jobs(&mut self, now: Moment, out: &mut Outbox<Output>) {
        while self.has_place() {
            let Some(request) = self.line.pop(&self.jobs) else {
                return;
            };
            let Some(job) = self.jobs.get_mut(&request) else {
                continue;
            };
            let State::Queued {
                hide, arrived_at, ..
            } = core::mem::replace(&mut job.state, State::Running)
            else {
                continue;
            };
            let ticket = self.tickets.draw();
            let work = Work::Embed(hide.clone());
            let place = Place {
                request,
                digest: job.ask.digest,
                hide,
                arrived_at,
                give_up_at: now.after(millis(self.config.work_ms)),
            };
            self.places.insert(ticket.number, place);
            out.push(Output::Run { ticket, work });
        }
    }

    pub(super) fn worked(
        &mut self,
        now: Moment,
        ticket: Ticket,
        done: WorkDone,
        out: &mut Outbox<Output>,
    ) {
        if ticket.desk != Desk::StegoWorker {
            return;
        }
        let Some(place) = self.places.remove(&ticket.number) else {
            return;
        };
        if matches!(done, WorkDone::Failed(WorkFault::Busy)) {
            self.pool_retry_at = Some(now.after(millis(POOL_RETRY_MS)));
        }
        let request = place.request;
        let Some(job) = self.jobs.get_mut(&request) else {
            return;
        };
        if !matches!(job.state, State::Running) || job.ask.digest != place.digest {
            return;
        }
        match done {
            WorkDone::Embedded { picture, digest } => {
                job.body_at.get_or_insert(place.arrived_at);
                job.made_at = Some(now);
                let hiding = now.since(place.arrived_at).as_micros();
                job.state = State::Returned {
                    picture,
                    digest,
                    hiding_us: u32::try_from(hiding).unwrap_or(u32::MAX),
                    again_at: now,
                    until: now,
                };
                self.return_again(now, request, true, out);
            }
            WorkDone::Failed(WorkFault::Busy) => {
                job.state = State::Queued {
                    hide: place.hide,
                    arrived_at: place.arrived_at,
                    drop_at: place.arrived_at.after(millis(self.config.result_ms)),
                };
                self.line.push_front(request);
            }
            WorkDone::Failed(WorkFault::TooLarge { limit_bytes }) => {
                self.reject(request, RefusalReason::TooLarge { limit_bytes }, out);
            }
            WorkDone::Failed(WorkFault::BadPicture(_)) => {
                self.reject(request, RefusalReason::BadCover, out);
            }
            _ => self.reject(request, RefusalReason::Failed, out),
        }
    }

    pub(super) fn has_place(&self) -> bool {
        self.places.len() < self.config.running_max
            && self.pool_retry_at.is_none()
            && self.may_make_picture()
    }

    /// Pictures are larger than what they are made of. When those that were made and not taken fill
    /// the memory, the next waits: who is slow to take theirs gets no server to hold any number.
    fn may_make_picture(&self) -> bool {
        let is_untaken = |job: &Job| matches!(job.state, State::Returned { .. });
        self.has_room(0) || !self.jobs.values().any(is_untaken)
    }
}
