//! Who asks whom with which pass, as the world sees it, and clients that cheat about it.
//!
//! The world knows everybody's keys, so it reads letters where they arrive. What it tells is judged
//! by `checks/introduced.rs`, against the passes that servers really gave.

use bytes::Bytes;

use crate::crypto::identity::SecretIdentity;
use crate::crypto::letters;
use crate::proto::cargo::Cargo;
use crate::proto::codec;
use crate::proto::ids::{GrantId, UserId};
use crate::proto::letter::{Letter, Note};
use crate::proto::limits::LETTER_MAX_BYTES;
use crate::proto::packet::{Packet, Party};
use crate::proto::pass::{Pass, Visit};
use crate::transport::contract::{Incoming, Moved, Order};

/// Room for a letter, its envelope and a pass.
const VISIT_MAX_BYTES: usize = LETTER_MAX_BYTES + 2_048;

/// How a client cheats when it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cheat {
    /// It shows no pass.
    None,
    /// It shows a pass that it has written a later end on.
    Longer,
    /// It shows a pass of somebody else.
    Stolen,
}

impl Cheat {
    /// What the client sends instead.
    pub fn bend(self, order: &mut Order) {
        let Order::SendMessage {
            cargo: Cargo::Visit(_),
            body,
            digest,
            ..
        } = order
        else {
            return;
        };
        let Ok(visit) = codec::decode::<Visit>(body, VISIT_MAX_BYTES) else {
            return;
        };
        let pass = visit.pass.and_then(|pass| match self {
            Self::None => None,
            Self::Longer => Some(Pass {
                until: crate::time::WallTime(pass.until.0 + 1),
                ..pass
            }),
            Self::Stolen => Some(Pass {
                asker: UserId([9; 32]),
                ..pass
            }),
        });
        *body = Bytes::from(codec::encode(&Visit { pass, ..visit }));
        *digest = None;
    }
}

/// Something between two users that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Between {
    /// A question for a gallery.
    GalleryAsked {
        /// Its number.
        nonce: u64,
        /// The pass that came with it.
        pass: Option<Pass>,
    },
    /// A question for the picture of a grant.
    PictureAsked {
        /// The grant.
        grant: GrantId,
        /// The pass that came with it.
        pass: Option<Pass>,
    },
    /// A gallery, the answer to the question of this number.
    Gallery(u64),
    /// A picture.
    Picture,
    /// The word that a pass is wanted.
    TurnedAway,
}

/// What an arrival at the user `me` is, of what the checks should know: from whom, and what.
#[must_use]
pub fn read(me: &SecretIdentity, incoming: &Incoming) -> Vec<(UserId, Between)> {
    let Party::User(from) = incoming.from else {
        return Vec::new();
    };
    let turned_away = |packet: &Packet| matches!(packet, Packet::PassWanted { .. });
    let refusals = incoming.packets.iter().filter(|packet| turned_away(packet));
    let refusals = refusals.map(|_| Between::TurnedAway);
    let messages = incoming.moved.iter().filter_map(|moved| match moved {
        Moved::Received {
            cargo: Cargo::Picture(..),
            ..
        } => Some(Between::Picture),
        Moved::Received {
            cargo: Cargo::Letter(_),
            body,
        } => letter(me, body, None),
        Moved::Received {
            cargo: Cargo::Visit(_),
            body,
        } => {
            let visit: Visit = codec::decode(body, VISIT_MAX_BYTES).ok()?;
            letter(me, &visit.letter, visit.pass)
        }
        _ => None,
    });
    refusals.chain(messages).map(|one| (from, one)).collect()
}

fn letter(me: &SecretIdentity, body: &[u8], pass: Option<Pass>) -> Option<Between> {
    let letter: Letter = codec::decode(body, VISIT_MAX_BYTES).ok()?;
    match letters::open(me, &letter).ok()? {
        Note::GalleryAsk { nonce, .. } => Some(Between::GalleryAsked { nonce, pass }),
        Note::PictureAsk { grant, .. } => Some(Between::PictureAsked { grant, pass }),
        Note::Gallery { nonce, .. } => Some(Between::Gallery(nonce)),
        _ => None,
    }
}

/// The passes among what a server sends.
pub fn given(order: &Order) -> impl Iterator<Item = Pass> {
    let packets = match order {
        Order::Send { packets, .. } => packets.as_slice(),
        _ => &[],
    };
    packets.iter().filter_map(|packet| match packet {
        Packet::LookupAnswer(answer) => answer.pass,
        _ => None,
    })
}
