//! Looks that go to a device, and what comes back of them.

use super::Account;
use crate::ledger::Position;
use crate::ledger::bounds::Space;
use crate::ledger::checkout::{CheckIn, Checkout, State};
use crate::ledger::effect::{Effect, Loan};
use crate::ledger::evidence::Evidence;
use crate::ledger::looks::later;
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::ids::{AccountId, CheckoutId, Digest};
use crate::proto::ledger::{Command, Refusal, Reply, Signed};
use crate::proto::limits::CHECKOUT_MS;

impl Account {
    /// `command` is an escrow.
    pub(super) fn escrow(
        &mut self,
        (id, at): (AccountId, Position),
        command: &Command,
        is_new: Result<(), Refusal>,
        space: &Space,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let &Command::Escrow {
            checkout: name,
            device,
            reply_key,
            looks,
            until,
            ..
        } = command
        else {
            return Err(Refusal::Malformed);
        };
        let order = Digest::of(&codec::encode(command));
        if let Some(checkout) = self.checkouts.get(&name) {
            if checkout.order != order {
                return Err(Refusal::Conflict);
            }
            let is_lent = checkout.state == State::Out && checkout.is_recent(at.now);
            let released = is_lent && self.gives_shares(at.now);
            return Ok(self.lent((id, name), checkout, reply_key, released, effects));
        }
        is_new?;
        self.gives_looks(at.now)?;
        let week = later(at.now, CHECKOUT_MS);
        let until = until.min(week).min(self.terms.until.unwrap_or(week));
        if until <= at.now {
            return Err(Refusal::Bounds);
        }
        if looks > self.terms.left() {
            return Err(Refusal::Exhausted);
        }
        if looks > self.offline_max.saturating_sub(self.escrowed()) {
            return Err(Refusal::Offline);
        }
        space.for_checkout(self.checkouts_kept())?;
        self.terms.used += looks;
        self.changed_at = at.now;
        let checkout = Checkout::new(
            (id, name),
            (order, device),
            (looks, until, self.terms.left()),
            (at.now, at.seq),
        );
        let reply = self.lent((id, name), &checkout, reply_key, true, effects);
        self.checkouts.insert(name, checkout);
        Ok(reply)
    }

    fn lent(
        &self,
        (account, name): (AccountId, CheckoutId),
        checkout: &Checkout,
        reply_key: [u8; 32],
        released: bool,
        effects: &mut Vec<Effect>,
    ) -> Reply {
        if released {
            effects.push(Effect::Lend(Loan {
                account,
                round: self.round,
                borrower: self.borrower,
                checkout: name,
                device: checkout.device,
                reply_key,
                looks: checkout.looks,
                until: checkout.until,
                seq: checkout.seq,
            }));
        }
        Reply::Escrowed {
            looks: checkout.looks,
            until: checkout.until,
            remaining: checkout.remaining,
            counted: checkout.seq,
            released,
        }
    }

    /// `signed` is a check-in.
    pub(super) fn check_in(
        &mut self,
        (id, at): (AccountId, Position),
        signed: &Signed,
        space: &Space,
        effects: &mut Vec<Effect>,
    ) -> Result<Reply, Refusal> {
        let Command::CheckIn {
            checkout: name,
            from,
            views,
            head,
            returns,
            ..
        } = &signed.command
        else {
            return Err(Refusal::Malformed);
        };
        let told = CheckIn {
            order: Digest::of(&codec::encode(&signed.command)),
            from: *from,
            views,
            head: *head,
            returns: *returns,
        };
        let checkout = self.checkouts.get_mut(name).ok_or(Refusal::Unknown)?;
        match checkout.check_in(&told) {
            Ok(returned) => {
                self.terms.used -= returned;
                self.changed_at = at.now;
                Ok(Reply::CheckedIn {
                    length: checkout.log.length,
                    returned: checkout.returned,
                    closed: checkout.state == State::Closed,
                    remaining: self.terms.left(),
                })
            }
            Err(Refusal::Fork) if !planted::is(Bug::ForkIgnored) => {
                let kept = space.for_evidence().then_some(signed);
                self.fork(id, at, *name, kept, effects);
                Err(Refusal::Fork)
            }
            Err(other) => Err(other),
        }
    }

    /// Ends the grant because two copies of a device were used. The first evidence is
    /// what the owner gets.
    fn fork(
        &mut self,
        id: AccountId,
        at: Position,
        name: CheckoutId,
        signed: Option<&Signed>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(checkout) = self.checkouts.get_mut(&name) else {
            return;
        };
        if checkout.state == State::Out {
            checkout.state = State::Forked;
        }
        if self.evidence.is_some() {
            return;
        }
        self.evidence = Some(Evidence {
            at: at.now,
            seq: at.seq,
            checkout: name,
            told: checkout.log,
            signed: signed.cloned().map(Box::new),
        });
        self.terms.revoked = true;
        self.changed_at = at.now;
        self.erase(id, effects);
        effects.push(Effect::Forked {
            account: id,
            owner: self.owner,
            borrower: self.borrower,
        });
    }
}
