//! Plays a scenario on a stage and writes the record. The same for both modes.
//!
//! Decides what a person does next and what is done to whom; never what holds, except where it
//! sees something happen that must not.

mod acting;
mod closing;
mod deeds;
mod hearing;
mod opening;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::record::{End, Record, State};
use super::scenario::step::{Cast, Host};
use super::scenario::{CountedBy, Scenario};
use super::schedule::{self, Order};
use super::stage::{Deed, ServerState, Stage};
use crate::proto::control::{Command, Failure};
use crate::proto::ids::{GrantId, RequestId};
use crate::proto::lease::LogEntry;
use crate::proto::operator::ServerCommand;
use crate::proto::outcome::Lease;
use crate::sim::network::Weather;

const SECOND: u64 = 1_000_000;
/// So long after it was shared a picture is with its borrower, or they are told that it is not.
const ARRIVING_US: u64 = 10 * SECOND;
/// How often everybody is asked how things stand, when that is waited for.
const ASK_EVERY_US: u64 = SECOND / 4;
/// Pictures that one client makes at a time; further requests wait with the person.
const MAKING_MAX: usize = 6;

fn micros(seconds: f64) -> u64 {
    (seconds * SECOND as f64) as u64
}

/// What a wish was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// A request, by its place in the record.
    Request(usize),
    /// The word that a look was shown, for a request.
    Shown(usize),
    /// Who is online?
    Peers,
    /// Which grants are there?
    Leases,
    /// What was logged?
    Ledger,
}

/// Something to undo, or to look after, later.
#[derive(Clone, Debug)]
enum Later {
    Deed(Host, Deed),
    Member(u8),
    Mend(Vec<(Host, Host)>),
    Loss,
    Ask,
}

/// A grant as the run knows it.
#[derive(Clone, Debug)]
struct Granted {
    grant: GrantId,
    image: String,
    owner: Host,
    borrower: Host,
    /// Most looks that were ever granted, all additions counted.
    most: u32,
    /// Numbers of the looks that were counted.
    ordinals: BTreeSet<u32>,
    /// Changes that the owner was told are kept.
    changes: u32,
    /// Since when its picture is on its way to the borrower; 0 for those from before the start.
    since_us: u64,
}

/// A request that waits with its person.
struct Waiting {
    request: usize,
    command: Command,
}

/// Where a change must arrive.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    /// Its place among the record's deliveries.
    delivery: usize,
    grant: GrantId,
    change: u32,
}

/// A run in play.
pub(super) struct Player<'a> {
    scenario: &'a Scenario,
    stage: &'a mut dyn Stage,
    record: Record,
    rng: ChaCha20Rng,
    /// The start of the scenario on the stage's clock; none before.
    zero_us: Option<u64>,
    orders: VecDeque<(u64, Order)>,
    later: BTreeMap<(u64, u64), Later>,
    last: u64,
    wishes: BTreeMap<(Host, u64), Purpose>,
    waiting: BTreeMap<Host, VecDeque<Waiting>>,
    servers: BTreeMap<Host, ServerState>,
    /// Servers that lost their disks and do not count looks again yet, if nothing else may fail
    /// until they do.
    healing: BTreeSet<Host>,
    cuts: BTreeSet<(Host, Host)>,
    weather: Weather,
    /// How long the next server that takes a request is to be down.
    armed: VecDeque<Option<f64>>,
    /// How long leaders are to be down that are not known yet.
    wanted_leaders: VecDeque<Option<f64>>,
    /// Members of etcd that are down.
    members_down: BTreeSet<u8>,
    /// Commands of requests for shares, to know what was granted: image, borrower, looks.
    shares: BTreeMap<usize, (String, Host, u32)>,
    /// Changes under way: of which grant, and whether its borrower was away then.
    adjusts: BTreeMap<usize, (GrantId, bool)>,
    looks: BTreeMap<usize, GrantId>,
    grants: Vec<Granted>,
    awaited: BTreeMap<Host, Vec<Awaited>>,
    results: BTreeSet<RequestId>,
    /// Wishes for requests that ended.
    ended: BTreeSet<(Host, u64)>,
    /// Whether each client, when asked last, saw every other online.
    sees_all: BTreeMap<Host, bool>,
    leases: BTreeMap<Host, Vec<Lease>>,
    ledgers: BTreeMap<Host, Vec<(GrantId, LogEntry)>>,
    turn: usize,
}

/// Plays a scenario.
///
/// # Errors
/// If the stage breaks down, or the cluster does not come up.
pub(super) fn play(
    scenario: &Scenario,
    seed: u64,
    weather: Weather,
    stage: &mut dyn Stage,
) -> Result<Record, Failure> {
    let mut player = Player::new(scenario, seed, weather, stage);
    player.open()?;
    player.zero_us = Some(player.stage.now_us());
    player.orders = schedule::draw(scenario, seed).into();
    if scenario.token.is_some() {
        player.switch_token(true);
    }
    player.stage.begin_orders()?;
    player.go((scenario.length_s() * 1e6) as u64)?;
    player.close()?;
    player.judge_orders()?;
    Ok(player.record)
}

impl<'a> Player<'a> {
    fn new(scenario: &'a Scenario, seed: u64, weather: Weather, stage: &'a mut dyn Stage) -> Self {
        let servers = *scenario.cluster.nodes.get_ref();
        let cast = Cast {
            servers,
            clients: scenario.cluster.clients.get_ref(),
        };
        let all = servers + cast.clients.len();
        let record = Record {
            hosts: (0..all).map(|host| cast.name(host)).collect(),
            servers,
            ..Record::default()
        };
        Self {
            scenario,
            stage,
            record,
            rng: ChaCha20Rng::seed_from_u64(seed ^ 0x0063_6861_6f73),
            zero_us: None,
            orders: VecDeque::new(),
            later: BTreeMap::new(),
            last: 0,
            wishes: BTreeMap::new(),
            waiting: BTreeMap::new(),
            servers: BTreeMap::new(),
            healing: BTreeSet::new(),
            cuts: BTreeSet::new(),
            weather,
            armed: VecDeque::new(),
            wanted_leaders: VecDeque::new(),
            members_down: BTreeSet::new(),
            shares: BTreeMap::new(),
            adjusts: BTreeMap::new(),
            looks: BTreeMap::new(),
            grants: Vec::new(),
            awaited: BTreeMap::new(),
            results: BTreeSet::new(),
            ended: BTreeSet::new(),
            sees_all: BTreeMap::new(),
            leases: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            turn: 0,
        }
    }

    /// Time since the start of the scenario; 0 before.
    fn now(&self) -> u64 {
        self.since_start(self.stage.now_us())
    }

    fn since_start(&self, at_us: u64) -> u64 {
        self.zero_us.map_or(0, |zero| at_us.saturating_sub(zero))
    }

    fn clients(&self) -> std::ops::Range<Host> {
        self.record.servers..self.record.hosts.len()
    }

    fn is_up(&self, host: Host) -> bool {
        self.record.is(host, State::Up)
    }

    /// Lets the run go on to a moment since the start; what is due on the way is done.
    fn go(&mut self, until: u64) -> Result<(), Failure> {
        let zero = self.zero_us.unwrap_or(0);
        loop {
            let order = self.orders.front().map_or(u64::MAX, |(at, _)| *at);
            let later = self.later.keys().next().map_or(u64::MAX, |(at, _)| *at);
            let next = order.min(later).min(until);
            let happened = self.stage.advance(zero + next)?;
            let rests = happened.is_empty();
            for happened in happened {
                self.hear(happened)?;
            }
            // Also when there is always more to hear.
            if rests || self.stage.now_us() >= zero + next {
                self.do_due(next)?;
            }
            if rests && order > until && later > until {
                return Ok(());
            }
        }
    }

    fn do_due(&mut self, now: u64) -> Result<(), Failure> {
        while let Some(later) = self
            .later
            .first_entry()
            .filter(|first| first.key().0 <= now)
        {
            let later = later.remove();
            self.undo(later)?;
        }
        while self.orders.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((at, order)) = self.orders.pop_front() {
                self.act(at, order)?;
            }
        }
        Ok(())
    }

    fn plan(&mut self, at: u64, later: Later) {
        self.last += 1;
        self.later.insert((at, self.last), later);
    }

    fn wish(&mut self, client: Host, purpose: Purpose, command: Command) -> Result<(), Failure> {
        self.last += 1;
        self.wishes.insert((client, self.last), purpose);
        self.stage.wish(client, self.last, command)
    }

    /// Asks a client unless it is asked already.
    fn ask(&mut self, client: Host, purpose: Purpose, command: Command) -> Result<(), Failure> {
        let open = self
            .wishes
            .iter()
            .any(|((host, _), open)| *host == client && *open == purpose);
        if open || !self.is_up(client) || self.record.is(client, State::Paused) {
            return Ok(());
        }
        self.wish(client, purpose, command)
    }

    fn switch_token(&mut self, on: bool) {
        let Some(token) = &self.scenario.token else {
            return;
        };
        let weights = token.fault;
        let pick = rand::RngExt::random_range(&mut self.rng, 0..weights.silent + weights.announced);
        let announced = pick >= weights.silent;
        for server in 0..self.record.servers {
            self.operate(server, ServerCommand::Token { on, announced });
        }
    }

    fn operate(&mut self, server: Host, command: ServerCommand) {
        if self.is_up(server) {
            self.stage.operate(server, command);
        }
    }

    /// Ends a request.
    fn end(&mut self, request: usize, end: End) {
        let now = self.now();
        let request = &mut self.record.requests[request];
        request.end = end;
        request.ended_us = Some(now);
    }

    /// Marks the open requests of those who do not reach the servers that they need: any, or a
    /// majority if the servers count.
    fn note_outages(&mut self) {
        let works = |host: &Host| {
            self.is_up(*host)
                && !self.record.is(*host, State::Paused)
                && !self.record.is(*host, State::Failing)
        };
        let working: Vec<Host> = (0..self.record.servers).filter(works).collect();
        let needed = match self.scenario.cluster.counted_by {
            CountedBy::Program => 1,
            CountedBy::Servers => self.record.servers / 2 + 1,
        };
        let reaches = |client: Host, server: Host| {
            !self.cuts.contains(&(server, client)) && !self.cuts.contains(&(client, server))
        };
        let stranded: BTreeSet<Host> = self
            .clients()
            .filter(|&client| {
                let reached = working.iter().filter(|&&server| reaches(client, server));
                self.record.is(client, State::Paused) || reached.count() < needed
            })
            .collect();
        if stranded.is_empty() {
            return;
        }
        for request in &mut self.record.requests {
            if request.end == End::Open && stranded.contains(&request.client) {
                request.outage = true;
            }
        }
    }

    /// Pictures that a client makes now.
    fn making(&self, client: Host) -> usize {
        let is_made = |purpose: &Purpose| match purpose {
            Purpose::Request(request) => self.record.requests[*request].kind.is_made(),
            _ => false,
        };
        self.wishes
            .range((client, 0)..=(client, u64::MAX))
            .filter(|(_, purpose)| is_made(purpose))
            .count()
    }

    /// Makes the requests that wait with a person, as far as the client takes them.
    fn make_waiting(&mut self, client: Host) -> Result<(), Failure> {
        while self.is_up(client)
            && !self.record.is(client, State::Paused)
            && self.making(client) < MAKING_MAX
        {
            let next = self.waiting.get_mut(&client).and_then(VecDeque::pop_front);
            let Some(Waiting { request, command }) = next else {
                return Ok(());
            };
            self.wish(client, Purpose::Request(request), command)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
