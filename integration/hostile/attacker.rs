//! Whoever has keys of their own, keeps no rule, and writes packets as they like.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use pentimento::crypto::packet_keys::PacketKeys;
use pentimento::node::clock::Clock;
use pentimento::transport::frame;
use pentimento::transport::handshake::{self, Desk, Initiator};
use pentimento::transport::wire::{HEADER_BYTES, Header, Kind, Outer, parse};

use super::crowd::address;

/// Half a minute of attempts to be let in.
const ATTEMPTS: u32 = 60;
const PATIENCE: Duration = Duration::from_millis(500);
/// Datagrams of other kinds that are read while an answer is waited for.
const OTHERS_MAX: u32 = 1_000;
const DATAGRAM_BYTES: usize = 1_200;
/// After so many packets of ours those of the server are acknowledged, whatever they hold: a
/// session in which nothing ever is would end.
const ACK_EVERY: u64 = 64;
/// What a handshake presents beside the key: whether a user or a server, and who.
const USER: u8 = 0;
const SERVER: u8 = 1;

/// A session of an attacker.
struct Held {
    keys: PacketKeys,
    remote: u32,
    next: u64,
}

/// The attacker.
pub(super) struct Attacker {
    clock: Clock,
    socket: UdpSocket,
    desk: Desk,
    number: u16,
    server_key: [u8; 32],
    held: Option<Held>,
    pub(super) sent: u64,
    pub(super) sent_bytes: u64,
}

impl Attacker {
    /// A user of their own, at an address of their own.
    pub(super) fn user(number: u16, to: SocketAddr, server_key: [u8; 32]) -> Self {
        let sign = [0x5a; 32];
        Self::new(number, &[&[USER], &sign[..]].concat(), to, server_key)
    }

    /// Somebody who says to be server 2 and does not have its key.
    pub(super) fn server(number: u16, to: SocketAddr, server_key: [u8; 32]) -> Self {
        Self::new(number, &[SERVER, 2], to, server_key)
    }

    fn new(number: u16, payload: &[u8], to: SocketAddr, server_key: [u8; 32]) -> Self {
        let mut secret = [0x5a; 32];
        // Not the first byte, of which the curve does not use all bits.
        secret[4..6].copy_from_slice(&number.to_le_bytes());
        let config = handshake::Config::default();
        let desk = Desk::new(&secret, payload.to_vec(), secret, config).expect("a desk");
        let socket = UdpSocket::bind((address(2, number), 0)).expect("a port");
        socket.connect(to).expect("a way");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("it can wait");
        Self {
            clock: Clock::start(),
            socket,
            desk,
            number,
            server_key,
            held: None,
            sent: 0,
            sent_bytes: 0,
        }
    }

    /// An initiation that the server can open.
    pub(super) fn begin(&mut self) -> (Initiator, Vec<u8>) {
        let wall = self.clock.calendar().at(self.clock.now());
        let session = 0x4000_0000 + u32::from(self.number);
        let key = Some(self.server_key);
        let begun = self.desk.begin(wall, key, session, DATAGRAM_BYTES);
        begun.expect("the key is one")
    }

    /// Sends a datagram.
    pub(super) fn throw(&mut self, datagram: &[u8]) {
        // A full buffer of the receiver is no concern of whoever attacks.
        if self.socket.send(datagram).is_ok() {
            self.sent += 1;
            self.sent_bytes += datagram.len() as u64;
        }
    }

    /// Makes a session with the server.
    pub(super) fn connect(mut self) -> Self {
        let is_in = (0..ATTEMPTS).any(|_| self.try_connect().is_some());
        assert!(is_in, "attacker {} is never let in", self.number);
        // Shows that the keys are ours, so that the link is proven.
        let mut frames = Vec::new();
        frame::write_ping(&mut frames);
        self.say(&frames);
        self
    }

    fn try_connect(&mut self) -> Option<()> {
        self.socket.set_nonblocking(false).expect("a socket");
        let (mut initiator, initiation) = self.begin();
        self.throw(&initiation);
        let mut answer = self.hear()?;
        let now = self.clock.now();
        if self.desk.on_cookie(now, &mut initiator, &answer).is_ok() {
            let again = initiator.again(now, DATAGRAM_BYTES);
            self.throw(&again);
            answer = self.hear()?;
        }
        let now = self.clock.now();
        let made = self.desk.on_answer(now, &mut initiator, &answer);
        let (made, _) = made.ok()?;
        self.held = Some(Held {
            keys: made.keys,
            remote: made.remote_session,
            next: 0,
        });
        self.socket.set_nonblocking(true).expect("a socket");
        Some(())
    }

    /// The next answer or cookie that comes.
    fn hear(&self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 65_535];
        for _ in 0..OTHERS_MAX {
            let size = self.socket.recv(&mut buffer).ok()?;
            let datagram = &buffer[..size];
            let kind = parse(datagram);
            if let Ok(Outer::Handshake(Kind::Answer | Kind::Cookie)) = kind {
                return Some(datagram.to_vec());
            }
        }
        None
    }

    /// Seals frames as the next packet of the session, and sends it.
    pub(super) fn say(&mut self, frames: &[u8]) {
        let said = self.held.as_ref().map_or(0, |held| held.next);
        if said % ACK_EVERY == ACK_EVERY - 1
            && let Some(largest) = self.last_heard()
        {
            let mut ack = Vec::new();
            frame::write_ack(&mut ack, largest, 0, &[u64::MAX; frame::ACK_WORDS]);
            self.seal_and_throw(&ack);
        }
        self.seal_and_throw(frames);
    }

    /// The largest number of a packet that came since this was asked last.
    fn last_heard(&self) -> Option<u64> {
        let mut buffer = vec![0; 65_535];
        let datagrams = std::iter::from_fn(|| {
            let size = self.socket.recv(&mut buffer).ok()?;
            Some(parse(&buffer[..size]))
        });
        let numbers = datagrams.filter_map(|outer| match outer {
            Ok(Outer::Sealed(header)) => Some(header.number),
            _ => None,
        });
        numbers.max()
    }

    fn seal_and_throw(&mut self, frames: &[u8]) {
        let now = self.clock.now();
        let held = self.held.as_mut().expect("connected");
        let number = held.next;
        held.next += 1;
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
        self.throw(&packet);
    }
}
