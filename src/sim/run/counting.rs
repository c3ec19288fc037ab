//! What a run came to, in figures.

use super::{News, Outcome, Run, Seen, Tally, WishKind, World};
use crate::node::board;
use crate::proto::control::{Reason, Report};
use crate::sim::visits::Between;

impl Run {
    pub(super) fn count(&mut self, node: usize, seen: &Seen, kind: Option<WishKind>) {
        let tally = &mut self.tally;
        match seen {
            Seen::Gate(true) => tally.fault("planned failure"),
            Seen::Worked => tally.outcome("pictures made"),
            Seen::News(board::News::Quarantined(_)) => {
                tally.fault("quarantined");
                tracing::debug!(node, "quarantined");
            }
            Seen::Between {
                what: Between::TurnedAway,
                ..
            } => tally.outcome("turned away"),
            Seen::Told(Report {
                news: News::Failed(failure),
                ..
            }) => match (kind, failure.reason) {
                (Some(WishKind::View(_)), Reason::Expired) => tally.outcome("looks too late"),
                (Some(WishKind::View(_)), _) => tally.outcome("looks refused"),
                (_, Reason::Disk) => tally.outcome("failed at a disk"),
                _ => tally.outcome("failed or refused"),
            },
            Seen::Told(Report {
                news: News::Done(outcome),
                ..
            }) => {
                if let Some(kind) = name(outcome) {
                    tally.outcome(kind);
                }
            }
            _ => {}
        }
    }

    /// The totals of a run that is over.
    pub(super) fn close(mut tally: Tally, world: &World) -> Tally {
        let ways = world.ways();
        tally.runs = 1;
        tally.real = 1;
        tally.time_us = world.now();
        tally.events = world.events();
        tally.letters = ways.sent;
        tally.faults_of("lost", ways.lost);
        tally.faults_of("doubled", ways.doubled);
        tally.faults_of("cut off", ways.cut);
        tally.disks = world.disks();
        tally.trace = *world.trace().as_bytes();
        tally
    }
}

const fn name(outcome: &Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::Hidden { .. } => "pictures",
        Outcome::Revealed { .. } => "pictures opened again",
        Outcome::Shared { .. } => "grants",
        Outcome::Counted { .. } => "looks",
        Outcome::Adjusted { .. } => "changes",
        Outcome::Decided(_) => "answers",
        Outcome::Withdrawn(_) => "withdrawals",
        Outcome::Gallery { .. } => "galleries",
        _ => return None,
    })
}
