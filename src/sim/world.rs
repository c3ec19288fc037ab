//! The world: nodes, their disks, the network, and one heap of events in the order of time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::mem;
use std::net::SocketAddr;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::agenda::Entry;
use super::clock::Clock;
use super::disk::{Disk, Manner};
use super::network::{Cuts, Weather};
use super::node::{Happening, Role, Running, Wanted};
use super::spoken::{Said, Service};
use super::swarm::Trouble;
use super::translation::Translation;
use super::visits::{Between, Cheat};
use super::workshop;
use crate::actors::edges::Table;
use crate::node::board;
use crate::node::switchboard::WorkRequest;
use crate::proto::control::Report;
use crate::proto::ids::{NodeId, UserId};
use crate::proto::pass::Pass;
use crate::time::WallTime;
use crate::transport::endpoint::Survey;
pub use looks::AGREEMENT;
use slot::Slot;
pub use ways::Ways;

mod looks;
mod slot;
mod trace;
mod ways;

/// Wall time at which every world begins.
const EPOCH_MS: u64 = 1_800_000_000_000;

/// The calendar of every node at a moment of the run, in microseconds.
#[must_use]
pub const fn wall_time(at_us: u64) -> WallTime {
    WallTime(EPOCH_MS + at_us / 1_000)
}

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
    /// Something left a node that some promise is about.
    Said(Said),
    /// A server was sent what another one knows.
    Learned(NodeId, Service),
    /// What one of the sockets of a node holds.
    Holds(Box<Survey>),
    /// Something begins to go wrong; of no node in particular.
    Trouble(Trouble),
    /// Nothing goes wrong any more, and everything has come to rest.
    Calm,
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
    /// The oldest order of the disk comes due.
    Disk {
        incarnation: u32,
    },
    /// An order of the CPU pool comes due.
    Work {
        incarnation: u32,
        request: Box<WorkRequest>,
    },
}

/// What the processor of a server does for it, in thousandths of a core: what it takes it for until
/// it is told.
const SPEED_MILLI: u32 = 1_000;
/// It is measured so often, in microseconds.
const MEASURED_US: u64 = 1_000_000;

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
    /// Disks now.
    pub manner: Manner,
    /// Cut links now.
    pub cuts: Cuts,
    /// Boxes before nodes, by their places.
    pub boxes: BTreeMap<usize, Translation>,
    /// Datagrams that reached one node from another, by their places.
    pub passed: BTreeMap<(usize, usize), u64>,
    ways: Ways,
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
            manner: Manner::GOOD,
            cuts: Cuts::default(),
            boxes: BTreeMap::new(),
            passed: BTreeMap::new(),
            ways: Ways::default(),
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
        self.slots.push(Slot::new(role));
        place
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

    /// What is on the disk of a node.
    #[must_use]
    pub fn disk(&self, node: usize) -> &Disk {
        &self.slots[node].drive.disk
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
        let slot = &mut self.slots[node];
        slot.incarnation += 1;
        slot.clock = Clock {
            started_us: self.now,
            ..slot.next_clock
        };
        slot.woken_at = None;
        slot.shut = false;
        slot.held = None;
        slot.drive.disk.name(&seed);
        let tables = slot.drive.disk.tables();
        let mut running = slot.role.start(tables, slot.clock.calendar(), seed);
        running.cheat = slot.cheat;
        slot.running = Some(running);
        if slot.slower > 1 {
            self.measure(node);
        }
        self.plan_wake(node);
        Seen::Started
    }

    /// Ends a node at once: what is not durable is gone.
    pub fn crash(&mut self, node: usize) -> Seen {
        let slot = &mut self.slots[node];
        if slot.running.take().is_some() {
            slot.drive.crash(&mut self.rng);
        }
        slot.shut = false;
        slot.held = None;
        Seen::Crashed
    }

    /// Sets how far the calendar of a node is off from its next start on, in milliseconds, and how
    /// fast its clock goes then, in parts of a million.
    pub fn set_clock(&mut self, node: usize, ahead_ms: i64, drift_ppm: i32) {
        self.slots[node].next_clock = Clock {
            started_us: 0,
            ahead_ms,
            drift_ppm,
        };
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
    /// others. A server is told of it a little later, or never: of other programs on its processor
    /// it learns, of time that its host does not give it at all it does not.
    pub fn slow(&mut self, node: usize, times: u32, is_told: bool) {
        let slot = &mut self.slots[node];
        let before = mem::replace(&mut slot.slower, times.max(1));
        if is_told && before != slot.slower && slot.running.is_some() {
            self.measure(node);
        }
    }

    fn measure(&mut self, node: usize) {
        let slot = &self.slots[node];
        if matches!(slot.role, Role::Server(_)) {
            let incarnation = slot.incarnation;
            let what = Happening::Speed(SPEED_MILLI / slot.slower);
            self.plan(
                self.now + MEASURED_US,
                node,
                Event::Node { incarnation, what },
            );
        }
    }

    /// Takes a node that is down all that is on its disk.
    pub fn wipe(&mut self, node: usize) {
        self.slots[node].drive.disk = Disk::default();
    }

    /// Empties these tables of a node that is down, as an operator does.
    pub fn empty(&mut self, node: usize, tables: &[Table]) {
        self.slots[node].drive.disk.empty(tables);
    }

    /// Turns a bit of one row of these tables of a node that is down; which table, if there is one.
    pub fn flip(&mut self, node: usize, tables: &[Table]) -> Option<Table> {
        self.slots[node].drive.disk.flip(&mut self.rng, tables)
    }

    /// Fills the disk of a node, or makes room on it.
    pub fn fill(&mut self, node: usize, full: bool) {
        self.slots[node].drive.full = full;
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

    fn happen(&mut self, node: usize, event: Event) -> Vec<(usize, Seen)> {
        let slot = &mut self.slots[node];
        let Some(event) = slot.hold(event) else {
            return Vec::new();
        };
        let alive = slot.incarnation;
        match event {
            Event::Node { incarnation, what } if incarnation == alive => self.act(node, what),
            Event::Disk { incarnation } if incarnation == alive => {
                let manner = &self.manner;
                match slot.drive.due(manner, &mut self.rng) {
                    Some((ticket, answer)) => self.act(node, Happening::Disk(ticket, answer)),
                    None => Vec::new(),
                }
            }
            Event::Work {
                incarnation,
                request,
            } if incarnation == alive && slot.running.is_some() => {
                let done = workshop::perform(request.work);
                self.act(node, Happening::Work(request.ticket, done))
            }
            Event::Node { .. } | Event::Disk { .. } | Event::Work { .. } => Vec::new(),
        }
    }

    fn act(&mut self, node: usize, what: Happening) -> Vec<(usize, Seen)> {
        let slot = &mut self.slots[node];
        let now = slot.local(self.now);
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
        trace::note(&mut self.trace, &what);
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
            Wanted::Send { from, to, datagram } => self.send(node, from, to, datagram),
            Wanted::Gate(shut) => {
                self.slots[node].shut = shut;
                seen.push((node, Seen::Gate(shut)));
            }
            Wanted::Person(report) => seen.push((node, Seen::Told(report))),
            Wanted::Disk(request) => {
                let slot = &mut self.slots[node];
                let manner = self.manner.slowed(slot.slower);
                let order = (request.ticket, request.order);
                let due = slot.drive.order(self.now, &manner, &mut self.rng, order);
                let incarnation = slot.incarnation;
                self.plan(due, node, Event::Disk { incarnation });
            }
            Wanted::Work(request) => {
                if matches!(self.slots[node].role, Role::Server(_)) {
                    seen.push((node, Seen::Worked));
                }
                let took = self.rng.random_range(1_000..120_000);
                let slot = &self.slots[node];
                let due = self.now + took * u64::from(slot.slower);
                let (incarnation, request) = (slot.incarnation, Box::new(request));
                let event = Event::Work {
                    incarnation,
                    request,
                };
                self.plan(due, node, event);
            }
        }
    }

    fn plan_wake(&mut self, node: usize) {
        let slot = &self.slots[node];
        let Some(deadline) = slot.running.as_ref().and_then(Running::deadline) else {
            return;
        };
        let at = slot.clock.global(deadline).max(self.now);
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
