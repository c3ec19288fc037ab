//! The account of one grant.
//!
//! [`Terms`] counts looks that are with devices as used: what a change may not take away is the
//! same for both. What is used in truth is that less what devices may still give back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Position;
use super::bounds::{Kept, Space};
use super::checkout::Checkout;
use super::effect::Effect;
use super::evidence::Evidence;
use super::looks::{Looks, later};
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::ids::{AccountId, CheckoutId, Digest, GrantId, UserId};
use crate::proto::lease::Terms;
use crate::proto::ledger::{Command, Opening, Refusal, Reply, Signed, Standing};
use crate::proto::limits::SERVERS_MAX;
use crate::time::WallTime;

mod changes;
mod dates;
mod look;
mod offline;

/// One grant, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    owner: UserId,
    borrower: UserId,
    grant: GrantId,
    /// Digest of the order that opened it.
    opening: Digest,
    not_before: Option<WallTime>,
    offline_max: u32,
    threshold: u8,
    share_hashes: Vec<Digest>,
    round: u32,
    /// Whether the servers have the shares of this round.
    keyed: bool,
    /// `used` counts looks with devices too.
    terms: Terms,
    looks: Looks,
    checkouts: BTreeMap<CheckoutId, Checkout>,
    evidence: Option<Evidence>,
    /// When an order last changed it.
    changed_at: WallTime,
    /// When the owner's latest order that was refused was signed.
    owner_refused: WallTime,
    /// The same for the borrower.
    borrower_refused: WallTime,
}

impl Account {
    pub(super) fn new(now: WallTime, owner: UserId, opening: &Opening) -> Self {
        Self {
            owner,
            borrower: opening.borrower,
            grant: opening.grant,
            opening: Digest::of(&codec::encode(opening)),
            not_before: opening.not_before,
            offline_max: opening.offline_max,
            threshold: opening.threshold,
            share_hashes: opening.share_hashes.clone(),
            round: 0,
            keyed: true,
            terms: Terms::new(opening.looks, opening.until),
            looks: Looks::default(),
            checkouts: BTreeMap::new(),
            evidence: None,
            changed_at: now,
            owner_refused: WallTime(0),
            borrower_refused: WallTime(0),
        }
    }

    /// Who gave the grant.
    #[must_use]
    pub const fn owner(&self) -> UserId {
        self.owner
    }

    /// Who may look.
    #[must_use]
    pub const fn borrower(&self) -> UserId {
        self.borrower
    }

    /// The grant, as owner and borrower call it.
    #[must_use]
    pub const fn grant(&self) -> GrantId {
        self.grant
    }

    /// Shares that make the servers' part of the key.
    #[must_use]
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }

    /// BLAKE3 of each server's share of the present round, in the order of the servers.
    #[must_use]
    pub fn share_hashes(&self) -> &[Digest] {
        &self.share_hashes
    }

    /// What shows that two copies of a device were used.
    #[must_use]
    pub const fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// How the account stands, whatever the date.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let escrowed = self.escrowed();
        Standing {
            granted: self.terms.granted,
            spent: self.terms.used - escrowed,
            escrowed,
            revoked: self.terms.revoked,
            until: self.terms.until,
            applied: self.terms.applied,
            round: self.round,
            keyed: self.keyed,
        }
    }

    /// Looks left at a time of the ledger: none before the first date and after the last.
    #[must_use]
    pub fn left_at(&self, now: WallTime) -> u32 {
        if self.not_before.is_some_and(|date| now < date) {
            0
        } else {
            self.terms.left_at(now)
        }
    }

    /// Whether `principal` may order `command` here.
    pub(super) fn may(&self, principal: UserId, command: &Command) -> Result<(), Refusal> {
        let who = if is_borrowers(command) {
            self.borrower
        } else {
            self.owner
        };
        if who == principal {
            Ok(())
        } else {
            Err(Refusal::Stranger)
        }
    }

    /// Carries out an order of who may give it.
    pub(super) fn order(
        &mut self,
        id: AccountId,
        at: Position,
        signed: &Signed,
        space: &Space,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let is_borrowers = is_borrowers(&signed.command);
        let refused = if is_borrowers {
            self.borrower_refused
        } else {
            self.owner_refused
        };
        // An order that is refused is refused for good: none that was signed before it counts any
        // more, so a late copy of it does nothing when the reason is gone.
        let is_new = if signed.at > refused || planted::is(Bug::RefusedCountsLater) {
            Ok(())
        } else {
            let now = at.now.max(later(refused, 1));
            Err(Refusal::Time { now })
        };
        let result = match &signed.command {
            Command::Open(opening) => self.opened(opening),
            Command::Spend {
                view, reply_key, ..
            } => self.spend((id, at), (*view, *reply_key), is_new, space, effects),
            Command::Escrow { .. } => {
                self.escrow((id, at), &signed.command, is_new, space, effects)
            }
            Command::CheckIn { .. } => {
                is_new.and_then(|()| self.check_in((id, at), signed, space, effects))
            }
            Command::Adjust { adjust, .. } => {
                is_new.and_then(|()| self.adjust(id, at.now, *adjust, effects))
            }
            Command::Rekey {
                round,
                share_hashes,
                ..
            } => is_new.and_then(|()| self.rekey(id, at.now, *round, share_hashes, effects)),
        };
        if !matches!(result, Ok(_) | Err(Refusal::Time { .. })) {
            let refused = if is_borrowers {
                &mut self.borrower_refused
            } else {
                &mut self.owner_refused
            };
            *refused = signed.at.max(*refused);
        }
        result
    }

    /// What it takes of the room that all accounts share.
    pub(super) fn kept(&self) -> Kept {
        let evidence = self.evidence.as_ref();
        Kept {
            looks: self.looks.len(),
            checkouts: self.checkouts_kept(),
            evidence: u32::from(evidence.is_some_and(|evidence| evidence.signed.is_some())),
        }
    }

    /// Whether this is a state that orders lead to, as far as one account tells.
    pub(super) fn is_sound(&self, now: WallTime, applied: u64) -> bool {
        let lent = self.checkouts.values().map(Checkout::outstanding);
        if lent.map(u64::from).sum::<u64>() > u64::from(self.terms.used) {
            return false;
        }
        let spent = self.terms.used - self.escrowed();
        self.terms.used <= self.terms.granted
            && self.terms.held.is_empty()
            && (1..=SERVERS_MAX).contains(&self.share_hashes.len())
            && !(self.keyed && self.terms.revoked)
            && self.changed_at <= now
            && self.looks.are_sound(spent, now, applied)
            && self.checkouts.values().all(Checkout::is_sound)
    }

    fn escrowed(&self) -> u32 {
        let outstanding = self.checkouts.values().map(Checkout::outstanding);
        outstanding.fold(0, u32::saturating_add)
    }

    fn checkouts_kept(&self) -> u32 {
        u32::try_from(self.checkouts.len()).unwrap_or(u32::MAX)
    }
}

/// Whether the borrower gives such orders; the others are the owner's.
const fn is_borrowers(command: &Command) -> bool {
    match command {
        Command::Spend { .. } | Command::Escrow { .. } | Command::CheckIn { .. } => true,
        Command::Open(_) | Command::Adjust { .. } | Command::Rekey { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::DeviceId;

    /// Looks with devices are counted further than a sum of them in an account can be.
    #[test]
    fn more_looks_with_devices_than_can_be_counted_are_not_sound() {
        let now = WallTime(5);
        let opening = Opening {
            grant: GrantId([1; 16]),
            granted_at: now,
            borrower: UserId([2; 32]),
            looks: u32::MAX,
            not_before: None,
            until: None,
            offline_max: 0,
            threshold: 1,
            share_hashes: vec![Digest([3; 32])],
        };
        let mut account = Account::new(now, UserId([1; 32]), &opening);
        account.terms.used = u32::MAX;
        for (name, is_sound) in [(1, true), (2, false)] {
            let id = CheckoutId([name; 16]);
            let checkout = Checkout::new(
                (opening.account(UserId([1; 32])), id),
                (Digest([4; 32]), DeviceId([5; 16])),
                (u32::MAX, now, 0),
                (now, 1),
            );
            account.checkouts.insert(id, checkout);
            assert_eq!(account.is_sound(now, 1), is_sound);
        }
    }
}
