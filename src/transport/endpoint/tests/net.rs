//! A small network in virtual time: endpoints at addresses, one delay, loss from a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::proto::cargo::Cargo;
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{NodeId, UserId};
use crate::proto::packet::{Packet, Party};
use crate::proto::route::Route;
use crate::time::{Calendar, Moment, WallTime};
use crate::transport::contract::{Incoming, Moved, Order};
use crate::transport::endpoint::{Config, Endpoint, Server, Us};
use crate::transport::way::Way;

/// A datagram under way: when it arrives, a number that makes it unique, to whom, from where.
type Flight = Reverse<(u64, u64, usize, SocketAddr, Vec<u8>)>;

/// A host of the network.
pub(super) struct Host {
    pub(super) endpoint: Endpoint,
    pub(super) address: SocketAddr,
    pub(super) party: Party,
    pub(super) key: [u8; 32],
    pub(super) heard: Vec<Incoming>,
    pub(super) is_up: bool,
}

/// The network.
pub(super) struct Net {
    pub(super) hosts: Vec<Host>,
    pub(super) now_us: u64,
    pub(super) delay_us: u64,
    /// Up to so much is added for each datagram, drawn alone, so that they overtake each other.
    pub(super) spread_us: u64,
    /// Megabits a second that all datagrams share, in a queue without an end; none if it is zero.
    pub(super) rate_mbit: u64,
    /// When that queue is empty.
    free_at_ns: u64,
    pub(super) loss: f64,
    pub(super) mtu: usize,
    /// Pairs of hosts between which nothing passes.
    pub(super) cut: Vec<(usize, usize)>,
    /// Nothing passes from the first of these to the second.
    pub(super) one_way: Option<(usize, usize)>,
    pub(super) datagrams: u64,
    pub(super) bytes: u64,
    /// All that is sent, if it is to be kept: from, to, bytes.
    pub(super) tap: Option<Vec<(SocketAddr, SocketAddr, Vec<u8>)>>,
    /// The largest datagram so far.
    pub(super) largest: usize,
    flights: BinaryHeap<Flight>,
    rng: ChaCha20Rng,
    seed: u64,
}

pub(super) fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host as u8 + 1], 4_100))
}

/// The public key of a secret one.
fn public(secret: [u8; 32]) -> [u8; 32] {
    *crate::crypto::noise::StaticKey::from_secret(&secret)
        .expect("a key")
        .public()
}

pub(super) fn server_secret(node: u8) -> [u8; 32] {
    [100 + node; 32]
}

impl Net {
    /// Servers first, then users, each at the address of its place.
    pub(super) fn new(seed: u64, servers: u8, users: u8) -> Self {
        let mut net = Self {
            hosts: Vec::new(),
            now_us: 1_000_000,
            delay_us: 10_000,
            spread_us: 0,
            rate_mbit: 0,
            free_at_ns: 0,
            loss: 0.0,
            mtu: 1_500,
            cut: Vec::new(),
            one_way: None,
            datagrams: 0,
            bytes: 0,
            tap: None,
            largest: 0,
            flights: BinaryHeap::new(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            seed,
        };
        for place in 0..usize::from(servers) + usize::from(users) {
            let host = net.host(place, usize::from(servers), &|_| {});
            net.hosts.push(host);
        }
        net
    }

    fn host(&mut self, place: usize, servers: usize, change: &dyn Fn(&mut Config)) -> Host {
        let is_server = place < servers;
        let node = place as u8 + 1;
        let (us, secret, party) = if is_server {
            let us = Us::Server(NodeId(node));
            (us, server_secret(node), Party::Server(NodeId(node)))
        } else {
            let secret = [node; 32];
            let identity = PublicIdentity {
                sign: [node; 32],
                seal: public(secret),
            };
            (
                Us::User(identity.sign),
                secret,
                Party::User(identity.user_id()),
            )
        };
        let calendar = Calendar {
            started_at: WallTime(1_800_000_000_000 + self.now_us / 1_000),
        };
        let mut config = Config::new(us, secret, calendar);
        config.servers = (0..servers)
            .filter(|other| *other != place)
            .map(|other| Server {
                node: NodeId(other as u8 + 1),
                key: Some(public(server_secret(other as u8 + 1))),
                address: address(other),
            })
            .collect();
        change(&mut config);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8] = place as u8;
        seed[9..17].copy_from_slice(&self.now_us.to_le_bytes());
        Host {
            endpoint: Endpoint::new(config, seed),
            address: address(place),
            party,
            key: public(secret),
            heard: Vec::new(),
            is_up: true,
        }
    }

    /// Starts a host anew: it knows nothing of before.
    pub(super) fn restart(&mut self, place: usize, servers: usize, change: &dyn Fn(&mut Config)) {
        let host = self.host(place, servers, change);
        self.hosts[place] = host;
    }

    pub(super) fn now(&self) -> Moment {
        Moment::from_micros(self.now_us)
    }

    pub(super) fn user(&self, place: usize) -> UserId {
        match self.hosts[place].party {
            Party::User(user) => user,
            Party::Server(_) => panic!("a server"),
        }
    }

    /// Users say something to all servers, as real ones do every two seconds.
    pub(super) fn greet(&mut self, servers: usize) {
        for user in servers..self.hosts.len() {
            for server in 0..servers {
                self.say(user, server, Packet::Ping(1));
            }
        }
    }

    /// How a host reaches another one, as it was told last.
    pub(super) fn way(&self, of: usize, to: usize) -> Option<Way> {
        let to = self.hosts[to].party;
        let heard = self.hosts[of].heard.iter().filter(|told| told.from == to);
        let ways = heard
            .flat_map(|told| &told.moved)
            .filter_map(|moved| match moved {
                Moved::Way(way) => Some(*way),
                _ => None,
            });
        ways.last().flatten()
    }

    /// Tells one host how to reach another.
    pub(super) fn introduce(&mut self, to: usize, of: usize) {
        let route = Route {
            user: self.user(of),
            key: self.hosts[of].key,
            addresses: vec![self.hosts[of].address],
        };
        self.order(to, Order::Reach(route));
    }

    pub(super) fn order(&mut self, place: usize, order: Order) {
        let now = self.now();
        self.hosts[place].endpoint.order(now, order);
        self.settle(place);
    }

    pub(super) fn send(&mut self, from: usize, to: usize, number: u64, body: &Bytes) {
        let to = self.hosts[to].party;
        let (cargo, body) = (Cargo::MailState(number), body.clone());
        self.order(
            from,
            Order::SendMessage {
                to,
                cargo,
                body,
                digest: None,
            },
        );
    }

    pub(super) fn say(&mut self, from: usize, to: usize, packet: Packet) {
        let (to, packets) = (self.hosts[to].party, vec![packet]);
        self.order(from, Order::Send { to, packets });
    }

    pub(super) fn settle(&mut self, place: usize) {
        let now = self.now();
        let mut buffer = Vec::new();
        let host = &mut self.hosts[place];
        let from = host.address;
        let mut leaving = Vec::new();
        while let Some(transmit) = host.endpoint.transmit(now, &mut buffer) {
            for datagram in buffer.chunks(transmit.datagram_bytes) {
                leaving.push((transmit.to, datagram.to_vec()));
            }
        }
        while let Some(incoming) = host.endpoint.arrived() {
            host.heard.push(incoming);
        }
        for (to, datagram) in leaving {
            self.fly(place, from, to, datagram);
        }
    }

    pub(super) fn fly(
        &mut self,
        place: usize,
        from: SocketAddr,
        to: SocketAddr,
        datagram: Vec<u8>,
    ) {
        self.datagrams += 1;
        self.bytes += datagram.len() as u64;
        if let Some(tap) = &mut self.tap {
            tap.push((from, to, datagram.clone()));
        }
        self.largest = self.largest.max(datagram.len());
        let Some(there) = self.hosts.iter().position(|host| host.address == to) else {
            return;
        };
        let is_cut = self.cut.contains(&(place, there))
            || self.cut.contains(&(there, place))
            || self.one_way == Some((place, there));
        let is_lost = self.loss > 0.0 && self.rng.random_bool(self.loss);
        if is_cut || is_lost || datagram.len() + 28 > self.mtu {
            return;
        }
        let spread_us = match self.spread_us {
            0 => 0,
            most => self.rng.random_range(0..=most),
        };
        if let Some(takes_ns) = (datagram.len() as u64 * 8_000).checked_div(self.rate_mbit) {
            self.free_at_ns = self.free_at_ns.max(self.now_us * 1_000) + takes_ns;
        }
        let at = self.now_us.max(self.free_at_ns / 1_000) + self.delay_us + spread_us;
        self.flights
            .push(Reverse((at, self.datagrams, there, from, datagram)));
    }

    /// Lets the next thing happen; false if nothing does before `end_us`.
    pub(super) fn step(&mut self, end_us: u64) -> bool {
        let deadline = |host: &Host| host.endpoint.deadline().filter(|_| host.is_up);
        let due = self.hosts.iter().enumerate();
        let due = due
            .filter_map(|(place, host)| Some((deadline(host)?.as_micros(), place)))
            .min();
        let flight_at = self
            .flights
            .peek()
            .map_or(u64::MAX, |Reverse(flight)| flight.0);
        let due_at = due.map_or(u64::MAX, |(at, _)| at.max(self.now_us));
        let at = flight_at.min(due_at);
        if at > end_us {
            self.now_us = self.now_us.max(end_us);
            return false;
        }
        self.now_us = self.now_us.max(at);
        let now = self.now();
        let place = if flight_at <= due_at {
            let Some(Reverse((_, _, place, from, mut datagram))) = self.flights.pop() else {
                return false;
            };
            if !self.hosts[place].is_up {
                return true;
            }
            let stride = datagram.len();
            self.hosts[place]
                .endpoint
                .receive(now, from, &mut datagram, stride);
            place
        } else {
            let Some((_, place)) = due else {
                return false;
            };
            self.hosts[place].endpoint.on_deadline(now);
            place
        };
        self.settle(place);
        true
    }

    /// Goes on for so long, or until `done`.
    pub(super) fn run(&mut self, millis: u64, done: &dyn Fn(&Self) -> bool) -> bool {
        let end_us = self.now_us + millis * 1_000;
        while !done(self) {
            if !self.step(end_us) {
                return done(self);
            }
        }
        true
    }

    /// The bodies that a host received whole.
    pub(super) fn received(&self, place: usize) -> Vec<Bytes> {
        let moved = self.hosts[place]
            .heard
            .iter()
            .flat_map(|incoming| &incoming.moved);
        let bodies = moved.filter_map(|moved| match moved {
            Moved::Received { body, .. } => Some(body.clone()),
            _ => None,
        });
        bodies.collect()
    }

    pub(super) fn count(&self, place: usize, wanted: &dyn Fn(&Moved) -> bool) -> usize {
        let moved = self.hosts[place]
            .heard
            .iter()
            .flat_map(|incoming| &incoming.moved);
        moved.filter(|moved| wanted(moved)).count()
    }

    pub(super) fn packets(&self, place: usize) -> usize {
        self.hosts[place]
            .heard
            .iter()
            .map(|incoming| incoming.packets.len())
            .sum()
    }

    pub(super) fn body(size: usize) -> Bytes {
        let mut rng = ChaCha20Rng::seed_from_u64(size as u64);
        (0..size)
            .map(|_| rng.random::<u8>())
            .collect::<Vec<u8>>()
            .into()
    }
}
