//! Pictures on offer, and their previews for ourselves and for peers.

use core::time::Duration;

use bytes::Bytes;
use rand_chacha::rand_core::Rng;

use super::jobs::{Awaited, Origin, Step, bare, done, failed};
use super::rows::Offer;
use super::shares::ShareStep;
use super::{Output, Sharing, checks};
use crate::actors::edges::{Contact, DiskOrder, Ticket, Work, WorkDone};
use crate::actors::machine::Outbox;
use crate::proto::codec;
use crate::proto::control::{Failure, Outcome};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::WishId;
use crate::proto::letter::{GalleryItem, ImageRef, Note};
use crate::proto::limits::{GALLERY_MAX_ITEMS, LETTER_MAX_BYTES, PREVIEW_MAX_BYTES};
use crate::proto::notice::Notice;
use crate::time::Moment;

/// Bytes of a gallery answer: what a letter holds without its envelope and seal.
const GALLERY_MAX_BYTES: usize = LETTER_MAX_BYTES - 4_096;

impl Sharing {
    pub(super) fn offer_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        (name, original): (String, Bytes),
        keep_metadata: bool,
        out: &mut Outbox<Output>,
    ) {
        let origin = Origin::Wish(wish);
        if let Err(failure) = self.may_offer(&name, original.len()) {
            return failed(origin, failure, out);
        }
        if keep_metadata {
            self.preview(now, origin, name, (original, Vec::new()), out);
        } else {
            self.clean(now, origin, Step::OfferClean(name), original, out);
        }
    }

    /// Takes metadata out of a picture that others will get.
    pub(super) fn clean(
        &mut self,
        now: Moment,
        origin: Origin,
        step: Step,
        original: Bytes,
        out: &mut Outbox<Output>,
    ) {
        let ticket = self.begin(now, origin, step);
        let work = Work::Clean(original);
        out.push(Output::Work { ticket, work });
    }

    fn preview(
        &mut self,
        now: Moment,
        origin: Origin,
        name: String,
        (original, removed): (Bytes, Vec<String>),
        out: &mut Outbox<Output>,
    ) {
        let step = Step::OfferPreview(name, original.clone(), removed);
        let ticket = self.begin(now, origin, step);
        let work = Work::Preview(original);
        out.push(Output::Work { ticket, work });
    }

    fn may_offer(&self, name: &str, size_bytes: usize) -> Result<(), Failure> {
        checks::image_name(name)?;
        checks::original(size_bytes)?;
        self.has_place()?;
        let mut coming = 0;
        for job in self.jobs.values() {
            let other = match &job.step {
                Step::OfferClean(other) | Step::OfferPreview(other, ..) => other,
                Step::OfferKeep(offer, _) | Step::OfferRow(offer, _) => &offer.item.name,
                _ => continue,
            };
            if other == name {
                return Err(checks::taken("this offer"));
            }
            coming += usize::from(!self.offers.contains_key(other));
        }
        let is_new = !self.offers.contains_key(name);
        if is_new && self.offers.len() + coming >= self.config.offers_max {
            return Err(checks::full("pictures on offer", self.config.offers_max));
        }
        Ok(())
    }

    pub(super) fn worked(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: WorkDone,
        out: &mut Outbox<Output>,
    ) {
        let Some(job) = self.take(ticket, Awaited::Work) else {
            return;
        };
        let origin = job.origin;
        match (job.step, answer) {
            (Step::OfferClean(name), WorkDone::Cleaned { original, removed }) => {
                self.preview(now, origin, name, (original, removed), out);
            }
            (Step::OfferPreview(name, original, removed), WorkDone::Previewed(preview)) => {
                self.keep_offer(now, origin, name, (original, preview, removed), out);
            }
            (Step::Share(share, ShareStep::Cleaning), WorkDone::Cleaned { original, removed }) => {
                self.share_cleaned(now, origin, share, (original, removed), out)
            }
            (_, WorkDone::Failed(fault)) => failed(origin, checks::work(&fault), out),
            _ => failed(origin, checks::silent(), out),
        }
    }

    fn keep_offer(
        &mut self,
        now: Moment,
        origin: Origin,
        name: String,
        (original, preview, removed): (Bytes, Bytes, Vec<String>),
        out: &mut Outbox<Output>,
    ) {
        let offer = Offer {
            file: Offer::file_of(&name),
            item: GalleryItem {
                name,
                size_bytes: u32::try_from(original.len()).unwrap_or(u32::MAX),
                preview: fitting(preview),
            },
        };
        let file = offer.original();
        let ticket = self.begin(now, origin, Step::OfferKeep(Box::new(offer), removed));
        let order = DiskOrder::Keep(file, original);
        out.push(Output::Disk { ticket, order });
    }

    pub(super) fn write_offer(
        &mut self,
        now: Moment,
        origin: Origin,
        offer: Box<Offer>,
        removed: Vec<String>,
        out: &mut Outbox<Output>,
    ) {
        let records = vec![offer.record()];
        self.write(now, origin, Step::OfferRow(offer, removed), records, out);
    }

    pub(super) fn offered(
        &mut self,
        origin: Origin,
        offer: Offer,
        removed: Vec<String>,
        out: &mut Outbox<Output>,
    ) {
        let name = offer.item.name.clone();
        self.offers.insert(name.clone(), offer);
        done(origin, Outcome::Offered { name, removed }, out);
        out.push(Output::Notice(Notice::Offers));
    }

    pub(super) fn gallery_wanted(
        &mut self,
        now: Moment,
        wish: WishId,
        peer: Option<String>,
        out: &mut Outbox<Output>,
    ) {
        let peer = peer.filter(|peer| bare(peer) != self.config.name);
        let Some(peer) = peer else {
            return self.own_gallery(wish, out);
        };
        if let Err(failure) = self.has_place() {
            return failed(Origin::Wish(wish), failure, out);
        }
        self.find(now, wish, &peer, Step::GalleryFind, out);
    }

    fn own_gallery(&self, wish: WishId, out: &mut Outbox<Output>) {
        let items = self.offers.values().map(|offer| offer.item.clone());
        let outcome = Outcome::Gallery {
            items: items.collect(),
            refused: false,
        };
        done(Origin::Wish(wish), outcome, out);
    }

    pub(super) fn ask_gallery(
        &mut self,
        now: Moment,
        wish: WishId,
        peer: &Contact,
        out: &mut Outbox<Output>,
    ) {
        let user = peer.identity.user_id();
        if user == self.config.me {
            return self.own_gallery(wish, out);
        }
        let nonce = self.rng.next_u64();
        let wait = Duration::from_millis(self.config.gallery_wait_ms);
        let step = Step::GalleryWait { nonce, peer: user };
        let ticket = self.begin_for(now, wait, Origin::Wish(wish), step);
        out.push(Output::Post {
            ticket,
            to: peer.identity,
            note: Note::GalleryAsk {
                nonce,
                from_name: self.config.name.clone(),
            },
        });
    }

    /// Shows a peer what the rules let them see. Lost answers are asked for again.
    pub(super) fn show_gallery(
        &mut self,
        to: PublicIdentity,
        nonce: u64,
        out: &mut Outbox<Output>,
    ) {
        let refused = !self.rule_for(to.user_id()).previews;
        let items = if refused {
            Vec::new()
        } else {
            self.gallery_page()
        };
        let ticket = self.tickets.draw();
        out.push(Output::Post {
            ticket,
            to,
            note: Note::Gallery {
                nonce,
                items,
                refused,
            },
        });
    }

    fn gallery_page(&self) -> Vec<GalleryItem> {
        let mut room = GALLERY_MAX_BYTES;
        let mut items = Vec::new();
        for offer in self.offers.values().take(GALLERY_MAX_ITEMS) {
            let size = codec::encode(&offer.item).len();
            let Some(rest) = room.checked_sub(size) else {
                break;
            };
            room = rest;
            items.push(offer.item.clone());
        }
        items
    }

    pub(super) fn gallery_arrived(
        &mut self,
        from: PublicIdentity,
        nonce: u64,
        items: Vec<GalleryItem>,
        refused: bool,
        out: &mut Outbox<Output>,
    ) {
        let user = from.user_id();
        let number = self.jobs.iter().find_map(|(number, job)| match job.step {
            Step::GalleryWait { nonce: ours, peer } => {
                (ours == nonce && peer == user).then_some(*number)
            }
            _ => None,
        });
        let Some(job) = number.and_then(|number| self.jobs.remove(&number)) else {
            return;
        };
        // A place in the list is a name for the picture, so nothing is left out in between.
        let items = items
            .into_iter()
            .take(GALLERY_MAX_ITEMS)
            .take_while(|item| checks::image_name(&item.name).is_ok())
            .map(|item| GalleryItem {
                preview: fitting(item.preview),
                ..item
            });
        let outcome = Outcome::Gallery {
            items: items.collect(),
            refused,
        };
        done(job.origin, outcome, out);
    }

    /// The name of the offered picture that is meant.
    pub(super) fn resolve(&self, image: &ImageRef) -> Option<String> {
        match image {
            ImageRef::Name(name) => self.offers.get_key_value(name).map(|(name, _)| name),
            ImageRef::Index(index) => {
                let place = usize::try_from(*index).ok()?;
                self.offers.keys().nth(place)
            }
        }
        .cloned()
    }
}

/// The preview, or none if it is larger than a gallery has room for.
fn fitting(preview: Bytes) -> Bytes {
    if preview.len() <= PREVIEW_MAX_BYTES {
        preview
    } else {
        Bytes::new()
    }
}
