//! The ways of datagrams: through boxes, cuts and the weather.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;

use super::{Event, World};
use crate::sim::node::Happening;
use crate::sim::translation::Translation;

/// Longest time a node waits for its turn to hear, for each time that it is slower than others.
const SLOW_HEARING_US: u64 = 5_000;

/// What became of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// That left.
    pub sent: u64,
    /// Of them lost.
    pub lost: u64,
    /// Doubled.
    pub doubled: u64,
    /// Stopped at a cut.
    pub cut: u64,
}

impl World {
    /// Sends a datagram on its way.
    pub(super) fn send(
        &mut self,
        node: usize,
        from: SocketAddr,
        to: SocketAddr,
        datagram: Vec<u8>,
    ) {
        if self.slots[node].shut {
            return;
        }
        let now = self.now;
        let translate = |own: &mut Translation| own.leaves(now, to);
        let from = self.boxes.get_mut(&node).map_or(from, translate);
        let Some((place, to)) = self.let_in(from, to) else {
            return;
        };
        self.ways.sent += 1;
        if !self.cuts.pass(node, place) {
            self.ways.cut += 1;
            return;
        }
        *self.passed.entry((node, place)).or_default() += 1;
        let incarnation = self.slots[place].incarnation;
        let arrivals = self.weather.arrivals(&mut self.rng);
        match arrivals.len() {
            0 => self.ways.lost += 1,
            1 => {}
            _ => self.ways.doubled += 1,
        }
        for delay in arrivals {
            let what = Happening::Datagram {
                from,
                to,
                datagram: datagram.clone(),
            };
            let due = self.now + micros(delay) + self.deafness(place);
            self.plan(due, place, Event::Node { incarnation, what });
        }
    }

    /// The node that is meant by an address, and its own address. What is behind a box is reached
    /// through it only.
    fn let_in(&mut self, from: SocketAddr, to: SocketAddr) -> Option<(usize, SocketAddr)> {
        let mut boxes = self.boxes.iter_mut();
        if let Some((place, own)) = boxes.find(|(_, own)| own.outside() == to.ip()) {
            return Some((*place, own.arrives(self.now, from, to)?));
        }
        let place = *self.places.get(&to)?;
        (!self.boxes.contains_key(&place)).then_some((place, to))
    }

    /// What a slow node adds to the way of a datagram.
    fn deafness(&mut self, node: usize) -> u64 {
        match u64::from(self.slots[node].slower) {
            1 => 0,
            times => self.rng.random_range(0..times * SLOW_HEARING_US),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
