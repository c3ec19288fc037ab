//! Looks of a strict grant that are with this home, for use without the servers.
//!
//! Decides whether one of them may be used now, and what the servers are told of them. Nothing of
//! it is believed after the fact: a look is in the log, on disk, before its picture leaves the
//! program, and a check-in is on disk before it is sent and stays the same until it is answered.
//! So the log only grows, and of two logs that part ways one is a copy's.

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::proto::ids::{AccountId, CheckoutId, DeviceId, ViewId};
use crate::proto::ledger::{Command, LoggedView, ViewLog};
use crate::proto::limits::{CHECK_IN_VIEWS, CHECK_INS_MAX, CHECKOUT_LOOKS_MAX};
use crate::proto::outcome::TakenLooks;
use crate::time::WallTime;

/// A clock that is behind what it showed before by more than this cannot be believed, in
/// milliseconds.
const BACKWARD_MS: u64 = 300_000;

/// Check-ins before the looks go back. As many places are left as the last ones take.
const EARLY_CHECK_INS: u32 = 8;

const _: () = assert!(
    EARLY_CHECK_INS as usize + (CHECKOUT_LOOKS_MAX as usize).div_ceil(CHECK_IN_VIEWS)
        <= CHECK_INS_MAX
);

/// A check-in that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CheckIn {
    /// So many looks are told with it.
    upto: u32,
    /// Whether the rest is given back.
    returns: bool,
}

/// Looks that are here, or are about to be.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Taken {
    pub(super) checkout: CheckoutId,
    /// So many were asked for, or given.
    looks: u32,
    /// They are good until then.
    until: WallTime,
    /// The servers' part of the key; none until they gave it, and once it is of no use.
    secret: Option<[u8; 32]>,
    /// What was looked at, in order.
    views: Vec<LoggedView>,
    /// The ledger knows of so many of them.
    told: u32,
    /// Check-ins that were answered.
    check_ins: u32,
    check_in: Option<CheckIn>,
    /// They are to go back.
    returning: bool,
    /// The latest time that is known to have been.
    latest: WallTime,
}

impl Taken {
    /// Looks that are asked for.
    pub(super) const fn asked(
        checkout: CheckoutId,
        looks: u32,
        until: WallTime,
        now: WallTime,
    ) -> Self {
        Self {
            checkout,
            looks,
            until,
            secret: None,
            views: Vec::new(),
            told: 0,
            check_ins: 0,
            check_in: None,
            returning: false,
            latest: now,
        }
    }

    /// They are here.
    pub(super) fn arrive(&mut self, looks: u32, until: WallTime, secret: [u8; 32]) {
        self.looks = looks;
        self.until = until;
        self.secret = Some(secret);
    }

    /// They were asked for by a program that is gone. Whoever has the key of the answer is gone
    /// with it, so they go back.
    pub(super) const fn found(&mut self) {
        if self.secret.is_none() {
            self.returning = true;
        }
    }

    /// As a person is told.
    pub(super) fn told_to_person(&self) -> TakenLooks {
        TakenLooks {
            looks: self.looks,
            used: self.used(),
            until: self.until,
        }
    }

    fn used(&self) -> u32 {
        u32::try_from(self.views.len()).unwrap_or(u32::MAX)
    }

    /// The time: the clock's, unless it was set back.
    fn time(&self, clock: WallTime) -> Option<WallTime> {
        let is_behind = clock.0.saturating_add(BACKWARD_MS) < self.latest.0;
        (!is_behind).then(|| clock.max(self.latest))
    }

    /// Whether their date has passed, or cannot be told.
    fn is_past(&self, clock: WallTime) -> bool {
        self.time(clock).is_none_or(|now| self.until <= now)
    }

    /// The key for this look: a new one, or one that is in the log and was let go.
    pub(super) fn secret_for(&self, view: ViewId, clock: WallTime) -> Option<[u8; 32]> {
        let is_free = self.used() < self.looks || self.has(view);
        self.secret
            .filter(|_| is_free && !self.returning && !self.is_past(clock))
    }

    pub(super) fn has(&self, view: ViewId) -> bool {
        self.views.iter().any(|logged| logged.view == view)
    }

    /// Logs a look. Whether it may be shown.
    pub(super) fn log(&mut self, view: ViewId, clock: WallTime) -> bool {
        let Some(at) = self.time(clock) else {
            return false;
        };
        if self.secret_for(view, clock).is_none() {
            return false;
        }
        self.latest = at;
        if !self.has(view) {
            self.views.push(LoggedView { view, at });
        }
        true
    }

    /// They are to go back.
    pub(super) fn give_back(&mut self) {
        self.returning = true;
        self.erase_secret();
    }

    pub(super) fn erase_secret(&mut self) {
        self.secret.zeroize();
        self.secret = None;
    }

    /// Whether a check-in is due that ends it, or was begun. Not while they are asked for.
    pub(super) fn is_due(&self, clock: WallTime) -> bool {
        let is_over = self.used() >= self.looks || self.is_past(clock);
        self.check_in.is_some() || self.returning || (self.secret.is_some() && is_over)
    }

    /// Whether the ledger does not know of all looks.
    pub(super) fn is_untold(&self) -> bool {
        self.told < self.used()
    }

    /// Begins a check-in, if there is anything to tell. Whether it has to be written first.
    pub(super) fn begin_check_in(&mut self, clock: WallTime) -> bool {
        if self.check_in.is_some() {
            return false;
        }
        let most = u32::try_from(CHECK_IN_VIEWS).unwrap_or(u32::MAX);
        let upto = self.used().min(self.told.saturating_add(most));
        let returns = self.is_due(clock) && upto == self.used();
        let has_room = self.check_ins < EARLY_CHECK_INS;
        if !returns && (upto == self.told || (!has_room && !self.is_due(clock))) {
            return false;
        }
        self.check_in = Some(CheckIn { upto, returns });
        if returns {
            self.give_back();
        }
        true
    }

    /// The order for the check-in that was begun.
    pub(super) fn check_in(&self, account: AccountId, device: DeviceId) -> Option<Command> {
        let CheckIn { upto, returns } = self.check_in?;
        let (from, to) = (self.told as usize, upto as usize);
        let all = self.views.get(..to)?;
        let empty = ViewLog::new(account, self.checkout, device);
        let log = all.iter().fold(empty, |log, look| log.with(*look));
        Some(Command::CheckIn {
            account,
            checkout: self.checkout,
            from: self.told,
            views: all.get(from..)?.to_vec(),
            head: log.head,
            returns,
        })
    }

    /// The ledger has taken it, and knows of so many looks. Whether there is more to tell at once.
    pub(super) fn told(&mut self, length: u32, clock: WallTime) -> bool {
        self.told = length.min(self.used());
        self.check_in = None;
        self.check_ins = self.check_ins.saturating_add(1);
        self.is_due(clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime(1_000_000_000);
    const DAY: u64 = 86_400_000;
    const ACCOUNT: AccountId = AccountId([1; 16]);
    const DEVICE: DeviceId = DeviceId([2; 16]);

    fn view(number: u8) -> ViewId {
        ViewId([number; 16])
    }

    fn later(wait_ms: u64) -> WallTime {
        WallTime(NOW.0 + wait_ms)
    }

    fn taken(looks: u32) -> Taken {
        let mut taken = Taken::asked(CheckoutId([3; 16]), looks, later(7 * DAY), NOW);
        taken.arrive(looks, later(DAY), [9; 32]);
        taken
    }

    fn told(taken: &Taken) -> (u32, usize, bool) {
        match taken.check_in(ACCOUNT, DEVICE) {
            Some(Command::CheckIn {
                from,
                views,
                returns,
                ..
            }) => (from, views.len(), returns),
            other => panic!("no check-in: {other:?}"),
        }
    }

    #[test]
    fn it_gives_as_many_looks_as_were_taken() {
        let mut taken = taken(2);
        assert!(taken.log(view(1), NOW) && taken.log(view(2), NOW));
        assert!(!taken.log(view(3), NOW));
        assert_eq!(taken.secret_for(view(3), NOW), None);
        assert!(taken.log(view(2), NOW), "one that was let go");
        assert_eq!(taken.told_to_person().used, 2);
    }

    #[test]
    fn the_date_ends_it_and_a_clock_that_is_set_back_brings_nothing() {
        let mut one = taken(3);
        assert_eq!(one.secret_for(view(1), later(DAY)), None);
        assert!(one.log(view(1), later(DAY / 2)));
        let (little, much) = (
            later(DAY / 2 - BACKWARD_MS),
            later(DAY / 2 - BACKWARD_MS - 1),
        );
        assert!(one.secret_for(view(2), little).is_some());
        assert_eq!(one.secret_for(view(2), much), None);
        assert!(!one.log(view(2), much));
        assert!(one.is_due(much), "only the servers can tell the time");
    }

    #[test]
    fn a_little_behind_is_as_late_as_it_was() {
        let mut one = taken(3);
        assert!(one.log(view(1), later(DAY - 1)));
        assert!(one.log(view(2), later(DAY - BACKWARD_MS)));
        assert_eq!(one.views[1].at, later(DAY - 1));
    }

    #[test]
    fn a_check_in_stays_the_same_until_it_is_answered() {
        let mut one = taken(3);
        one.log(view(1), NOW);
        assert!(one.begin_check_in(NOW));
        assert_eq!(told(&one), (0, 1, false));
        one.log(view(2), NOW);
        one.give_back();
        assert!(!one.begin_check_in(NOW));
        assert_eq!(told(&one), (0, 1, false));
        assert!(one.told(1, NOW));
        assert!(one.begin_check_in(NOW));
        assert_eq!(told(&one), (1, 1, true));
    }

    #[test]
    fn what_was_asked_for_by_a_program_that_is_gone_goes_back() {
        let mut one = Taken::asked(CheckoutId([3; 16]), 2, later(DAY), NOW);
        assert!(!one.is_due(NOW), "they are on their way");
        one.found();
        assert!(one.is_due(NOW));
        assert!(one.begin_check_in(NOW));
        assert_eq!(told(&one), (0, 0, true));
    }

    #[test]
    fn the_key_is_gone_before_the_return_is_told() {
        let mut one = taken(2);
        one.give_back();
        assert_eq!(one.secret, None);
        assert!(!one.log(view(1), NOW));
    }

    #[test]
    fn places_for_check_ins_are_kept_for_the_return() {
        let looks = 40;
        let mut one = taken(looks);
        let mut answered = 0;
        for number in 0..30 {
            one.log(view(number), NOW);
            if one.begin_check_in(NOW) {
                answered += 1;
                one.told(u32::from(number) + 1, NOW);
            }
        }
        assert_eq!(answered, EARLY_CHECK_INS);
        one.give_back();
        assert!(one.begin_check_in(NOW));
        assert_eq!(told(&one), (8, 22, true));
    }

    #[test]
    fn many_looks_are_told_in_parts() {
        let looks = u32::try_from(CHECK_IN_VIEWS).expect("small") + 5;
        let mut one = taken(looks);
        for number in 0..looks {
            let mut name = view(0);
            name.0[..4].copy_from_slice(&number.to_le_bytes());
            assert!(one.log(name, NOW));
        }
        assert!(one.begin_check_in(NOW));
        assert_eq!(told(&one), (0, CHECK_IN_VIEWS, false));
        assert!(one.told(looks - 5, NOW));
        assert!(one.begin_check_in(NOW));
        assert_eq!(told(&one), (looks - 5, 5, true));
    }
}
