//! One heap of events by (time, sequence): servers, devices, and the packets between them.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use bytes::Bytes;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::judge::{Holds, Judge};
use super::people::Cast;
use super::plan::{Plan, SECOND, Weather};
use super::server::Server;
use crate::actors::clerk::{self, Clerk};
use crate::actors::edges::DiskOrder;
use crate::actors::edges::Ticket;
use crate::actors::machine::{Machine, Outbox};
use crate::proto::codec;
use crate::proto::ids::{NodeId, UserId};
use crate::proto::packet::Packet;
use crate::sim::cast::server_secret;
use crate::sim::clock::Clock;
use crate::sim::disk::Manner;
use crate::sim::tally::Tally;
use crate::time::Moment;

mod devices;
mod servers;
mod troubles;

/// Packets of orders that somebody keeps to send them again, at the most.
const KEPT_MAX: usize = 64;

/// What travels.
#[derive(Debug)]
enum Parcel {
    /// Between servers.
    Agree(NodeId, Bytes),
    /// To a server.
    Up(UserId, Packet),
    /// To a device.
    Down(NodeId, Packet),
}

#[derive(Debug)]
enum Event {
    /// A server's deadline, and that of a device.
    Wake(usize, u32),
    DeviceWakes(usize, u32),
    /// The disk of a server has done something.
    Disk(usize, u32),
    /// To a host: servers come first.
    Arrives(usize, Box<Parcel>),
    /// A person's turn.
    Turn(usize),
}

struct Entry {
    at: u64,
    sequence: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// See the module. `REAL`: signatures count.
pub(super) struct World<const REAL: bool> {
    plan: Plan,
    now: u64,
    sequence: u64,
    rng: ChaCha20Rng,
    heap: BinaryHeap<Reverse<Entry>>,
    servers: Vec<Server<REAL>>,
    all: Vec<NodeId>,
    cast: Cast,
    weather: Weather,
    manner: Manner,
    cuts: BTreeSet<(usize, usize)>,
    /// Orders that somebody has kept.
    kept: Vec<(UserId, Bytes)>,
    /// Nobody does anything new.
    at_rest: bool,
    judge: Judge,
    tally: Tally,
    trace: blake3::Hasher,
    broken: Option<String>,
}

impl<const REAL: bool> World<REAL> {
    /// A world that follows `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x7269_6768_7473);
        let plan = Plan::draw(&mut rng);
        let all: Vec<NodeId> = (1..=plan.servers).map(NodeId).collect();
        let keys = all.iter().map(|id| (*id, server_secret(id.0).public()));
        let cast = Cast::new(plan.owners, plan.borrowers, keys.collect(), &mut rng);
        let mut world = Self {
            now: 0,
            sequence: 0,
            heap: BinaryHeap::new(),
            servers: all.iter().map(|id| Server::new(*id)).collect(),
            all,
            cast,
            weather: plan.weather.clone(),
            manner: plan.manner.clone(),
            cuts: BTreeSet::new(),
            kept: Vec::new(),
            at_rest: false,
            judge: Judge::default(),
            tally: Tally {
                runs: 1,
                real: u64::from(REAL),
                ..Tally::default()
            },
            trace: blake3::Hasher::new(),
            broken: None,
            plan,
            rng,
        };
        for server in 0..world.servers.len() {
            world.start(server);
        }
        for device in 0..world.cast.devices.len() {
            if world.cast.devices[device].used {
                world.switch_on(device);
            }
        }
        world
    }

    /// Runs it to its end. What it came to, and what did not hold.
    pub(super) fn run(mut self) -> (Tally, Option<String>) {
        self.bad_times();
        if self.broken.is_none() {
            self.good_times();
        }
        let mut tally = self.tally;
        tally.time_us = self.now;
        tally.entries = self.judge.entries();
        tally.terms = self.judge.terms();
        self.judge.outcomes(|kind| tally.outcome(kind));
        for server in &self.servers {
            tally.disks.add(&server.drive.counts);
        }
        tally.trace = *self.trace.finalize().as_bytes();
        let at = self.now as f64 / SECOND as f64;
        (
            tally,
            self.broken.map(|what| format!("at {at:.3} s: {what}")),
        )
    }

    /// Notes what does not hold; the first counts.
    fn hold(&mut self, holds: Holds) {
        if let Err(what) = holds {
            self.broken.get_or_insert(what);
        }
    }

    fn check(&mut self, holds: bool, what: &str) {
        self.hold(if holds { Ok(()) } else { Err(what.into()) });
    }

    const fn moment(&self) -> Moment {
        Moment::from_micros(self.now)
    }

    fn push(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry {
            at,
            sequence: self.sequence,
            event,
        }));
    }

    /// A clock for a start now.
    fn clock(&mut self) -> Clock {
        let (skew, drift) = (self.plan.skew_ms, self.plan.drift_ppm);
        Clock {
            started_us: self.now,
            ahead_ms: self.rng.random_range(-skew..=skew),
            drift_ppm: self.rng.random_range(-drift..=drift),
        }
    }

    fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        seed
    }

    fn note(&mut self, kind: u8, host: usize, bytes: &[u8]) {
        self.trace.update(&self.now.to_le_bytes());
        self.trace.update(&[kind, host as u8]);
        self.trace.update(bytes);
    }

    /// Sends a parcel on its way.
    fn send(&mut self, from: usize, to: usize, parcel: impl Fn() -> Parcel) {
        self.tally.letters += 1;
        if self.cuts.contains(&(from, to)) {
            self.tally.fault("cut off");
            return;
        }
        if self.weather.loss > 0.0 && self.rng.random_bool(self.weather.loss) {
            self.tally.fault("lost");
            return;
        }
        let twice = self.weather.twice > 0.0 && self.rng.random_bool(self.weather.twice);
        if twice {
            self.tally.fault("doubled");
        }
        for _ in 0..=u32::from(twice) {
            let mut wait = self.rng.random_range(self.weather.delay_us.clone());
            if self.weather.late > 0.0 && self.rng.random_bool(self.weather.late) {
                self.tally.fault("late");
                wait += self.rng.random_range(0..SECOND);
            }
            self.push(self.now + wait, Event::Arrives(to, Box::new(parcel())));
        }
    }

    /// Lets so much time pass, unless something does not hold.
    fn pass(&mut self, micros: u64) {
        let end = self.now + micros;
        while self.broken.is_none() {
            if self.heap.peek().is_none_or(|Reverse(entry)| entry.at > end) {
                self.now = end;
                return;
            }
            let Some(Reverse(entry)) = self.heap.pop() else {
                return;
            };
            self.now = entry.at;
            self.happen(entry.event);
        }
    }

    fn happen(&mut self, event: Event) {
        let host = match &event {
            Event::Wake(host, _) | Event::Disk(host, _) | Event::Arrives(host, _) => *host,
            Event::DeviceWakes(..) | Event::Turn(_) => usize::MAX,
        };
        if let Some(server) = self.servers.get(host)
            && server.stands_until > self.now
        {
            return self.push(server.stands_until, event);
        }
        self.tally.events += 1;
        match event {
            Event::Wake(server, life) => {
                if self.servers[server].life == life {
                    self.wake(server);
                }
            }
            Event::Disk(server, life) => {
                if self.servers[server].life == life {
                    self.disk_done(server);
                }
            }
            Event::Arrives(to, parcel) => self.arrives(to, *parcel),
            Event::DeviceWakes(device, life) => {
                if self.cast.devices[device].life == life {
                    self.device_wakes(device);
                }
            }
            Event::Turn(device) => self.turn(device),
        }
    }

    fn arrives(&mut self, to: usize, parcel: Parcel) {
        let Some(device) = to.checked_sub(self.servers.len()) else {
            return match parcel {
                Parcel::Agree(from, message) => self.heard(to, from, message),
                Parcel::Up(user, packet) => self.asked(to, user, packet),
                Parcel::Down(..) => {}
            };
        };
        if let Parcel::Down(from, packet) = parcel {
            self.note(4, to, &codec::encode(&packet));
            self.told(device, from, packet);
        }
    }
}
