//! One server of the model: its machine, and what it must be in after what it has seen.

use super::kit::{Kit, Sight, View, Word};
use super::{REQUESTS, SERVERS};
use crate::actors::election::tests::view::Stands;

/// A claim that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    pub(super) epoch: u8,
    pub(super) score: u64,
    pub(super) node: u8,
}

impl Seen {
    const fn is_better(&self, other: &Self) -> bool {
        if self.epoch != other.epoch {
            return self.epoch > other.epoch;
        }
        self.score < other.score || (self.score == other.score && self.node < other.node)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    /// Number of what its machine is in.
    pub(super) machine: u32,
    pub(super) time_ms: u16,
    pub(super) is_up: bool,
    /// How often it came back.
    pub(super) life: u8,
    pub(super) view: View,
    /// Epochs of the requests that it works on.
    pub(super) works: [Option<u8>; REQUESTS],
    /// The best claims that it has seen of requests that are not over.
    pub(super) best: [Option<Seen>; REQUESTS],
    /// Whether an owner that it followed was lost, or began anew, since.
    pub(super) orphaned: [bool; REQUESTS],
    /// Requests that it knows to be over.
    pub(super) over: [bool; REQUESTS],
}

impl Server {
    /// It has just begun.
    pub(super) const fn new(machine: u32, view: View) -> Self {
        Self {
            machine,
            time_ms: 0,
            is_up: true,
            life: 0,
            view,
            works: [None; REQUESTS],
            best: [None; REQUESTS],
            orphaned: [false; REQUESTS],
            over: [false; REQUESTS],
        }
    }

    /// It ends: nothing is left of it but its clock and the count of its lives.
    pub(super) fn stop(&mut self) {
        *self = Self {
            is_up: false,
            life: self.life,
            time_ms: self.time_ms,
            ..Self::new(0, [Sight::NOTHING; SERVERS])
        };
    }

    /// Whether it has never heard of another since it began.
    pub(super) fn is_alone(&self, index: usize) -> bool {
        let mut others = self.view.iter().enumerate().filter(|(of, _)| *of != index);
        others.all(|(_, sight)| *sight == Sight::NOTHING)
    }

    /// Keeps what a word of another server tells, as far as it tells anything new.
    pub(super) fn note(&mut self, kit: &Kit, from: u8, word: Word) {
        match word {
            Word::Done { request } => {
                if !self.over[usize::from(request)] {
                    self.end(request);
                }
            }
            Word::Claim {
                request,
                epoch,
                score,
            } => {
                let place = usize::from(request);
                if self.over[place] {
                    return;
                }
                let seen = Seen {
                    epoch,
                    score,
                    node: from,
                };
                if self.best[place].is_none_or(|best| seen.is_better(&best)) {
                    self.best[place] = Some(seen);
                    // Whoever is about to take the next epoch goes on with that.
                    let waits = kit.stands(self.machine, request);
                    self.orphaned[place] &= matches!(waits, Some(Stands::Waits(_)));
                }
            }
        }
    }

    pub(super) fn end(&mut self, request: u8) {
        let place = usize::from(request);
        self.best[place] = None;
        self.over[place] = true;
        self.orphaned[place] = false;
    }

    /// Requests of another server have no owner any more.
    pub(super) fn forsake(&mut self, other: usize) {
        for (best, orphaned) in self.best.iter().zip(&mut self.orphaned) {
            *orphaned |= best.is_some_and(|seen| usize::from(seen.node) == other);
        }
    }

    /// This server owns a request; what is wrong with that.
    pub(super) fn won(
        &mut self,
        index: usize,
        request: u8,
        epoch: u8,
        score: Option<u64>,
    ) -> Option<&'static str> {
        let place = usize::from(request);
        if self.works[place] == Some(epoch) {
            return None;
        }
        self.works[place] = Some(epoch);
        let node = index as u8;
        let before = self.best[place].replace(Seen {
            epoch,
            score: score.unwrap_or(0),
            node,
        });
        let was_orphaned = std::mem::take(&mut self.orphaned[place]);
        let before = before?;
        if epoch <= before.epoch {
            return Some("an owner takes an epoch that it knows to be taken");
        }
        (!was_orphaned).then_some("a request is taken from an owner who is there")
    }
}
