//! Every account as it would be booked by hand, along the log: what the ledger answered is held
//! against [`Model`], which was written without looking at the ledger, and what it lets out and
//! erases against what was answered.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::Holds;
use super::watched::Applied;
use crate::crypto::identity::verify_command;
use crate::ledger::check::model::{Model, Outcome};
use crate::ledger::{Effect, Release};
use crate::proto::codec;
use crate::proto::ids::{AccountId, Digest, UserId, ViewId};
use crate::proto::ledger::{Command, Refusal, Reply, Signed};
use crate::proto::limits::COMMAND_FRESH_MS;
use crate::time::WallTime;

/// Names of looks are remembered for so long, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// One account.
#[derive(Debug, Default)]
struct Book {
    model: Model,
    /// Owner and borrower.
    people: Option<(UserId, UserId)>,
    most_granted: u32,
    revoked: bool,
    /// The last round that was erased.
    erased: Option<u32>,
    /// The round of the shares.
    round: u32,
    /// What was let out for a look, and when.
    released: BTreeMap<ViewId, (Release, WallTime)>,
    /// Looks that were counted anew since, by number: what was let out first may still arrive.
    counted_anew: BTreeSet<(ViewId, u32)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Books {
    now: WallTime,
    books: BTreeMap<AccountId, Book>,
    /// Orders that were refused for good.
    refused: BTreeSet<Digest>,
    /// Check-ins that showed two copies of a device.
    forks: BTreeMap<AccountId, u64>,
}

impl Books {
    /// What was let out for a look.
    pub(super) fn released(&self, account: AccountId, view: ViewId) -> Option<&Release> {
        let (release, _) = self.books.get(&account)?.released.get(&view)?;
        Some(release)
    }

    /// Whether a look was let out under this number.
    pub(super) fn was_released(&self, account: AccountId, view: ViewId, ordinal: u32) -> bool {
        let last = self.released(account, view);
        last.is_some_and(|release| release.ordinal == ordinal)
            || self
                .books
                .get(&account)
                .is_some_and(|book| book.counted_anew.contains(&(view, ordinal)))
    }

    /// The most looks that were ever granted.
    pub(super) fn most_granted(&self, account: AccountId) -> u32 {
        self.books.get(&account).map_or(0, |book| book.most_granted)
    }

    /// Accounts with a fork.
    pub(super) fn forked(&self) -> impl Iterator<Item = AccountId> {
        self.forks.keys().copied()
    }

    /// Of accounts that are revoked the round of the shares, and the last one erased.
    pub(super) fn revoked(&self) -> impl Iterator<Item = (u32, Option<u32>)> {
        let revoked = self.books.values().filter(|book| book.revoked);
        revoked.map(|book| (book.round, book.erased))
    }

    /// The last round of an account that was erased.
    pub(super) fn erased(&self, account: AccountId) -> Option<u32> {
        self.books.get(&account)?.erased
    }

    /// Books an entry. `verify`: signatures count.
    pub(super) fn book(&mut self, entry: &Applied, signed: Option<&Signed>, verify: bool) -> Holds {
        self.now = self.now.max(entry.stamp);
        let Some(signed) = signed else {
            let expected = if entry.command.is_empty() {
                Reply::Time(self.now)
            } else {
                Reply::Refused(Refusal::Malformed)
            };
            if entry.reply != expected {
                return Err(format!("{:?} to an entry without an order", entry.reply));
            }
            return self.effects(entry);
        };
        let account = signed.command.account(signed.principal.user_id());
        self.order(entry, signed, account, verify)
            .map_err(|what| format!("at {}: {what}; {signed:?}", entry.seq))?;
        self.effects(entry)
            .map_err(|what| format!("at {}: {what}; {signed:?}", entry.seq))
    }

    fn order(
        &mut self,
        entry: &Applied,
        signed: &Signed,
        account: AccountId,
        verify: bool,
    ) -> Holds {
        if let Reply::Refused(refusal) = entry.reply {
            if refusal == Refusal::Past {
                return Err("an entry was applied twice".into());
            }
            if !is_of_the_books(refusal) {
                return Ok(());
            }
        }
        if verify && !verify_command(signed) {
            return Err(format!("a forged order was taken: {:?}", entry.reply));
        }
        if self.now.0.abs_diff(signed.at.0) > COMMAND_FRESH_MS {
            return Err(format!("an old order was taken: {:?}", entry.reply));
        }
        let (now, principal) = (self.now, signed.principal.user_id());
        let book = self.books.entry(account).or_default();
        if book
            .people
            .is_some_and(|people| person(people, &signed.command) != principal)
        {
            return Err(format!("a stranger's order was taken: {:?}", entry.reply));
        }
        let expected = book.model.step(now, &signed.command);
        let heard = Outcome::of(entry.reply);
        if heard != expected.map(Some) {
            return Err(format!(
                "{:?} was answered, the books say {expected:?}",
                entry.reply
            ));
        }
        if let Some((granted, used, out)) = book.model.totals() {
            book.most_granted = book.most_granted.max(granted);
            if used + out > granted {
                return Err(format!("{used} used and {out} lent of {granted}"));
            }
        }
        if let Command::Open(opening) = &signed.command {
            book.people.get_or_insert((principal, opening.borrower));
        }
        match (heard, &signed.command) {
            (Ok(Some(Outcome::Stands(.., revoked))), _) => book.revoked |= revoked,
            (Ok(Some(Outcome::Rekeyed(round))), _) => book.round = round,
            (Err(Refusal::Fork), _) => {
                book.revoked = true;
                *self.forks.entry(account).or_default() += 1;
            }
            _ => {}
        }
        let digest = Digest::of(&codec::encode(signed));
        if heard.is_err() {
            self.refused.insert(digest);
        } else if self.refused.contains(&digest) && is_new(entry) {
            return Err("an order that was refused before took effect".into());
        }
        Ok(())
    }

    fn effects(&mut self, entry: &Applied) -> Holds {
        for effect in &entry.effects {
            match effect {
                Effect::Erase { account, round } => {
                    let erased = &mut self.books.entry(*account).or_default().erased;
                    *erased = (*erased).max(Some(*round));
                }
                Effect::Release(release) => self.release(entry, release)?,
                Effect::Lend(loan) => {
                    let book = self.books.entry(loan.account).or_default();
                    if book.revoked || book.erased >= Some(loan.round) {
                        return Err(format!("shares are lent of what is over: {loan:?}"));
                    }
                    if !matches!(entry.reply, Reply::Escrowed { released: true, counted, .. }
                        if counted == loan.seq)
                    {
                        return Err(format!("shares are lent without an order: {loan:?}"));
                    }
                }
                Effect::Forked { .. } => {}
            }
        }
        Ok(())
    }

    fn release(&mut self, entry: &Applied, release: &Release) -> Holds {
        let book = self.books.entry(release.account).or_default();
        if book.revoked || book.erased >= Some(release.round) {
            return Err(format!("shares are let out of what is over: {release:?}"));
        }
        let is_counted = matches!(entry.reply, Reply::Spent { released: true, ordinal, counted, .. }
            if (ordinal, counted) == (release.ordinal, release.seq));
        if !is_counted {
            return Err(format!("shares are let out without a look: {release:?}"));
        }
        // Names are forgotten after a day, so where the servers' time jumps that far a look may be
        // counted anew.
        let now = self.now;
        let is_forgotten = |at: WallTime| is_new(entry) && now.0 >= at.0 + DAY_MS;
        if let Some((first, at)) = book.released.get(&release.view)
            && is_forgotten(*at)
        {
            book.counted_anew.insert((first.view, first.ordinal));
            book.released.remove(&release.view);
        }
        let known = book.released.entry(release.view);
        let (mut first, _) = *known.or_insert((*release, now));
        // Only the round of the shares may be another.
        first.round = release.round;
        if first != *release {
            return Err(format!("a look is let out as {first:?} and as {release:?}"));
        }
        let same = |other: &&(Release, WallTime)| other.0.ordinal == release.ordinal;
        if book.released.values().filter(same).count() > 1 {
            return Err(format!("two looks have the number {}", release.ordinal));
        }
        Ok(())
    }
}

/// Whether the order took effect here, not before.
const fn is_new(entry: &Applied) -> bool {
    match entry.reply {
        Reply::Spent { counted, .. } | Reply::Escrowed { counted, .. } => counted == entry.seq,
        _ => false,
    }
}

/// Whether it says something of the account; the others are of bounds, time and who ordered.
const fn is_of_the_books(refusal: Refusal) -> bool {
    !matches!(
        refusal,
        Refusal::Bounds
            | Refusal::Time { .. }
            | Refusal::Signature
            | Refusal::Stranger
            | Refusal::Full(_)
    )
}

/// Who may give an order.
const fn person((owner, borrower): (UserId, UserId), command: &Command) -> UserId {
    match command {
        Command::Spend { .. } | Command::Escrow { .. } | Command::CheckIn { .. } => borrower,
        Command::Open(_) | Command::Adjust { .. } | Command::Rekey { .. } => owner,
    }
}
