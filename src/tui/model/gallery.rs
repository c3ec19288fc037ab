//! The pictures of one owner, each with what stands between us and it.

use super::Model;
use crate::proto::control::{AskState, Failure, Lease};
use crate::proto::ids::GrantId;
use crate::proto::lease::EndReason;
use crate::proto::letter::GalleryItem;
use crate::stego::{self, DecodeLimits};
use crate::time::WallTime;

/// Most pixels of a preview that are decoded; a larger one is none.
const PREVIEW_MAX_PIXELS: u64 = 64 * 64;

/// The gallery on the screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gallery {
    /// Whose; none for our own.
    pub(crate) of: Option<String>,
    /// What is in it; none while it is fetched.
    pub(crate) items: Option<Vec<Item>>,
    /// Whether the owner's rules keep previews from us.
    pub(crate) refused: bool,
    /// Why it could not be fetched.
    pub(crate) failed: Option<Failure>,
}

/// A picture of a gallery, its preview decoded.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) size_bytes: u32,
    pub(crate) preview: Option<Preview>,
}

/// A small blurred picture.
#[derive(Clone, Debug)]
pub(crate) struct Preview {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Three bytes a pixel, row by row.
    pub(crate) rgb: Vec<u8>,
}

impl Item {
    pub(crate) fn new(item: &GalleryItem) -> Self {
        let limits = DecodeLimits {
            max_pixels: PREVIEW_MAX_PIXELS,
            ..DecodeLimits::default()
        };
        let picture = stego::decode(&item.preview, &limits).ok();
        Self {
            name: item.name.clone(),
            size_bytes: item.size_bytes,
            preview: picture.map(|picture| Preview {
                width: picture.width(),
                height: picture.height(),
                rgb: picture.into_samples(),
            }),
        }
    }
}

/// What stands between us and a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is our own; so many grants of it give looks.
    Own { live: usize },
    /// It may be asked for.
    Offered,
    /// So many looks are asked for, since then.
    Asked { views: u32, at: WallTime },
    /// The owner said no.
    Denied { reason: String },
    /// So many looks are left of those granted.
    Granted {
        left: u32,
        granted: u32,
        until: Option<WallTime>,
        delivered: bool,
    },
    /// No looks any more.
    Ended {
        reason: EndReason,
        at: WallTime,
        granted: u32,
    },
}

/// A picture of the gallery as it is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Tile<'a> {
    pub(crate) name: &'a str,
    /// Absent for a picture that was granted without being offered.
    pub(crate) item: Option<&'a Item>,
    pub(crate) standing: Standing,
    /// The grant, if there ever was one.
    pub(crate) grant: Option<GrantId>,
}

impl Model {
    /// The pictures of the gallery on the screen, and those that its owner granted unoffered.
    pub(crate) fn tiles(&self) -> Vec<Tile<'_>> {
        let items = self.gallery.items.iter().flatten();
        let mut tiles: Vec<Tile<'_>> = items
            .map(|item| {
                let (standing, grant) = self.standing(&item.name);
                Tile {
                    name: &item.name,
                    item: Some(item),
                    standing,
                    grant,
                }
            })
            .collect();
        for lease in self.of_owner() {
            if tiles.iter().all(|tile| tile.name != lease.name) {
                let (standing, grant) = self.standing(&lease.name);
                tiles.push(Tile {
                    name: &lease.name,
                    item: None,
                    standing,
                    grant,
                });
            }
        }
        tiles.retain(|tile| self.passes(&[tile.name]));
        tiles
    }

    /// The chosen picture.
    pub(crate) fn tile(&self) -> Option<Tile<'_>> {
        let row = self.row();
        self.tiles().into_iter().nth(row)
    }

    fn of_owner(&self) -> impl Iterator<Item = &Lease> {
        let of = self.gallery.of.as_ref();
        let leases = self.leases.iter().flatten();
        leases.filter(move |lease| !lease.ours && Some(&lease.peer) == of)
    }

    fn standing(&self, name: &str) -> (Standing, Option<GrantId>) {
        let Some(of) = &self.gallery.of else {
            let leases = self.leases.iter().flatten();
            let live = leases
                .filter(|lease| lease.ours && lease.name == name && lease.left() > 0)
                .count();
            return (Standing::Own { live }, None);
        };
        let lease = self.of_owner().find(|lease| lease.name == name);
        let grant = lease.map(|lease| lease.grant);
        if let Some(lease) = lease.filter(|lease| is_live(lease, self.now)) {
            return (granted(lease), grant);
        }
        let ask = self.asks.iter().flatten().rev().find(|ask| {
            ask.ours && ask.peer == *of && ask.image == name && ask.state != AskState::Withdrawn
        });
        if let Some(ask) = ask.filter(|ask| ask.state == AskState::Open) {
            let (views, at) = (ask.views, ask.at);
            return (Standing::Asked { views, at }, grant);
        }
        if let Some(lease) = lease {
            return (ended(lease, self.now), grant);
        }
        match ask.map(|ask| &ask.state) {
            Some(AskState::Denied(reason)) => {
                let reason = reason.clone();
                (Standing::Denied { reason }, None)
            }
            _ => (Standing::Offered, None),
        }
    }
}

fn is_live(lease: &Lease, now: WallTime) -> bool {
    lease.left() > 0 && !lease.terms.is_expired(now)
}

fn granted(lease: &Lease) -> Standing {
    Standing::Granted {
        left: lease.left(),
        granted: lease.terms.granted,
        until: lease.terms.until,
        delivered: lease.delivered,
    }
}

/// The end of a grant that gives no looks now, told or seen.
pub(crate) fn end_of(lease: &Lease, now: WallTime) -> Option<(EndReason, WallTime)> {
    if let Some(end) = lease.ended {
        return Some((end.reason, end.at));
    }
    if lease.terms.revoked {
        return Some((EndReason::Revoked, lease.granted_at));
    }
    if lease.terms.is_expired(now) {
        return Some((EndReason::Expired, lease.terms.until.unwrap_or(now)));
    }
    (lease.left() == 0).then_some((EndReason::Spent, lease.granted_at))
}

fn ended(lease: &Lease, now: WallTime) -> Standing {
    let (reason, at) = end_of(lease, now).unwrap_or((EndReason::Spent, now));
    Standing::Ended {
        reason,
        at,
        granted: lease.terms.granted,
    }
}
