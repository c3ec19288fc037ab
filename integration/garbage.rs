//! Ten seconds of garbage at every socket of a cluster, while a person goes on hiding pictures:
//! nothing fails, nothing ends, no server swells, and what was dropped is counted.

use std::net::{SocketAddr, UdpSocket};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use bytes::Bytes;
use pentimento::proto::codec::{VERSION, encode_packet};
use pentimento::proto::control::Outcome;
use pentimento::proto::ids::{Digest, NodeId, RequestId, TransferId};
use pentimento::proto::limits::{ACK_BLOCKS, FRAGMENT_BYTES, MESSAGE_MAX_BYTES};
use pentimento::proto::packet::{
    Ask, Claim, Elected, Fragment, FragmentAck, Packet, StateKind, TokenPacket, TransferStatus,
};
use pentimento::talk::session::pause;
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
        for reason in ["malformed", "stranger", "longer than 1200 bytes"] {
            let counted = dropped
                .iter()
                .any(|(name, count)| name == reason && *count > 0);
            assert!(counted, "server {id} counts no {reason:?}: {dropped:?}");
        }
        let resident_kib = stage.resident_kib(id);
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
    match rng.random_range(0..6_u8) {
        0 => random_bytes(rng, 1_200),
        1 => {
            let mut frame = random_bytes(rng, 1_199);
            frame.insert(0, VERSION);
            frame
        }
        2 => {
            let mut frame = frame_of(&forged(rng));
            frame.truncate(rng.random_range(0..frame.len()));
            frame
        }
        3 => {
            let mut frame = frame_of(&forged(rng));
            let place = rng.random_range(0..frame.len());
            frame[place] ^= 1 << rng.random_range(0..8_u8);
            frame
        }
        4 => vec![VERSION; 2_000],
        _ => frame_of(&forged(rng)),
    }
}

fn random_bytes(rng: &mut ChaCha8Rng, longest: usize) -> Vec<u8> {
    let mut bytes = vec![0; rng.random_range(0..=longest)];
    rng.fill(&mut bytes[..]);
    bytes
}

fn frame_of(packet: &Packet) -> Vec<u8> {
    encode_packet(packet).expect("forged packets fit a datagram")
}

/// A well-formed packet that its receiver must not believe: from a stranger, about nothing known,
/// or claiming sizes that nobody has.
fn forged(rng: &mut ChaCha8Rng) -> Packet {
    let request = RequestId {
        boot: rng.random(),
        counter: rng.random(),
    };
    match rng.random_range(0..8_u8) {
        0 => fragment(rng, u32::MAX),
        1 => fragment(rng, MESSAGE_MAX_BYTES as u32),
        2 => Packet::FragmentAck(FragmentAck {
            transfer: TransferId(rng.random()),
            echo: rng.random(),
            first_missing: rng.random(),
            blocks: (0..ACK_BLOCKS).map(|_| rng.random()).collect(),
            credit: u32::MAX,
            status: TransferStatus::Complete,
        }),
        3 => Packet::Elected(Elected {
            request,
            epoch: rng.random(),
            node: NodeId(rng.random()),
        }),
        4 => Packet::Done(request),
        5 => Packet::Token(TokenPacket::Pass { turn: u64::MAX }),
        6 => Packet::StateAsk(StateKind::Mailbox),
        _ => Packet::Claim(Claim {
            ask: Ask {
                request,
                size_bytes: u32::MAX,
                digest: Digest(rng.random()),
            },
            client: SocketAddr::from(([127, 0, 0, 1], rng.random())),
            epoch: rng.random(),
            score: 0,
        }),
    }
}

fn fragment(rng: &mut ChaCha8Rng, total_bytes: u32) -> Packet {
    Packet::Fragment(Fragment {
        transfer: TransferId(rng.random()),
        packet: rng.random(),
        index: rng.random_range(0..=total_bytes / FRAGMENT_BYTES as u32),
        total_bytes,
        data: Bytes::from(random_bytes(rng, FRAGMENT_BYTES)),
    })
}
