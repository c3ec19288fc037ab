//! A box in front of a person's client, as at the edge of a house.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pentimento::node::config::ServerAddress;

/// No more is recorded.
const RECORD_MAX_BYTES: usize = 64 << 20;

/// What left through a wall.
#[derive(Default)]
struct Record {
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    bytes: usize,
    is_over: bool,
}

impl Record {
    fn note(&mut self, to: SocketAddr, datagram: &[u8]) {
        if self.is_over || self.bytes > RECORD_MAX_BYTES {
            return;
        }
        self.bytes += datagram.len();
        self.datagrams.push((to, datagram.to_vec()));
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A box in front of one client: a socket that stands for each server, and one that all of them
/// see. What does not come from a server is not let in. What leaves can be recorded.
pub(crate) struct Wall {
    /// The servers as the client is to know them.
    pub(crate) servers: Vec<ServerAddress>,
    /// The socket that the servers see.
    outer: Arc<UdpSocket>,
    refused: Arc<AtomicU64>,
    record: Arc<Mutex<Record>>,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Wall {
    /// In front of a client that listens there.
    pub(crate) fn before(client: SocketAddr, servers: &[ServerAddress]) -> Self {
        let bind = || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            let wait = Some(Duration::from_millis(50));
            socket.set_read_timeout(wait).expect("it can wait");
            Arc::new(socket)
        };
        let (refused, is_over) = (Arc::default(), Arc::default());
        let outer = bind();
        let record = Arc::new(Mutex::new(Record::default()));
        let mut wall = Self {
            servers: servers.to_vec(),
            outer: Arc::clone(&outer),
            refused: Arc::clone(&refused),
            record: Arc::clone(&record),
            is_over: Arc::clone(&is_over),
            threads: Vec::new(),
        };
        let mut inner = Vec::new();
        for (place, server) in servers.iter().enumerate() {
            let (socket, out, to) = (bind(), Arc::clone(&outer), server.clients);
            let record = Arc::clone(&record);
            wall.servers[place].clients = socket.local_addr().expect("it is bound");
            inner.push((to, Arc::clone(&socket)));
            wall.pass(&is_over, &socket, move |from, datagram| {
                if from == client {
                    lock(&record).note(to, datagram);
                    let _ = out.send_to(datagram, to);
                }
            });
        }
        wall.pass(&is_over, &outer, move |from, datagram| {
            let door = inner.iter().find(|(server, _)| *server == from);
            let Some((_, socket)) = door else {
                refused.fetch_add(1, Ordering::Relaxed);
                return;
            };
            let _ = socket.send_to(datagram, client);
        });
        wall
    }

    fn pass(
        &mut self,
        is_over: &Arc<AtomicBool>,
        socket: &Arc<UdpSocket>,
        take: impl Fn(SocketAddr, &[u8]) + Send + 'static,
    ) {
        let (is_over, socket) = (Arc::clone(is_over), Arc::clone(socket));
        let run = move || {
            let mut datagram = vec![0; 65_536];
            while !is_over.load(Ordering::Relaxed) {
                if let Ok((bytes, from)) = socket.recv_from(&mut datagram) {
                    take(from, &datagram[..bytes]);
                }
            }
        };
        let builder = thread::Builder::new().name("wall".to_owned());
        self.threads.push(builder.spawn(run).expect("a thread"));
    }

    /// Ends the record; gives what has left from the beginning on, and to whom.
    pub(crate) fn recorded(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut record = lock(&self.record);
        record.is_over = true;
        assert!(record.bytes <= RECORD_MAX_BYTES, "more than is recorded");
        std::mem::take(&mut record.datagrams)
    }

    /// Sends a datagram as if it came from the client.
    pub(crate) fn pretend(&self, to: SocketAddr, datagram: &[u8]) {
        // A full buffer of the receiver is no concern of whoever pretends.
        let _ = self.outer.send_to(datagram, to);
    }

    /// What was not let in.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Wall {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
