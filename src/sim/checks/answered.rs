//! Every request is answered while one server lives: whoever wishes for something and is not struck
//! down meanwhile gets it, or a no that the rules have for it. While nobody answers who could be
//! asked, and where the own disk fails, any honest no is an answer; none at all never is.

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
            let reason = match wished.ended {
                None => return Err(format!("{wished:?} never ended")),
                Some(Ok(())) => continue,
                Some(Err(reason)) => reason,
            };
            let disk = match reason {
                Reason::Disk => done.wishes.disks_fail,
                Reason::Other | Reason::Unreachable => done.wishes.disks_mute,
                _ => false,
            };
            if !wished.outage && !disk && !may_end(wished, reason) {
                return Err(format!("refused for no reason, {reason:?}: {wished:?}"));
            }
        }
        Ok(())
    }
}

/// Whether the rules have this no for such a wish, though servers answer and disks work.
const fn may_end(wished: &Wished, reason: Reason) -> bool {
    match wished.kind {
        WishKind::Hide | WishKind::Reveal | WishKind::Shown(_) => false,
        // By the owner's clock the end date has passed.
        WishKind::Share => matches!(reason, Reason::Usage),
        // The question is still on its way; a word on it came first, or is being written.
        WishKind::Decide => matches!(reason, Reason::NotFound | Reason::Usage | Reason::Busy),
        WishKind::Withdraw => matches!(reason, Reason::Usage | Reason::Busy),
        // Nothing can be changed any more, or no look was used that could be given back.
        WishKind::Adjust(..) => matches!(reason, Reason::Revoked | Reason::Usage),
        // The look was counted for this client before it ended.
        WishKind::View(_) if wished.life > 1 && matches!(reason, Reason::Other) => true,
        // The grant's own noes; a view is open; the picture is still on its way.
        WishKind::View(_) => matches!(
            reason,
            Reason::QuotaSpent
                | Reason::Revoked
                | Reason::Expired
                | Reason::Busy
                | Reason::Unreachable
        ),
        // Questions of the run, judged by what they tell.
        WishKind::Probe => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::control::{Failure, News};
    use crate::proto::ids::GrantId;
    use crate::sim::plan::BOB;

    /// What the check says of a picture to hide that ended so.
    fn judge(end: Option<Reason>, reached: bool, disks_fail: bool) -> Result<(), String> {
        judge_wish(WishKind::Hide, end, reached, disks_fail)
    }

    fn judge_wish(
        kind: WishKind,
        end: Option<Reason>,
        reached: bool,
        disks_fail: bool,
    ) -> Result<(), String> {
        let mut done = Done::default();
        done.wishes.disks_fail = disks_fail;
        done.lives.insert(BOB, 1);
        let id = done.wishes.add(0, BOB, kind, 1);
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

    #[test]
    fn every_kind_of_wish_has_noes_of_its_own() {
        let view = WishKind::View(GrantId([1; 16]));
        let judge = |kind, reason| judge_wish(kind, Some(reason), true, false);
        assert!(judge(WishKind::Share, Reason::Unreachable).is_err());
        assert!(judge(WishKind::Share, Reason::Usage).is_ok());
        assert!(judge(WishKind::Decide, Reason::Unreachable).is_err());
        assert!(judge(WishKind::Decide, Reason::NotFound).is_ok());
        assert!(judge(WishKind::Withdraw, Reason::NotFound).is_err());
        assert!(judge(view, Reason::Integrity).is_err());
        assert!(judge(view, Reason::QuotaSpent).is_ok());
        assert!(judge_wish(view, Some(Reason::Integrity), false, false).is_ok());
        assert!(judge(view, Reason::Other).is_err());
    }
}
