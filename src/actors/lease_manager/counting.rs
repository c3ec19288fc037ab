//! The borrower's half of a look that the servers count, before the picture opens.

use super::super::edges::Ticket;
use super::super::looks::{Look, LookFault, LookOrder};
use super::jobs::Job;
use super::{LeaseManager, Output, failed, failures};
use crate::actors::machine::Outbox;
use crate::crypto::shares::other_part;
use crate::crypto::static_key::StaticSecret;
use crate::proto::ids::{AccountId, DeviceId, GrantId, UserId, ViewId};
use crate::proto::lease::{LogEntry, LogEvent};
use crate::proto::ledger::Refusal;
use crate::time::Moment;

impl LeaseManager {
    /// What opens the picture of the look that is claimed; none until the servers gave their part.
    pub(super) fn view_key(&self, id: GrantId) -> Option<[u8; 32]> {
        let lease = self.received.get(&id)?;
        let key = lease.key?;
        if lease.grant.lock.is_none() {
            return Some(key);
        }
        let look = self.claims.get(&id)?.given.as_ref()?;
        Some(other_part(&key, &look.secret))
    }

    /// Has a look counted that is claimed, and on disk.
    pub(super) fn count_first(
        &mut self,
        now: Moment,
        id: GrantId,
        view: ViewId,
        out: &mut Outbox<Output>,
    ) {
        let me = self.config.me;
        let order = self.opening(id, view).and_then(|(_, lease)| {
            let (lock, part) = (lease.grant.lock.as_ref()?, lease.key?);
            let owner = lease.owner.user_id();
            Some(LookOrder {
                account: AccountId::of(owner, me, id, lease.grant.granted_at),
                view,
                reply: reply_key(&part, view),
                device: device(me),
                threshold: lock.threshold,
                share_hashes: lock.share_hashes.clone(),
            })
        });
        let Some(look) = order else {
            return self.fail_view(now, id, failures::too_slow(), out);
        };
        let job = Job::CountLook(id, view);
        let ticket = self.jobs.add(self.step_end(now), job);
        out.push(Output::Look { ticket, look });
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
            Err(LookFault::Late { ordinal, .. }) => self.count_unshown(now, id, ordinal, out),
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
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        lease.unshown = None;
        let (name, owner) = (&lease.grant.name, &lease.grant.owner_name);
        let failure = failures::not_counted(name, owner, refusal);
        self.fail_view(now, id, failure, out);
    }

    /// A look that was counted and not shown, too long ago for the servers to give their part
    /// again: it stands in the log, and its owner can give it back.
    fn count_unshown(&mut self, now: Moment, id: GrantId, ordinal: u32, out: &mut Outbox<Output>) {
        let Some(claim) = self.claims.remove(&id) else {
            return;
        };
        let at = self.config.calendar.at(now);
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        lease.believe(ordinal);
        lease.count(claim.view, at);
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

/// The key that shares for a look are sealed to. It follows from our part of the content key, so
/// that the same look can be asked for again after a crash.
fn reply_key(part: &[u8; 32], view: ViewId) -> StaticSecret {
    let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 key of a look");
    hasher.update(part);
    hasher.update(&view.0);
    StaticSecret::from_bytes(*hasher.finalize().as_bytes())
}

/// A home is one device.
fn device(me: UserId) -> DeviceId {
    let hash = blake3::derive_key("pentimento 1 device of a home", &me.0);
    let mut id = DeviceId([0; 16]);
    id.0.copy_from_slice(&hash[..16]);
    id
}
