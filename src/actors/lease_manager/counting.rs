//! The borrower's half of a look that the servers count, before the picture opens.

use rand_chacha::rand_core::Rng;

use super::super::edges::Ticket;
use super::super::looks::{Look, LookFault, LookOrder};
use super::jobs::Job;
use super::offline::account;
use super::{LeaseManager, Output, failed, failures};
use crate::actors::machine::Outbox;
use crate::crypto::shares::other_part;
use crate::crypto::static_key::StaticSecret;
use crate::proto::ids::{GrantId, ViewId};
use crate::proto::lease::{LogEntry, LogEvent};
use crate::proto::ledger::Refusal;
use crate::time::Moment;

impl LeaseManager {
    /// What opens the picture of the look that is claimed; none until the servers gave their part,
    /// for this look or for some that are here.
    pub(super) fn view_key(&self, now: Moment, id: GrantId) -> Option<[u8; 32]> {
        let lease = self.received.get(&id)?;
        let key = lease.key?;
        if lease.grant.lock.is_none() {
            return Some(key);
        }
        let claim = self.claims.get(&id)?;
        if let Some(look) = &claim.given {
            return Some(other_part(&key, &look.secret));
        }
        let at = self.config.calendar.at(now);
        let secret = lease.taken.as_ref()?.secret_for(claim.view, at)?;
        Some(other_part(&key, &secret))
    }

    /// Has a look counted that is claimed, and on disk.
    pub(super) fn count_first(
        &mut self,
        now: Moment,
        id: GrantId,
        view: ViewId,
        out: &mut Outbox<Output>,
    ) {
        if self
            .received
            .get(&id)
            .is_some_and(|lease| lease.taken.is_some())
        {
            return self.return_first(now, id, out);
        }
        let (me, device) = (self.config.me, self.device);
        let reply = self.reply_key(id, view);
        let order = self.opening(id, view).and_then(|(_, lease)| {
            let lock = lease.grant.lock.as_ref()?;
            Some(LookOrder {
                account: account(lease, me),
                view,
                reply: reply?,
                device,
                threshold: lock.threshold,
                share_hashes: lock.share_hashes.clone(),
            })
        });
        let Some(look) = order else {
            return self.fail_opening(now, id, failures::too_slow(), out);
        };
        let job = Job::CountLook(id, view);
        let ticket = self.jobs.add(self.look_end(now), job);
        out.push(Output::Look { ticket, look });
    }

    /// Looks that are here and of no use go back before one is asked for, so that the ledger counts
    /// in the order in which they were seen.
    fn return_first(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        if let Some(claim) = self.claims.get_mut(&id) {
            claim.waits_for_return = true;
        }
        self.check_in(now, id, out);
    }

    /// The key that shares for a look are sealed to: the same for the same look while we run.
    fn reply_key(&mut self, id: GrantId, view: ViewId) -> Option<StaticSecret> {
        let mut fresh = [0; 32];
        self.rng.fill_bytes(&mut fresh);
        let lease = self.received.get_mut(&id)?;
        let known = lease.run.reply.take().filter(|(of, _)| *of == view);
        let (_, key) = known.unwrap_or_else(|| (view, StaticSecret::from_bytes(fresh)));
        lease.run.reply = Some((view, key.clone()));
        Some(key)
    }

    /// The servers' word on a look.
    pub(super) fn looked(
        &mut self,
        now: Moment,
        ticket: Ticket,
        looked: Result<Look, LookFault>,
        out: &mut Outbox<Output>,
    ) {
        let Some(Job::CountLook(id, view)) = self.jobs.take(ticket) else {
            return;
        };
        if self.opening(id, view).is_none() {
            return;
        }
        match looked {
            Ok(look) => {
                let until = self.after(now, self.config.claim_ms);
                if let Some(claim) = self.claims.get_mut(&id) {
                    claim.given = Some(look);
                    claim.until = until;
                }
                self.read_view(now, id, view, out);
            }
            Err(LookFault::Late { ordinal, .. }) => {
                self.count_unshown(now, id, ordinal, out);
            }
            // For another key: of this program before it ended, or of a copy of it.
            Err(LookFault::Refused(Refusal::Conflict)) => self.count_unshown(now, id, None, out),
            Err(LookFault::Refused(refusal)) => self.not_counted(now, id, refusal, out),
            Err(LookFault::Unanswered) => {
                self.fail_view(now, id, failures::no_majority(), out);
            }
        }
    }

    fn not_counted(
        &mut self,
        now: Moment,
        id: GrantId,
        refusal: Refusal,
        out: &mut Outbox<Output>,
    ) {
        let Some(lease) = self.received.get(&id) else {
            return;
        };
        let (name, owner) = (&lease.grant.name, &lease.grant.owner_name);
        let failure = failures::not_counted(name, owner, refusal);
        self.fail_view(now, id, failure, out);
    }

    /// A look that was counted and that we cannot show, for the servers do not give their part
    /// again: it stands in the log, and its owner can give it back. Its number, if they told.
    fn count_unshown(
        &mut self,
        now: Moment,
        id: GrantId,
        ordinal: Option<u32>,
        out: &mut Outbox<Output>,
    ) {
        let Some(claim) = self.claims.remove(&id) else {
            return;
        };
        let at = self.config.calendar.at(now);
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        if let Some(ordinal) = ordinal {
            lease.believe(ordinal);
        }
        let ordinal = lease.count(claim.view, at).ordinal;
        let failure = failures::counted_unshown(&lease.grant.name, ordinal);
        let event = LogEvent::Viewed {
            view: claim.view,
            ordinal,
        };
        self.record(now, id, LogEntry { at, event }, Vec::new(), out);
        if let Some(wish) = claim.wish {
            out.push(failed(wish, failure));
        }
        self.settle(now, id, out);
    }
}
