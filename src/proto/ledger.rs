//! What users order from the ledger, how the agreed log carries it, and what the ledger answers.
//!
//! Every order is signed by its user and named by its user, so it may be sent, logged and applied
//! any number of times: the account says what became of it the first time. Nothing here decides;
//! `ledger` does.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::identity::{PublicIdentity, Signature};
use super::ids::{AccountId, CheckoutId, DeviceId, Digest, GrantId, UserId, ViewId};
use super::lease::{Adjust, Change};
use super::limits::{
    CHECK_IN_VIEWS, CHECKOUT_LOOKS_MAX, LEDGER_ENTRY_MAX_BYTES, SERVERS_MAX, VIEWS_MAX,
};
use super::{codec, codec::DecodeError};
use crate::time::WallTime;

/// A user's order to the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Who orders it.
    pub principal: PublicIdentity,
    /// When it was signed. The user's clock, put right by what the ledger told last.
    pub at: WallTime,
    /// What is ordered.
    pub command: Command,
    /// The principal's, over all of the above.
    pub signature: Signature,
}

impl Signed {
    /// The order as bytes, to be sent and agreed on.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The order from its bytes.
    ///
    /// # Errors
    /// If they are no order, or more than [`LEDGER_ENTRY_MAX_BYTES`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, LEDGER_ENTRY_MAX_BYTES)
    }
}

/// What can be ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// The owner: a grant comes into being.
    Open(Opening),
    /// The borrower: one look.
    Spend {
        /// The account.
        account: AccountId,
        /// Names the look. Given up an hour after it was drawn: the ledger knows it for a day.
        view: ViewId,
        /// X25519 key, drawn for this look, that the shares are sealed to.
        reply_key: [u8; 32],
        /// The device that looks.
        device: DeviceId,
    },
    /// The borrower: looks move to a device, for use without the servers.
    Escrow {
        /// The account.
        account: AccountId,
        /// Names the checkout.
        checkout: CheckoutId,
        /// The device.
        device: DeviceId,
        /// X25519 key, drawn for this checkout, that the shares are sealed to.
        reply_key: [u8; 32],
        /// So many looks, from 1 to [`CHECKOUT_LOOKS_MAX`].
        looks: u32,
        /// Good until then; the ledger may answer with an earlier date.
        until: WallTime,
    },
    /// The borrower: the looks that a device gave without the servers.
    ///
    /// A device writes a check-in down before it sends it, and sends the same one until it is
    /// answered: two different ones that begin at the same place show two copies of the device.
    CheckIn {
        /// The account.
        account: AccountId,
        /// The checkout.
        checkout: CheckoutId,
        /// So many looks were told before.
        from: u32,
        /// The looks since then, at most [`CHECK_IN_VIEWS`].
        views: Vec<LoggedView>,
        /// The head of the log after them, see [`ViewLog`].
        head: Digest,
        /// Whether the device gives back what is left, and gives no look any more.
        returns: bool,
    },
    /// The owner: a change, in the owner's order.
    Adjust {
        /// The account.
        account: AccountId,
        /// The change; its grant is the account's.
        adjust: Adjust,
    },
    /// The owner: new shares lie with the servers, in place of those that were erased.
    Rekey {
        /// The account.
        account: AccountId,
        /// Counts the sets of shares; that of the opening is 0. The next one counts.
        round: u32,
        /// BLAKE3 of each server's share, as in [`Opening::share_hashes`].
        share_hashes: Vec<Digest>,
    },
}

/// The terms of a new grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The grant, as owner and borrower call it.
    pub grant: GrantId,
    /// When it was granted, by the owner's clock put right by the ledger's; tells grants under one
    /// id apart. An account is opened within [`OPEN_WITHIN_MS`] of it.
    ///
    /// [`OPEN_WITHIN_MS`]: super::limits::OPEN_WITHIN_MS
    pub granted_at: WallTime,
    /// Who may look.
    pub borrower: UserId,
    /// Looks, from 1 to [`VIEWS_MAX`].
    pub looks: u32,
    /// No look is given before.
    pub not_before: Option<WallTime>,
    /// No look is given from then on.
    pub until: Option<WallTime>,
    /// Looks that may be with devices at a time; 0 for a grant that is strict throughout.
    pub offline_max: u32,
    /// Shares that make the secret, from 1 to the number of servers.
    pub threshold: u8,
    /// BLAKE3 of each server's share, in the order of the servers.
    pub share_hashes: Vec<Digest>,
}

impl Opening {
    /// The account that `owner` opens with it.
    #[must_use]
    pub fn account(&self, owner: UserId) -> AccountId {
        AccountId::of(owner, self.borrower, self.grant, self.granted_at)
    }
}

/// A look that was given without the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedView {
    /// The look.
    pub view: ViewId,
    /// When, by the device's clock.
    pub at: WallTime,
}

/// The head of a device's log of looks: each look is hashed onto what came before, so a log that
/// was rolled back and goes on differently has another head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewLog {
    /// Looks in the log.
    pub length: u32,
    /// Hash over all of them.
    pub head: Digest,
}

impl ViewLog {
    /// The empty log of a checkout.
    #[must_use]
    pub fn new(account: AccountId, checkout: CheckoutId, device: DeviceId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 view log");
        hasher.update(&account.0);
        hasher.update(&checkout.0);
        hasher.update(&device.0);
        Self {
            length: 0,
            head: Digest(*hasher.finalize().as_bytes()),
        }
    }

    /// The log with one look more.
    #[must_use]
    pub fn with(self, look: LoggedView) -> Self {
        let length = self.length.saturating_add(1);
        let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 logged view");
        hasher.update(&self.head.0);
        hasher.update(&look.view.0);
        hasher.update(&length.to_le_bytes());
        hasher.update(&look.at.0.to_le_bytes());
        Self {
            length,
            head: Digest(*hasher.finalize().as_bytes()),
        }
    }
}

impl Command {
    /// The account it is about; `principal` is who signed it.
    #[must_use]
    pub fn account(&self, principal: UserId) -> AccountId {
        match self {
            Self::Open(opening) => opening.account(principal),
            Self::Spend { account, .. }
            | Self::Escrow { account, .. }
            | Self::CheckIn { account, .. }
            | Self::Adjust { account, .. }
            | Self::Rekey { account, .. } => *account,
        }
    }

    /// Whether every number and list is within its limits.
    #[must_use]
    pub fn is_within_bounds(&self) -> bool {
        match self {
            Self::Open(opening) => {
                let servers = opening.share_hashes.len();
                (1..=VIEWS_MAX).contains(&opening.looks)
                    && opening.offline_max <= opening.looks
                    && (1..=SERVERS_MAX).contains(&servers)
                    && (1..=servers).contains(&usize::from(opening.threshold))
            }
            Self::Spend { .. } => true,
            Self::Escrow { looks, .. } => (1..=CHECKOUT_LOOKS_MAX).contains(looks),
            Self::CheckIn { views, returns, .. } => {
                views.len() <= CHECK_IN_VIEWS && (*returns || !views.is_empty())
            }
            Self::Adjust { adjust, .. } => match adjust.change {
                Change::Set(looks) | Change::Add(looks) | Change::Sub(looks) => looks <= VIEWS_MAX,
                Change::Revoke | Change::Refund | Change::Until(_) => true,
            },
            Self::Rekey { share_hashes, .. } => (1..=SERVERS_MAX).contains(&share_hashes.len()),
        }
    }
}

/// An entry of the agreed log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The clock of the server that led when it was proposed. The ledger's time is the largest
    /// stamp so far.
    pub stamp: WallTime,
    /// What a user ordered; none for an entry that only tells the time.
    pub signed: Option<Signed>,
}

impl Entry {
    /// An entry from a stamp and what was agreed on: the bytes of a [`Signed`], or none.
    ///
    /// # Errors
    /// If they are no order.
    pub fn from_parts(stamp: WallTime, command: &[u8]) -> Result<Self, DecodeError> {
        let signed = match command {
            [] => None,
            bytes => Some(Signed::decode(bytes)?),
        };
        Ok(Self { stamp, signed })
    }
}

/// A question about the ledger, which changes nothing and has no place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// How an account stands.
    Account(AccountId),
    /// What time it is for the ledger, before signing an order.
    Time,
}

/// What the ledger says to an entry, with the entry's position in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The position.
    pub seq: u64,
    /// The word.
    pub reply: Reply,
}

/// What became of an order. The same to a repeated order, while the ledger remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The account is open.
    Opened(Standing),
    /// The look is counted.
    Spent {
        /// Its number, from 1.
        ordinal: u32,
        /// Looks left after it.
        remaining: u32,
        /// Position of the order that counted it.
        counted: u64,
        /// Whether the servers send their shares (again).
        released: bool,
    },
    /// The looks are with the device.
    Escrowed {
        /// So many.
        looks: u32,
        /// Good until then.
        until: WallTime,
        /// Looks left beside them.
        remaining: u32,
        /// Position of the order that moved them.
        counted: u64,
        /// Whether the servers send their shares (again).
        released: bool,
    },
    /// The check-in is taken.
    CheckedIn {
        /// Looks of the checkout that are told now.
        length: u32,
        /// Looks that went back to the account; none after the date and its grace.
        returned: u32,
        /// Whether the checkout is closed.
        closed: bool,
        /// Looks left.
        remaining: u32,
    },
    /// The change took effect, now or before.
    Adjusted(Standing),
    /// The new shares count.
    Rekeyed {
        /// Their round.
        round: u32,
    },
    /// The entry told the time. To a question: the time.
    Time(WallTime),
    /// To a question: how the account stands.
    Stands(Standing),
    /// Nothing changed, except by [`Refusal::Fork`].
    Refused(Refusal),
}

/// How an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Looks granted in all.
    pub granted: u32,
    /// Looks used, those of checkouts that never came back among them.
    pub spent: u32,
    /// Looks with devices.
    pub escrowed: u32,
    /// Whether the owner, or a fork, ended it for good.
    pub revoked: bool,
    /// No look is given from then on.
    pub until: Option<WallTime>,
    /// The owner's changes that took effect.
    pub applied: u32,
    /// The round of the shares.
    pub round: u32,
    /// Whether the servers have the shares of that round; not, once they were erased.
    pub keyed: bool,
}

impl Standing {
    /// Looks left, whatever the date.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        if self.revoked {
            0
        } else {
            self.granted
                .saturating_sub(self.spent)
                .saturating_sub(self.escrowed)
        }
    }
}

/// Why the ledger does not do what was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Error)]
pub enum Refusal {
    /// The bytes are no entry.
    #[error("malformed")]
    Malformed,
    /// A number or a list is beyond its limit, or a date lies in the past.
    #[error("out of bounds")]
    Bounds,
    /// The signature is not the principal's.
    #[error("not signed by its user")]
    Signature,
    /// Signed too long before or after the ledger's time, or not after an order of the same user
    /// that this account refused; sign it again. For an opening: granted too long before or after.
    #[error("signed at another time than {now}")]
    Time {
        /// When it should be signed.
        now: WallTime,
    },
    /// There is no such account or checkout, or none any more.
    #[error("unknown account or checkout")]
    Unknown,
    /// The account is not the principal's to order this from.
    #[error("the account belongs to somebody else")]
    Stranger,
    /// The same name was used for something else.
    #[error("the name is taken by another order")]
    Conflict,
    /// The grant is revoked.
    #[error("revoked")]
    Revoked,
    /// The end date has passed.
    #[error("expired")]
    Expired,
    /// Looks begin later.
    #[error("not before {not_before}")]
    Early {
        /// Then.
        not_before: WallTime,
    },
    /// Not so many looks are left.
    #[error("not so many looks are left")]
    Exhausted,
    /// The servers have erased their shares; the owner has to send new ones.
    #[error("the shares were erased")]
    Keyless,
    /// Not so many looks may be with devices.
    #[error("not so many looks may be used offline")]
    Offline,
    /// A change or a check-in does not follow on the last one that was taken; send those before
    /// it first.
    #[error("an earlier one is missing")]
    Gap,
    /// The checkout is closed.
    #[error("the checkout is closed")]
    Closed,
    /// Two copies of a device tell different things: the grant is revoked.
    #[error("the log of looks forks")]
    Fork,
    /// No room; see what for.
    #[error("no room for more {0}")]
    Full(Room),
    /// The position was applied before. Only a fault of the server's own can cause this.
    #[error("the entry was applied before")]
    Past,
}

/// What there is no more room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Room {
    /// Accounts, of all owners.
    Accounts,
    /// Accounts of this owner.
    AccountsOfOwner,
    /// Looks of this account within a day.
    LooksOfAccount,
    /// Looks of all accounts within a day.
    Looks,
    /// Checkouts of all accounts.
    Checkouts,
    /// Checkouts of this account.
    CheckoutsOfAccount,
    /// Check-ins of this checkout, except one that gives back.
    CheckIns,
}

impl core::fmt::Display for Room {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Accounts => "accounts",
            Self::AccountsOfOwner => "accounts of this owner",
            Self::LooksOfAccount => "looks of this account today",
            Self::Looks => "looks today",
            Self::Checkouts => "checkouts",
            Self::CheckoutsOfAccount => "checkouts of this account",
            Self::CheckIns => "check-ins of this checkout",
        })
    }
}
