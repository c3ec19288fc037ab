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
