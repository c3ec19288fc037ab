//! Who speaks the protocol with an endpoint of its own, without a program of ours.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use pentimento::crypto::identity::SecretIdentity;
use pentimento::crypto::static_key::StaticSecret;
use pentimento::node::clock::Clock;
use pentimento::node::config::ServerAddress;
use pentimento::proto::packet::{Packet, Party};
use pentimento::talk::session::pause;
use pentimento::transport::contract::{Incoming, Order};
use pentimento::transport::endpoint::{Config, Endpoint, Server, Us};

/// A minute of turns, each followed by a pause.
const TURNS: u32 = 12_000;
const PAUSE: Duration = Duration::from_millis(5);
/// A ping is said again after so many turns: half a second.
const PING_TURNS: u32 = 100;
/// Thirty seconds of pings.
const PINGS: u64 = 60;

/// A user with an endpoint.
pub(crate) struct Guest {
    pub(crate) clock: Clock,
    socket: UdpSocket,
    endpoint: Endpoint,
    buffer: Vec<u8>,
}

impl Guest {
    /// A user with these keys at an address of this machine, who knows these servers.
    pub(crate) fn new(identity: &SecretIdentity, servers: &[ServerAddress], at: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind((at, 0)).expect("a port");
        socket.set_nonblocking(true).expect("a socket");
        let clock = Clock::start();
        let servers = servers.iter().map(|server| Server {
            node: server.node(),
            key: Some(server.key.0),
            address: server.clients,
        });
        let key = *StaticSecret::of_user(identity).bytes();
        let us = Us::User(identity.public().sign);
        let config = Config {
            servers: servers.collect(),
            ..Config::new(us, key, clock.calendar())
        };
        Self {
            endpoint: Endpoint::new(config, key),
            clock,
            socket,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.endpoint.order(self.clock.now(), order);
    }

    /// Reads and writes once; gives what arrived.
    fn turn(&mut self) -> Vec<Incoming> {
        let now = self.clock.now();
        self.buffer.resize(65_535, 0);
        while let Ok((size, from)) = self.socket.recv_from(&mut self.buffer) {
            let datagram = &mut self.buffer[..size];
            self.endpoint.receive(now, from, datagram, size.max(1));
        }
        if self.endpoint.deadline().is_some_and(|at| at <= now) {
            self.endpoint.on_deadline(now);
        }
        let arrived = std::iter::from_fn(|| self.endpoint.arrived()).collect();
        while let Some(transmit) = self.endpoint.transmit(now, &mut self.buffer) {
            for datagram in self.buffer.chunks(transmit.datagram_bytes) {
                let _ = self.socket.send_to(datagram, transmit.to);
            }
        }
        arrived
    }

    fn hear_for<T>(
        &mut self,
        turns: u32,
        mut wanted: impl FnMut(&Incoming) -> Option<T>,
    ) -> Option<T> {
        for _ in 0..turns {
            let arrived = self.turn();
            if let Some(found) = arrived.iter().find_map(&mut wanted) {
                return Some(found);
            }
            pause(PAUSE);
        }
        None
    }

    /// Turns until something arrives that is wanted.
    #[track_caller]
    pub(crate) fn hear<T>(&mut self, what: &str, wanted: impl FnMut(&Incoming) -> Option<T>) -> T {
        let heard = self.hear_for(TURNS, wanted);
        heard.unwrap_or_else(|| panic!("never came: {what}"))
    }

    /// Asks a server for a sign of life, again and again, until it answers; how long that took.
    /// None if it does not.
    pub(crate) fn is_served_by(&mut self, server: &ServerAddress) -> Option<Duration> {
        let began_at = self.clock.now();
        let to = Party::Server(server.node());
        (0..PINGS).find_map(|nonce| {
            let packets = vec![Packet::Ping(nonce)];
            self.order(Order::Send { to, packets });
            self.hear_for(PING_TURNS, |incoming| {
                let is = |packet: &Packet| matches!(packet, Packet::Pong(of) if *of <= nonce);
                (incoming.from == to && incoming.packets.iter().any(is)).then_some(())
            })?;
            Some(self.clock.now().since(began_at))
        })
    }
}
