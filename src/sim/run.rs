//! One run of one seed: the plan is played, the checks watch.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::checks::{self, Check};
use super::node::{Happening, Role};
use super::plan::{ALICE, Act, BOB, CALM, Done, END, Plan, SERVERS, WishKind, Wishes};
use super::world::{Seen, World};
use crate::crypto::identity::SecretIdentity;
use crate::net::peers::Peers;
use crate::node::config::{ClientConfig, ServerAddress, ServerConfig, TokenConfig, WorkConfig};
use crate::proto::control::{Command, News, Outcome, Report, Wish};
use crate::proto::ids::{GrantId, ViewId};
use crate::proto::operator::ServerCommand;

const SECOND: u64 = 1_000_000;
/// How long a person looks before the look is reported as shown.
const LOOKING: u64 = SECOND / 5;

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// What does not hold: name of the check, and what it saw. Empty is good.
    pub violations: Vec<(&'static str, String)>,
    /// Digest over everything that happened.
    pub trace: String,
    /// Events.
    pub events: u64,
    /// Simulated microseconds.
    pub simulated_us: u64,
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64) -> Verdict {
    Run::new(seed, |_| {}).play()
}

/// Runs one seed with a change to every server's configuration, for planted faults.
#[must_use]
pub fn run_with(seed: u64, change: impl Fn(&mut ServerConfig)) -> Verdict {
    Run::new(seed, change).play()
}

struct Run {
    seed: u64,
    world: World,
    plan: Plan,
    wishes: Wishes,
    lives: BTreeMap<usize, u32>,
    checks: Vec<Box<dyn Check>>,
    violations: Vec<(&'static str, String)>,
    grant: Option<GrantId>,
    /// Looks to be reported as shown, and when.
    looks: Vec<(u64, ViewId)>,
    done: Done,
}

impl Run {
    fn new(seed: u64, change: impl Fn(&mut ServerConfig)) -> Self {
        let plan = Plan::draw(seed);
        let mut world = World::new(seed, plan.weather);
        let servers: Vec<ServerAddress> = (1..=SERVERS as u8).map(server_address).collect();
        for own in &servers {
            let mut config = server_config(own.id, &servers, plan.hold_ms);
            change(&mut config);
            let others = servers.iter().filter(|other| other.id != own.id);
            let known = Peers::new(others.map(|other| (other.node(), other.peers)));
            world.add(Role::Server(Box::new(config)), known);
        }
        for (place, name) in [(ALICE, "alice"), (BOB, "bob")] {
            let config = ClientConfig {
                name: name.into(),
                home: None,
                listen: address(place as u8, 1),
                servers: servers.clone(),
            };
            let identity = SecretIdentity::from_secret([place as u8; 32]);
            let known = Peers::new(servers.iter().map(|s| (s.node(), s.clients)));
            world.add(Role::Client(Box::new(config), Box::new(identity)), known);
        }
        Self {
            seed,
            world,
            plan,
            wishes: Wishes::default(),
            lives: BTreeMap::new(),
            checks: checks::all(),
            violations: Vec::new(),
            grant: None,
            looks: Vec::new(),
            done: Done::default(),
        }
    }

    fn play(mut self) -> Verdict {
        for node in 0..=BOB {
            self.start(node);
        }
        let acts = std::mem::take(&mut self.plan.acts);
        for (at, act) in acts {
            self.go_to(at);
            self.act(act);
        }
        self.go_to(CALM + 90 * SECOND);
        self.ask_for_the_end();
        self.go_to(CALM + 95 * SECOND);
        self.judge();
        Verdict {
            seed: self.seed,
            violations: self.violations,
            trace: self.world.trace().to_hex().to_string(),
            events: self.world.events(),
            simulated_us: self.world.now(),
        }
    }

    /// Lets the world go on to a moment; people who look report it on the way.
    fn go_to(&mut self, end: u64) {
        debug_assert!(end <= END, "a run is bounded");
        loop {
            let next = self.looks.iter().map(|(at, _)| *at).min().unwrap_or(u64::MAX);
            let stop = end.min(next);
            while let Some(seen) = self.world.step(stop) {
                self.watch(seen);
            }
            if next > end {
                return;
            }
            self.show(next);
        }
    }

    fn show(&mut self, at: u64) {
        let due: Vec<ViewId> =
            self.looks.iter().filter(|(when, _)| *when <= at).map(|(_, view)| *view).collect();
        self.looks.retain(|(when, _)| *when > at);
        for view in due {
            self.wish(BOB, WishKind::Shown, Command::Shown(view));
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Crash(node) if self.world.is_up(node) => {
                let seen = self.world.crash(node);
                self.watch(vec![(node, seen)]);
            }
            Act::Start(node) if !self.world.is_up(node) => self.start(node),
            Act::Crash(_) | Act::Start(_) => {}
            Act::Isolate(node) => self.world.cuts.isolate(node, (0..=BOB).filter(|n| *n != node)),
            Act::Mend => self.world.cuts.mend(),
            Act::Weather(weather) => self.world.weather = weather,
            Act::TokenOn { announced } => self.token(true, announced),
            Act::TokenOff => self.token(false, true),
            Act::Wish(who, command) => {
                let kind = match command {
                    Command::Hide { .. } => WishKind::Hide,
                    Command::Share { .. } => WishKind::Share,
                    _ => WishKind::Probe,
                };
                self.wish(who, kind, command);
            }
            Act::View => {
                let Some(grant) = self.grant else { return };
                self.wish(BOB, WishKind::View, Command::View(grant.hex()));
            }
            Act::Adjust(change) => {
                let Some(grant) = self.grant else { return };
                let command = Command::Adjust { lease: grant.hex(), change };
                self.wish(ALICE, WishKind::Adjust(change), command);
            }
        }
        if (0..SERVERS).all(|server| !self.world.is_up(server)) {
            self.wishes.outage();
        }
    }

    fn token(&mut self, on: bool, announced: bool) {
        let command = ServerCommand::Token { on, announced };
        for server in 0..SERVERS {
            if self.world.is_up(server) {
                let seen = self.world.poke(server, Happening::Operator(command));
                self.watch(seen);
            }
        }
    }

    fn start(&mut self, node: usize) {
        *self.lives.entry(node).or_default() += 1;
        let seen = self.world.start(node);
        self.watch(vec![(node, seen)]);
    }

    fn wish(&mut self, who: usize, kind: WishKind, command: Command) {
        if !self.world.is_up(who) {
            return;
        }
        let id = self.wishes.add(who, kind, self.lives[&who]);
        let seen = self.world.poke(who, Happening::Wish(Wish { id, command }));
        self.watch(seen);
    }

    fn watch(&mut self, seen: Vec<(usize, Seen)>) {
        let now = self.world.now();
        for (node, seen) in &seen {
            if let Seen::Told(report) = seen {
                self.hear(*node, report);
            }
            for check in &mut self.checks {
                if let Err(violation) = check.see(now, *node, seen, &self.wishes) {
                    self.violations.push((check.name(), violation));
                }
            }
        }
    }

    fn hear(&mut self, who: usize, Report { wish, news }: &Report) {
        self.wishes.note(who, *wish, news);
        let News::Done(outcome) = news else { return };
        match &**outcome {
            Outcome::Shared { grant, .. } => self.grant = Some(*grant),
            Outcome::Opened { view, .. } => {
                self.looks.push((self.world.now() + LOOKING, *view));
            }
            Outcome::Leases(leases) => {
                self.done.leases.insert(who, leases.clone());
            }
            Outcome::Ledger(log) => {
                self.done.logs.insert(who, log.clone());
            }
            _ => {}
        }
    }

    fn ask_for_the_end(&mut self) {
        for who in [ALICE, BOB] {
            self.wish(who, WishKind::Probe, Command::Leases);
            self.wish(who, WishKind::Probe, Command::Ledger(None));
        }
    }

    fn judge(&mut self) {
        self.done.wishes = std::mem::take(&mut self.wishes);
        self.done.lives = self.lives.clone();
        for check in &mut self.checks {
            if let Err(violation) = check.finish(&self.done) {
                self.violations.push((check.name(), violation));
            }
        }
    }
}

fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], port))
}

fn server_address(id: u8) -> ServerAddress {
    ServerAddress { id, clients: address(100 + id, 1), peers: address(100 + id, 2) }
}

fn server_config(id: u8, servers: &[ServerAddress], hold_ms: (u32, u32)) -> ServerConfig {
    ServerConfig {
        id,
        data: std::path::PathBuf::new(),
        token: TokenConfig {
            hold_min_ms: hold_ms.0,
            hold_max_ms: hold_ms.1,
            ..TokenConfig::default()
        },
        work: WorkConfig { threads: 2, ..WorkConfig::default() },
        servers: servers.to_vec(),
    }
}
