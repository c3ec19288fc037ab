//! Writes the seed corpus, a few true examples for each target: `cargo run --example seeds`.

use std::path::Path;

use pentimento::crypto::noise::StaticKey;
use pentimento::proto::cargo::{Cargo, CoverChoice, HideJob, Manifest, Mode};
use pentimento::proto::identity::{PublicIdentity, Signature};
use pentimento::proto::ids::{Digest, DiskId, LetterId, NodeId, UserId};
use pentimento::proto::packet::{
    DirectoryEntry, Errand, ErrandKind, HereAnswer, LoadReport, Lookup, LookupAnswer, LookupKind,
    NameAnswer, Packet, StateKind, TokenPacket,
};
use pentimento::proto::pass::{Pass, PassFault};
use pentimento::proto::{codec, pairing};
use pentimento::time::WallTime;
use pentimento::transport::frame;
use pentimento::transport::handshake::{Config, Desk};
use pentimento::transport::message::{Standing, Status};
use pentimento::transport::wire::{self, Header};
use pentimento_fuzz::world;

mod seed_pictures;
mod seed_servers;

fn write(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), bytes)
}

fn prefixed(prefix: &[u8], bytes: &[u8]) -> Vec<u8> {
    [prefix, bytes].concat()
}

/// Bytes without a pattern, the same each time.
fn noise(number: u8, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new_derive_key("pentimento fuzz seeds")
        .update(&[number])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

fn datagrams() -> std::io::Result<()> {
    let us = StaticKey::from_secret(&[9; 32]).expect("a key");
    let mut desk = Desk::new(&[9; 32], vec![0; 33], [9; 32], Config::default()).expect("a desk");
    let wall = WallTime(1_800_000_000_000);
    let key = Some(world::server_key());
    let (_, initiation) = desk.begin(wall, key, 5, 1_136).expect("a key");
    write("datagram", "initiation", &prefixed(&[2, 0, 0], &initiation))?;
    let (_, pairing) = desk.begin(wall, None, 6, 1_136).expect("a key");
    write("datagram", "pairing", &prefixed(&[2, 0, 0], &pairing))?;
    write("handshake", "other", &prefixed(&[0, 0, 0], &initiation))?;
    let header = Header {
        generation: 0,
        session: 7,
        number: 8,
    };
    let mut sealed = header.to_bytes().to_vec();
    sealed.extend_from_slice(us.public());
    write("datagram", "sealed", &prefixed(&[0, 0, 9], &sealed))?;
    write(
        "datagram",
        "batch",
        &prefixed(&[1, 4, 9], &sealed.repeat(4)),
    )?;
    write(
        "datagram",
        "unknown",
        &prefixed(&[2, 0, 0], &wire::unknown_session(header)),
    )?;
    let refusal = wire::refusal(&[9; 64]).expect("long enough");
    write("datagram", "refusal", &prefixed(&[2, 0, 0], &refusal))?;
    for kind in 0..8 {
        let datagram = prefixed(&[2, 0, 0, wire::VERSION, kind], &noise(kind, 150));
        write("datagram", &format!("kind{kind}"), &datagram)?;
        write(
            "handshake",
            &format!("kind{kind}"),
            &prefixed(&[kind, 1, 1], &noise(kind, 12)),
        )?;
    }
    Ok(())
}

fn frames() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut add = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        all.push(out);
    };
    let status = Status {
        message: 1,
        standing: Standing::Going,
        first_missing: 3,
        credit: 9,
        words: vec![5, 6],
    };
    add(&|out| frame::write_ping(out));
    add(&|out| frame::write_ack(out, 70, 80, &[u64::MAX, 3]));
    add(&|out| frame::write_packet(out, &[1, 18], true));
    add(&|out| frame::write_status(out, &status));
    add(&|out| frame::write_cancel(out, 1));
    add(&|out| frame::write_challenge(out, 11, false));
    add(&|out| frame::write_challenge(out, 12, true));
    add(&|out| frame::write_observed(out, world::user_address()));
    add(&|out| frame::write_observed(out, std::net::SocketAddr::from(([1; 8], 4_102))));
    add(&|out| frame::write_relay(out, UserId([3; 32]), b"sealed"));
    add(&|out| frame::write_close(out));
    add(&|out| {
        frame::write_fragment(out, 1, 0, 300, true);
        out.extend_from_slice(&[7; 100]);
    });
    all.push(all.concat());
    all
}

fn packets() -> Vec<Packet> {
    let user = PublicIdentity {
        sign: [1; 32],
        seal: [2; 32],
    };
    let errand = |kind| {
        Packet::Errand(Errand {
            user,
            epoch: WallTime(5),
            sequence: 6,
            kind,
            signature: Signature([[3; 32]; 2]),
        })
    };
    let entry = DirectoryEntry {
        name: "ada".to_owned(),
        identity: user,
        address: Some(world::user_address()),
        last_seen: WallTime(7),
    };
    let pass = Pass {
        asker: UserId([3; 32]),
        peer: user.user_id(),
        until: WallTime(9),
        server: NodeId(1),
        signature: Signature([[4; 32]; 2]),
    };
    let entries = vec![entry; 2];
    vec![
        Packet::Bye,
        Packet::Ping(1),
        Packet::MailWaiting(3),
        Packet::LetterKept(LetterId([4; 16])),
        Packet::StateAsk(StateKind::Mailbox),
        Packet::Token(TokenPacket::MayI {
            nonce: 1,
            turn: 2,
            hold_ms: 3,
        }),
        Packet::Lookup(Lookup {
            nonce: 1,
            wanted: LookupKind::After("b".to_owned()),
        }),
        Packet::LookupAnswer(LookupAnswer {
            nonce: 1,
            entries,
            more: true,
            pass: Some(pass),
        }),
        Packet::HereAnswer(HereAnswer {
            sequence: 1,
            name: NameAnswer::Taken,
            at: WallTime(8),
            disk: DiskId([7; 16]),
        }),
        Packet::Outdated {
            epoch: WallTime(8),
            is_here: true,
        },
        Packet::PassWanted {
            letter: LetterId([4; 16]),
            fault: PassFault::Expired,
        },
        errand(ErrandKind::Here {
            name: "ada".to_owned(),
            ttl_ms: 9,
        }),
        errand(ErrandKind::AckMail(vec![LetterId([5; 16]); 3])),
        Packet::Load(LoadReport {
            incarnation: WallTime(1),
            sequence: 2,
            queued: 3,
            running: 4,
            speed_milli: 5,
            caught_up: true,
            draining: false,
            mail_digest: 6,
            names_digest: 7,
        }),
    ]
}

fn messages() -> std::io::Result<()> {
    let manifest = Manifest {
        cargo: Cargo::MailState(9),
        size_bytes: 8,
        digest: Digest([7; 32]),
    };
    let job = HideJob {
        mode: Mode::Fast,
        cover: CoverChoice::Given(bytes::Bytes::from_static(b"picture")),
        payload: bytes::Bytes::from_static(b"sealed"),
        fill_seed: [1; 32],
    };
    write(
        "messages",
        "manifest",
        &prefixed(&[0], &codec::encode(&manifest)),
    )?;
    write("messages", "job", &prefixed(&[1], &codec::encode(&job)))?;
    let code = pairing::code("ada", &UserId([6; 32]));
    write("messages", "code", &prefixed(&[18], code.as_bytes()))?;
    for kind in 2..26 {
        write(
            "messages",
            &format!("noise{kind}"),
            &prefixed(&[kind], &noise(kind, 120)),
        )?;
        write(
            "messages",
            &format!("zeros{kind}"),
            &prefixed(&[kind], &[0; 200]),
        )?;
    }
    Ok(())
}

/// Each game of the container, with content that is believed: rights, data and a digest.
fn containers() -> std::io::Result<()> {
    let rights = [&[0; 81][..], &[0; 4], b"a"].concat();
    let data = noise(1, 40);
    let digest = *blake3::hash(&data).as_bytes();
    let plain = [&rights[..], &data, &digest, &[0; 3]].concat();
    let sizes = [0, rights.len() as u8, 0, data.len() as u8, 50, 0];
    write("container", "true", &[&[1][..], &sizes, &plain].concat())?;
    for game in 0..4 {
        let bytes = prefixed(&[game], &noise(game, 300));
        write("container", &format!("game{game}"), &bytes)?;
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    containers()?;
    datagrams()?;
    messages()?;
    seed_pictures::all()?;
    seed_servers::all()?;
    for (number, frame) in frames().iter().enumerate() {
        write("frames", &format!("{number:02}"), frame)?;
    }
    for (number, packet) in packets().iter().enumerate() {
        let encoded = codec::encode(packet);
        write("packets", &format!("{number:02}"), &encoded)?;
    }
    for target in ["fragments", "session", "acks", "statuses"] {
        for number in 0..8 {
            write(
                target,
                &format!("{number:02}"),
                &noise(number, 40 << (number % 4)),
            )?;
        }
    }
    Ok(())
}
