//! The shares for one look, or for looks that go to this device, until they are enough.

use crate::actors::looks::{Lent, LoanOrder, Look, LookOrder};
use crate::crypto::shares::{Purpose, Secret, Share, combine};
use crate::crypto::static_key::StaticSecret;
use crate::proto::ids::{AccountId, Digest};
use crate::proto::shares::{ReleasePurpose, ReleasedShare};

/// What the shares are wanted for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Look(LookOrder),
    Loan(LoanOrder),
}

/// What enough shares give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Look(Look),
    Loan(Lent),
}

/// Shares let out for one count of a look, or one loan. All must be for the same one: of two
/// counts one would be of a ledger that is not the servers'.
#[derive(Debug)]
struct Count {
    purpose: ReleasePurpose,
    seq: u64,
    shares: Vec<Share>,
}

/// What is here.
#[derive(Debug)]
pub(super) struct Gathered {
    wanted: Wanted,
    /// One, unless a server lies: at most one for each server.
    counts: Vec<Count>,
}

impl Wanted {
    const fn account(&self) -> AccountId {
        match self {
            Self::Look(look) => look.account,
            Self::Loan(loan) => loan.account,
        }
    }

    const fn reply(&self) -> &StaticSecret {
        match self {
            Self::Look(look) => &look.reply,
            Self::Loan(loan) => &loan.reply,
        }
    }

    fn threshold(&self) -> (u8, &[Digest]) {
        match self {
            Self::Look(look) => (look.threshold, &look.share_hashes),
            Self::Loan(loan) => (loan.threshold, &loan.share_hashes),
        }
    }

    /// Whether a share is let out for it.
    fn is_meant(&self, told: &ReleasedShare) -> bool {
        let is_named = match (self, told.purpose) {
            (Self::Look(look), ReleasePurpose::Look { view, .. }) => look.view == view,
            (Self::Loan(loan), ReleasePurpose::Checkout { checkout, .. }) => {
                loan.checkout == checkout
            }
            _ => false,
        };
        is_named && told.account == self.account()
    }
}

impl Gathered {
    pub(super) const fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            counts: Vec::new(),
        }
    }

    /// Whether a share is here.
    pub(super) const fn is_begun(&self) -> bool {
        !self.counts.is_empty()
    }

    /// Whether looks are to go to this device.
    pub(super) const fn is_loan(&self) -> bool {
        matches!(self.wanted, Wanted::Loan(_))
    }

    /// Takes a share that is meant and right; tells when they are enough.
    pub(super) fn take(&mut self, told: &ReleasedShare) -> Option<Given> {
        if !self.wanted.is_meant(told) {
            return None;
        }
        let purpose = sealed_for(told);
        let share = Share::open(self.wanted.reply(), &purpose, &told.sealed).ok()?;
        let (threshold, hashes) = self.wanted.threshold();
        if !share.fits(hashes) {
            return None;
        }
        let is_same = |count: &Count| (count.purpose, count.seq) == (told.purpose, told.seq);
        let place = match self.counts.iter().position(is_same) {
            Some(place) => place,
            None if self.counts.len() >= hashes.len() => return None,
            None => {
                self.counts.push(Count {
                    purpose: told.purpose,
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
        let secret = combine(&count.shares, threshold, hashes).ok()?;
        Some(given(told.purpose, secret))
    }
}

/// What a share that was let out is sealed for.
const fn sealed_for(told: &ReleasedShare) -> Purpose {
    match told.purpose {
        ReleasePurpose::Look {
            view,
            ordinal,
            remaining,
        } => Purpose::Look {
            account: told.account,
            round: told.round,
            index: told.index,
            view,
            ordinal,
            remaining,
            seq: told.seq,
        },
        ReleasePurpose::Checkout {
            checkout,
            looks,
            until,
        } => Purpose::Checkout {
            account: told.account,
            round: told.round,
            index: told.index,
            checkout,
            looks,
            until,
            seq: told.seq,
        },
    }
}

const fn given(purpose: ReleasePurpose, secret: Secret) -> Given {
    match purpose {
        ReleasePurpose::Look {
            ordinal, remaining, ..
        } => Given::Look(Look {
            secret,
            ordinal,
            remaining,
        }),
        ReleasePurpose::Checkout { looks, until, .. } => Given::Loan(Lent {
            secret,
            looks,
            until,
        }),
    }
}
