//! How a server with an empty disk comes into its group.
//!
//! It may be new, like all the others, or it may have lost a disk on which it had confirmed
//! entries and given votes. It cannot know. If it went on as if nothing had been, it could give a
//! second vote in one term, or help to elect a leader that lacks what it had confirmed. So it asks
//! all others for their terms first and takes no part until *every one* has answered.
//!
//! All say 0: nobody has ever stood for election, so it has voted for nobody and confirmed nothing.
//! It is a founder. Nobody founds before all others have its own 0, else the quickest would make
//! strangers of the others.
//!
//! Else it is a novice. Let M be the largest term told. Whoever had its vote or its confirmation
//! before has a term of at most M: a candidate writes its term down before it asks. The novice
//! goes to term M + 1, which ends every older leadership as soon as it answers one, and neither
//! votes nor stands until it has applied an entry of term M + 1 or later, its *floor*. The leader
//! of that entry was elected by a majority without it. If an entry had been decided with its lost
//! confirmation, at least half of the others have it; so one of those voted for that leader,
//! which then has the entry too, and what the novice has applied includes it.
//!
//! Invariant: never votes on less than it has promised, whatever it has forgotten. The price is
//! that all others must be up once. If half of a group loses its disks, it stands still: somebody
//! has to decide what is lost.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::Letter;
use crate::proto::ids::NodeId;

/// How a server comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The group is as new as it is.
    Founder,
    /// It votes after it has applied an entry of this term or later.
    Novice {
        /// The term.
        floor: u64,
    },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Entrance {
    /// Tells answers to this start from those to earlier ones.
    boot: u64,
    peers: Vec<NodeId>,
    terms: BTreeMap<NodeId, u64>,
    /// Those that have our 0, or need it no more.
    informed: BTreeSet<NodeId>,
}

impl Entrance {
    /// Nobody has answered. `boot` must be fresh at each start.
    pub(super) const fn new(boot: u64, peers: Vec<NodeId>) -> Self {
        Self {
            boot,
            peers,
            terms: BTreeMap::new(),
            informed: BTreeSet::new(),
        }
    }

    /// What is said to all others until this server is in.
    pub(super) fn hello(&self) -> Letter {
        let zeros = self.terms.iter().filter(|&(_, &term)| term == 0);
        Letter::Hello {
            boot: self.boot,
            new_ones: zeros.map(|(&node, _)| node).collect(),
        }
    }

    /// Another one is not in either; so it has heard these.
    pub(super) fn greeted(&mut self, from: NodeId, me: NodeId, new_ones: &[NodeId]) {
        if new_ones.contains(&me) {
            self.informed.insert(from);
        }
    }

    /// An answer.
    pub(super) fn welcomed(&mut self, from: NodeId, boot: u64, term: u64, is_in: bool) {
        if boot != self.boot || !self.peers.contains(&from) {
            return;
        }
        // The first 0 counts: what it says was true when it was said, after this start.
        let known = self.terms.entry(from).or_insert(term);
        if *known > 0 {
            *known = term.max(*known);
        }
        if is_in {
            self.informed.insert(from);
        }
    }

    /// How this server comes in, once everybody has answered.
    pub(super) fn way(&self) -> Option<Way> {
        if self.terms.len() < self.peers.len() {
            return None;
        }
        let highest = self.terms.values().copied().max().unwrap_or(0);
        if highest > 0 {
            return Some(Way::Novice { floor: highest + 1 });
        }
        (self.informed.len() >= self.peers.len()).then_some(Way::Founder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: NodeId = NodeId(1);
    const TWO: NodeId = NodeId(2);
    const THREE: NodeId = NodeId(3);

    fn entrance() -> Entrance {
        Entrance::new(7, vec![TWO, THREE])
    }

    #[test]
    fn a_founder_has_heard_0_from_all_and_all_have_heard_its_own() {
        let mut entrance = entrance();
        entrance.welcomed(TWO, 7, 0, false);
        entrance.greeted(TWO, ME, &[ME]);
        assert_eq!(entrance.way(), None);
        entrance.welcomed(THREE, 7, 0, false);
        assert_eq!(entrance.way(), None);
        entrance.greeted(THREE, ME, &[TWO]);
        assert_eq!(entrance.way(), None);
        entrance.welcomed(THREE, 7, 0, true);
        assert_eq!(entrance.way(), Some(Way::Founder));
    }

    #[test]
    fn a_0_that_was_heard_stays_when_others_go_on() {
        let mut entrance = entrance();
        entrance.welcomed(TWO, 7, 0, true);
        entrance.welcomed(TWO, 7, 1, true);
        entrance.welcomed(THREE, 7, 0, true);
        assert_eq!(entrance.way(), Some(Way::Founder));
    }

    #[test]
    fn a_novice_starts_above_the_highest_term_and_needs_every_answer() {
        let mut entrance = entrance();
        entrance.welcomed(TWO, 7, 4, true);
        assert_eq!(entrance.way(), None);
        entrance.welcomed(TWO, 7, 6, true);
        entrance.welcomed(THREE, 7, 5, true);
        assert_eq!(entrance.way(), Some(Way::Novice { floor: 7 }));
    }

    #[test]
    fn answers_to_an_earlier_start_and_of_strangers_count_for_nothing() {
        let mut entrance = entrance();
        entrance.welcomed(TWO, 6, 0, true);
        entrance.welcomed(NodeId(9), 7, 0, true);
        entrance.welcomed(THREE, 7, 0, true);
        assert_eq!(entrance.way(), None);
    }
}
