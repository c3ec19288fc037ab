//! Shares of the servers' part of a content key on their way: from the owner to a server that is
//! to keep one, and from there to a look that is counted.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ids::{AccountId, CheckoutId, GrantId, UserId, ViewId};
use crate::time::WallTime;

/// Owner to server: keep this share. The account follows from who sends it, so nobody can put a
/// share in the place of another's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareDeposit {
    /// Who may look.
    pub borrower: UserId,
    /// The grant.
    pub grant: GrantId,
    /// When it was granted, as in the opening of its account.
    pub granted_at: WallTime,
    /// Which set of shares; that of the opening is 0.
    pub round: u32,
    /// The share, sealed to the server's key to be kept.
    pub sealed: Bytes,
}

impl ShareDeposit {
    /// The account that the share belongs to when `owner` sends it.
    #[must_use]
    pub fn account(&self, owner: UserId) -> AccountId {
        AccountId::of(owner, self.borrower, self.grant, self.granted_at)
    }
}

/// Server to owner: what became of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareAnswer {
    /// The account.
    pub account: AccountId,
    /// Which set of shares.
    pub round: u32,
    /// Whether it is on disk; if not, it is not a share for this server, or there is no room.
    pub kept: bool,
}

/// Server to borrower: its share for a look, or for looks that are with a device. The fields are
/// those that the share is sealed for; it opens with no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedShare {
    /// The account.
    pub account: AccountId,
    /// Which set of shares.
    pub round: u32,
    /// Which share of the set, from 1.
    pub index: u8,
    /// Position in the log of the order that counted the look or moved the looks.
    pub seq: u64,
    /// What for.
    pub purpose: ReleasePurpose,
    /// The share, sealed to the key that came with the order.
    pub sealed: Bytes,
}

/// What a share is let out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReleasePurpose {
    /// A look.
    Look {
        /// The look.
        view: ViewId,
        /// Its number.
        ordinal: u32,
        /// Looks left after it.
        remaining: u32,
    },
    /// Looks with a device.
    Checkout {
        /// The checkout.
        checkout: CheckoutId,
        /// Its looks.
        looks: u32,
        /// Good until then.
        until: WallTime,
    },
}
