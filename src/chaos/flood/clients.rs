//! The good clients: each says one thing to the server, and is served when the server has answered
//! its handshake.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use super::Wait;
use crate::proto::packet::{Packet, Party};
use crate::time::{Calendar, Moment};
use crate::transport::contract::Order;
use crate::transport::endpoint::{Config, Endpoint, Server, Us};

/// Largest datagram that is read.
const DATAGRAM_MAX_BYTES: usize = 65_535;

struct Client {
    socket: UdpSocket,
    endpoint: Endpoint,
    wait: Wait,
}

/// All of them.
pub(super) struct Clients {
    clients: Vec<Client>,
    server: Party,
    buffer: Vec<u8>,
}

impl Clients {
    /// So many, who have said nothing yet.
    pub(super) fn new(count: usize, server: &Server, calendar: Calendar) -> io::Result<Self> {
        let clients = (0..count).map(|number| {
            // Each at an address of its own, since an address has a rate.
            let [high, low] = (number as u16).to_be_bytes();
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 1, high, low), 0))?;
            socket.set_nonblocking(true)?;
            let mut secret = [0x53; 32];
            secret[4..12].copy_from_slice(&(number as u64).to_le_bytes());
            let config = Config {
                servers: vec![server.clone()],
                ..Config::new(Us::User(secret), secret, calendar)
            };
            Ok(Client {
                socket,
                endpoint: Endpoint::new(config, secret),
                wait: (None, None),
            })
        });
        Ok(Self {
            clients: clients.collect::<io::Result<_>>()?,
            server: Party::Server(server.node),
            buffer: Vec::new(),
        })
    }

    /// Everybody whose time has come and who is not served has a turn.
    pub(super) fn turn(&mut self, now: Moment, comes_at: &dyn Fn(usize) -> Moment) {
        for (number, client) in self.clients.iter_mut().enumerate() {
            if client.wait.1.is_some() || comes_at(number) > now {
                continue;
            }
            if client.wait.0.is_none() {
                client.wait.0 = Some(now);
                let packets = vec![Packet::Bye];
                let to = self.server;
                client.endpoint.order(now, Order::Send { to, packets });
            }
            client.turn(now, &mut self.buffer);
        }
    }

    /// Whether everybody has come and is served, or has waited for longer than this.
    pub(super) fn are_done(&self, now: Moment, within: Duration) -> bool {
        self.clients.iter().all(|client| match client.wait {
            (Some(asked_at), None) => now.since(asked_at) > within,
            (asked_at, _) => asked_at.is_some(),
        })
    }

    /// How long those waited who were served in time.
    pub(super) fn served(&self, within: Duration) -> Vec<Duration> {
        let waits = self.clients.iter();
        let waits = waits.filter_map(|client| Some(client.wait.1?.since(client.wait.0?)));
        let mut waits: Vec<Duration> = waits.filter(|wait| *wait <= within).collect();
        waits.sort_unstable();
        waits
    }
}

impl Client {
    fn turn(&mut self, now: Moment, buffer: &mut Vec<u8>) {
        buffer.resize(DATAGRAM_MAX_BYTES, 0);
        while let Ok((size, from)) = self.socket.recv_from(buffer) {
            let stride = size.max(1);
            self.endpoint
                .receive(now, from, &mut buffer[..size], stride);
        }
        if self.endpoint.deadline().is_some_and(|at| at <= now) {
            self.endpoint.on_deadline(now);
        }
        while let Some(transmit) = self.endpoint.transmit(now, buffer) {
            for datagram in buffer.chunks(transmit.datagram_bytes) {
                // What the kernel has no room for is said again.
                let _ = self.socket.send_to(datagram, transmit.to);
            }
        }
        if self.endpoint.counts().sessions > 0 {
            self.wait.1 = Some(now);
        }
    }
}
