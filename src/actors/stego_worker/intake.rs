//! How a request and its body come together.

use bytes::Bytes;

use super::job::{Job, Place, State};
use super::{Output, StegoWorker, millis, refuse};
use crate::actors::machine::Outbox;
use crate::proto::cargo::HideJob;
use crate::proto::codec;
use crate::proto::ids::{Digest, RequestId, UserId};
use crate::proto::limits::{MESSAGE_MAX_BYTES, SMALL_BODY_BYTES};
use crate::proto::packet::{Ask, RefusalReason};
use crate::time::Moment;

impl StegoWorker {
    pub(super) fn won(
        &mut self,
        now: Moment,
        ask: Ask,
        client: UserId,
        epoch: u32,
        out: &mut Outbox<Output>,
    ) {
        if let Some(job) = self.jobs.get_mut(&ask.request) {
            if job.ask.digest == ask.digest {
                job.client = client;
                let newer = epoch > job.epoch;
                job.epoch = job.epoch.max(epoch);
                self.return_again(now, ask.request, newer, out);
            }
            return;
        }
        let mut job = Job {
            ask,
            client,
            epoch,
            body: None,
            state: State::Reserved {
                ask_at: Some(now.after(millis(self.config.body_ask_ms))),
                drop_at: now.after(millis(self.config.body_wait_ms)),
            },
            won_at: now,
            body_at: None,
            made_at: None,
        };
        let cached = self
            .cache
            .take(ask.request)
            .filter(|body| is_body_of(&ask, body));
        if self.is_on_pool(&ask) {
            // Lost while it ran, and won back.
            job.body = cached;
            job.state = State::Running;
            self.jobs.insert(ask.request, job);
            return;
        }
        let runs_at_once = cached.is_some() && self.line.is_empty() && self.has_place();
        let is_full = self.waiting() >= self.config.waiting_max && !runs_at_once;
        if ask.size_bytes as usize > MESSAGE_MAX_BYTES {
            refuse(&job, RefusalReason::BadBody, out);
        } else if self.retired || is_full || !self.has_room(ask.size_bytes as usize) {
            refuse(&job, self.busy(), out);
        } else {
            self.jobs.insert(ask.request, job);
            if let Some(body) = cached {
                self.body_arrived(now, ask.request, body, out);
            }
        }
    }

    /// Whether the pool still works for this request, which was lost meanwhile.
    pub(super) fn is_on_pool(&self, ask: &Ask) -> bool {
        self.places
            .values()
            .any(|place| place.request == ask.request && place.digest == ask.digest)
    }

    pub(super) fn body_started(&mut self, now: Moment, request: RequestId) {
        let drop_later = now.after(millis(self.config.body_wait_ms));
        if let Some(Job {
            state: State::Reserved { ask_at, drop_at },
            ..
        }) = self.jobs.get_mut(&request)
            && ask_at.take().is_some()
        {
            *drop_at = drop_later;
        }
    }

    pub(super) fn body_arrived(
        &mut self,
        now: Moment,
        request: RequestId,
        body: Bytes,
        out: &mut Outbox<Output>,
    ) {
        let Some(job) = self.jobs.get(&request) else {
            self.cache.keep(now, request, body, &self.config);
            return;
        };
        if !matches!(job.state, State::Reserved { .. }) {
            return;
        }
        let hide = is_body_of(&job.ask, &body)
            .then(|| codec::decode::<HideJob>(&body, MESSAGE_MAX_BYTES).ok())
            .flatten();
        let Some(hide) = hide else {
            self.reject(request, RefusalReason::BadBody, out);
            return;
        };
        if !self.has_room(body.len()) {
            self.reject(request, self.busy(), out);
            return;
        }
        if let Some(job) = self.jobs.get_mut(&request) {
            job.body = (body.len() <= SMALL_BODY_BYTES).then_some(body);
            job.body_at = Some(now);
            job.state = State::Queued {
                hide,
                arrived_at: now,
                drop_at: now.after(millis(self.config.result_ms)),
            };
            self.line.push_back(request);
        }
    }

    /// Whether so many bytes more may be held.
    pub(super) fn has_room(&self, size_bytes: usize) -> bool {
        let jobs: usize = self.jobs.values().map(Job::held_bytes).sum();
        let places: usize = self.places.values().map(Place::held_bytes).sum();
        jobs + places + size_bytes <= self.config.held_max_bytes
    }
}

fn is_body_of(ask: &Ask, body: &Bytes) -> bool {
    body.len() == ask.size_bytes as usize && Digest::of(body) == ask.digest
}
