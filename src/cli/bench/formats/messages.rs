//! The messages, as they are on the wire.

use std::net::SocketAddr;

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{Row, row};
use crate::proto::cargo::{Cargo, CoverChoice, HideJob, Manifest, Mode};
use crate::proto::identity::{PublicIdentity, Signature};
use crate::proto::ids::{Digest, LetterId, NodeId, RequestId, UserId};
use crate::proto::letter::Letter;
use crate::proto::limits::LOOKUP_PAGE_ENTRIES;
use crate::proto::packet::{
    Ask, Claim, DirectoryEntry, Errand, ErrandKind, LoadReport, LookupAnswer, Packet,
};
use crate::time::WallTime;

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

/// All of them, measured.
pub(super) fn rows() -> Vec<Row> {
    let mut maker = Maker(ChaCha20Rng::seed_from_u64(1));
    let ask = maker.ask();
    let claim = Claim {
        ask: maker.ask(),
        client: UserId([7; 32]),
        epoch: 0,
        score: 48_211,
        waited: false,
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
        row("Ask", &Packet::Ask { ask, unheard_ms: 0 }),
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
