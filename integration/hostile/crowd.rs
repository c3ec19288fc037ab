//! Those who pour: strangers without a session, and attackers with one, at addresses of their own.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use pentimento::node::config::ServerAddress;
use pentimento::talk::session::pause;

use super::attacker::Attacker;

/// Strangers, each at an address of its own.
const STRANGERS: u16 = 64;
/// After so many datagrams everybody rests, so that the server reads most of them.
const BURST: u64 = 50;
const REST: Duration = Duration::from_millis(2);

/// An address of this machine: all of this network is.
pub(super) fn address(network: u8, number: u16) -> Ipv4Addr {
    let [high, low] = (number + 1).to_be_bytes();
    Ipv4Addr::new(127, 10 + network, high, low)
}

/// What has left through a person's door, and how to send it again from there.
pub(super) struct Captured<'a> {
    pub(super) wall: &'a super::Wall,
    pub(super) datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

/// All of them.
pub(super) struct Crowd<'a> {
    pub(super) server: ServerAddress,
    pub(super) captured: Captured<'a>,
    strangers: Vec<UdpSocket>,
    attackers: Vec<Attacker>,
    /// What strangers and those at the person's door sent.
    sent: u64,
    sent_bytes: u64,
    /// What came back to strangers.
    pub(super) answered_bytes: u64,
    buffer: Vec<u8>,
}

impl<'a> Crowd<'a> {
    /// Nobody has sent anything yet.
    pub(super) fn new(server: ServerAddress, captured: Captured<'a>) -> Self {
        let strangers = (0..STRANGERS).map(|number| {
            let socket = UdpSocket::bind((address(1, number), 0)).expect("a port");
            socket.set_nonblocking(true).expect("a socket");
            socket
        });
        Self {
            server,
            captured,
            strangers: strangers.collect(),
            attackers: Vec::new(),
            sent: 0,
            sent_bytes: 0,
            answered_bytes: 0,
            buffer: vec![0; 65_535],
        }
    }

    /// Everybody with a session goes, and counts begin anew.
    pub(super) fn begin(&mut self) {
        self.attackers.clear();
        self.hear();
        (self.sent, self.sent_bytes, self.answered_bytes) = (0, 0, 0);
    }

    /// Datagrams that were sent, and their bytes.
    pub(super) fn sent(&self) -> (u64, u64) {
        let attackers = self.attackers.iter();
        attackers.fold((self.sent, self.sent_bytes), |(count, bytes), one| {
            (count + one.sent, bytes + one.sent_bytes)
        })
    }

    /// So many users with sessions; who has one keeps it.
    pub(super) fn attackers(&mut self, count: u16) -> &mut [Attacker] {
        for number in self.attackers.len() as u16..count {
            let attacker = Attacker::user(number, self.server.clients, self.server.key.0);
            self.attackers.push(attacker.connect());
        }
        &mut self.attackers
    }

    /// So many who say to be servers and are not.
    pub(super) fn impostors(&mut self, count: u16) -> &mut [Attacker] {
        for number in self.attackers.len() as u16..count {
            let to = self.server.peers;
            let impostor = Attacker::server(number, to, self.server.key.0);
            self.attackers.push(impostor);
        }
        &mut self.attackers
    }

    /// A stranger sends a datagram to the server's socket for clients, without a rest.
    pub(super) fn hurl(&mut self, datagram: &[u8]) {
        self.throw_to(self.server.clients, datagram);
    }

    /// A stranger sends a datagram to the server's socket for clients, and in between to the one
    /// for servers.
    pub(super) fn throw(&mut self, datagram: &[u8]) {
        let to = if self.sent.is_multiple_of(4) {
            self.server.peers
        } else {
            self.server.clients
        };
        self.throw_to(to, datagram);
        self.rest();
    }

    fn throw_to(&mut self, to: SocketAddr, datagram: &[u8]) {
        let socket = &self.strangers[self.sent as usize % self.strangers.len()];
        // What the kernel has no room for was not sent.
        if socket.send_to(datagram, to).is_ok() {
            self.sent += 1;
            self.sent_bytes += datagram.len() as u64;
        }
    }

    fn rest(&mut self) {
        if self.sent.is_multiple_of(BURST) {
            pause(REST);
            self.hear();
        }
    }

    /// Strangers read what came.
    pub(super) fn hear(&mut self) {
        for socket in &self.strangers {
            while let Ok((size, _)) = socket.recv_from(&mut self.buffer) {
                self.answered_bytes += size as u64;
            }
        }
    }

    /// Everything that was captured is sent once more: by strangers, or from where it came.
    pub(super) fn replay(&mut self, by_strangers: bool) {
        let datagrams = std::mem::take(&mut self.captured.datagrams);
        for (to, datagram) in &datagrams {
            if by_strangers {
                self.throw_to(*to, datagram);
            } else {
                self.captured.wall.pretend(*to, datagram);
                self.sent += 1;
                self.sent_bytes += datagram.len() as u64;
            }
            self.rest();
        }
        self.captured.datagrams = datagrams;
    }
}

/// Attackers take turns, and all rest in between.
pub(super) fn in_turns(
    attackers: &mut [Attacker],
    turns: u32,
    mut turn: impl FnMut(&mut Attacker, u32),
) {
    let each = (BURST / attackers.len() as u64).max(1) as u32;
    for number in 0..turns {
        for attacker in &mut *attackers {
            turn(attacker, number);
        }
        if number % each == 0 {
            pause(REST);
        }
    }
}
