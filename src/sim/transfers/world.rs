//! Endpoints at addresses, links between them, virtual time.
//!
//! `deeds` carries out what is planned, `looks` compares with what must hold.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::net::SocketAddr;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::checks::{self, Broken, Numbers, Past, Wakes};
use super::plan::{Deed, Plan, Planned};
use super::story::{Standing, Story};
use super::tally::Tally;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::NodeId;
use crate::proto::packet::Party;
use crate::sim::link::{self, Link, Loss};
use crate::time::{Calendar, Moment, WallTime};
use crate::transport::contract::Order;
use crate::transport::endpoint::{Config, Endpoint, Server, Us};
use crate::transport::wire::{self, Outer};

/// IPv4 and UDP.
const HEADERS_BYTES: usize = 28;
/// Calendar of the world's beginning, in milliseconds.
const EPOCH_MS: u64 = 1_800_000_000_000;
/// What a host's socket holds while nothing runs there.
const SOCKET_BYTES: usize = 6 << 20;
/// How long a fault may explain that a message fails after it has begun or ended: twice the time
/// after which one is given up.
const TROUBLE_US: u64 = 20_000_000;
/// Events between two looks at everything.
const LOOK_EVERY: u64 = 16;

mod deeds;
mod looks;

/// A host.
struct Host {
    endpoint: Endpoint,
    address: SocketAddr,
    party: Party,
    key: [u8; 32],
    /// When its moments began.
    epoch_us: u64,
    /// Counts starts, and silences on purpose.
    life: u32,
    pauses: u32,
    is_shut: bool,
    moves: u8,
    /// When a fault that concerns it began or ended last, if any did.
    trouble_us: Option<u64>,
    /// What came while nothing ran.
    inbox: VecDeque<(SocketAddr, Vec<u8>)>,
    inbox_bytes: usize,
    held: Vec<Deed>,
    past: Past,
    numbers: BTreeMap<u32, Numbers>,
    wakes: Wakes,
}

enum What {
    Arrive {
        to: SocketAddr,
        from: SocketAddr,
        datagram: Vec<u8>,
    },
    Do(Deed),
}

struct Event {
    at_us: u64,
    number: u64,
    what: What,
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Event {}
impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_us, self.number).cmp(&(other.at_us, other.number))
    }
}

/// A run.
pub(super) struct World {
    seed: u64,
    plan: Plan,
    hosts: Vec<Host>,
    links: Vec<Link>,
    /// Of each link the packets lost in a row, and when one arrived last.
    runs: Vec<(u32, u64)>,
    cut: BTreeSet<(usize, usize)>,
    mtu_bytes: usize,
    now_us: u64,
    events: BinaryHeap<Reverse<Event>>,
    number: u64,
    rng: ChaCha20Rng,
    story: Story,
    /// Whether failures have causes.
    is_calm: bool,
    tally: Tally,
    trace: blake3::Hasher,
    broken: Broken,
    buffer: Vec<u8>,
    looks: u64,
}

fn secret(place: usize) -> [u8; 32] {
    [place as u8 + 1; 32]
}

fn public(secret: [u8; 32]) -> [u8; 32] {
    *crate::crypto::noise::StaticKey::from_secret(&secret)
        .expect("every secret is a key")
        .public()
}

fn address(place: usize, moves: u8) -> SocketAddr {
    SocketAddr::from(([10, moves, 0, place as u8 + 1], 4_100))
}

impl World {
    /// A world at its beginning.
    #[must_use]
    pub(super) fn new(seed: u64) -> Self {
        let plan = Plan::draw(seed);
        let count = plan.hosts();
        let mut world = Self {
            seed,
            hosts: Vec::new(),
            links: Vec::new(),
            runs: vec![(0, 0); count * count],
            cut: BTreeSet::new(),
            mtu_bytes: plan.mtu_bytes,
            now_us: 0,
            events: BinaryHeap::new(),
            number: 0,
            rng: ChaCha20Rng::seed_from_u64(!seed),
            story: Story::new(seed, &plan),
            is_calm: false,
            tally: Tally::default(),
            trace: blake3::Hasher::new(),
            broken: None,
            buffer: Vec::new(),
            looks: 0,
            plan,
        };
        for pair in 0..count * count {
            let link = world.link(world.plan.link, pair);
            world.links.push(link);
        }
        for place in 0..count {
            let host = world.host(place, 0, 0);
            world.hosts.push(host);
        }
        for place in 0..count {
            world.introduce(place);
        }
        for (at_us, deed) in world.plan.deeds.clone() {
            world.push(at_us, What::Do(deed));
        }
        world
    }

    fn link(&self, config: link::Config, pair: usize) -> Link {
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ pair as u64;
        Link::new(config, seed).expect("drawn within the ranges")
    }

    fn host(&mut self, place: usize, life: u32, moves: u8) -> Host {
        let key = public(secret(place));
        let (us, party) = if place < self.plan.servers {
            let node = NodeId(place as u8 + 1);
            (Us::Server(node), Party::Server(node))
        } else {
            let identity = PublicIdentity {
                sign: [place as u8 + 1; 32],
                seal: key,
            };
            (Us::User(identity.sign), Party::User(identity.user_id()))
        };
        let ahead_ms = self.plan.calendars_ahead_ms[place];
        let started_at = WallTime(EPOCH_MS + ahead_ms + self.now_us / 1_000);
        let mut config = Config::new(us, secret(place), Calendar { started_at });
        config.datagram_max_bytes = self.plan.datagram_max_bytes;
        config.flow_max_bytes = self.plan.flow_max_bytes;
        let others = (0..self.plan.servers).filter(|other| *other != place);
        config.servers = others
            .map(|other| Server {
                node: NodeId(other as u8 + 1),
                key: Some(public(secret(other))),
                address: address(other, 0),
            })
            .collect();
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8] = place as u8;
        seed[9..13].copy_from_slice(&life.to_le_bytes());
        Host {
            endpoint: Endpoint::new(config, seed),
            address: address(place, moves),
            party,
            key,
            epoch_us: self.now_us,
            life,
            pauses: 0,
            is_shut: false,
            moves,
            trouble_us: (life > 0).then_some(self.now_us),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            held: Vec::new(),
            past: Past::default(),
            numbers: BTreeMap::new(),
            wakes: Wakes::default(),
        }
    }

    fn push(&mut self, at_us: u64, what: What) {
        self.number += 1;
        let number = self.number;
        self.events.push(Reverse(Event {
            at_us,
            number,
            what,
        }));
    }

    fn now(&self, place: usize) -> Moment {
        Moment::from_micros(self.now_us - self.hosts[place].epoch_us)
    }

    fn breaks(&mut self, broken: Broken) {
        if self.broken.is_none() {
            self.broken = broken;
        }
    }

    /// Runs all of it.
    #[must_use]
    pub(super) fn run(mut self) -> (Tally, Broken) {
        self.run_until_over();
        self.look_at_bytes();
        self.calm_down();
        self.is_calm = true;
        self.run_until_over();
        let quiet_us = self.now_us + 75_000_000;
        self.run_until(quiet_us);
        for place in 0..self.hosts.len() {
            self.look(place);
            let survey = self.hosts[place].endpoint.survey();
            self.breaks(checks::nothing_is_left(&survey));
        }
        self.tally.end(
            &self.story,
            self.links.iter().map(Link::counts),
            self.now_us,
        );
        self.tally.trace = *self.trace.finalize().as_bytes();
        (self.tally, self.broken)
    }

    fn run_until_over(&mut self) {
        let begin_us = self.now_us;
        let last = self.plan.deeds.iter().map(|(at, _)| *at).max().unwrap_or(0);
        self.run_until(last.max(begin_us) + 1);
        let end_us = self.now_us + self.patience_us();
        while self.broken.is_none() && !self.story.is_over() {
            if self.now_us >= end_us {
                return self.breaks(every_transfer_ends(&self.story, self.now_us));
            }
            self.run_until((self.now_us + 100_000).min(end_us));
        }
    }

    fn run_until(&mut self, end_us: u64) {
        while self.broken.is_none() && self.step(end_us) {}
    }

    /// All faults are over: whoever can reach somebody gets something through.
    fn calm_down(&mut self) {
        let config = link::Config {
            loss: Loss::Never,
            duplication: 0.0,
            reordering: 0.0,
            ..self.plan.link
        };
        self.cut.clear();
        for pair in 0..self.links.len() {
            self.tally.faults.add(&self.links[pair].counts());
            self.links[pair] = self.link(config, pair);
        }
        for place in 0..self.hosts.len() {
            self.order(place, Order::Gate(false));
            self.introduce(place);
        }
        let count = self.hosts.len();
        let pairs: Vec<(usize, usize)> =
            (0..count * count).map(|n| (n / count, n % count)).collect();
        for (from, to) in &pairs {
            if self.plan.can_begin(*from, *to) {
                self.deed(Deed::Say {
                    from: *from,
                    to: *to,
                });
            }
        }
        self.run_until(self.now_us + 3_000_000);
        for (from, to) in pairs {
            if self.plan.can_begin(from, to) {
                let planned = Planned {
                    from,
                    to,
                    size_bytes: 3_000,
                };
                let number = self.story.add(self.seed, planned);
                self.deed(Deed::Send(number));
            }
        }
    }

    /// Lets the next thing happen; false if nothing does before `end_us`.
    fn step(&mut self, end_us: u64) -> bool {
        let mut due: Option<(u64, usize)> = None;
        for (place, host) in self.hosts.iter().enumerate() {
            if host.pauses > 0 {
                continue;
            }
            if let Some(at) = host.endpoint.deadline() {
                let rings_us = (at.as_micros() + host.epoch_us).max(self.now_us);
                let late_us = if rings_us > self.now_us {
                    self.plan.timers_late_us[place]
                } else {
                    0
                };
                let one = (rings_us + late_us, place);
                due = Some(due.map_or(one, |other| other.min(one)));
            }
        }
        let event_us = self
            .events
            .peek()
            .map_or(u64::MAX, |Reverse(event)| event.at_us);
        let due_us = due.map_or(u64::MAX, |(at, _)| at);
        let at_us = event_us.min(due_us);
        if at_us > end_us {
            self.now_us = self.now_us.max(end_us);
            return false;
        }
        self.now_us = self.now_us.max(at_us);
        self.tally.events += 1;
        if event_us <= due_us {
            if let Some(Reverse(event)) = self.events.pop() {
                match event.what {
                    What::Arrive { to, from, datagram } => self.arrive(to, from, datagram),
                    What::Do(deed) => self.deed(deed),
                }
            }
        } else if let Some((_, place)) = due {
            let now = self.now(place);
            self.hosts[place].endpoint.on_deadline(now);
            let is_vain = !self.settle(place);
            let broken = self.hosts[place].wakes.do_not_spin(self.now_us, is_vain);
            self.breaks(broken);
        }
        true
    }

    fn arrive(&mut self, to: SocketAddr, from: SocketAddr, mut datagram: Vec<u8>) {
        let Some(place) = self.hosts.iter().position(|host| host.address == to) else {
            return;
        };
        let host = &mut self.hosts[place];
        if host.pauses > 0 {
            if host.inbox_bytes + datagram.len() <= SOCKET_BYTES {
                host.inbox_bytes += datagram.len();
                host.inbox.push_back((from, datagram));
            }
            return;
        }
        let stride = datagram.len();
        // What arrives together is handed on together.
        while let Some(Reverse(next)) = self.events.peek() {
            let What::Arrive {
                to: next_to,
                from: next_from,
                datagram: more,
            } = &next.what
            else {
                break;
            };
            let is_same_way = (*next_to, *next_from) == (to, from);
            let fits = datagram.len().is_multiple_of(stride) && datagram.len() < 60_000;
            if next.at_us != self.now_us || !is_same_way || !fits || more.len() > stride {
                break;
            }
            if let Some(Reverse(Event {
                what: What::Arrive { datagram: more, .. },
                ..
            })) = self.events.pop()
            {
                datagram.extend_from_slice(&more);
            }
        }
        self.receive(place, from, datagram, stride);
    }

    fn receive(&mut self, place: usize, from: SocketAddr, mut datagrams: Vec<u8>, stride: usize) {
        let now = self.now(place);
        self.hosts[place]
            .endpoint
            .receive(now, from, &mut datagrams, stride);
        self.settle(place);
        self.looks += 1;
        if self.looks.is_multiple_of(LOOK_EVERY) {
            self.look(place);
        }
    }

    /// Lets a host say what it has to say. Whether there was anything.
    fn settle(&mut self, place: usize) -> bool {
        let now = self.now(place);
        let mut any = false;
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(transmit) = self.hosts[place].endpoint.transmit(now, &mut buffer) {
            any = true;
            for datagram in buffer.chunks(transmit.datagram_bytes) {
                self.leave(place, transmit.to, datagram);
            }
        }
        self.buffer = buffer;
        while let Some(incoming) = self.hosts[place].endpoint.arrived() {
            any = true;
            self.hear(place, incoming);
        }
        any
    }

    fn leave(&mut self, place: usize, to: SocketAddr, datagram: &[u8]) {
        if self.hosts[place].is_shut {
            self.breaks(Some("a datagram left although the gate is shut".to_owned()));
        }
        self.tally.datagrams += 1;
        self.tally.bytes += datagram.len() as u64;
        self.trace.update(&self.now_us.to_le_bytes());
        self.trace.update(&[place as u8]);
        self.trace.update(&(datagram.len() as u32).to_le_bytes());
        self.trace.update(&datagram[..datagram.len().min(27)]);
        if let Ok(Outer::Sealed(header)) = wire::parse(datagram) {
            let numbers = self.hosts[place].numbers.entry(header.session).or_default();
            let broken = numbers.is_used_once(header.number);
            self.breaks(broken);
        }
        let from = self.hosts[place].address;
        let Some(there) = self.hosts.iter().position(|host| host.address == to) else {
            return;
        };
        if self.cut.contains(&(place, there)) {
            self.tally.cut += 1;
            return;
        }
        let bytes = datagram.len() + HEADERS_BYTES;
        if bytes > self.mtu_bytes {
            self.tally.too_long += 1;
            return;
        }
        let pair = place * self.hosts.len() + there;
        let arrivals = self.links[pair].push(Moment::from_micros(self.now_us), bytes);
        self.runs[pair].0 += 1;
        if !arrivals.as_slice().is_empty() {
            self.runs[pair] = (0, self.now_us);
        }
        for at in arrivals {
            let datagram = datagram.to_vec();
            self.push(at.as_micros(), What::Arrive { to, from, datagram });
        }
    }
}

/// Every transfer ends.
fn every_transfer_ends(story: &Story, now_us: u64) -> Broken {
    let mut all = story.tales.iter().enumerate();
    let (number, tale) = all.find(|(_, tale)| matches!(tale.standing, Standing::UnderWay(_)))?;
    Some(format!(
        "message {number} has not ended at {now_us} us: {:?} {:?}",
        tale.planned, tale.standing
    ))
}
