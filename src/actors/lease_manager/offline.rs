//! The borrower's half of looks without the servers: taken, used, given back.
//!
//! What may be done with looks that are here is decided in `taken.rs`, what becomes of them by the
//! ledger. This carries orders and answers between the two.

use rand_chacha::rand_core::Rng;

use super::super::edges::Ticket;
use super::super::looks::{Lent, LoanOrder, LookFault};
use super::borrower::named;
use super::jobs::{Job, RowKey, Then};
use super::naming;
use super::received::{FileState, Received};
use super::taken::Taken;
use super::{LeaseManager, Output, done, failed, failures};
use crate::actors::machine::Outbox;
use crate::crypto::static_key::StaticSecret;
use crate::proto::control::{Failure, Outcome};
use crate::proto::ids::{AccountId, CheckoutId, GrantId, UserId, WishId};
use crate::proto::lease::{EndReason, LogEntry, LogEvent};
use crate::proto::ledger::{Answer, Refusal, Reply};
use crate::proto::limits::{CHECKOUT_LOOKS_MAX, CHECKOUT_MS};
use crate::time::{Moment, WallTime};

impl LeaseManager {
    /// A person wants looks here. What is asked for is on disk before it is asked.
    pub(super) fn take_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        lease: &str,
        (looks, until): (Option<u32>, Option<WallTime>),
        out: &mut Outbox<Output>,
    ) {
        let found = naming::find(lease, self.received.values().map(named));
        let at = self.config.calendar.at(now);
        let wanted = found.and_then(|id| {
            self.settle(now, id, out);
            let lease = self.received.get(&id);
            let lease = lease.ok_or_else(|| failures::not_found(&id.short()))?;
            may_take(lease, looks).map(|looks| (id, looks))
        });
        let (id, looks) = match wanted {
            Ok(wanted) => wanted,
            Err(failure) => return out.push(failed(wish, failure)),
        };
        let week = WallTime(at.0.saturating_add(CHECKOUT_MS));
        let mut checkout = CheckoutId([0; 16]);
        self.rng.fill_bytes(&mut checkout.0);
        if let Some(lease) = self.received.get_mut(&id) {
            let until = until.unwrap_or(week);
            lease.taken = Some(Taken::asked(checkout, looks, until, at));
            lease.run.wanted = Some((looks, until));
        }
        let then = Then::Borrow {
            grant: id,
            checkout,
            wish,
        };
        self.store(
            now,
            vec![RowKey::Received(id), RowKey::Device],
            vec![then],
            out,
        );
    }

    /// Asks the servers for looks. The key of the answer is in memory only: of two copies of this
    /// program one gets them.
    pub(super) fn borrow_looks(
        &mut self,
        now: Moment,
        id: GrantId,
        (checkout, wish): (CheckoutId, WishId),
        out: &mut Outbox<Output>,
    ) {
        let mut reply = [0; 32];
        self.rng.fill_bytes(&mut reply);
        let (me, device) = (self.config.me, self.device);
        let order = self.received.get_mut(&id).and_then(|lease| {
            lease.taken.as_ref().filter(|of| of.checkout == checkout)?;
            let (looks, until) = lease.run.wanted.take()?;
            let lock = lease.grant.lock.as_ref()?;
            Some(LoanOrder {
                account: account(lease, me),
                checkout,
                reply: StaticSecret::from_bytes(reply),
                device,
                looks,
                until,
                threshold: lock.threshold,
                share_hashes: lock.share_hashes.clone(),
            })
        });
        let Some(loan) = order else {
            return out.push(failed(wish, failures::too_slow()));
        };
        let job = Job::Borrow(id, checkout, wish);
        let ticket = self.jobs.add(self.look_end(now), job);
        out.push(Output::Borrow { ticket, loan });
    }

    /// The servers' word on looks that were asked for.
    pub(super) fn lent(
        &mut self,
        now: Moment,
        ticket: Ticket,
        lent: Result<Lent, LookFault>,
        out: &mut Outbox<Output>,
    ) {
        let Some(Job::Borrow(id, checkout, wish)) = self.jobs.take(ticket) else {
            return;
        };
        let Lent {
            secret,
            looks,
            until,
        } = match lent {
            Ok(lent) => lent,
            Err(fault) => return self.not_lent(now, id, (checkout, wish), fault, out),
        };
        let Some(taken) = self.taken_mut(id, checkout) else {
            return;
        };
        taken.arrive(looks, until, *secret);
        let taken = Outcome::LooksTaken {
            grant: id,
            looks,
            until,
        };
        let then = Then::Borrowed {
            wish,
            taken: Box::new(taken),
        };
        let at = self.config.calendar.at(now);
        let event = LogEvent::Taken { looks, until };
        self.record(now, id, LogEntry { at, event }, vec![then], out);
    }

    /// No looks came. If the servers may have given them all the same, they go back.
    pub(super) fn not_lent(
        &mut self,
        now: Moment,
        id: GrantId,
        (checkout, wish): (CheckoutId, WishId),
        fault: LookFault,
        out: &mut Outbox<Output>,
    ) {
        let Some(taken) = self.taken_mut(id, checkout) else {
            return;
        };
        let failure = match fault {
            LookFault::Refused(refusal) => {
                self.forget_taken(id);
                failures::not_lent(refusal)
            }
            LookFault::Late { .. } | LookFault::Unanswered => {
                taken.give_back();
                failures::no_majority()
            }
        };
        self.store(now, vec![RowKey::Received(id)], Vec::new(), out);
        out.push(failed(wish, failure));
        self.check_in(now, id, out);
    }

    fn taken_mut(&mut self, id: GrantId, checkout: CheckoutId) -> Option<&mut Taken> {
        let taken = self.received.get_mut(&id)?.taken.as_mut();
        taken.filter(|taken| taken.checkout == checkout)
    }

    pub(super) fn forget_taken(&mut self, id: GrantId) {
        if let Some(lease) = self.received.get_mut(&id) {
            lease.taken = None;
        }
    }

    /// A person gives the looks back that are here.
    pub(super) fn return_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        lease: &str,
        out: &mut Outbox<Output>,
    ) {
        let found = naming::find(lease, self.received.values().map(named));
        let found = found.and_then(|id| {
            // Nobody looks on after our end.
            self.end_found(now, id, out);
            if self.claims.contains_key(&id) {
                return Err(failures::being_viewed(lease));
            }
            let lease = self.received.get_mut(&id);
            let lease = lease.ok_or_else(|| failures::not_found(&id.short()))?;
            let taken = lease.taken.as_mut();
            let taken = taken.ok_or_else(|| failures::nothing_taken(&lease.grant.name))?;
            taken.give_back();
            lease.run.returning = Some(wish);
            Ok(id)
        });
        match found {
            Ok(id) => self.check_in(now, id, out),
            Err(failure) => out.push(failed(wish, failure)),
        }
    }

    /// Tells the servers what was looked at, and gives the rest back if its time is over.
    pub(super) fn check_in(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let at = self.config.calendar.at(now);
        let is_ours =
            |job: &Job| matches!(job, Job::Borrow(of, ..) | Job::CheckIn(of, _) if *of == id);
        if self.jobs.any(is_ours) {
            return;
        }
        let next = self.after(now, self.config.check_in_ms);
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        lease.run.check_in_at = next;
        let is_new = lease
            .taken
            .as_mut()
            .is_some_and(|taken| taken.begin_check_in(at));
        if is_new {
            self.store(
                now,
                vec![RowKey::Received(id)],
                vec![Then::CheckIn(id)],
                out,
            );
        } else {
            self.send_check_in(now, id, out);
        }
    }

    /// Sends the check-in that is on disk.
    pub(super) fn send_check_in(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let (me, device) = (self.config.me, self.device);
        let order = self.received.get(&id).and_then(|lease| {
            let taken = lease.taken.as_ref()?;
            let command = taken.check_in(account(lease, me), device)?;
            Some((taken.checkout, command))
        });
        let Some((checkout, command)) = order else {
            return;
        };
        if self
            .jobs
            .any(|job| matches!(job, Job::CheckIn(of, _) if *of == id))
        {
            return;
        }
        let ticket = self
            .jobs
            .add(self.step_end(now), Job::CheckIn(id, checkout));
        out.push(Output::Order { ticket, command });
    }

    /// The ledger's word on a check-in; none if the servers did not answer in time.
    pub(super) fn checked_in(
        &mut self,
        now: Moment,
        (id, checkout): (GrantId, CheckoutId),
        answer: Option<Answer>,
        out: &mut Outbox<Output>,
    ) {
        let at = self.config.calendar.at(now);
        let Some(taken) = self.taken_mut(id, checkout) else {
            return;
        };
        match answer.map(|answer| answer.reply) {
            Some(Reply::CheckedIn {
                closed: true,
                returned,
                ..
            }) => self.closed(now, id, returned, out),
            Some(Reply::CheckedIn { length, .. }) => {
                let goes_on = taken.told(length, at);
                self.store(now, vec![RowKey::Received(id)], Vec::new(), out);
                if goes_on {
                    self.check_in(now, id, out);
                }
            }
            Some(Reply::Refused(Refusal::Fork)) => self.copied(now, id, out),
            // The ledger has forgotten it, or never heard of it.
            Some(Reply::Refused(Refusal::Unknown | Refusal::Closed)) => {
                self.closed(now, id, 0, out);
            }
            // Told again when it is due.
            _ => self.not_checked_in(now, id, failures::no_majority(), out),
        }
    }

    /// The looks are back.
    fn closed(&mut self, now: Moment, id: GrantId, looks: u32, out: &mut Outbox<Output>) {
        let at = self.config.calendar.at(now);
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        lease.taken = None;
        if let Some(wish) = lease.run.returning.take() {
            out.push(done(wish, Outcome::LooksReturned { grant: id, looks }));
        }
        let event = LogEvent::Returned { looks };
        self.record(now, id, LogEntry { at, event }, Vec::new(), out);
        // A look may have waited for this.
        let view = self.claims.get(&id).filter(|claim| claim.waits_for_return);
        if let Some(view) = view.map(|claim| claim.view) {
            self.count_first(now, id, view, out);
        }
    }

    /// Another copy of this home told the ledger something else: it has ended the grant.
    fn copied(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let at = self.config.calendar.at(now);
        let Some(lease) = self.received.get_mut(&id) else {
            return;
        };
        lease.taken = None;
        lease.terms.revoked = true;
        lease.end(EndReason::Copied, at);
        let failure = failures::ended(lease);
        let event = LogEvent::Copied;
        self.record(now, id, LogEntry { at, event }, Vec::new(), out);
        self.not_checked_in(now, id, failure, out);
        self.settle(now, id, out);
    }

    /// Tells who waits that it did not come to pass.
    fn not_checked_in(
        &mut self,
        now: Moment,
        id: GrantId,
        failure: Failure,
        out: &mut Outbox<Output>,
    ) {
        let returning = self
            .received
            .get_mut(&id)
            .and_then(|lease| lease.run.returning.take());
        if let Some(wish) = returning {
            out.push(failed(wish, failure.clone()));
        }
        if self
            .claims
            .get(&id)
            .is_some_and(|claim| claim.waits_for_return)
        {
            self.fail_view(now, id, failure, out);
        }
    }
}

/// How many looks may be taken, or why none.
fn may_take(lease: &Received, looks: Option<u32>) -> Result<u32, Failure> {
    let (name, owner) = (&lease.grant.name, &lease.grant.owner_name);
    if lease.ended.is_some() || lease.left() == 0 {
        return Err(failures::ended(lease));
    }
    let most = lease.grant.conditions.offline.min(CHECKOUT_LOOKS_MAX);
    if most == 0 || !lease.is_strict() {
        return Err(failures::not_offline(name, owner));
    }
    if lease.taken.is_some() {
        return Err(failures::taken_already(name));
    }
    if lease.file != FileState::Here {
        return Err(failures::not_here(name, owner));
    }
    let looks = looks.unwrap_or(most.min(lease.left()));
    if (1..=most).contains(&looks) {
        Ok(looks)
    } else {
        Err(failures::too_many_offline(name, most))
    }
}

/// The account of a grant that we received.
pub(super) fn account(lease: &Received, me: UserId) -> AccountId {
    let grant = &lease.grant;
    AccountId::of(lease.owner.user_id(), me, grant.grant, grant.granted_at)
}
