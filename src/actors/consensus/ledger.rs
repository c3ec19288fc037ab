//! The [`Ledger`] as what the servers agree on. A command is the bytes of a [`Signed`], or none to
//! tell the time; a question those of a [`Question`].

use bytes::Bytes;

use super::StateMachine;
use crate::ledger::{Damaged, Effect, Ledger};
use crate::proto::codec;
use crate::proto::ids::Digest;
use crate::proto::ledger::{Question, Refusal, Reply, Signed};
use crate::time::WallTime;

/// Largest question, encoded.
const QUESTION_MAX_BYTES: usize = 64;

impl StateMachine for Ledger {
    type Reply = Reply;
    type Effect = Effect;
    type Damaged = Damaged;

    fn admit(&mut self, clock: WallTime, command: &[u8]) -> Result<(), Reply> {
        if command.is_empty() {
            return Ok(());
        }
        Signed::decode(command)
            .map_err(|_| Refusal::Malformed)
            .and_then(|signed| Self::admit(self, Some(clock), &signed))
            .map_err(Reply::Refused)
    }

    fn apply(&mut self, seq: u64, stamp: WallTime, command: &[u8]) -> (Reply, Vec<Effect>) {
        let applied = self.apply_bytes(seq, stamp, command);
        (applied.reply, applied.effects)
    }

    fn due(&self) -> Option<WallTime> {
        self.next_due()
    }

    fn query(&self, question: &[u8]) -> Reply {
        codec::decode::<Question>(question, QUESTION_MAX_BYTES)
            .map_or(Reply::Refused(Refusal::Malformed), |question| {
                self.answer(question)
            })
    }

    fn snapshot(&self) -> Bytes {
        Self::snapshot(self)
    }

    fn restore(snapshot: &[u8]) -> Result<Self, Damaged> {
        Self::restore(snapshot)
    }

    fn digest(&self) -> Digest {
        Self::digest(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::consensus::Config;
    use crate::crypto::identity::SecretIdentity;
    use crate::proto::ids::{DeviceId, GrantId, NodeId, ViewId};
    use crate::proto::ledger::{Command, Opening};
    use crate::time::Calendar;

    const NOW: WallTime = WallTime(1_800_000_000_000);

    fn give<S: StateMachine>(state: &mut S, seq: u64, command: &[u8]) -> S::Reply {
        assert!(state.admit(NOW, command).is_ok());
        state.apply(seq, NOW, command).0
    }

    #[test]
    fn a_look_is_counted_by_what_is_agreed_on() {
        let (alice, bob) = (
            SecretIdentity::from_secret([1; 32]),
            SecretIdentity::from_secret([2; 32]),
        );
        let opening = Opening {
            grant: GrantId([1; 16]),
            granted_at: NOW,
            borrower: bob.user_id(),
            looks: 2,
            not_before: None,
            until: None,
            offline_max: 0,
            threshold: 1,
            share_hashes: vec![Digest([1; 32])],
        };
        let account = opening.account(alice.user_id());
        let spend = |view| Command::Spend {
            account,
            view: ViewId([view; 16]),
            reply_key: [3; 32],
            device: DeviceId([4; 16]),
        };
        let mut ledger = Ledger::default();
        let open = alice.command(NOW, Command::Open(opening)).encode();
        assert!(matches!(give(&mut ledger, 3, &open), Reply::Opened(_)));
        let look = bob.command(NOW, spend(1)).encode();
        let spent = give(&mut ledger, 4, &look);
        assert!(matches!(spent, Reply::Spent { ordinal: 1, .. }));
        assert_eq!(give(&mut ledger, 5, &look), spent);
        assert_eq!(give(&mut ledger, 6, &[]), Reply::Time(NOW));
        let bytes = StateMachine::snapshot(&ledger);
        let restored = <Ledger as StateMachine>::restore(&bytes).expect("is whole");
        assert_eq!(
            StateMachine::digest(&restored),
            StateMachine::digest(&ledger)
        );
        let question = codec::encode(&Question::Account(account));
        let Reply::Stands(stands) = restored.query(&question) else {
            panic!("is open");
        };
        assert_eq!(stands.spent, 1);
    }

    #[test]
    fn what_is_no_order_is_not_proposed_and_not_feared() {
        let mut ledger = Ledger::default();
        let malformed = Reply::Refused(Refusal::Malformed);
        let config = Config::lan(NodeId(1), vec![], Calendar::default());
        let limit = config.command_max_bytes;
        for bytes in [vec![7], vec![0xff; 300], vec![0; limit]] {
            let seq = bytes.len() as u64;
            let (reply, effects) = StateMachine::apply(&mut ledger, seq, NOW, &bytes);
            assert_eq!((reply, effects), (malformed, Vec::new()));
            assert_eq!(
                StateMachine::admit(&mut ledger, NOW, &bytes),
                Err(malformed)
            );
            assert_eq!(ledger.query(&bytes), malformed);
        }
    }
}
