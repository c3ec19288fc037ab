//! Whether the servers have made the same of the same commands.
//!
//! At every checkpoint each server tells the digest of its state. One that differs from what a
//! majority of the group agrees on is wrong, whatever the reason, and finds out by itself.

use std::collections::{BTreeMap, VecDeque};

use crate::proto::ids::{Digest, NodeId};

/// Own checkpoints that are remembered: others may be so far behind and still be compared.
const OWN_MAX: usize = 8;

/// See the module.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// Servers that make a majority.
    majority: usize,
    own: VecDeque<(u64, Digest)>,
    /// The newest that each of the others told.
    told: BTreeMap<NodeId, (u64, Digest)>,
}

impl Checkpoints {
    /// Of a group of so many servers.
    pub(super) const fn new(servers: usize) -> Self {
        Self {
            majority: servers / 2 + 1,
            own: VecDeque::new(),
            told: BTreeMap::new(),
        }
    }

    /// The state of this server at a checkpoint.
    pub(super) fn reached(&mut self, seq: u64, digest: Digest) {
        self.own.retain(|&(known, _)| known < seq);
        self.own.push_back((seq, digest));
        if self.own.len() > OWN_MAX {
            self.own.pop_front();
        }
    }

    /// Another server told its state; `from` is one of the group.
    pub(super) fn heard(&mut self, from: NodeId, seq: u64, digest: Digest) {
        let newest = self.told.entry(from).or_insert((seq, digest));
        if seq >= newest.0 {
            *newest = (seq, digest);
        }
    }

    /// The newest of our own.
    pub(super) fn newest(&self) -> Option<(u64, Digest)> {
        self.own.back().copied()
    }

    /// Whether a majority, this server among them, told this state at this checkpoint.
    pub(super) fn agreed(&self, seq: u64, digest: Digest) -> bool {
        let alike = |&&known: &&(u64, Digest)| known == (seq, digest);
        let others = self.told.values().filter(alike).count();
        self.own.iter().any(|own| alike(&own)) && others + 1 >= self.majority
    }

    /// A checkpoint at which a majority agrees on something else than this server.
    pub(super) fn outvoted(&self) -> Option<u64> {
        self.own
            .iter()
            .find(|&&(seq, ours)| {
                self.told.values().any(|&theirs| {
                    theirs.0 == seq
                        && theirs.1 != ours
                        && self.told.values().filter(|&&other| other == theirs).count()
                            >= self.majority
                })
            })
            .map(|&(seq, _)| seq)
    }

    /// Servers whose newest checkpoint differs from ours at the same place.
    pub(super) fn differing(&self) -> usize {
        self.told
            .values()
            .filter(|&&(seq, theirs)| {
                self.own
                    .iter()
                    .any(|&(known, ours)| known == seq && ours != theirs)
            })
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Digest = Digest([1; 32]);
    const B: Digest = Digest([2; 32]);

    #[test]
    fn a_majority_of_others_outvotes_and_less_does_not() {
        let mut checkpoints = Checkpoints::new(3);
        checkpoints.reached(10, A);
        checkpoints.heard(NodeId(2), 10, B);
        assert_eq!(checkpoints.outvoted(), None);
        assert_eq!(checkpoints.differing(), 1);
        checkpoints.heard(NodeId(3), 10, A);
        assert_eq!(checkpoints.outvoted(), None);
        checkpoints.heard(NodeId(3), 10, B);
        assert_eq!(checkpoints.outvoted(), Some(10));
    }

    #[test]
    fn a_state_is_agreed_on_when_a_majority_tells_it() {
        let mut checkpoints = Checkpoints::new(3);
        checkpoints.heard(NodeId(2), 10, A);
        assert!(!checkpoints.agreed(10, A));
        checkpoints.reached(10, A);
        assert!(checkpoints.agreed(10, A) && !checkpoints.agreed(10, B));
        checkpoints.heard(NodeId(2), 20, A);
        assert!(!checkpoints.agreed(10, A));
        let mut alone = Checkpoints::new(1);
        alone.reached(10, A);
        assert!(alone.agreed(10, A));
    }

    #[test]
    fn only_the_same_place_is_compared_and_old_news_change_nothing() {
        let mut checkpoints = Checkpoints::new(3);
        checkpoints.reached(20, A);
        checkpoints.heard(NodeId(2), 20, A);
        checkpoints.heard(NodeId(2), 10, B);
        checkpoints.heard(NodeId(3), 30, B);
        assert_eq!(checkpoints.differing(), 0);
        assert_eq!(checkpoints.outvoted(), None);
        checkpoints.reached(30, A);
        assert_eq!(checkpoints.differing(), 1);
    }

    #[test]
    fn old_checkpoints_of_our_own_are_forgotten_at_the_limit() {
        let mut checkpoints = Checkpoints::new(3);
        for seq in 1..=OWN_MAX as u64 + 1 {
            checkpoints.reached(seq, A);
        }
        for peer in [2, 3] {
            checkpoints.heard(NodeId(peer), 1, B);
        }
        assert_eq!(checkpoints.outvoted(), None);
        assert_eq!(checkpoints.newest(), Some((OWN_MAX as u64 + 1, A)));
    }
}
