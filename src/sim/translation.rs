//! Boxes between a host and the network: address translation with filters, as at home and at work.
//!
//! A box gives datagrams that leave another source, and lets in only what comes from where
//! something was sent to lately. The words are those of RFC 4787.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// What a box forgets when nothing left that way for so long, in microseconds: the shortest that
/// RFC 4787 finds in use.
const FORGETS_AFTER_US: u64 = 30_000_000;
/// First outer port.
const FIRST_PORT: u16 = 40_000;

/// How outer ports are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mapping {
    /// One for all destinations (endpoint-independent): others can be told of it.
    Cone,
    /// One for each destination (address and port-dependent): what a server sees is of no use to
    /// anybody else.
    Symmetric,
}

/// A box before one host with one socket. Filters by address and port, whatever the mapping.
#[derive(Clone, Debug)]
pub struct Translation {
    mapping: Mapping,
    inside: SocketAddr,
    outside: IpAddr,
    next_port: u16,
    /// The outer port for a destination; for all under one key if they share it.
    ports: BTreeMap<Option<SocketAddr>, u16>,
    /// When something left from this port to that destination last.
    holes: BTreeMap<(u16, SocketAddr), u64>,
}

impl Translation {
    /// A box that has seen nothing yet, between a socket and the address that others see.
    #[must_use]
    pub const fn new(mapping: Mapping, inside: SocketAddr, outside: IpAddr) -> Self {
        Self {
            mapping,
            inside,
            outside,
            next_port: FIRST_PORT,
            ports: BTreeMap::new(),
            holes: BTreeMap::new(),
        }
    }

    /// The address that others see.
    #[must_use]
    pub const fn outside(&self) -> IpAddr {
        self.outside
    }

    /// A datagram leaves: its source, as others see it.
    pub fn leaves(&mut self, now_us: u64, to: SocketAddr) -> SocketAddr {
        self.forget(now_us);
        let key = match self.mapping {
            Mapping::Cone => None,
            Mapping::Symmetric => Some(to),
        };
        let next_port = &mut self.next_port;
        let port = *self.ports.entry(key).or_insert_with(|| {
            let port = *next_port;
            *next_port += 1;
            port
        });
        self.holes.insert((port, to), now_us);
        SocketAddr::new(self.outside, port)
    }

    /// A datagram arrives: where it goes inside; none if it is not let in.
    pub fn arrives(&mut self, now_us: u64, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        self.forget(now_us);
        let is_let_in = to.ip() == self.outside && self.holes.contains_key(&(to.port(), from));
        is_let_in.then_some(self.inside)
    }

    fn forget(&mut self, now_us: u64) {
        self.holes
            .retain(|_, used_us| now_us.saturating_sub(*used_us) < FORGETS_AFTER_US);
        let holes = &self.holes;
        self.ports
            .retain(|_, port| holes.keys().any(|(other, _)| other == port));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: SocketAddr = address(10, 1);
    const OUTSIDE: IpAddr = address(203, 0).ip();
    const ONE: SocketAddr = address(1, 7);
    const OTHER: SocketAddr = address(2, 7);

    const fn address(first: u8, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(first, 0, 0, 1)), port)
    }

    #[test]
    fn a_cone_is_seen_alike_by_all_and_lets_in_only_who_was_sent_to() {
        let mut cone = Translation::new(Mapping::Cone, INSIDE, OUTSIDE);
        let seen = cone.leaves(0, ONE);
        assert_eq!(seen, SocketAddr::new(OUTSIDE, FIRST_PORT));
        assert_eq!(cone.arrives(1, ONE, seen), Some(INSIDE));
        assert_eq!(cone.arrives(1, OTHER, seen), None);
        assert_eq!(cone.leaves(2, OTHER), seen);
        assert_eq!(cone.arrives(3, OTHER, seen), Some(INSIDE));
        let elsewhere = address(1, 8);
        assert_eq!(cone.arrives(3, elsewhere, seen), None, "another port");
    }

    #[test]
    fn a_symmetric_box_is_seen_otherwise_by_each() {
        let mut symmetric = Translation::new(Mapping::Symmetric, INSIDE, OUTSIDE);
        let (one, other) = (symmetric.leaves(0, ONE), symmetric.leaves(0, OTHER));
        assert_ne!(one, other);
        assert_eq!(symmetric.leaves(1, ONE), one);
        assert_eq!(symmetric.arrives(2, OTHER, one), None);
        assert_eq!(symmetric.arrives(2, OTHER, other), Some(INSIDE));
    }

    #[test]
    fn what_is_not_used_is_forgotten() {
        let mut cone = Translation::new(Mapping::Cone, INSIDE, OUTSIDE);
        let seen = cone.leaves(0, ONE);
        assert!(cone.arrives(FORGETS_AFTER_US - 1, ONE, seen).is_some());
        assert!(cone.arrives(FORGETS_AFTER_US, ONE, seen).is_none());
        let again = cone.leaves(FORGETS_AFTER_US, ONE);
        assert_ne!(again, seen);
    }
}
