//! The shares of one look, until they are enough.

use crate::actors::looks::{Look, LookOrder};
use crate::crypto::shares::{Purpose, Share, combine};
use crate::proto::shares::{ReleasePurpose, ReleasedShare};

/// Shares let out for one count of a look. All must be for the same one: of two counts one would
/// be of a ledger that is not the servers'.
#[derive(Debug)]
struct Count {
    ordinal: u32,
    remaining: u32,
    seq: u64,
    shares: Vec<Share>,
}

/// What is here of a look.
#[derive(Debug)]
pub(super) struct Gathered {
    look: LookOrder,
    /// One, unless a server lies: at most one for each server.
    counts: Vec<Count>,
}

impl Gathered {
    pub(super) const fn new(look: LookOrder) -> Self {
        Self {
            look,
            counts: Vec::new(),
        }
    }

    /// Whether a share is here.
    pub(super) const fn is_begun(&self) -> bool {
        !self.counts.is_empty()
    }

    /// Takes a share that is for this look and right; gives the look when they are enough.
    pub(super) fn take(&mut self, told: &ReleasedShare) -> Option<Look> {
        let ReleasePurpose::Look {
            view,
            ordinal,
            remaining,
        } = told.purpose
        else {
            return None;
        };
        if (told.account, view) != (self.look.account, self.look.view) {
            return None;
        }
        let purpose = Purpose::Look {
            account: told.account,
            round: told.round,
            index: told.index,
            view,
            ordinal,
            remaining,
            seq: told.seq,
        };
        let share = Share::open(&self.look.reply, &purpose, &told.sealed).ok()?;
        if !share.fits(&self.look.share_hashes) {
            return None;
        }
        let is_same = |count: &Count| {
            (count.ordinal, count.remaining, count.seq) == (ordinal, remaining, told.seq)
        };
        let place = match self.counts.iter().position(is_same) {
            Some(place) => place,
            None if self.counts.len() >= self.look.share_hashes.len() => return None,
            None => {
                self.counts.push(Count {
                    ordinal,
                    remaining,
                    seq: told.seq,
                    shares: Vec::new(),
                });
                self.counts.len() - 1
            }
        };
        let count = &mut self.counts[place];
        if count.shares.iter().all(|here| here.index != share.index) {
            count.shares.push(share);
        }
        let hashes = &self.look.share_hashes;
        let secret = combine(&count.shares, self.look.threshold, hashes).ok()?;
        Some(Look {
            secret,
            ordinal,
            remaining,
        })
    }
}
