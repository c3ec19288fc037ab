//! Whoever has keys of their own and no endpoint: writes datagrams as it likes.

use std::net::SocketAddr;

use crate::crypto::packet_keys::PacketKeys;
use crate::proto::identity::PublicIdentity;
use crate::proto::packet::Party;
use crate::time::WallTime;
use crate::transport::endpoint::tests::net::Net;
use crate::transport::endpoint::{Endpoint, Us};
use crate::transport::frame::{Frame, Frames};
use crate::transport::handshake::{self, Desk, Initiator};
use crate::transport::wire::{HEADER_BYTES, Header, Kind, NUMBERS, Outer, TAG_BYTES, parse};

/// The calendar of attackers: later than that of the hosts.
const WALL: WallTime = WallTime(1_900_000_000_000);

/// An address where no host is.
pub(super) fn elsewhere(number: u32) -> SocketAddr {
    let [_, a, b, c] = number.to_be_bytes();
    SocketAddr::from(([198, a, b, c], 40_000))
}

/// What all links of an endpoint hold of unfinished messages.
pub(super) fn held_bytes(endpoint: &Endpoint) -> usize {
    endpoint.budget.used_bytes()
}

/// How often something was dropped, for whatever reason.
pub(super) fn dropped(endpoint: &Endpoint) -> u64 {
    endpoint.counts().dropped.values().sum()
}

/// How often something was dropped for a reason that says this.
pub(super) fn dropped_as(endpoint: &Endpoint, reason: &str) -> u64 {
    let dropped = endpoint.counts().dropped.iter();
    let named = dropped.filter(|(name, _)| name.contains(reason));
    named.map(|(_, count)| count).sum()
}

impl Net {
    /// A datagram, or several of `stride` bytes, reach a host at once.
    pub(super) fn inject(&mut self, place: usize, from: SocketAddr, bytes: &[u8], stride: usize) {
        let mut bytes = bytes.to_vec();
        let now = self.now();
        self.hosts[place]
            .endpoint
            .receive(now, from, &mut bytes, stride);
        self.settle(place);
    }

    /// One datagram reaches a host at once.
    pub(super) fn inject_one(&mut self, place: usize, from: SocketAddr, bytes: &[u8]) {
        self.inject(place, from, bytes, bytes.len());
    }

    /// Takes what was sent to an address since the tap was opened or asked last.
    pub(super) fn tapped(&mut self, to: SocketAddr) -> Vec<Vec<u8>> {
        let tap = self.tap.get_or_insert_default();
        let sent = tap.extract_if(.., |sent| sent.1 == to);
        sent.map(|(_, _, bytes)| bytes).collect()
    }
}

/// Answers and cookies that were sent to an address.
fn answers_to(net: &mut Net, to: SocketAddr) -> Vec<Vec<u8>> {
    let mut sent = net.tapped(to);
    sent.retain(|datagram| {
        let kind = parse(datagram);
        matches!(kind, Ok(Outer::Handshake(Kind::Answer | Kind::Cookie)))
    });
    sent
}

/// A session of an attacker.
struct Held {
    keys: PacketKeys,
    remote: u32,
    next: u64,
}

/// A user, or whoever has the key of a server, who keeps no rule.
pub(super) struct Attacker {
    pub(super) address: SocketAddr,
    pub(super) party: Party,
    desk: Desk,
    number: u32,
    held: Option<Held>,
}

impl Attacker {
    /// A user of their own.
    pub(super) fn user(number: u32) -> Self {
        let mut secret = [0x5a; 32];
        // Not the first byte, of which the curve does not use all bits.
        secret[4..8].copy_from_slice(&number.to_le_bytes());
        let sign = secret;
        let us = Us::User(sign);
        let desk = Self::desk(&us, secret);
        let identity = PublicIdentity {
            sign,
            seal: *desk.public(),
        };
        Self {
            address: elsewhere(number),
            party: Party::User(identity.user_id()),
            desk,
            number,
            held: None,
        }
    }

    /// Somebody with the key of a server.
    pub(super) fn server(us: Us, secret: [u8; 32], address: SocketAddr) -> Self {
        let Us::Server(node) = us else {
            panic!("a server");
        };
        Self {
            address,
            party: Party::Server(node),
            desk: Self::desk(&us, secret),
            number: 9_999,
            held: None,
        }
    }

    fn desk(us: &Us, secret: [u8; 32]) -> Desk {
        let config = handshake::Config::default();
        Desk::new(&secret, us.payload(), secret, config).expect("a desk")
    }

    /// An initiation to the host.
    pub(super) fn begin(&mut self, net: &Net, place: usize, bytes: usize) -> (Initiator, Vec<u8>) {
        let key = net.hosts[place].key;
        let session = 0x4000_0000 + self.number;
        let begun = self.desk.begin(WALL, Some(key), session, bytes);
        begun.expect("the key is one")
    }

    /// Notes a cookie.
    pub(super) fn take_cookie(&mut self, net: &Net, initiator: &mut Initiator, cookie: &[u8]) {
        let taken = self.desk.on_cookie(net.now(), initiator, cookie);
        taken.expect("a cookie for this initiation");
    }

    /// Makes a session with the host.
    pub(super) fn connect(&mut self, net: &mut Net, place: usize) {
        net.tap.get_or_insert_default();
        let (mut initiator, initiation) = self.begin(net, place, 1_472);
        net.inject_one(place, self.address, &initiation);
        let mut answers = answers_to(net, self.address);
        if let [cookie] = &answers[..]
            && self
                .desk
                .on_cookie(net.now(), &mut initiator, cookie)
                .is_ok()
        {
            let again = initiator.again(net.now(), 1_472);
            net.inject_one(place, self.address, &again);
            answers = answers_to(net, self.address);
        }
        answers.dedup();
        let [answer] = &answers[..] else {
            panic!("{} answers", answers.len());
        };
        let now = net.now();
        let (made, _) = self
            .desk
            .on_answer(now, &mut initiator, answer)
            .expect("the answer opens");
        let (keys, remote) = (made.keys, made.remote_session);
        self.held = Some(Held {
            keys,
            remote,
            next: 0,
        });
    }

    /// Seals a packet with a number of one's own choice.
    pub(super) fn seal_as(&mut self, net: &Net, number: u64, frames: &[u8]) -> Vec<u8> {
        let held = self.held.as_mut().expect("connected");
        let now = net.now();
        let generation = held.keys.advance(now, number).expect("not worn out");
        let header = Header {
            generation,
            session: held.remote,
            number,
        };
        let mut packet = header.to_bytes().to_vec();
        packet.extend_from_slice(frames);
        let (head, plain) = packet.split_at_mut(HEADER_BYTES);
        let tag = held.keys.seal_in_place(number, head, plain);
        packet.extend_from_slice(&tag);
        packet
    }

    /// Seals the next packet.
    pub(super) fn seal(&mut self, net: &Net, frames: &[u8]) -> Vec<u8> {
        let held = self.held.as_mut().expect("connected");
        let number = held.next;
        held.next = (number + 1) % NUMBERS;
        self.seal_as(net, number, frames)
    }

    /// Says something to the host.
    pub(super) fn say(&mut self, net: &mut Net, place: usize, frames: &[u8]) {
        let packet = self.seal(net, frames);
        net.inject_one(place, self.address, &packet);
    }

    /// Reads what was sent to an address: gives each sealed packet's frames.
    pub(super) fn read(&mut self, net: &mut Net, at: SocketAddr) -> Vec<Vec<u8>> {
        let now = net.now();
        let mut read = Vec::new();
        for mut datagram in net.tapped(at) {
            let Ok(Outer::Sealed(header)) = parse(&datagram) else {
                continue;
            };
            let held = self.held.as_mut().expect("connected");
            let (head, sealed) = datagram.split_at_mut(HEADER_BYTES);
            let opened =
                held.keys
                    .open_in_place(now, header.generation, header.number, head, sealed);
            read.extend(opened.ok().map(|frames| frames.to_vec()));
        }
        read
    }
}

/// Bytes of a packet beside its frames.
pub(super) const OVERHEAD: usize = HEADER_BYTES + TAG_BYTES;

/// Tells whether any packet holds a frame like this.
pub(super) fn any_frame(packets: &[Vec<u8>], wanted: &dyn Fn(&Frame<'_>) -> bool) -> bool {
    packets.iter().any(|packet| {
        let mut frames = Frames(packet);
        while let Ok(Some(frame)) = frames.next_frame() {
            if wanted(&frame) {
                return true;
            }
        }
        false
    })
}
