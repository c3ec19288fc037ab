//! One look: counted once, let out again for a moment.

use super::Account;
use crate::ledger::Position;
use crate::ledger::bounds::Space;
use crate::ledger::effect::{Effect, Release};
use crate::ledger::looks::Look;
use crate::proto::ids::{AccountId, ViewId};
use crate::proto::ledger::{Refusal, Reply};

impl Account {
    pub(super) fn spend(
        &mut self,
        (id, at): (AccountId, Position),
        (view, reply_key): (ViewId, [u8; 32]),
        is_new: Result<(), Refusal>,
        space: &Space,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        if let Some(look) = self.looks.find(view).copied() {
            return if look.reply_key == reply_key {
                let released = look.is_recent(at.now) && self.gives_shares(at.now);
                Ok(self.spent(id, &look, released, effects))
            } else {
                Err(Refusal::Conflict)
            };
        }
        is_new?;
        self.gives_looks(at.now)?;
        if self.terms.left() == 0 {
            return Err(Refusal::Exhausted);
        }
        space.for_look(self.looks.len())?;
        let ordinal = self.standing().spent + 1;
        self.terms.used += 1;
        let look = Look {
            view,
            reply_key,
            ordinal,
            remaining: self.terms.left(),
            at: at.now,
            seq: at.seq,
        };
        self.looks.push(look);
        self.changed_at = at.now;
        Ok(self.spent(id, &look, true, effects))
    }

    fn spent(
        &self,
        account: AccountId,
        look: &Look,
        released: bool,
        effects: &mut Vec<Effect>,
    ) -> Reply {
        if released {
            effects.push(Effect::Release(Release {
                account,
                round: self.round,
                borrower: self.borrower,
                view: look.view,
                reply_key: look.reply_key,
                ordinal: look.ordinal,
                remaining: look.remaining,
                seq: look.seq,
            }));
        }
        Reply::Spent {
            ordinal: look.ordinal,
            remaining: look.remaining,
            counted: look.seq,
            released,
        }
    }
}
