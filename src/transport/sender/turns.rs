//! Whose fragment goes next.
//!
//! What has little left goes first, the least first; the rest takes turns of a few fragments. One
//! of every [`BULK_EVERY`] fragments belongs to the large ones, so small ones never starve them.

use super::transfer::Transfer;

/// Fragments of one large message in a row.
const TURN: u32 = 8;

/// A large message has one of so many fragments, whatever small ones ask for.
const BULK_EVERY: u32 = 8;

/// Places of transfers; none where one has ended.
pub(super) type Slots = Vec<Option<Box<Transfer>>>;

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turns {
    /// At most so many bytes left: small.
    small_bytes: u32,
    /// The small one that goes on, if nothing has changed.
    small: Option<usize>,
    /// Whether a small one may be ready.
    has_small: bool,
    /// The large one whose turn it is, and how many fragments it has left.
    bulk: usize,
    bulk_left: u32,
    /// Fragments of small ones since the last one of a large one.
    smalls: u32,
}

impl Turns {
    pub(super) const fn new(small_bytes: u32) -> Self {
        Self {
            small_bytes,
            small: None,
            has_small: false,
            bulk: 0,
            bulk_left: 0,
            smalls: 0,
        }
    }

    /// Something about this transfer has changed: it may be first now.
    pub(super) fn wake(&mut self, transfer: &Transfer) {
        if transfer.rest_bytes() <= self.small_bytes {
            self.wake_all();
        }
    }

    /// Anything may have changed.
    pub(super) const fn wake_all(&mut self) {
        self.small = None;
        self.has_small = true;
    }

    /// The transfer that sends next, if one is ready.
    pub(super) fn choose(&mut self, slots: &Slots) -> Option<usize> {
        if self.smalls + 1 < BULK_EVERY
            && let Some(slot) = self.next_small(slots)
        {
            self.smalls += 1;
            return Some(slot);
        }
        self.smalls = 0;
        self.next_bulk(slots).or_else(|| {
            self.has_small = true;
            self.next_small(slots)
        })
    }

    fn is_small(&self, transfer: &Transfer) -> bool {
        transfer.rest_bytes() <= self.small_bytes
    }

    fn next_small(&mut self, slots: &Slots) -> Option<usize> {
        if !self.has_small {
            return None;
        }
        let ready = |slot: usize| {
            let transfer = slots.get(slot)?.as_ref()?;
            (transfer.is_ready() && self.is_small(transfer)).then(|| transfer.rest_bytes())
        };
        if self.small.and_then(ready).is_none() {
            let all = (0..slots.len()).filter_map(|slot| ready(slot).map(|rest| (rest, slot)));
            self.small = all.min().map(|(_, slot)| slot);
            self.has_small = self.small.is_some();
        }
        self.small
    }

    fn next_bulk(&mut self, slots: &Slots) -> Option<usize> {
        let is_ready = |slot: usize| {
            let transfer = slots.get(slot).and_then(Option::as_ref);
            transfer.is_some_and(|one| one.is_ready() && !self.is_small(one))
        };
        if self.bulk_left == 0 || !is_ready(self.bulk) {
            let count = slots.len();
            let mut others = (1..=count).map(|step| (self.bulk + step) % count);
            self.bulk = others.find(|slot| is_ready(*slot))?;
            self.bulk_left = TURN;
        }
        self.bulk_left -= 1;
        Some(self.bulk)
    }
}
