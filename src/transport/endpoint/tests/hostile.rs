//! What strangers and hostile users send: counted by reason, without a panic, within bounded
//! memory, and of no effect on a good transfer that goes on meanwhile.

use std::net::SocketAddr;

use super::CLIENT;
use super::net::{self, Net};
use crate::transport::contract::Moved;

mod attacker;
mod crowd;
mod parties;
mod places;
mod strangers;

/// The host that is attacked: a server.
const VICTIM: usize = 0;

/// Size of the good message.
const GOOD_BYTES: usize = 1_000_000;

fn is_delivered(moved: &Moved) -> bool {
    matches!(moved, Moved::Delivered { .. })
}

/// The time that the good transfer takes if nobody disturbs it, in microseconds.
fn undisturbed_us(seed: u64) -> u64 {
    let mut net = Net::new(seed, 3, 2);
    let began_us = net.now_us;
    net.send(CLIENT, VICTIM, 7, &Net::body(GOOD_BYTES));
    assert!(net.run(5_000, &|net| net.count(CLIENT, &is_delivered) == 1));
    net.now_us - began_us
}

/// Sends a good message to the victim while `attack` is called after each event of the network,
/// with the number of the event. The message arrives whole, and as fast as if nobody attacked.
fn beside_a_good_transfer(
    seed: u64,
    prepare: impl FnOnce(&mut Net),
    mut attack: impl FnMut(&mut Net, u64),
) -> Net {
    let mut net = Net::new(seed, 3, 2);
    prepare(&mut net);
    let began_us = net.now_us;
    let body = Net::body(GOOD_BYTES);
    net.send(CLIENT, VICTIM, 7, &body);
    let mut events = 0;
    while net.count(CLIENT, &is_delivered) == 0 {
        assert!(
            net.step(began_us + 10_000_000),
            "the good transfer ended: {:?}",
            net.hosts[VICTIM].endpoint.counts()
        );
        attack(&mut net, events);
        events += 1;
    }
    assert!(net.received(VICTIM) == [body]);
    let took_us = net.now_us - began_us;
    let limit_us = undisturbed_us(seed) * 11 / 10;
    assert!(took_us <= limit_us, "{took_us} us, limit {limit_us}");
    net
}

/// An address of a host.
fn home(place: usize) -> SocketAddr {
    net::address(place)
}
