//! Requests that are over, remembered for a while so that nothing late revives them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::planted::{self, Bug};
use crate::proto::ids::{NodeId, RequestId};
use crate::time::Moment;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// When that was known here.
    pub(super) at: Moment,
    /// Which server said so, or was told so last.
    pub(super) knows: NodeId,
    /// The highest epoch that was known then.
    pub(super) epoch: u32,
    /// Whether the client has its result.
    pub(super) is_delivered: bool,
}

/// At most `max` requests; beyond that the oldest is dropped.
#[derive(Clone, Debug)]
pub(super) struct Over {
    max: usize,
    kept: Duration,
    ends: BTreeMap<RequestId, End>,
    /// In order of time. Also has those that were reopened, until their time.
    order: VecDeque<(Moment, RequestId)>,
}

impl Over {
    pub(super) const fn new(max: usize, kept: Duration) -> Self {
        Self {
            max,
            kept,
            ends: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// How it ended, if it is over.
    pub(super) fn end_of(&self, request: RequestId) -> Option<End> {
        self.ends.get(&request).copied()
    }

    pub(super) fn insert(&mut self, request: RequestId, end: End) {
        if planted::is(Bug::EndForgotten) {
            return;
        }
        self.ends.insert(request, end);
        self.order.push_back((end.at, request));
        while self.order.len() > self.max {
            self.drop_oldest();
        }
    }

    /// A server was told that it is over.
    pub(super) fn told(&mut self, request: RequestId, node: NodeId) {
        if let Some(end) = self.ends.get_mut(&request) {
            end.knows = node;
        }
    }

    /// It is not over after all.
    pub(super) fn reopen(&mut self, request: RequestId) {
        self.ends.remove(&request);
    }

    pub(super) fn expire(&mut self, now: Moment) {
        let kept = self.kept;
        let old = |&(at, _): &(Moment, RequestId)| at.after(kept) <= now;
        while self.order.front().is_some_and(old) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((at, request)) = self.order.pop_front() else {
            return;
        };
        if self.ends.get(&request).is_some_and(|end| end.at == at) {
            self.ends.remove(&request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn request(counter: u32) -> RequestId {
        RequestId { boot: 1, counter }
    }

    const fn end(at_ms: u64) -> End {
        End {
            at: Moment::from_millis(at_ms),
            knows: NodeId(1),
            epoch: 0,
            is_delivered: false,
        }
    }

    fn over() -> Over {
        Over::new(2, Duration::from_secs(1))
    }

    #[test]
    fn the_oldest_is_dropped_beyond_the_limit() {
        let mut over = over();
        over.insert(request(1), end(0));
        over.insert(request(2), end(0));
        assert_eq!(over.end_of(request(1)), Some(end(0)));
        over.insert(request(3), end(1));
        assert_eq!(over.end_of(request(1)), None);
        assert_eq!(over.end_of(request(2)), Some(end(0)));
        assert_eq!(over.end_of(request(3)), Some(end(1)));
    }

    #[test]
    fn a_request_is_dropped_after_its_time_and_not_before() {
        let mut over = over();
        over.insert(request(1), end(0));
        over.expire(Moment::from_millis(999));
        assert!(over.end_of(request(1)).is_some());
        over.expire(Moment::from_millis(1_000));
        assert!(over.end_of(request(1)).is_none());
        assert!(over.order.is_empty());
    }

    #[test]
    fn a_request_that_ends_twice_is_kept_from_its_second_end() {
        let mut over = over();
        over.insert(request(1), end(0));
        over.reopen(request(1));
        assert_eq!(over.end_of(request(1)), None);
        over.insert(request(1), end(500));
        over.expire(Moment::from_millis(1_000));
        assert_eq!(over.end_of(request(1)), Some(end(500)));
        over.expire(Moment::from_millis(1_500));
        assert_eq!(over.end_of(request(1)), None);
    }
}
