//! At most one result is accepted for a request, and at most one end is told for a wish.

use std::collections::BTreeSet;

use super::{At, Check};
use crate::proto::control::{News, Outcome, Report};
use crate::proto::ids::{RequestId, WishId};
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SingleResult {
    requests: BTreeSet<RequestId>,
    ended: BTreeSet<(usize, WishId)>,
}

impl Check for SingleResult {
    fn name(&self) -> &'static str {
        "at most one result per request"
    }

    fn see(&mut self, At { node, .. }: At, seen: &Seen, _: &Wishes) -> Result<(), String> {
        let Seen::Told(Report { wish, news }) = seen else {
            return Ok(());
        };
        if matches!(news, News::Progress(_)) {
            return Ok(());
        }
        if !self.ended.insert((node, *wish)) {
            return Err(format!("{wish:?} of node {node} ended twice"));
        }
        if let News::Done(outcome) = news
            && let Outcome::Hidden { request, .. } = &**outcome
            && !self.requests.insert(*request)
        {
            return Err(format!("two results were accepted for {request}"));
        }
        Ok(())
    }

    fn finish(&mut self, _: &Done) -> Result<(), String> {
        Ok(())
    }
}
