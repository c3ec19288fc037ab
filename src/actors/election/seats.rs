//! The servers, and in which order they come for a request.
//!
//! All servers should rank alike, or several claim one request. So each reckons with what every
//! other one can know of a server, itself included: its last report, and what was heard to be
//! claimed and ended since. What a server knows of its own jobs besides counts when it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::actors::membership::Member;
use crate::proto::ids::{NodeId, RequestId};
use crate::proto::operator::Prospect;
use crate::proto::packet::LoadReport;
use crate::time::{Moment, WallTime};

/// Microseconds of one free core that a job takes, for the score. Only comparisons matter.
const NOMINAL_JOB_US: u64 = 1_000;

/// Set in the score of a server that has not caught up: it comes after all that have. No wait
/// reaches it, since three 32-bit counts of nominal jobs on a thousandth of a core stay below.
const BEHIND: u64 = 1 << 63;

/// A server that was heard to claim or finish counts as there for so long even if the view does
/// not know it: it may just have started. As long as a server is given to be heard at all.
const SPOKEN: Duration = Duration::from_millis(500);

/// A server as far as the election is concerned.
#[derive(Clone, Copy, Debug)]
struct Seat {
    /// Whether it ever reported.
    known: bool,
    alive: bool,
    spoken_until: Moment,
    incarnation: WallTime,
    sequence: u64,
    queued: u32,
    running: u32,
    speed_milli: u32,
    caught_up: bool,
    draining: bool,
    /// Requests that it claimed since its last report, less those that ended.
    claimed: i64,
}

impl Seat {
    const UNKNOWN: Self = Self {
        known: false,
        alive: false,
        spoken_until: Moment::START,
        incarnation: WallTime(0),
        sequence: 0,
        queued: 0,
        running: 0,
        speed_milli: 1,
        caught_up: false,
        draining: false,
        claimed: 0,
    };

    const fn of(report: &LoadReport) -> Self {
        Self {
            known: true,
            incarnation: report.incarnation,
            sequence: report.sequence,
            queued: report.queued,
            running: report.running,
            speed_milli: report.speed_milli,
            caught_up: report.caught_up,
            draining: report.draining,
            ..Self::UNKNOWN
        }
    }

    fn score(&self) -> u64 {
        let told = i64::from(self.queued) + i64::from(self.running);
        let jobs = told.saturating_add(self.claimed).max(0).unsigned_abs() + 1;
        let wait_us = jobs * NOMINAL_JOB_US * 1_000 / u64::from(self.speed_milli.max(1));
        if self.caught_up {
            wait_us
        } else {
            BEHIND | wait_us
        }
    }
}

/// All configured servers, this one included.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    me: NodeId,
    seats: BTreeMap<NodeId, Seat>,
}

impl Seats {
    pub(super) fn new(me: NodeId, peers: &[NodeId]) -> Self {
        let nodes = peers.iter().chain(std::iter::once(&me));
        let mut seats: BTreeMap<NodeId, Seat> = nodes.map(|&node| (node, Seat::UNKNOWN)).collect();
        seats.entry(me).and_modify(|seat| seat.alive = true);
        Self { me, seats }
    }

    pub(super) fn is_peer(&self, node: NodeId) -> bool {
        node != self.me && self.seats.contains_key(&node)
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = NodeId> {
        self.seats.keys().copied().filter(|&node| node != self.me)
    }

    /// Takes over a view. Gives the servers that were heard before and have restarted since, also
    /// those that counted as lost meanwhile: they know nothing of what they owned.
    pub(super) fn update(&mut self, now: Moment, members: &[Member]) -> BTreeSet<NodeId> {
        let mut restarted = BTreeSet::new();
        for member in members {
            let Some(seat) = self.seats.get_mut(&member.node) else {
                continue;
            };
            let (before, report) = (*seat, member.report);
            let same_report = before.known
                && (before.incarnation, before.sequence) == (report.incarnation, report.sequence);
            let is_anew = before.known && before.incarnation < report.incarnation;
            if is_anew && member.node != self.me {
                restarted.insert(member.node);
            }
            *seat = Seat {
                alive: member.alive || member.node == self.me,
                // A server that was alive until now fell silent after it last spoke.
                spoken_until: if before.alive && !member.alive {
                    now
                } else {
                    before.spoken_until
                },
                claimed: if same_report { before.claimed } else { 0 },
                queued: if same_report {
                    before.queued
                } else {
                    report.queued
                },
                running: if same_report {
                    before.running
                } else {
                    report.running
                },
                ..Seat::of(&report)
            };
        }
        restarted
    }

    /// A server was heard otherwise than by a report.
    pub(super) fn spoke(&mut self, node: NodeId, now: Moment) {
        if let Some(seat) = self.seats.get_mut(&node) {
            seat.spoken_until = now.after(SPOKEN);
        }
    }

    /// When a server began that was heard to report, by its own clock.
    #[cfg(test)]
    pub(super) fn heard_in(&self, node: NodeId) -> Option<WallTime> {
        let seat = self.seats.get(&node).filter(|seat| seat.known);
        seat.map(|seat| seat.incarnation)
    }

    /// Whether a server may be counted on.
    pub(super) fn is_there(&self, node: NodeId, now: Moment) -> bool {
        let seat = self.seats.get(&node);
        seat.is_some_and(|seat| seat.alive || now < seat.spoken_until)
    }

    /// A server has claimed a request.
    pub(super) fn count(&mut self, node: NodeId) {
        if let Some(seat) = self.seats.get_mut(&node) {
            seat.claimed = seat.claimed.saturating_add(1);
        }
    }

    /// A server does not have a request any more, or did not get one that it claimed.
    pub(super) fn uncount(&mut self, owner: Option<NodeId>) {
        if let Some(seat) = owner.and_then(|node| self.seats.get_mut(&node)) {
            seat.claimed = seat.claimed.saturating_sub(1);
        }
    }

    /// Expected wait of one more request at a server; smaller is better.
    pub(super) fn score(&self, node: NodeId) -> u64 {
        self.seats.get(&node).map_or(u64::MAX, Seat::score)
    }

    /// Live servers that go on to live and come before this one, the best first.
    pub(super) fn before(&self, request: RequestId) -> Vec<NodeId> {
        let place = |node: NodeId, seat: &Seat| (seat.score(), tie_break(request, node), node);
        let Some(mine) = self.seats.get(&self.me) else {
            return Vec::new();
        };
        let mine = place(self.me, mine);
        let stays = |seat: &Seat| seat.alive && !seat.draining;
        let live = self.seats.iter().filter(|(_, seat)| stays(seat));
        let places = live.map(|(&node, seat)| place(node, seat));
        let mut better: Vec<_> = places.filter(|place| *place < mine).collect();
        better.sort_unstable();
        better.into_iter().map(|(.., node)| node).collect()
    }
}

/// The servers of a view in the order in which they would take a request, as far as that can be
/// told without the request; those that are lost come last. For people: the election itself also
/// counts what was claimed since the last report.
#[must_use]
pub fn outlook(members: &[Member]) -> Vec<Prospect> {
    let mut ranked: Vec<(u64, Prospect)> = members
        .iter()
        .map(|member| {
            let (seat, report) = (Seat::of(&member.report), member.report);
            let prospect = Prospect {
                node: member.node,
                alive: member.alive,
                caught_up: report.caught_up,
                draining: report.draining,
                queued: report.queued,
                running: report.running,
                speed_milli: report.speed_milli,
                wait_us: seat.score() & !BEHIND,
            };
            (seat.score(), prospect)
        })
        .collect();
    ranked.sort_by_key(|(score, prospect)| {
        (!prospect.alive, prospect.draining, *score, prospect.node)
    });
    ranked.into_iter().map(|(_, prospect)| prospect).collect()
}

/// Spreads requests over servers that are equally good.
fn tie_break(request: RequestId, node: NodeId) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 election tie");
    hasher.update(&request.boot.to_le_bytes());
    hasher.update(&request.counter.to_le_bytes());
    hasher.update(&[node.0]);
    *hasher.finalize().as_bytes()
}
