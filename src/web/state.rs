//! What all pages of one gallery share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::desk::SharedDesk;
use super::guard::Guard;
use super::looks::{Looks, Order};
use super::nonces::Nonces;
use super::refusals::Refusals;
use super::shelf::Shelf;
use crate::node::clock::Clock;
use crate::proto::control::{Command, Failure};
use crate::proto::ids::{Digest, GrantId};
use crate::proto::letter::GalleryItem;
use crate::talk::home;
use crate::time::{Moment, WallTime};

/// Previews in memory.
const PREVIEWS_MAX: usize = 2_048;
/// Covers in the size of a page, in memory.
const THUMBS_MAX: usize = 64;
/// Remarks that wait to be read.
const NOTES_MAX: usize = 64;
/// Galleries of others that are remembered while their owners are away.
const GALLERIES_MAX: usize = 64;
/// Live connections at a time.
pub(super) const STREAMS_MAX: u32 = 16;
/// Files that are taken in at a time.
pub(super) const UPLOADS_MAX: u32 = 2;

/// A remark for the next page: what was done, or why not.
#[derive(Clone, Debug)]
pub(super) struct Remark {
    /// What happened.
    pub(super) text: String,
    /// What can be done about it; empty if all is well.
    pub(super) hint: String,
    /// Whether it failed.
    pub(super) is_failure: bool,
}

/// A gallery as its owner told it last.
#[derive(Clone, Debug)]
pub(super) struct KnownGallery {
    /// The pictures.
    pub(super) items: Vec<GalleryItem>,
    /// Whether previews are refused.
    pub(super) refused: bool,
    /// When.
    pub(super) at: WallTime,
}

/// Everything that pages share.
pub(super) struct State {
    /// The way to the node.
    pub(super) desk: SharedDesk,
    /// The folder with the pictures that were received.
    pub(super) home: PathBuf,
    /// The person's name.
    pub(super) me: String,
    /// Who may pass.
    pub(super) guard: Guard,
    /// The secret of the address, and the value of the cookie.
    pub(super) secrets: Secrets,
    /// What was refused.
    pub(super) refusals: Refusals,
    /// Becomes true when the gallery ends.
    pub(super) drain: watch::Receiver<bool>,
    /// Live connections now.
    pub(super) streams: Places,
    /// Files that are taken in now.
    pub(super) uploads: Places,
    clock: Clock,
    looks: Mutex<Looks>,
    nonces: Mutex<Nonces>,
    notes: Mutex<Shelf<String, Remark>>,
    previews: Mutex<Shelf<Digest, Bytes>>,
    thumbs: Mutex<Shelf<GrantId, Bytes>>,
    galleries: Mutex<Shelf<String, KnownGallery>>,
}

/// What opens the door.
pub(super) struct Secrets {
    door: blake3::Hash,
    /// For the browser that we open ourselves: other people's programs can see its arguments.
    once: Mutex<Option<blake3::Hash>>,
    /// The value of the cookie.
    pub(super) session: String,
}

impl Secrets {
    /// The secrets of one start.
    pub(super) fn new(door: &str, once: &str, session: String) -> Self {
        Self {
            door: blake3::hash(door.as_bytes()),
            once: Mutex::new(Some(blake3::hash(once.as_bytes()))),
            session,
        }
    }

    /// Whether a secret opens. Hashes compare in constant time.
    pub(super) fn opens(&self, secret: &str) -> bool {
        let secret = blake3::hash(secret.as_bytes());
        if self.door == secret {
            return true;
        }
        let mut once = lock(&self.once);
        if *once == Some(secret) {
            *once = None;
            return true;
        }
        false
    }
}

/// A number of places.
pub(super) struct Places {
    taken: AtomicU32,
    max: u32,
}

impl Places {
    /// So many places, all free.
    pub(super) const fn new(max: u32) -> Self {
        Self {
            taken: AtomicU32::new(0),
            max,
        }
    }

    /// Takes a place, if one is free.
    pub(super) fn take(&self) -> bool {
        let more = |taken: u32| (taken < self.max).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, more)
            .is_ok()
    }

    /// Gives a place back.
    pub(super) fn leave(&self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a gallery begins with.
pub(super) struct Beginning {
    pub(super) desk: SharedDesk,
    pub(super) home: PathBuf,
    pub(super) me: String,
    pub(super) guard: Guard,
    pub(super) secrets: Secrets,
    pub(super) drain: watch::Receiver<bool>,
}

impl State {
    /// The state at the start.
    pub(super) fn new(beginning: Beginning) -> Self {
        Self {
            desk: beginning.desk,
            home: beginning.home,
            me: beginning.me,
            guard: beginning.guard,
            secrets: beginning.secrets,
            refusals: Refusals::default(),
            drain: beginning.drain,
            streams: Places::new(STREAMS_MAX),
            uploads: Places::new(UPLOADS_MAX),
            clock: Clock::start(),
            looks: Mutex::default(),
            nonces: Mutex::default(),
            notes: Mutex::new(Shelf::new(NOTES_MAX)),
            previews: Mutex::new(Shelf::new(PREVIEWS_MAX)),
            thumbs: Mutex::new(Shelf::new(THUMBS_MAX)),
            galleries: Mutex::new(Shelf::new(GALLERIES_MAX)),
        }
    }

    /// The moment it is.
    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The calendar now.
    pub(super) fn today(&self) -> WallTime {
        self.clock.calendar().at(self.now())
    }

    /// Looks on their way.
    pub(super) fn looks(&self) -> MutexGuard<'_, Looks> {
        lock(&self.looks)
    }

    /// Nonces that are out.
    pub(super) fn nonces(&self) -> MutexGuard<'_, Nonces> {
        lock(&self.nonces)
    }

    /// Tells the node what became of looks.
    pub(super) fn carry_out(&self, orders: impl IntoIterator<Item = Order>) {
        for order in orders {
            self.desk.tell(command(order));
        }
    }

    /// Keeps a remark for the next page; gives its name.
    pub(super) fn leave_note(&self, remark: Remark) -> Result<String, Failure> {
        let name = hex(&random::<16>()?);
        lock(&self.notes).put(name.clone(), remark);
        Ok(name)
    }

    /// A remark that was kept.
    pub(super) fn note(&self, name: &str) -> Option<Remark> {
        lock(&self.notes).get(&name.to_owned()).cloned()
    }

    /// Keeps the previews of a gallery, so that its page can show them.
    pub(super) fn keep_previews(&self, items: &[GalleryItem]) {
        let mut previews = lock(&self.previews);
        for item in items.iter().filter(|item| !item.preview.is_empty()) {
            previews.put(Digest::of(&item.preview), item.preview.clone());
        }
    }

    /// A preview that was kept.
    pub(super) fn preview(&self, digest: Digest) -> Option<Bytes> {
        lock(&self.previews).get(&digest).cloned()
    }

    /// Keeps a cover in the size of a page.
    pub(super) fn keep_thumb(&self, grant: GrantId, thumb: Bytes) {
        lock(&self.thumbs).put(grant, thumb);
    }

    /// A cover that was kept.
    pub(super) fn thumb(&self, grant: GrantId) -> Option<Bytes> {
        lock(&self.thumbs).get(&grant).cloned()
    }

    /// Keeps a gallery.
    pub(super) fn keep_gallery(&self, peer: &str, gallery: KnownGallery) {
        lock(&self.galleries).put(peer.to_owned(), gallery);
    }

    /// A gallery that was kept.
    pub(super) fn gallery(&self, peer: &str) -> Option<KnownGallery> {
        lock(&self.galleries).get(&peer.to_owned()).cloned()
    }
}

/// The command for an order.
pub(super) const fn command(order: Order) -> Command {
    match order {
        Order::Shown(view) => Command::Shown(view),
        Order::LetGo(view) => Command::LetGo(view),
    }
}

/// Random bytes of the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    home::random(&mut bytes)?;
    Ok(bytes)
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Bytes from lower-case hexadecimal of exactly the right length.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
    bytes.try_into().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_opens_often_and_the_other_secret_once() {
        let secrets = Secrets::new("door", "once", "session".into());
        assert!(secrets.opens("door") && secrets.opens("door"));
        assert!(secrets.opens("once") && !secrets.opens("once"));
        assert!(!secrets.opens("") && !secrets.opens("session"));
    }

    #[test]
    fn so_many_places_and_no_more() {
        let places = Places::new(2);
        assert!(places.take() && places.take() && !places.take());
        places.leave();
        assert!(places.take());
    }

    #[test]
    fn hexadecimal_must_have_its_length() {
        assert_eq!(unhex::<2>("00ff"), Some([0, 255]));
        for bad in ["", "00", "00fff", "00FF", "0x00", "00ffaa"] {
            assert_eq!(unhex::<2>(bad), None, "{bad}");
        }
    }
}
