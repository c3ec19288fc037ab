//! Who looks: with the servers, and without them out of what was lent to the device.

use rand::RngExt;
use rand_chacha::ChaCha20Rng;

use super::{Cast, Errand, Loan, Stage, name};
use crate::actors::clerk;
use crate::actors::looks::{Look, LookFault, LookOrder};
use crate::crypto::static_key::StaticSecret;
use crate::proto::ids::{AccountId, CheckoutId, ViewId};
use crate::proto::ledger::{Command, LoggedView, Refusal, Reply, ViewLog};
use crate::proto::limits::CHECK_IN_VIEWS;
use crate::sim::rights::judge::Holds;
use crate::time::WallTime;

/// Looks of one device that are not answered, at the most.
const CLAIMS_MAX: usize = 4;
/// Loans of one device at the most.
const LOANS_MAX: usize = 2;

/// The key that shares of a look are sealed to follows from its name, so that it can be asked for
/// again after a crash.
fn reply_key(name: &[u8; 16]) -> StaticSecret {
    StaticSecret::from_bytes(*blake3::hash(name).as_bytes())
}

impl Cast {
    pub(super) fn look(
        &mut self,
        device: usize,
        now: WallTime,
        rng: &mut ChaCha20Rng,
    ) -> Option<clerk::Input> {
        let store = &self.devices[device].store;
        if !store.loans.is_empty() && rng.random_bool(0.4) {
            let place = rng.random_range(0..store.loans.len());
            return self.without_servers(device, place, now, rng);
        }
        if !store.claims.is_empty() && (store.claims.len() >= CLAIMS_MAX || rng.random_bool(0.5)) {
            let chosen = rng.random_range(0..store.claims.len());
            let (view, grant) = store
                .claims
                .iter()
                .nth(chosen)
                .map(|(view, of)| (*view, *of))?;
            return self.ask(device, grant, view);
        }
        let person = self.devices[device].person;
        let open = self.grants.iter().enumerate().filter_map(|(place, grant)| {
            (grant.borrower == person && grant.stage == Stage::Open).then_some(place)
        });
        let open: Vec<usize> = open.collect();
        if open.is_empty() {
            return None;
        }
        let grant = open[rng.random_range(0..open.len())];
        let loans = self.devices[device].store.loans.len();
        if loans < LOANS_MAX && self.grants[grant].opening.offline_max > 0 && rng.random_bool(0.2) {
            return Some(self.borrow_looks(device, grant, now, rng));
        }
        let view = ViewId(name(rng));
        self.devices[device].store.claims.insert(view, grant);
        self.ask(device, grant, view)
    }

    /// Has a look counted that is on disk; none if that is under way.
    pub(in crate::sim::rights) fn ask(
        &mut self,
        device: usize,
        place: usize,
        view: ViewId,
    ) -> Option<clerk::Input> {
        if self.waits_for(device, |errand| *errand == Errand::Look(place, view)) {
            return None;
        }
        let grant = &self.grants[place];
        let look = LookOrder {
            account: grant.account,
            view,
            reply: reply_key(&view.0),
            device: self.device_id(device),
            threshold: grant.opening.threshold,
            share_hashes: grant.opening.share_hashes.clone(),
        };
        let ticket = self.ticket(device, Errand::Look(place, view));
        Some(clerk::Input::Look { ticket, look })
    }

    pub(super) fn looked(
        &mut self,
        device: usize,
        (place, view): (usize, ViewId),
        looked: Result<Look, LookFault>,
        mut opened: impl FnMut(AccountId, ViewId, u32) -> Holds,
    ) -> Result<&'static str, String> {
        let claims = &mut self.devices[device].store.claims;
        match looked {
            Ok(look) => {
                claims.remove(&view);
                let grant = &self.grants[place];
                if look.secret != grant.secret {
                    return Err("the shares make another secret than the owner's".into());
                }
                opened(grant.account, view, look.ordinal)?;
                Ok("look shown")
            }
            Err(LookFault::Refused(Refusal::Time { .. })) => Ok("told to sign anew"),
            Err(LookFault::Refused(_)) => {
                claims.remove(&view);
                Ok("told refused")
            }
            Err(LookFault::Late { .. }) => {
                claims.remove(&view);
                Ok("look too late")
            }
            Err(LookFault::Unanswered) => Ok("told unanswered"),
        }
    }

    fn borrow_looks(
        &mut self,
        device: usize,
        place: usize,
        now: WallTime,
        rng: &mut ChaCha20Rng,
    ) -> clerk::Input {
        let (account, id) = (self.grants[place].account, self.device_id(device));
        let checkout = CheckoutId(name(rng));
        let order = Command::Escrow {
            account,
            checkout,
            device: id,
            reply_key: reply_key(&checkout.0).public().0,
            looks: rng.random_range(1..4),
            until: WallTime(now.0 + rng.random_range(60_000..7_200_000)),
        };
        self.devices[device].store.loans.push(Loan {
            grant: place,
            checkout,
            order: order.clone(),
            looks: None,
            views: Vec::new(),
            log: ViewLog::new(account, checkout, id),
            told: 0,
            check_in: None,
        });
        self.order(device, Errand::Lend(place, checkout), order)
    }

    /// A look without the servers, or what was looked at is told to them.
    fn without_servers(
        &mut self,
        device: usize,
        place: usize,
        now: WallTime,
        rng: &mut ChaCha20Rng,
    ) -> Option<clerk::Input> {
        let loan = &mut self.devices[device].store.loans[place];
        let (grant, checkout) = (loan.grant, loan.checkout);
        let Some(looks) = loan.looks else {
            let order = loan.order.clone();
            let errand = Errand::Lend(grant, checkout);
            let is_under_way = self.waits_for(device, |other| *other == errand);
            return (!is_under_way).then(|| self.order(device, errand, order));
        };
        let used = loan.views.len() as u32;
        if loan.check_in.is_none() && used < looks && rng.random_bool(0.6) {
            let (view, at) = (ViewId(name(rng)), now);
            let look = LoggedView { view, at };
            loan.views.push(look);
            loan.log = loan.log.with(look);
            return None;
        }
        if loan.check_in.is_none() {
            let returns = used == looks || rng.random_bool(0.3);
            if used == loan.told && !returns {
                return None;
            }
            let views: Vec<LoggedView> = loan.views[loan.told as usize..].to_vec();
            debug_assert!(views.len() <= CHECK_IN_VIEWS, "a loan is small");
            loan.check_in = Some(Command::CheckIn {
                account: self.grants[grant].account,
                checkout,
                from: loan.told,
                views,
                head: loan.log.head,
                returns,
            });
        }
        let order = self.devices[device].store.loans[place].check_in.clone()?;
        let errand = Errand::CheckIn(grant, checkout);
        let is_under_way = self.waits_for(device, |other| *other == errand);
        (!is_under_way).then(|| self.order(device, errand, order))
    }

    pub(super) fn lent(
        &mut self,
        device: usize,
        checkout: CheckoutId,
        reply: Reply,
    ) -> &'static str {
        let loans = &mut self.devices[device].store.loans;
        match reply {
            Reply::Escrowed { looks, .. } => {
                let loan = loans.iter_mut().find(|loan| loan.checkout == checkout);
                if let Some(loan) = loan {
                    loan.looks = Some(looks);
                }
                "told lent"
            }
            Reply::Refused(Refusal::Time { .. }) => "told to sign anew",
            _ => {
                loans.retain(|loan| loan.checkout != checkout);
                "told refused"
            }
        }
    }

    /// A check-in is answered. What the servers took of several copies of a device must be one log.
    pub(super) fn checked_in(
        &mut self,
        device: usize,
        checkout: CheckoutId,
        reply: Reply,
    ) -> Result<&'static str, String> {
        let loans = &mut self.devices[device].store.loans;
        let Some(place) = loans.iter().position(|loan| loan.checkout == checkout) else {
            return Ok("told again");
        };
        match reply {
            Reply::CheckedIn { closed, .. } => {
                let loan = &mut loans[place];
                loan.told = loan.views.len() as u32;
                let ours: Vec<ViewId> = loan.views.iter().map(|look| look.view).collect();
                let returns = matches!(loan.check_in, Some(Command::CheckIn { returns: true, .. }));
                loan.check_in = None;
                if closed && returns {
                    loans.remove(place);
                }
                let chain = self.chains.entry(checkout).or_default();
                let common = chain.len().min(ours.len());
                if chain[..common] != ours[..common] {
                    return Err("two copies of a device were told that their looks count".into());
                }
                if ours.len() > chain.len() {
                    *chain = ours;
                }
                Ok("told checked in")
            }
            Reply::Refused(Refusal::Time { .. }) => Ok("told to sign anew"),
            Reply::Refused(Refusal::Fork) => {
                loans.remove(place);
                Ok("fork found")
            }
            _ => {
                loans.remove(place);
                Ok("told refused")
            }
        }
    }
}
