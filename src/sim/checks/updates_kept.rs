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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::control::{News, Outcome};
    use crate::proto::lease::{Change, Conditions, LogEntry, Terms};
    use crate::proto::outcome::Lease;
    use crate::sim::world::wall_time;

    const GRANT: GrantId = GrantId([1; 16]);

    /// A run in which the owner made one change, and both sides know of it.
    fn done() -> Done {
        let mut done = Done::default();
        for kind in [WishKind::Share, WishKind::Adjust(GRANT, Change::Add(1))] {
            let wish = done.wishes.add(1, ALICE, kind, 0);
            done.wishes
                .note(ALICE, wish, &News::Done(Box::new(Outcome::Cancelled)));
        }
        let adjusted = LogEvent::Adjusted {
            owner_sequence: 1,
            change: Change::Add(1),
        };
        let log: Vec<_> = [LogEvent::Granted { views: 2 }, adjusted]
            .map(|event| {
                (
                    GRANT,
                    LogEntry {
                        at: wall_time(1),
                        event,
                    },
                )
            })
            .into();
        for who in [ALICE, BOB] {
            done.leases.insert(who, vec![lease(who == ALICE)]);
            done.logs.insert(who, log.clone());
        }
        done
    }

    fn lease(ours: bool) -> Lease {
        Lease {
            grant: GRANT,
            name: "beach".into(),
            ours,
            peer: String::new(),
            terms: Terms {
                applied: 1,
                ..Terms::new(3, None)
            },
            conditions: Conditions::default(),
            granted_at: wall_time(0),
            ended: None,
            picture_bytes: 1,
            delivered: true,
            file: None,
            taken: None,
        }
    }

    fn broken(change: impl Fn(&mut Done)) -> bool {
        let mut done = done();
        change(&mut done);
        UpdatesKept.finish(&done).is_err()
    }

    #[test]
    fn a_change_that_both_sides_know_is_kept() {
        assert_eq!(UpdatesKept.finish(&done()), Ok(()));
    }

    #[test]
    fn what_one_side_does_not_know_is_found() {
        let both = |done: &mut Done, set: fn(&mut Terms)| {
            for leases in done.leases.values_mut() {
                leases.iter_mut().for_each(|lease| set(&mut lease.terms));
            }
        };
        assert!(broken(|done| both(done, |terms| terms.applied = 0)));
        assert!(broken(|done| done.leases.get_mut(&BOB).expect("his")[0]
            .terms
            .used = 1));
        assert!(broken(|done| done
            .leases
            .get_mut(&BOB)
            .expect("his")
            .clear()));
        assert!(broken(|done| done.leases.values_mut().for_each(Vec::clear)));
        assert!(broken(
            |done| _ = done.logs.get_mut(&BOB).expect("his").pop()
        ));
        assert!(broken(|done| _ = done.logs.remove(&ALICE)));
    }

    #[test]
    fn a_change_that_counts_twice_is_found() {
        assert!(broken(|done| {
            for log in done.logs.values_mut() {
                log.extend(log.last().cloned());
            }
        }));
    }
}
