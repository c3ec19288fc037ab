//! The flood: a thread that sends forged handshakes from many addresses at a rate, or as fast as it
//! can.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::node::clock::Clock;
use crate::talk::session::pause;
use crate::transport::endpoint::Server;
use crate::transport::handshake::forged_initiation;

/// Addresses that it comes from.
const ADDRESSES: u8 = 64;
/// Datagrams between two looks at the clock.
const BURST: u32 = 64;
/// Size of one, in bytes.
const DATAGRAM_BYTES: usize = 1_200;
/// Rest of who is ahead of the rate.
const REST: Duration = Duration::from_micros(200);

/// A flood under way.
pub(super) struct Flood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Flood {
    /// Ends it; gives how many datagrams were sent.
    pub(super) fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or(0)
    }
}

/// Begins to send.
pub(super) fn start(server: Server, per_s: u32, clock: Clock) -> io::Result<Flood> {
    let sockets = (1..=ADDRESSES).map(|number| {
        // All of this network is this machine.
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 1, number), 0))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    });
    let sockets: Vec<UdpSocket> = sockets.collect::<io::Result<_>>()?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let key = server.key.unwrap_or_default();
    let work = move || {
        let began_at = clock.now();
        let mut sent = 0;
        let mut number = 0;
        while !stopped.load(Ordering::Relaxed) {
            let passed = clock.now().since(began_at);
            let due = (passed.as_secs_f64() * f64::from(per_s)) as u64;
            if sent >= due {
                pause(REST);
                continue;
            }
            for _ in 0..BURST.min(u32::try_from(due - sent).unwrap_or(BURST)) {
                number += 1;
                sent += send(&sockets, server.address, &key, number);
            }
        }
        sent
    };
    let thread = Builder::new().name("flood".into()).spawn(work)?;
    Ok(Flood { stop, thread })
}

fn send(sockets: &[UdpSocket], to: SocketAddr, key: &[u8; 32], number: u32) -> u64 {
    let forged = forged_initiation(key, number, DATAGRAM_BYTES);
    let socket = &sockets[number as usize % sockets.len()];
    // What the kernel has no room for was not sent.
    u64::from(socket.send_to(&forged, to).is_ok())
}
