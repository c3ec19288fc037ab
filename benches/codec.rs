//! Measures encodings beside each other on the messages that this program really sends: size, and
//! time to encode and decode.
//!
//! `cargo bench --bench codec` prints Markdown. Ours is `proto::codec`, bincode with its limits
//! checked; the others are called as plainly as they can be. Every time is the best of several
//! batches: other work on the machine only ever makes a batch slower.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pentimento::proto::cargo::{Cargo, CoverChoice, HideJob, Manifest, Mode};
use pentimento::proto::codec;
use pentimento::proto::identity::{PublicIdentity, Signature};
use pentimento::proto::ids::{Digest, LetterId, NodeId, RequestId, UserId};
use pentimento::proto::letter::Letter;
use pentimento::proto::limits::{LOOKUP_PAGE_ENTRIES, MESSAGE_MAX_BYTES};
use pentimento::proto::packet::{
    Ask, Claim, DirectoryEntry, Errand, ErrandKind, LoadReport, LookupAnswer, Packet,
};
use pentimento::time::WallTime;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Batches of which the best counts.
const BATCHES: u32 = 7;
/// What a batch takes, about.
const BATCH: Duration = Duration::from_millis(4);

/// An encoding.
#[derive(Clone, Copy)]
enum Codec {
    Ours,
    Postcard,
    MessagePack,
    Cbor,
    Json,
}

impl Codec {
    const ALL: [Self; 5] = [
        Self::Ours,
        Self::Postcard,
        Self::MessagePack,
        Self::Cbor,
        Self::Json,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "bincode 2.0.1 (ours)",
            Self::Postcard => "postcard",
            Self::MessagePack => "MessagePack",
            Self::Cbor => "CBOR",
            Self::Json => "JSON",
        }
    }

    fn encode<T: Serialize>(self, value: &T) -> Option<Vec<u8>> {
        match self {
            Self::Ours => Some(codec::encode(value)),
            Self::Postcard => postcard::to_stdvec(value).ok(),
            Self::MessagePack => rmp_serde::to_vec(value).ok(),
            Self::Cbor => {
                let mut bytes = Vec::new();
                ciborium::into_writer(value, &mut bytes).ok()?;
                Some(bytes)
            }
            Self::Json => serde_json::to_vec(value).ok(),
        }
    }

    fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Option<T> {
        match self {
            Self::Ours => codec::decode(bytes, MESSAGE_MAX_BYTES).ok(),
            Self::Postcard => postcard::from_bytes(bytes).ok(),
            Self::MessagePack => rmp_serde::from_slice(bytes).ok(),
            Self::Cbor => ciborium::from_reader(bytes).ok(),
            Self::Json => serde_json::from_slice(bytes).ok(),
        }
    }
}

/// A message in one encoding; none if it does not come out as it went in.
struct Cell {
    size_bytes: usize,
    encode_ns: f64,
    decode_ns: f64,
}

/// A message in all of them.
struct Row {
    message: &'static str,
    cells: Vec<Option<Cell>>,
}

fn row<T>(message: &'static str, value: &T) -> Row
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let cells = Codec::ALL.iter().map(|codec| cell(*codec, value)).collect();
    Row { message, cells }
}

fn cell<T>(codec: Codec, value: &T) -> Option<Cell>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let encoded = codec.encode(value)?;
    if codec.decode::<T>(&encoded)? != *value {
        return None;
    }
    Some(Cell {
        size_bytes: encoded.len(),
        encode_ns: best_ns(|| drop(black_box(codec.encode(black_box(value))))),
        decode_ns: best_ns(|| drop(black_box(codec.decode::<T>(black_box(&encoded))))),
    })
}

/// What one call takes in the best batch.
#[expect(
    clippy::disallowed_methods,
    reason = "an edge: a bench reads the clock"
)]
fn best_ns(mut call: impl FnMut()) -> f64 {
    let mut calls = 1u32;
    let mut best = f64::INFINITY;
    let mut batches = 0;
    while batches < BATCHES {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        let took = start.elapsed();
        // The first batches only find out how many calls make one.
        if batches == 0 && took < BATCH && calls < 1 << 24 {
            calls *= 2;
            continue;
        }
        best = best.min(took.as_secs_f64() * 1e9 / f64::from(calls));
        batches += 1;
    }
    best
}

/// Values as they are on the wire: keys, digests and sealed bytes are evenly spread.
struct Maker(ChaCha20Rng);

impl Maker {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.0.random()
    }

    fn bytes(&mut self, length: usize) -> Bytes {
        let mut bytes = vec![0; length];
        self.0.fill(&mut bytes[..]);
        bytes.into()
    }

    fn identity(&mut self) -> PublicIdentity {
        PublicIdentity {
            sign: self.array(),
            seal: self.array(),
        }
    }

    fn signature(&mut self) -> Signature {
        Signature([self.array(), self.array()])
    }

    fn stamp(&mut self) -> WallTime {
        WallTime(1_795_000_000_000 + self.0.random_range(0..1_000_000_000))
    }

    fn request(&mut self) -> RequestId {
        RequestId {
            boot: self.0.random(),
            counter: 17,
        }
    }

    fn ask(&mut self) -> Ask {
        Ask {
            request: self.request(),
            size_bytes: 1_900_000,
            digest: Digest(self.array()),
        }
    }

    fn entry(&mut self, name: &str) -> DirectoryEntry {
        DirectoryEntry {
            name: name.into(),
            identity: self.identity(),
            address: Some(address()),
            last_seen: self.stamp(),
        }
    }

    fn letter(&mut self) -> Letter {
        Letter {
            id: LetterId(self.array()),
            from: self.identity(),
            to: UserId(self.array()),
            posted_at: self.stamp(),
            sealed: self.bytes(400),
            signature: self.signature(),
        }
    }

    fn errand(&mut self) -> Errand {
        Errand {
            user: self.identity(),
            epoch: self.stamp(),
            sequence: 40,
            kind: ErrandKind::Here {
                name: "mathilde".into(),
                ttl_ms: 30_000,
            },
            signature: self.signature(),
        }
    }

    fn load(&mut self) -> LoadReport {
        LoadReport {
            incarnation: self.stamp(),
            sequence: 4_321,
            queued: 3,
            running: 2,
            speed_milli: 1_730,
            caught_up: true,
            draining: false,
            mail_digest: self.0.random(),
            names_digest: self.0.random(),
        }
    }

    fn job(&mut self, payload_bytes: usize) -> HideJob {
        HideJob {
            mode: Mode::Fast,
            cover: CoverChoice::Ours(0),
            payload: self.bytes(payload_bytes),
            fill_seed: self.array(),
        }
    }
}

fn address() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], 40_123))
}

fn rows() -> Vec<Row> {
    let mut maker = Maker(ChaCha20Rng::seed_from_u64(1));
    let ask = maker.ask();
    let claim = Claim {
        ask: maker.ask(),
        client: UserId([7; 32]),
        epoch: 0,
        score: 48_211,
    };
    let names = [
        "ada",
        "bertrand",
        "charlotte",
        "dominique",
        "emanuela",
        "ferdinand",
    ];
    let entries = names
        .iter()
        .take(LOOKUP_PAGE_ENTRIES)
        .map(|name| maker.entry(name))
        .collect();
    let page = LookupAnswer {
        nonce: 977_231_004_132,
        entries,
        more: true,
        pass: None,
    };
    let manifest = Manifest {
        cargo: Cargo::Result {
            request: maker.request(),
            epoch: 0,
            node: NodeId(2),
            hiding_us: 81_234,
        },
        size_bytes: 2_400_000,
        digest: Digest(maker.array()),
    };
    vec![
        row("Ask", &Packet::Ask(ask)),
        row("Claim", &Packet::Claim(claim)),
        row("LoadReport", &Packet::Load(maker.load())),
        row("Errand", &Packet::Errand(maker.errand())),
        row("LookupAnswer, 6 entries", &Packet::LookupAnswer(page)),
        row("Letter, 400 B sealed", &maker.letter()),
        row("Manifest", &manifest),
        row("HideJob, 4.8 kB", &maker.job(4_800)),
        row("HideJob, 1.9 MB", &maker.job(1_900_000)),
    ]
}

/// A table of one figure, with its ratio to ours.
fn table(
    title: &str,
    rows: &[Row],
    figure: impl Fn(&Cell) -> f64,
    text: impl Fn(f64) -> String,
) -> String {
    let mut out = format!("\n### {title}\n\n| message |");
    for codec in Codec::ALL {
        let _ = write!(out, " {} |", codec.name());
    }
    let _ = writeln!(out, "\n|---{}|", "|---".repeat(Codec::ALL.len()));
    for row in rows {
        let _ = write!(out, "| {} |", row.message);
        let ours = row.cells.first().and_then(Option::as_ref).map(&figure);
        for (place, cell) in row.cells.iter().enumerate() {
            let told = match (cell.as_ref().map(&figure), ours) {
                (None, _) => "does not come back".into(),
                (Some(value), Some(ours)) if place > 0 => {
                    format!("{} ({:.2})", text(value), value / ours)
                }
                (Some(value), _) => text(value),
            };
            let _ = write!(out, " {told} |");
        }
        out.push('\n');
    }
    out
}

fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos >= 1e6 => format!("{:.2} ms", nanos / 1e6),
        nanos if nanos >= 1e3 => format!("{:.2} us", nanos / 1e3),
        nanos => format!("{nanos:.0} ns"),
    }
}

fn main() -> io::Result<()> {
    let rows = rows();
    let mut text = String::from("# Encodings beside each other\n\nIn brackets: times ours.\n");
    text += &table(
        "Size in bytes",
        &rows,
        |cell| cell.size_bytes as f64,
        |size| format!("{size:.0}"),
    );
    text += &table("Encode", &rows, |cell| cell.encode_ns, time);
    text += &table("Decode", &rows, |cell| cell.decode_ns, time);
    io::stdout().write_all(text.as_bytes())
}
