//! Bodies of requests that others own, kept for a while in case their owners fail.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::Config;
use crate::proto::ids::RequestId;
use crate::proto::limits::SMALL_BODY_BYTES;
use crate::time::Moment;

#[derive(Clone, Debug)]
struct Kept {
    body: Bytes,
    until: Moment,
}

/// Small bodies by request; the oldest goes first.
#[derive(Clone, Debug, Default)]
pub(super) struct BodyCache {
    kept: BTreeMap<RequestId, Kept>,
    bytes: usize,
}

impl BodyCache {
    /// Keeps a body if it is small; a later one for the same request replaces it.
    pub(super) fn keep(&mut self, now: Moment, request: RequestId, body: Bytes, config: &Config) {
        self.take(request);
        let fits = body.len() <= SMALL_BODY_BYTES.min(config.cached_max_bytes);
        if !fits || config.cached_max == 0 {
            return;
        }
        while self.kept.len() >= config.cached_max
            || self.bytes + body.len() > config.cached_max_bytes
        {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.until);
            let Some((&oldest, _)) = oldest else {
                return;
            };
            self.take(oldest);
        }
        self.bytes += body.len();
        let until = now.after(Duration::from_millis(config.cached_ms));
        self.kept.insert(request, Kept { body, until });
    }

    /// Takes a body out.
    pub(super) fn take(&mut self, request: RequestId) -> Option<Bytes> {
        let kept = self.kept.remove(&request)?;
        self.bytes -= kept.body.len();
        Some(kept.body)
    }

    /// Drops what is too old.
    pub(super) fn expire(&mut self, now: Moment) {
        let old = |(request, kept): (&RequestId, &Kept)| (kept.until <= now).then_some(*request);
        let expired: Vec<_> = self.kept.iter().filter_map(old).collect();
        for request in expired {
            self.take(request);
        }
    }

    /// When something becomes too old.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.kept.values().map(|kept| kept.until).min()
    }
}
