//! The bad network between real processes: a UDP proxy in front of every socket.
//!
//! Every socket of a node (its face) has an alias here, another socket. Nodes are configured with
//! each other's aliases. What a node sends to an alias is known by its source address, kept for
//! its delay, lost, doubled or cut as the seed says, and sent on *from the sender's own alias*: so
//! the receiver sees the very address that its configuration has for the sender. Addresses that
//! nodes tell each other (those of clients) are aliases too, since nobody ever sees another one.
//!
//! Never reads what is inside a datagram. What comes from an unknown address is dropped.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use crate::chaos::relay::{Policy, Post, Relay};
use crate::chaos::scenario::step::Host;
use crate::sim::network::{Cuts, Weather};
use crate::time::Moment;

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
    _relay: Relay<Switch>,
}

impl Proxy {
    /// Starts a proxy before these faces.
    ///
    /// # Errors
    /// If the operating system has no socket or no thread to give.
    pub(super) fn start(faces: Vec<Face>, rules: Rules, seed: u64) -> io::Result<Self> {
        let rules = Arc::new(Mutex::new(rules));
        let mut post = Post::default();
        let mut aliases = Vec::new();
        for face in &faces {
            let socket = post.open(SocketAddr::new(face.real.ip(), 0))?;
            aliases.push(post.address(socket)?);
        }
        let switch = Switch::new(faces, Arc::clone(&rules), seed);
        Ok(Self {
            rules,
            aliases,
            _relay: Relay::start(switch, post)?,
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

/// All faces and what is between them. The alias of a face is the socket of its number.
struct Switch {
    faces: Vec<Face>,
    by_source: BTreeMap<SocketAddr, usize>,
    rules: Arc<Mutex<Rules>>,
    rng: ChaCha20Rng,
}

impl Switch {
    fn new(faces: Vec<Face>, rules: Arc<Mutex<Rules>>, seed: u64) -> Self {
        Self {
            by_source: faces
                .iter()
                .enumerate()
                .map(|(index, face)| (face.real, index))
                .collect(),
            faces,
            rules,
            rng: ChaCha20Rng::seed_from_u64(seed ^ 0x7072_6f78_7900),
        }
    }
}

impl Policy for Switch {
    fn take(&mut self, now: Moment, at: usize, from: SocketAddr, datagram: &[u8], post: &mut Post) {
        let Some(sender) = self.by_source.get(&from).copied() else {
            return;
        };
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if !rules
            .cuts
            .pass(self.faces[sender].host, self.faces[at].host)
        {
            return;
        }
        let arrivals = rules.weather.arrivals(&mut self.rng);
        drop(rules);
        let datagram: Arc<[u8]> = datagram.into();
        for delay in arrivals {
            let datagram = Arc::clone(&datagram);
            post.send(now.after(delay), sender, self.faces[at].real, datagram);
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
