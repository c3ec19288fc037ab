//! The world: nodes, their disks, the network, and one heap of events in the order of time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::agenda::Entry;
use super::disk::{self, Disk};
use super::network::{Cuts, Weather};
use super::node::{Happening, Machines, Role, Running, Wanted};
use super::translation::Translation;
use super::visits::{Between, Cheat};
use super::workshop;
use crate::actors::consensus::{Standing, StateMachine};
use crate::node::board;
use crate::proto::control::Report;
use crate::proto::ids::{Digest, UserId};
use crate::proto::pass::Pass;
use crate::time::{Calendar, Moment, WallTime};

/// Wall time at which every world begins.
const EPOCH_MS: u64 = 1_800_000_000_000;

/// The calendar of every node at a moment of the run, in microseconds.
#[must_use]
pub const fn wall_time(at_us: u64) -> WallTime {
    WallTime(EPOCH_MS + at_us / 1_000)
}

/// Events that wait for a node that stands still; further ones are lost, as in a full buffer.
const HELD_MAX: usize = 16_384;
/// Longest time a node waits for its turn to hear, for each time that it is slower than others.
const SLOW_HEARING_US: u64 = 5_000;

/// What the checks are told, in the order in which it happens.
#[derive(Debug)]
pub enum Seen {
    /// A person was told.
    Told(Report),
    /// A server's gate was shut or opened.
    Gate(bool),
    /// A job of hiding began on a server.
    Worked,
    /// News for the board of a server.
    News(board::News),
    /// A server gave a pass.
    Passed(Pass),
    /// Something arrived at one user from another.
    Between {
        /// Who sent it.
        from: UserId,
        /// At whom it arrived.
        to: UserId,
        /// What.
        what: Between,
    },
    /// A node ended without warning.
    Crashed,
    /// A node began.
    Started,
}

/// What happens at a moment.
enum Event {
    Node {
        incarnation: u32,
        what: Happening,
    },
    /// Disk and CPU orders come due here: their effects exist only from this moment on.
    Due {
        incarnation: u32,
        order: Wanted,
    },
}

struct Slot {
    role: Role,
    running: Option<Running>,
    incarnation: u32,
    started_at: u64,
    woken_at: Option<u64>,
    disk: Disk,
    disk_free_at: u64,
    disk_full: bool,
    shut: bool,
    /// How many times slower than others it works; 1 for as fast.
    slower: u32,
    /// How it cheats when it asks others.
    cheat: Option<Cheat>,
    /// What waits for a node that stands still; none if it does not.
    held: Option<Vec<Event>>,
}

/// The world.
pub struct World {
    now: u64,
    sequence: u64,
    rng: ChaCha20Rng,
    heap: BinaryHeap<Reverse<Entry<Event>>>,
    slots: Vec<Slot>,
    places: BTreeMap<SocketAddr, usize>,
    /// The network now.
    pub weather: Weather,
    /// Cut links now.
    pub cuts: Cuts,
    /// Boxes before nodes, by their places.
    pub boxes: BTreeMap<usize, Translation>,
    /// Datagrams that reached one node from another, by their places.
    pub passed: BTreeMap<(usize, usize), u64>,
    trace: blake3::Hasher,
    events: u64,
}

impl World {
    /// An empty world that follows `seed`.
    #[must_use]
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self {
            now: 0,
            sequence: 0,
            rng: ChaCha20Rng::seed_from_u64(seed),
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            places: BTreeMap::new(),
            weather,
            cuts: Cuts::default(),
            boxes: BTreeMap::new(),
            passed: BTreeMap::new(),
            trace: blake3::Hasher::new(),
            events: 0,
        }
    }

    /// Adds a node that does not run yet.
    pub fn add(&mut self, role: Role) -> usize {
        let place = self.slots.len();
        let addresses = role.addresses().into_iter();
        self.places
            .extend(addresses.map(|address| (address, place)));
        self.slots.push(Slot {
            role,
            running: None,
            incarnation: 0,
            started_at: 0,
            woken_at: None,
            disk: Disk::default(),
            disk_free_at: 0,
            disk_full: false,
            shut: false,
            slower: 1,
            cheat: None,
            held: None,
        });
        place
    }

    /// What a node is.
    #[must_use]
    pub fn role(&self, node: usize) -> &Role {
        &self.slots[node].role
    }

    /// Microseconds since the beginning.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// Events so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Whether a node runs.
    #[must_use]
    pub fn is_up(&self, node: usize) -> bool {
        self.slots[node].running.is_some()
    }

    /// Of each server that runs the last entry of its ledger and what it led to, if it serves.
    #[must_use]
    pub fn ledgers(&self) -> Vec<Option<(u64, Digest)>> {
        let running = self.slots.iter().filter_map(|slot| slot.running.as_ref());
        let servers = running.filter_map(|running| match &running.machines {
            Machines::Server(machines) => Some(&machines.ledger),
            Machines::Client(_) => None,
        });
        servers
            .map(|ledger| {
                let serves = ledger.standing() == Standing::Serving;
                serves.then(|| (ledger.applied(), StateMachine::digest(ledger.state())))
            })
            .collect()
    }

    /// A digest over everything that has happened, in order.
    #[must_use]
    pub fn trace(&self) -> blake3::Hash {
        self.trace.finalize()
    }

    /// Starts a node from its disk.
    pub fn start(&mut self, node: usize) -> Seen {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let calendar = Calendar {
            started_at: wall_time(self.now),
        };
        let slot = &mut self.slots[node];
        slot.incarnation += 1;
        slot.started_at = self.now;
        slot.woken_at = None;
        slot.shut = false;
        slot.held = None;
        slot.disk.name(&seed);
        let mut running = slot.role.start(slot.disk.tables(), calendar, seed);
        running.cheat = slot.cheat;
        slot.running = Some(running);
        self.plan_wake(node);
        Seen::Started
    }

    /// Ends a node at once: what is not durable is gone.
    pub fn crash(&mut self, node: usize) -> Seen {
        self.slots[node].running = None;
        self.slots[node].shut = false;
        self.slots[node].held = None;
        Seen::Crashed
    }

    /// Lets a node stand still: whatever happens to it waits until it goes on. Its clock does not
    /// wait.
    pub fn pause(&mut self, node: usize) {
        self.slots[node].held.get_or_insert_default();
    }

    /// Lets a node that stands still go on.
    pub fn resume(&mut self, node: usize) {
        for event in self.slots[node].held.take().into_iter().flatten() {
            self.plan(self.now, node, event);
        }
        self.slots[node].woken_at = None;
        self.plan_wake(node);
    }

    /// Has a client cheat when it asks others, or ask as it should.
    pub fn cheat(&mut self, node: usize, cheat: Option<Cheat>) {
        let slot = &mut self.slots[node];
        slot.cheat = cheat;
        if let Some(running) = &mut slot.running {
            running.cheat = cheat;
        }
    }

    /// Makes the work, the disk and the hearing of a node so many times slower; 1 for as fast as
    /// others.
    pub fn slow(&mut self, node: usize, times: u32) {
        self.slots[node].slower = times.max(1);
    }

    /// Takes a node that is down all that is on its disk.
    pub fn wipe(&mut self, node: usize) {
        self.slots[node].disk = Disk::default();
    }

    /// Fills the disk of a node, or makes room on it.
    pub fn fill(&mut self, node: usize, full: bool) {
        self.slots[node].disk_full = full;
    }

    /// Lets something happen to a node now.
    pub fn poke(&mut self, node: usize, what: Happening) -> Vec<(usize, Seen)> {
        let incarnation = self.slots[node].incarnation;
        self.happen(node, Event::Node { incarnation, what })
    }

    /// Goes on to the next event, if there is one before `end`; else to `end`. Gives what the
    /// checks should know, or none at the end.
    pub fn step(&mut self, end: u64) -> Option<Vec<(usize, Seen)>> {
        if self.heap.peek().is_none_or(|Reverse(entry)| entry.at > end) {
            assert!(end >= self.now, "time goes on: {} after {end}", self.now);
            self.now = end;
            return None;
        }
        let Reverse(entry) = self.heap.pop()?;
        assert!(entry.at >= self.now, "event in the past");
        self.now = entry.at;
        self.events += 1;
        Some(self.happen(entry.node, entry.event))
    }

    fn local(&self, node: usize) -> Moment {
        Moment::from_micros(self.now - self.slots[node].started_at)
    }

    fn happen(&mut self, node: usize, event: Event) -> Vec<(usize, Seen)> {
        if let Some(held) = &mut self.slots[node].held {
            if held.len() < HELD_MAX {
                held.push(event);
            }
            return Vec::new();
        }
        let alive = self.slots[node].incarnation;
        match event {
            Event::Due { incarnation, order } => {
                self.come_due(node, incarnation, order);
                Vec::new()
            }
            Event::Node { incarnation, what } if incarnation == alive => self.act(node, what),
            Event::Node { .. } => Vec::new(),
        }
    }

    fn act(&mut self, node: usize, what: Happening) -> Vec<(usize, Seen)> {
        let now = self.local(node);
        let slot = &mut self.slots[node];
        if matches!(what, Happening::Deadline) {
            // An earlier wake has taken the place of this one.
            if slot.woken_at != Some(self.now) {
                return Vec::new();
            }
            slot.woken_at = None;
        }
        if slot.shut && matches!(what, Happening::Datagram { .. }) {
            return Vec::new();
        }
        let Some(running) = &mut slot.running else {
            return Vec::new();
        };
        if matches!(what, Happening::Deadline) && running.deadline().is_none_or(|at| at > now) {
            self.plan_wake(node);
            return Vec::new();
        }
        self.trace.update(&self.now.to_le_bytes());
        self.trace.update(&(node as u64).to_le_bytes());
        self.trace.update(format!("{what:?}").as_bytes());
        let (wanted, news) = running.happen(now, what);
        let mut seen: Vec<(usize, Seen)> = news.into_iter().map(|item| (node, item)).collect();
        for wanted in wanted {
            self.carry_out(node, wanted, &mut seen);
        }
        self.plan_wake(node);
        seen
    }

    fn carry_out(&mut self, node: usize, wanted: Wanted, seen: &mut Vec<(usize, Seen)>) {
        match wanted {
            Wanted::Send { from, to, datagram } => self.send(node, from, to, &datagram),
            Wanted::Gate(shut) => {
                self.slots[node].shut = shut;
                seen.push((node, Seen::Gate(shut)));
            }
            Wanted::Person(report) => seen.push((node, Seen::Told(report))),
            Wanted::Disk(_) => {
                // In order, a few milliseconds each: later orders wait for earlier ones.
                let took = self.rng.random_range(500..6_000) * u64::from(self.slots[node].slower);
                let due = self.slots[node].disk_free_at.max(self.now) + took;
                self.slots[node].disk_free_at = due;
                self.plan_due(node, due, wanted);
            }
            Wanted::Work(_) => {
                if matches!(self.slots[node].role, Role::Server(_)) {
                    seen.push((node, Seen::Worked));
                }
                let took = self.rng.random_range(1_000..120_000);
                let due = self.now + took * u64::from(self.slots[node].slower);
                self.plan_due(node, due, wanted);
            }
        }
    }

    fn plan_due(&mut self, node: usize, at: u64, order: Wanted) {
        let incarnation = self.slots[node].incarnation;
        self.plan(at, node, Event::Due { incarnation, order });
    }

    /// A disk or CPU order is done. One of a node that crashed meanwhile has no effect.
    fn come_due(&mut self, node: usize, incarnation: u32, order: Wanted) {
        let slot = &mut self.slots[node];
        if slot.incarnation != incarnation || slot.running.is_none() {
            return;
        }
        let what = match order {
            Wanted::Disk(request) if slot.disk_full && disk::adds(&request.order) => {
                Happening::Disk(request.ticket, disk::no_space())
            }
            Wanted::Disk(request) => {
                Happening::Disk(request.ticket, slot.disk.carry_out(request.order))
            }
            Wanted::Work(request) => {
                Happening::Work(request.ticket, workshop::perform(request.work))
            }
            Wanted::Send { .. } | Wanted::Gate(_) | Wanted::Person(_) => return,
        };
        self.plan(self.now, node, Event::Node { incarnation, what });
    }

    /// Sends a datagram on its way.
    fn send(&mut self, node: usize, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        if self.slots[node].shut {
            return;
        }
        let now = self.now;
        let translate = |own: &mut Translation| own.leaves(now, to);
        let from = self.boxes.get_mut(&node).map_or(from, translate);
        let Some((place, to)) = self.let_in(from, to) else {
            return;
        };
        if !self.cuts.pass(node, place) {
            return;
        }
        *self.passed.entry((node, place)).or_default() += 1;
        let incarnation = self.slots[place].incarnation;
        for delay in self.weather.arrivals(&mut self.rng) {
            let what = Happening::Datagram {
                from,
                to,
                datagram: datagram.to_vec(),
            };
            let due = self.now + micros(delay) + self.deafness(place);
            self.plan(due, place, Event::Node { incarnation, what });
        }
    }

    /// The node that is meant by an address, and its own address. What is behind a box is reached
    /// through it only.
    fn let_in(&mut self, from: SocketAddr, to: SocketAddr) -> Option<(usize, SocketAddr)> {
        let mut boxes = self.boxes.iter_mut();
        if let Some((place, own)) = boxes.find(|(_, own)| own.outside() == to.ip()) {
            return Some((*place, own.arrives(self.now, from, to)?));
        }
        let place = *self.places.get(&to)?;
        (!self.boxes.contains_key(&place)).then_some((place, to))
    }

    /// What a slow node adds to the way of a datagram.
    fn deafness(&mut self, node: usize) -> u64 {
        match u64::from(self.slots[node].slower) {
            1 => 0,
            times => self.rng.random_range(0..times * SLOW_HEARING_US),
        }
    }

    fn plan_wake(&mut self, node: usize) {
        let slot = &self.slots[node];
        let Some(deadline) = slot.running.as_ref().and_then(Running::deadline) else {
            return;
        };
        let at = (slot.started_at + deadline.as_micros()).max(self.now);
        if slot.woken_at.is_some_and(|planned| planned <= at) {
            return;
        }
        let incarnation = slot.incarnation;
        self.slots[node].woken_at = Some(at);
        self.plan(
            at,
            node,
            Event::Node {
                incarnation,
                what: Happening::Deadline,
            },
        );
    }

    fn plan(&mut self, at: u64, node: usize, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry {
            at,
            sequence: self.sequence,
            node,
            event,
        }));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
