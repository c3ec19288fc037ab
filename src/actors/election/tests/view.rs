//! What a model may see of an election.

use std::time::Duration;

use crate::actors::election::Election;
use crate::actors::election::case::{Case, Stand};
use crate::proto::ids::{NodeId, RequestId};
use crate::time::Moment;

/// How a server stands to a request that is not over there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// It is about to claim this epoch.
    Waits(u32),
    /// It follows a claim of this epoch, its own or another's.
    Follows(u32, NodeId),
}

impl Election {
    /// What is sent twice was lost the second time.
    pub(crate) fn sends_once(&mut self) {
        self.repeats.clear();
    }

    /// Everything that makes a difference where every word may come again at any time: no moments.
    /// `now` is later than any so far, and sooner than anything runs out.
    pub(crate) fn held(&self, requests: &[RequestId], now: Moment) -> String {
        let case = |case: &Case| {
            let score = match case.stand {
                Stand::Waiting { .. } => None,
                Stand::Ours { score, .. } | Stand::Theirs { score, .. } => Some(score),
            };
            (case.epoch, case.stand.owner(self.config.me), score)
        };
        let request = |request: &RequestId| {
            let end = self
                .over
                .end_of(*request)
                .map(|end| (end.knows, end.epoch, end.is_delivered));
            (self.cases.get(request).map(case), end)
        };
        let requests: Vec<_> = requests.iter().map(request).collect();
        let later = now.after(Duration::from_secs(1));
        let seat = |node: NodeId| {
            let there = [now, later].map(|at| self.seats.is_there(node, at));
            (self.seats.score(node), self.seats.heard_in(node), there)
        };
        let seats: Vec<_> = self
            .seats
            .peers()
            .chain([self.config.me])
            .map(seat)
            .collect();
        format!("{requests:?} {seats:?} {:?}", self.config.me)
    }

    pub(crate) fn stands(&self, request: RequestId) -> Option<Stands> {
        let case = self.cases.get(&request)?;
        Some(match case.stand {
            Stand::Waiting { .. } => Stands::Waits(case.epoch),
            Stand::Ours { .. } => Stands::Follows(case.epoch, self.config.me),
            Stand::Theirs { owner, .. } => Stands::Follows(case.epoch, owner),
        })
    }
}
