//! The ledger: what every server makes of the agreed log, entry by entry.
//!
//! Decides whether a look is counted, which looks are with devices, what the owner's changes come
//! to, and when shares are let out and erased. It is a function of the entries alone: two servers
//! that applied the same entries hold the same bytes. It never waits, asks or sends; what follows
//! from an entry is told as [`Effect`]s, which every server carries out for itself.
//!
//! Invariants, at every position of the log and for every account:
//! - looks used and looks with devices are together at most the looks granted;
//! - numbers of looks begin at 1 and leave none out, and a name of a look has one number;
//! - shares are let out for counted looks only, and never after a revocation;
//! - an order counts once, however often it comes: orders are named, older ones than
//!   [`COMMAND_FRESH_MS`] are refused long before their names are forgotten, and one that was
//!   refused never counts later;
//! - memory is bounded by [`Bounds`].
//!
//! Time is the largest stamp of the log so far. A server's clock that runs ahead therefore ends
//! dates early, for all alike; the ledger cannot know better.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::identity::verify_command;
use crate::planted::{self, Bug};
use crate::proto::ids::{AccountId, UserId};
use crate::proto::ledger::{Command, Entry, Opening, Question, Refusal, Reply, Room, Signed};
use crate::proto::limits::{COMMAND_FRESH_MS, OPEN_WITHIN_MS};
use crate::time::WallTime;

pub use self::account::Account;
pub use self::bounds::Bounds;
use self::bounds::{Kept, Space};
pub use self::effect::{Effect, Loan, Release};
pub use self::evidence::Evidence;
use self::looks::later;
pub use self::snapshot::Damaged;
use self::snapshot::Row;

mod account;
mod bounds;
pub mod check;
mod checkout;
mod effect;
mod evidence;
mod looks;
mod snapshot;

/// Accounts that are brought up to date with the time by one entry, beside the one it is about. A
/// jump of the clock is worked off over several entries instead of in one long step.
const SETTLED_PER_ENTRY: usize = 1_024;

/// All accounts, as of one position in the log.
#[derive(Clone, Debug)]
pub struct Ledger {
    bounds: Bounds,
    /// The largest stamp so far.
    now: WallTime,
    /// Position of the last entry applied; 0 for none.
    applied: u64,
    accounts: BTreeMap<AccountId, Row>,
    /// When an account changes by time alone next. Follows from the accounts, like what is below.
    due: BTreeSet<(WallTime, AccountId)>,
    owners: BTreeMap<UserId, u32>,
    kept: Kept,
}

/// What an entry came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// For who ordered it.
    pub reply: Reply,
    /// For this server to carry out, in order.
    pub effects: Vec<Effect>,
}

/// When an order takes effect.
#[derive(Clone, Copy, Debug)]
struct Position {
    now: WallTime,
    seq: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl Ledger {
    /// A ledger without an account. All servers must have the same bounds.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            now: WallTime(0),
            applied: 0,
            accounts: BTreeMap::new(),
            due: BTreeSet::new(),
            owners: BTreeMap::new(),
            kept: Kept {
                looks: 0,
                checkouts: 0,
                evidence: 0,
            },
        }
    }

    /// The ledger's time: the largest stamp so far.
    #[must_use]
    pub const fn now(&self) -> WallTime {
        self.now
    }

    /// Position of the last entry applied; 0 for none.
    #[must_use]
    pub const fn applied(&self) -> u64 {
        self.applied
    }

    /// An account.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id).map(Row::account)
    }

    /// All accounts, in the order of their ids.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountId, &Account)> {
        self.accounts.iter().map(|(id, row)| (*id, row.account()))
    }

    /// Looks whose names are remembered.
    #[must_use]
    pub const fn looks_kept(&self) -> u32 {
        self.kept.looks
    }

    /// When the next account changes by time alone. A leader whose clock has passed it proposes,
    /// once a minute at most, an entry that tells the time, or shares stay longer than they should.
    #[must_use]
    pub fn next_due(&self) -> Option<WallTime> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether an order is worth a place in the log: a cheap look before it is proposed, on what
    /// this server has applied so far. `clock` is this server's; without one, dates are left to the
    /// log. What passes may still be refused when it is applied; what does not pass would be
    /// refused at every later position too, or may be sent again.
    ///
    /// # Errors
    /// Why it is not.
    pub fn admit(&self, clock: Option<WallTime>, signed: &Signed) -> Result<(), Refusal> {
        self.admit_authentic(clock, signed)?;
        if verify_command(signed) {
            Ok(())
        } else {
            Err(Refusal::Signature)
        }
    }

    /// As [`Ledger::admit`] for who simulates without signatures.
    ///
    /// # Errors
    /// Why it is not.
    pub fn admit_authentic(&self, clock: Option<WallTime>, signed: &Signed) -> Result<(), Refusal> {
        if !signed.command.is_within_bounds() {
            return Err(Refusal::Bounds);
        }
        let now = clock.map(|clock| clock.max(self.now));
        now.map_or(Ok(()), |now| is_fresh(now, signed.at))?;
        let principal = signed.principal.user_id();
        let id = signed.command.account(principal);
        match (&signed.command, self.account(id)) {
            (Command::Open(_), Some(_)) => {}
            (Command::Open(opening), None) => {
                now.map_or(Ok(()), |now| is_new_grant(now, opening.granted_at))?;
                self.room_for_account(principal)?;
            }
            // Its opening may be agreed on and not applied here yet.
            (_, None) => {}
            (Command::Spend { .. } | Command::Escrow { .. }, Some(account))
                if account.standing().revoked =>
            {
                account.may(principal, &signed.command)?;
                return Err(Refusal::Revoked);
            }
            (command, Some(account)) => account.may(principal, command)?,
        }
        Ok(())
    }

    /// Answers a question from what was applied so far.
    #[must_use]
    pub fn answer(&self, question: Question) -> Reply {
        match question {
            Question::Time => Reply::Time(self.now),
            Question::Account(id) => match self.account(id) {
                Some(account) => Reply::Stands(account.standing()),
                None => Reply::Refused(Refusal::Unknown),
            },
        }
    }

    /// Applies the entry at position `seq`, which is later than all before. Total: whatever the
    /// entry is, the ledger ends in a good state.
    pub fn apply(&mut self, seq: u64, entry: &Entry) -> Applied {
        let is_signed = entry.signed.as_ref().is_none_or(verify_command)
            || planted::is(Bug::SignatureNotChecked);
        self.apply_judged(seq, entry, is_signed)
    }

    /// As [`Ledger::apply`], from what was agreed on: the bytes of a [`Signed`], or none to tell
    /// the time. Bytes that are neither are refused, and change nothing but the position.
    pub fn apply_bytes(&mut self, seq: u64, stamp: WallTime, command: &[u8]) -> Applied {
        if let Ok(entry) = Entry::from_parts(stamp, command) {
            return self.apply(seq, &entry);
        }
        let reply = self.advance(seq).err().unwrap_or(Refusal::Malformed);
        Applied {
            reply: Reply::Refused(reply),
            effects: Vec::new(),
        }
    }

    /// As [`Ledger::apply`] for who has verified the signature before, or simulates without any.
    pub fn apply_authentic(&mut self, seq: u64, entry: &Entry) -> Applied {
        self.apply_judged(seq, entry, true)
    }

    fn apply_judged(&mut self, seq: u64, entry: &Entry, is_signed: bool) -> Applied {
        let mut effects = Vec::new();
        let reply = self.advance(seq).and_then(|()| {
            self.now = self.now.max(entry.stamp);
            if planted::is(Bug::TimeRunsBack) {
                self.now = entry.stamp;
            }
            self.settle_due(&mut effects);
            match &entry.signed {
                None => Ok(Reply::Time(self.now)),
                Some(_) if !is_signed => Err(Refusal::Signature),
                Some(signed) => self.order(seq, signed, &mut effects),
            }
        });
        Applied {
            reply: reply.unwrap_or_else(Reply::Refused),
            effects,
        }
    }

    fn advance(&mut self, seq: u64) -> Result<(), Refusal> {
        if seq <= self.applied {
            return Err(Refusal::Past);
        }
        self.applied = seq;
        Ok(())
    }

    fn order(
        &mut self,
        seq: u64,
        signed: &Signed,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        if !signed.command.is_within_bounds() {
            return Err(Refusal::Bounds);
        }
        is_fresh(self.now, signed.at)?;
        let at = Position { now: self.now, seq };
        let principal = signed.principal.user_id();
        let id = signed.command.account(principal);
        self.settle(id, effects);
        if let Command::Open(opening) = &signed.command {
            return self.open(id, principal, opening);
        }
        let account = self.account(id).ok_or(Refusal::Unknown)?;
        account.may(principal, &signed.command)?;
        let space = Space {
            bounds: self.bounds,
            kept: self.kept,
        };
        self.change(id, |account| account.order(id, at, signed, &space, effects))
            .ok_or(Refusal::Unknown)?
    }

    fn open(&mut self, id: AccountId, owner: UserId, opening: &Opening) -> Result<Reply, Refusal> {
        if let Some(account) = self.account(id) {
            return account.opened(opening);
        }
        is_new_grant(self.now, opening.granted_at)?;
        self.room_for_account(owner)?;
        let account = Account::new(self.now, owner, opening);
        let reply = account.opened(opening);
        *self.owners.entry(owner).or_default() += 1;
        self.due.extend(account.due().map(|at| (at, id)));
        self.accounts.insert(id, Row::new(account));
        reply
    }

    fn room_for_account(&self, owner: UserId) -> Result<(), Refusal> {
        let of_owner = self.owners.get(&owner).copied().unwrap_or(0);
        if of_owner >= self.bounds.accounts_per_owner {
            return Err(Refusal::Full(Room::AccountsOfOwner));
        }
        if self.accounts.len() >= self.bounds.accounts as usize {
            return Err(Refusal::Full(Room::Accounts));
        }
        Ok(())
    }

    /// Brings accounts up to date whose time has come, some of them if they are many.
    fn settle_due(&mut self, effects: &mut Vec<Effect>) {
        for _ in 0..SETTLED_PER_ENTRY {
            match self.due.first() {
                Some(&(at, id)) if at <= self.now => self.settle(id, effects),
                _ => return,
            }
        }
    }

    fn settle(&mut self, id: AccountId, effects: &mut Vec<Effect>) {
        let now = self.now;
        let is_over = self.change(id, |account| {
            account.settle(id, now, effects);
            account.is_forgotten(now)
        });
        if is_over == Some(true) {
            self.forget(id);
        }
    }

    /// Changes an account, and with it what follows from the accounts.
    fn change<T>(&mut self, id: AccountId, change: impl FnOnce(&mut Account) -> T) -> Option<T> {
        let account = self.accounts.get_mut(&id)?.account_mut();
        let (due, kept) = (account.due(), account.kept());
        let result = change(account);
        let (due_now, kept_now) = (account.due(), account.kept());
        self.kept = self.kept.changed(kept, kept_now);
        if due != due_now {
            if let Some(at) = due {
                self.due.remove(&(at, id));
            }
            self.due.extend(due_now.map(|at| (at, id)));
        }
        Some(result)
    }

    fn forget(&mut self, id: AccountId) {
        let Some(row) = self.accounts.remove(&id) else {
            return;
        };
        let account = row.account();
        self.kept = self.kept.changed(account.kept(), Kept::default());
        if let Some(at) = account.due() {
            self.due.remove(&(at, id));
        }
        let owner = account.owner();
        if let Some(count) = self.owners.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                self.owners.remove(&owner);
            }
        }
    }
}

/// Whether an order was signed about now.
fn is_fresh(now: WallTime, signed_at: WallTime) -> Result<(), Refusal> {
    if now.0.abs_diff(signed_at.0) <= COMMAND_FRESH_MS {
        Ok(())
    } else {
        Err(Refusal::Time { now })
    }
}

/// Whether a grant is of today. So an account that was revoked and forgotten is not opened again,
/// not even by an owner whose store was set back.
fn is_new_grant(now: WallTime, granted_at: WallTime) -> Result<(), Refusal> {
    let is_new =
        granted_at <= later(now, COMMAND_FRESH_MS) && now < later(granted_at, OPEN_WITHIN_MS);
    if is_new {
        Ok(())
    } else {
        Err(Refusal::Time { now })
    }
}

#[cfg(test)]
pub(crate) mod tests;
