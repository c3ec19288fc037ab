//! How much the ledger remembers.

use serde::{Deserialize, Serialize};

use crate::proto::ledger::{Refusal, Room};

/// Bounds of a ledger. They are part of its state: servers that differ in them would come to
/// different answers, so their digests differ from the first entry on.
///
/// The default keeps the largest snapshot below 48 MiB, which is sent as one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Accounts in all; in a snapshot about 300 bytes each, with 16 servers 730.
    pub accounts: u32,
    /// Accounts of one owner.
    pub accounts_per_owner: u32,
    /// Looks in all whose names are remembered, each for a day; at most 76 bytes each.
    pub looks: u32,
    /// The same for one account. Bounds the time that one order takes, too.
    pub looks_per_account: u32,
    /// Checkouts in all that are remembered, each for a month after its date; at most 830 bytes
    /// each.
    pub checkouts: u32,
    /// The same for one account.
    pub checkouts_per_account: u32,
    /// Forked check-ins that are kept in full, as evidence; at most 7 kB each.
    pub evidence: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            accounts: 25_000,
            accounts_per_owner: 2_000,
            looks: 300_000,
            looks_per_account: 4_096,
            checkouts: 8_000,
            checkouts_per_account: 64,
            evidence: 100,
        }
    }
}

/// What accounts take of the room that they share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) looks: u32,
    pub(super) checkouts: u32,
    pub(super) evidence: u32,
}

impl Kept {
    /// What is kept once an account that took `before` takes `after`.
    pub(super) const fn changed(self, before: Self, after: Self) -> Self {
        Self {
            looks: self.looks - before.looks + after.looks,
            checkouts: self.checkouts - before.checkouts + after.checkouts,
            evidence: self.evidence - before.evidence + after.evidence,
        }
    }
}

/// What there is room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub(super) bounds: Bounds,
    pub(super) kept: Kept,
}

impl Space {
    pub(super) const fn for_look(&self, of_account: u32) -> Result<(), Refusal> {
        if of_account >= self.bounds.looks_per_account {
            Err(Refusal::Full(Room::LooksOfAccount))
        } else if self.kept.looks >= self.bounds.looks {
            Err(Refusal::Full(Room::Looks))
        } else {
            Ok(())
        }
    }

    pub(super) const fn for_checkout(&self, of_account: u32) -> Result<(), Refusal> {
        if of_account >= self.bounds.checkouts_per_account {
            Err(Refusal::Full(Room::CheckoutsOfAccount))
        } else if self.kept.checkouts >= self.bounds.checkouts {
            Err(Refusal::Full(Room::Checkouts))
        } else {
            Ok(())
        }
    }

    pub(super) const fn for_evidence(&self) -> bool {
        self.kept.evidence < self.bounds.evidence
    }
}
