//! What must hold in every state, and where every state ends when nothing fails any more.

use stateright::Property;

use super::kit::{AtHome, AtServer, Kit};
use super::{MAJORITY, Mail, SERVERS, State, Wrong};

/// Rounds of timers after which everything is delivered.
const ROUNDS: u8 = 3;

pub(super) fn all(has_ends: bool) -> Vec<Property<Mail>> {
    let mut all = vec![
        Property::always(
            "a letter that is called kept is on most disks, or took effect",
            kept,
        ),
        Property::always(
            "a server that has caught up has what was called kept before",
            knows_again,
        ),
        Property::always(
            "no letter is handed on that took effect",
            |_, state: &State| state.wrong != Some(Wrong::Again),
        ),
        Property::always(
            "only a letter that took effect is let go",
            |_, state: &State| state.wrong != Some(Wrong::Early),
        ),
        Property::always(
            "a letter that was let go on a disk is not sent from there",
            |_, state: &State| state.wrong != Some(Wrong::Back),
        ),
        Property::always(
            "when all arrives every letter takes effect",
            |model: &Mail, state: &State| ends_well(model, state, true),
        ),
        Property::always(
            "when all is lost every letter takes effect",
            |model: &Mail, state: &State| ends_well(model, state, false),
        ),
        Property::sometimes(
            "all is delivered and let go",
            |model: &Mail, state: &State| {
                let kit = model.kit.lock().expect("nobody panics");
                state.kept == model.all() && is_over(model, &kit, state)
            },
        ),
    ];
    if has_ends {
        all.push(Property::sometimes(
            "a server that ended knows again what was called kept",
            |model: &Mail, state: &State| {
                let kit = model.kit.lock().expect("nobody panics");
                state.owed != 0 && kit.server(state.vaults[0]).has_caught_up
            },
        ));
    }
    all
}

/// Letters on this many disks.
fn on_disks(kit: &Kit, state: &State, letter: u8) -> usize {
    let has = |vault: &&u32| kit.server(**vault).on_disk & 1 << letter != 0;
    state.vaults.iter().filter(has).count()
}

fn kept(model: &Mail, state: &State) -> bool {
    let kit = model.kit.lock().expect("nobody panics");
    let remembered = kit.person(state.reader).remembered;
    let open = state.kept & !remembered;
    let mut letters = (0..model.letters).filter(|letter| open & 1 << letter != 0);
    letters.all(|letter| on_disks(&kit, state, letter) >= MAJORITY)
}

fn knows_again(model: &Mail, state: &State) -> bool {
    let kit = model.kit.lock().expect("nobody panics");
    let server = kit.server(state.vaults[0]);
    let known = server.on_disk | kit.person(state.reader).remembered;
    !server.has_caught_up || state.owed & !known == 0
}

/// Whether all has taken effect and nothing waits anywhere.
fn is_over(model: &Mail, kit: &Kit, state: &State) -> bool {
    let mut servers = state.vaults.iter().map(|vault| kit.server(*vault));
    kit.person(state.reader).remembered == model.all()
        && kit.person(state.writer).outbox == 0
        && servers.all(|server| server.has_caught_up && server.on_disk == 0)
}

fn ends_well(model: &Mail, state: &State, arrives: bool) -> bool {
    let last = model.bench.run(|| calm(model, state, arrives));
    let kit = model.kit.lock().expect("nobody panics");
    is_over(model, &kit, &last)
}

/// What comes of a state if nothing fails any more. What was said before arrives, or is lost.
fn calm(model: &Mail, state: &State, arrives: bool) -> State {
    let mut kit = model.kit.lock().expect("nobody panics");
    let mut state = state.clone();
    if !arrives {
        state.said.clear();
    }
    for _ in 0..ROUNDS {
        settle(model, &mut kit, &mut state);
        if is_over(model, &kit, &state) {
            break;
        }
        let wishes = model.person(&mut kit, &mut state, true, AtHome::Wait);
        for (letter, server) in wishes {
            model.server(&mut kit, &mut state, server, AtServer::Deposit(letter));
        }
        for index in 0..SERVERS {
            model.server(&mut kit, &mut state, index, AtServer::Wait);
        }
        model.person(&mut kit, &mut state, false, AtHome::Wait);
        settle(model, &mut kit, &mut state);
        for index in 0..SERVERS {
            for &(_, mail) in kit.fetch(state.vaults[index]).iter() {
                model.person(&mut kit, &mut state, false, AtHome::Mail(mail));
            }
        }
    }
    state
}

/// Everything that was said arrives, disks do what they were told, and letters take effect.
fn settle(model: &Mail, kit: &mut Kit, state: &mut State) {
    loop {
        if let Some(said) = state.said.pop_first() {
            model.hear(kit, state, said);
        } else if kit.server(state.vaults[0]).is_writing {
            model.server(kit, state, 0, AtServer::Write);
        } else if kit.person(state.reader).is_writing {
            model.person(kit, state, false, AtHome::Write);
        } else if let Some(letter) = model.first_handed(kit, state) {
            model.apply(kit, state, letter);
        } else {
            return;
        }
    }
}
