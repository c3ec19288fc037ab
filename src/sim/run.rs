//! One run of one seed: the plan is played, the checks watch.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::cast;
use super::checks::{self, At, Check};
use super::node::Happening;
use super::plan::{ALICE, Act, BOB, CALM, END, Plan, SERVERS, SHARED};
use super::tally::{Failure, Tally};
use super::wishes::{Done, WishKind, Wishes};
use super::world::{Seen, World};
use crate::actors::membership::Member;
use crate::node::board;
use crate::node::config::TokenConfig;
use crate::proto::control::{Command, News, Outcome, Report, Wish};
use crate::proto::ids::{AskId, Digest, GrantId, ViewId, WishId};
use crate::proto::operator::ServerCommand;

mod calm;
mod counting;
mod replacing;
mod troubles;

const SECOND: u64 = 1_000_000;
/// How long a person looks before the look is reported as shown.
const LOOKING: u64 = SECOND / 5;
/// What nodes hold is looked at so often.
const SURVEY_EVERY: u64 = 2 * SECOND;

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// What does not hold: name of the check, and what it saw. Empty is good.
    pub violations: Vec<(&'static str, String)>,
    /// What happened, so that a run in which nothing happens cannot pass for a good one.
    pub tally: Tally,
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64) -> Verdict {
    Run::new(seed).play()
}

/// Runs one seed. What it came to.
///
/// # Errors
/// What did not hold.
pub fn judged(seed: u64) -> Result<Tally, Failure> {
    let Verdict {
        violations, tally, ..
    } = run(seed);
    if violations.is_empty() {
        return Ok(tally);
    }
    let told: Vec<String> = violations
        .iter()
        .map(|(check, what)| format!("{check}: {what}"))
        .collect();
    Err(Failure {
        seed,
        broken: format!("seed {seed}: {}", told.join("\n  ")),
        command: format!("pentimento-chaos seeds 1 --from {seed}"),
        tally: Box::new(tally),
    })
}

struct Run {
    seed: u64,
    world: World,
    /// Which nodes troubles meet.
    rng: ChaCha20Rng,
    plan: Plan,
    wishes: Wishes,
    lives: BTreeMap<usize, u32>,
    checks: Vec<Box<dyn Check>>,
    violations: Vec<(&'static str, String)>,
    /// What looks are at, and what is changed.
    grant: Option<GrantId>,
    /// Bob's newest question, as far as he was told.
    ask: Option<AskId>,
    /// Looks to be reported as shown, and when.
    looks: Vec<(u64, ViewId)>,
    /// Originals of pictures that are being hidden, by the wish.
    originals: BTreeMap<(usize, WishId), Digest>,
    /// Pictures that their owners were told to be hidden, with what must come out of them.
    hidden: Vec<(usize, Bytes, Digest)>,
    /// What each server tells of the others.
    views: BTreeMap<usize, Vec<Member>>,
    /// Who has the token, as servers tell.
    holder: Option<usize>,
    /// Who sees whom, as clients told last.
    sees: BTreeMap<usize, bool>,
    /// The end of a wish that the run waits for.
    awaited: Option<(usize, WishId, Option<News>)>,
    /// A bit of the agreement was turned on the disk of this server, and it was not emptied since.
    flipped: Option<usize>,
    done: Done,
    tally: Tally,
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
        world.manner = plan.swarm.manner.clone();
        let wishes = Wishes::new(&plan.swarm.manner);
        Self {
            seed,
            world,
            rng: ChaCha20Rng::seed_from_u64(seed ^ 0x7472_6f75_626c),
            checks: checks::all(plan.swarm.skew_ms.unsigned_abs()),
            plan,
            wishes,
            lives: BTreeMap::new(),
            violations: Vec::new(),
            grant: None,
            ask: None,
            looks: Vec::new(),
            originals: BTreeMap::new(),
            hidden: Vec::new(),
            views: BTreeMap::new(),
            holder: None,
            sees: BTreeMap::new(),
            awaited: None,
            flipped: None,
            done: Done::default(),
            tally: Tally::default(),
        }
    }

    fn play(mut self) -> Verdict {
        for node in 0..=BOB {
            let skew = self.plan.swarm.skew_ms;
            let ahead = self.rng.random_range(-skew..=skew);
            self.set_clock(node, ahead);
            self.start(node);
        }
        let acts = std::mem::take(&mut self.plan.acts);
        for (at, act) in acts {
            self.go_to(at);
            self.act(act);
        }
        self.go_to(CALM);
        self.calm();
        self.judge();
        Verdict {
            seed: self.seed,
            violations: self.violations,
            tally: Self::close(self.tally, &self.world),
        }
    }

    fn violated(&mut self, name: &'static str, what: impl Into<String>) {
        self.violations.push((name, what.into()));
    }

    /// Lets the world go on to a moment; people who look report it on the way.
    fn go_to(&mut self, end: u64) {
        assert!(end <= END, "a run is bounded");
        // A trouble may have waited for its moment beyond that.
        let end = end.max(self.world.now());
        loop {
            // Asked anew at each step, because each may bring another look.
            let next = self
                .looks
                .iter()
                .map(|(at, _)| *at)
                .min()
                .unwrap_or(u64::MAX);
            let survey = (self.world.now() / SURVEY_EVERY + 1) * SURVEY_EVERY;
            let next = next.min(survey);
            match self.world.step(end.min(next)) {
                Some(seen) => self.watch(seen),
                None if next > end => return,
                None => {
                    self.show(next);
                    if next == survey {
                        self.survey();
                    }
                    if next == end {
                        return;
                    }
                }
            }
        }
    }

    fn survey(&mut self) {
        for node in 0..=BOB {
            let surveys = self.world.surveys(node).into_iter();
            let seen = surveys.map(|survey| (node, Seen::Holds(Box::new(survey))));
            self.watch(seen.collect());
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
            self.wish(BOB, WishKind::Shown(view), Command::Shown(view));
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Begin(trouble) => self.begin(trouble),
            Act::Mend => self.mend(),
            Act::Cheat(who, cheat) => self.world.cheat(who, cheat),
            Act::TokenOn { announced } => self.token(true, announced),
            Act::TokenOff => self.token(false, true),
            Act::Wish(who, command) => {
                let kind = match command {
                    Command::Hide { .. } => WishKind::Hide,
                    _ => WishKind::Probe,
                };
                self.wish(who, kind, command);
            }
            Act::Share(command) => {
                if self.grant.is_none() {
                    self.wish(ALICE, WishKind::Share, command);
                }
            }
            Act::View => {
                let Some(grant) = self.grant else { return };
                self.wish(BOB, WishKind::View(grant), Command::View(grant.hex()));
            }
            Act::Adjust(change) => {
                let Some(grant) = self.grant else { return };
                let lease = grant.hex();
                let kind = WishKind::Adjust(grant, change);
                self.wish(ALICE, kind, Command::Adjust { lease, change });
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
        self.note_reach();
    }

    /// Notes who reaches a server that answers. One that hears a person and is not heard may take
    /// their request, and nobody takes it over while that server lives: it counts against all.
    fn note_reach(&mut self) {
        for who in [ALICE, BOB] {
            let mut servers = 0..SERVERS;
            let reaches = servers
                .clone()
                .any(|server| self.world.can_talk(who, server))
                && !servers.any(|server| self.world.is_heard_only(who, server));
            self.wishes.reaches(who, reaches);
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

    fn crash(&mut self, node: usize) {
        if self.world.is_up(node) {
            let seen = self.world.crash(node);
            self.watch(vec![(node, seen)]);
        }
    }

    fn wish(&mut self, who: usize, kind: WishKind, command: Command) -> Option<WishId> {
        if !self.world.is_up(who) {
            return None;
        }
        let id = self
            .wishes
            .add(self.world.now(), who, kind, self.lives[&who]);
        if kind.makes_picture() {
            self.tally.outcome("pictures asked for");
        }
        if let Command::Hide { original, .. } = &command {
            self.originals.insert((who, id), Digest::of(original));
        }
        let seen = self.world.poke(who, Happening::Wish(Wish { id, command }));
        self.watch(seen);
        Some(id)
    }

    fn watch(&mut self, seen: Vec<(usize, Seen)>) {
        let us = self.world.now();
        for (node, seen) in &seen {
            let mut kind = None;
            match seen {
                Seen::Told(report) => {
                    self.hear(*node, report);
                    kind = self.wishes.get(*node, report.wish).map(|one| one.kind);
                }
                Seen::News(news) => self.told_by_server(*node, news),
                Seen::Gate(_) | Seen::Crashed | Seen::Started => self.note_reach(),
                _ => {}
            }
            self.count(*node, seen, kind);
            let at = At {
                us,
                wall: self.world.wall(*node),
                node: *node,
            };
            for check in &mut self.checks {
                if let Err(violation) = check.see(at, seen, &self.wishes) {
                    self.violations.push((check.name(), violation));
                }
            }
        }
    }

    fn told_by_server(&mut self, server: usize, news: &board::News) {
        match news {
            board::News::View(members) => {
                self.views.insert(server, members.clone());
            }
            board::News::Token { here: true, .. } => self.holder = Some(server),
            board::News::Token { here: false, .. } if self.holder == Some(server) => {
                self.holder = None;
            }
            board::News::Quarantined(why) if self.flipped != Some(server) => {
                self.violated(
                    "no server is out for nothing",
                    format!("{}: {why}", server + 1),
                );
            }
            _ => {}
        }
    }

    fn hear(&mut self, who: usize, Report { wish, news }: &Report) {
        self.wishes.note(who, *wish, news);
        if matches!(news, News::Done(_) | News::Failed(_))
            && let Some((asker, awaited, told)) = &mut self.awaited
            && (*asker, *awaited) == (who, *wish)
        {
            *told = Some(news.clone());
        }
        let News::Done(outcome) = news else { return };
        match &**outcome {
            Outcome::Shared { grant, .. } if self.grant.is_none() => self.grant = Some(*grant),
            Outcome::Asked { ask, .. } => self.ask = Some(*ask),
            Outcome::Requests(asks) => {
                self.done.asks.insert(who, asks.clone());
            }
            Outcome::Opened { view, .. } => {
                self.looks.push((self.world.now() + LOOKING, *view));
            }
            Outcome::Leases(leases) => {
                // Of a share that was carried out though nobody heard of it.
                let mut shared = leases.iter().filter(|lease| lease.name == SHARED);
                self.grant = self.grant.or(shared.next().map(|lease| lease.grant));
                self.done.leases.insert(who, leases.clone());
            }
            Outcome::Ledger(log) => {
                self.done.logs.insert(who, log.clone());
            }
            Outcome::Peers { peers, fresh } => {
                let sees = *fresh && !peers.is_empty() && peers.iter().all(|peer| peer.online);
                self.sees.insert(who, sees);
            }
            Outcome::Hidden { picture, .. } => {
                if let Some(original) = self.originals.get(&(who, *wish)) {
                    self.hidden.push((who, picture.clone(), *original));
                }
            }
            _ => {}
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
