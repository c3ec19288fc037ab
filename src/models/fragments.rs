//! M5, delivery of messages: the real `FragmentSender` and `FragmentReceiver` with two small
//! messages, on a path that loses, delays and reorders.
//!
//! A packet may arrive at any time, once: repeats of a packet are refused by its number before they
//! reach the receiver. But the sender may take a packet for lost that arrives all the same, so
//! fragments come again. What the receiver says may arrive at any time, and again. A session may
//! begin, with fragments of another length, while packets of the last one are on their way; the
//! receiver may begin anew and know nothing. Timers ring when the checker wants.
//!
//! Bounds: two messages of five fragments together, five packets, one of which counts as lost, and
//! a receiver with room for one message and a half; one message, six packets, two of which count as
//! lost, a new session, and a receiver that begins anew. One wait in each.

use std::collections::BTreeSet;
use std::sync::Mutex;

use stateright::{Model, Property};

use self::kit::{In, Kit, Out};
use super::{Bench, explore};
use crate::planted::Bug;
use crate::planted::tests::Hunt;
use crate::transport::message::Piece;

mod kit;
mod properties;

const MESSAGES: usize = 2;
/// Timers that ring later are not waited for.
const SOON_MS: u32 = 1_000;

const TWO: &str = "model of fragments, two messages";
const SESSIONS: &str = "model of fragments, sessions";

pub(super) const HUNTS: &[Hunt] = &[
    Hunt::new(Bug::HandedOnAgain, SESSIONS, over_sessions),
    Hunt::new(Bug::HolesHandedOn, TWO, two_messages),
    Hunt::new(Bug::DeliveredWhenAcked, TWO, two_messages),
    Hunt::new(Bug::AckedBeforeKept, TWO, two_messages),
    Hunt::new(Bug::MemoryNotReturned, TWO, two_messages),
];

/// A packet whose fate is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Flight {
    session: u8,
    message: u32,
    index: u32,
    data: u32,
    /// Whether it has arrived; if so, whether it may be acknowledged.
    arrived: Option<bool>,
    /// Whether the sender takes it for lost.
    is_lost: bool,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wrong {
    /// Another message is handed on than was sent.
    Other,
    /// A message is handed on twice.
    Twice,
    /// A message is called delivered that was not handed on.
    Untrue,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    sender: u32,
    receiver: u32,
    time_ms: u32,
    waits: u8,
    /// The session that the sender sends in.
    session: u8,
    /// The session that the receiver takes messages in.
    taking: u8,
    packets: u8,
    losses: u8,
    flights: BTreeSet<Flight>,
    /// What the receiver said, by session; it may arrive at any time, or never.
    said: BTreeSet<(u8, u32)>,
    /// How often the receiver has handed a message on since it began.
    received: [u8; MESSAGES],
    /// Whether it ever has.
    ever: [bool; MESSAGES],
    /// Messages that are over for the sender, and whether it says that they are delivered.
    ended: [Option<bool>; MESSAGES],
    renewals: u8,
    restarts: u8,
    /// Whether a message was handed on that had been before.
    was_again: bool,
    /// Whether the receiver had no room for a message.
    turned_away: bool,
    /// What went wrong on the way here.
    wrong: Option<Wrong>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// A packet leaves.
    Send,
    /// A packet arrives.
    Arrive(Flight),
    /// The sender hears that a packet arrived.
    Ack(Flight),
    /// The sender takes a packet for lost.
    Lose(Flight),
    /// The sender hears how a message stands.
    Hear(u32),
    /// Time passes to the next timer.
    Wait,
    /// A new session begins.
    Renew,
    /// The receiver begins anew.
    Restart,
}

struct Bounds {
    packets: u8,
    /// Packets that are taken for lost.
    losses: u8,
    waits: u8,
    renewals: u8,
    restarts: u8,
}

struct Fragments {
    bench: Bench,
    kit: Mutex<Kit>,
    bounds: Bounds,
    /// Messages that are sent.
    messages: usize,
}

impl Flight {
    const fn piece(&self) -> Piece {
        Piece {
            message: self.message,
            index: self.index,
        }
    }

    /// What the sender hears of it once nothing more comes of it.
    const fn fate(&self) -> Out {
        match self.arrived {
            Some(true) => Out::Acked(self.piece()),
            _ => Out::Lost(self.piece()),
        }
    }
}

impl State {
    /// Keeps a packet as long as something may still come of it.
    fn keep(&mut self, flight: Flight) {
        let is_heeded = flight.session == self.session;
        let may_arrive = flight.arrived.is_none() && flight.session >= self.taking;
        let has_fate = flight.is_lost || !is_heeded;
        if may_arrive || !has_fate {
            self.flights.insert(flight);
        }
    }

    /// Sessions have changed.
    fn sift(&mut self) {
        for flight in std::mem::take(&mut self.flights) {
            self.keep(flight);
        }
        let session = self.session;
        self.said.retain(|(of, _)| *of >= session);
    }

    fn is_over(&self, messages: usize) -> bool {
        self.ended[..messages].iter().all(Option::is_some)
    }
}

impl Fragments {
    fn out(&self, kit: &mut Kit, state: &mut State, event: Out) -> Option<(Piece, u32)> {
        let sent = kit.send(state.sender, state.time_ms, event);
        state.sender = sent.sender;
        for &(message, is_delivered) in &sent.ended {
            state.ended[message] = Some(is_delivered);
            if is_delivered && !state.ever[message] {
                state.wrong = Some(Wrong::Untrue);
            }
        }
        sent.piece
    }

    /// Whether the packet that carried it may be acknowledged.
    fn come(&self, kit: &mut Kit, state: &mut State, event: In) -> bool {
        let came = kit.receive(state.receiver, state.time_ms, event);
        state.receiver = came.receiver;
        state.turned_away |= came.is_turned_away;
        let session = state.taking;
        if session >= state.session {
            state
                .said
                .extend(came.says.iter().map(|says| (session, *says)));
        }
        for &(message, is_intact) in &came.received {
            state.received[message] += 1;
            state.was_again |= state.ever[message];
            state.ever[message] = true;
            if !is_intact {
                state.wrong = Some(Wrong::Other);
            }
            if state.received[message] > 1 {
                state.wrong = Some(Wrong::Twice);
            }
        }
        came.is_taken
    }

    fn leave(&self, kit: &mut Kit, state: &mut State) -> Option<Flight> {
        let (piece, data) = self.out(kit, state, Out::Next)?;
        state.packets += 1;
        Some(Flight {
            session: state.session,
            message: piece.message,
            index: piece.index,
            data,
            arrived: None,
            is_lost: false,
        })
    }

    /// A packet arrives; whether it may be acknowledged.
    fn arrive(&self, kit: &mut Kit, state: &mut State, flight: &Flight) -> bool {
        if flight.session > state.taking {
            state.taking = flight.session;
            self.come(kit, state, In::Begin);
            state.sift();
        }
        self.come(kit, state, In::Take(flight.piece(), flight.data))
    }

    fn wait(&self, kit: &mut Kit, state: &mut State, due_ms: u32) {
        state.time_ms = state.time_ms.max(due_ms);
        let is_due = |at_ms: Option<u32>| at_ms.is_some_and(|at_ms| at_ms <= due_ms);
        if is_due(kit.sender_due_ms(state.sender)) {
            self.out(kit, state, Out::Wait);
        }
        if is_due(kit.receiver_due_ms(state.receiver)) {
            self.come(kit, state, In::Wait);
        }
    }

    fn due_ms(kit: &Kit, state: &State) -> Option<u32> {
        let timers = [
            kit.sender_due_ms(state.sender),
            kit.receiver_due_ms(state.receiver),
        ];
        timers.into_iter().flatten().min()
    }

    fn renew(&self, kit: &mut Kit, state: &mut State) {
        state.session += 1;
        self.out(kit, state, Out::Begin(state.session));
        state.sift();
    }

    fn restart(&self, kit: &mut Kit, state: &mut State) {
        state.receiver = kit.first_receiver();
        state.received = [0; MESSAGES];
        state.taking = state.session + 1;
        self.renew(kit, state);
    }
}

impl Model for Fragments {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut kit = self.kit.lock().expect("nobody panics");
        let (sender, receiver) = self
            .bench
            .run(|| (kit.first_sender(), kit.first_receiver()));
        vec![State {
            sender,
            receiver,
            time_ms: 0,
            waits: 0,
            session: 0,
            taking: 0,
            packets: 0,
            losses: 0,
            flights: BTreeSet::new(),
            said: BTreeSet::new(),
            received: [0; MESSAGES],
            ever: [false; MESSAGES],
            ended: [None; MESSAGES],
            renewals: 0,
            restarts: 0,
            was_again: false,
            turned_away: false,
            wrong: None,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.packets < self.bounds.packets {
            steps.push(Step::Send);
        }
        for flight in &state.flights {
            if flight.arrived.is_none() && flight.session >= state.taking {
                steps.push(Step::Arrive(*flight));
            }
            if flight.session == state.session && !flight.is_lost {
                if state.losses < self.bounds.losses {
                    steps.push(Step::Lose(*flight));
                }
                if flight.arrived == Some(true) {
                    steps.push(Step::Ack(*flight));
                }
            }
        }
        let said = state.said.iter();
        let said = said.filter(|(session, _)| *session == state.session);
        steps.extend(said.map(|(_, status)| Step::Hear(*status)));
        if state.is_over(self.messages) {
            return;
        }
        let kit = self.kit.lock().expect("nobody panics");
        let soon_ms = state.time_ms + SOON_MS;
        let is_soon = |due_ms: u32| due_ms <= soon_ms;
        if state.waits < self.bounds.waits && Self::due_ms(&kit, state).is_some_and(is_soon) {
            steps.push(Step::Wait);
        }
        if state.renewals < self.bounds.renewals {
            steps.push(Step::Renew);
        }
        if state.restarts < self.bounds.restarts {
            steps.push(Step::Restart);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        let mut kit = self.kit.lock().expect("nobody panics");
        self.bench.run(|| match step {
            Step::Send => {
                if let Some(flight) = self.leave(&mut kit, &mut state) {
                    state.keep(flight);
                }
            }
            Step::Arrive(mut flight) => {
                state.flights.remove(&flight);
                flight.arrived = Some(self.arrive(&mut kit, &mut state, &flight));
                state.keep(flight);
            }
            Step::Ack(flight) => {
                state.flights.remove(&flight);
                self.out(&mut kit, &mut state, Out::Acked(flight.piece()));
            }
            Step::Lose(mut flight) => {
                state.flights.remove(&flight);
                state.losses += 1;
                flight.is_lost = true;
                self.out(&mut kit, &mut state, Out::Lost(flight.piece()));
                state.keep(flight);
            }
            Step::Hear(status) => {
                self.out(&mut kit, &mut state, Out::Heard(status));
            }
            Step::Wait => {
                state.waits += 1;
                if let Some(due_ms) = Self::due_ms(&kit, &state) {
                    self.wait(&mut kit, &mut state, due_ms);
                }
            }
            Step::Renew => {
                state.renewals += 1;
                self.renew(&mut kit, &mut state);
            }
            Step::Restart => {
                state.restarts += 1;
                self.restart(&mut kit, &mut state);
            }
        });
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self.bounds.restarts > 0)
    }
}

fn fragments(name: &str, messages: usize, budget_bytes: usize, bounds: Bounds) {
    let bench = Bench::new();
    let model = Fragments {
        bench: bench.clone(),
        kit: Mutex::new(Kit::new(messages, budget_bytes)),
        bounds,
        messages,
    };
    explore(name, &bench, model);
}

#[test]
fn two_messages() {
    fragments(
        TWO,
        2,
        // One message with its record, and not another one.
        4_400,
        Bounds {
            packets: 5,
            losses: 1,
            waits: 1,
            renewals: 0,
            restarts: 0,
        },
    );
}

#[test]
fn over_sessions() {
    fragments(
        SESSIONS,
        1,
        1 << 20,
        Bounds {
            packets: 6,
            losses: 2,
            waits: 1,
            renewals: 1,
            restarts: 1,
        },
    );
}
