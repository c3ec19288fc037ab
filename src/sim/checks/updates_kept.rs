//! No acknowledged change is lost: in the end both sides have the same terms and the same log, and
//! every change that the owner was told is kept has taken effect at the borrower's, once.

use super::{At, Check};
use crate::proto::ids::GrantId;
use crate::proto::lease::LogEvent;
use crate::sim::plan::{ALICE, BOB};
use crate::sim::wishes::{Done, WishKind, Wished, Wishes};
use crate::sim::world::Seen;

/// See the module.
#[derive(Debug)]
pub(super) struct UpdatesKept;

impl Check for UpdatesKept {
    fn name(&self) -> &'static str {
        "no acknowledged update lost"
    }

    fn see(&mut self, _: At, _: &Seen, _: &Wishes) -> Result<(), String> {
        Ok(())
    }

    fn finish(&mut self, done: &Done) -> Result<(), String> {
        let (Some(given), Some(received)) = (done.leases.get(&ALICE), done.leases.get(&BOB)) else {
            return Err("a client does not tell its leases".into());
        };
        let made = |wished: &&Wished, of: GrantId| {
            matches!(wished.kind, WishKind::Adjust(grant, _) if grant == of)
                && wished.ended == Some(Ok(()))
        };
        let shared = done
            .wishes
            .iter()
            .any(|w| w.kind == WishKind::Share && w.ended == Some(Ok(())));
        for lease in given.iter().filter(|lease| lease.ours) {
            let Some(other) = received.iter().find(|other| other.grant == lease.grant) else {
                return Err(format!("the borrower has no lease {}", lease.grant));
            };
            if lease.terms != other.terms {
                return Err(format!(
                    "owner {:?}, borrower {:?}",
                    lease.terms, other.terms
                ));
            }
            let told = done.wishes.iter().filter(|one| made(one, lease.grant));
            let acknowledged = told.count();
            if (lease.terms.applied as usize) < acknowledged {
                return Err(format!(
                    "{acknowledged} changes acknowledged, {} applied",
                    lease.terms.applied
                ));
            }
        }
        if shared && !given.iter().any(|lease| lease.ours) {
            return Err("the owner lost the grant".into());
        }
        same_log(done)
    }
}

fn same_log(done: &Done) -> Result<(), String> {
    let (Some(given), Some(received)) = (done.logs.get(&ALICE), done.logs.get(&BOB)) else {
        return Err("a client does not tell its log".into());
    };
    if given != received {
        return Err(format!("the logs differ: {given:?} and {received:?}"));
    }
    let mut applied: Vec<_> = given
        .iter()
        .filter_map(|(grant, entry)| match entry.event {
            LogEvent::Adjusted { owner_sequence, .. } => Some((*grant, owner_sequence)),
            _ => None,
        })
        .collect();
    let before = applied.len();
    applied.sort_unstable();
    applied.dedup();
    if applied.len() < before {
        return Err("a change was applied twice".into());
    }
    Ok(())
}
