//! The UDP codec actor: datagrams in, packets out, and the other way round.
//!
//! A node has one or two faces, each a socket of its own with its own table of known servers, so
//! that the port for clients and the port for servers can be guarded apart. What arrives is read
//! in bursts and handed on in bursts. Whatever is not a packet of this version is counted by
//! reason and dropped. Errors of a socket are counted and survived.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use actix::{Actor, Context, Handler, Message};
use tokio::net::UdpSocket;

use super::fault_gate::FaultGate;
use super::peers::Peers;
use crate::proto::codec;
use crate::proto::limits::DATAGRAM_READ_BYTES;
use crate::proto::packet::{Packet, Party};

/// Datagrams read from a socket before others get their turn.
const BURST: usize = 64;
/// Datagrams that wait for a socket that is not ready; the oldest give way.
const BACKLOG_MAX: usize = 4_096;
/// Receive and send buffers asked of the kernel, which may grant less.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// Packets that arrived together from one party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// From whom.
    pub from: Party,
    /// In order of arrival.
    pub packets: Vec<Packet>,
}

/// What the edge is asked to do.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Order {
    /// Send these packets, in order.
    Send {
        /// To whom.
        to: Party,
        /// A burst.
        packets: Vec<Packet>,
    },
    /// Shut (true) or open (false) the gate of a planned failure, after what was ordered before.
    Gate(bool),
}

/// One socket of a node.
#[derive(Debug)]
pub struct Face {
    /// The socket.
    pub socket: UdpSocket,
    /// Servers that are reached through it.
    pub known: Peers,
    /// Whether others than those may send to it, and are reached through it.
    pub strangers: bool,
}

/// Datagrams dropped, by reason, since the start.
pub type Dropped = BTreeMap<String, u64>;

/// What passed and what did not, since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams dropped, by reason.
    pub dropped: Dropped,
    /// Bytes of datagrams that came in and were not kept out.
    pub received_bytes: u64,
    /// Bytes of datagrams that were handed to the operating system.
    pub sent_bytes: u64,
}

/// Frames that wait for a socket: which face, to where, what.
type Backlog = Rc<RefCell<VecDeque<(usize, SocketAddr, Vec<u8>)>>>;

/// What readers and the actor share.
struct Shared {
    gate: FaultGate,
    counts: Counts,
}

impl Shared {
    fn drop_one(&mut self, reason: impl Into<String>) {
        *self.counts.dropped.entry(reason.into()).or_default() += 1;
    }
}

/// The actor.
pub struct CodecActor {
    faces: Vec<Rc<Face>>,
    shared: Rc<RefCell<Shared>>,
    backlog: Backlog,
    sink: Rc<dyn Fn(Incoming)>,
}

impl CodecActor {
    /// An edge with these faces. `sink` takes what arrives; it is called on the actor's thread.
    #[must_use]
    pub fn new(faces: Vec<Face>, sink: Rc<dyn Fn(Incoming)>) -> Self {
        Self {
            faces: faces.into_iter().map(Rc::new).collect(),
            shared: Rc::new(RefCell::new(Shared {
                gate: FaultGate::default(),
                counts: Counts::default(),
            })),
            backlog: Rc::default(),
            sink,
        }
    }

    /// The face through which a party is reached, and its address.
    fn face_for(&self, to: Party) -> Option<(usize, SocketAddr)> {
        self.faces
            .iter()
            .enumerate()
            .find_map(|(index, face)| match to {
                Party::Server(node) => face.known.address(node).map(|address| (index, address)),
                Party::Client(address) => face.strangers.then_some((index, address)),
            })
    }

    fn send(&self, to: Party, packets: &[Packet]) {
        if !self.shared.borrow_mut().gate.pass(packets.len()) {
            return;
        }
        let Some((index, address)) = self.face_for(to) else {
            self.shared.borrow_mut().drop_one("no way to the receiver");
            return;
        };
        for packet in packets {
            match codec::encode_packet(packet) {
                Ok(frame) => self.send_frame(index, address, frame),
                Err(error) => {
                    tracing::error!(%error, "packet not sent");
                    self.shared.borrow_mut().drop_one("too large to send");
                }
            }
        }
    }

    fn send_frame(&self, index: usize, address: SocketAddr, frame: Vec<u8>) {
        if self.backlog.borrow().is_empty() {
            match self.faces[index].socket.try_send_to(&frame, address) {
                Ok(sent) => {
                    self.shared.borrow_mut().counts.sent_bytes += sent as u64;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.shared
                        .borrow_mut()
                        .drop_one(format!("send: {}", error.kind()));
                    return;
                }
            }
        }
        let mut backlog = self.backlog.borrow_mut();
        backlog.push_back((index, address, frame));
        if backlog.len() > BACKLOG_MAX {
            backlog.pop_front();
            self.shared.borrow_mut().drop_one("send: backlog full");
        }
        if backlog.len() == 1 {
            actix_rt::spawn(flush(
                self.faces.clone(),
                self.backlog.clone(),
                self.shared.clone(),
            ));
        }
    }
}

/// Empties the backlog as the sockets become ready. The entry in work stays at the front, so that
/// nobody overtakes it and only one flush runs.
async fn flush(faces: Vec<Rc<Face>>, backlog: Backlog, shared: Rc<RefCell<Shared>>) {
    loop {
        let Some((index, address, frame)) = backlog.borrow().front().cloned() else {
            return;
        };
        let sent = faces[index].socket.send_to(&frame, address).await;
        match sent {
            Ok(sent) => shared.borrow_mut().counts.sent_bytes += sent as u64,
            Err(error) => shared
                .borrow_mut()
                .drop_one(format!("send: {}", error.kind())),
        }
        backlog.borrow_mut().pop_front();
    }
}

/// Reads bursts from one face for ever.
async fn read(face: Rc<Face>, shared: Rc<RefCell<Shared>>, sink: Rc<dyn Fn(Incoming)>) {
    let mut buffer = vec![0; DATAGRAM_READ_BYTES];
    loop {
        if let Err(error) = face.socket.readable().await {
            tracing::error!(%error, "socket is unreadable");
            return;
        }
        for incoming in read_burst(&face, &shared, &mut buffer) {
            sink(incoming);
        }
        // Timers and other sockets get their turn even under a flood.
        tokio::task::yield_now().await;
    }
}

/// Reads what is there, at most a burst, grouped by sender in order of arrival.
fn read_burst(face: &Face, shared: &RefCell<Shared>, buffer: &mut [u8]) -> Vec<Incoming> {
    let mut burst: Vec<Incoming> = Vec::new();
    for _ in 0..BURST {
        let (length, address) = match face.socket.try_recv_from(buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => {
                // An ICMP answer to an earlier send shows up here; the socket is fine.
                shared
                    .borrow_mut()
                    .drop_one(format!("receive: {}", error.kind()));
                continue;
            }
        };
        let mut shared = shared.borrow_mut();
        if !shared.gate.pass(1) {
            continue;
        }
        shared.counts.received_bytes += length as u64;
        let from = face.known.party(address);
        if matches!(from, Party::Client(_)) && !face.strangers {
            shared.drop_one("stranger");
            continue;
        }
        match codec::decode_packet(&buffer[..length]) {
            Ok(packet) => match burst.iter_mut().find(|incoming| incoming.from == from) {
                Some(incoming) => incoming.packets.push(packet),
                None => burst.push(Incoming {
                    from,
                    packets: vec![packet],
                }),
            },
            Err(error) => shared.drop_one(error.to_string()),
        }
    }
    burst
}

impl Actor for CodecActor {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        for face in &self.faces {
            actix_rt::spawn(read(face.clone(), self.shared.clone(), self.sink.clone()));
        }
    }
}

impl Handler<Order> for CodecActor {
    type Result = ();

    fn handle(&mut self, order: Order, _: &mut Self::Context) {
        match order {
            Order::Send { to, packets } => self.send(to, &packets),
            Order::Gate(shut) => self.shared.borrow_mut().gate.set(shut),
        }
    }
}

/// Asks for the counts.
#[derive(Debug, Message)]
#[rtype(result = "Counts")]
pub struct CountsWanted;

impl Handler<CountsWanted> for CodecActor {
    type Result = actix::MessageResult<CountsWanted>;

    fn handle(&mut self, _: CountsWanted, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.borrow();
        let mut counts = shared.counts.clone();
        if shared.gate.kept_out() > 0 {
            counts.dropped.insert(
                "kept out by a planned failure".into(),
                shared.gate.kept_out(),
            );
        }
        actix::MessageResult(counts)
    }
}

/// Binds a socket with large buffers. Must be called inside the runtime.
///
/// # Errors
/// If the address is in use or not ours.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::DGRAM, Some(socket2::Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The kernel cuts what it does not like; a smaller buffer only costs repeats.
    let asked = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let asked = asked.and(socket.set_send_buffer_size(SOCKET_BUFFER_BYTES));
    let granted_bytes = socket.recv_buffer_size().unwrap_or(0);
    tracing::debug!(%address, granted_bytes, ok = asked.is_ok(), "socket buffers");
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}
