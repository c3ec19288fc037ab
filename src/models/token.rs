//! M2, planned failures: three servers with the real `failure_token`, on a network that loses,
//! repeats, delays and reorders, with clocks of their own that run as they like.
//!
//! The argument of `failure_token.rs` needs no clock, so there is none that they share: a server's
//! own time passes whenever the checker wants. Operators wish for failures; the ring that hands the
//! token round is off, since permission alone makes a failure safe (the ring is tried on the bus
//! of the machine's own tests). A server may end and come back with nothing.
//!
//! Bounds: two operators wish once, each clock passes once, one server ends once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use stateright::{Model, Property};

use super::{Bench, Numbered, explore, member};
use crate::actors::failure_token::{Config, FailureToken, Input, Output};
use crate::actors::machine::{Machine, Outbox};
use crate::planted::Bug;
use crate::planted::tests::Hunt;
use crate::proto::ids::NodeId;
use crate::proto::packet::TokenPacket;
use crate::time::{Calendar, Moment};

const SERVERS: usize = 3;
/// A failure lasts so long.
const HOLD_MS: u32 = 1_000;
/// Answers to a question count for so long.
const WAIT_MS: u32 = 100;
/// Step of a clock: failures, questions and promises end with it.
const STEP_MS: u32 = HOLD_MS + WAIT_MS;
const NAME: &str = "model of planned failures";

pub(super) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::TokenWithoutPermission, NAME, never_two_at_once),
    Hunt::new(Bug::PermitsWhileAsking, NAME, never_two_at_once),
];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    /// Number of what its machine is in.
    machine: u32,
    /// Steps of its own clock.
    time: u8,
    failing: bool,
    wishes: u8,
}

type Letter = (u8, u8, u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    servers: [Server; SERVERS],
    /// Everything that was said; nothing is ever gone, so it may come again at any time, or never.
    said: BTreeSet<Letter>,
    crashes: u8,
    failures: u8,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// An operator wishes that this server fails.
    Wish(usize),
    /// A letter arrives.
    Hear(Letter, TokenPacket),
    /// A server's own time passes.
    Pass(usize),
    /// A server ends and starts again.
    Crash(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Wish,
    Hear { from: u8, packet: u32 },
    Pass,
}

/// What an event makes of a machine.
#[derive(Clone)]
struct Next {
    machine: u32,
    says: Vec<(u8, u32)>,
    fails: bool,
    recovers: bool,
}

struct Kit {
    machines: Numbered<String, FailureToken>,
    packets: Numbered<String, TokenPacket>,
    stepped: BTreeMap<(u32, u8, Event), Next>,
    /// One for each server and start.
    started: BTreeMap<(usize, u8), u32>,
}

const fn moment(time: u8) -> Moment {
    Moment::from_millis(time as u64 * STEP_MS as u64)
}

impl Kit {
    fn new() -> Self {
        Self {
            machines: Numbered::new(),
            packets: Numbered::new(),
            stepped: BTreeMap::new(),
            started: BTreeMap::new(),
        }
    }

    fn number(&mut self, machine: FailureToken) -> u32 {
        self.machines.number(format!("{machine:?}"), machine)
    }

    /// A server that knows that all are there. Its clock goes on.
    fn start(&mut self, index: usize, life: u8, time: u8) -> u32 {
        if let Some(&known) = self.started.get(&(index, life)) {
            return known;
        }
        let me = NodeId(index as u8 + 1);
        let peers = (1..=SERVERS as u8).map(NodeId).collect();
        let config = Config {
            hold_max_ms: HOLD_MS,
            hold_min_ms: HOLD_MS,
            permission_wait_ms: u64::from(WAIT_MS),
            margin_ms: 0,
            ..Config::lan(me, peers, Calendar::default())
        };
        let mut machine = FailureToken::new(config, [16 * life + me.0; 32]);
        let view = Input::View((0..SERVERS).map(|index| member(index, true, 0)).collect());
        machine.handle(moment(time), view, &mut Outbox::new());
        machine.handle(moment(time), Input::Serving(true), &mut Outbox::new());
        let number = self.number(machine);
        self.started.insert((index, life), number);
        number
    }

    fn step(&mut self, machine: u32, time: u8, event: Event) -> Next {
        if let Some(known) = self.stepped.get(&(machine, time, event)) {
            return known.clone();
        }
        let mut next = self.machines.get(machine).clone();
        let mut out = Outbox::new();
        let now = moment(time);
        match event {
            Event::Wish => {
                let (hold_ms, announced) = (HOLD_MS, false);
                next.handle(now, Input::FailNow { hold_ms, announced }, &mut out);
            }
            Event::Hear { from, packet } => {
                let packet = *self.packets.get(packet);
                let from = NodeId(from + 1);
                next.handle(now, Input::Heard { from, packet }, &mut out);
            }
            Event::Pass => next.on_deadline(now, &mut out),
        }
        let mut result = Next {
            machine: self.number(next),
            says: Vec::new(),
            fails: false,
            recovers: false,
        };
        for output in out.take() {
            match output {
                Output::Send { to, packet } => {
                    let number = self.packets.number(format!("{packet:?}"), packet);
                    result.says.push((to.0 - 1, number));
                }
                Output::Fail { .. } => result.fails = true,
                Output::Recover => result.recovers = true,
                Output::State { .. } | Output::NotNow(_) => {}
            }
        }
        self.stepped.insert((machine, time, event), result.clone());
        result
    }
}

struct Failures {
    bench: Bench,
    kit: Mutex<Kit>,
    /// Wishes of each operator.
    wishes: [u8; SERVERS],
    passes: u8,
    crashes: u8,
}

impl Failures {
    fn event(&self, state: &mut State, index: usize, event: Event) {
        let mut kit = self.kit.lock().expect("nobody panics");
        let server = &mut state.servers[index];
        let next = kit.step(server.machine, server.time, event);
        server.machine = next.machine;
        server.failing = (server.failing && !next.recovers) || next.fails;
        state.failures += u8::from(next.fails);
        let from = index as u8;
        state
            .said
            .extend(next.says.iter().map(|&(to, packet)| (from, to, packet)));
    }
}

impl Model for Failures {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut kit = self.kit.lock().expect("nobody panics");
        let server = |index: usize, kit: &mut Kit| Server {
            machine: self.bench.run(|| kit.start(index, 0, 0)),
            time: 0,
            failing: false,
            wishes: 0,
        };
        vec![State {
            servers: [
                server(0, &mut kit),
                server(1, &mut kit),
                server(2, &mut kit),
            ],
            said: BTreeSet::new(),
            crashes: 0,
            failures: 0,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (index, server) in state.servers.iter().enumerate() {
            if server.wishes < self.wishes[index] {
                steps.push(Step::Wish(index));
            }
            if server.time < self.passes {
                steps.push(Step::Pass(index));
            }
            if state.crashes < self.crashes {
                steps.push(Step::Crash(index));
            }
        }
        let kit = self.kit.lock().expect("nobody panics");
        let letters = state.said.iter();
        // Who fails hears nothing.
        let heard = letters.filter(|(_, to, _)| !state.servers[usize::from(*to)].failing);
        steps.extend(heard.map(|letter| Step::Hear(*letter, *kit.packets.get(letter.2))));
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        self.bench.run(|| match step {
            Step::Wish(index) => {
                state.servers[index].wishes += 1;
                self.event(&mut state, index, Event::Wish);
            }
            Step::Hear((from, to, packet), _) => {
                self.event(&mut state, usize::from(to), Event::Hear { from, packet });
            }
            Step::Pass(index) => {
                state.servers[index].time += 1;
                self.event(&mut state, index, Event::Pass);
            }
            Step::Crash(index) => {
                state.crashes += 1;
                let mut kit = self.kit.lock().expect("nobody panics");
                let server = &mut state.servers[index];
                server.machine = kit.start(index, state.crashes, server.time);
                server.failing = false;
            }
        });
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never two fail at once", |_, state: &State| {
                failing(state) < 2
            }),
            Property::sometimes("one fails", |_, state: &State| failing(state) == 1),
            Property::sometimes("one fails after another", |_, state: &State| {
                state.failures == 2
            }),
        ]
    }
}

fn failing(state: &State) -> usize {
    state.servers.iter().filter(|one| one.failing).count()
}

fn failures(wishes: [u8; SERVERS], passes: u8, crashes: u8) {
    let bench = Bench::new();
    let model = Failures {
        bench: bench.clone(),
        kit: Mutex::new(Kit::new()),
        wishes,
        passes,
        crashes,
    };
    explore(NAME, &bench, model);
}

#[test]
fn never_two_at_once() {
    failures([1, 1, 0], 1, 1);
}
