//! Joins token machines over a bus that loses, repeats, delays and reorders, with servers that
//! really crash and come back without memory, clocks that drift, and operators who interfere.

use std::collections::BTreeMap;

use rand_chacha::rand_core::Rng;

use super::*;

const PERMISSION_WAIT_MS: u64 = 300;
const HOLD_MAX_MS: u64 = 1_500;
const REGENERATE_MS: u64 = 3_500;
const VIEW_EVERY_MS: u64 = 100;
const SUSPECT_AFTER_MS: u64 = 400;
/// Mean time to catch up with the ledger.
const CATCH_UP_MS: u64 = 80;

#[derive(Clone, Copy)]
struct Faults {
    loss_percent: u64,
    repeat_percent: u64,
    delay_max_ms: u64,
    /// Mean pause between crashes of one server or another; 0 for never.
    crash_every_ms: u64,
    /// Mean pause between interferences of operators; 0 for never.
    operator_every_ms: u64,
}

const CALM: Faults = Faults {
    loss_percent: 0,
    repeat_percent: 0,
    delay_max_ms: 5,
    crash_every_ms: 0,
    operator_every_ms: 0,
};

const WILD: Faults = Faults {
    loss_percent: 12,
    repeat_percent: 15,
    delay_max_ms: 120,
    crash_every_ms: 6_000,
    operator_every_ms: 2_000,
};

/// Everybody wants to fail all the time, and forgets often.
const CROWDED: Faults = Faults {
    loss_percent: 2,
    repeat_percent: 15,
    delay_max_ms: 120,
    crash_every_ms: 1_500,
    operator_every_ms: 60,
};

struct Server {
    id: NodeId,
    machine: Option<FailureToken>,
    booted_us: u64,
    /// Microseconds its clock gains in a second.
    drift_ppm: i64,
    failing_since_us: Option<u64>,
    down_since_us: Option<u64>,
    back_at_us: u64,
    /// When it was last neither down nor failing.
    audible_us: u64,
    /// When it has caught up; none once that is told.
    serves_at_us: Option<u64>,
    serves: bool,
    seen: Vec<bool>,
    here: bool,
    failures: usize,
}

impl Server {
    fn local(&self, now_us: u64) -> Moment {
        let lived = now_us.saturating_sub(self.booted_us) as i64;
        let gained = lived * self.drift_ppm / 1_000_000;
        Moment::from_micros((lived + gained) as u64)
    }

    fn is_audible(&self) -> bool {
        self.machine.is_some() && self.failing_since_us.is_none()
    }
}

type Letter = (NodeId, NodeId, TokenPacket);

struct World {
    rng: ChaCha20Rng,
    count: u8,
    faults: Faults,
    now_us: u64,
    servers: Vec<Server>,
    mail: BTreeMap<(u64, u64), Letter>,
    posted: u64,
    next_crash_us: u64,
    next_operator_us: u64,
    /// Who failed, in order.
    history: Vec<NodeId>,
}

impl World {
    fn new(seed: u64, count: u8, faults: Faults) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut world = Self {
            rng: ChaCha20Rng::from_seed(key),
            count,
            faults,
            now_us: 0,
            servers: Vec::new(),
            mail: BTreeMap::new(),
            posted: 0,
            next_crash_us: 0,
            next_operator_us: 0,
            history: Vec::new(),
        };
        for id in 1..=count {
            let drift_ppm = world.draw(400) as i64 - 200;
            world.servers.push(Server {
                id: NodeId(id),
                machine: None,
                booted_us: 0,
                drift_ppm,
                failing_since_us: None,
                down_since_us: Some(0),
                back_at_us: 0,
                audible_us: 0,
                serves_at_us: None,
                serves: false,
                seen: Vec::new(),
                here: false,
                failures: 0,
            });
            world.boot(usize::from(id) - 1);
        }
        world.next_crash_us = world.soon(faults.crash_every_ms);
        world.next_operator_us = world.soon(faults.operator_every_ms);
        world
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.rng.next_u64() % below.max(1)
    }

    fn soon(&mut self, mean_ms: u64) -> u64 {
        self.now_us + self.draw(2_000 * mean_ms.max(1)) + 1
    }

    fn boot(&mut self, index: usize) {
        let me = self.servers[index].id;
        let count = self.count;
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let config = Config {
            on: true,
            hold_min_ms: 300,
            hold_max_ms: HOLD_MAX_MS as u32,
            pause_ms: 150,
            permission_wait_ms: PERMISSION_WAIT_MS,
            margin_ms: 50,
            regenerate_after_ms: REGENERATE_MS,
            ..Config::lan(
                me,
                (1..=count).map(NodeId).collect(),
                Calendar {
                    started_at: WallTime(1_000_000 + self.now_us / 1_000),
                },
            )
        };
        let server = &mut self.servers[index];
        server.machine = Some(FailureToken::new(config, seed));
        server.booted_us = self.now_us;
        server.down_since_us = None;
        server.seen.clear();
        self.turn(index, |machine, now, out| machine.on_deadline(now, out));
        self.begin_to_catch_up(index);
    }

    fn begin_to_catch_up(&mut self, index: usize) {
        let takes_us = self.draw(2 * CATCH_UP_MS * 1_000);
        self.servers[index].serves_at_us = Some(self.now_us + takes_us);
    }

    fn serve(&mut self, index: usize, serves: bool) {
        self.servers[index].serves = serves;
        self.turn(index, |machine, now, out| {
            machine.handle(now, Input::Serving(serves), out);
        });
    }

    fn crash(&mut self, index: usize) {
        // Half of them are back before anybody misses them.
        let longest_ms = if self.draw(2) == 0 { 50 } else { 3_000 };
        let down_ms = 10 + self.draw(longest_ms);
        let server = &mut self.servers[index];
        if server.machine.take().is_some() {
            server.down_since_us = Some(self.now_us);
            server.back_at_us = self.now_us + down_ms * 1_000;
            server.failing_since_us = None;
            (server.serves, server.serves_at_us) = (false, None);
            server.here = false;
        }
    }

    /// Lets a machine act, and carries out what it orders.
    fn turn(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut FailureToken, Moment, &mut Outbox<Output>),
    ) {
        let now = self.servers[index].local(self.now_us);
        let mut out = Outbox::new();
        let Some(machine) = self.servers[index].machine.as_mut() else {
            return;
        };
        act(machine, now, &mut out);
        for output in out.take() {
            match output {
                Output::Send { to, packet } => {
                    assert!(
                        self.servers[index].failing_since_us.is_none(),
                        "sends while silent"
                    );
                    self.post(self.servers[index].id, to, packet);
                }
                Output::Fail { .. } => self.fail(index),
                Output::Recover => {
                    let since = self.servers[index].failing_since_us.take();
                    let lasted_us = self.now_us - since.expect("was failing");
                    assert!(lasted_us <= HOLD_MAX_MS * 1_001, "failed too long");
                    self.servers[index].seen.clear();
                    self.begin_to_catch_up(index);
                }
                Output::State { here, .. } => self.servers[index].here = here,
                Output::NotNow(_) => {}
            }
        }
    }

    /// The two promises of the module.
    fn fail(&mut self, index: usize) {
        let asked_us = self.now_us.saturating_sub(PERMISSION_WAIT_MS * 1_001);
        for (other, server) in self.servers.iter().enumerate() {
            if other != index {
                assert_eq!(server.failing_since_us, None, "two fail at once");
                assert!(
                    server.down_since_us.is_none_or(|since| since >= asked_us),
                    "fails beside a server that is really down"
                );
                // One that crashed since it permitted this may be back already.
                assert!(
                    server.serves || server.booted_us >= asked_us || server.down_since_us.is_some(),
                    "fails beside a server that has to catch up"
                );
            }
        }
        self.servers[index].failing_since_us = Some(self.now_us);
        self.servers[index].serves_at_us = None;
        self.serve(index, false);
        self.servers[index].failures += 1;
        self.history.push(self.servers[index].id);
    }

    fn post(&mut self, from: NodeId, to: NodeId, packet: TokenPacket) {
        let copies = 1 + u64::from(self.draw(100) < self.faults.repeat_percent);
        for _ in 0..copies {
            if self.draw(100) < self.faults.loss_percent {
                continue;
            }
            let mut delay_us = 100 + self.draw(self.faults.delay_max_ms * 1_000);
            if self.faults.loss_percent > 0 && self.draw(50) == 0 {
                delay_us += self.draw(4_000_000);
            }
            self.posted += 1;
            let place = (self.now_us + delay_us, self.posted);
            self.mail.insert(place, (from, to, packet));
        }
    }

    fn deliver(&mut self, (from, to, packet): Letter) {
        let index = usize::from(to.0) - 1;
        // What the gate does not hold back any more is in the mailbox of the machine already.
        let slips_through = self.draw(4) == 0;
        if self.servers[index].is_audible() || slips_through {
            self.turn(index, |machine, now, out| {
                machine.handle(now, Input::Heard { from, packet }, out);
            });
        }
    }

    fn look_around(&mut self) {
        for server in &mut self.servers {
            if server.is_audible() {
                server.audible_us = self.now_us;
            }
        }
        let heard: Vec<(NodeId, bool)> = self
            .servers
            .iter()
            .map(|server| {
                let silent_us = self.now_us - server.audible_us;
                (server.id, silent_us < SUSPECT_AFTER_MS * 1_000)
            })
            .collect();
        for index in 0..self.servers.len() {
            let seen: Vec<bool> = heard.iter().map(|&(_, alive)| alive).collect();
            if self.servers[index].is_audible() && self.servers[index].seen != seen {
                self.servers[index].seen = seen;
                let members = heard.iter().map(|&(id, alive)| member(id, alive)).collect();
                self.turn(index, |machine, now, out| {
                    machine.handle(now, Input::View(members), out);
                });
            }
        }
    }

    fn interfere(&mut self) {
        let index = self.draw(self.servers.len() as u64) as usize;
        let input = match self.draw(40) {
            0 => Input::Switch {
                on: false,
                announced: true,
            },
            1 | 2 => Input::Switch {
                on: true,
                announced: false,
            },
            _ => Input::FailNow {
                hold_ms: 1 + self.draw(2 * HOLD_MAX_MS) as u32,
                announced: false,
            },
        };
        self.turn(index, |machine, now, out| machine.handle(now, input, out));
    }

    /// A quarter of a millisecond.
    fn step(&mut self) {
        self.now_us += 250;
        while let Some(entry) = self.mail.first_entry()
            && entry.key().0 <= self.now_us
        {
            let letter = entry.remove();
            self.deliver(letter);
        }
        if self.now_us.is_multiple_of(VIEW_EVERY_MS * 1_000) {
            self.look_around();
        }
        for index in 0..self.servers.len() {
            let server = &self.servers[index];
            let local = server.local(self.now_us);
            let due = server.machine.as_ref().and_then(Machine::deadline);
            if due.is_some_and(|due| due <= local) {
                self.turn(index, |machine, now, out| machine.on_deadline(now, out));
            }
            if self.servers[index]
                .serves_at_us
                .is_some_and(|at_us| at_us <= self.now_us)
            {
                self.servers[index].serves_at_us = None;
                self.serve(index, true);
            }
            let server = &self.servers[index];
            if server.down_since_us.is_some() && server.back_at_us <= self.now_us {
                self.boot(index);
            }
        }
        if self.faults.crash_every_ms > 0 && self.next_crash_us <= self.now_us {
            let victim = self.draw(self.servers.len() as u64) as usize;
            self.crash(victim);
            self.next_crash_us = self.soon(self.faults.crash_every_ms);
        }
        if self.faults.operator_every_ms > 0 && self.next_operator_us <= self.now_us {
            self.interfere();
            self.next_operator_us = self.soon(self.faults.operator_every_ms);
        }
    }

    fn run_ms(&mut self, millis: u64) {
        let end_us = self.now_us + millis * 1_000;
        while self.now_us < end_us {
            self.step();
        }
    }

    fn run_until_failures(&mut self, count: usize, limit_ms: u64) {
        let end_us = self.now_us + limit_ms * 1_000;
        while self.history.len() < count {
            assert!(self.now_us < end_us, "no progress: {:?}", self.history);
            self.step();
        }
    }
}

#[test]
pub(super) fn never_two_fail_at_once_and_never_beside_a_real_failure() {
    for (faults, at_least) in [(WILD, 200), (CROWDED, 400)] {
        let mut failures = 0;
        for seed in 0..24 {
            let mut world = World::new(seed, if seed % 2 == 0 { 3 } else { 5 }, faults);
            world.run_ms(120_000);
            failures += world.history.len();
        }
        assert!(failures > at_least, "only {failures}: nothing was tried");
    }
}

#[test]
fn a_bus_that_only_loses_and_repeats_still_lets_every_server_fail() {
    for (seed, count) in [(1, 3), (2, 5), (3, 3), (4, 5)] {
        let faults = Faults {
            crash_every_ms: 0,
            operator_every_ms: 0,
            ..WILD
        };
        let mut world = World::new(seed, count, faults);
        world.run_ms(120_000);
        for server in &world.servers {
            assert!(server.failures > 0, "{} never failed", server.id);
        }
    }
}

#[test]
fn without_faults_every_server_fails_in_turn() {
    for (seed, count) in [(1, 3), (2, 5), (3, 3), (4, 5)] {
        let mut world = World::new(seed, count, CALM);
        world.run_until_failures(3 * usize::from(count), 120_000);
        for (place, id) in world.history.iter().enumerate() {
            assert_eq!(usize::from(id.0), place % usize::from(count) + 1);
        }
    }
}

#[test]
fn the_token_is_made_anew_after_its_holder_died() {
    for (seed, count) in [(1, 3), (2, 5), (3, 3), (4, 5)] {
        let mut world = World::new(seed, count, CALM);
        world.run_until_failures(usize::from(count), 60_000);
        while !world.servers.iter().any(|server| server.here) {
            world.step();
        }
        let holder = world
            .servers
            .iter()
            .position(|server| server.here)
            .expect("somebody has it");
        world.crash(holder);
        world.servers[holder].back_at_us = u64::MAX;
        let before = world.history.len();
        world.run_ms(REGENERATE_MS + 1_000);
        assert_eq!(world.history.len(), before, "nobody fails beside the dead");
        let seen_turn = world
            .servers
            .iter()
            .filter_map(|server| server.machine.as_ref())
            .any(|machine| !matches!(machine.token, Token::Away));
        assert!(seen_turn, "no new token");
        world.servers[holder].back_at_us = world.now_us;
        let goal = before + 2 * usize::from(count);
        world.run_until_failures(goal, 120_000);
        for server in &world.servers {
            assert!(server.failures > 1, "{} was left out", server.id);
        }
    }
}

#[test]
fn two_tokens_become_one() {
    let mut world = World::new(9, 5, CALM);
    world.run_until_failures(2, 60_000);
    for to in [2, 5] {
        let packet = TokenPacket::Pass { turn: 1_000 };
        world.deliver((NodeId(1), NodeId(to), packet));
    }
    let goal = world.history.len() + 10;
    world.run_until_failures(goal, 120_000);
    let held = |server: &&Server| {
        let machine = server.machine.as_ref().expect("nobody crashes");
        !matches!(machine.token, Token::Away)
    };
    assert_eq!(world.servers.iter().filter(held).count(), 1);
}
