//! All links of one socket: which party a datagram belongs to, who may begin a session, whose turn
//! it is to send.
//!
//! Pure: datagrams, orders and time come in; datagrams, arrivals and a deadline go out. The driver
//! calls [`Endpoint::transmit`] until it gives nothing, after each call of another kind. Decides
//! nothing about what packets mean. Invariants: a party is who its key says; nothing a stranger
//! sends costs more than a table's entry; no table grows beyond its limit.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::budget::Budget;
use super::contract::{Incoming, Order};
use super::counts::Counts;
use super::handshake::{self, Desk};
use super::link::{Link, Shared};
use super::pool::{self, Pool};
use super::receiver::{self, FragmentReceiver};
use super::recovery::Algorithm;
use super::sender::{self, FragmentSender};
use crate::proto::cargo::Cargo;
use crate::proto::ids::{Digest, NodeId, UserId};
use crate::proto::packet::{Packet, Party};
use crate::proto::route::Route;
use crate::time::{Calendar, Moment};

mod answering;
mod arriving;
mod connecting;
mod hints;
mod introducing;
mod leaving;
mod parties;
mod reaching;
mod relaying;
mod resuming;
mod room;
mod survey;
mod trying;

#[cfg(test)]
mod tests;

pub use leaving::Transmit;

use arriving::Origin;
pub(in crate::transport) use connecting::Connecting;
pub use parties::Us;
pub(in crate::transport) use reaching::Reaching;
pub(in crate::transport) use relaying::Meter;
pub use survey::{LinkSurvey, Receiving, Sending, SessionSurvey, Survey};

/// A server that is known by configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its number.
    pub node: NodeId,
    /// Its key; none if it is to be learned at the first contact.
    pub key: Option<[u8; 32]>,
    /// Where it is reached.
    pub address: SocketAddr,
}

/// Who we are and what is allowed.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who we are.
    pub us: Us,
    /// The secret X25519 key of our sessions.
    pub secret: [u8; 32],
    /// The servers that are reached through this socket, and may reach us through it.
    pub servers: Vec<Server>,
    /// Whether users may begin sessions.
    pub strangers: bool,
    /// Turns moments into stamps.
    pub calendar: Calendar,
    /// Largest datagram that may be sent, in bytes. 1,200 to 65,507.
    pub datagram_max_bytes: usize,
    /// Bytes in flight to one party at the most: what its socket's buffer holds.
    pub flow_max_bytes: u64,
    /// How congestion is avoided.
    pub congestion: Algorithm,
    /// Parties at a time; those that were used longest ago give way.
    pub links_max: usize,
    /// A message fails if nothing of it is acknowledged for so long, in milliseconds.
    pub give_up_ms: u64,
    /// Bytes that one user may have passed on to others, each second.
    pub relay_bytes_per_s: u64,
    /// Addresses that we have in our own networks, told to users whom we want to reach.
    pub local_addresses: Vec<SocketAddr>,
}

impl Config {
    /// For a node that is reached by few or by thousands, on any network.
    #[must_use]
    pub const fn new(us: Us, secret: [u8; 32], calendar: Calendar) -> Self {
        Self {
            us,
            secret,
            servers: Vec::new(),
            strangers: true,
            calendar,
            // What fits an Ethernet frame over IPv4.
            datagram_max_bytes: 1_472,
            // Six tenths of what the usual limit of a socket's buffer really holds.
            flow_max_bytes: 3 << 20,
            congestion: Algorithm::Bbr,
            links_max: 16_384,
            give_up_ms: 10_000,
            relay_bytes_per_s: 1 << 20,
            local_addresses: Vec::new(),
        }
    }
}

/// All links of one socket.
pub struct Endpoint {
    config: Config,
    desk: Desk,
    rng: ChaCha20Rng,
    links: BTreeMap<Party, Link>,
    /// Which link a session's number belongs to, handshakes under way included.
    sessions: BTreeMap<u32, Party>,
    /// Which links send in a session that the other end numbered so.
    remotes: BTreeSet<(u32, Party)>,
    /// How users can be reached.
    routes: BTreeMap<UserId, Route>,
    /// Links whose other end has not shown its keys, the oldest first.
    unproven: BTreeSet<(Moment, Party)>,
    /// The link at which the search goes on for one that gives way.
    searched: Option<Party>,
    timers: BTreeSet<(Moment, Party)>,
    /// Links that may have something to send, in order of their turns.
    line: VecDeque<Party>,
    /// Datagrams of handshakes that are ready to leave.
    raw: VecDeque<(Origin, Vec<u8>)>,
    arrived: VecDeque<Incoming>,
    budget: Budget,
    pool: Pool,
    counts: Counts,
    shut: bool,
    hints: hints::Hints,
    /// Which link the early packets with a random belong to, oldest first in `early_order`.
    early: BTreeMap<[u8; 32], Party>,
    early_order: VecDeque<[u8; 32]>,
    /// Our address as a server saw it last.
    seen_as: Option<SocketAddr>,
    /// What was passed on, as it came out of its sender's session.
    #[cfg(test)]
    passed_on: Vec<Vec<u8>>,
}

/// A timer is never nearer, so that nothing that cannot be done now is tried without end.
const TIMER_STEP: Duration = Duration::from_micros(20);
/// Handshake datagrams that wait for the socket at the most; further ones are not written.
const RAW_MAX: usize = 4_096;
/// Users whose ways are known at the most.
const ROUTES_MAX: usize = 16_384;

impl Endpoint {
    /// An endpoint that talks with nobody yet. `seed` must be fresh at each start.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut desk_seed = [0; 32];
        rng.fill_bytes(&mut desk_seed);
        let desk = Desk::new(
            &config.secret,
            config.us.payload(),
            desk_seed,
            handshake::Config::default(),
        )
        .expect("every secret is a key, and what we say of ourselves is short");
        Self {
            desk,
            rng,
            links: BTreeMap::new(),
            sessions: BTreeMap::new(),
            remotes: BTreeSet::new(),
            routes: BTreeMap::new(),
            unproven: BTreeSet::new(),
            searched: None,
            timers: BTreeSet::new(),
            line: VecDeque::new(),
            raw: VecDeque::new(),
            arrived: VecDeque::new(),
            budget: Budget::lan(),
            pool: Pool::new(pool::Config::lan()),
            counts: Counts::default(),
            shut: false,
            hints: hints::Hints::default(),
            early: BTreeMap::new(),
            early_order: VecDeque::new(),
            seen_as: None,
            #[cfg(test)]
            passed_on: Vec::new(),
            config,
        }
    }

    /// The same with the buffers of another endpoint, which both use from now on.
    #[must_use]
    pub fn with_pool(self, pool: Pool) -> Self {
        Self { pool, ..self }
    }

    /// Carries out an order.
    pub fn order(&mut self, now: Moment, order: Order) {
        match order {
            Order::Gate(shut) => self.gate(now, shut),
            Order::Reach(route) => self.reach(route),
            Order::Cancel { to, cargo } => {
                if let Some(link) = self.links.get_mut(&to) {
                    link.sender.cancel(cargo);
                }
                self.attend(now, to);
            }
            Order::Send { to, packets } => self.send(now, to, &packets),
            Order::SendMessage {
                to,
                cargo,
                body,
                digest,
            } => self.send_message(now, to, cargo, (body, digest)),
        }
    }

    fn send(&mut self, now: Moment, to: Party, packets: &[Packet]) {
        if self.shut {
            return self
                .counts
                .drop_many("kept out by a planned failure", packets.len() as u64);
        }
        if !self.can_reach(to) {
            return self
                .counts
                .drop_many("no way to the receiver", packets.len() as u64);
        }
        self.make_link(now, to);
        if let Some(link) = self.links.get_mut(&to) {
            for packet in packets {
                link.push_packet(packet, &mut self.counts);
            }
        }
        self.connect_if_needed(now, to);
        self.attend(now, to);
    }

    fn send_message(
        &mut self,
        now: Moment,
        to: Party,
        cargo: Cargo,
        (body, digest): (bytes::Bytes, Option<Digest>),
    ) {
        // Without a way it fails in time; the way may be found until then.
        self.make_link(now, to);
        if let Some(link) = self.links.get_mut(&to) {
            link.sender.send(now, cargo, body, digest);
        }
        if !self.shut {
            self.connect_if_needed(now, to);
        }
        self.attend(now, to);
    }

    fn reach(&mut self, route: Route) {
        if self.routes.len() >= ROUTES_MAX && !self.routes.contains_key(&route.user) {
            self.routes.pop_first();
        }
        self.routes.insert(route.user, route);
    }

    /// A planned failure begins or ends.
    fn gate(&mut self, now: Moment, shut: bool) {
        self.shut = shut;
        self.raw.clear();
        let parties: Vec<Party> = self.links.keys().copied().collect();
        for party in parties {
            if !shut {
                self.connect_if_wanted(now, party);
                continue;
            }
            let fresh = self.fresh_messages();
            if let Some(link) = self.links.get_mut(&party) {
                for gone in link.halt(fresh, &mut self.budget) {
                    self.sessions.remove(&gone);
                }
            }
            self.attend(now, party);
        }
    }

    fn fresh_messages(&self) -> (FragmentSender, FragmentReceiver) {
        let sending = sender::Config {
            give_up_ms: self.config.give_up_ms,
            ..sender::Config::lan()
        };
        (
            FragmentSender::new(sending),
            FragmentReceiver::new(receiver::Config::lan()),
        )
    }

    /// What arrived, one party at a time.
    pub fn arrived(&mut self) -> Option<Incoming> {
        self.arrived.pop_front()
    }

    /// What was counted since the start.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Our address as a server saw it last.
    #[must_use]
    pub const fn seen_as(&self) -> Option<SocketAddr> {
        self.seen_as
    }

    /// Whether an order is for the parties of this endpoint.
    #[must_use]
    pub fn takes(&self, order: &Order) -> bool {
        match order {
            Order::Gate(_) => true,
            Order::Reach(_) => self.config.strangers,
            Order::Send { to, .. } | Order::SendMessage { to, .. } | Order::Cancel { to, .. } => {
                self.speaks_with(*to)
            }
        }
    }

    /// Whether a party is spoken with through this socket.
    #[must_use]
    pub fn speaks_with(&self, party: Party) -> bool {
        match party {
            Party::Server(node) => self.server(node).is_some(),
            Party::User(_) => self.config.strangers,
        }
    }

    /// Counts something that the driver could not do.
    pub fn count_dropped(&mut self, reason: &str) {
        self.counts.drop_one(reason);
    }

    /// When [`Endpoint::on_deadline`] wants to be called.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let links = self.timers.first().map(|(at, _)| *at);
        crate::time::earliest(links, self.pool.deadline())
    }

    /// Called at or after the deadline.
    pub fn on_deadline(&mut self, now: Moment) {
        self.pool.on_deadline(now);
        let due = self.timers.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<Party> = due.map(|(_, party)| *party).collect();
        for party in due {
            self.on_link_deadline(now, party);
        }
    }

    fn on_link_deadline(&mut self, now: Moment, party: Party) {
        self.on_connecting_deadline(now, party);
        self.on_early_deadline(now, party);
        self.on_unproven_deadline(now, party);
        self.on_reaching_deadline(now, party);
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        let mut shared = Shared {
            budget: &mut self.budget,
            pool: &self.pool,
            counts: &mut self.counts,
        };
        for gone in link.on_deadline(now, &mut shared) {
            self.sessions.remove(&gone);
        }
        if link.is_over(now) {
            self.drop_link(party);
            return;
        }
        if link.is_silent(now) && !self.shut {
            self.renew(now, party);
        }
        self.connect_if_wanted(now, party);
    }

    /// Begins a session if anything waits for one.
    fn connect_if_wanted(&mut self, now: Moment, party: Party) {
        let has_something = self.links.get(&party).is_some_and(Link::has_something);
        if has_something && !self.shut {
            self.connect_if_needed(now, party);
        }
        self.attend(now, party);
    }

    /// After anything happened to a link: tells its news, sets its timer, puts it in line.
    fn attend(&mut self, now: Moment, party: Party) {
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        if let Some(news) = link.news(now) {
            self.arrived.push_back(news);
        }
        let remote = link.sessions.first().map(|session| session.remote);
        let noted = core::mem::replace(&mut link.noted_remote, remote);
        if noted != remote {
            if let Some(noted) = noted {
                self.remotes.remove(&(noted, party));
            }
            if let Some(remote) = remote {
                self.remotes.insert((remote, party));
            }
        }
        self.set_timer(now, party);
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        if !link.in_line && !link.sessions.is_empty() {
            link.in_line = true;
            self.line.push_back(party);
        }
    }

    fn set_timer(&mut self, now: Moment, party: Party) {
        let Some(link) = self.links.get_mut(&party) else {
            return;
        };
        let deadline = link.deadline().map(|at| at.max(now.after(TIMER_STEP)));
        if link.timer != deadline {
            if let Some(before) = link.timer {
                self.timers.remove(&(before, party));
            }
            if let Some(deadline) = deadline {
                self.timers.insert((deadline, party));
            }
            link.timer = deadline;
        }
    }
}
