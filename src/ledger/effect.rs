//! What follows from an entry on every server that applied it.

use crate::proto::ids::{AccountId, CheckoutId, DeviceId, UserId, ViewId};
use crate::time::WallTime;

/// An order to the server itself. A server that applies entries again after its start, because its
/// snapshot is older than its log, carries out [`Effect::Erase`] again and leaves out the others:
/// they were meant for people who waited then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send our share to a look that is counted.
    Release(Release),
    /// Send our share to a device that has looks.
    Lend(Loan),
    /// Destroy our shares of this account, of this round and of those before.
    Erase {
        /// The account.
        account: AccountId,
        /// The last round to destroy.
        round: u32,
    },
    /// Tell the owner that two copies of a device were used, see [`super::Account::evidence`].
    Forked {
        /// The account, which is revoked now.
        account: AccountId,
        /// Whom to tell.
        owner: UserId,
        /// Who did it.
        borrower: UserId,
    },
}

/// A counted look that gets its shares. The same, field by field, each time it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The account.
    pub account: AccountId,
    /// Which set of shares.
    pub round: u32,
    /// Who looks.
    pub borrower: UserId,
    /// The look.
    pub view: ViewId,
    /// X25519 key that the share is sealed to.
    pub reply_key: [u8; 32],
    /// Its number.
    pub ordinal: u32,
    /// Looks left after it.
    pub remaining: u32,
    /// Position of the order that counted it.
    pub seq: u64,
}

/// A checkout that gets its shares. The same, field by field, each time it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loan {
    /// The account.
    pub account: AccountId,
    /// Which set of shares.
    pub round: u32,
    /// Whose device it is.
    pub borrower: UserId,
    /// The checkout.
    pub checkout: CheckoutId,
    /// The device.
    pub device: DeviceId,
    /// X25519 key that the share is sealed to.
    pub reply_key: [u8; 32],
    /// Its looks.
    pub looks: u32,
    /// Good until then.
    pub until: WallTime,
    /// Position of the order that moved the looks.
    pub seq: u64,
}
