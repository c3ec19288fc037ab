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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::tests::tell;
    use super::*;
    use crate::proto::control::{Progress, Timings};
    use crate::proto::ids::NodeId;

    fn told(wish: u64, news: News) -> (u64, usize, Seen) {
        let wish = WishId(wish);
        (1, 3, Seen::Told(Report { wish, news }))
    }

    fn hidden(counter: u32) -> News {
        News::Done(Box::new(Outcome::Hidden {
            request: RequestId { boot: 1, counter },
            picture: Bytes::new(),
            timings: Timings::default(),
        }))
    }

    fn judge(history: impl IntoIterator<Item = (u64, usize, Seen)>) -> Result<(), String> {
        tell(&mut SingleResult::default(), history)
    }

    #[test]
    fn one_result_and_one_end_are_enough() {
        let elected = News::Progress(Progress::Elected {
            node: NodeId(1),
            epoch: 0,
        });
        let good = [
            told(1, elected.clone()),
            told(1, elected),
            told(1, hidden(1)),
        ];
        assert_eq!(judge(good), Ok(()));
        assert_eq!(judge([told(1, hidden(1)), told(2, hidden(2))]), Ok(()));
    }

    #[test]
    fn a_second_result_and_a_second_end_are_found() {
        assert!(judge([told(1, hidden(1)), told(2, hidden(1))]).is_err());
        assert!(judge([told(1, hidden(1)), told(1, hidden(2))]).is_err());
    }
}
