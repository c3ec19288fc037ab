//! Every request is answered while one server lives: whoever wishes for a picture and is not
//! struck down meanwhile gets it. While nobody answers who could be asked, and where the own disk
//! fails, an honest no is an answer; none at all never is.

use super::{At, Check};
use crate::proto::control::Reason;
use crate::sim::wishes::{Done, WishKind, Wished, Wishes};
use crate::sim::world::Seen;

/// See the module.
#[derive(Debug)]
pub(super) struct Answered;

impl Check for Answered {
    fn name(&self) -> &'static str {
        "every request answered"
    }

    fn see(&mut self, _: At, _: &Seen, _: &Wishes) -> Result<(), String> {
        Ok(())
    }

    fn finish(&mut self, done: &Done) -> Result<(), String> {
        let lived = |wished: &&Wished| done.lives.get(&wished.who) == Some(&wished.life);
        for wished in done.wishes.iter().filter(lived) {
            match (wished.kind, wished.ended) {
                (_, None) => return Err(format!("{wished:?} never ended")),
                (WishKind::Hide, Some(Err(Reason::Disk))) if done.wishes.disks_fail => {}
                (WishKind::Hide, Some(Err(reason))) if !wished.outage => {
                    return Err(format!("a picture was not hidden, {reason:?}: {wished:?}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::control::{Failure, News};
    use crate::sim::plan::BOB;

    /// What the check says of a picture that was asked for and ended so.
    fn judge(end: Option<Reason>, reached: bool, disks_fail: bool) -> Result<(), String> {
        let mut done = Done::default();
        done.wishes.disks_fail = disks_fail;
        done.lives.insert(BOB, 1);
        let id = done.wishes.add(0, BOB, WishKind::Hide, 1);
        if !reached {
            done.wishes.reaches(BOB, false);
        }
        if let Some(reason) = end {
            let news = News::Failed(Failure::new(reason, "", ""));
            done.wishes.note(BOB, id, &news);
        }
        Answered.finish(&done)
    }

    #[test]
    fn silence_is_found_and_so_is_a_no_without_a_cause() {
        assert!(judge(None, false, true).is_err());
        assert!(judge(Some(Reason::Unreachable), true, true).is_err());
        assert!(judge(Some(Reason::Unreachable), false, false).is_ok());
        assert!(judge(Some(Reason::Disk), true, false).is_err());
        assert!(judge(Some(Reason::Disk), true, true).is_ok());
    }
}
