//! The whole ledger as bytes, and back.
//!
//! `"pentimento ledger 1" | (length, head) | (length, account)* | BLAKE3 of all before`, with
//! accounts in the order of their ids, each encoded by itself, and lengths in four bytes, little
//! endian. Two ledgers of the same state have the same bytes, so the hash at the end is the
//! digest of the ledger, too.

use std::sync::OnceLock;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::bounds::Kept;
use super::{Account, Bounds, Ledger};
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::ids::{AccountId, Digest};
use crate::time::WallTime;

const MAGIC: &[u8] = b"pentimento ledger 1";
const LENGTH_BYTES: usize = 4;
const DIGEST_BYTES: usize = 32;
const HEAD_MAX_BYTES: usize = 256;
const ACCOUNT_MAX_BYTES: usize = 1 << 20;

/// Why bytes are no ledger. Nothing of them is used; another server's snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Damaged {
    /// They do not begin as a ledger does: another version, or something else.
    #[error("no ledger of this version")]
    Magic,
    /// They end too early.
    #[error("cut off")]
    Cut,
    /// The hash at the end is not that of the bytes.
    #[error("the digest does not fit")]
    Digest,
    /// The hash is right, but what it covers is no ledger: a fault of the program that wrote it.
    #[error("no state of a ledger")]
    Unsound,
}

/// An account and its record in a snapshot, which is kept until the account changes. Between two
/// snapshots most accounts do not, and encoding takes ten times as long as copying and hashing.
#[derive(Clone, Debug)]
pub(super) struct Row {
    account: Account,
    record: OnceLock<Box<[u8]>>,
}

impl Row {
    pub(super) const fn new(account: Account) -> Self {
        Self {
            account,
            record: OnceLock::new(),
        }
    }

    pub(super) const fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn account_mut(&mut self) -> &mut Account {
        self.record.take();
        &mut self.account
    }

    fn record(&self, id: AccountId) -> &[u8] {
        self.record
            .get_or_init(|| codec::encode(&(id, &self.account)).into())
    }
}

#[derive(Serialize, Deserialize)]
struct Head {
    bounds: Bounds,
    now: WallTime,
    applied: u64,
    accounts: u32,
}

impl Ledger {
    /// The ledger as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Bytes {
        let mut bytes = Vec::new();
        self.write(|part| bytes.extend_from_slice(part));
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(&digest.0);
        bytes.into()
    }

    /// BLAKE3 over the whole state: equal on all servers at one position of the log, or one of them
    /// is wrong. Takes as long as a snapshot.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        self.write(|part| {
            hasher.update(part);
        });
        Digest(*hasher.finalize().as_bytes())
    }

    /// The ledger of a snapshot.
    ///
    /// # Errors
    /// If the bytes are none, or damaged.
    pub fn restore(snapshot: &[u8]) -> Result<Self, Damaged> {
        if !snapshot.starts_with(MAGIC) {
            return Err(Damaged::Magic);
        }
        let end = snapshot.len() - DIGEST_BYTES.min(snapshot.len());
        let (content, digest) = snapshot.split_at(end);
        if content.len() < MAGIC.len() {
            return Err(Damaged::Cut);
        }
        if Digest::of(content).0 != *digest {
            return Err(Damaged::Digest);
        }
        let mut rest = &content[MAGIC.len()..];
        let head: Head = codec::decode(record(&mut rest)?, HEAD_MAX_BYTES).map_err(unsound)?;
        let mut ledger = Self {
            now: head.now,
            applied: head.applied,
            ..Self::new(head.bounds)
        };
        for _ in 0..head.accounts {
            let (id, account) =
                codec::decode(record(&mut rest)?, ACCOUNT_MAX_BYTES).map_err(unsound)?;
            ledger.take_in(id, account)?;
        }
        if rest.is_empty() {
            Ok(ledger)
        } else {
            Err(Damaged::Unsound)
        }
    }

    fn write(&self, mut put: impl FnMut(&[u8])) {
        put(MAGIC);
        let mut put_record = |record: &[u8]| {
            let length = u32::try_from(record.len()).expect("a record is far below 4 GiB");
            put(&length.to_le_bytes());
            put(record);
        };
        let head = Head {
            bounds: self.bounds,
            now: self.now,
            applied: self.applied,
            accounts: u32::try_from(self.accounts.len()).expect("accounts are bounded"),
        };
        put_record(&codec::encode(&head));
        for (id, row) in &self.accounts {
            put_record(row.record(*id));
        }
    }

    fn take_in(&mut self, id: AccountId, mut account: Account) -> Result<(), Damaged> {
        if planted::is(Bug::LooksForgotten) {
            account.forget_looks();
        }
        let is_next = self
            .accounts
            .last_key_value()
            .is_none_or(|(last, _)| *last < id);
        if !is_next || !account.is_sound(self.now, self.applied) {
            return Err(Damaged::Unsound);
        }
        self.due.extend(account.due().map(|at| (at, id)));
        self.kept = self.kept.changed(Kept::default(), account.kept());
        *self.owners.entry(account.owner()).or_default() += 1;
        self.accounts.insert(id, Row::new(account));
        Ok(())
    }
}

/// The next record of `rest`.
fn record<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Damaged> {
    let (length, after) = rest
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or(Damaged::Cut)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (record, after) = after.split_at_checked(length).ok_or(Damaged::Cut)?;
    *rest = after;
    Ok(record)
}

fn unsound(_: codec::DecodeError) -> Damaged {
    Damaged::Unsound
}
