//! The passes that servers gave us, the last one for each peer.

use std::collections::BTreeMap;

use crate::proto::ids::UserId;
use crate::proto::pass::Pass;

/// Peers whose passes are kept; the one that ends first makes room.
const PASSES_MAX: usize = 256;

/// Passes of ours, by peer.
#[derive(Debug)]
pub(super) struct Passes {
    me: UserId,
    by_peer: BTreeMap<UserId, Pass>,
}

impl Passes {
    /// None yet.
    pub(super) const fn new(me: UserId) -> Self {
        Self {
            me,
            by_peer: BTreeMap::new(),
        }
    }

    /// Takes a pass that a server just gave; tells whether it is another one. It takes the place of
    /// one that ends later, too: that server's clock may have been ahead, and nobody takes the pass
    /// any more. Its signature is the peer's to check.
    pub(super) fn keep(&mut self, pass: Pass) -> bool {
        let known = self.by_peer.get(&pass.peer);
        if pass.asker != self.me || known == Some(&pass) {
            return false;
        }
        if known.is_none() && self.by_peer.len() >= PASSES_MAX {
            let oldest = self.by_peer.values().min_by_key(|pass| pass.until);
            if let Some(peer) = oldest.map(|pass| pass.peer) {
                self.by_peer.remove(&peer);
            }
        }
        self.by_peer.insert(pass.peer, pass);
        true
    }

    /// The pass for a peer; perhaps it has run out.
    pub(super) fn get(&self, peer: UserId) -> Option<Pass> {
        self.by_peer.get(&peer).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::identity::Signature;
    use crate::proto::ids::NodeId;
    use crate::time::WallTime;

    const ME: UserId = UserId([1; 32]);

    fn pass(peer: u16, until: u64) -> Pass {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&peer.to_le_bytes());
        Pass {
            asker: ME,
            peer: UserId(id),
            until: WallTime(until),
            server: NodeId(1),
            signature: Signature([[0; 32]; 2]),
        }
    }

    #[test]
    fn the_pass_that_was_given_last_is_kept_and_only_our_own() {
        let mut passes = Passes::new(ME);
        let (ahead, set_right) = (pass(2, 600), pass(2, 6));
        assert!(passes.keep(ahead));
        assert!(passes.keep(set_right));
        assert!(!passes.keep(set_right), "nothing to write");
        assert_eq!(passes.get(ahead.peer), Some(set_right));
        let of_another = Pass {
            asker: UserId([9; 32]),
            ..pass(3, 9)
        };
        assert!(!passes.keep(of_another));
        assert_eq!(passes.get(pass(3, 9).peer), None);
    }

    #[test]
    fn the_one_that_ends_first_makes_room() {
        let mut passes = Passes::new(ME);
        for peer in 0..=256_u16 {
            passes.keep(pass(peer, 1_000 + u64::from(peer)));
        }
        assert_eq!(passes.by_peer.len(), PASSES_MAX);
        assert_eq!(passes.get(pass(0, 0).peer), None);
        assert!(passes.get(pass(256, 0).peer).is_some());
    }
}
