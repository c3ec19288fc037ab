//! M1, who takes a request: three servers with the real `election`, and a client, on a network
//! that loses, repeats, delays and reorders.
//!
//! The client asks all; an ask may come at any time, and again. A server may end and come back with
//! nothing. Who ended is lost to each of the others when the checker wants, or never, and one that
//! lives may be taken for lost by mistake. An owner's work is done when the checker wants. Clocks
//! are the servers' own: the one of a server that waits for its turn passes when the checker
//! wants. A claim that goes out for the second time says what it said the first time, so no time
//! passes for that. Refusals are left out: a request ends when its result is delivered.
//!
//! In a second world the network is prompt: whatever is said arrives, in any order, before time
//! passes. There packets are counted.
//!
//! Bounds: one request, with one end of a server or one mistake, and one wait; two requests in the
//! prompt world, with one end or mistake.

use std::collections::BTreeSet;
use std::sync::Mutex;

use stateright::{Model, Property};

use self::kit::{Event, Kit, Sight, Word};
use self::server::{Seen, Server};
use super::{Bench, explore};
use crate::planted::Bug;
use crate::planted::tests::Hunt;

mod kit;
mod properties;
mod server;

const SERVERS: usize = 3;
const REQUESTS: usize = 2;
/// Longer than the last rank waits.
const STEP_MS: u16 = 45;

const ANY: &str = "model of claims, any order";
const PROMPT: &str = "model of claims, packets counted";

pub(super) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::NeverTakesOver, ANY, any_order),
    Hunt::new(Bug::EveryoneWins, ANY, any_order),
    Hunt::new(Bug::ClaimWithoutEpoch, ANY, any_order),
    Hunt::new(Bug::TakesOverFromTheLiving, ANY, any_order),
    Hunt::new(Bug::LoserGoesOn, ANY, any_order),
    Hunt::new(Bug::EndForgotten, ANY, any_order),
    Hunt::new(Bug::EveryoneWins, PROMPT, few_packets),
];

type Letter = (u8, u8, Word);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    servers: [Server; SERVERS],
    /// Everything that was said, so it may come again at any time, or never. Where the network is
    /// prompt, what has not arrived.
    said: BTreeSet<Letter>,
    /// Servers whom the ask has reached, a bit each. Only where the network is prompt.
    asked: [u8; REQUESTS],
    /// Packets that servers sent. Only there.
    sent: [u8; REQUESTS],
    crashes: u8,
    mistakes: u8,
    /// Epochs in which requests were done first.
    done: [Option<u8>; REQUESTS],
    /// What went wrong on the way here.
    wrong: Option<&'static str>,
}

impl State {
    /// Whether `index` sees `other` as it is.
    fn sees_truly(&self, index: usize, other: usize) -> bool {
        let (sight, there) = (self.servers[index].view[other], &self.servers[other]);
        sight.is_there == there.is_up && (!there.is_up || sight.life == Some(there.life))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// The client's ask arrives.
    Ask { server: usize, request: u8 },
    /// What a server said arrives.
    Hear(Letter),
    /// An owner's work is done and delivered.
    Finish { server: usize, request: u8 },
    /// A server takes another for lost.
    Lose(usize, usize),
    /// A server hears of another that it lives, or, if it knows of nobody, of all who do.
    Find(usize, Option<usize>),
    /// The clock of a server passes to after its turn.
    Pass(usize),
    /// Where the network is prompt: all clocks pass to the first timer.
    Wait,
    /// A server ends.
    Crash(usize),
    /// It is back, and knows nothing.
    Return(usize),
}

struct Bounds {
    requests: u8,
    /// Waits of all servers together.
    waits: u16,
    /// Ends of servers and mistakes together.
    failures: u8,
    is_prompt: bool,
}

struct Claims {
    bench: Bench,
    kit: Mutex<Kit>,
    bounds: Bounds,
}

impl Claims {
    fn event(&self, kit: &mut Kit, state: &mut State, index: usize, event: Event) {
        let server = &mut state.servers[index];
        let next = kit.step(server.machine, server.time_ms, event);
        server.machine = next.machine;
        if let Event::Hear { from, word } = event {
            server.note(kit, from, word);
        }
        if let Event::Finish(request) = event {
            let place = usize::from(request);
            state.done[place] = state.done[place].or(server.works[place]);
            server.end(request);
        }
        for (request, best) in server.best.iter().enumerate() {
            let lost = |seen: &Seen| !server.view[usize::from(seen.node)].is_there;
            server.orphaned[request] |= best.as_ref().is_some_and(lost);
        }
        for request in &next.left {
            server.works[usize::from(*request)] = None;
        }
        for &(request, epoch) in &next.won {
            let score = next.says.iter().find_map(|(_, word)| match *word {
                Word::Claim {
                    request: of, score, ..
                } => (of == request).then_some(score),
                Word::Done { .. } => None,
            });
            let wrong = server.won(index, request, epoch, score);
            state.wrong = state.wrong.or(wrong);
        }
        let from = index as u8;
        for &(to, word) in &next.says {
            state.said.insert((from, to, word));
        }
        if self.bounds.is_prompt {
            for &(_, word) in &next.says {
                state.sent[usize::from(word.request())] += 1;
            }
            for (sent, told) in state.sent.iter_mut().zip(next.told) {
                *sent += told;
            }
        }
    }

    /// A server hears, or does not hear any more, of another.
    fn see(&self, kit: &mut Kit, state: &mut State, index: usize, other: usize) {
        let life = state.servers[other].life;
        let server = &mut state.servers[index];
        let sight = &mut server.view[other];
        let is_anew = sight.life.is_some_and(|before| before != life);
        *sight = Sight::of(life);
        if is_anew {
            server.forsake(other);
        }
        let view = server.view;
        self.event(kit, state, index, Event::View(view));
    }

    fn lose(&self, kit: &mut Kit, state: &mut State, index: usize, other: usize) {
        state.mistakes += u8::from(state.sees_truly(index, other));
        let server = &mut state.servers[index];
        server.view[other].is_there = false;
        let view = server.view;
        self.event(kit, state, index, Event::View(view));
    }

    fn crash(&self, state: &mut State, index: usize) {
        state.servers[index].stop();
        state.crashes += 1;
        if self.bounds.is_prompt {
            state.said.retain(|(_, to, _)| usize::from(*to) != index);
            for asked in &mut state.asked {
                *asked |= 1 << index;
            }
        }
    }

    /// It takes longer to come back than a datagram is late: what it said before has arrived by
    /// now, or never does.
    fn come_back(kit: &mut Kit, state: &mut State, index: usize) {
        state.said.retain(|(from, ..)| usize::from(*from) != index);
        let server = &mut state.servers[index];
        server.is_up = true;
        server.life += 1;
        server.view[index] = Sight::of(server.life);
        server.machine = kit.start(index, server.life);
    }

    /// The first timer of all rings.
    fn wait(&self, kit: &mut Kit, state: &mut State) {
        let due_ms = self.first_due_ms(kit, state).expect("only if there is one");
        for index in 0..SERVERS {
            if !state.servers[index].is_up {
                continue;
            }
            state.servers[index].time_ms = due_ms;
            let timer_ms = kit.due_ms(state.servers[index].machine);
            if timer_ms.is_some_and(|at_ms| at_ms <= due_ms) {
                self.event(kit, state, index, Event::Pass);
            }
        }
    }

    fn first_due_ms(&self, kit: &Kit, state: &State) -> Option<u16> {
        let up = state.servers.iter().filter(|server| server.is_up);
        up.filter_map(|server| kit.due_ms(server.machine)).min()
    }

    /// Whether nothing is on its way.
    fn is_quiet(&self, state: &State) -> bool {
        let mut asked = state.asked.iter().take(self.bounds.requests.into());
        state.said.is_empty() && asked.all(|asked| *asked == (1 << SERVERS) - 1)
    }

    fn server_steps(&self, state: &State, index: usize, steps: &mut Vec<Step>) {
        let server = &state.servers[index];
        if !server.is_up {
            if !self.bounds.is_prompt {
                steps.push(Step::Return(index));
            }
            return;
        }
        for request in 0..self.bounds.requests {
            let place = usize::from(request);
            if !self.bounds.is_prompt || state.asked[place] & (1 << index) == 0 {
                steps.push(Step::Ask {
                    server: index,
                    request,
                });
            }
            if server.works[place].is_some() {
                steps.push(Step::Finish {
                    server: index,
                    request,
                });
            }
        }
        let failures = state.crashes + state.mistakes;
        let owns = server.works.iter().any(Option::is_some);
        if owns && failures < self.bounds.failures {
            steps.push(Step::Crash(index));
        }
        if self.bounds.is_prompt && !self.is_quiet(state) {
            return;
        }
        if server.is_alone(index) {
            return steps.push(Step::Find(index, None));
        }
        let may_err = failures < self.bounds.failures;
        for other in (0..SERVERS).filter(|other| *other != index) {
            let sees_truly = state.sees_truly(index, other);
            if server.view[other].is_there && (!sees_truly || may_err) {
                steps.push(Step::Lose(index, other));
            }
            if state.servers[other].is_up && !sees_truly {
                steps.push(Step::Find(index, Some(other)));
            }
        }
    }
}

impl Model for Claims {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut kit = self.kit.lock().expect("nobody panics");
        let view = [Sight::of(0); SERVERS];
        let server = |index: usize, kit: &mut Kit| {
            let machine = self.bench.run(|| {
                let blank = kit.start(index, 0);
                kit.step(blank, 0, Event::View(view)).machine
            });
            Server::new(machine, view)
        };
        vec![State {
            servers: [
                server(0, &mut kit),
                server(1, &mut kit),
                server(2, &mut kit),
            ],
            said: BTreeSet::new(),
            asked: [0; REQUESTS],
            sent: [0; REQUESTS],
            crashes: 0,
            mistakes: 0,
            done: [None; REQUESTS],
            wrong: None,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for index in 0..SERVERS {
            self.server_steps(state, index, steps);
        }
        let heard = state.said.iter();
        let heard = heard.filter(|(_, to, _)| state.servers[usize::from(*to)].is_up);
        steps.extend(heard.map(|letter| Step::Hear(*letter)));
        let kit = self.kit.lock().expect("nobody panics");
        if self.bounds.is_prompt {
            if self.is_quiet(state) && self.first_due_ms(&kit, state).is_some() {
                steps.push(Step::Wait);
            }
            return;
        }
        let waited_ms: u16 = state.servers.iter().map(|server| server.time_ms).sum();
        if waited_ms >= self.bounds.waits * STEP_MS {
            return;
        }
        for (index, server) in state.servers.iter().enumerate() {
            if server.is_up && kit.waits(server.machine) {
                steps.push(Step::Pass(index));
            }
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        let mut kit = self.kit.lock().expect("nobody panics");
        self.bench.run(|| match step {
            Step::Ask { server, request } => {
                if self.bounds.is_prompt {
                    state.asked[usize::from(request)] |= 1 << server;
                }
                self.event(&mut kit, &mut state, server, Event::Ask(request));
            }
            Step::Hear((from, to, word)) => {
                if self.bounds.is_prompt {
                    state.said.remove(&(from, to, word));
                }
                self.event(&mut kit, &mut state, to.into(), Event::Hear { from, word });
            }
            Step::Finish { server, request } => {
                self.event(&mut kit, &mut state, server, Event::Finish(request));
            }
            Step::Lose(server, other) => self.lose(&mut kit, &mut state, server, other),
            Step::Find(server, Some(other)) => self.see(&mut kit, &mut state, server, other),
            Step::Find(server, None) => {
                for other in (0..SERVERS).filter(|other| *other != server) {
                    if state.servers[other].is_up {
                        self.see(&mut kit, &mut state, server, other);
                    }
                }
            }
            Step::Pass(server) => {
                state.servers[server].time_ms += STEP_MS;
                self.event(&mut kit, &mut state, server, Event::Pass);
            }
            Step::Wait => self.wait(&mut kit, &mut state),
            Step::Crash(server) => self.crash(&mut state, server),
            Step::Return(server) => Self::come_back(&mut kit, &mut state, server),
        });
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self.bounds.is_prompt)
    }
}

fn claims(name: &str, bounds: Bounds) {
    let bench = Bench::new();
    let model = Claims {
        bench: bench.clone(),
        kit: Mutex::new(Kit::new(bounds.is_prompt)),
        bounds,
    };
    explore(name, &bench, model);
}

#[test]
fn any_order() {
    claims(
        ANY,
        Bounds {
            requests: 1,
            waits: 1,
            failures: 1,
            is_prompt: false,
        },
    );
}

#[test]
fn few_packets() {
    claims(
        PROMPT,
        Bounds {
            requests: 2,
            waits: 0,
            failures: 1,
            is_prompt: true,
        },
    );
}
