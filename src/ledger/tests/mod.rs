//! What the ledger promises, order by order.

use super::*;
use crate::crypto::identity::SecretIdentity;
use crate::proto::ids::{CheckoutId, DeviceId, Digest, GrantId, ViewId};
use crate::proto::lease::{Adjust, Change};
use crate::proto::ledger::{LoggedView, ViewLog};

mod bounded;
mod changing;
mod flow;
mod looking;
mod offline;
pub(crate) mod planted;
mod random;
mod restored;

pub(super) const OWNER: u8 = 1;
pub(super) const BORROWER: u8 = 2;
pub(super) const SECOND: u64 = 1_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;
/// When the tests begin.
pub(super) const T0: u64 = 1_000 * DAY;

/// A ledger and its clock. Orders are signed when they are given, each a millisecond later.
pub(super) struct World {
    pub(super) ledger: Ledger,
    pub(super) seq: u64,
    pub(super) now: u64,
}

impl World {
    pub(super) fn new() -> Self {
        Self::bounded(Bounds::default())
    }

    pub(super) fn bounded(bounds: Bounds) -> Self {
        Self {
            ledger: Ledger::new(bounds),
            seq: 0,
            now: T0,
        }
    }

    /// With one grant of `looks` looks, of which so many may be used offline.
    pub(super) fn with_grant(looks: u32, offline_max: u32) -> Self {
        let mut world = Self::new();
        let opened = world.owner(Command::Open(opening(looks, offline_max)));
        assert!(matches!(opened.reply, Reply::Opened(_)), "{opened:?}");
        world
    }

    pub(super) fn entry(&mut self, entry: &Entry) -> Applied {
        self.seq += 1;
        let applied = self.ledger.apply_authentic(self.seq, entry);
        sound(&self.ledger);
        applied
    }

    pub(super) fn signed(&mut self, signed: Signed) -> Applied {
        self.now += 1;
        let stamp = WallTime(self.now);
        self.entry(&Entry {
            stamp,
            signed: Some(signed),
        })
    }

    pub(super) fn order(&mut self, who: u8, command: Command) -> Applied {
        let signed = sign(who, self.now + 1, command);
        self.signed(signed)
    }

    pub(super) fn owner(&mut self, command: Command) -> Applied {
        self.order(OWNER, command)
    }

    pub(super) fn borrower(&mut self, command: Command) -> Applied {
        self.order(BORROWER, command)
    }

    pub(super) fn pass(&mut self, milliseconds: u64) -> Vec<Effect> {
        self.now += milliseconds;
        let stamp = WallTime(self.now);
        let ticked = self.entry(&Entry {
            stamp,
            signed: None,
        });
        assert_eq!(ticked.reply, Reply::Time(self.ledger.now));
        ticked.effects
    }

    pub(super) fn change(&mut self, owner_sequence: u32, change: Change) -> Applied {
        self.owner(adjust(owner_sequence, change))
    }

    pub(super) fn account(&self) -> &Account {
        self.ledger.account(account()).expect("is open")
    }
}

/// A signature is made only where a test looks at it.
pub(super) fn sign(who: u8, at: u64, command: Command) -> Signed {
    Signed {
        principal: *identity(who).public(),
        at: WallTime(at),
        command,
        signature: crate::proto::identity::Signature([[0; 32]; 2]),
    }
}

pub(super) fn identity(who: u8) -> &'static SecretIdentity {
    use std::sync::LazyLock;
    static PEOPLE: LazyLock<Vec<SecretIdentity>> = LazyLock::new(|| {
        let people = 0..8;
        people
            .map(|who| SecretIdentity::from_secret([who; 32]))
            .collect()
    });
    &PEOPLE[usize::from(who)]
}

pub(super) fn user(who: u8) -> UserId {
    identity(who).user_id()
}

pub(super) fn opening(looks: u32, offline_max: u32) -> Opening {
    Opening {
        grant: GrantId([7; 16]),
        granted_at: WallTime(T0),
        borrower: user(BORROWER),
        looks,
        not_before: None,
        until: None,
        offline_max,
        threshold: 2,
        share_hashes: vec![Digest([1; 32]), Digest([2; 32]), Digest([3; 32])],
    }
}

pub(super) fn account() -> AccountId {
    opening(1, 0).account(user(OWNER))
}

pub(super) fn spend(view: u8) -> Command {
    spend_with(view, view)
}

pub(super) fn spend_with(view: u8, key: u8) -> Command {
    Command::Spend {
        account: account(),
        view: ViewId([view; 16]),
        reply_key: [key; 32],
        device: DeviceId([9; 16]),
    }
}

pub(super) fn adjust(owner_sequence: u32, change: Change) -> Command {
    Command::Adjust {
        account: account(),
        adjust: Adjust {
            grant: GrantId([7; 16]),
            owner_sequence,
            change,
            at: WallTime(T0),
        },
    }
}

pub(super) fn rekey(round: u32) -> Command {
    Command::Rekey {
        account: account(),
        round,
        share_hashes: vec![Digest([round as u8 + 10; 32]); 3],
    }
}

pub(super) fn escrow(checkout: u8, looks: u32, until: u64) -> Command {
    Command::Escrow {
        account: account(),
        checkout: CheckoutId([checkout; 16]),
        device: DeviceId([checkout; 16]),
        reply_key: [checkout; 32],
        looks,
        until: WallTime(until),
    }
}

/// A device with its log of looks, which can be copied.
#[derive(Clone)]
pub(super) struct Device {
    checkout: u8,
    log: ViewLog,
    views: Vec<LoggedView>,
}

impl Device {
    pub(super) fn new(checkout: u8) -> Self {
        let id = CheckoutId([checkout; 16]);
        Self {
            checkout,
            log: ViewLog::new(account(), id, DeviceId([checkout; 16])),
            views: Vec::new(),
        }
    }

    pub(super) fn look(&mut self, view: u8) {
        let look = LoggedView {
            view: ViewId([view; 16]),
            at: WallTime(T0),
        };
        self.log = self.log.with(look);
        self.views.push(look);
    }

    /// What was not told yet; it counts as told from now on.
    pub(super) fn check_in(&mut self, returns: bool) -> Command {
        let views = std::mem::take(&mut self.views);
        Command::CheckIn {
            account: account(),
            checkout: CheckoutId([self.checkout; 16]),
            from: self.log.length - views.len() as u32,
            views,
            head: self.log.head,
            returns,
        }
    }
}

/// Whether the ledger is in a good state, and what it keeps beside its accounts follows from them.
#[track_caller]
fn sound(ledger: &Ledger) {
    let mut kept = Kept::default();
    for (id, account) in ledger.accounts() {
        let is_sound = account.is_sound(ledger.now, ledger.applied);
        assert!(is_sound, "an account is not sound; {account:?}");
        let stands = account.standing();
        assert!(stands.spent + stands.escrowed <= stands.granted);
        kept = kept.changed(Kept::default(), account.kept());
        assert_eq!(
            account.due(),
            ledger
                .due
                .iter()
                .find(|(_, due)| *due == id)
                .map(|(at, _)| *at)
        );
    }
    assert_eq!(kept, ledger.kept);
    let owners: u32 = ledger.owners.values().sum();
    assert_eq!(owners as usize, ledger.accounts.len());
    assert_eq!(
        ledger.due.len(),
        ledger
            .accounts()
            .filter(|(_, one)| one.due().is_some())
            .count()
    );
}

fn refused(refusal: Refusal) -> Applied {
    Applied {
        reply: Reply::Refused(refusal),
        effects: Vec::new(),
    }
}
