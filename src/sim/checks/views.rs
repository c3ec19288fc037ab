//! Looks never go beyond the grant: what was counted is at most what the owner ever granted, and
//! the ordinals of a grant run from 1, each for one look. Their words may come in any order, and in
//! the end one is missing only where a look may have been counted and was not told: after a crash,
//! when its end was a failure, or when it has none.

use std::collections::BTreeMap;

use super::{At, Check};
use crate::proto::control::{News, Outcome, Report};
use crate::proto::ids::{GrantId, ViewId};
use crate::proto::lease::Change;
use crate::sim::plan::BOB;
use crate::sim::wishes::{Done, WishKind, Wishes};
use crate::sim::world::Seen;

/// Looks that a grant of a run has at first, at the most.
const FIRST_MAX: u32 = 3;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ViewsWithinGrant {
    grants: BTreeMap<GrantId, Looks>,
    /// Of which grant a look is.
    opened: BTreeMap<ViewId, GrantId>,
}

#[derive(Debug, Default)]
struct Looks {
    /// Which look was told under each ordinal.
    told: BTreeMap<u32, ViewId>,
    /// Looks that may have been counted and were not told.
    untold: u32,
}

impl Looks {
    fn counted(&self) -> u32 {
        self.told.last_key_value().map_or(0, |(last, _)| *last)
    }

    fn missing(&self) -> u32 {
        self.counted() - self.told.len() as u32
    }
}

impl ViewsWithinGrant {
    /// The grant of a look that a wish may have counted.
    fn grant(&self, kind: WishKind) -> Option<GrantId> {
        match kind {
            WishKind::View(grant) => Some(grant),
            WishKind::Shown(view) => self.opened.get(&view).copied(),
            _ => None,
        }
    }

    fn failed(&mut self, kind: Option<WishKind>) {
        if let Some(grant) = kind.and_then(|kind| self.grant(kind)) {
            self.grants.entry(grant).or_default().untold += 1;
        }
    }

    fn told(
        &mut self,
        kind: Option<WishKind>,
        outcome: &Outcome,
        wishes: &Wishes,
    ) -> Result<(), String> {
        match (outcome, kind) {
            (Outcome::Opened { view, grant, .. }, _) => {
                self.opened.insert(*view, *grant);
                self.grants.entry(*grant).or_default();
                Ok(())
            }
            (Outcome::Counted { ordinal, .. }, Some(WishKind::Shown(view))) => {
                let Some(grant) = self.opened.get(&view) else {
                    return Err(format!("look {view:?} is counted, and never opened"));
                };
                let looks = self.grants.entry(*grant).or_default();
                let other = looks.told.insert(*ordinal, view);
                // The word for a look can be told again, and what is given back is counted again.
                let is_given_back = || {
                    let refund = WishKind::Adjust(*grant, Change::Refund);
                    wishes.iter().any(|wished| wished.kind == refund)
                };
                match other {
                    Some(other) if other != view && !is_given_back() => {
                        Err(format!("{other:?} and {view:?} are look {ordinal}"))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

impl Check for ViewsWithinGrant {
    fn name(&self) -> &'static str {
        "looks within the grant"
    }

    fn see(&mut self, At { node, .. }: At, seen: &Seen, wishes: &Wishes) -> Result<(), String> {
        match seen {
            Seen::Crashed if node == BOB => {
                // Each look that was open may have been counted.
                for looks in self.grants.values_mut() {
                    looks.untold += self.opened.len() as u32;
                }
            }
            Seen::Told(Report { wish, news }) => {
                let kind = wishes.get(node, *wish).map(|wished| wished.kind);
                match news {
                    News::Failed(_) => self.failed(kind),
                    News::Done(outcome) => return self.told(kind, outcome, wishes),
                    News::Progress(_) | News::Noticed(_) => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, done: &Done) -> Result<(), String> {
        for lease in done.leases.values().flatten() {
            if lease.terms.used > lease.terms.granted {
                return Err(format!("{:?}", lease.terms));
            }
        }
        for (grant, looks) in &self.grants {
            // Every change adds what it says at most.
            let most: u32 = FIRST_MAX
                + done
                    .wishes
                    .iter()
                    .map(|wished| match wished.kind {
                        WishKind::Adjust(of, _) if of != *grant => 0,
                        WishKind::Adjust(_, Change::Add(views) | Change::Set(views)) => views,
                        WishKind::Adjust(_, Change::Refund) => 1,
                        _ => 0,
                    })
                    .sum::<u32>();
            let counted = looks.counted();
            if counted > most {
                return Err(format!("{counted} looks, at most {most} granted"));
            }
            let open = done
                .wishes
                .iter()
                .filter(|wished| wished.ended.is_none() && self.grant(wished.kind) == Some(*grant));
            let missing = looks.missing();
            if missing as usize > looks.untold as usize + open.count() {
                return Err(format!("{missing} of {counted} looks were never told"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::time::WallTime;

    const GRANT: GrantId = GrantId([1; 16]);

    /// Looks of these ordinals, one after the other; a 0 is a crash.
    fn judge(ordinals: &[u32]) -> Result<(), String> {
        let (mut check, mut wishes) = (ViewsWithinGrant::default(), Wishes::default());
        let at = At {
            us: 0,
            wall: WallTime(0),
            node: BOB,
        };
        for (number, &ordinal) in (0..).zip(ordinals) {
            if ordinal == 0 {
                check.see(at, &Seen::Crashed, &wishes)?;
                continue;
            }
            let view = ViewId([number; 16]);
            let opened = Outcome::Opened {
                view,
                grant: GRANT,
                name: "sea".into(),
                original: Bytes::new(),
                left_after: 1,
                show_ms: None,
            };
            for (kind, outcome) in [
                (WishKind::View(GRANT), opened),
                (WishKind::Shown(view), Outcome::Counted { ordinal, left: 1 }),
            ] {
                let wish = wishes.add(0, BOB, kind, 1);
                let news = News::Done(Box::new(outcome));
                wishes.note(BOB, wish, &news);
                check.see(at, &Seen::Told(Report { wish, news }), &wishes)?;
            }
        }
        let done = Done {
            wishes,
            ..Done::default()
        };
        check.finish(&done)
    }

    #[test]
    fn gaps_without_a_cause_numbers_that_fall_and_too_many_looks_are_found() {
        assert!(judge(&[1, 2, 3]).is_ok());
        assert!(judge(&[2, 3, 1]).is_ok(), "words may be late");
        assert!(judge(&[1, 3]).is_err());
        assert!(judge(&[1, 0, 3]).is_ok());
        assert!(judge(&[2]).is_err());
        assert!(judge(&[1, 2, 1]).is_err());
        assert!(judge(&[1, 2, 3, 4]).is_err());
    }
}
