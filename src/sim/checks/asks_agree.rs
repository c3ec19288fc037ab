//! Both sides of a question agree in the end: what the asker sees as open, approved, denied or
//! withdrawn is so at the owner's.

use super::{At, Check};
use crate::proto::outcome::AskState;
use crate::sim::plan::{ALICE, BOB};
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;

/// See the module.
#[derive(Debug)]
pub(super) struct AsksAgree;

impl Check for AsksAgree {
    fn name(&self) -> &'static str {
        "both sides of a question agree"
    }

    fn see(&mut self, _: At, _: &Seen, _: &Wishes) -> Result<(), String> {
        Ok(())
    }

    fn finish(&mut self, done: &Done) -> Result<(), String> {
        let (Some(put), Some(heard)) = (done.asks.get(&BOB), done.asks.get(&ALICE)) else {
            return Err("a client does not tell its questions".into());
        };
        for ask in put.iter().filter(|ask| ask.ours) {
            let other = heard.iter().find(|other| other.ask == ask.ask);
            let agree = match other {
                Some(other) => other.state == ask.state,
                // A withdrawal that overtook its question leaves nothing to show.
                None => ask.state == AskState::Withdrawn,
            };
            if !agree {
                let at_owner = other.map(|other| &other.state);
                return Err(format!("{}: {:?} and {at_owner:?}", ask.ask, ask.state));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::AskId;
    use crate::proto::outcome::OpenAsk;
    use crate::sim::world::wall_time;

    /// What the check says of a question that its asker and its owner see so.
    fn judge(put: AskState, heard: Option<AskState>) -> Result<(), String> {
        let ask = |ours, state| OpenAsk {
            ask: AskId([1; 16]),
            ours,
            peer: String::new(),
            image: String::new(),
            views: 2,
            remark: String::new(),
            at: wall_time(0),
            state,
        };
        let mut done = Done::default();
        done.asks.insert(BOB, vec![ask(true, put)]);
        let heard = heard.map(|state| ask(false, state));
        done.asks.insert(ALICE, heard.into_iter().collect());
        AsksAgree.finish(&done)
    }

    #[test]
    fn the_same_on_both_sides_is_good() {
        for state in [AskState::Open, AskState::Approved(2), AskState::Withdrawn] {
            assert_eq!(judge(state.clone(), Some(state)), Ok(()));
        }
        assert_eq!(judge(AskState::Withdrawn, None), Ok(()));
    }

    #[test]
    fn different_ends_are_found() {
        assert!(judge(AskState::Open, Some(AskState::Approved(2))).is_err());
        assert!(judge(AskState::Approved(1), Some(AskState::Approved(2))).is_err());
        assert!(judge(AskState::Open, None).is_err());
        assert!(AsksAgree.finish(&Done::default()).is_err());
    }
}
