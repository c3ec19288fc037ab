//! Ten seconds of garbage at every socket of a cluster, while a person goes on hiding pictures:
//! nothing fails, nothing ends, no server swells, and what was dropped is counted.

use std::net::{SocketAddr, UdpSocket};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use pentimento::proto::codec;
use pentimento::proto::control::Outcome;
use pentimento::proto::ids::{Digest, NodeId, RequestId, UserId};
use pentimento::proto::packet::{Ask, Claim, Done, Elected, Packet, StateKind, TokenPacket};
use pentimento::talk::session::pause;
use pentimento::transport::wire::{self, Header, NUMBERS, VERSION};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::stage::{SERVERS, Stage, noise};

/// Rounds of a flood, each followed by a pause: ten seconds at the least.
const ROUNDS: u32 = 5_000;
const ROUND_PAUSE: Duration = Duration::from_millis(2);
/// Datagrams to each socket in a round.
const VOLLEY: u32 = 4;
const RESIDENT_MAX_KIB: u64 = 512 << 10;
const FILE_BYTES: usize = 150_000;

#[test]
fn ten_seconds_of_garbage_harm_nobody() {
    let mut stage = Stage::set();
    let alice = stage.invite("alice");
    for id in SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    stage.enter("alice");
    stage.wait_online("alice");
    let mut targets: Vec<SocketAddr> = stage
        .servers()
        .iter()
        .flat_map(|server| [server.clients, server.peers])
        .collect();
    targets.push(alice);

    std::thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&targets));
        hide_until(&stage, &flood);
        flood.join().expect("the flood goes on to its end");
    });

    assert_eq!(stage.fallen(), Vec::<String>::new());
    stage.wait_ready();
    for id in SERVERS {
        let dropped = stage.status(id).expect("it answers").dropped;
        for reason in [
            "another version of the protocol",
            "unknown kind",
            "unknown session",
            "too short",
        ] {
            let counted = dropped
                .iter()
                .any(|(name, count)| name == reason && *count > 0);
            assert!(counted, "server {id} counts no {reason:?}: {dropped:?}");
        }
        let resident_kib = stage.memory_kib(id, "VmRSS:");
        assert!(
            resident_kib < RESIDENT_MAX_KIB,
            "server {id} takes {resident_kib} KiB"
        );
    }
    hide_one(&stage, u64::MAX);
}

/// Hides pictures, one after another, at least one, until the flood ends.
fn hide_until(stage: &Stage, flood: &ScopedJoinHandle<'_, ()>) {
    for seed in 0.. {
        hide_one(stage, seed);
        if flood.is_finished() {
            break;
        }
    }
}

fn hide_one(stage: &Stage, seed: u64) {
    let original = noise(seed, FILE_BYTES);
    match stage.hide("alice", &original) {
        Ok(Outcome::Hidden { picture, .. }) => stage.assert_reveals("alice", picture, &original),
        other => panic!("picture {seed}: {other:.200?}"),
    }
}

fn flood(targets: &[SocketAddr]) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for _ in 0..ROUNDS {
        for target in targets {
            for _ in 0..VOLLEY {
                // A full buffer of the receiver is no concern of whoever throws garbage.
                let _ = socket.send_to(&garbage(&mut rng), target);
            }
        }
        pause(ROUND_PAUSE);
    }
}

/// A datagram that nobody in their right mind sends.
fn garbage(rng: &mut ChaCha8Rng) -> Vec<u8> {
    match rng.random_range(0..7_u8) {
        0 => random_bytes(rng, 1_472),
        // A handshake of whatever kind, of our version or of one to come.
        1 => [
            vec![VERSION, rng.random_range(0..9)],
            random_bytes(rng, 1_400),
        ]
        .concat(),
        2 => vec![VERSION + 1; rng.random_range(1..1_472)],
        // A packet of a session that nobody has.
        3 => [header(rng).to_bytes().to_vec(), random_bytes(rng, 1_400)].concat(),
        4 => wire::unknown_session(header(rng)).to_vec(),
        // What programs said before there were sessions.
        5 => [vec![1], codec::encode(&forged(rng))].concat(),
        _ => codec::encode(&forged(rng)),
    }
}

fn random_bytes(rng: &mut ChaCha8Rng, longest: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..=longest)];
    rng.fill(&mut bytes[..]);
    bytes
}

fn header(rng: &mut ChaCha8Rng) -> Header {
    Header {
        generation: rng.random_range(0..4),
        session: rng.random(),
        number: rng.random_range(0..NUMBERS),
    }
}

/// A well-formed packet that its receiver must not believe: nobody sealed it.
fn forged(rng: &mut ChaCha8Rng) -> Packet {
    let request = RequestId {
        boot: rng.random(),
        counter: rng.random(),
    };
    match rng.random_range(0..5_u8) {
        0 => Packet::Elected(Elected {
            request,
            epoch: rng.random(),
            node: NodeId(rng.random()),
        }),
        1 => Packet::Done(Done::delivered(request)),
        2 => Packet::Token(TokenPacket::Pass { turn: u64::MAX }),
        3 => Packet::StateAsk(StateKind::Mailbox),
        _ => Packet::Claim(Claim {
            ask: Ask {
                request,
                size_bytes: u32::MAX,
                digest: Digest(rng.random()),
            },
            client: UserId(rng.random()),
            epoch: rng.random(),
            score: 0,
            waited: rng.random(),
        }),
    }
}
