//! A bad link as a UDP proxy: what clients send to one address goes on to another one and back,
//! each way over a seeded [`Link`]. All clients share the two directions, as they share a line.
//!
//! Every client gets a socket of its own towards the server, so the server tells them apart by
//! address. Sizes are counted with their IP and UDP headers. Never reads what is inside a datagram.

pub mod command;
pub mod terms;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::relay::{Policy, Post, Relay};
use crate::sim::link::{Config, Counts, Link};
use crate::time::Moment;

/// Clients at one time; the one that is silent longest makes room for the next.
pub const CLIENTS_MAX: usize = 256;
const IPV4_UDP_BYTES: usize = 28;
const IPV6_UDP_BYTES: usize = 48;
/// The socket at which clients come in.
const ENTRANCE: usize = 0;
/// So that the two directions do not lose the same packets.
const BACK: u64 = 0x6261_636b;

/// A link between clients and a server. Ends with its handle.
#[derive(Debug)]
pub struct UdpLink {
    relay: Relay<Line>,
    listens: SocketAddr,
}

/// What became of the datagrams, and how exactly they were sent.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Clients to server.
    pub to_server: Counts,
    /// Server to clients.
    pub to_clients: Counts,
    /// Clients that were seen.
    pub clients: u64,
    /// Datagrams that the proxy itself could not send on.
    pub refused: u64,
    /// How late a datagram was sent after its time, half of them and 99 of 100, in microseconds.
    pub late_us: [u64; 2],
}

impl UdpLink {
    /// Starts a link from this address to a server.
    ///
    /// # Errors
    /// If a link cannot be like that, or the operating system has no socket or thread to give.
    pub fn start(
        listen: SocketAddr,
        to: SocketAddr,
        config: Config,
        seed: u64,
    ) -> io::Result<Self> {
        let link = |seed| Link::new(config, seed).map_err(io::Error::other);
        let mut post = Post::default();
        let entrance = post.open(listen)?;
        let listens = post.address(entrance)?;
        let line = Line {
            to,
            to_server: link(seed)?,
            to_clients: link(seed ^ BACK)?,
            clients: Vec::new(),
            by_address: BTreeMap::new(),
            seen: 0,
        };
        Ok(Self {
            relay: Relay::start(line, post)?,
            listens,
        })
    }

    /// Where clients send to.
    #[must_use]
    pub const fn listens(&self) -> SocketAddr {
        self.listens
    }

    /// Ends the link and tells what became of the datagrams; none if it has failed.
    #[must_use]
    pub fn end(self) -> Option<Told> {
        let (line, post) = self.relay.end()?;
        let late = |share| post.lateness().quantile(share).as_micros() as u64;
        Some(Told {
            to_server: line.to_server.counts(),
            to_clients: line.to_clients.counts(),
            clients: line.seen,
            refused: post.refused(),
            late_us: [late(0.5), late(0.99)],
        })
    }
}

#[derive(Debug)]
struct Client {
    address: SocketAddr,
    heard: Moment,
}

/// Both directions. Client `n` has socket `n + 1`.
#[derive(Debug)]
struct Line {
    to: SocketAddr,
    to_server: Link,
    to_clients: Link,
    clients: Vec<Client>,
    by_address: BTreeMap<SocketAddr, usize>,
    seen: u64,
}

impl Line {
    /// The number of a client, a new one if need be.
    fn client(&mut self, now: Moment, address: SocketAddr, post: &mut Post) -> Option<usize> {
        if let Some(number) = self.by_address.get(&address).copied() {
            self.clients[number].heard = now;
            return Some(number);
        }
        let client = Client {
            address,
            heard: now,
        };
        let number = if self.clients.len() < CLIENTS_MAX {
            let bind = match self.to {
                SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            };
            // Without a socket the datagram is lost, as on a router without a port.
            post.open(bind).ok()?;
            self.clients.push(client);
            self.clients.len() - 1
        } else {
            let silent =
                (0..self.clients.len()).min_by_key(|number| self.clients[*number].heard)?;
            self.by_address.remove(&self.clients[silent].address);
            self.clients[silent] = client;
            silent
        };
        self.by_address.insert(address, number);
        self.seen += 1;
        Some(number)
    }
}

impl Policy for Line {
    fn take(&mut self, now: Moment, at: usize, from: SocketAddr, datagram: &[u8], post: &mut Post) {
        let (link, socket, to) = if at == ENTRANCE {
            let Some(number) = self.client(now, from, post) else {
                return;
            };
            (&mut self.to_server, number + 1, self.to)
        } else if from == self.to {
            (&mut self.to_clients, ENTRANCE, self.clients[at - 1].address)
        } else {
            return;
        };
        let headers = if to.is_ipv4() {
            IPV4_UDP_BYTES
        } else {
            IPV6_UDP_BYTES
        };
        let arrivals = link.push(now, datagram.len() + headers);
        if arrivals.as_slice().is_empty() {
            return;
        }
        let datagram: Arc<[u8]> = datagram.into();
        for arrival in arrivals {
            post.send(arrival, socket, to, Arc::clone(&datagram));
        }
    }
}

#[cfg(test)]
mod tests;
