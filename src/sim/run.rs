//! One run of one seed: the plan is played, the checks watch.

use std::collections::BTreeMap;

use super::cast;
use super::checks::{self, Check};
use super::node::Happening;
use super::plan::{ALICE, Act, BOB, CALM, Done, END, Plan, SERVERS, WishKind, Wishes};
use super::visits::Between;
use super::world::{Seen, World};
use crate::node::config::TokenConfig;
use crate::proto::control::{Command, News, Outcome, Reason, Report, Wish};
use crate::proto::ids::{AskId, GrantId, ViewId};
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
    /// What happened.
    pub counts: Counts,
}

/// What happened in a run, so that a run in which nothing happens cannot pass for a good one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pictures hidden for their owners.
    pub pictures: u64,
    /// Grants made.
    pub grants: u64,
    /// Looks counted.
    pub looks: u64,
    /// Looks refused.
    pub refusals: u64,
    /// Looks refused because the end date had passed.
    pub expired: u64,
    /// Changes of grants acknowledged.
    pub changes: u64,
    /// Questions answered by their owner, and taken back by their asker.
    pub answers: u64,
    /// See `answers`.
    pub withdrawals: u64,
    /// Galleries that came, and questions for one that were turned away.
    pub galleries: u64,
    /// See `galleries`.
    pub turned_away: u64,
    /// Planned failures.
    pub failures: u64,
    /// Crashes.
    pub crashes: u64,
    /// Pictures asked of the cloud, and pictures made by all servers together.
    pub asked: u64,
    /// See `asked`.
    pub made: u64,
}

impl Counts {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.pictures += other.pictures;
        self.grants += other.grants;
        self.looks += other.looks;
        self.refusals += other.refusals;
        self.expired += other.expired;
        self.changes += other.changes;
        self.answers += other.answers;
        self.withdrawals += other.withdrawals;
        self.galleries += other.galleries;
        self.turned_away += other.turned_away;
        self.failures += other.failures;
        self.crashes += other.crashes;
        self.asked += other.asked;
        self.made += other.made;
    }

    fn see(&mut self, seen: &Seen, kind: Option<WishKind>) {
        match seen {
            Seen::Gate(true) => self.failures += 1,
            Seen::Crashed => self.crashes += 1,
            Seen::Worked => self.made += 1,
            Seen::Between {
                what: Between::TurnedAway,
                ..
            } => self.turned_away += 1,
            Seen::Told(Report {
                news: News::Failed(failure),
                ..
            }) if kind == Some(WishKind::View) => {
                self.refusals += 1;
                self.expired += u64::from(failure.reason == Reason::Expired);
            }
            Seen::Told(Report {
                news: News::Done(outcome),
                ..
            }) => match **outcome {
                Outcome::Hidden { .. } => self.pictures += 1,
                Outcome::Shared { .. } => self.grants += 1,
                Outcome::Counted { .. } => self.looks += 1,
                Outcome::Adjusted { .. } => self.changes += 1,
                Outcome::Decided(_) => self.answers += 1,
                Outcome::Withdrawn(_) => self.withdrawals += 1,
                Outcome::Gallery { .. } => self.galleries += 1,
                _ => {}
            },
            _ => {}
        }
    }
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64) -> Verdict {
    Run::new(seed).play()
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
    /// Bob's newest question, as far as he was told.
    ask: Option<AskId>,
    /// Looks to be reported as shown, and when.
    looks: Vec<(u64, ViewId)>,
    done: Done,
    counts: Counts,
}

impl Run {
    fn new(seed: u64) -> Self {
        let plan = Plan::draw(seed);
        let mut world = World::new(seed, plan.weather);
        let token = TokenConfig {
            hold_min_ms: plan.hold_ms.0,
            hold_max_ms: plan.hold_ms.1,
            ..TokenConfig::default()
        };
        cast::add(&mut world, SERVERS, &["alice", "bob"], token);
        Self {
            seed,
            world,
            plan,
            wishes: Wishes::default(),
            lives: BTreeMap::new(),
            checks: checks::all(),
            violations: Vec::new(),
            grant: None,
            ask: None,
            looks: Vec::new(),
            done: Done::default(),
            counts: Counts::default(),
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
        self.same_ledgers();
        self.judge();
        Verdict {
            seed: self.seed,
            violations: self.violations,
            trace: self.world.trace().to_hex().to_string(),
            events: self.world.events(),
            simulated_us: self.world.now(),
            counts: self.counts,
        }
    }

    /// Lets the world go on to a moment; people who look report it on the way.
    fn go_to(&mut self, end: u64) {
        debug_assert!(end <= END, "a run is bounded");
        loop {
            // Asked anew at each step, because each may bring another look.
            let next = self
                .looks
                .iter()
                .map(|(at, _)| *at)
                .min()
                .unwrap_or(u64::MAX);
            match self.world.step(end.min(next)) {
                Some(seen) => self.watch(seen),
                None if next > end => return,
                None => self.show(next),
            }
        }
    }

    fn show(&mut self, at: u64) {
        let due: Vec<ViewId> = self
            .looks
            .iter()
            .filter(|(when, _)| *when <= at)
            .map(|(_, view)| *view)
            .collect();
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
            Act::Isolate(node) => self
                .world
                .cuts
                .isolate(node, (0..=BOB).filter(|n| *n != node)),
            Act::Mend => self.world.cuts.mend(),
            Act::Weather(weather) => self.world.weather = weather,
            Act::Cheat(who, cheat) => self.world.cheat(who, cheat),
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
                let command = Command::Adjust {
                    lease: grant.hex(),
                    change,
                };
                self.wish(ALICE, WishKind::Adjust(change), command);
            }
            Act::Withdraw => {
                let Some(ask) = self.ask else { return };
                self.wish(BOB, WishKind::Withdraw, Command::Withdraw(ask.hex()));
            }
            Act::Decide(views) => {
                let Some(ask) = self.ask else { return };
                let command = Command::Decide {
                    ask: ask.hex(),
                    views,
                    reason: "no".into(),
                };
                self.wish(ALICE, WishKind::Decide, command);
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
        self.counts.asked += u64::from(kind.makes_picture());
        let seen = self.world.poke(who, Happening::Wish(Wish { id, command }));
        self.watch(seen);
    }

    fn watch(&mut self, seen: Vec<(usize, Seen)>) {
        let now = self.world.now();
        for (node, seen) in &seen {
            let mut kind = None;
            if let Seen::Told(report) = seen {
                self.hear(*node, report);
                kind = self
                    .wishes
                    .get(*node, report.wish)
                    .map(|wished| wished.kind);
            }
            self.counts.see(seen, kind);
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
            Outcome::Asked { ask, .. } => self.ask = Some(*ask),
            Outcome::Requests(asks) => {
                self.done.asks.insert(who, asks.clone());
            }
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
            self.wish(who, WishKind::Probe, Command::Requests);
        }
    }

    /// All servers serve and have the same ledger, now or within ten seconds.
    fn same_ledgers(&mut self) {
        let mut ledgers = Vec::new();
        for _ in 0..100 {
            ledgers = self.world.ledgers();
            let is_same = ledgers.windows(2).all(|pair| pair[0] == pair[1]);
            if ledgers.len() == SERVERS && is_same && ledgers.iter().all(Option::is_some) {
                return;
            }
            self.go_to(self.world.now() + SECOND / 10);
        }
        let what = format!("{ledgers:?}");
        self.violations.push(("one ledger", what));
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
