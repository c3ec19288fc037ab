//! Looks that are with a device, and what the device tells of them.
//!
//! A device's log of looks only grows. So of two check-ins of one checkout that begin at the same
//! place and differ, or where one does not go on from the other, one is from a copy: a *fork*.

use serde::{Deserialize, Serialize};

use super::looks::later;
use crate::planted::{self, Bug};
use crate::proto::ids::{AccountId, CheckoutId, DeviceId, Digest};
use crate::proto::ledger::{LoggedView, Refusal, Room, ViewLog};
use crate::proto::limits::{CHECK_INS_MAX, CHECKOUT_GRACE_MS, RELEASE_AGAIN_MS};
use crate::time::WallTime;

/// How long a checkout that is over is remembered after its date and grace, so that a copy that
/// comes later still shows: 30 days.
const KEPT_MS: u64 = 30 * 86_400_000;

/// One checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkout {
    /// Digest of the order, which names it together with its id.
    pub(super) order: Digest,
    pub(super) device: DeviceId,
    pub(super) looks: u32,
    pub(super) until: WallTime,
    /// Looks left beside it when it began.
    pub(super) remaining: u32,
    pub(super) at: WallTime,
    pub(super) seq: u64,
    /// What the device has told.
    pub(super) log: ViewLog,
    /// Looks given back.
    pub(super) returned: u32,
    pub(super) state: State,
    /// The check-ins taken, by where they begin.
    check_ins: Vec<(u32, Digest)>,
}

/// What becomes of the looks that the device has not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    /// The device may use them.
    Out,
    /// It has given them back.
    Closed,
    /// Too late: they count as used.
    Overdue,
    /// A copy of the device was used: they count as used.
    Forked,
}

/// A check-in, without its account.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckIn<'a> {
    /// Digest of the order.
    pub(super) order: Digest,
    pub(super) from: u32,
    pub(super) views: &'a [LoggedView],
    pub(super) head: Digest,
    pub(super) returns: bool,
}

impl Checkout {
    pub(super) fn new(
        (account, id): (AccountId, CheckoutId),
        (order, device): (Digest, DeviceId),
        (looks, until, remaining): (u32, WallTime, u32),
        (at, seq): (WallTime, u64),
    ) -> Self {
        Self {
            order,
            device,
            looks,
            until,
            remaining,
            at,
            seq,
            log: ViewLog::new(account, id, device),
            returned: 0,
            state: State::Out,
            check_ins: Vec::new(),
        }
    }

    /// Looks that the device may still use or give back.
    pub(super) const fn outstanding(&self) -> u32 {
        match self.state {
            State::Out => self.looks.saturating_sub(self.log.length),
            State::Closed | State::Overdue | State::Forked => 0,
        }
    }

    /// Whether its shares are let out again.
    pub(super) fn is_recent(&self, now: WallTime) -> bool {
        now < later(self.at, RELEASE_AGAIN_MS)
    }

    /// Takes a check-in. Returns the looks that go back to the account with it.
    ///
    /// # Errors
    /// [`Refusal::Fork`] if two copies of the device were used; another reason if it cannot be
    /// taken. Nothing changes in either case.
    pub(super) fn check_in(&mut self, told: &CheckIn<'_>) -> Result<u32, Refusal> {
        let same = self.check_ins.iter().find(|(from, _)| *from == told.from);
        match same {
            Some((_, order)) if *order == told.order => {
                let again = planted::is(Bug::ReturnedTwice) && self.state == State::Closed;
                return Ok(if again { self.returned } else { 0 });
            }
            Some(_) => return Err(Refusal::Fork),
            None if told.from > self.log.length => return Err(Refusal::Gap),
            None if told.from < self.log.length => return Err(Refusal::Fork),
            None => {}
        }
        if self.state == State::Closed && told.views.is_empty() {
            return Err(Refusal::Closed);
        }
        let allowed = match self.state {
            State::Closed => 0,
            State::Out | State::Overdue | State::Forked => self.looks - self.log.length,
        };
        let log = told
            .views
            .iter()
            .fold(self.log, |log, look| log.with(*look));
        if log.length - self.log.length > allowed || log.head != told.head {
            return Err(Refusal::Fork);
        }
        if !told.returns && self.check_ins.len() >= CHECK_INS_MAX {
            return Err(Refusal::Full(Room::CheckIns));
        }
        self.check_ins.push((told.from, told.order));
        self.log = log;
        if !told.returns {
            return Ok(0);
        }
        self.returned = self.outstanding();
        if planted::is(Bug::OverdueComesBack) {
            self.returned = self.looks.saturating_sub(self.log.length);
        }
        self.state = State::Closed;
        Ok(self.returned)
    }

    /// Counts it as used if it has not come back in time.
    pub(super) fn settle(&mut self, now: WallTime) {
        if self.state == State::Out && self.overdue_at() <= now {
            self.state = State::Overdue;
        }
    }

    /// Whether it need not be remembered any more.
    pub(super) fn is_forgotten(&self, now: WallTime) -> bool {
        self.state != State::Out && later(self.overdue_at(), KEPT_MS) <= now
    }

    pub(super) fn next_due(&self) -> WallTime {
        match self.state {
            State::Out => self.overdue_at(),
            State::Closed | State::Overdue | State::Forked => later(self.overdue_at(), KEPT_MS),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let told = u64::from(self.log.length) + u64::from(self.returned);
        told <= u64::from(self.looks)
            && self.check_ins.len() <= CHECK_INS_MAX + 1
            && self
                .check_ins
                .iter()
                .all(|(from, _)| *from <= self.log.length)
    }

    fn overdue_at(&self) -> WallTime {
        later(self.until, CHECKOUT_GRACE_MS)
    }
}
