//! What a tile shows: one state for each picture, from what the node knows. Pure.

use bytes::Bytes;

use crate::proto::ids::Digest;
use crate::proto::lease::EndReason;
use crate::proto::letter::GalleryItem;
use crate::proto::outcome::{AskState, Lease, OpenAsk};
use crate::time::WallTime;

/// What a person can see of a picture, and do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It can be asked for; told what the owner said last, if that was no.
    Offered {
        /// The owner's words.
        denied: Option<String>,
    },
    /// A question is out.
    Asked {
        /// Whether the owner is online: then they have it before them.
        is_owner_here: bool,
    },
    /// Looks are left, and the picture is on its way here.
    OnItsWay,
    /// Looks are left.
    Granted,
    /// Looks are left, but no server answers: what the owner changed lately is not known.
    Stale,
    /// It is on the screen now.
    Viewing,
    /// A look was counted and cut short.
    Interrupted,
    /// It gives no looks any more.
    Ended(EndReason),
}

impl State {
    /// The state in one word.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Offered { .. } => "offered",
            Self::Asked { .. } => "asked",
            Self::OnItsWay => "on its way",
            Self::Granted => "granted",
            Self::Stale => "stale",
            Self::Viewing => "viewing",
            Self::Interrupted => "interrupted",
            Self::Ended(EndReason::Spent) => "spent",
            Self::Ended(EndReason::Expired) => "expired",
            Self::Ended(EndReason::Revoked) => "revoked",
            Self::Ended(EndReason::Copied) => "copied",
        }
    }

    /// Whether the picture can be opened now.
    pub(super) const fn can_open(&self) -> bool {
        matches!(self, Self::Granted | Self::Stale | Self::Interrupted)
    }
}

/// One picture of a gallery.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    /// Its name.
    pub(super) name: String,
    /// The owner's name.
    pub(super) peer: String,
    /// Size of the original in bytes, if it is on offer.
    pub(super) size_bytes: Option<u32>,
    /// The blurred preview, if there is one.
    pub(super) preview: Option<Digest>,
    /// How it stands.
    pub(super) state: State,
    /// The grant, if there is one.
    pub(super) lease: Option<Lease>,
    /// The open question, if there is one.
    pub(super) ask: Option<OpenAsk>,
}

/// What the states depend on besides grants and questions.
pub(super) struct Circumstances<'a> {
    /// The calendar.
    pub(super) now: WallTime,
    /// Whether a server answers.
    pub(super) is_connected: bool,
    /// Whether the owner is online.
    pub(super) is_owner_here: bool,
    /// Whether a picture of the grant is on the screen.
    pub(super) is_viewing: &'a dyn Fn(&Lease) -> bool,
    /// Whether the last look of the grant was cut short.
    pub(super) is_cut_short: &'a dyn Fn(&Lease) -> bool,
}

/// Why a grant gives no looks, by what this side knows.
pub(super) fn ended(lease: &Lease, now: WallTime) -> Option<EndReason> {
    if let Some(ended) = lease.ended {
        return Some(ended.reason);
    }
    let terms = &lease.terms;
    match () {
        () if terms.revoked => Some(EndReason::Revoked),
        () if terms.left() == 0 => Some(EndReason::Spent),
        () if terms.is_expired(now) => Some(EndReason::Expired),
        () => None,
    }
}

/// The state of a grant that was given to us.
pub(super) fn lease_state(lease: &Lease, around: &Circumstances<'_>) -> State {
    if (around.is_viewing)(lease) {
        return State::Viewing;
    }
    if (around.is_cut_short)(lease) {
        return State::Interrupted;
    }
    if let Some(reason) = ended(lease, around.now) {
        return State::Ended(reason);
    }
    match (lease.delivered, around.is_connected) {
        (false, _) => State::OnItsWay,
        (true, true) => State::Granted,
        (true, false) => State::Stale,
    }
}

/// The tiles of one peer's gallery: what is on offer, and what was granted and is so no more.
pub(super) fn tiles(
    peer: &str,
    items: &[GalleryItem],
    leases: &[Lease],
    asks: &[OpenAsk],
    around: &Circumstances<'_>,
) -> Vec<Tile> {
    let granted = |name: &str| {
        leases
            .iter()
            .find(|lease| !lease.ours && lease.peer == peer && lease.name == name)
    };
    let mut names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
    let received = leases
        .iter()
        .filter(|lease| !lease.ours && lease.peer == peer);
    for name in received
        .map(|lease| lease.name.as_str())
        .chain(asked(peer, asks))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            let item = items.iter().find(|item| item.name == name);
            tile(peer, name, item, granted(name), asks, around)
        })
        .collect()
}

/// Pictures of a peer that we have asked for and hear no word about.
fn asked<'a>(peer: &'a str, asks: &'a [OpenAsk]) -> impl Iterator<Item = &'a str> {
    asks.iter()
        .filter(move |ask| ask.ours && ask.peer == peer && ask.state == AskState::Open)
        .map(|ask| ask.image.as_str())
}

/// One tile.
pub(super) fn tile(
    peer: &str,
    name: &str,
    item: Option<&GalleryItem>,
    lease: Option<&Lease>,
    asks: &[OpenAsk],
    around: &Circumstances<'_>,
) -> Tile {
    let mut mine = asks
        .iter()
        .filter(|ask| ask.ours && ask.peer == peer && ask.image == name);
    let open = mine.clone().find(|ask| ask.state == AskState::Open);
    let state = match lease.map(|lease| lease_state(lease, around)) {
        Some(state) if !matches!(state, State::Ended(_)) => state,
        _ if open.is_some() => State::Asked {
            is_owner_here: around.is_owner_here,
        },
        Some(state) => state,
        None => State::Offered {
            denied: mine.find_map(|ask| match &ask.state {
                AskState::Denied(reason) => Some(reason.clone()),
                _ => None,
            }),
        },
    };
    let preview = item.map(|item| &item.preview);
    Tile {
        name: name.to_owned(),
        peer: peer.to_owned(),
        size_bytes: item.map(|item| item.size_bytes),
        preview: preview.filter(|bytes| !bytes.is_empty()).map(digest),
        state,
        lease: lease.cloned(),
        ask: open.cloned(),
    }
}

fn digest(preview: &Bytes) -> Digest {
    Digest::of(preview)
}

#[cfg(test)]
mod tests;
