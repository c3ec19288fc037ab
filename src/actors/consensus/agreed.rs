//! The ledger of this server: agreed on with the others, and told to whoever carries out effects
//! even where it came as a whole.
//!
//! What an order means is the ledger's, in which order orders come the agreement's.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use super::{Consensus, OutputOf, StateMachine};
use crate::ledger::{Damaged, Effect, Ledger};
use crate::proto::ids::Digest;
use crate::proto::ledger::{Entry, Refusal, Reply, Signed};
use crate::time::WallTime;

/// The concern: the servers agree on the ledger.
pub type Agreement = Consensus<Agreed>;
/// What it orders.
pub type AgreementOutput = OutputOf<Agreed>;

/// Commands that were admitted and are not applied yet, at the most. Twice as many as may wait.
const VERIFIED_MAX: usize = 8_192;

/// The ledger, and what a snapshot cannot tell.
#[derive(Clone, Debug, Default)]
pub struct Agreed {
    ledger: Ledger,
    verified: Verified,
    /// The state came as a whole, so there were no effects. Erasures among them are made up for
    /// when the server has caught up or with the next entry; the others were meant for people who
    /// waited then.
    erasures_missing: bool,
}

/// Commands whose signatures this server has found right when it admitted them, by the hash of all
/// their bytes. They are applied without a second look, which would find the same: verifying costs
/// more than everything else that is done with a command, and a leader would do it twice.
#[derive(Clone, Debug, Default)]
struct Verified {
    known: BTreeSet<Digest>,
    /// Those that were admitted, the oldest first. Some may be applied already.
    in_order: VecDeque<Digest>,
}

impl Verified {
    fn note(&mut self, command: &[u8]) {
        let digest = Digest::of(command);
        if self.known.insert(digest) {
            self.in_order.push_back(digest);
        }
        if self.in_order.len() > VERIFIED_MAX
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn take(&mut self, command: &[u8]) -> bool {
        !self.known.is_empty() && self.known.remove(&Digest::of(command))
    }
}

impl Agreed {
    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// As [`StateMachine::admit`] for who simulates without signatures.
    ///
    /// # Errors
    /// What the client is told instead.
    pub fn admit_authentic(&self, clock: WallTime, command: &[u8]) -> Result<(), Reply> {
        if command.is_empty() {
            return Ok(());
        }
        Signed::decode(command)
            .map_err(|_| Refusal::Malformed)
            .and_then(|signed| self.ledger.admit_authentic(Some(clock), &signed))
            .map_err(Reply::Refused)
    }

    /// As [`StateMachine::apply`] for who simulates without signatures.
    pub fn apply_authentic(
        &mut self,
        seq: u64,
        stamp: WallTime,
        command: &[u8],
    ) -> (Reply, Vec<Effect>) {
        let Ok(entry) = Entry::from_parts(stamp, command) else {
            // Was never admitted, so it does not come back here.
            return StateMachine::apply(self, seq, stamp, command);
        };
        let mut effects = self.made_up_for();
        let applied = self.ledger.apply_authentic(seq, &entry);
        effects.extend(applied.effects);
        (applied.reply, effects)
    }

    /// What a server that got the state as a whole was not told of, once.
    fn made_up_for(&mut self) -> Vec<Effect> {
        if core::mem::take(&mut self.erasures_missing) {
            self.erasures()
        } else {
            Vec::new()
        }
    }

    /// Erasures of all shares that the ledger calls erased.
    fn erasures(&self) -> Vec<Effect> {
        let erased = self.ledger.accounts().filter_map(|(account, of)| {
            let standing = of.standing();
            let round = if standing.keyed {
                standing.round.checked_sub(1)?
            } else {
                standing.round
            };
            Some(Effect::Erase { account, round })
        });
        erased.collect()
    }
}

impl StateMachine for Agreed {
    type Reply = Reply;
    type Effect = Effect;
    type Damaged = Damaged;

    fn admit(&mut self, clock: WallTime, command: &[u8]) -> Result<(), Reply> {
        StateMachine::admit(&mut self.ledger, clock, command)?;
        self.verified.note(command);
        Ok(())
    }

    fn made_up(&mut self) -> Vec<Effect> {
        self.made_up_for()
    }

    fn due(&self) -> Option<WallTime> {
        self.ledger.due()
    }

    fn apply(&mut self, seq: u64, stamp: WallTime, command: &[u8]) -> (Reply, Vec<Effect>) {
        if self.verified.take(command) {
            return self.apply_authentic(seq, stamp, command);
        }
        let mut effects = self.made_up_for();
        let (reply, more) = StateMachine::apply(&mut self.ledger, seq, stamp, command);
        effects.extend(more);
        (reply, effects)
    }

    fn query(&self, question: &[u8]) -> Reply {
        self.ledger.query(question)
    }

    fn snapshot(&self) -> Bytes {
        self.ledger.snapshot()
    }

    fn restore(snapshot: &[u8]) -> Result<Self, Damaged> {
        Ok(Self {
            ledger: Ledger::restore(snapshot)?,
            erasures_missing: true,
            verified: Verified::default(),
        })
    }

    fn digest(&self) -> Digest {
        self.ledger.digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::identity::SecretIdentity;
    use crate::crypto::shares::{Share, split};
    use crate::proto::ids::GrantId;
    use crate::proto::lease::{Adjust, Change};
    use crate::proto::ledger::{Command, Opening};

    const NOW: WallTime = WallTime(1_000_000);

    fn opening(grant: u8) -> Opening {
        let shares = split(&[5; 32], 2, 3, [6; 32]).expect("a sharing");
        Opening {
            grant: GrantId([grant; 16]),
            granted_at: NOW,
            borrower: SecretIdentity::from_secret([2; 32]).user_id(),
            looks: 2,
            not_before: None,
            until: None,
            offline_max: 0,
            threshold: 2,
            share_hashes: shares.iter().map(Share::hash).collect(),
        }
    }

    #[test]
    fn a_restored_ledger_makes_up_for_the_erasures_it_was_not_told_of() {
        let owner = SecretIdentity::from_secret([1; 32]);
        let opening = opening(3);
        let account = opening.account(owner.user_id());
        let adjust = Adjust {
            grant: opening.grant,
            owner_sequence: 1,
            change: Change::Revoke,
            at: NOW,
        };
        let mut agreed = Agreed::default();
        let open = owner.command(NOW, Command::Open(opening)).encode();
        agreed.apply(1, NOW, &open);
        let revoke = owner.command(NOW, Command::Adjust { account, adjust });
        let (_, effects) = agreed.apply(2, NOW, &revoke.encode());
        let erase = Effect::Erase { account, round: 0 };
        assert_eq!(effects, [erase]);
        let mut restored = Agreed::restore(&agreed.snapshot()).expect("a snapshot");
        assert_eq!(restored.digest(), agreed.digest());
        assert_eq!(restored.apply(3, NOW, &[]).1, [erase]);
        assert_eq!(restored.apply(4, NOW, &[]).1, []);
        assert_eq!(restored.made_up(), []);
        let mut restored = Agreed::restore(&agreed.snapshot()).expect("a snapshot");
        assert_eq!(restored.made_up(), [erase]);
        assert_eq!(restored.apply(3, NOW, &[]).1, []);
    }

    #[test]
    fn what_was_admitted_is_applied_as_on_servers_that_verify_it_then() {
        let owner = SecretIdentity::from_secret([1; 32]);
        let open = |grant| owner.command(NOW, Command::Open(opening(grant)));
        let (good, mut forged) = (open(3), open(4));
        forged.signature.0[0][0] ^= 1;
        // The same account, with the signature of another order.
        let mut other = open(3);
        other.signature = open(5).signature;
        let (mut leader, mut follower) = (Agreed::default(), Agreed::default());
        let refused = Err(Reply::Refused(Refusal::Signature));
        assert_eq!(leader.admit(NOW, &good.encode()), Ok(()));
        assert_eq!(leader.admit(NOW, &forged.encode()), refused);
        assert_eq!(leader.admit(NOW, &other.encode()), refused);
        for (seq, command) in (1..).zip([&forged, &other, &good, &good, &forged]) {
            let command = command.encode();
            let told = leader.apply(seq, NOW, &command);
            assert_eq!(told, follower.apply(seq, NOW, &command));
            assert_eq!(leader.digest(), follower.digest());
            assert_eq!(matches!(told.0, Reply::Opened(_)), [3, 4].contains(&seq));
        }
        assert!(leader.verified.known.is_empty());
    }

    #[test]
    fn admitted_commands_are_remembered_up_to_a_bound() {
        let mut verified = Verified::default();
        for number in 0..=VERIFIED_MAX {
            verified.note(&number.to_le_bytes());
        }
        assert_eq!(verified.known.len(), VERIFIED_MAX);
        assert!(!verified.take(&0_usize.to_le_bytes()));
        assert!(verified.take(&1_usize.to_le_bytes()));
        assert!(!verified.take(&1_usize.to_le_bytes()), "each once");
    }
}
