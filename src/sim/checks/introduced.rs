//! Nobody shows a gallery to who has not shown a pass that a server gave them for that very peer,
//! and no picture goes between two users of whom no server has introduced one to the other.

use std::collections::BTreeSet;

use super::{At, Check};
use crate::proto::ids::UserId;
use crate::proto::limits::PASS_SKEW_MS;
use crate::proto::pass::Pass;
use crate::sim::visits::Between;
use crate::sim::wishes::{Done, Wishes};
use crate::sim::world::Seen;
use crate::time::WallTime;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Introduced {
    given: Vec<Pass>,
    /// Questions that had to be answered: who was asked, by whom, under which number.
    admitted: BTreeSet<(UserId, UserId, u64)>,
    /// How far the clocks of a server and of who judges may differ, in milliseconds.
    slack_ms: u64,
}

impl Introduced {
    /// Clocks are off by so much at the most.
    pub(super) fn new(skew_ms: u64) -> Self {
        Self {
            slack_ms: 2 * skew_ms,
            ..Self::default()
        }
    }

    fn is_good(&self, at: WallTime, asker: UserId, peer: UserId, pass: &Pass) -> bool {
        let counts = pass.until.0 + PASS_SKEW_MS + self.slack_ms >= at.0;
        counts && (pass.asker, pass.peer) == (asker, peer) && self.given.contains(pass)
    }
}

impl Check for Introduced {
    fn name(&self) -> &'static str {
        "only who was introduced is answered"
    }

    fn see(&mut self, at: At, seen: &Seen, _: &Wishes) -> Result<(), String> {
        match seen {
            Seen::Passed(pass) => self.given.push(*pass),
            Seen::Between { from, to, what } => match what {
                Between::GalleryAsked { nonce, pass } => {
                    let pass = pass.as_ref();
                    if pass.is_some_and(|pass| self.is_good(at.wall, *from, *to, pass)) {
                        self.admitted.insert((*to, *from, *nonce));
                    }
                }
                Between::Gallery(nonce) if !self.admitted.contains(&(*from, *to, *nonce)) => {
                    return Err(format!("{from} showed {to} a gallery without a pass"));
                }
                Between::Picture => {
                    let pairs = [(*from, *to), (*to, *from)];
                    let mut given = self.given.iter();
                    if !given.any(|pass| pairs.contains(&(pass.asker, pass.peer))) {
                        return Err(format!("{from} sent {to} a picture, and nobody knows them"));
                    }
                }
                Between::Gallery(_) | Between::PictureAsked { .. } | Between::TurnedAway => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Done) -> Result<(), String> {
        Ok(())
    }
}
