//! What must hold in every state, and where every state ends when it is calm.

use stateright::Property;

use super::kit::{Event, Kit, Word};
use super::{Claims, SERVERS, State};
use crate::actors::election::tests::view::Stands;
use crate::proto::ids::NodeId;

/// Longer than a server that was heard is counted on, and than the last rank waits.
const CALM_MS: u16 = 600;
/// So often is that waited for: until the owner is lost, until another has claimed, until all have
/// heard of it.
const ROUNDS: u8 = 3;

/// Packets of a request without a failure, between servers and to the client, and how many more
/// each failure may cost; one of them tells a server that it took over what is over.
const PACKETS_MAX: usize = 4 * (SERVERS - 1) + SERVERS;
const PACKETS_PER_FAILURE: usize = 3 * (SERVERS - 1) + 1;

pub(super) fn all(is_prompt: bool) -> Vec<Property<Claims>> {
    let mut all = vec![
        Property::always("a server follows the best claim it has seen", follows_best),
        Property::always("nothing late begins what is over", stays_over),
        Property::always(
            "of two owners who heard each other one gives way",
            gives_way,
        ),
        Property::always(
            "epochs rise, and only what an owner was lost of is taken over",
            |_, state: &State| state.wrong.is_none(),
        ),
        Property::always("packets are few", few_packets),
    ];
    if !is_prompt {
        all.extend([
            Property::always("when all has arrived there is one owner", ends_with_one),
            Property::always("when all is lost there is an owner", ends_with_some),
            Property::sometimes("two own one epoch", |model: &Claims, state: &State| {
                pairs(model, state).next().is_some()
            }),
            Property::sometimes("who came back owns a request", |_, state: &State| {
                let mut servers = state.servers.iter();
                servers.any(|server| server.life > 0 && server.works[0].is_some())
            }),
        ]);
    }
    all.push(Property::sometimes(
        "a request is done that was taken over",
        |_, state: &State| state.done[0] == Some(1),
    ));
    all
}

/// Only where the network is prompt: nothing is counted elsewhere.
fn few_packets(_: &Claims, state: &State) -> bool {
    let failures = usize::from(state.crashes + state.mistakes);
    let most = PACKETS_MAX + failures * PACKETS_PER_FAILURE;
    state.sent.iter().all(|sent| usize::from(*sent) <= most)
}

/// Of all claims that a server has seen of a request it follows the best, unless it is about to
/// take the next epoch.
fn follows_best(model: &Claims, state: &State) -> bool {
    let kit = model.kit.lock().expect("nobody panics");
    state.servers.iter().filter(|one| one.is_up).all(|server| {
        let mut all = (0..).zip(server.best.iter().zip(&server.over));
        all.all(|(request, (best, over))| {
            let stands = kit.stands(server.machine, request);
            match (over, best, stands) {
                // Another property.
                (true, ..) => true,
                (false, None, None | Some(Stands::Waits(_))) => true,
                (false, Some(best), Some(Stands::Waits(epoch))) => epoch > best.epoch.into(),
                (false, Some(best), Some(Stands::Follows(epoch, NodeId(node)))) => {
                    (epoch, node) == (best.epoch.into(), best.node + 1)
                }
                _ => false,
            }
        })
    })
}

/// What is over at a server is not open there.
fn stays_over(model: &Claims, state: &State) -> bool {
    let kit = model.kit.lock().expect("nobody panics");
    state.servers.iter().filter(|one| one.is_up).all(|server| {
        let mut all = (0..).zip(&server.over);
        all.all(|(request, over)| !over || kit.stands(server.machine, request).is_none())
    })
}

/// Two servers that own one epoch of a request: one of them gives way when both have heard the
/// other's claim.
fn gives_way(model: &Claims, state: &State) -> bool {
    pairs(model, state).all(|(request, one, other)| {
        let mut kit = model.kit.lock().expect("nobody panics");
        let mut leaves = |from: usize, to: usize| {
            let heard = model
                .bench
                .run(|| hears_claims(&mut kit, state, request, from, to));
            heard.unwrap_or(true)
        };
        leaves(one, other) || leaves(other, one)
    })
}

/// Whether the owner `to` leaves a request when it hears the claims of `from`; none if there are
/// no such claims.
fn hears_claims(kit: &mut Kit, state: &State, request: u8, from: usize, to: usize) -> Option<bool> {
    let time_ms = state.servers[to].time_ms;
    let (mut is_said, mut machine, mut leaves) = (false, state.servers[to].machine, false);
    for &(writer, reader, word) in &state.said {
        let is_claim = matches!(word, Word::Claim { request: of, .. } if of == request);
        if (usize::from(writer), usize::from(reader)) != (from, to) || !is_claim {
            continue;
        }
        let next = kit.step(machine, time_ms, Event::Hear { from: writer, word });
        (is_said, machine) = (true, next.machine);
        leaves |= next.left.contains(&request);
    }
    is_said.then_some(leaves)
}

/// Requests with two owners of one epoch, and who they are.
fn pairs<'a>(model: &'a Claims, state: &'a State) -> impl Iterator<Item = (u8, usize, usize)> + 'a {
    let all = (0..SERVERS).flat_map(|one| (one + 1..SERVERS).map(move |other| (one, other)));
    all.flat_map(move |(one, other)| {
        let owned = move |request: &u8| {
            let epoch = |index: usize| {
                let server = &state.servers[index];
                server.works[usize::from(*request)].filter(|_| server.is_up)
            };
            epoch(one).is_some() && epoch(one) == epoch(other)
        };
        let requests = (0..model.bounds.requests).filter(owned);
        requests.map(move |request| (request, one, other))
    })
}

fn owners(state: &State, request: u8) -> usize {
    let owns = |index: &usize| {
        let server = &state.servers[*index];
        server.is_up && server.works[usize::from(request)].is_some()
    };
    (0..SERVERS).filter(owns).count()
}

/// When everything that was said has arrived, every request has one owner or is done.
fn ends_with_one(model: &Claims, state: &State) -> bool {
    let open = |state: &State, request| state.done[usize::from(request)].is_none();
    let is_one = |state: &State| {
        let mut all = 0..model.bounds.requests;
        all.all(|request| !open(state, request) || owners(state, request) == 1)
    };
    is_one(state) || is_one(&model.bench.run(|| calm(model, state, true)))
}

/// When everything that was said is lost, every request has an owner or is done.
fn ends_with_some(model: &Claims, state: &State) -> bool {
    let is_some = |state: &State| {
        let mut all = 0..model.bounds.requests;
        all.all(|request| state.done[usize::from(request)].is_some() || owners(state, request) > 0)
    };
    is_some(state) || is_some(&model.bench.run(|| calm(model, state, false)))
}

/// What comes of a state if nothing fails any more: who lives is known to all who live, the client
/// asks for what is not done, and what is said arrives; also what was said before if `keeps`.
fn calm(model: &Claims, state: &State, keeps: bool) -> State {
    let mut kit = model.kit.lock().expect("nobody panics");
    let mut state = state.clone();
    if state.servers.iter().all(|server| !server.is_up) {
        state.done = state.done.map(|done| done.or(Some(0)));
    }
    if !keeps {
        state.said.clear();
    }
    let up: Vec<usize> = (0..SERVERS)
        .filter(|index| state.servers[*index].is_up)
        .collect();
    for _ in 0..ROUNDS {
        for &index in &up {
            for other in (0..SERVERS).filter(|other| *other != index) {
                if up.contains(&other) {
                    model.see(&mut kit, &mut state, index, other);
                } else {
                    model.lose(&mut kit, &mut state, index, other);
                }
            }
        }
        for &index in &up {
            for request in 0..model.bounds.requests {
                if state.done[usize::from(request)].is_none() {
                    model.event(&mut kit, &mut state, index, Event::Ask(request));
                }
            }
        }
        for (from, to, word) in state.said.clone() {
            if up.contains(&usize::from(to)) {
                let event = Event::Hear { from, word };
                model.event(&mut kit, &mut state, to.into(), event);
            }
        }
        for &index in &up {
            state.servers[index].time_ms += CALM_MS;
            model.event(&mut kit, &mut state, index, Event::Pass);
        }
    }
    state
}
