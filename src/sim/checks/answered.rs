//! Every request is answered while one server lives: whoever wishes for a picture and is not
//! struck down meanwhile gets it.

use super::Check;
use crate::sim::plan::{Done, WishKind, Wished, Wishes};
use crate::sim::world::Seen;

/// See the module.
#[derive(Debug)]
pub(super) struct Answered;

impl Check for Answered {
    fn name(&self) -> &'static str {
        "every request answered"
    }

    fn see(&mut self, _: u64, _: usize, _: &Seen, _: &Wishes) -> Result<(), String> {
        Ok(())
    }

    fn finish(&mut self, done: &Done) -> Result<(), String> {
        let lived = |wished: &&Wished| done.lives.get(&wished.who) == Some(&wished.life);
        for wished in done.wishes.iter().filter(lived) {
            match (wished.kind, wished.ended) {
                (_, None) => return Err(format!("{:?} never ended", wished.kind)),
                (WishKind::Hide, Some(Err(reason))) if !wished.outage => {
                    return Err(format!("a picture was not hidden: {reason:?}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
