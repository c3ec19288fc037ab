//! Who is under way and who waits: places are limited, and so are the bytes of large messages.

use core::time::Duration;

use bytes::Bytes;

use super::transfer::{Fate, Transfer};
use super::{FragmentSender, SendFailure, SenderEvent};
use crate::proto::cargo::Cargo;
use crate::proto::ids::Digest;
use crate::time::Moment;

/// A message that has no place yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) cargo: Cargo,
    pub(super) body: Bytes,
    pub(super) digest: Option<Digest>,
    pub(super) since: Moment,
}

impl FragmentSender {
    /// Tells the end of a transfer, and gives its place to another.
    pub(super) fn end(&mut self, slot: usize, fate: Fate) {
        let Some(gone) = self.remove(slot) else {
            return;
        };
        let cargo = gone.cargo;
        self.wanted.remove(&cargo);
        self.events.push_back(match fate {
            // The receiver is not told: what it has is where the next attempt goes on.
            Fate::Failed(reason) => SenderEvent::Failed { cargo, reason },
            _ => SenderEvent::Delivered { cargo },
        });
        self.fill_places();
    }

    pub(super) fn remove(&mut self, slot: usize) -> Option<Box<Transfer>> {
        let gone = self.slots[slot].take()?;
        if let Some(run) = &gone.run {
            self.forget_number(run.number);
        }
        Some(gone)
    }

    /// Whether a message of this size may begin beside what is under way.
    pub(super) fn has_place_for(&self, size_bytes: usize) -> bool {
        let running = self.slots.iter().flatten();
        let small_bytes = self.config.small_bytes as usize;
        let (mut count, mut bulk_count, mut bulk_bytes) = (0, 0, 0);
        for transfer in running {
            count += 1;
            let total_bytes = transfer.total_bytes() as usize;
            if total_bytes > small_bytes {
                bulk_count += 1;
                bulk_bytes += total_bytes;
            }
        }
        let bulk_fits = bulk_count == 0
            || (bulk_count < self.config.transfers_max.div_ceil(2)
                && bulk_bytes + size_bytes <= self.config.bulk_max_bytes);
        count < self.config.transfers_max && (size_bytes <= small_bytes || bulk_fits)
    }

    /// Gives the places that are free to those who wait, in order, small ones past large ones.
    pub(super) fn fill_places(&mut self) {
        let mut place = 0;
        while let Some(next) = self.waiting.get(place) {
            if !self.has_place_for(0) {
                return;
            }
            if !self.has_place_for(next.body.len()) {
                place += 1;
                continue;
            }
            let Some(next) = self.waiting.remove(place) else {
                return;
            };
            let cargo = next.cargo;
            match Transfer::new(self.now, cargo, next.body, next.digest) {
                Some(transfer) => self.start(Box::new(transfer)),
                None => {
                    self.wanted.remove(&cargo);
                    let reason = SendFailure::Refused;
                    self.events.push_back(SenderEvent::Failed { cargo, reason });
                }
            }
        }
    }

    fn start(&mut self, transfer: Box<Transfer>) {
        self.turns.wake(&transfer);
        match self.slots.iter().position(Option::is_none) {
            Some(slot) => self.slots[slot] = Some(transfer),
            None => self.slots.push(Some(transfer)),
        }
    }

    /// Those who wait fail with those who do not if the receiver is silent.
    pub(super) fn give_up_waiting(&mut self, now: Moment) {
        let give_up = Duration::from_millis(self.config.give_up_ms);
        let heard_at = self.heard_at;
        let (events, wanted) = (&mut self.events, &mut self.wanted);
        self.waiting.retain(|one| {
            let is_over = one.since.max(heard_at).after(give_up) <= now;
            if is_over {
                let (cargo, reason) = (one.cargo, SendFailure::Silent);
                wanted.remove(&cargo);
                events.push_back(SenderEvent::Failed { cargo, reason });
            }
            !is_over
        });
    }
}
