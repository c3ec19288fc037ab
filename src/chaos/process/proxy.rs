//! The bad network between real processes: a UDP proxy in front of every socket.
//!
//! Every socket of a node (its face) has an alias here, another socket. Nodes are configured with
//! each other's aliases. What a node sends to an alias is known by its source address, kept for
//! its delay, lost, doubled or cut as the seed says, and sent on *from the sender's own alias*: so
//! the receiver sees the very address that its configuration has for the sender. Addresses that
//! nodes tell each other (those of clients) are aliases too, since nobody ever sees another one.
//!
//! Never reads what is inside a datagram. What comes from an unknown address is dropped.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use tokio::net::UdpSocket;
use tokio::sync::{Notify, oneshot};

use crate::chaos::scenario::step::Host;
use crate::net::codec_actor::bind;
use crate::proto::limits::DATAGRAM_READ_BYTES;
use crate::sim::network::{Cuts, Weather};

/// Datagrams on their way; further ones are lost.
const UNDER_WAY_MAX: usize = 65_536;
/// Datagrams read from a socket before others get their turn.
const BURST: usize = 64;

/// How bad the network is now.
#[derive(Debug)]
pub(super) struct Rules {
    /// For all pairs.
    pub(super) weather: Weather,
    /// Pairs of hosts that do not reach each other.
    pub(super) cuts: Cuts,
}

/// A socket of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Face {
    /// Whose.
    pub(super) host: Host,
    /// Its own address.
    pub(super) real: SocketAddr,
}

/// A proxy that runs in a thread of its own until it is dropped.
pub(super) struct Proxy {
    rules: Arc<Mutex<Rules>>,
    aliases: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Proxy {
    /// Starts a proxy before these faces.
    ///
    /// # Errors
    /// If the operating system has no socket or no thread to give.
    pub(super) fn start(faces: Vec<Face>, rules: Rules, seed: u64) -> io::Result<Self> {
        let rules = Arc::new(Mutex::new(rules));
        let (stop, stopped) = oneshot::channel();
        let (told, started) = std::sync::mpsc::sync_channel(1);
        let of_thread = Arc::clone(&rules);
        let thread = std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || run(faces, of_thread, seed, stopped, &told))?;
        let aliases = started.recv().map_err(io::Error::other)??;
        Ok(Self {
            rules,
            aliases,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The alias of each face, in their order.
    pub(super) fn aliases(&self) -> &[SocketAddr] {
        &self.aliases
    }

    /// Changes the network.
    pub(super) fn change(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.rules.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Where it is told that the proxy stands, with its aliases.
type Started = std::sync::mpsc::SyncSender<io::Result<Vec<SocketAddr>>>;

fn run(
    faces: Vec<Face>,
    rules: Arc<Mutex<Rules>>,
    seed: u64,
    stopped: oneshot::Receiver<()>,
    told: &Started,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // Who started us waits for this very word.
            let _ = told.send(Err(error));
            return;
        }
    };
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let sockets: io::Result<Vec<UdpSocket>> = faces
            .iter()
            .map(|_| bind(SocketAddr::from(([127, 0, 0, 1], 0))))
            .collect();
        let aliases = sockets.and_then(|sockets| {
            let addresses: io::Result<Vec<SocketAddr>> =
                sockets.iter().map(UdpSocket::local_addr).collect();
            Ok((sockets, addresses?))
        });
        let (sockets, addresses) = match aliases {
            Ok(both) => both,
            Err(error) => {
                let _ = told.send(Err(error));
                return;
            }
        };
        let switch = Rc::new(Switch::new(faces, sockets, rules, seed));
        for face in 0..switch.sockets.len() {
            tokio::task::spawn_local(read(Rc::clone(&switch), face));
        }
        let _ = told.send(Ok(addresses));
        tokio::select! {
            () = deliver(&switch) => {}
            _ = stopped => {}
        }
    });
}

/// A datagram on its way.
struct UnderWay {
    at: Instant,
    sequence: u64,
    from: usize,
    to: usize,
    bytes: Rc<[u8]>,
}

impl PartialEq for UnderWay {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for UnderWay {}

impl PartialOrd for UnderWay {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UnderWay {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// All aliases and what is between them.
struct Switch {
    faces: Vec<Face>,
    by_source: BTreeMap<SocketAddr, usize>,
    sockets: Vec<UdpSocket>,
    rules: Arc<Mutex<Rules>>,
    inner: RefCell<Inner>,
    news: Notify,
}

struct Inner {
    rng: ChaCha20Rng,
    heap: BinaryHeap<Reverse<UnderWay>>,
    sequence: u64,
}

impl Switch {
    fn new(faces: Vec<Face>, sockets: Vec<UdpSocket>, rules: Arc<Mutex<Rules>>, seed: u64) -> Self {
        Self {
            by_source: faces
                .iter()
                .enumerate()
                .map(|(index, face)| (face.real, index))
                .collect(),
            faces,
            sockets,
            rules,
            inner: RefCell::new(Inner {
                rng: ChaCha20Rng::seed_from_u64(seed ^ 0x7072_6f78_7900),
                heap: BinaryHeap::new(),
                sequence: 0,
            }),
            news: Notify::new(),
        }
    }

    /// Takes a datagram in: it is lost, or put on its way once or twice.
    fn take(&self, now: Instant, source: SocketAddr, to: usize, bytes: &[u8]) {
        let Some(from) = self.by_source.get(&source).copied() else {
            return;
        };
        let (sender, receiver) = (self.faces[from].host, self.faces[to].host);
        let inner = &mut *self.inner.borrow_mut();
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if !rules.cuts.pass(sender, receiver) || inner.heap.len() >= UNDER_WAY_MAX {
            return;
        }
        let bytes: Rc<[u8]> = bytes.into();
        for delay in rules.weather.arrivals(&mut inner.rng) {
            inner.sequence += 1;
            inner.heap.push(Reverse(UnderWay {
                at: now + delay,
                sequence: inner.sequence,
                from,
                to,
                bytes: Rc::clone(&bytes),
            }));
        }
        self.news.notify_one();
    }

    /// The next datagram that is due, or when that will be.
    fn due(&self, now: Instant) -> Result<UnderWay, Option<Instant>> {
        let heap = &mut self.inner.borrow_mut().heap;
        match heap.peek() {
            None => Err(None),
            Some(Reverse(first)) if first.at > now => Err(Some(first.at)),
            Some(_) => heap.pop().map(|Reverse(first)| first).ok_or(None),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: real datagrams have real delays"
)]
fn clock() -> Instant {
    Instant::now()
}

/// Reads one alias for ever.
async fn read(switch: Rc<Switch>, face: usize) {
    let mut buffer = vec![0; DATAGRAM_READ_BYTES];
    let socket = &switch.sockets[face];
    while socket.readable().await.is_ok() {
        for _ in 0..BURST {
            match socket.try_recv_from(&mut buffer) {
                Ok((length, source)) => switch.take(clock(), source, face, &buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An answer of the kernel to an earlier send: that node is down just now.
                Err(_) => {}
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Sends on what is due, for ever.
async fn deliver(switch: &Switch) {
    loop {
        match switch.due(clock()) {
            Ok(first) => {
                let address = switch.faces[first.to].real;
                // A node that is down hears nothing; that is what is played.
                let _ = switch.sockets[first.from]
                    .send_to(&first.bytes, address)
                    .await;
            }
            Err(None) => switch.news.notified().await,
            Err(Some(at)) => {
                tokio::select! {
                    () = tokio::time::sleep_until(at.into()) => {}
                    () = switch.news.notified() => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket as Plain;
    use std::time::Duration;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);
    const SILENCE: Duration = Duration::from_millis(400);

    struct Bench {
        ends: Vec<Plain>,
        proxy: Proxy,
    }

    /// Two ends, of hosts 0 and 1.
    fn bench(weather: Weather) -> Bench {
        let ends: Vec<Plain> = (0..2)
            .map(|_| Plain::bind("127.0.0.1:0").expect("binds"))
            .collect();
        let faces = ends.iter().enumerate().map(|(host, end)| Face {
            host,
            real: end.local_addr().expect("address"),
        });
        let rules = Rules {
            weather,
            cuts: Cuts::default(),
        };
        let proxy = Proxy::start(faces.collect(), rules, 7).expect("starts");
        Bench { ends, proxy }
    }

    impl Bench {
        fn send(&self, from: usize, to: usize, text: &[u8]) {
            let alias = self.proxy.aliases()[to];
            self.ends[from].send_to(text, alias).expect("sends");
        }

        fn receive(&self, at: usize, wait: Duration) -> Option<(Vec<u8>, SocketAddr)> {
            let mut buffer = [0; 64];
            self.ends[at].set_read_timeout(Some(wait)).expect("sets");
            let (length, source) = self.ends[at].recv_from(&mut buffer).ok()?;
            Some((buffer[..length].to_vec(), source))
        }
    }

    #[test]
    fn a_datagram_arrives_from_the_alias_of_its_sender_and_so_does_the_answer() {
        let bench = bench(Weather::FAIR);
        bench.send(0, 1, b"hello");
        let (text, source) = bench.receive(1, WAIT).expect("arrives");
        assert_eq!(
            (text.as_slice(), source),
            (b"hello".as_slice(), bench.proxy.aliases()[0])
        );
        bench.ends[1].send_to(b"yes", source).expect("sends");
        let (text, source) = bench.receive(0, WAIT).expect("arrives");
        assert_eq!(
            (text.as_slice(), source),
            (b"yes".as_slice(), bench.proxy.aliases()[1])
        );
    }

    #[test]
    fn a_cut_pair_hears_nothing_until_it_is_mended() {
        let bench = bench(Weather::FAIR);
        bench.proxy.change(|rules| rules.cuts.between(0, 1, true));
        bench.send(0, 1, b"lost");
        bench.send(1, 0, b"lost");
        assert!(bench.receive(1, SILENCE).is_none() && bench.receive(0, SILENCE).is_none());
        bench.proxy.change(|rules| rules.cuts.between(0, 1, false));
        bench.send(0, 1, b"here");
        assert_eq!(bench.receive(1, WAIT).expect("arrives").0, b"here");
    }

    #[test]
    fn datagrams_are_doubled_and_overtake_each_other() {
        let bench = bench(Weather {
            duplication: 1.0,
            delay_max_us: 20_000,
            ..Weather::FAIR
        });
        for number in 0..20 {
            bench.send(0, 1, &[number]);
        }
        let got: Vec<u8> = (0..40)
            .map(|_| bench.receive(1, WAIT).expect("arrives").0[0])
            .collect();
        let mut sorted = got.clone();
        sorted.sort_unstable();
        assert_ne!(got, sorted, "nothing was overtaken");
        sorted.dedup();
        assert_eq!(sorted, (0..20).collect::<Vec<u8>>());
    }

    #[test]
    fn half_of_the_datagrams_are_lost_at_a_loss_of_a_half() {
        let bench = bench(Weather {
            loss: 0.5,
            ..Weather::FAIR
        });
        for _ in 0..200 {
            bench.send(0, 1, b"x");
        }
        let got = std::iter::from_fn(|| bench.receive(1, SILENCE)).count();
        assert!((60..140).contains(&got), "{got} of 200");
    }

    #[test]
    fn a_stranger_is_not_heard() {
        let bench = bench(Weather::FAIR);
        let stranger = Plain::bind("127.0.0.1:0").expect("binds");
        stranger
            .send_to(b"hey", bench.proxy.aliases()[1])
            .expect("sends");
        assert!(bench.receive(1, SILENCE).is_none());
    }
}
