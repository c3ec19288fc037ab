//! What the owner orders.

use super::Account;
use crate::ledger::effect::Effect;
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::ids::{AccountId, Digest};
use crate::proto::lease::Adjust;
use crate::proto::ledger::{Opening, Refusal, Reply};
use crate::time::WallTime;

impl Account {
    /// The answer to an opening: the same one opened it, or another has its name.
    pub(in crate::ledger) fn opened(&self, opening: &Opening) -> Result<Reply, Refusal> {
        if self.opening == Digest::of(&codec::encode(opening)) {
            Ok(Reply::Opened(self.standing()))
        } else {
            Err(Refusal::Conflict)
        }
    }

    pub(super) fn adjust(
        &mut self,
        id: AccountId,
        now: WallTime,
        adjust: Adjust,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        if adjust.grant != self.grant {
            return Err(Refusal::Conflict);
        }
        // The owner sends changes in order and repeats them until they are answered, so nothing
        // has to wait here for those before it.
        if planted::is(Bug::ChangeOutOfOrder) && adjust.owner_sequence > self.terms.applied {
            self.terms.applied = adjust.owner_sequence - 1;
        }
        match adjust.owner_sequence.checked_sub(self.terms.applied) {
            None | Some(0) => {}
            Some(1) => {
                self.terms.adjust(adjust);
                self.changed_at = now;
                self.settle(id, now, effects);
            }
            Some(_) => return Err(Refusal::Gap),
        }
        Ok(Reply::Adjusted(self.standing()))
    }

    pub(super) fn rekey(
        &mut self,
        id: AccountId,
        now: WallTime,
        round: u32,
        share_hashes: &[Digest],
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        if round == self.round && share_hashes == self.share_hashes {
            return Ok(Reply::Rekeyed { round });
        }
        if self.terms.revoked {
            return Err(Refusal::Revoked);
        }
        if self.terms.is_expired(now) {
            return Err(Refusal::Expired);
        }
        let is_next = self.round.checked_add(1) == Some(round);
        if !is_next || share_hashes.len() != self.share_hashes.len() {
            return Err(Refusal::Conflict);
        }
        self.erase(id, effects);
        self.round = round;
        self.share_hashes = share_hashes.to_vec();
        self.keyed = true;
        self.changed_at = now;
        self.settle(id, now, effects);
        Ok(Reply::Rekeyed { round })
    }
}
