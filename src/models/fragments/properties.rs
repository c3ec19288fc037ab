//! What must hold in every state, and where every state ends when the path is good.

use stateright::Property;

use super::kit::{In, Kit, Out};
use super::{Flight, Fragments, State, Wrong};

/// When the path is good again everything is over after so many steps.
const CALM_STEPS: usize = 100;
/// A receiver remembers nothing for longer, in milliseconds.
const FORGOTTEN_MS: u32 = 120_000;

pub(super) fn all(has_sessions: bool) -> Vec<Property<Fragments>> {
    let mut all = vec![
        Property::always("what is handed on is what was sent", |_, state: &State| {
            state.wrong != Some(Wrong::Other)
        }),
        Property::always("nothing is handed on twice", |_, state: &State| {
            state.wrong != Some(Wrong::Twice)
        }),
        Property::always(
            "what is called delivered was handed on",
            |_, state: &State| state.wrong != Some(Wrong::Untrue),
        ),
        Property::always(
            "when all arrives all is delivered, and no memory held",
            |model: &Fragments, state: &State| ends_well(model, state, true),
        ),
        Property::always(
            "when all is lost all is delivered, and no memory held",
            |model: &Fragments, state: &State| ends_well(model, state, false),
        ),
        Property::sometimes("all is delivered", |model: &Fragments, state: &State| {
            is_delivered(model, state)
        }),
    ];
    if has_sessions {
        all.push(Property::sometimes(
            "a message is handed on in two lives of the receiver",
            |_, state: &State| state.restarts > 0 && state.was_again,
        ));
    } else {
        all.push(Property::sometimes(
            "there is no room",
            |_, state: &State| state.turned_away,
        ));
    }
    all
}

fn is_delivered(model: &Fragments, state: &State) -> bool {
    let mut ended = state.ended[..model.messages].iter();
    ended.all(|ended| *ended == Some(true))
}

fn ends_well(model: &Fragments, state: &State, arrives: bool) -> bool {
    let last = model.bench.run(|| calm(model, state, arrives));
    let kit = model.kit.lock().expect("nobody panics");
    is_delivered(model, &last) && last.wrong.is_none() && kit.held_bytes(last.receiver) == 0
}

/// What comes of a state if the path is good from now on. What was on its way arrives, or is
/// lost.
fn calm(model: &Fragments, state: &State, arrives: bool) -> State {
    let mut kit = model.kit.lock().expect("nobody panics");
    let mut state = state.clone();
    for mut flight in std::mem::take(&mut state.flights) {
        if arrives && flight.arrived.is_none() && flight.session >= state.taking {
            flight.arrived = Some(model.arrive(&mut kit, &mut state, &flight));
        }
        settle(model, &mut kit, &mut state, &flight);
    }
    if !arrives {
        state.said.clear();
    }
    for _ in 0..CALM_STEPS {
        if let Some(&(session, status)) = state.said.iter().next() {
            state.said.remove(&(session, status));
            if session == state.session {
                model.out(&mut kit, &mut state, Out::Heard(status));
            }
        } else if state.is_over(model.messages) {
            break;
        } else if let Some(mut flight) = model.leave(&mut kit, &mut state) {
            flight.arrived = Some(model.arrive(&mut kit, &mut state, &flight));
            settle(model, &mut kit, &mut state, &flight);
        } else if let Some(due_ms) = Fragments::due_ms(&kit, &state) {
            model.wait(&mut kit, &mut state, due_ms);
        }
    }
    while let Some(due_ms) = kit.receiver_due_ms(state.receiver) {
        if due_ms > state.time_ms + FORGOTTEN_MS {
            break;
        }
        state.time_ms = state.time_ms.max(due_ms);
        model.come(&mut kit, &mut state, In::Wait);
    }
    state
}

/// The sender learns what became of a packet.
fn settle(model: &Fragments, kit: &mut Kit, state: &mut State, flight: &Flight) {
    if flight.session == state.session && !flight.is_lost {
        model.out(kit, state, flight.fate());
    }
}
