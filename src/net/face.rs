//! One face of a node: a socket, and the transport of those who are reached through it.
//!
//! A turn reads one batch, lets time pass, tells the concerns what arrived, and writes some
//! batches; then others get theirs. While the socket has no room, the transport is not asked for
//! more, and so paces itself. While a planned failure lasts, nothing passes, whatever the
//! transport thinks. Decides nothing about what datagrams mean.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use super::alarm::Alarm;
use super::counts::Counts;
use super::fault_gate::FaultGate;
use super::post::{Post, Sink};
use super::socket::{Batch, Buffers, Progress, Reading, Socket};
use crate::proto::ids::NodeId;
use crate::proto::packet::Party;
use crate::time::{Moment, earliest};
use crate::transport::contract::{Incoming, Order};
use crate::transport::counts;
use crate::transport::endpoint::Endpoint;
pub use crate::transport::endpoint::Transmit;

/// Batches written before others get their turn.
const WRITE_BURST: usize = 16;
/// Turns of writing before a planned failure silences the face.
const GOODBYE_TURNS: usize = 8;
/// A transport that may not write would ask again at once; it is let wait so long.
const BLOCKED_REST: Duration = Duration::from_millis(1);

/// A transport without sockets and clocks.
pub trait Core: 'static {
    /// Carries out an order.
    fn order(&mut self, now: Moment, order: Order);

    /// Takes datagrams that came together from one address, each of `stride` bytes but the last.
    /// The bytes may be overwritten.
    fn receive(&mut self, now: Moment, from: SocketAddr, bytes: &mut [u8], stride: usize);

    /// Writes the next datagrams to `out`, which is empty. None if nothing may leave now.
    fn transmit(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<Transmit>;

    /// What arrived, one party at a time.
    fn arrived(&mut self) -> Option<Incoming>;

    /// When [`Core::on_deadline`] wants to be called.
    fn deadline(&self) -> Option<Moment>;

    /// Called at or after the deadline.
    fn on_deadline(&mut self, now: Moment);

    /// What it counted.
    fn counts(&self) -> &counts::Counts;
}

impl Core for Endpoint {
    fn order(&mut self, now: Moment, order: Order) {
        self.order(now, order);
    }

    fn receive(&mut self, now: Moment, from: SocketAddr, bytes: &mut [u8], stride: usize) {
        self.receive(now, from, bytes, stride);
    }

    fn transmit(&mut self, now: Moment, out: &mut Vec<u8>) -> Option<Transmit> {
        self.transmit(now, out)
    }

    fn arrived(&mut self) -> Option<Incoming> {
        self.arrived()
    }

    fn deadline(&self) -> Option<Moment> {
        self.deadline()
    }

    fn on_deadline(&mut self, now: Moment) {
        self.on_deadline(now);
    }

    fn counts(&self) -> &counts::Counts {
        self.counts()
    }
}

/// A face that is not open yet.
#[derive(Debug)]
pub struct NewFace<C> {
    /// Its socket, bound by [`super::socket::bind`].
    pub socket: std::net::UdpSocket,
    /// Its transport.
    pub core: C,
    /// Servers that are reached through it.
    pub servers: BTreeSet<NodeId>,
    /// Whether users are reached through it.
    pub users: bool,
}

/// What woke a face.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// There is something to read.
    pub readable: bool,
    /// There is room to write.
    pub writable: bool,
    /// A deadline has come, perhaps.
    pub rung: bool,
}

/// What became of the first half of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// There may be more to read.
    pub has_more: bool,
    /// The concerns were told something, and may answer.
    pub is_told: bool,
}

/// A face.
#[derive(Debug)]
pub struct Face<C> {
    socket: Socket,
    core: C,
    servers: BTreeSet<NodeId>,
    users: bool,
    gate: FaultGate,
    alarm: Alarm,
    batch: Batch,
    post: Post,
    is_blocked: bool,
}

impl<C: Core> Face<C> {
    /// Opens a face. Must be called inside the runtime.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn open(new: NewFace<C>) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new(new.socket)?,
            core: new.core,
            servers: new.servers,
            users: new.users,
            gate: FaultGate::default(),
            alarm: Alarm::new()?,
            batch: Batch::default(),
            post: Post::default(),
            is_blocked: false,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_address(&self) -> SocketAddr {
        self.socket.local_address()
    }

    /// Whether a party is spoken with through it.
    #[must_use]
    pub fn reaches(&self, party: Party) -> bool {
        match party {
            Party::Server(node) => self.servers.contains(&node),
            Party::User(_) => self.users,
        }
    }

    /// Whether users are reached through it.
    #[must_use]
    pub const fn reaches_users(&self) -> bool {
        self.users
    }

    /// Adds what was counted.
    pub fn add_counts(&self, counts: &mut Counts) {
        counts.add(self.core.counts(), self.socket.counts(), self.gate);
        counts.waits_for_concerns += self.post.refusals();
    }

    /// Carries out an order. What follows from it leaves with the next turn.
    pub fn order(&mut self, now: Moment, order: Order) {
        if let Order::Gate(shut) = order {
            // What was ordered before leaves before: goodbyes.
            let mut turns = 0..GOODBYE_TURNS;
            while self.write(now) && turns.next().is_some() {}
            self.gate.set(shut);
            if shut {
                self.batch.clear();
                self.post.clear();
            }
        }
        self.core.order(now, order);
    }

    /// Tells what does not come from the transport.
    pub fn tell(&mut self, incoming: Incoming) {
        self.post.push(incoming);
    }

    /// Ready when it needs a turn.
    ///
    /// # Errors
    /// If the runtime ends or the operating system has no timer.
    pub fn poll_wake(&mut self, now: Moment, cx: &mut Context<'_>) -> Poll<io::Result<Wake>> {
        if let Some(at) = self.deadline(now) {
            self.alarm.set(now, at)?;
        }
        let mut wake = Wake::default();
        if !self.post.is_full() {
            wake.readable = is_ready(self.socket.poll_readable(cx))?;
        }
        if self.is_blocked {
            wake.writable = is_ready(self.socket.poll_writable(cx))?;
        }
        wake.rung = self.alarm.poll_rung(cx).is_ready();
        if wake == Wake::default() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(wake))
    }

    fn deadline(&self, now: Moment) -> Option<Moment> {
        let mut core = self.core.deadline();
        if self.is_blocked {
            core = core.map(|at| at.max(now.after(BLOCKED_REST)));
        }
        earliest(core, self.post.deadline())
    }

    /// The first half of a turn: takes in what there is.
    pub fn take_in(
        &mut self,
        now: Moment,
        wake: Wake,
        buffers: &mut Buffers,
        sink: &mut Sink,
    ) -> Taken {
        let mut taken = Taken::default();
        if wake.readable {
            taken.has_more = self.read(now, buffers) == Reading::More;
        }
        if wake.writable {
            self.is_blocked = false;
        }
        if self.core.deadline().is_some_and(|at| at <= now) {
            self.core.on_deadline(now);
        }
        taken.is_told = self.ship(now, sink);
        taken
    }

    /// The second half of a turn: writes what may leave. Gives whether there may be more.
    pub fn give_out(&mut self, now: Moment, sink: &mut Sink) -> bool {
        let has_more = self.write(now);
        // Writing may end a message, too.
        self.ship(now, sink);
        has_more
    }

    /// Gives whether there was something to tell.
    fn ship(&mut self, now: Moment, sink: &mut Sink) -> bool {
        let mut is_told = false;
        while let Some(incoming) = self.core.arrived() {
            if self.gate.is_open() {
                self.post.push(incoming);
                is_told = true;
            }
        }
        self.post.ship(now, sink);
        is_told
    }

    fn read(&mut self, now: Moment, buffers: &mut Buffers) -> Reading {
        let (core, gate) = (&mut self.core, &mut self.gate);
        self.socket.receive(buffers, |from, bytes, stride| {
            let datagrams = bytes.len().div_ceil(stride).max(1);
            if gate.pass(datagrams) {
                core.receive(now, from, bytes, stride);
            }
        })
    }

    /// Writes some batches. Gives whether there may be more and the socket has room.
    fn write(&mut self, now: Moment) -> bool {
        for _ in 0..WRITE_BURST {
            if self.is_blocked {
                return false;
            }
            if self.batch.is_done() {
                let Some(transmit) = self.core.transmit(now, self.batch.buffer()) else {
                    self.batch.clear();
                    return false;
                };
                self.batch.address(transmit.to, transmit.datagram_bytes);
            }
            if !self.gate.pass(self.batch.left()) {
                self.batch.clear();
                continue;
            }
            self.is_blocked = self.socket.send(now, &mut self.batch) == Progress::Blocked;
        }
        true
    }
}

fn is_ready(poll: Poll<io::Result<()>>) -> io::Result<bool> {
    match poll {
        Poll::Ready(ready) => ready.map(|()| true),
        Poll::Pending => Ok(false),
    }
}

#[cfg(test)]
mod tests;
