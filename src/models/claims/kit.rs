//! The elections of the model, by number, and what is said between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{REQUESTS, SERVERS};
use crate::actors::election::tests::view::Stands;
use crate::actors::election::{Config, Election, Input, Output};
use crate::actors::machine::{Machine, Outbox};
use crate::models::{Numbered, member};
use crate::proto::ids::{Digest, NodeId, RequestId, UserId};
use crate::proto::packet::{Ask, Claim, Done, Packet, Party};
use crate::time::Moment;

/// Later than clocks come before it is calm, and sooner than a server that spoke is not counted on.
const LATEST_MS: u16 = 200;

/// What a server knows of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sight {
    pub(super) is_there: bool,
    /// In which life it was heard last.
    pub(super) life: Option<u8>,
}

impl Sight {
    /// It was never heard.
    pub(super) const NOTHING: Self = Self {
        is_there: false,
        life: None,
    };

    /// It is there.
    pub(super) const fn of(life: u8) -> Self {
        Self {
            is_there: true,
            life: Some(life),
        }
    }
}

/// What a server knows of all.
pub(super) type View = [Sight; SERVERS];

/// What servers say to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Word {
    Claim { request: u8, epoch: u8, score: u64 },
    Done { request: u8 },
}

impl Word {
    pub(super) const fn request(self) -> u8 {
        match self {
            Self::Claim { request, .. } | Self::Done { request } => request,
        }
    }
}

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Ask(u8),
    Hear { from: u8, word: Word },
    Finish(u8),
    View(View),
    Pass,
}

/// What an event makes of a server.
pub(super) struct Next {
    pub(super) machine: u32,
    /// To which server.
    pub(super) says: Vec<(u8, Word)>,
    /// Packets to the client, by request.
    pub(super) told: [u8; REQUESTS],
    /// Requests that it owns, with the epoch.
    pub(super) won: Vec<(u8, u8)>,
    /// Requests that it works on no more.
    pub(super) left: Vec<u8>,
}

pub(super) struct Kit {
    /// Whether packets are counted, and so every one of them makes a difference.
    counts: bool,
    machines: Numbered<String, Election>,
    stepped: BTreeMap<(u32, u16, Event), Arc<Next>>,
    started: BTreeMap<(usize, u8), u32>,
}

fn ask(request: u8) -> Ask {
    Ask {
        request: name(request),
        size_bytes: 100,
        digest: Digest([request; 32]),
    }
}

const fn name(request: u8) -> RequestId {
    RequestId {
        boot: 5,
        counter: request as u32 + 1,
    }
}

const fn index_of(request: RequestId) -> u8 {
    request.counter as u8 - 1
}

const fn client() -> UserId {
    UserId([9; 32])
}

fn input_of(event: Event) -> Option<Input> {
    Some(match event {
        Event::Ask(request) => Input::Asked {
            client: client(),
            ask: ask(request),
            unheard_ms: 0,
        },
        Event::Hear { from, word } => {
            let from = NodeId(from + 1);
            match word {
                Word::Claim {
                    request,
                    epoch,
                    score,
                } => Input::Claimed {
                    from,
                    claim: Claim {
                        ask: ask(request),
                        client: client(),
                        epoch: epoch.into(),
                        score,
                        waited: true,
                    },
                },
                Word::Done { request } => Input::DoneHeard {
                    from,
                    done: Done::delivered(name(request)),
                },
            }
        }
        Event::Finish(request) => Input::Finished(Done::delivered(name(request))),
        Event::View(view) => {
            let members = view.into_iter().enumerate();
            let members = members.map(|(index, sight)| {
                let incarnation = sight.life.map_or(0, |life| u64::from(life) + 1);
                member(index, sight.is_there, incarnation)
            });
            Input::View(members.collect())
        }
        Event::Pass => return None,
    })
}

const fn moment(time_ms: u16) -> Moment {
    Moment::from_millis(time_ms as u64)
}

impl Kit {
    pub(super) const fn new(counts: bool) -> Self {
        Self {
            counts,
            machines: Numbered::new(),
            stepped: BTreeMap::new(),
            started: BTreeMap::new(),
        }
    }

    fn number(&mut self, mut machine: Election) -> u32 {
        if self.counts {
            return self.machines.number(format!("{machine:?}"), machine);
        }
        machine.sends_once();
        let key = machine.held(&[0, 1].map(name), moment(LATEST_MS));
        self.machines.number(key, machine)
    }

    /// A server that knows of nobody and of no request.
    pub(super) fn start(&mut self, index: usize, life: u8) -> u32 {
        if let Some(&known) = self.started.get(&(index, life)) {
            return known;
        }
        let nodes = (0..SERVERS).filter(|other| *other != index);
        let peers = nodes.map(|other| NodeId(other as u8 + 1)).collect();
        let config = Config::lan(NodeId(index as u8 + 1), peers);
        let machine = Election::new(Config {
            rank_wait_max_ms: config.rank_wait_ms,
            ..config
        });
        let number = self.number(machine);
        self.started.insert((index, life), number);
        number
    }

    pub(super) fn stands(&self, machine: u32, request: u8) -> Option<Stands> {
        self.machines.get(machine).stands(name(request))
    }

    /// Whether a request waits for its turn to be claimed there.
    pub(super) fn waits(&self, machine: u32) -> bool {
        let mut all = 0..REQUESTS as u8;
        all.any(|request| matches!(self.stands(machine, request), Some(Stands::Waits(_))))
    }

    /// When its timer rings, in milliseconds; none if that is far away.
    pub(super) fn due_ms(&self, machine: u32) -> Option<u16> {
        let due = self.machines.get(machine).deadline()?;
        u16::try_from(due.as_micros().div_ceil(1_000)).ok()
    }

    pub(super) fn step(&mut self, machine: u32, time_ms: u16, event: Event) -> Arc<Next> {
        if let Some(known) = self.stepped.get(&(machine, time_ms, event)) {
            return Arc::clone(known);
        }
        let mut next = self.machines.get(machine).clone();
        let mut out = Outbox::new();
        match input_of(event) {
            Some(input) => next.handle(moment(time_ms), input, &mut out),
            None => next.on_deadline(moment(time_ms), &mut out),
        }
        let result = Arc::new(self.result(next, out.take()));
        self.stepped
            .insert((machine, time_ms, event), Arc::clone(&result));
        result
    }

    fn result(&mut self, machine: Election, orders: Vec<Output>) -> Next {
        let mut next = Next {
            machine: self.number(machine),
            says: Vec::new(),
            told: [0; REQUESTS],
            won: Vec::new(),
            left: Vec::new(),
        };
        for order in orders {
            match order {
                Output::Send {
                    to: Party::Server(node),
                    packet,
                } => next.says.push((node.0 - 1, word_of(&packet))),
                Output::Send { packet, .. } => {
                    let Packet::Elected(elected) = packet else {
                        panic!("{packet:?} to the client");
                    };
                    next.told[usize::from(index_of(elected.request))] += 1;
                }
                Output::Won { ask, epoch, .. } => {
                    next.won.push((index_of(ask.request), epoch as u8));
                }
                Output::Lost(request) | Output::Forget(request) => {
                    next.left.push(index_of(request));
                }
                Output::Claimed => {}
            }
        }
        next
    }
}

fn word_of(packet: &Packet) -> Word {
    match packet {
        Packet::Claim(claim) => Word::Claim {
            request: index_of(claim.ask.request),
            epoch: claim.epoch as u8,
            score: claim.score,
        },
        Packet::Done(done) => Word::Done {
            request: index_of(done.request),
        },
        other => panic!("{other:?} to a server"),
    }
}
