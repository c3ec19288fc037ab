//! Handshakes over a network that loses, repeats, delays, bends and forges, in virtual time.

use std::collections::BTreeMap;

use rand_chacha::rand_core::Rng;

use super::*;
use crate::transport::handshake::INITIATION_MIN_BYTES;
use crate::transport::wire::{self, Outer};

const STEP_MS: u64 = 50;
/// An initiation is repeated this often before another handshake is begun.
const REPEATS: u32 = 8;

/// Who a datagram is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Initiator,
    Responder,
}

struct Network {
    rng: ChaCha20Rng,
    lossy: u32,
    now: u64,
    flying: BTreeMap<(u64, u64), (End, Vec<u8>)>,
    sent: u64,
    /// Everything that was ever sent, for replays.
    seen: Vec<(End, Vec<u8>)>,
}

impl Network {
    fn chance(&mut self) -> bool {
        self.rng.next_u32() % 100 < self.lossy
    }

    fn send(&mut self, to: End, datagram: Vec<u8>) {
        self.seen.push((to, datagram.clone()));
        self.put(to, datagram);
        if self.chance() {
            let pick = self.rng.next_u32() as usize % self.seen.len();
            let (to, old) = self.seen[pick].clone();
            self.put(to, old);
        }
    }

    fn put(&mut self, to: End, mut datagram: Vec<u8>) {
        if self.chance() {
            return;
        }
        if self.chance() {
            let at = self.rng.next_u32() as usize % datagram.len();
            datagram[at] ^= 1 << (self.rng.next_u32() % 8);
        }
        let delay = if self.chance() { 400 } else { 20 };
        self.sent += 1;
        self.flying
            .insert((self.now + delay, self.sent), (to, datagram));
    }

    fn due(&mut self) -> Vec<(End, Vec<u8>)> {
        let later = self.flying.split_off(&(self.now + 1, 0));
        std::mem::replace(&mut self.flying, later)
            .into_values()
            .collect()
    }
}

/// Both ends of one handshake that is wanted, and what they came to.
struct World {
    a: Desk,
    b: Desk,
    network: Network,
    fresh: u32,
    proven: BTreeMap<u32, Established>,
}

impl World {
    fn respond(&mut self, datagram: &[u8]) {
        let now = at(self.network.now);
        let send = |network: &mut Network, datagram| network.send(End::Initiator, datagram);
        match wire::parse(datagram) {
            Ok(Outer::Handshake(wire::Kind::Initiation)) => {
                self.fresh += 1;
                match self.b.on_initiation(now, address(1), datagram, self.fresh) {
                    Reaction::Answer {
                        datagram,
                        established,
                    } => {
                        if let Some(session) = established {
                            self.proven.insert(session.local_session, *session);
                        }
                        send(&mut self.network, datagram);
                    }
                    Reaction::Cookie(datagram) | Reaction::Refusal(datagram) => {
                        send(&mut self.network, datagram);
                    }
                    Reaction::Dropped(_) => (),
                }
            }
            Ok(Outer::Handshake(wire::Kind::Finish)) => {
                if let Ok(session) = self.b.on_finish(now, datagram) {
                    self.proven.insert(session.local_session, session);
                }
            }
            _ => (),
        }
    }

    /// Runs until both ends have the same session; how long that took, if it came to that.
    fn connect(&mut self, remote: Option<[u8; 32]>) -> Option<u64> {
        let mut state = None;
        let mut ours: Option<(Established, Option<Vec<u8>>)> = None;
        for step in 0..2_000_u32 {
            self.network.now = u64::from(step) * STEP_MS;
            let now = at(self.network.now);
            if let Some((_, Some(finish))) = &ours {
                self.network.send(End::Responder, finish.clone());
            } else if step.is_multiple_of(4 * REPEATS) {
                let wall = WallTime(WALL.0 + self.network.now);
                let (begun, initiation) = self.a.begin(wall, remote, step, 0).unwrap();
                state = Some(begun);
                self.network.send(End::Responder, initiation);
            } else if step.is_multiple_of(4)
                && let Some(state) = &state
            {
                self.network
                    .send(End::Responder, state.again(now, INITIATION_MIN_BYTES));
            }
            for (to, datagram) in self.network.due() {
                if to == End::Responder {
                    self.respond(&datagram);
                } else if let Some(state) = &mut state {
                    let _ = self.a.on_cookie(now, state, &datagram);
                    if let Ok(session) = self.a.on_answer(now, state, &datagram) {
                        ours = Some(session);
                    }
                }
            }
            if let Some((ours, _)) = &mut ours
                && let Some(theirs) = self.proven.get_mut(&ours.remote_session)
            {
                assert_paired(ours, theirs);
                assert_eq!(theirs.remote_static, *self.a.public());
                return Some(self.network.now);
            }
        }
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_handshake_comes_through_disorder(
        seed: [u8; 32],
        lossy in 0..30_u32,
        crowd: bool,
        knows: bool,
    ) {
        let config = Config {
            busy_initiations_per_s: if crowd { 0 } else { 200 },
            ..Config::default()
        };
        let (a, b) = (desk(1), desk_with(2, config));
        let remote = key_of(&b).filter(|_| knows);
        let rng = ChaCha20Rng::from_seed(seed);
        let network = Network {
            rng,
            lossy,
            now: 0,
            flying: BTreeMap::new(),
            sent: 0,
            seen: Vec::new(),
        };
        let (fresh, proven) = (1 << 20, BTreeMap::new());
        let mut world = World { a, b, network, fresh, proven };
        let took = world.connect(remote);
        prop_assert!(took.is_some());
        if lossy == 0 {
            prop_assert!(took <= Some(if crowd { 450 } else { 200 }), "{:?}", took);
        }
    }
}
