//! A user's way to the servers without a home and without a node: one socket and one face, on
//! whatever thread calls. For measuring servers by what their users see, and for judging them.
//!
//! Decides nothing, keeps nothing on disk, and knows nobody but the servers.

mod crowd;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

pub use self::crowd::{Caller, turn};
use super::clock::Clock;
use super::config::ServerAddress;
use crate::crypto::identity::SecretIdentity;
use crate::crypto::static_key::StaticSecret;
use crate::time::Moment;
use crate::transport::contract::{Incoming, Order};
use crate::transport::endpoint::{Config, Endpoint, Server, Us};

/// Largest datagram that is read.
const DATAGRAM_MAX_BYTES: usize = 65_535;

/// Bytes of datagrams, without the headers of IP and UDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To servers.
    pub sent_bytes: u64,
    /// From servers, or from whoever sent to this address.
    pub received_bytes: u64,
}

/// See the module.
pub struct Line {
    socket: UdpSocket,
    endpoint: Endpoint,
    clock: Clock,
    traffic: Traffic,
    buffer: Vec<u8>,
}

impl Line {
    /// A user at an address, who has said nothing yet. `seed` must be fresh.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn new(
        at: SocketAddr,
        servers: &[ServerAddress],
        clock: Clock,
        identity: &SecretIdentity,
        seed: [u8; 32],
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind(at)?;
        socket.set_nonblocking(true)?;
        let known = servers.iter().map(|server| Server {
            node: server.node(),
            key: Some(server.key.0),
            address: server.clients,
        });
        let us = Us::User(identity.public().sign);
        let secret = StaticSecret::of_user(identity);
        let config = Config {
            servers: known.collect(),
            ..Config::new(us, *secret.bytes(), clock.calendar())
        };
        Ok(Self {
            socket,
            endpoint: Endpoint::new(config, seed),
            clock,
            traffic: Traffic::default(),
            buffer: vec![0; DATAGRAM_MAX_BYTES],
        })
    }

    /// The clock that the line was made with.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Now, by that clock.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// To wait for what arrives.
    #[must_use]
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What has passed so far.
    #[must_use]
    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Orders something of the transport; it leaves with the next [`Line::write`].
    pub fn order(&mut self, order: Order) {
        self.endpoint.order(self.clock.now(), order);
    }

    /// When [`Line::read`] has something to do though nothing arrives.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.endpoint.deadline()
    }

    /// Reads all that is there and lets time pass.
    pub fn read(&mut self) {
        let now = self.clock.now();
        // What was sent last has left its length.
        self.buffer.resize(DATAGRAM_MAX_BYTES, 0);
        while let Ok((size, from)) = self.socket.recv_from(&mut self.buffer) {
            self.traffic.received_bytes += size as u64;
            let datagram = &mut self.buffer[..size];
            self.endpoint.receive(now, from, datagram, size.max(1));
        }
        if self.endpoint.deadline().is_some_and(|at| at <= now) {
            self.endpoint.on_deadline(now);
        }
    }

    /// What was read, one party at a time.
    pub fn arrived(&mut self) -> Option<Incoming> {
        self.endpoint.arrived()
    }

    /// Sends what is to be sent.
    pub fn write(&mut self) {
        let now = self.clock.now();
        while let Some(transmit) = self.endpoint.transmit(now, &mut self.buffer) {
            for datagram in self.buffer.chunks(transmit.datagram_bytes) {
                self.traffic.sent_bytes += datagram.len() as u64;
                // What the kernel has no room for is said again.
                let _ = self.socket.send_to(datagram, transmit.to);
            }
        }
    }
}
