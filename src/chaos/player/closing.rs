//! After the scenario: faults end, everything comes to rest, and both sides of each grant are
//! compared.

use super::{Granted, Later, Player, Purpose, SECOND};
use crate::chaos::judge::{
    DIRECTORY_CONVERGES, LOG_SAME_ON_BOTH_SIDES, NO_LOOK_AFTER_REVOKE, NO_REQUEST_LOST,
    UPDATE_APPLIED_ONCE, VIEWS_WITHIN_QUOTA,
};
use crate::chaos::record::{End, Request, State};
use crate::chaos::scenario::step::Host;
use crate::proto::control::{Command, Failure, Reason};
use crate::proto::lease::{Change, LogEntry, LogEvent};
use crate::proto::outcome::Lease;
use crate::sim::network::Weather;

/// How long open requests may take to end once the faults are over.
const SETTLING_US: u64 = 60 * SECOND;
/// How long the two sides of a grant may take to agree after that.
const AGREEING_US: u64 = 30 * SECOND;

impl Player<'_> {
    pub(super) fn close(&mut self) -> Result<(), Failure> {
        self.calm()?;
        self.poll(SETTLING_US, |player| {
            if player.record.converged_us.is_none() {
                player.ask_for_peers()?;
                if player.all_see_all() {
                    player.record.converged_us = Some(player.now() - player.record.calm_us);
                }
            }
            Ok(player.is_at_rest() && player.record.converged_us.is_some())
        })?;
        self.poll(AGREEING_US, |player| {
            for client in player.clients() {
                player.ask(client, Purpose::Leases, Command::Leases)?;
                player.ask(client, Purpose::Ledger, Command::Ledger(None))?;
            }
            Ok(player.differences().is_empty() && player.nothing_awaited())
        })?;
        self.give_up_waiting();
        let differences = self.differences();
        for (invariant, what) in differences {
            self.record.violate(invariant, None, what);
        }
        self.judge_requests();
        if self.record.converged_us.is_none() {
            let what = format!("not within {} s after the faults", SETTLING_US / SECOND);
            self.record.violate(DIRECTORY_CONVERGES, None, what);
        }
        let now = self.now();
        self.record.close(now);
        Ok(())
    }

    /// The servers are not there any more afterwards.
    pub(super) fn judge_orders(&mut self) -> Result<(), Failure> {
        let Some(mut judged) = self.stage.end_orders()? else {
            return Ok(());
        };
        for (invariant, what) in judged.broken.drain(..) {
            self.record.violate(invariant, None, what);
        }
        self.record.orders = Some(judged);
        Ok(())
    }

    /// Everything that a step or the token does to the cluster ends.
    fn calm(&mut self) -> Result<(), Failure> {
        self.record.calm_us = self.now().max(1);
        if self.scenario.token.is_some() {
            self.switch_token(false);
        }
        self.disarm();
        let pairs: Vec<(Host, Host)> = self.cuts.iter().copied().collect();
        self.cut(&pairs, false);
        self.weather = Weather::FAIR;
        self.stage.weather(self.weather);
        for host in 0..self.record.hosts.len() {
            self.relieve(host)?;
        }
        for member in std::mem::take(&mut self.members_down) {
            self.stage.member(member, true)?;
        }
        self.sees_all.clear();
        self.leases.clear();
        self.ledgers.clear();
        Ok(())
    }

    fn is_at_rest(&self) -> bool {
        let is_open = |request: &Request| request.end == End::Open && self.is_up(request.client);
        let failing = (0..self.record.servers).any(|host| self.record.is(host, State::Failing));
        let deeds = self
            .later
            .values()
            .any(|later| matches!(later, Later::Deed(..)));
        !failing && !deeds && !self.record.requests.iter().any(is_open)
    }

    fn nothing_awaited(&self) -> bool {
        self.awaited
            .iter()
            .all(|(host, awaited)| awaited.is_empty() || !self.is_up(*host))
    }

    /// Requests that wait with somebody who never came back were struck with them.
    fn give_up_waiting(&mut self) {
        for index in 0..self.record.requests.len() {
            let request = &self.record.requests[index];
            if request.end == End::Open && !self.is_up(request.client) {
                self.end(index, End::Struck);
            }
        }
    }

    fn judge_requests(&mut self) {
        let mut lost = Vec::new();
        for request in &self.record.requests {
            let what = match request.end {
                End::Open => "never ended".to_owned(),
                // A cluster that is full says so, and one that is down cannot answer.
                End::Failed(Reason::Busy) => continue,
                End::Failed(_) if request.outage => continue,
                End::Failed(reason) => {
                    let told = request.told.as_deref().unwrap_or_default();
                    format!("failed: {reason:?}, {told}")
                }
                _ => continue,
            };
            let who = &self.record.hosts[request.client];
            let told = format!(
                "request {} ({} of {who}) {what}",
                request.number,
                request.kind.word()
            );
            lost.push((request.at_us, told));
        }
        for (at_us, what) in lost {
            self.record.violate(NO_REQUEST_LOST, Some(at_us), what);
        }
    }

    /// What does not agree between the two sides of the grants.
    fn differences(&self) -> Vec<(&'static str, String)> {
        self.grants
            .iter()
            .filter(|granted| self.is_up(granted.owner) && self.is_up(granted.borrower))
            .filter_map(|granted| self.difference(granted).err())
            .collect()
    }

    fn difference(&self, granted: &Granted) -> Result<(), (&'static str, String)> {
        let named = |what: String| format!("{} of {}: {what}", granted.image, self.side(granted));
        let differ = |what: &str| (LOG_SAME_ON_BOTH_SIDES, named(what.to_owned()));
        let of_owner = self.lease(granted.owner, granted);
        let of_owner = of_owner.ok_or_else(|| differ("the owner has no such lease"))?;
        let of_borrower = self.lease(granted.borrower, granted);
        let of_borrower = of_borrower.ok_or_else(|| differ("the borrower has no such lease"))?;
        if of_owner.terms != of_borrower.terms {
            let what = format!(
                "owner {:?}, borrower {:?}",
                of_owner.terms, of_borrower.terms
            );
            return Err(differ(&what));
        }
        let (given, received) = (
            self.log(granted.owner, granted),
            self.log(granted.borrower, granted),
        );
        if given != received {
            return Err(differ(&format!(
                "the logs differ: {} and {} entries",
                given.len(),
                received.len()
            )));
        }
        let terms = &of_borrower.terms;
        if terms.used > terms.granted || terms.granted > granted.most {
            let what = format!(
                "{} of {} looks used, {} were granted at the most",
                terms.used, terms.granted, granted.most
            );
            return Err((VIEWS_WITHIN_QUOTA, named(what)));
        }
        check_changes(granted, &received, terms.applied)
            .map_err(|what| (UPDATE_APPLIED_ONCE, named(what)))?;
        check_revoked(&received).map_err(|what| (NO_LOOK_AFTER_REVOKE, named(what)))
    }

    fn side(&self, granted: &Granted) -> String {
        let hosts = &self.record.hosts;
        format!("{} and {}", hosts[granted.owner], hosts[granted.borrower])
    }

    fn lease(&self, host: Host, granted: &Granted) -> Option<&Lease> {
        let leases = self.leases.get(&host)?;
        leases.iter().find(|lease| lease.grant == granted.grant)
    }

    fn log(&self, host: Host, granted: &Granted) -> Vec<LogEntry> {
        let entries = self.ledgers.get(&host).into_iter().flatten();
        entries
            .filter(|(grant, _)| *grant == granted.grant)
            .map(|(_, entry)| *entry)
            .collect()
    }
}

fn check_changes(granted: &Granted, log: &[LogEntry], applied: u32) -> Result<(), String> {
    if applied < granted.changes {
        return Err(format!(
            "{} changes kept, {applied} applied",
            granted.changes
        ));
    }
    let mut sequences: Vec<u32> = log
        .iter()
        .filter_map(|entry| match entry.event {
            LogEvent::Adjusted { owner_sequence, .. } => Some(owner_sequence),
            _ => None,
        })
        .collect();
    let all = sequences.len();
    sequences.sort_unstable();
    sequences.dedup();
    if sequences.len() < all {
        return Err("a change was applied twice".into());
    }
    Ok(())
}

fn check_revoked(log: &[LogEntry]) -> Result<(), String> {
    let revoked_at = log.iter().find_map(|entry| match entry.event {
        LogEvent::Adjusted {
            change: Change::Revoke,
            ..
        } => Some(entry.at),
        _ => None,
    });
    let late = log.iter().find(|entry| {
        let viewed = matches!(entry.event, LogEvent::Viewed { .. });
        viewed && revoked_at.is_some_and(|revoked| entry.at > revoked)
    });
    match late {
        Some(entry) => Err(format!("a look was counted after the end: {entry:?}")),
        None => Ok(()),
    }
}
