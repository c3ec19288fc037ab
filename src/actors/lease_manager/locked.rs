//! The owner's half of grants whose looks the servers count.
//!
//! The content key is split in two: one part goes to the borrower with the grant, the other, in
//! shares, to the servers. The letter with the grant leaves when enough servers have their shares
//! on disk and the ledger has the account; changes go to the ledger and to the borrower alike.
//! When the ledger had the shares erased and a change gives looks again, they are deposited anew.

use bytes::Bytes;
use rand_chacha::rand_core::Rng;

use super::super::edges::Ticket;
use super::given::{Given, Locked};
use super::jobs::{Job, RowKey};
use super::{LeaseManager, Output, failures};
use crate::actors::machine::Outbox;
use crate::crypto::shares::{Purpose, Share, other_part, split};
use crate::proto::ids::{AccountId, GrantId, NodeId};
use crate::proto::ledger::{Answer, Command, Refusal, Reply, Standing};
use crate::proto::letter::Lock;
use crate::proto::shares::ShareDeposit;
use crate::time::{Moment, WallTime};

impl LeaseManager {
    /// Splits the key of a new grant, if it is to be strict. The servers are at least one.
    pub(super) fn locked(&mut self, mut given: Given) -> Given {
        let servers = u8::try_from(self.config.servers.len()).unwrap_or(u8::MAX);
        if !given.grant.conditions.strict {
            return given;
        }
        let (mut secret, mut share_seed) = ([0; 32], [0; 32]);
        self.rng.fill_bytes(&mut secret);
        self.rng.fill_bytes(&mut share_seed);
        let threshold = servers / 2 + 1;
        let shares = split(&secret, threshold, servers, share_seed).unwrap_or_default();
        let (owner, borrower) = (self.config.me, given.to.identity.user_id());
        let content_key = given.grant.key;
        given.locked = Some(Locked {
            account: AccountId::of(owner, borrower, given.id(), given.grant.granted_at),
            content_key,
            secret,
            share_seed,
            round: 0,
            opened: false,
            keyed: true,
            changes: Vec::new(),
        });
        given.grant.key = other_part(&content_key, &secret);
        given.grant.lock = Some(Box::new(Lock {
            threshold,
            share_hashes: shares.iter().map(Share::hash).collect(),
        }));
        given
    }

    /// Begins, or begins again, to have the servers keep the shares of a grant, if they lack them.
    pub(super) fn deposit_shares(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let Some(given) = self.given.get(&id).filter(|given| given.lacks_shares()) else {
            return;
        };
        let granted_at = given.grant.granted_at;
        let needed = given.grant.lock.as_ref();
        let needed = needed.map_or(0, |lock| usize::from(lock.threshold));
        let is_under_way = |job: &Job| {
            matches!(job,
                Job::DepositShares(of, at) | Job::OpenAccount(of, at) | Job::Rekey(of, at)
                if (*of, *at) == (id, granted_at))
        };
        if self.jobs.any(is_under_way) {
            return;
        }
        let Some(deposits) = self.deposits(id) else {
            return;
        };
        let job = Job::DepositShares(id, granted_at);
        let ticket = self.jobs.add(self.step_end(now), job);
        out.push(Output::Deposit {
            ticket,
            deposits,
            needed,
        });
    }

    /// What each server is to keep.
    pub(super) fn deposits(&mut self, id: GrantId) -> Option<Vec<(NodeId, ShareDeposit)>> {
        let given = self.given.get(&id)?;
        let (locked, lock) = (given.locked.as_ref()?, given.grant.lock.as_ref()?);
        let count = u8::try_from(lock.share_hashes.len()).ok()?;
        let shares = split(&locked.secret, lock.threshold, count, locked.share_seed).ok()?;
        let (borrower, granted_at) = (given.to.identity.user_id(), given.grant.granted_at);
        let mut deposits = Vec::with_capacity(shares.len());
        for ((server, key), share) in self.config.servers.iter().zip(shares) {
            let purpose = Purpose::Keep {
                account: locked.account,
                round: locked.round,
                index: share.index,
            };
            let mut seed = [0; 32];
            self.rng.fill_bytes(&mut seed);
            let sealed: Bytes = share.seal(key, &purpose, seed).ok()?;
            let deposit = ShareDeposit {
                borrower,
                grant: id,
                granted_at,
                round: locked.round,
                sealed,
            };
            deposits.push((*server, deposit));
        }
        Some(deposits)
    }

    /// So many servers have their shares on disk.
    pub(super) fn deposited(
        &mut self,
        now: Moment,
        ticket: Ticket,
        servers: usize,
        out: &mut Outbox<Output>,
    ) {
        let (id, granted_at) = match self.jobs.take(ticket) {
            Some(Job::DepositShares(id, granted_at)) => (id, granted_at),
            Some(Job::CompleteShares(id, granted_at, round)) => {
                return self.completed(now, (id, granted_at, round), servers);
            }
            _ => return,
        };
        let Some(given) = self.given_at(id, granted_at) else {
            return;
        };
        let (Some(locked), Some(lock)) = (&given.locked, &given.grant.lock) else {
            return;
        };
        if servers < usize::from(lock.threshold) {
            // Begun again when it is due.
            return;
        }
        let share_hashes = lock.share_hashes.clone();
        let (job, command) = if locked.opened {
            let rekey = Command::Rekey {
                account: locked.account,
                round: locked.round,
                share_hashes,
            };
            (Job::Rekey(id, granted_at), rekey)
        } else {
            let Some(opening) = given.opening() else {
                return;
            };
            (Job::OpenAccount(id, granted_at), Command::Open(opening))
        };
        let ticket = self.jobs.add(self.step_end(now), job);
        out.push(Output::Order { ticket, command });
    }

    /// The ledger's word on an order of ours; none if the servers did not answer in time.
    pub(super) fn ordered(
        &mut self,
        now: Moment,
        ticket: Ticket,
        answer: Option<Answer>,
        out: &mut Outbox<Output>,
    ) {
        let Some(job) = self.jobs.take(ticket) else {
            return;
        };
        if let Job::CheckIn(id, checkout) = job {
            return self.checked_in(now, (id, checkout), answer, out);
        }
        // What is not answered is ordered again when it is due.
        let Some(Answer { reply, .. }) = answer else {
            return;
        };
        match job {
            Job::OpenAccount(id, granted_at) => {
                self.account_answered(now, (id, granted_at), reply, out);
            }
            Job::AskStanding(id, granted_at) => {
                self.standing_told(now, (id, granted_at), reply, out);
            }
            Job::Rekey(id, granted_at) => {
                let given = self.given_at(id, granted_at);
                let locked = given.and_then(|given| given.locked.as_mut());
                if let (Reply::Rekeyed { .. }, Some(locked)) = (reply, locked) {
                    locked.keyed = true;
                    self.complete_soon(now, id);
                    self.store(now, vec![RowKey::Given(id)], Vec::new(), out);
                }
            }
            Job::TellLedger(id, granted_at, sequence) => {
                self.change_answered(now, (id, granted_at, sequence), reply, out);
            }
            _ => {}
        }
    }

    fn account_answered(
        &mut self,
        now: Moment,
        (id, granted_at): (GrantId, WallTime),
        reply: Reply,
        out: &mut Outbox<Output>,
    ) {
        let Some(given) = self.given_at(id, granted_at) else {
            return;
        };
        match reply {
            Reply::Opened(_) => {
                if let Some(locked) = &mut given.locked {
                    locked.opened = true;
                }
                self.complete_soon(now, id);
                self.store(now, vec![RowKey::Given(id)], Vec::new(), out);
                self.post_grant(now, id, out);
                self.tell_ledger(now, id, out);
            }
            Reply::Refused(refusal) => {
                let failure = failures::not_opened(&given.grant.name, refusal);
                if let Some((ticket, _)) = given.run.waiting.take() {
                    let opened = Err(failure);
                    out.push(Output::GrantOpened { ticket, opened });
                }
                self.uninstall(id, None);
                self.store(now, vec![RowKey::Given(id)], Vec::new(), out);
            }
            _ => {}
        }
    }

    /// Puts the first change that the ledger has not taken before it.
    pub(super) fn tell_ledger(&mut self, now: Moment, id: GrantId, out: &mut Outbox<Output>) {
        let Some(given) = self.given.get(&id) else {
            return;
        };
        let stored = given.run.stored.unwrap_or_default();
        let Some(locked) = given.locked.as_ref().filter(|locked| locked.opened) else {
            return;
        };
        let Some(&adjust) = locked.changes.first() else {
            return;
        };
        let is_under_way = |job: &Job| matches!(job, Job::TellLedger(of, ..) if *of == id);
        if adjust.owner_sequence > stored || self.jobs.any(is_under_way) {
            return;
        }
        let account = locked.account;
        let job = Job::TellLedger(id, given.grant.granted_at, adjust.owner_sequence);
        let ticket = self.jobs.add(self.step_end(now), job);
        let command = Command::Adjust { account, adjust };
        out.push(Output::Order { ticket, command });
    }

    fn change_answered(
        &mut self,
        now: Moment,
        (id, granted_at, sequence): (GrantId, WallTime, u32),
        reply: Reply,
        out: &mut Outbox<Output>,
    ) {
        let Some(given) = self.given_at(id, granted_at) else {
            return;
        };
        let Some(locked) = &mut given.locked else {
            return;
        };
        let mut is_keyless = false;
        match reply {
            Reply::Adjusted(standing) => is_keyless = wants_shares(&standing),
            // An account that is revoked or forgotten changes no more.
            Reply::Refused(Refusal::Revoked | Refusal::Unknown | Refusal::Bounds) => {}
            // Ordered again when it is due.
            _ => return,
        }
        locked.changes.retain(|made| made.owner_sequence > sequence);
        if is_keyless && locked.keyed {
            locked.round = locked.round.saturating_add(1);
            locked.keyed = false;
        }
        self.store(now, vec![RowKey::Given(id)], Vec::new(), out);
        self.deposit_shares(now, id, out);
        self.tell_ledger(now, id, out);
    }

    /// A grant, unless a newer one has taken its place.
    pub(super) fn given_at(&mut self, id: GrantId, granted_at: WallTime) -> Option<&mut Given> {
        let is_this = |given: &&mut Given| given.grant.granted_at == granted_at;
        self.given.get_mut(&id).filter(is_this)
    }
}

/// Whether there are looks that the servers have no shares for.
const fn wants_shares(standing: &Standing) -> bool {
    !standing.keyed && standing.remaining() > 0
}
