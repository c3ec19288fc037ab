//! One look: counted once, let out again for a moment.

use super::Account;
use crate::ledger::Position;
use crate::ledger::bounds::Space;
use crate::ledger::effect::{Effect, Release};
use crate::ledger::looks::{Look, Looks};
use crate::planted::{self, Bug};
use crate::proto::ids::{AccountId, ViewId};
use crate::proto::ledger::{Refusal, Reply};

impl Account {
    /// What a snapshot without the names of looks would leave.
    pub(in crate::ledger) fn forget_looks(&mut self) {
        self.looks = Looks::default();
    }

    pub(super) fn spend(
        &mut self,
        (id, at): (AccountId, Position),
        (view, reply_key): (ViewId, [u8; 32]),
        is_new: Result<(), Refusal>,
        space: &Space,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let known = self.looks.find(view);
        if let Some((look, key)) = known.filter(|_| !planted::is(Bug::LookCountedTwice)) {
            return match key {
                Some(key) if *key != reply_key => Err(Refusal::Conflict),
                // For a minute its shares are let out again.
                Some(_) if self.gives_shares(at.now) => {
                    effects.push(Effect::Release(self.release(id, look, reply_key)));
                    Ok(spent(look, true))
                }
                _ => Ok(spent(look, false)),
            };
        }
        is_new?;
        self.gives_looks(at.now)?;
        let left = self.terms.left();
        let is_lent = planted::is(Bug::EscrowNotCounted) && self.escrowed() > 0;
        if left == 0 && !is_lent {
            return Err(Refusal::Exhausted);
        }
        space.for_look(self.looks.len())?;
        let ordinal = self.standing().spent + 1;
        self.terms.used += 1;
        let look = Look {
            view,
            ordinal,
            remaining: self.terms.left(),
            at: at.now,
            seq: at.seq,
        };
        self.looks.push(look, reply_key);
        self.changed_at = at.now;
        effects.push(Effect::Release(self.release(id, &look, reply_key)));
        Ok(spent(&look, true))
    }

    const fn release(&self, account: AccountId, look: &Look, reply_key: [u8; 32]) -> Release {
        Release {
            account,
            round: self.round,
            borrower: self.borrower,
            view: look.view,
            reply_key,
            ordinal: look.ordinal,
            remaining: look.remaining,
            seq: look.seq,
        }
    }
}

const fn spent(look: &Look, released: bool) -> Reply {
    Reply::Spent {
        ordinal: look.ordinal,
        remaining: look.remaining,
        counted: look.seq,
        released,
    }
}
