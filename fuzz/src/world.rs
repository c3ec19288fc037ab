//! A server with a good user, a hostile user and an order of its own under way.

use std::net::SocketAddr;

use bytes::Bytes;
use pentimento::crypto::noise::StaticKey;
use pentimento::crypto::packet_keys::PacketKeys;
use pentimento::proto::cargo::Cargo;
use pentimento::proto::identity::PublicIdentity;
use pentimento::proto::ids::NodeId;
use pentimento::proto::packet::{Packet, Party};
use pentimento::time::{Calendar, Moment, WallTime};
use pentimento::transport::contract::{Incoming, Order};
use pentimento::transport::endpoint::{Config, Endpoint, Server, Us};
use pentimento::transport::frame;
use pentimento::transport::handshake::{self, Desk};
use pentimento::transport::wire::{HEADER_BYTES, Header, Kind, NUMBERS, Outer, parse};

/// Calls after which a world begins anew.
pub const LIFE: u32 = 20_000;

const SERVER_SECRET: [u8; 32] = [0x11; 32];
const USER_SECRET: [u8; 32] = [0x22; 32];
const HOSTILE_SECRET: [u8; 32] = [0x33; 32];
/// How the hostile user numbers their sessions.
const SESSION: u32 = 77;

/// Where the server is.
pub fn server_address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 4_100))
}

/// Where the good user is.
pub fn user_address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], 4_100))
}

/// Where the hostile user is.
pub fn hostile_address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 3], 4_100))
}

/// Where a stranger is.
pub fn stranger_address(number: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, number], 9))
}

fn public(secret: [u8; 32]) -> [u8; 32] {
    *StaticKey::from_secret(&secret).expect("a key").public()
}

/// The server's public key.
pub fn server_key() -> [u8; 32] {
    public(SERVER_SECRET)
}

fn calendar() -> Calendar {
    Calendar {
        started_at: WallTime(1_800_000_000_000),
    }
}

/// A party that writes packets as it likes.
pub struct Hostile {
    desk: Desk,
    server_key: [u8; 32],
    keys: PacketKeys,
    remote: u32,
    next: u64,
}

impl Hostile {
    /// Seals frames; `jump` numbers are left out.
    pub fn seal(&mut self, now: Moment, jump: u64, frames: &[u8]) -> Option<Vec<u8>> {
        let number = (self.next + jump) % NUMBERS;
        self.next = number + 1;
        let generation = self.keys.advance(now, number)?;
        let header = Header {
            generation,
            session: self.remote,
            number,
        };
        let mut packet = header.to_bytes().to_vec();
        packet.extend_from_slice(frames);
        let (head, plain) = packet.split_at_mut(HEADER_BYTES);
        let tag = self.keys.seal_in_place(number, head, plain);
        packet.extend_from_slice(&tag);
        Some(packet)
    }
}

/// All of it.
pub struct World {
    pub now_us: u64,
    pub server: Endpoint,
    pub user: Endpoint,
    pub hostile: Hostile,
    pub hostile_party: Party,
    said: u64,
    calls: u32,
    buffer: Vec<u8>,
}

impl World {
    /// Both users have a session with the server.
    pub fn new() -> Self {
        let mut config = Config::new(Us::Server(NodeId(1)), SERVER_SECRET, calendar());
        config.links_max = 64;
        let server = Endpoint::new(config, [1; 32]);
        let mut config = Config::new(Us::User([2; 32]), USER_SECRET, calendar());
        config.servers = vec![Server {
            node: NodeId(1),
            key: Some(server_key()),
            address: server_address(),
        }];
        let user = Endpoint::new(config, [2; 32]);
        let mut server = server;
        let now = Moment::from_micros(1_000_000);
        let hostile = Hostile::new(&mut server, now);
        let identity = PublicIdentity {
            sign: [3; 32],
            seal: public(HOSTILE_SECRET),
        };
        let mut world = Self {
            now_us: 1_000_000,
            server,
            user,
            hostile,
            hostile_party: Party::User(identity.user_id()),
            said: 0,
            calls: 0,
            buffer: Vec::new(),
        };
        assert!(world.passes(), "the good user is heard at the beginning");
        world
    }

    /// The present.
    pub fn now(&self) -> Moment {
        Moment::from_micros(self.now_us)
    }

    /// Whether it is time to begin anew.
    pub fn is_old(&mut self) -> bool {
        self.calls += 1;
        self.calls > LIFE
    }

    /// A datagram, or several of `stride` bytes, reach the server. Gives the bytes of the answers
    /// that went there.
    pub fn to_server(&mut self, from: SocketAddr, bytes: &mut [u8], stride: usize) -> usize {
        let now = self.now();
        self.server.receive(now, from, bytes, stride);
        self.settle(from)
    }

    /// What the server has to say leaves; the good user reads what is for them.
    pub fn settle(&mut self, from: SocketAddr) -> usize {
        let now = self.now();
        let mut answered = 0;
        for _ in 0..1_000 {
            let Some(transmit) = self.server.transmit(now, &mut self.buffer) else {
                break;
            };
            if transmit.to == from {
                answered += self.buffer.len();
            }
            if transmit.to == user_address() {
                let mut bytes = self.buffer.clone();
                self.user
                    .receive(now, server_address(), &mut bytes, transmit.datagram_bytes);
            }
        }
        while self.server.arrived().is_some() {}
        while self.user.arrived().is_some() {}
        answered
    }

    /// Time passes.
    pub fn wait(&mut self, micros: u64) {
        self.now_us += micros;
        let now = self.now();
        for endpoint in [&mut self.server, &mut self.user] {
            if endpoint.deadline().is_some_and(|at| at <= now) {
                endpoint.on_deadline(now);
            }
        }
        self.settle(stranger_address(0));
        self.relay_user();
    }

    fn relay_user(&mut self) -> Vec<Incoming> {
        let now = self.now();
        let mut heard = Vec::new();
        for _ in 0..64 {
            let Some(transmit) = self.user.transmit(now, &mut self.buffer) else {
                break;
            };
            let mut bytes = self.buffer.clone();
            let stride = transmit.datagram_bytes;
            self.server.receive(now, user_address(), &mut bytes, stride);
            while let Some(incoming) = self.server.arrived() {
                heard.push(incoming);
            }
            self.settle(stranger_address(0));
        }
        heard
    }

    /// Whether what the good user says is heard.
    pub fn passes(&mut self) -> bool {
        self.said += 1;
        let said = Packet::Ping(self.said);
        let order = Order::Send {
            to: Party::Server(NodeId(1)),
            packets: vec![said.clone()],
        };
        let now = self.now();
        self.user.order(now, order);
        for _ in 0..200 {
            let heard = self.relay_user();
            let mut packets = heard.iter().flat_map(|incoming| &incoming.packets);
            if packets.any(|packet| *packet == said) {
                return true;
            }
            self.wait(10_000);
        }
        false
    }

    /// The server sends the hostile user a message.
    pub fn send_to_hostile(&mut self, number: u64, bytes: usize) {
        let order = Order::SendMessage {
            to: self.hostile_party,
            cargo: Cargo::MailState(number),
            body: Bytes::from(vec![number as u8; bytes]),
            digest: None,
        };
        let now = self.now();
        self.server.order(now, order);
        self.settle(stranger_address(0));
    }

    /// The hostile user goes on in a new session, after having closed one: with a ticket, which
    /// costs no work with keys, if they have one.
    pub fn return_early(&mut self) {
        let now = self.now();
        if self.hostile.resume(&mut self.server, now).is_none() {
            self.hostile.meet(&mut self.server, now);
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// What an endpoint sends to the hostile user, of the handshakes of these kinds.
fn said_to_hostile(server: &mut Endpoint, now: Moment, kinds: &[Kind]) -> Option<Vec<u8>> {
    let (mut out, mut said) = (Vec::new(), None);
    while let Some(transmit) = server.transmit(now, &mut out) {
        if transmit.to == hostile_address()
            && let Ok(Outer::Handshake(kind)) = parse(&out)
            && kinds.contains(&kind)
        {
            said = Some(out.clone());
        }
    }
    said
}

impl Hostile {
    fn new(server: &mut Endpoint, now: Moment) -> Self {
        let mut payload = vec![0];
        payload.extend([3; 32]);
        let config = handshake::Config::default();
        let mut desk = Desk::new(&HOSTILE_SECRET, payload, [4; 32], config).expect("a desk");
        let server_key = server_key();
        let (keys, remote) = meet(&mut desk, &server_key, server, now);
        Self {
            desk,
            server_key,
            keys,
            remote,
            next: 0,
        }
    }

    /// A session from nothing.
    fn meet(&mut self, server: &mut Endpoint, now: Moment) {
        let (keys, remote) = meet(&mut self.desk, &self.server_key, server, now);
        (self.keys, self.remote, self.next) = (keys, remote, 0);
    }

    /// A session that goes on from the last one, if its ticket is good.
    fn resume(&mut self, server: &mut Endpoint, now: Moment) -> Option<()> {
        let early = self.desk.early(now, &self.server_key, SESSION)?;
        let header = early.header(0);
        let mut frames = Vec::new();
        frame::write_ping(&mut frames);
        let tag = early.keys.seal_in_place(0, &header, &mut frames);
        let mut packet = [&header[..], &frames, &tag].concat();
        let stride = packet.len();
        server.receive(now, hostile_address(), &mut packet, stride);
        let answer = said_to_hostile(server, now, &[Kind::EarlyAnswer])?;
        let made = self.desk.on_early_answer(now, &early, &answer).ok()?;
        self.desk.keep(now, made.resumption, server_address());
        (self.keys, self.remote, self.next) = (made.keys, made.remote_session, 1);
        Some(())
    }
}

fn meet(
    desk: &mut Desk,
    server_key: &[u8; 32],
    server: &mut Endpoint,
    now: Moment,
) -> (PacketKeys, u32) {
    let wall = calendar().at(now);
    let begun = desk.begin(wall, Some(*server_key), SESSION, 1_472);
    let (mut initiator, mut datagram) = begun.expect("the key is one");
    for _ in 0..3 {
        server.receive(now, hostile_address(), &mut datagram, 1_472);
        let answer = said_to_hostile(server, now, &[Kind::Answer, Kind::Cookie]);
        let answer = answer.expect("an answer");
        if desk.on_cookie(now, &mut initiator, &answer).is_ok() {
            datagram = initiator.again(now, 1_472);
            continue;
        }
        if let Ok((made, _)) = desk.on_answer(now, &mut initiator, &answer) {
            desk.keep(now, made.resumption, server_address());
            return (made.keys, made.remote_session);
        }
    }
    panic!("no session");
}
