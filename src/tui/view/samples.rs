//! Screens full of things, for tests.

use bytes::Bytes;

use super::super::model::Model;
use super::super::model::errand::Errand;
use super::super::model::tray::Entry;
use super::super::update::update;
use crate::proto::control::{
    AskState, ClientStatus, Lease, LeaseNews, News, Notice, Noticed, OpenAsk, Outcome, Peer,
};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{AskId, GrantId, NodeId, UserId};
use crate::proto::lease::{Conditions, EndReason, Ended, Terms};
use crate::proto::letter::GalleryItem;
use crate::proto::operator::{LedgerStatus, ServerStatus};
use crate::proto::route::Reached;
use crate::stego::{Picture, preview};
use crate::time::WallTime;
use crate::tui::event::Event;

/// 2026-11-20 10:45:00.
pub(crate) const NOW: WallTime = WallTime(1_795_171_500_000);
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

fn ago(minutes: u64) -> WallTime {
    WallTime(NOW.0 - minutes * MINUTE_MS)
}

pub(crate) fn grant(number: u8) -> GrantId {
    GrantId([number; 16])
}

pub(crate) fn status() -> ClientStatus {
    ClientStatus {
        user: UserId([17; 32]),
        identity: PublicIdentity {
            sign: [1; 32],
            seal: [2; 32],
        },
        name: "alice".into(),
        name_taken: false,
        servers_answering: vec![NodeId(1), NodeId(2), NodeId(3)],
        servers: 3,
        letters_queued: 1,
    }
}

fn peer(name: &str, number: u8, online: bool) -> Peer {
    Peer {
        name: name.into(),
        user: UserId([number; 32]),
        online,
        last_seen: ago(130),
        conflict: false,
        known: true,
        verified: number % 2 == 1,
        blocked: false,
        reached: match number {
            3 => Some(Reached::Direct),
            4 => Some(Reached::Relayed(NodeId(2))),
            _ => None,
        },
    }
}

fn peers() -> Vec<Peer> {
    vec![
        peer("bob", 3, true),
        peer("cara", 4, true),
        peer("dan", 5, false),
        Peer {
            conflict: true,
            verified: false,
            ..peer("eve", 6, false)
        },
        Peer {
            blocked: true,
            ..peer("mallory-with-a-name-longer-than-any-column", 7, false)
        },
    ]
}

fn lease(number: u8, name: &str, ours: bool, peer: &str, granted: u32, used: u32) -> Lease {
    let mut terms = Terms::new(granted, None);
    terms.used = used;
    Lease {
        grant: grant(number),
        name: name.into(),
        ours,
        peer: peer.into(),
        terms,
        conditions: Conditions::default(),
        granted_at: ago(u64::from(number)),
        ended: (used >= granted).then_some(Ended {
            reason: EndReason::Spent,
            at: ago(25),
        }),
        picture_bytes: 900_000,
        delivered: true,
        file: None,
        taken: None,
    }
}

fn leases() -> Vec<Lease> {
    let mut beach = lease(1, "beach.jpg", false, "bob", 3, 1);
    beach.terms.until = Some(WallTime(NOW.0 + 6 * DAY_MS));
    let mut lamp = lease(2, "lamp.png", false, "bob", 2, 0);
    lamp.ended = Some(Ended {
        reason: EndReason::Revoked,
        at: ago(3_000),
    });
    let tree = lease(3, "tree.png", false, "bob", 5, 5);
    let mut note = lease(4, "unoffered.png", false, "bob", 1, 0);
    note.delivered = false;
    let mut desk = lease(5, "desk.png", true, "cara", 3, 2);
    desk.terms.until = Some(WallTime(NOW.0 + DAY_MS / 2));
    let mut cat = lease(
        6,
        "a-very-long-name-of-a-cat-picture.jpg",
        true,
        "dan",
        1,
        0,
    );
    cat.delivered = false;
    let mut boat = lease(8, "boat.png", true, "bob", 4, 1);
    boat.ended = Some(Ended {
        reason: EndReason::Expired,
        at: ago(60),
    });
    vec![
        beach,
        lamp,
        tree,
        note,
        desk,
        cat,
        lease(7, "old.png", true, "bob", 5, 5),
        boat,
    ]
}

fn ask(number: u8, ours: bool, peer: &str, image: &str, state: AskState) -> OpenAsk {
    OpenAsk {
        ask: AskId([number; 16]),
        ours,
        peer: peer.into(),
        image: image.into(),
        views: 3,
        remark: String::new(),
        at: ago(u64::from(number)),
        state,
    }
}

fn asks() -> Vec<OpenAsk> {
    vec![
        OpenAsk {
            remark: "for the print".into(),
            ..ask(2, false, "cara", "desk.png", AskState::Open)
        },
        ask(12, true, "bob", "cat.jpg", AskState::Open),
        ask(
            90,
            true,
            "bob",
            "moon.jpg",
            AskState::Denied("not now".into()),
        ),
        ask(200, false, "dan", "boat.png", AskState::Approved(2)),
    ]
}

fn item(name: &str, tint: u8) -> GalleryItem {
    let pixels = (0..48_u32 * 32).flat_map(|at| {
        let shade = u8::try_from(at % 48 * 4).unwrap_or(0);
        [tint, shade, 255 - shade]
    });
    let picture = Picture::new(48, 32, pixels.collect()).expect("fits");
    GalleryItem {
        name: name.into(),
        size_bytes: 1_900_000,
        preview: Bytes::from(preview(&picture)),
    }
}

fn items() -> Vec<GalleryItem> {
    let names = [
        "beach.jpg",
        "cat.jpg",
        "desk.png",
        "lamp.png",
        "tree.png",
        "moon.jpg",
    ];
    names
        .iter()
        .zip(40..)
        .map(|(name, tint)| item(name, tint))
        .collect()
}

fn server(node: u8) -> ServerStatus {
    ServerStatus {
        node: NodeId(node),
        pid: 100,
        clients: ([127, 0, 0, 1], 7_000).into(),
        peers: ([127, 0, 0, 1], 7_100).into(),
        admin: ([127, 0, 0, 1], 7_200).into(),
        draining: false,
        requests_last_minute: u32::from(node) * 17,
        p95_ms: 41,
        outlook: Vec::new(),
        alive: vec![NodeId(1), NodeId(3)],
        suspicions: 0,
        caught_up: node == 1,
        failing: node == 2,
        token_on: true,
        token_here: node == 2,
        jobs: u32::from(node) * 2,
        requests_done: 1_234,
        users_online: 5,
        letters: 3,
        dropped: Vec::new(),
        ledger: LedgerStatus::default(),
    }
}

/// The servers of a cluster of four, one of them away.
pub(crate) fn cluster() -> Vec<(u8, Option<ServerStatus>)> {
    let mut servers: Vec<_> = (1..=3).map(|node| (node, Some(server(node)))).collect();
    servers.push((4, None));
    servers
}

/// Lines of the tray.
pub(crate) fn tray(model: &mut Model) {
    let notice = |at, what| Noticed {
        number: 1,
        at,
        notice: Notice::Lease {
            grant: grant(5),
            name: "desk.png".into(),
            ours: true,
            peer: "cara".into(),
            left: 1,
            what,
        },
    };
    let seen = notice(ago(3), LeaseNews::Viewed { ordinal: 2 });
    model.tray.push_back(Entry::new(&seen));
    let there = notice(ago(2_000), LeaseNews::Delivered);
    model.tray.push_back(Entry::new(&there));
}

/// A program at home, with everything answered.
pub(crate) fn full(size: (u16, u16), colour: bool) -> Model {
    let (mut model, _) = Model::new(true, colour, size, NOW);
    let answers = [
        (Errand::Status, Outcome::Status(status())),
        (
            Errand::Peers,
            Outcome::Peers {
                peers: peers(),
                fresh: true,
            },
        ),
        (Errand::Leases, Outcome::Leases(leases())),
        (Errand::Requests, Outcome::Requests(asks())),
    ];
    for (errand, outcome) in answers {
        let open = model.errands.iter().find(|(_, open)| **open == errand);
        let tag = *open.expect("is open").0;
        let news = News::Done(Box::new(outcome));
        update(&mut model, NOW, Event::Told(tag, news));
    }
    model
}

/// The gallery of a peer, fetched.
pub(crate) fn gallery(model: &mut Model) {
    let open = model
        .errands
        .iter()
        .find(|(_, open)| matches!(open, Errand::Gallery(_)));
    let tag = *open.expect("is open").0;
    let outcome = Outcome::Gallery {
        items: items(),
        refused: false,
    };
    update(model, NOW, Event::Told(tag, News::Done(Box::new(outcome))));
}
