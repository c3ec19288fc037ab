//! What the lease manager and the clerk say to each other about looks that the servers count.

use core::fmt;

use crate::crypto::shares::Secret;
use crate::crypto::static_key::StaticSecret;
use crate::proto::ids::{AccountId, CheckoutId, DeviceId, Digest, ViewId};
use crate::proto::ledger::Refusal;
use crate::time::WallTime;

/// A look that is to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookOrder {
    /// The account.
    pub account: AccountId,
    /// Names the look.
    pub view: ViewId,
    /// Opens the shares. Drawn for this look, and the same when it is ordered again.
    pub reply: StaticSecret,
    /// The device that looks.
    pub device: DeviceId,
    /// Shares that make the secret.
    pub threshold: u8,
    /// BLAKE3 of each share, as the owner told.
    pub share_hashes: Vec<Digest>,
}

/// A counted look. Its secret is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Look {
    /// The servers' part of the content key.
    pub secret: Secret,
    /// Its number, from 1.
    pub ordinal: u32,
    /// Looks left after it.
    pub remaining: u32,
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Look({}, {} left)", self.ordinal, self.remaining)
    }
}

/// Looks that are to go to this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoanOrder {
    /// The account.
    pub account: AccountId,
    /// Names the checkout.
    pub checkout: CheckoutId,
    /// Opens the shares. Drawn for this checkout.
    pub reply: StaticSecret,
    /// The device.
    pub device: DeviceId,
    /// So many looks.
    pub looks: u32,
    /// Good until then; the servers may shorten it.
    pub until: WallTime,
    /// Shares that make the secret.
    pub threshold: u8,
    /// BLAKE3 of each share, as the owner told.
    pub share_hashes: Vec<Digest>,
}

/// Looks that went to this device. Their secret is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Lent {
    /// The servers' part of the content key.
    pub secret: Secret,
    /// So many looks.
    pub looks: u32,
    /// Good until then.
    pub until: WallTime,
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lent({} until {})", self.looks, self.until)
    }
}

/// Why there is no key: for a look, or for looks that were to go to this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookFault {
    /// The ledger does not count it.
    Refused(Refusal),
    /// It was counted too long ago: the servers give their shares no more.
    Late {
        /// Its number; none for looks that were to go to this device.
        ordinal: Option<u32>,
        /// Looks left after it.
        remaining: u32,
    },
    /// No majority of the servers answered in time. It may have been counted: the same look can be
    /// ordered again.
    Unanswered,
}
