//! The commit run, determinism, and what was found once.

use std::collections::BTreeSet;

use super::*;
use crate::planted::Bug;
use crate::planted::tests::Hunt;

const RIGHTS: &str = "rights under faults from seeds";

/// Which planted bugs the commit run finds.
pub(crate) const HUNTS: &[Hunt] = &[
    found(Bug::FsyncSkipped),
    found(Bug::SentBeforePersisted),
    found(Bug::AckBeforeQuorum),
    found(Bug::ElectionWaitFixed),
    found(Bug::TruncatesAndVotes),
    found(Bug::ReleasedBeforeApply),
    found(Bug::ForgetfulVotes),
    found(Bug::LookCountedTwice),
    found(Bug::EscrowNotCounted),
    found(Bug::RevokedKeepsShares),
    found(Bug::ForkIgnored),
    found(Bug::ReturnedTwice),
    found(Bug::LooksForgotten),
    found(Bug::RefusedCountsLater),
    found(Bug::TimeRunsBack),
    found(Bug::SignatureNotChecked),
    found(Bug::ErasedInMemoryOnly),
];

const fn found(bug: Bug) -> Hunt {
    Hunt::new(bug, RIGHTS, rights_hold_under_faults)
}

fn total(seeds: impl Iterator<Item = u64>) -> Tally {
    let mut total = Tally::default();
    for seed in seeds {
        match run(seed) {
            Ok(tally) => total.add(&tally),
            Err(failure) => panic!("{}\nreplay: {}", failure.broken, failure.command),
        }
    }
    total
}

/// What was found once: a deletion of shares that a disk refused, a second before the end (49856).
#[test]
fn what_was_found_once_holds() {
    total([49_856].into_iter());
}

#[test]
fn rights_hold_under_faults() {
    let total = total(0..48);
    println!("{total}");
    for kind in [
        "look shown",
        "look refused",
        "change",
        "rekey",
        "looks lent",
        "check-in",
    ] {
        assert!(total.told(kind) > 20, "{kind}: {total}");
    }
    assert!(total.faults() > 10_000, "{total}");
    assert!(total.linear[0] > 5, "{total}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let runs = || (0..24).map(|seed| run(seed).expect("holds"));
    let once: Vec<Tally> = runs().collect();
    assert!(runs().eq(once.iter().cloned()));
    let traces: BTreeSet<_> = once.iter().map(|tally| tally.trace).collect();
    assert_eq!(traces.len(), once.len());
}

mod broken_histories {
    //! What the judge says of histories that no good servers leave.

    use super::super::judge::Judge;
    use super::super::watched::Applied;
    use crate::crypto::identity::SecretIdentity;
    use crate::ledger::{Effect, Ledger};
    use crate::proto::ids::{AccountId, DeviceId, Digest, GrantId, ViewId};
    use crate::proto::lease::{Adjust, Change};
    use crate::proto::ledger::{Answer, Command, Entry, Opening, Refusal, Reply, Signed};
    use crate::time::{Moment, WallTime};

    const NOW: WallTime = WallTime(1_800_000_000_000);

    struct History {
        ledger: Ledger,
        owner: SecretIdentity,
        borrower: SecretIdentity,
        looks: u32,
        now: WallTime,
        seq: u64,
        judge: Judge,
    }

    fn opening(borrower: &SecretIdentity, looks: u32) -> Opening {
        Opening {
            grant: GrantId([1; 16]),
            granted_at: NOW,
            borrower: borrower.user_id(),
            looks,
            not_before: None,
            until: None,
            offline_max: 0,
            threshold: 2,
            share_hashes: vec![Digest([1; 32]); 3],
        }
    }

    impl History {
        /// A grant of one look.
        fn new() -> Self {
            Self::with(1)
        }

        fn with(looks: u32) -> Self {
            let mut history = Self {
                ledger: Ledger::default(),
                owner: SecretIdentity::from_secret([1; 32]),
                borrower: SecretIdentity::from_secret([2; 32]),
                looks,
                now: NOW,
                seq: 0,
                judge: Judge::default(),
            };
            let open = Command::Open(opening(&history.borrower, looks));
            let opened = history.next(&history.owner.command(NOW, open));
            history.judge.applied(opened, true).expect("is good");
            history
        }

        fn account(&self) -> AccountId {
            opening(&self.borrower, self.looks).account(self.owner.user_id())
        }

        /// What a good server makes of an order.
        fn next(&mut self, signed: &Signed) -> Applied {
            self.seq += 1;
            let entry = Entry {
                stamp: self.now,
                signed: Some(signed.clone()),
            };
            let applied = self.ledger.apply(self.seq, &entry);
            Applied {
                seq: self.seq,
                stamp: self.now,
                command: signed.encode(),
                reply: applied.reply,
                effects: applied.effects,
            }
        }

        fn spend(&mut self, view: u8) -> Applied {
            let command = Command::Spend {
                account: self.account(),
                view: ViewId([view; 16]),
                reply_key: [view; 32],
                device: DeviceId([1; 16]),
            };
            let signed = self
                .borrower
                .command(WallTime(self.now.0 + u64::from(view)), command);
            self.next(&signed)
        }

        fn revoke(&mut self) -> Applied {
            let adjust = Adjust {
                grant: GrantId([1; 16]),
                owner_sequence: 1,
                change: Change::Revoke,
                at: NOW,
            };
            let account = self.account();
            let command = Command::Adjust { account, adjust };
            self.next(&self.owner.command(WallTime(NOW.0 + 1), command))
        }
    }

    #[test]
    fn good_ones_pass() {
        let mut history = History::new();
        for entry in [history.spend(1), history.spend(2), history.revoke()] {
            history.judge.applied(entry.clone(), true).expect("is good");
            history
                .judge
                .applied(entry, true)
                .expect("another server's");
        }
        let account = history.account();
        let view = ViewId([1; 16]);
        history.judge.look_opens(account, view, 1).expect("counted");
    }

    #[test]
    fn a_look_whose_name_is_forgotten_opens_by_each_number_that_it_was_counted_by() {
        let mut history = History::with(2);
        let first = history.spend(1);
        history.now = WallTime(NOW.0 + 86_400_001);
        let second = history.spend(1);
        for entry in [first, second] {
            history.judge.applied(entry, true).expect("is good");
        }
        let (account, view) = (history.account(), ViewId([1; 16]));
        for ordinal in [2, 1] {
            let opens = history.judge.look_opens(account, view, ordinal);
            opens.expect("counted");
        }
        assert!(history.judge.look_opens(account, view, 3).is_err());
    }

    #[test]
    fn a_look_too_many_is_found() {
        let mut history = History::new();
        let first = history.spend(1);
        history.judge.applied(first.clone(), true).expect("is good");
        let mut second = history.spend(2);
        second.reply = Reply::Spent {
            ordinal: 2,
            remaining: 0,
            counted: second.seq,
            released: true,
        };
        assert!(history.judge.applied(second, true).is_err());
        let (account, view) = (history.account(), ViewId([2; 16]));
        assert!(history.judge.look_opens(account, view, 2).is_err());
    }

    #[test]
    fn servers_that_differ_are_found() {
        let mut history = History::new();
        let first = history.spend(1);
        history.judge.applied(first.clone(), true).expect("is good");
        let mut other = first.clone();
        other.reply = Reply::Refused(Refusal::Exhausted);
        assert!(history.judge.applied(other, true).is_err());
        let mut other = first.clone();
        other.effects.clear();
        assert!(history.judge.applied(other, true).is_err());
        // Erasures that were missed may come before.
        let mut restored = first;
        let (account, round) = (history.account(), 0);
        restored.effects.insert(0, Effect::Erase { account, round });
        assert!(history.judge.applied(restored, true).is_ok());
    }

    #[test]
    fn shares_of_what_is_revoked_and_shares_without_an_entry_are_found() {
        let mut history = History::new();
        let (spent, revoked) = (history.spend(1), history.revoke());
        let again = history.spend(1);
        for entry in [&spent, &revoked] {
            history.judge.applied(entry.clone(), true).expect("is good");
        }
        let mut released = again;
        released.reply = spent.reply;
        released.effects.clone_from(&spent.effects);
        assert!(history.judge.applied(released, true).is_err());
    }

    #[test]
    fn forged_and_old_orders_that_were_taken_are_found() {
        let mut history = History::new();
        let mut forged = history.spend(1);
        let mut signed = Signed::decode(&forged.command).expect("an order");
        signed.signature.0[0][0] ^= 1;
        forged.command = signed.encode();
        assert!(history.judge.applied(forged, true).is_err());
        let mut history = History::new();
        let mut old = history.spend(1);
        old.stamp = WallTime(NOW.0 + 2 * 3_600_000);
        assert!(history.judge.applied(old, true).is_err());
    }

    #[test]
    fn answers_that_nobody_applied_and_two_leaders_are_found() {
        let mut history = History::new();
        let entry = history.spend(1);
        let key = (0, 0, 7);
        history.judge.sent(key, Moment::START, &entry.command);
        let (seq, reply) = (entry.seq, entry.reply);
        let answer = Answer { seq, reply };
        assert!(
            history
                .judge
                .heard(key, Moment::from_millis(1), answer)
                .is_err()
        );
        history.judge.applied(entry, true).expect("is good");
        history
            .judge
            .heard(key, Moment::from_millis(1), answer)
            .expect("is applied");
        assert_eq!(history.judge.by_sequence(true), Ok([1, 0]));
        let (one, two) = (crate::proto::ids::NodeId(1), crate::proto::ids::NodeId(2));
        history.judge.leads(4, one).expect("the first");
        history.judge.leads(5, two).expect("of another term");
        assert!(history.judge.leads(4, two).is_err());
    }

    #[test]
    fn an_order_that_overtakes_an_answered_one_is_found() {
        let mut history = History::new();
        let (first, second) = (history.spend(1), history.spend(2));
        for (number, entry) in [(1, &second), (2, &first)] {
            let at = Moment::from_millis(10 * number);
            history.judge.sent((0, 0, number), at, &entry.command);
        }
        for entry in [&first, &second] {
            history.judge.applied(entry.clone(), true).expect("is good");
        }
        for (number, entry) in [(1, &second), (2, &first)] {
            let at = Moment::from_millis(10 * number + 5);
            let (seq, reply) = (entry.seq, entry.reply);
            let answer = Answer { seq, reply };
            history
                .judge
                .heard((0, 0, number), at, answer)
                .expect("is applied");
        }
        assert!(history.judge.by_sequence(true).is_err());
    }
}
