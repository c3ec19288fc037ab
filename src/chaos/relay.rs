//! Holds real datagrams back: reads sockets in a thread of its own, lets a policy say what becomes
//! of each datagram, and sends on at the very time that was said.
//!
//! Decides nothing about a datagram: that is the policy's. Never keeps more than a named number of
//! them.

pub mod readiness;
pub mod schedule;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::time::Moment;
use schedule::{Lateness, Schedule};

/// Datagrams on their way; further ones are lost.
const UNDER_WAY_MAX: usize = 65_536;
/// Datagrams read from a socket before others get their turn.
const BURST: usize = 64;
/// No datagram is longer.
const DATAGRAM_MAX_BYTES: usize = 65_535;
/// Asked for each socket's buffers; the system may give less.
const SOCKET_BYTES: usize = 4 << 20;
/// That long nobody looks whether the end has come.
const LOOK: Duration = Duration::from_millis(50);

/// Says what becomes of datagrams.
pub trait Policy {
    /// A datagram came to a socket, from there.
    fn take(&mut self, now: Moment, at: usize, from: SocketAddr, datagram: &[u8], post: &mut Post);
}

/// The sockets of a relay and what waits to be sent from them.
#[derive(Debug, Default)]
pub struct Post {
    sockets: Vec<UdpSocket>,
    schedule: Schedule<Parcel>,
    refused: u64,
}

#[derive(Debug)]
struct Parcel {
    from: usize,
    to: SocketAddr,
    datagram: Arc<[u8]>,
}

impl Post {
    /// Opens a socket, by whose number it is known from now on.
    ///
    /// # Errors
    /// If the operating system has none to give.
    pub fn open(&mut self, bind: SocketAddr) -> io::Result<usize> {
        let socket = Socket::new(Domain::for_address(bind), Type::DGRAM, Some(Protocol::UDP))?;
        // What is granted is enough for most; loss in a full buffer is loss as on any way.
        let _ = socket.set_recv_buffer_size(SOCKET_BYTES);
        let _ = socket.set_send_buffer_size(SOCKET_BYTES);
        socket.set_nonblocking(true)?;
        socket.bind(&bind.into())?;
        self.sockets.push(socket.into());
        Ok(self.sockets.len() - 1)
    }

    /// Where a socket listens.
    ///
    /// # Errors
    /// If the operating system does not know.
    pub fn address(&self, socket: usize) -> io::Result<SocketAddr> {
        self.sockets[socket].local_addr()
    }

    /// Sends a datagram then. Beyond the limit it is lost.
    pub fn send(&mut self, at: Moment, from: usize, to: SocketAddr, datagram: Arc<[u8]>) {
        if self.schedule.len() >= UNDER_WAY_MAX {
            self.refused += 1;
            return;
        }
        self.schedule.push(at, Parcel { from, to, datagram });
    }

    /// How late datagrams were sent.
    #[must_use]
    pub const fn lateness(&self) -> &Lateness {
        self.schedule.lateness()
    }

    /// Datagrams lost because too many were on their way, or because the system did not take them.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    fn send_due(&mut self, now: Moment) {
        while let Some(parcel) = self.schedule.pop(now) {
            // A receiver that is down hears nothing; that is what is played.
            let sent = self.sockets[parcel.from].send_to(&parcel.datagram, parcel.to);
            self.refused += u64::from(sent.is_err());
        }
    }
}

/// A relay in its thread. Ends with its handle.
#[derive(Debug)]
pub struct Relay<P> {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<(P, Post)>>,
}

impl<P: Policy + Send + 'static> Relay<P> {
    /// Starts a relay over these sockets.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(policy: P, post: Post) -> io::Result<Self> {
        let end = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&end);
        let thread = std::thread::Builder::new()
            .name("relay".into())
            .spawn(move || run(policy, post, &ends))?;
        Ok(Self {
            end,
            thread: Some(thread),
        })
    }

    /// Ends the relay and gives back what it had; none if its thread has failed.
    #[must_use]
    pub fn end(mut self) -> Option<(P, Post)> {
        self.join()
    }
}

impl<P> Relay<P> {
    fn join(&mut self) -> Option<(P, Post)> {
        self.end.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()
    }
}

impl<P> Drop for Relay<P> {
    fn drop(&mut self) {
        self.join();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: real datagrams have real delays"
)]
fn clock() -> Instant {
    Instant::now()
}

fn run<P: Policy>(mut policy: P, mut post: Post, end: &AtomicBool) -> (P, Post) {
    readiness::be_exact();
    let start = clock();
    let now = || Moment::START.after(clock().saturating_duration_since(start));
    let mut buffer = vec![0; DATAGRAM_MAX_BYTES];
    let mut ready = Vec::new();
    while !end.load(Ordering::Relaxed) {
        let next = post.schedule.next();
        let most = next.map_or(LOOK, |next| next.since(now()).min(LOOK));
        if readiness::wait(&post.sockets, most, &mut ready).is_err() {
            break;
        }
        post.send_due(now());
        for at in ready.drain(..) {
            for _ in 0..BURST {
                let (length, from) = match post.sockets[at].recv_from(&mut buffer) {
                    Ok(read) => read,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An answer of the kernel to an earlier send: that end is down just now.
                    Err(_) => continue,
                };
                let now = now();
                policy.take(now, at, from, &buffer[..length], &mut post);
                post.send_due(now);
            }
        }
    }
    (policy, post)
}

#[cfg(test)]
mod tests;
