//! Looks never go beyond the grant: what was counted is at most what the owner ever granted, and
//! the ordinals run from 1 without a gap or a repeat. Where the servers count, a look that was
//! counted and could not be shown leaves a gap.

use super::Check;
use crate::proto::control::{News, Outcome, Report};
use crate::proto::lease::Change;
use crate::sim::plan::{BOB, Done, WishKind, Wishes};
use crate::sim::world::Seen;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ViewsWithinGrant {
    counted: u32,
    opened: u32,
    /// Looks that may have been counted and were not shown.
    unshown: u32,
}

impl Check for ViewsWithinGrant {
    fn name(&self) -> &'static str {
        "looks within the grant"
    }

    fn see(&mut self, _: u64, node: usize, seen: &Seen, wishes: &Wishes) -> Result<(), String> {
        if matches!(seen, Seen::Crashed) && node == BOB {
            self.unshown += 1;
        }
        if let Seen::Told(Report {
            wish,
            news: News::Failed(_),
        }) = seen
            && wishes.get(node, *wish).map(|wished| wished.kind) == Some(WishKind::View)
        {
            self.unshown += 1;
        }
        let Seen::Told(Report {
            news: News::Done(outcome),
            ..
        }) = seen
        else {
            return Ok(());
        };
        match **outcome {
            Outcome::Opened { .. } => self.opened += 1,
            Outcome::Counted { ordinal, .. } => {
                let most = self.counted + 1 + self.unshown;
                if !(self.counted..=most).contains(&ordinal) {
                    return Err(format!("look {ordinal} after look {}", self.counted));
                }
                self.unshown = self
                    .unshown
                    .saturating_sub(ordinal.saturating_sub(self.counted + 1));
                self.counted = self.counted.max(ordinal);
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
        // Three looks at most are granted at first; every change adds what it says at most.
        let most: u32 = 3 + done
            .wishes
            .iter()
            .map(|wished| match wished.kind {
                WishKind::Adjust(Change::Add(views) | Change::Set(views)) => views,
                WishKind::Adjust(Change::Refund) => 1,
                _ => 0,
            })
            .sum::<u32>();
        if self.counted > most {
            return Err(format!("{} looks, at most {most} granted", self.counted));
        }
        Ok(())
    }
}
