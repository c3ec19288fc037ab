//! A group of servers with clients, on a network and on disks that follow a seed.
//!
//! One heap of events by (time, sequence). After every event the properties of Raft are looked at
//! from outside and inside; what does not hold ends the run with its seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use bytes::Bytes;
use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::toy::{self, Effect, Reply, Toy};
use crate::actors::consensus::log::Place;
use crate::actors::consensus::rows;
use crate::actors::consensus::{Config, Consensus, Input, Output, Rows, Standing, StateMachine};
use crate::actors::edges::{DiskAnswer, DiskFault, DiskOrder, Row, Table, Ticket};
use crate::actors::machine::{Machine, Outbox};
use crate::proto::ids::{Digest, NodeId, UserId};
use crate::time::{Calendar, Moment, WallTime};

pub(super) const MS: u64 = 1_000;
pub(super) const SECOND: u64 = 1_000_000;

/// A client says it again after so long.
const REPEAT: u64 = 300 * MS;

pub(super) type Words = Output<Reply, Effect>;

/// What the network and the disks do; times in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Weather {
    pub(super) loss: f64,
    pub(super) twice: f64,
    pub(super) delay: core::ops::Range<u64>,
    /// A letter that takes much longer than those behind it.
    pub(super) straggle: f64,
    pub(super) disk: core::ops::Range<u64>,
    /// A write that takes up to two seconds.
    pub(super) disk_slow: f64,
    pub(super) disk_fails: f64,
    /// An answer of the disk that is lost inside the node.
    pub(super) disk_mute: f64,
}

impl Weather {
    pub(super) const CALM: Self = Self {
        loss: 0.0,
        twice: 0.0,
        delay: 100..600,
        straggle: 0.0,
        disk: 1_000..6_000,
        disk_slow: 0.0,
        disk_fails: 0.0,
        disk_mute: 0.0,
    };
}

#[derive(Debug)]
enum Event {
    Wake(usize, u64),
    Letter {
        from: NodeId,
        to: usize,
        bytes: Bytes,
    },
    Disk(usize, u64),
    /// Of this number: those of earlier ones are void.
    Client(usize, u64),
}

#[derive(Debug, Default)]
struct Disk {
    rows: BTreeMap<(Table, Vec<u8>), Bytes>,
    /// Orders that are not carried out yet.
    queue: VecDeque<(Ticket, DiskOrder)>,
    free_at: u64,
}

impl Disk {
    fn rows(&self) -> Rows {
        let of = |table: Table| -> Vec<Row> {
            self.rows
                .iter()
                .filter(|((of, _), _)| *of == table)
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect()
        };
        Rows {
            log: of(Table::RaftLog),
            state: of(Table::RaftState),
            snapshot: of(Table::LedgerSnapshot),
        }
    }

    fn carry_out(&mut self, order: DiskOrder) {
        let DiskOrder::Write(records) = order else {
            panic!("only rows are written");
        };
        for record in records {
            let key = (record.table, record.key);
            match record.value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }
}

struct Server {
    config: Config,
    machine: Option<Consensus<Toy>>,
    disk: Disk,
    /// Of this start: events of an earlier one are void.
    life: u64,
    wake_at: u64,
    letters: u64,
    /// What had been answered when it started or was back: it has to learn that first.
    behind: u64,
}

impl Server {
    fn votes(&self) -> bool {
        self.machine.as_ref().is_some_and(Consensus::votes)
    }

    fn describe(&self) -> String {
        let me = self.config.me;
        let Some(machine) = &self.machine else {
            return format!("{me} is down");
        };
        let raft = &machine.node.raft;
        let progress: Vec<_> = raft.prs().iter().collect();
        format!(
            "{me} {:?} {:?} log {:?}..{:?} persisted {} committed {} {progress:?} {:?} {:?}",
            machine.snapshot_of_things(),
            raft.state,
            machine.node.store().base().index,
            machine.node.store().end().index,
            raft.raft_log.persisted,
            raft.raft_log.committed,
            machine.writer,
            machine.reads,
        )
    }

    /// Whether entry `seq` is on its disk, by itself or in a snapshot.
    fn has(&self, seq: u64) -> bool {
        let rows = &self.disk.rows;
        let head = rows.get(&(Table::LedgerSnapshot, b"head".to_vec()));
        rows.contains_key(&(Table::RaftLog, seq.to_be_bytes().to_vec()))
            || head.is_some_and(|head| rows::snapshot_index(head) >= Some(seq))
    }
}

struct Client {
    id: UserId,
    number: u64,
    /// The place of the newest answered command of all clients when the question was asked.
    asked_after: Option<u64>,
    pause: core::ops::Range<u64>,
}

/// What happened, so that a run in which nothing happens cannot pass for a good one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) events: u64,
    pub(super) answered: u64,
    pub(super) told: u64,
    pub(super) leaders: u64,
    pub(super) crashes: u64,
    pub(super) wipes: u64,
    pub(super) restored: u64,
    pub(super) disk_failures: u64,
    pub(super) letters: u64,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) now: u64,
    pub(super) weather: Weather,
    pub(super) rng: ChaCha20Rng,
    pub(super) tally: Tally,
    pub(super) cuts: BTreeSet<(usize, usize)>,
    servers: Vec<Server>,
    clients: Vec<Client>,
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    sequence: u64,
    pub(super) trace: blake3::Hasher,
    /// By place: the command and the digest after it, as whoever came first applied it.
    truth: BTreeMap<u64, Effect>,
    /// By place: the log up to there, as whoever came first had it decided.
    decided: BTreeMap<u64, Place>,
    leaders: BTreeMap<u64, usize>,
    /// Commands that were answered, with the place.
    pub(super) answered: BTreeMap<u64, u64>,
    newest_answer: u64,
    out: Outbox<Words>,
}

impl World {
    pub(super) fn new(seed: u64, servers: u8, clients: u8, tune: impl Fn(&mut Config)) -> Self {
        let nodes: Vec<NodeId> = (1..=servers).map(NodeId).collect();
        let calendar = Calendar {
            started_at: WallTime(1_700_000_000_000),
        };
        let mut world = Self {
            seed,
            now: 0,
            weather: Weather::CALM,
            rng: ChaCha20Rng::seed_from_u64(seed),
            tally: Tally::default(),
            cuts: BTreeSet::new(),
            servers: Vec::new(),
            clients: Vec::new(),
            heap: BinaryHeap::new(),
            events: BTreeMap::new(),
            sequence: 0,
            trace: blake3::Hasher::new(),
            truth: BTreeMap::new(),
            decided: BTreeMap::new(),
            leaders: BTreeMap::new(),
            answered: BTreeMap::new(),
            newest_answer: 0,
            out: Outbox::new(),
        };
        for &me in &nodes {
            let mut config = Config::lan(me, nodes.clone(), calendar);
            tune(&mut config);
            world.servers.push(Server {
                config,
                machine: None,
                disk: Disk::default(),
                life: 0,
                wake_at: u64::MAX,
                letters: 0,
                behind: 0,
            });
        }
        for server in 0..nodes.len() {
            world.start(server);
        }
        for number in 0..clients {
            world.clients.push(Client {
                id: UserId([number; 32]),
                number: u64::from(number) << 32,
                asked_after: None,
                pause: 5 * MS..40 * MS,
            });
            let first = u64::from(number) << 32;
            world.push(10 * MS, Event::Client(usize::from(number), first));
        }
        world
    }

    fn push(&mut self, wait: u64, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse((self.now + wait, self.sequence)));
        self.events.insert(self.sequence, event);
    }

    pub(super) fn count(&self) -> usize {
        self.servers.len()
    }

    pub(super) fn machine(&self, server: usize) -> Option<&Consensus<Toy>> {
        self.servers[server].machine.as_ref()
    }

    pub(super) fn config(&self, server: usize) -> Config {
        self.servers[server].config.clone()
    }

    /// Letters that a server has sent.
    pub(super) fn letters_of(&self, server: usize) -> u64 {
        self.servers[server].letters
    }

    /// Nobody hears anybody.
    pub(super) fn cut_all(&mut self) {
        for one in 0..self.count() {
            self.cuts
                .extend((0..self.count()).map(|other| (one, other)));
        }
    }

    /// Clients pause so long between an answer and the next command.
    pub(super) fn pace(&mut self, pause: &core::ops::Range<u64>) {
        for client in &mut self.clients {
            client.pause = pause.clone();
        }
    }

    /// Clients say nothing more, and what is under way arrives.
    pub(super) fn calm(&mut self) {
        self.pace(&(SECOND * 1_000_000..SECOND * 1_000_001));
        self.run(2 * SECOND);
    }

    pub(super) fn rows(&self, server: usize) -> Rows {
        self.servers[server].disk.rows()
    }

    pub(super) fn disk_mut(&mut self, server: usize) -> &mut BTreeMap<(Table, Vec<u8>), Bytes> {
        &mut self.servers[server].disk.rows
    }

    /// Makes the state of a server another than the commands make it.
    pub(super) fn bend(&mut self, server: usize) {
        let machine = self.servers[server].machine.as_mut().expect("runs");
        machine.state.bent = true;
    }

    pub(super) fn leader(&self) -> Option<usize> {
        (0..self.count()).find(|&server| {
            self.machine(server)
                .is_some_and(|machine| machine.is_leader() && machine.caught_up)
        })
    }

    pub(super) fn start(&mut self, server: usize) {
        let slot = &mut self.servers[server];
        slot.life += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8] = server as u8;
        seed[16..24].copy_from_slice(&slot.life.to_le_bytes());
        let seed = *blake3::hash(&seed).as_bytes();
        let rows = slot.disk.rows();
        slot.machine = Some(Consensus::new(
            slot.config.clone(),
            Toy::default(),
            &rows,
            seed,
        ));
        slot.wake_at = u64::MAX;
        slot.behind = self.newest_answer;
        self.arm(server);
    }

    /// The process ends at once. Of what the disk was told and did not answer, the first may be
    /// there or not, the others are not.
    pub(super) fn crash(&mut self, server: usize) {
        if self.servers[server].machine.take().is_none() {
            return;
        }
        self.tally.crashes += 1;
        let was_written = self.rng.random_bool(0.5);
        let disk = &mut self.servers[server].disk;
        let first = disk.queue.pop_front();
        disk.queue.clear();
        if let Some((_, order)) = first.filter(|_| was_written) {
            disk.carry_out(order);
        }
        self.servers[server].life += 1;
    }

    /// The disk of a server that is down is replaced by an empty one.
    pub(super) fn wipe(&mut self, server: usize) {
        self.crash(server);
        self.servers[server].disk.rows.clear();
        self.tally.wipes += 1;
    }

    /// Whether everybody runs, votes and answers.
    pub(super) fn is_whole(&self) -> bool {
        self.servers.iter().all(|server| {
            server
                .machine
                .as_ref()
                .is_some_and(|machine| machine.votes() && machine.standing() == Standing::Serving)
        })
    }

    pub(super) fn is_up(&self, server: usize) -> bool {
        self.servers[server].machine.is_some()
    }

    fn arm(&mut self, server: usize) {
        let slot = &mut self.servers[server];
        let Some(at) = slot.machine.as_ref().and_then(Consensus::deadline) else {
            return;
        };
        let at = at.as_micros().max(self.now);
        if slot.wake_at <= at && slot.wake_at >= self.now {
            return;
        }
        slot.wake_at = at;
        let life = slot.life;
        self.push(at - self.now, Event::Wake(server, life));
    }

    /// Gives a server an input and carries out what it orders.
    pub(super) fn give(&mut self, server: usize, input: Input) {
        let now = Moment::from_micros(self.now);
        let mut out = std::mem::take(&mut self.out);
        if let Some(machine) = self.servers[server].machine.as_mut() {
            machine.handle(now, input, &mut out);
        }
        self.after(server, out);
    }

    fn wake(&mut self, server: usize) {
        let now = Moment::from_micros(self.now);
        let mut out = std::mem::take(&mut self.out);
        self.servers[server].wake_at = u64::MAX;
        if let Some(machine) = self.servers[server].machine.as_mut()
            && machine.deadline().is_some_and(|at| at <= now)
        {
            machine.on_deadline(now, &mut out);
        }
        self.after(server, out);
    }

    fn after(&mut self, server: usize, mut out: Outbox<Words>) {
        for words in out.drain() {
            self.carry_out(server, words);
        }
        self.out = out;
        self.look_at(server);
        self.arm(server);
    }

    fn carry_out(&mut self, server: usize, words: Words) {
        match words {
            Output::Send { to, message } => self.send(server, usize::from(to.0) - 1, message),
            Output::Disk { ticket, order } => self.disk_ordered(server, ticket, order),
            Output::Answer {
                client, seq, reply, ..
            } => self.answered(client, seq, reply),
            Output::Told {
                client, nonce, seq, ..
            } => self.told(client, nonce, seq),
            Output::Effects {
                seq,
                effects,
                replayed,
            } => {
                let is_old = seq <= self.servers[server].behind;
                self.hold(
                    replayed || !is_old,
                    "what was agreed before a start is replayed",
                );
                let effect = effects[0];
                let known = *self.truth.entry(seq).or_insert(effect);
                self.hold(known == effect, "all apply the same at the same place");
            }
            Output::Restored { .. } => self.tally.restored += 1,
            Output::Refused { .. }
            | Output::Http { .. }
            | Output::State(_)
            | Output::Quarantined(_) => {}
        }
    }

    fn send(&mut self, from: usize, to: usize, bytes: Bytes) {
        self.tally.letters += 1;
        self.servers[from].letters += 1;
        if self.cuts.contains(&(from, to)) || self.rng.random_bool(self.weather.loss) {
            return;
        }
        let copies = 1 + u64::from(self.rng.random_bool(self.weather.twice));
        for _ in 0..copies {
            let mut wait = self.rng.random_range(self.weather.delay.clone());
            if self.rng.random_bool(self.weather.straggle) {
                wait += self.rng.random_range(0..SECOND);
            }
            let bytes = bytes.clone();
            let from = self.servers[from].config.me;
            self.push(wait, Event::Letter { from, to, bytes });
        }
    }

    fn disk_ordered(&mut self, server: usize, ticket: Ticket, order: DiskOrder) {
        let mut took = self.rng.random_range(self.weather.disk.clone());
        if self.rng.random_bool(self.weather.disk_slow) {
            took += self.rng.random_range(0..2 * SECOND);
        }
        let slot = &mut self.servers[server];
        slot.disk.free_at = slot.disk.free_at.max(self.now) + took;
        slot.disk.queue.push_back((ticket, order));
        let (wait, life) = (slot.disk.free_at - self.now, slot.life);
        self.push(wait, Event::Disk(server, life));
    }

    fn disk_done(&mut self, server: usize) {
        let fails = self.rng.random_bool(self.weather.disk_fails);
        let mute = self.rng.random_bool(self.weather.disk_mute);
        let Some((ticket, order)) = self.servers[server].disk.queue.pop_front() else {
            return;
        };
        let answer = if fails {
            self.tally.disk_failures += 1;
            DiskAnswer::Failed(DiskFault::Io("no space".into()))
        } else {
            self.servers[server].disk.carry_out(order);
            DiskAnswer::Written
        };
        if !mute {
            self.give(server, Input::Disk { ticket, answer });
        }
    }

    fn client(&mut self, client: usize) {
        let slot = &self.clients[client];
        let (id, number) = (slot.id, slot.number);
        let command = toy::command(number);
        let asks = number % 8 == 7;
        if asks && self.clients[client].asked_after.is_none() {
            self.clients[client].asked_after = Some(self.newest_answer);
        }
        for server in 0..self.count() {
            if self.rng.random_bool(self.weather.loss) {
                continue;
            }
            let input = if asks {
                Input::Ask {
                    client: id,
                    nonce: number,
                    question: Bytes::new(),
                }
            } else {
                Input::Submit {
                    client: id,
                    nonce: number,
                    command: command.clone(),
                }
            };
            self.give(server, input);
        }
        self.push(REPEAT, Event::Client(client, number));
    }

    fn next(&mut self, client: usize) {
        let pause = self.clients[client].pause.clone();
        let wait = self.rng.random_range(pause);
        let slot = &mut self.clients[client];
        slot.number += 1;
        slot.asked_after = None;
        let number = slot.number;
        self.push(wait, Event::Client(client, number));
    }

    fn answered(&mut self, client: UserId, seq: u64, (number, first, _): Reply) {
        self.newest_answer = self.newest_answer.max(seq);
        let known = *self.answered.entry(number).or_insert(first);
        self.hold(known == first, "a command is answered as before");
        let copies = self.servers.iter().filter(|server| server.has(seq)).count();
        // A disk that was replaced after it confirmed had its copy.
        let lost = self.servers.iter().filter(|server| !server.votes()).count();
        let lost = lost.min(usize::from(self.tally.wipes > 0));
        let most = copies + lost > self.count() / 2;
        self.hold(most, "what is answered is on most disks");
        let client = usize::from(client.0[0]);
        if self
            .clients
            .get(client)
            .is_some_and(|slot| slot.number == number)
        {
            self.tally.answered += 1;
            self.next(client);
        }
    }

    fn told(&mut self, client: UserId, nonce: u64, seq: u64) {
        let client = usize::from(client.0[0]);
        let slot = &self.clients[client];
        if let Some(after) = slot.asked_after.filter(|_| slot.number == nonce) {
            self.hold(seq >= after, "a question sees what was answered before it");
            self.tally.told += 1;
            self.next(client);
        }
    }

    /// The properties of Raft, as far as this server shows them now.
    fn look_at(&mut self, server: usize) {
        let Some(machine) = self.servers[server].machine.as_ref() else {
            return;
        };
        if machine.standing() == Standing::Quarantined {
            return;
        }
        let applied = machine.applied;
        let log = machine.node.store();
        let place = log.place(applied);
        if let Some(place) = place.filter(|_| applied > 0) {
            let known = *self.decided.entry(applied).or_insert(place);
            self.hold(known == place, "logs match as far as they are decided");
        }
        let machine = self.machine(server).expect("runs");
        if !machine.is_leader() {
            return;
        }
        let (term, end) = (machine.node.raft.term, machine.node.store().end());
        let leader = *self.leaders.entry(term).or_insert_with(|| {
            self.tally.leaders += 1;
            server
        });
        self.hold(leader == server, "a term has one leader");
        let newest = self
            .decided
            .last_key_value()
            .map(|(&seq, &place)| (seq, place));
        let is_newest_term = self.leaders.last_key_value().map(|(&newest, _)| newest) == Some(term);
        if let Some((seq, place)) = newest.filter(|_| is_newest_term) {
            // What raft has taken and not handed over yet is in its own memory.
            let raft = &self.machine(server).expect("runs").node.raft;
            let unstable = raft.raft_log.last_index() >= seq;
            self.hold(unstable, "a leader has everything that is decided");
            let log = self.machine(server).expect("runs").node.store();
            let same = log.place(seq).is_none_or(|ours| ours == place);
            self.hold(
                same || end.index < seq,
                "a leader has what is decided as it was decided",
            );
        }
    }

    #[track_caller]
    pub(super) fn hold(&self, holds: bool, what: &str) {
        if holds {
            return;
        }
        let states: Vec<String> = self.servers.iter().map(Server::describe).collect();
        panic!(
            "at {:.3} s this does not hold: {what}; again with\n    \
             PENTIMENTO_SEED={} cargo test --lib consensus::tests::seeds\n{}",
            self.now as f64 / SECOND as f64,
            self.seed,
            states.join("\n"),
        );
    }

    /// Lets the world run for so long.
    pub(super) fn run(&mut self, micros: u64) {
        let until = self.now + micros;
        while let Some(&Reverse((at, sequence))) = self.heap.peek() {
            if at > until {
                break;
            }
            self.heap.pop();
            let Some(event) = self.events.remove(&sequence) else {
                continue;
            };
            self.now = at;
            self.tally.events += 1;
            self.trace.update(&at.to_le_bytes());
            match event {
                Event::Wake(server, life) if self.servers[server].life == life => {
                    self.trace.update(&[1, server as u8]);
                    self.wake(server);
                }
                Event::Disk(server, life) if self.servers[server].life == life => {
                    self.trace.update(&[2, server as u8]);
                    self.disk_done(server);
                }
                Event::Wake(..) | Event::Disk(..) => {}
                Event::Letter { from, to, bytes } => {
                    self.trace.update(&[3, from.0, to as u8]);
                    self.trace.update(&bytes);
                    let message = bytes;
                    self.give(to, Input::Heard { from, message });
                }
                Event::Client(client, number) => {
                    self.trace.update(&[4, client as u8]);
                    if self.clients[client].number == number {
                        self.client(client);
                    }
                }
            }
        }
        self.now = until;
    }

    /// Faults are over: everybody is up, answers, and knows the same. Fresh commands are answered.
    pub(super) fn converge(&mut self, within: u64) {
        self.weather = Weather::CALM;
        self.cuts.clear();
        for server in 0..self.count() {
            if !self.is_up(server) {
                self.start(server);
            }
            self.give(server, Input::Resumed);
        }
        let before = self.tally.answered;
        self.run(within);
        self.hold(self.tally.answered > before, "commands are answered again");
        for server in 0..self.count() {
            let standing = self.machine(server).expect("runs").standing();
            self.hold(standing == Standing::Serving, "everybody serves again");
        }
        self.calm();
        let digests: BTreeSet<Digest> = (0..self.count())
            .map(|server| {
                let machine = self.machine(server).expect("runs");
                StateMachine::digest(&machine.state)
            })
            .collect();
        self.hold(digests.len() == 1, "everybody knows the same");
        let state = &self.machine(0).expect("runs").state;
        let lost = self
            .answered
            .iter()
            .find(|&(number, first)| state.first.get(number) != Some(first));
        self.hold(lost.is_none(), "what was answered is there");
    }

    pub(super) fn trace(&self) -> Digest {
        Digest(*self.trace.finalize().as_bytes())
    }
}
