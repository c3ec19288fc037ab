//! A group of servers with clients and a model of etcd, in virtual time, from a seed.
//!
//! What servers make of the log is compared after every step: the same commands under the same
//! numbers everywhere, answers in the order of the log and in that of time, questions answered with
//! all that was answered before they came.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use bytes::Bytes;
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::model::Model;
use crate::actors::consensus::tests::toy::{self, Effect, Reply, Toy};
use crate::actors::consensus::{
    Config, Etcd, EtcdConfig, Input, Output, Rows, Standing, StateMachine,
};
use crate::actors::edges::{DiskAnswer, DiskOrder, HttpAnswer, HttpOrder, Record, Table, Ticket};
use crate::actors::machine::{Machine, Outbox};
use crate::proto::ids::{Digest, NodeId, UserId};
use crate::time::{Calendar, Moment, WallTime};

pub(super) const MS: u64 = 1_000;
pub(super) const SECOND: u64 = 1_000_000;
/// A client says it again after so long.
const REPEAT: u64 = 300 * MS;

type Words = Output<Reply, Effect>;

/// What goes wrong; shares of a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    /// A question does not reach etcd.
    pub(super) lost: f64,
    /// etcd does what it is asked, and its answer is lost.
    pub(super) unanswered: f64,
    /// A question takes up to three seconds, so that it is carried out after it was given up.
    pub(super) slow: f64,
    /// A message between servers is lost.
    pub(super) letters: f64,
}

#[derive(Debug)]
enum Event {
    Wake(usize, u64),
    Letter(usize, Input),
    /// Arrives at etcd.
    Question {
        server: usize,
        life: u64,
        ticket: Ticket,
        order: HttpOrder,
    },
    Answer(usize, u64, Ticket, HttpAnswer),
    Written(usize, u64, Ticket),
    /// Of this turn of the client; those of earlier ones are void.
    Client(usize, u64),
}

struct Server {
    config: Config,
    machine: Option<Etcd<Toy>>,
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    life: u64,
    wake_at: u64,
}

struct Client {
    number: u64,
    turn: u64,
    is_question: bool,
    sent_at: Option<u64>,
    /// The newest place that was answered to anybody when it was sent.
    after: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) answered: u64,
    pub(super) told: u64,
    pub(super) restored: u64,
    pub(super) crashes: u64,
    pub(super) lost: u64,
    pub(super) entries: u64,
}

pub(super) struct World {
    pub(super) now: u64,
    pub(super) model: Model,
    pub(super) weather: Weather,
    pub(super) tally: Tally,
    pub(super) down: BTreeSet<usize>,
    rng: ChaCha20Rng,
    servers: Vec<Server>,
    clients: Vec<Client>,
    pause: core::ops::Range<u64>,
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    sequence: u64,
    truth: BTreeMap<u64, Effect>,
    newest: u64,
    pub(super) trace: blake3::Hasher,
}

impl World {
    pub(super) fn new(seed: u64, servers: u8, clients: u64, tune: impl Fn(&mut Config)) -> Self {
        let nodes: Vec<NodeId> = (1..=servers).map(NodeId).collect();
        let calendar = Calendar {
            started_at: WallTime(1_700_000_000_000),
        };
        let mut world = Self {
            now: 0,
            model: Model::default(),
            weather: Weather::default(),
            tally: Tally::default(),
            down: BTreeSet::new(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            servers: Vec::new(),
            clients: Vec::new(),
            pause: 5 * MS..40 * MS,
            heap: BinaryHeap::new(),
            events: BTreeMap::new(),
            sequence: 0,
            truth: BTreeMap::new(),
            newest: 0,
            trace: blake3::Hasher::new(),
        };
        for &me in &nodes {
            let mut config = Config::lan(me, nodes.clone(), calendar);
            tune(&mut config);
            world.servers.push(Server {
                config,
                machine: None,
                rows: BTreeMap::new(),
                life: 0,
                wake_at: u64::MAX,
            });
        }
        for server in 0..nodes.len() {
            world.start(server);
        }
        for client in 0..clients {
            world.clients.push(Client {
                number: client << 32,
                turn: 0,
                is_question: false,
                sent_at: None,
                after: 0,
            });
            world.push(10 * MS, Event::Client(client as usize, 0));
        }
        world
    }

    fn push(&mut self, wait: u64, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse((self.now + wait, self.sequence)));
        self.events.insert(self.sequence, event);
    }

    pub(super) fn start(&mut self, server: usize) {
        let seed = self.rng.random();
        let slot = &mut self.servers[server];
        slot.life += 1;
        slot.wake_at = u64::MAX;
        let etcd = EtcdConfig {
            part_bytes: 4_096,
            ..EtcdConfig::lan(3, "p".into())
        };
        let rows = rows(&slot.rows);
        let config = slot.config.clone();
        let machine = Etcd::new(config, etcd, Toy::default(), &rows, seed);
        slot.machine = Some(machine);
        self.arm(server);
    }

    /// Ends a server without a goodbye; its disk stays.
    pub(super) fn crash(&mut self, server: usize) {
        self.servers[server].machine = None;
        self.tally.crashes += 1;
    }

    pub(super) fn wipe(&mut self, server: usize) {
        self.servers[server].rows.clear();
    }

    /// Puts a row on the disk of a server.
    pub(super) fn put(&mut self, server: usize, record: Record) {
        let value = record.value.expect("a row");
        let rows = &mut self.servers[server].rows;
        rows.insert((record.table, record.key), value);
    }

    pub(super) fn machine(&self, server: usize) -> Option<&Etcd<Toy>> {
        self.servers[server].machine.as_ref()
    }

    pub(super) fn bend(&mut self, server: usize) {
        let machine = self.servers[server].machine.as_mut().expect("runs");
        machine.state.bent = true;
    }

    pub(super) fn rows(&self, server: usize) -> Rows {
        rows(&self.servers[server].rows)
    }

    fn moment(&self) -> Moment {
        Moment::from_micros(self.now)
    }

    pub(super) fn give(&mut self, server: usize, input: Input) {
        let now = self.moment();
        let mut out = Outbox::new();
        if let Some(machine) = &mut self.servers[server].machine {
            machine.handle(now, input, &mut out);
        }
        self.sort(server, out);
    }

    fn arm(&mut self, server: usize) {
        let slot = &mut self.servers[server];
        let Some(at) = slot.machine.as_ref().and_then(Machine::deadline) else {
            return;
        };
        let at = at.as_micros().max(self.now);
        if at < slot.wake_at {
            slot.wake_at = at;
            let (wait, life) = (at - self.now, slot.life);
            self.push(wait, Event::Wake(server, life));
        }
    }

    fn sort(&mut self, server: usize, mut out: Outbox<Words>) {
        for words in out.drain() {
            match words {
                Output::Send { to, message } => {
                    let from = NodeId(server as u8 + 1);
                    if !self.rng.random_bool(self.weather.letters) {
                        let wait = self.rng.random_range(100..600);
                        let to = usize::from(to.0) - 1;
                        self.push(wait, Event::Letter(to, Input::Heard { from, message }));
                    }
                }
                Output::Http { ticket, order } => self.asked(server, ticket, order),
                Output::Disk { ticket, order } => self.written(server, ticket, order),
                Output::Answer {
                    client,
                    nonce,
                    seq,
                    reply,
                } => self.answered(client, nonce, seq, reply),
                Output::Told {
                    client, nonce, seq, ..
                } => self.told(client, nonce, seq),
                Output::Effects { seq, effects, .. } => {
                    let [effect] = effects[..] else {
                        panic!("one effect")
                    };
                    let bent = self.machine(server).is_some_and(|m| m.state.bent);
                    let truth = self.truth.entry(seq).or_insert(effect);
                    assert!(bent || *truth == effect, "place {seq} of server {server}");
                }
                Output::Restored { .. } => self.tally.restored += 1,
                Output::Refused { .. } | Output::State(_) | Output::Quarantined(_) => {}
            }
        }
        self.arm(server);
    }

    fn asked(&mut self, server: usize, ticket: Ticket, order: HttpOrder) {
        let slow = self.rng.random_bool(self.weather.slow);
        let most = if slow { 3 * SECOND } else { 3 * MS };
        let wait = self.rng.random_range(500..most);
        let question = Event::Question {
            server,
            life: self.servers[server].life,
            ticket,
            order,
        };
        self.push(wait, question);
    }

    fn written(&mut self, server: usize, ticket: Ticket, order: DiskOrder) {
        let DiskOrder::Write(records) = order else {
            panic!("only rows are written");
        };
        let slot = &mut self.servers[server];
        for record in records {
            let value = record.value.expect("nothing is deleted");
            slot.rows.insert((record.table, record.key), value);
        }
        let life = slot.life;
        self.push(MS, Event::Written(server, life, ticket));
    }

    fn answered(&mut self, client: UserId, nonce: u64, seq: u64, (number, first, _): Reply) {
        self.trace.update(&[0]);
        self.trace.update(&nonce.to_le_bytes());
        self.trace.update(&seq.to_le_bytes());
        assert_eq!(number, nonce, "the answer of another command");
        let known = self.truth.get(&first).expect("told before it was answered");
        assert_eq!(known.0, nonce, "not in the log where it was said to be");
        let client = usize::from(client.0[0]);
        let slot = &mut self.clients[client];
        if slot.number == nonce && slot.sent_at.is_some() && !slot.is_question {
            assert!(first > slot.after, "older than what was answered before");
            self.newest = self.newest.max(first);
            self.tally.answered += 1;
            self.rest(client);
        }
    }

    fn told(&mut self, client: UserId, nonce: u64, seq: u64) {
        let client = usize::from(client.0[0]);
        let slot = &mut self.clients[client];
        if slot.number == nonce && slot.sent_at.is_some() && slot.is_question {
            assert!(seq >= slot.after, "a stale answer");
            self.tally.told += 1;
            self.rest(client);
        }
    }

    fn rest(&mut self, client: usize) {
        let wait = self.rng.random_range(self.pause.clone());
        let slot = &mut self.clients[client];
        slot.sent_at = None;
        slot.turn += 1;
        let turn = slot.turn;
        self.push(wait, Event::Client(client, turn));
    }

    fn client(&mut self, client: usize) {
        let is_question = self.rng.random_bool(0.2);
        let slot = &mut self.clients[client];
        if slot.sent_at.is_none() {
            slot.number += 1;
            slot.is_question = is_question;
            slot.after = self.newest;
        }
        slot.sent_at = Some(self.now);
        let (nonce, is_question) = (slot.number, slot.is_question);
        let id = UserId([client as u8; 32]);
        for server in 0..self.servers.len() {
            let input = if is_question {
                Input::Ask {
                    client: id,
                    nonce,
                    question: Bytes::new(),
                }
            } else {
                Input::Submit {
                    client: id,
                    nonce,
                    command: toy::command(nonce),
                }
            };
            if !self.rng.random_bool(self.weather.letters) {
                let wait = self.rng.random_range(100..600);
                self.push(wait, Event::Letter(server, input));
            }
        }
        let turn = self.clients[client].turn;
        self.push(REPEAT, Event::Client(client, turn));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(server, life) if self.servers[server].life == life => {
                self.servers[server].wake_at = u64::MAX;
                let now = self.moment();
                let mut out = Outbox::new();
                let is_due =
                    |machine: &&mut Etcd<Toy>| machine.deadline().is_some_and(|at| at <= now);
                if let Some(machine) = self.servers[server].machine.as_mut().filter(is_due) {
                    machine.on_deadline(now, &mut out);
                    let next = machine.deadline();
                    assert!(next.is_none_or(|at| at > now), "it stands still");
                }
                self.sort(server, out);
            }
            Event::Letter(server, input) => self.give(server, input),
            Event::Question {
                server,
                life,
                ticket,
                order,
            } => self.question(server, life, ticket, &order),
            Event::Answer(server, life, ticket, answer) if self.servers[server].life == life => {
                self.give(server, Input::Http { ticket, answer });
            }
            Event::Written(server, life, ticket) if self.servers[server].life == life => {
                let answer = DiskAnswer::Written;
                self.give(server, Input::Disk { ticket, answer });
            }
            Event::Client(client, turn) if self.clients[client].turn == turn => {
                self.client(client);
            }
            _ => {}
        }
    }

    fn question(&mut self, server: usize, life: u64, ticket: Ticket, order: &HttpOrder) {
        let failed = HttpAnswer::Failed("gave up".into());
        let gone = self.down.contains(&order.endpoint) || self.rng.random_bool(self.weather.lost);
        if gone {
            self.tally.lost += 1;
            let wait = order.wait_ms * MS;
            self.push(wait, Event::Answer(server, life, ticket, failed));
            return;
        }
        let body = self.model.carry_out(&order.body);
        assert!(body.len() <= order.answer_max_bytes);
        if self.rng.random_bool(self.weather.unanswered) {
            self.tally.lost += 1;
            let wait = order.wait_ms * MS;
            self.push(wait, Event::Answer(server, life, ticket, failed));
            return;
        }
        let wait = self.rng.random_range(300..2 * MS);
        let done = HttpAnswer::Done { status: 200, body };
        self.push(wait, Event::Answer(server, life, ticket, done));
    }

    pub(super) fn run(&mut self, time: u64) {
        let end = self.now + time;
        while let Some(&Reverse((at, sequence))) = self.heap.peek() {
            if at > end {
                break;
            }
            self.heap.pop();
            self.now = at;
            if let Some(event) = self.events.remove(&sequence) {
                self.happen(event);
            }
        }
        self.now = end;
        self.tally.entries = self.truth.len() as u64;
    }

    /// Nothing goes wrong any more, clients say nothing new, and what is under way arrives.
    pub(super) fn calm(&mut self) {
        self.weather = Weather::default();
        self.down.clear();
        for server in 0..self.servers.len() {
            if self.servers[server].machine.is_none() {
                self.start(server);
            }
        }
        self.pause = SECOND * 1_000_000..SECOND * 1_000_001;
        self.run(10 * SECOND);
    }

    /// Whoever was answered before cannot rely on it any more: somebody put etcd back.
    pub(super) fn forgive(&mut self) {
        self.truth.clear();
        self.newest = 0;
        for client in &mut self.clients {
            client.after = 0;
        }
    }

    /// All servers that take part have the same state, and nobody waits.
    pub(super) fn assert_settled(&self) {
        let mut digests = BTreeSet::new();
        for slot in &self.servers {
            let machine = slot.machine.as_ref().expect("runs");
            assert_eq!(machine.standing(), Standing::Serving);
            assert!(machine.waiting.is_empty(), "{:?}", machine.waiting);
            assert!(machine.append.is_none(), "{:?}", machine.append);
            digests.insert((machine.applied(), machine.state.digest()));
        }
        assert_eq!(digests.len(), 1, "{digests:?}");
        let waits = self.clients.iter().filter(|one| one.sent_at.is_some());
        assert_eq!(waits.count(), 0, "somebody has no answer");
    }

    /// A number below `below`, from the seed.
    pub(super) fn draw(&mut self, below: u64) -> u64 {
        self.rng.random_range(0..below)
    }

    /// Tells runs apart.
    pub(super) fn digest(&self) -> Digest {
        Digest(*self.trace.finalize().as_bytes())
    }
}

fn rows(rows: &BTreeMap<(Table, Vec<u8>), Bytes>) -> Rows {
    let of = |table| {
        let of = rows.iter().filter(|((of, _), _)| *of == table);
        of.map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    };
    Rows {
        log: of(Table::RaftLog),
        state: of(Table::RaftState),
        snapshot: of(Table::LedgerSnapshot),
    }
}
