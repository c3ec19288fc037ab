//! Takes in what happened: answers to wishes, and what is seen of servers.

use std::collections::BTreeSet;

use super::{Granted, Player, Purpose};
use crate::chaos::judge::{
    AT_MOST_ONE_PLANNED_FAILURE, AT_MOST_ONE_RESULT, NO_PLANNED_FAILURE_BESIDE_A_REAL_ONE,
    NO_REQUEST_LOST, VIEWS_WITHIN_QUOTA,
};
use crate::chaos::record::{End, Phases, State};
use crate::chaos::scenario::step::Host;
use crate::chaos::stage::{Deed, Happened, ServerState, What};
use crate::proto::control::{Command, Failure, News, Outcome, Progress, Reason, Timings};
use crate::proto::ids::{GrantId, NodeId, RequestId};
use crate::proto::outcome::{Peer, Posted};

/// Jobs are noted at most so often.
const JOBS_EVERY_US: u64 = 50_000;
/// Permission to fail is as old as this at the most when the failure begins, in microseconds: the
/// wait for it, the way of the last packet to a server that is slow, and what it takes until it
/// says so.
const PERMISSION_US: u64 = 2_000_000;

impl Player<'_> {
    pub(super) fn hear(&mut self, Happened { at_us, host, what }: Happened) -> Result<(), Failure> {
        let at = self.since_start(at_us);
        match what {
            What::Told(number, news) => self.told(at, host, number, news),
            What::Server { state, before_us } => {
                let before = before_us.map(|us| self.since_start(us));
                self.server(at, host, state, before);
                self.strike_leader()
            }
            What::Worked => {
                if self.zero_us.is_some() {
                    *self.record.worked.get_or_insert_default() += 1;
                }
                Ok(())
            }
        }
    }

    fn server(&mut self, at: u64, host: Host, state: ServerState, asked_before: Option<u64>) {
        if !self.is_up(host) {
            // Asked before it was struck down.
            return;
        }
        let before = self.servers.insert(host, state).unwrap_or_default();
        if state.serves {
            self.healing.remove(&host);
        }
        self.record.state(at, host, State::Token, state.token_here);
        self.record.state(at, host, State::Failing, state.failing);
        if self.zero_us.is_some() && self.record.calm_us == 0 {
            // A server that began anew counts from nothing.
            let known = Some(before.suspicions).filter(|known| *known <= state.suspicions);
            self.record.suspicions += state.suspicions - known.unwrap_or_default();
        }
        if state.failing && !before.failing {
            self.record.failures += 1;
            self.judge_failure(at, host, asked_before);
            self.note_outages();
        }
        if before.failing && !state.failing && self.record.calm_us == 0 {
            self.switch_token(true);
        }
        let jobs: u32 = self.servers.values().map(|state| state.jobs).sum();
        match self.record.jobs.last_mut() {
            Some((last, most)) if at < *last + JOBS_EVERY_US => *most = jobs.max(*most),
            _ => self.record.jobs.push((at, jobs)),
        }
    }

    /// Judges a planned failure that is seen. It began after the server was asked before.
    fn judge_failure(&mut self, at: u64, host: Host, asked_before: Option<u64>) {
        let record = &self.record;
        let failing: Vec<&str> = (0..record.servers)
            .filter(|server| record.is(*server, State::Failing))
            .map(|server| record.hosts[server].as_str())
            .collect();
        let together =
            (failing.len() > 1).then(|| format!("{} fail together", failing.join(" and ")));
        let is_long_out = |server: &Host| {
            let since_us = record.out_since(*server).filter(|_| *server != host);
            since_us
                .zip(asked_before)
                .is_some_and(|(since, before)| before > since + PERMISSION_US)
        };
        let out = (0..record.servers).find(is_long_out);
        let beside = out.map(|out| {
            format!(
                "{} fails while {} is down",
                record.hosts[host], record.hosts[out]
            )
        });
        for (invariant, what) in [
            (AT_MOST_ONE_PLANNED_FAILURE, together),
            (NO_PLANNED_FAILURE_BESIDE_A_REAL_ONE, beside),
        ] {
            if let Some(what) = what {
                self.record.violate(invariant, Some(at), what);
            }
        }
    }

    fn told(&mut self, at: u64, host: Host, number: u64, news: News) -> Result<(), Failure> {
        let ended = match news {
            News::Noticed(_) => return Ok(()),
            News::Progress(Progress::Elected { node, .. }) => return self.elected(at, node),
            News::Progress(_) => return Ok(()),
            News::Done(outcome) => Ok(*outcome),
            News::Failed(failure) => Err(failure),
        };
        let Some(purpose) = self.wishes.remove(&(host, number)) else {
            if self.ended.contains(&(host, number)) {
                let what = format!("wish {number} of {} ended twice", self.record.hosts[host]);
                self.record.violate(AT_MOST_ONE_RESULT, Some(at), what);
            }
            return Ok(());
        };
        match (purpose, ended) {
            (Purpose::Request(request), Ok(outcome)) => {
                self.ended.insert((host, number));
                self.fulfilled(at, host, request, outcome)?;
            }
            (Purpose::Shown(request), Ok(outcome)) => self.counted(at, request, &outcome),
            (Purpose::Request(request) | Purpose::Shown(request), Err(failure)) => {
                self.ended.insert((host, number));
                self.record.requests[request].told = Some(failure.message);
                let end = match failure.reason {
                    Reason::QuotaSpent | Reason::Expired | Reason::Revoked | Reason::Denied => {
                        End::Refused(failure.reason)
                    }
                    Reason::NotFound if self.looks.contains_key(&request) => {
                        End::Refused(failure.reason)
                    }
                    reason => End::Failed(reason),
                };
                self.end(request, end);
            }
            (_, Ok(outcome)) => self.answered(at, host, outcome),
            (_, Err(_)) => {}
        }
        self.make_waiting(host)
    }

    fn elected(&mut self, at: u64, NodeId(node): NodeId) -> Result<(), Failure> {
        let server = usize::from(node) - 1;
        if self.armed.is_empty() || !self.is_up(server) || !self.healing.is_empty() {
            return Ok(());
        }
        let lasts = self.armed.pop_front().flatten();
        let name = &self.record.hosts[server];
        self.record.mark(at, format!("{name} took a request"));
        let back = lasts.map(|lasts| at + (lasts * 1e6) as u64);
        self.strike_for(server, back)
    }

    fn fulfilled(
        &mut self,
        at: u64,
        host: Host,
        request: usize,
        outcome: Outcome,
    ) -> Result<(), Failure> {
        match outcome {
            Outcome::Hidden {
                request: id,
                timings,
                ..
            } => {
                self.one_result(at, id);
                self.made(request, timings);
            }
            Outcome::Shared { grant, timings, .. } => {
                self.made(request, timings);
                self.granted(at, request, grant);
            }
            Outcome::Opened { view, .. } => {
                return self.wish(host, Purpose::Shown(request), Command::Shown(view));
            }
            Outcome::Adjusted { posted, .. } => self.adjusted(at, request, posted),
            _ => {}
        }
        self.end(request, End::Done);
        Ok(())
    }

    fn one_result(&mut self, at: u64, id: RequestId) {
        if !self.results.insert(id) {
            let what = format!("two results were accepted for {id}");
            self.record.violate(AT_MOST_ONE_RESULT, Some(at), what);
        }
    }

    fn made(&mut self, request: usize, timings: Timings) {
        let request = &mut self.record.requests[request];
        request.server = timings.node.map(|NodeId(node)| usize::from(node) - 1);
        request.phases = Some(Phases {
            election_us: timings.election_us,
            upload_us: timings.upload_us,
            hiding_us: timings.hiding_us,
            download_us: timings.download_us,
            owners: timings.owners,
        });
    }

    fn granted(&mut self, since_us: u64, request: usize, grant: GrantId) {
        let owner = self.record.requests[request].client;
        if let Some((image, borrower, views)) = self.shares.remove(&request) {
            self.grants.push(Granted {
                grant,
                image,
                owner,
                borrower,
                most: views,
                ordinals: BTreeSet::new(),
                changes: 0,
                since_us,
            });
        }
    }

    fn adjusted(&mut self, at: u64, request: usize, posted: Posted) {
        let Some((grant, away)) = self.adjusts.remove(&request) else {
            return;
        };
        if posted == Posted::Lost {
            let what = format!("the change of request {} is kept nowhere", request + 1);
            self.record.violate(NO_REQUEST_LOST, Some(at), what);
        }
        let found = self
            .grants
            .iter_mut()
            .find(|granted| granted.grant == grant);
        let Some(granted) = found else { return };
        granted.changes += 1;
        let (borrower, change) = (granted.borrower, granted.changes);
        if away || !self.is_up(borrower) {
            self.await_change(borrower, grant, change);
        }
    }

    fn counted(&mut self, at: u64, request: usize, outcome: &Outcome) {
        let Outcome::Counted { ordinal, .. } = outcome else {
            return;
        };
        self.end(request, End::Done);
        let Some(grant) = self.looks.get(&request) else {
            return;
        };
        let found = self
            .grants
            .iter_mut()
            .find(|granted| granted.grant == *grant);
        let Some(granted) = found else { return };
        let is_new = granted.ordinals.insert(*ordinal);
        if !is_new || *ordinal > granted.most {
            let what = format!(
                "look {ordinal} at {}, {} were granted{}",
                granted.image,
                granted.most,
                if is_new { "" } else { ", counted twice" }
            );
            self.record.violate(VIEWS_WITHIN_QUOTA, Some(at), what);
        }
    }

    fn answered(&mut self, at: u64, host: Host, outcome: Outcome) {
        match outcome {
            Outcome::Peers { peers, fresh } => {
                let sees = fresh && self.sees(host, &peers);
                self.sees_all.insert(host, sees);
            }
            Outcome::Leases(leases) => {
                for awaited in self.awaited.get(&host).into_iter().flatten() {
                    let arrived = leases.iter().any(|lease| {
                        lease.grant == awaited.grant && lease.terms.applied >= awaited.change
                    });
                    if arrived {
                        self.record.deliveries[awaited.delivery]
                            .seen_us
                            .get_or_insert(at);
                    }
                }
                let deliveries = &self.record.deliveries;
                if let Some(awaited) = self.awaited.get_mut(&host) {
                    awaited.retain(|awaited| deliveries[awaited.delivery].seen_us.is_none());
                }
                self.leases.insert(host, leases);
            }
            Outcome::Ledger(entries) => {
                self.ledgers.insert(host, entries);
            }
            _ => {}
        }
    }

    /// Whether a client sees every other online that is up.
    fn sees(&self, host: Host, peers: &[Peer]) -> bool {
        self.clients()
            .filter(|other| *other != host && self.is_up(*other))
            .all(|other| {
                let name = &self.record.hosts[other];
                peers.iter().any(|peer| peer.name == *name && peer.online)
            })
    }

    /// What was elected is struck down again, if it is still wanted after the calm.
    pub(super) fn disarm(&mut self) {
        self.armed.clear();
        self.wanted_leaders.clear();
    }

    /// Ends what a step made a host be.
    pub(super) fn relieve(&mut self, host: Host) -> Result<(), Failure> {
        if self.record.is(host, State::Paused) {
            self.deed(host, Deed::Resume)?;
        }
        if self.record.is(host, State::Full) {
            self.deed(host, Deed::Fill(false))?;
        }
        if self.record.is(host, State::Slow) {
            self.deed(host, Deed::Slow(1))?;
        }
        Ok(())
    }
}
