//! The share that this server keeps of each account's secret.
//!
//! A share comes from the owner of the account, sealed to this server's key, and stays sealed on
//! disk; it is never in the agreed log. It is opened for a moment when the ledger says that a look
//! was counted, and sealed anew to that look. When the ledger says so it is erased.
//!
//! Decides who may put a share where, and nothing about looks: the ledger does. Whoever sends a
//! share names grant and borrower, and the account is derived from these and from the sender, so a
//! share is put into one's own accounts only.
//!
//! Invariants: a deposit is confirmed when it is on disk. A share leaves only for an effect of an
//! applied entry, and sealed. What was erased does not come back by a deposit that is late. What is
//! known in memory is on disk, or about to be.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::edges::{Desk, DiskAnswer, DiskOrder, Record, Row, Table, Ticket, TicketBook};
use super::machine::{Machine, Outbox};
use crate::crypto::shares::{Purpose, Share};
use crate::crypto::static_key::StaticSecret;
use crate::ledger::{Effect, Loan, Release};
use crate::planted::{self, Bug};
use crate::proto::codec;
use crate::proto::identity::PublicKey;
use crate::proto::ids::{AccountId, UserId};
use crate::proto::packet::Packet;
use crate::proto::shares::{ReleasePurpose, ReleasedShare, ShareAnswer, ShareDeposit};
use crate::time::Moment;

/// Deposits that may wait for the disk.
const WAITING_MAX: usize = 1_024;
/// Erasures that are remembered: a deposit that is late must not bring back what was erased. After
/// a start the ledger tells all of them again.
const ERASURES_MAX: usize = 16_384;
/// No row is larger.
const ROW_MAX_BYTES: usize = 512;

/// Who we are, and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// The place of this server in the list of servers, from 1: which share is ours.
    pub index: u8,
    /// Opens what is sealed to this server.
    pub secret: StaticSecret,
    /// Shares kept at the most.
    pub shares_max: usize,
    /// Shares of one owner at the most.
    pub shares_of_owner_max: usize,
    /// A write that failed is tried again after so long, in milliseconds.
    pub disk_retry_ms: u64,
}

impl Config {
    /// For a server on a local network.
    #[must_use]
    pub const fn lan(index: u8, secret: StaticSecret) -> Self {
        Self {
            index,
            secret,
            // About 200 bytes each.
            shares_max: 200_000,
            shares_of_owner_max: 20_000,
            disk_retry_ms: 1_000,
        }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A user deposits a share.
    DepositArrived {
        /// Who.
        owner: UserId,
        /// What.
        deposit: ShareDeposit,
    },
    /// The ledger applied an entry.
    Effects {
        /// What follows.
        effects: Vec<Effect>,
        /// Whether it was applied before, and is applied again after a start.
        replayed: bool,
    },
    /// The disk answered.
    Disk {
        /// Which order.
        ticket: Ticket,
        /// How.
        answer: DiskAnswer,
    },
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet to a user.
    Send {
        /// To whom.
        to: UserId,
        /// What.
        packet: Packet,
    },
    /// Ask the disk.
    Disk {
        /// Its number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}

/// A share as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    owner: UserId,
    sealed: Bytes,
}

/// Which share: of which account, of which set.
type Key = (AccountId, u32);

/// The concern.
pub struct Custody {
    config: Config,
    rng: ChaCha20Rng,
    shares: BTreeMap<Key, Kept>,
    /// Rows on disk that are damaged: of no use until they are written anew, and erased with their
    /// accounts all the same.
    damaged: BTreeSet<Key>,
    of_owner: BTreeMap<UserId, usize>,
    /// Shares that are being written, and whom to tell.
    writing: BTreeMap<u64, (UserId, Key)>,
    /// Rows whose deletion failed, and when to try again.
    to_erase: Vec<Key>,
    /// Up to which round shares were erased, and of which accounts, the oldest first.
    erased: BTreeMap<AccountId, u32>,
    erased_in_order: VecDeque<AccountId>,
    erase_at: Option<Moment>,
    erasing: BTreeMap<u64, Vec<Key>>,
    tickets: TicketBook,
}

impl Custody {
    /// The shares as they were found on disk. Rows that do not decode are as good as none.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], rows: Vec<Row>) -> Self {
        let mut custody = Self {
            config,
            rng: ChaCha20Rng::from_seed(seed),
            shares: BTreeMap::new(),
            damaged: BTreeSet::new(),
            of_owner: BTreeMap::new(),
            writing: BTreeMap::new(),
            to_erase: Vec::new(),
            erased: BTreeMap::new(),
            erased_in_order: VecDeque::new(),
            erase_at: None,
            erasing: BTreeMap::new(),
            tickets: TicketBook::new(Desk::Custody),
        };
        for (key, value) in rows {
            let Some(key) = key_of(&key) else {
                continue;
            };
            match codec::decode(&value, ROW_MAX_BYTES) {
                Ok(kept) => custody.put(key, kept),
                Err(_) => {
                    custody.damaged.insert(key);
                }
            }
        }
        custody
    }

    fn put(&mut self, key: Key, kept: Kept) {
        *self.of_owner.entry(kept.owner).or_default() += 1;
        if let Some(old) = self.shares.insert(key, kept) {
            self.forget_one_of(old.owner);
        }
    }

    fn forget_one_of(&mut self, owner: UserId) {
        if let Some(count) = self.of_owner.get_mut(&owner) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_owner.remove(&owner);
            }
        }
    }

    fn take(&mut self, owner: UserId, deposit: ShareDeposit, out: &mut Outbox<Output>) {
        let key = (deposit.account(owner), deposit.round);
        if self.is_writing(key) {
            return;
        }
        if self.is_whole(key) {
            // Repeated: the answer was lost. The first one stays, whatever comes later.
            return self.answer(owner, key, true, out);
        }
        let is_over = self.erased.get(&key.0).is_some_and(|last| key.1 <= *last);
        if is_over || !self.has_room(owner) || self.opened(key, &deposit.sealed).is_none() {
            return self.answer(owner, key, false, out);
        }
        if self.shares.contains_key(&key) {
            self.damaged.insert(key);
        }
        let kept = Kept {
            owner,
            sealed: deposit.sealed,
        };
        if planted::is(Bug::ShareAckBeforeDisk) {
            self.answer(owner, key, true, out);
        }
        let value = Some(codec::encode(&kept).into());
        self.put(key, kept);
        let ticket = self.write(vec![(key, value)], out);
        self.writing.insert(ticket.number, (owner, key));
    }

    /// Whether the share is here, and no damage to the disk has made it useless.
    fn is_whole(&self, key: Key) -> bool {
        let kept = self.shares.get(&key);
        kept.is_some_and(|kept| self.opened(key, &kept.sealed).is_some())
    }

    fn is_writing(&self, key: Key) -> bool {
        self.writing.values().any(|(_, written)| *written == key)
    }

    fn has_room(&self, owner: UserId) -> bool {
        let of_owner = self.of_owner.get(&owner).copied().unwrap_or_default();
        self.shares.len() < self.config.shares_max
            && of_owner < self.config.shares_of_owner_max
            && self.writing.len() < WAITING_MAX
    }

    fn answer(&self, to: UserId, (account, round): Key, kept: bool, out: &mut Outbox<Output>) {
        let packet = Packet::ShareKept(ShareAnswer {
            account,
            round,
            kept,
        });
        out.push(Output::Send { to, packet });
    }

    fn write(&mut self, rows: Vec<(Key, Option<Bytes>)>, out: &mut Outbox<Output>) -> Ticket {
        let record = |(key, value)| Record {
            table: Table::Shares,
            key: row_key(key),
            value,
        };
        let order = DiskOrder::Write(rows.into_iter().map(record).collect());
        let ticket = self.tickets.draw();
        out.push(Output::Disk { ticket, order });
        ticket
    }

    fn opened(&self, (account, round): Key, sealed: &[u8]) -> Option<Share> {
        let purpose = Purpose::Keep {
            account,
            round,
            index: self.config.index,
        };
        Share::open(&self.config.secret, &purpose, sealed).ok()
    }

    fn carry_out(&mut self, effect: &Effect, replayed: bool, out: &mut Outbox<Output>) {
        match effect {
            Effect::Erase { account, round } => self.erase(*account, *round, out),
            _ if replayed && !planted::is(Bug::ReplayedReleases) => {}
            Effect::Release(release) => self.release(release, out),
            Effect::Lend(loan) => self.lend(loan, out),
            Effect::Forked { .. } => {}
        }
    }

    fn release(&mut self, release: &Release, out: &mut Outbox<Output>) {
        let index = self.config.index;
        let Release { account, round, .. } = *release;
        let purpose = Purpose::Look {
            account,
            round,
            index,
            view: release.view,
            ordinal: release.ordinal,
            remaining: release.remaining,
            seq: release.seq,
        };
        let Some(sealed) = self.sealed_anew((account, round), &release.reply_key, &purpose) else {
            return;
        };
        let packet = Packet::Share(ReleasedShare {
            account,
            round,
            index,
            seq: release.seq,
            purpose: ReleasePurpose::Look {
                view: release.view,
                ordinal: release.ordinal,
                remaining: release.remaining,
            },
            sealed,
        });
        let to = release.borrower;
        out.push(Output::Send { to, packet });
    }

    fn lend(&mut self, loan: &Loan, out: &mut Outbox<Output>) {
        let index = self.config.index;
        let Loan { account, round, .. } = *loan;
        let purpose = Purpose::Checkout {
            account,
            round,
            index,
            checkout: loan.checkout,
            looks: loan.looks,
            until: loan.until,
            seq: loan.seq,
        };
        let Some(sealed) = self.sealed_anew((account, round), &loan.reply_key, &purpose) else {
            return;
        };
        let packet = Packet::Share(ReleasedShare {
            account,
            round,
            index,
            seq: loan.seq,
            purpose: ReleasePurpose::Checkout {
                checkout: loan.checkout,
                looks: loan.looks,
                until: loan.until,
            },
            sealed,
        });
        let to = loan.borrower;
        out.push(Output::Send { to, packet });
    }

    /// Our share, sealed to the key of whoever is to have it; none if we have none, or if that key
    /// is no key. The look is asked for again, and other servers have theirs.
    fn sealed_anew(&mut self, key: Key, to: &[u8; 32], purpose: &Purpose) -> Option<Bytes> {
        if self.is_writing(key) {
            return None;
        }
        let share = self.opened(key, &self.shares.get(&key)?.sealed)?;
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        share.seal(&PublicKey(*to), purpose, seed).ok()
    }

    /// Destroys the shares of an account up to a round.
    fn erase(&mut self, account: AccountId, round: u32, out: &mut Outbox<Output>) {
        let range = (account, 0)..=(account, round);
        let here = self.shares.range(range.clone()).map(|(key, _)| *key);
        let damaged = self.damaged.range(range).copied();
        let keys: BTreeSet<Key> = here.chain(damaged).collect();
        for key in &keys {
            self.damaged.remove(key);
            if let Some(kept) = self.shares.remove(key) {
                self.forget_one_of(kept.owner);
            }
        }
        self.to_erase.extend(keys);
        self.erase_rows(out);
        self.note_erased(account, round);
    }

    fn note_erased(&mut self, account: AccountId, round: u32) {
        match self.erased.get_mut(&account) {
            Some(last) => *last = round.max(*last),
            None => {
                self.erased.insert(account, round);
                self.erased_in_order.push_back(account);
            }
        }
        if self.erased_in_order.len() > ERASURES_MAX
            && let Some(oldest) = self.erased_in_order.pop_front()
        {
            self.erased.remove(&oldest);
        }
    }

    fn erase_rows(&mut self, out: &mut Outbox<Output>) {
        if self.to_erase.is_empty() || planted::is(Bug::ErasedInMemoryOnly) {
            return;
        }
        let keys = core::mem::take(&mut self.to_erase);
        let rows = keys.iter().map(|key| (*key, None)).collect();
        let ticket = self.write(rows, out);
        self.erasing.insert(ticket.number, keys);
        self.erase_at = None;
    }

    fn disk_answered(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: &DiskAnswer,
        out: &mut Outbox<Output>,
    ) {
        let is_good = !matches!(answer, DiskAnswer::Failed(_));
        if let Some((owner, key)) = self.writing.remove(&ticket.number) {
            if !is_good && let Some(kept) = self.shares.remove(&key) {
                self.forget_one_of(kept.owner);
            }
            if is_good {
                self.damaged.remove(&key);
            }
            if is_good && self.shares.contains_key(&key) {
                self.answer(owner, key, true, out);
            }
        } else if let Some(keys) = self.erasing.remove(&ticket.number)
            && !is_good
        {
            self.to_erase.extend(keys);
            self.erase_at = Some(now.after(Duration::from_millis(self.config.disk_retry_ms)));
        }
    }
}

fn row_key((account, round): Key) -> Vec<u8> {
    [&account.0[..], &round.to_be_bytes()].concat()
}

fn key_of(row: &[u8]) -> Option<Key> {
    let (account, round) = row.split_first_chunk()?;
    Some((
        AccountId(*account),
        u32::from_be_bytes(round.try_into().ok()?),
    ))
}

impl Machine for Custody {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "custody";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::DepositArrived { owner, deposit } => self.take(owner, deposit, out),
            Input::Effects { effects, replayed } => {
                for effect in &effects {
                    self.carry_out(effect, replayed, out);
                }
            }
            Input::Disk { ticket, answer } => self.disk_answered(now, ticket, &answer, out),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        self.erase_at
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        if self.erase_at.is_some_and(|at| at <= now) {
            self.erase_rows(out);
            self.erase_at = None;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
