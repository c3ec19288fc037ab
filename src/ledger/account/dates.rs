//! What time alone does to an account, and when.

use super::Account;
use crate::ledger::checkout::Checkout;
use crate::ledger::effect::Effect;
use crate::ledger::looks::later;
use crate::planted::{self, Bug};
use crate::proto::ids::AccountId;
use crate::proto::ledger::Refusal;
use crate::proto::limits::{COMMAND_FRESH_MS, OPEN_WITHIN_MS, RELEASE_AGAIN_MS};
use crate::time::WallTime;

/// How long a revoked account is remembered: two days, so longer than anybody can open it again.
const REVOKED_KEPT_MS: u64 = 2 * 86_400_000;

const _: () = assert!(REVOKED_KEPT_MS > OPEN_WITHIN_MS + COMMAND_FRESH_MS);

/// How long an account that gives no looks is remembered after the last change, for the owner to
/// bring it back: 90 days.
const OVER_KEPT_MS: u64 = 90 * 86_400_000;

impl Account {
    /// Brings the account up to date with the time.
    pub(in crate::ledger) fn settle(
        &mut self,
        id: AccountId,
        now: WallTime,
        effects: &mut Vec<Effect>,
    ) {
        self.looks.forget(now);
        for checkout in self.checkouts.values_mut() {
            checkout.settle(now);
        }
        self.checkouts
            .retain(|_, checkout| !checkout.is_forgotten(now));
        if self.erase_due().is_some_and(|at| at <= now) {
            self.erase(id, effects);
        }
    }

    /// Whether it can be forgotten as a whole.
    pub(in crate::ledger) fn is_forgotten(&self, now: WallTime) -> bool {
        self.forget_due().is_some_and(|at| at <= now)
    }

    /// When time alone changes it next.
    pub(in crate::ledger) fn due(&self) -> Option<WallTime> {
        let checkouts = self.checkouts.values().map(Checkout::next_due);
        let others = [self.looks.next_due(), self.erase_due(), self.forget_due()];
        checkouts.chain(others.into_iter().flatten()).min()
    }

    pub(super) fn gives_looks(&self, now: WallTime) -> Result<(), Refusal> {
        if self.terms.revoked {
            return Err(Refusal::Revoked);
        }
        if self.terms.is_expired(now) {
            return Err(Refusal::Expired);
        }
        match self.not_before {
            Some(not_before) if now < not_before => Err(Refusal::Early { not_before }),
            _ if self.keyed => Ok(()),
            _ => Err(Refusal::Keyless),
        }
    }

    pub(super) fn gives_shares(&self, now: WallTime) -> bool {
        self.keyed && !self.terms.revoked && !self.terms.is_expired(now)
    }

    /// Whether every look is used, and none can come back but by the owner.
    fn is_used_up(&self) -> bool {
        self.terms.left() == 0 && self.escrowed() == 0
    }

    /// When the shares go: at once when revoked, at the end date, and when the last look has had
    /// its time to be asked for again.
    fn erase_due(&self) -> Option<WallTime> {
        if !self.keyed {
            return None;
        }
        if self.terms.revoked {
            if planted::is(Bug::RevokedKeepsShares) {
                return None;
            }
            return Some(WallTime(0));
        }
        let used_up = self
            .is_used_up()
            .then(|| later(self.changed_at, RELEASE_AGAIN_MS));
        self.terms.until.into_iter().chain(used_up).min()
    }

    /// When the account goes. What it remembers of looks and checkouts goes before.
    fn forget_due(&self) -> Option<WallTime> {
        if self.looks.len() > 0 || !self.checkouts.is_empty() {
            return None;
        }
        if self.terms.revoked {
            return Some(later(self.changed_at, REVOKED_KEPT_MS));
        }
        let last = later(self.changed_at, OVER_KEPT_MS);
        if self.is_used_up() {
            return Some(last);
        }
        self.terms.until.map(|until| until.max(last))
    }

    pub(super) fn erase(&mut self, account: AccountId, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.keyed) {
            effects.push(Effect::Erase {
                account,
                round: self.round,
            });
        }
    }
}
