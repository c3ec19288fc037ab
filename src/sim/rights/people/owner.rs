//! Who gives grants: shares to the servers, an account, changes, new shares.

use rand::RngExt;
use rand_chacha::ChaCha20Rng;

use super::{Cast, Errand, Stage, name};
use crate::actors::clerk;
use crate::crypto::shares::Purpose;
use crate::proto::ids::NodeId;
use crate::proto::lease::{Adjust, Change};
use crate::proto::ledger::{Command, Refusal, Reply};
use crate::proto::shares::ShareDeposit;
use crate::time::WallTime;

/// Changes of one grant at the most.
const CHANGES_MAX: usize = 40;

impl Cast {
    pub(super) fn give(
        &mut self,
        device: usize,
        now: WallTime,
        grants_max: usize,
        rng: &mut ChaCha20Rng,
    ) -> Option<clerk::Input> {
        let own = |(place, grant): (usize, &super::Grant)| (grant.owner == device).then_some(place);
        let owned: Vec<usize> = self.grants.iter().enumerate().filter_map(own).collect();
        let more = owned.is_empty() || rng.random_bool(0.2);
        let place = if more && self.grants.len() < grants_max {
            let borrower = rng.random_range(self.owners..self.people.len());
            self.grant(device, borrower, now, rng)
        } else if owned.is_empty() {
            return None;
        } else {
            owned[rng.random_range(0..owned.len())]
        };
        self.go_on(place, now, rng)
    }

    /// The next step of a grant, or a change.
    pub(in crate::sim::rights) fn go_on(
        &mut self,
        place: usize,
        now: WallTime,
        rng: &mut ChaCha20Rng,
    ) -> Option<clerk::Input> {
        let grant = &self.grants[place];
        let (device, account) = (grant.owner, grant.account);
        let is_under_way = |errand: &Errand| match *errand {
            Errand::Deposit(of, _) | Errand::Open(of) | Errand::Rekey(of, _) => of == place,
            _ => false,
        };
        let (stage, wanted, round) = (grant.stage, grant.wanted, grant.round);
        if self.waits_for(device, is_under_way) {
            return None;
        }
        match (stage, wanted) {
            (Stage::Dead, _) => None,
            (Stage::New, _) => Some(self.deposit(place, 0, false, rng)),
            (Stage::Deposited, _) => {
                let command = Command::Open(self.grants[place].opening.clone());
                Some(self.order(device, Errand::Open(place), command))
            }
            (Stage::Open, Some(false)) => Some(self.deposit(place, round + 1, false, rng)),
            (Stage::Open, Some(true)) => {
                let command = Command::Rekey {
                    account,
                    round: round + 1,
                    share_hashes: self.grants[place].opening.share_hashes.clone(),
                };
                Some(self.order(device, Errand::Rekey(place, round + 1), command))
            }
            // Some server may lack its share; whatever the ledger has made of it meanwhile.
            (Stage::Open, None) if rng.random_bool(0.2) => {
                Some(self.deposit(place, round, true, rng))
            }
            (Stage::Open, None) => self.change(place, now, rng),
        }
    }

    /// Puts the shares of a round before the servers: `all` of them are to keep theirs, or as many
    /// as can open.
    fn deposit(
        &mut self,
        place: usize,
        round: u32,
        all: bool,
        rng: &mut ChaCha20Rng,
    ) -> clerk::Input {
        let grant = &self.grants[place];
        let mut deposits: Vec<(NodeId, ShareDeposit)> = Vec::new();
        for ((server, key), share) in self.servers.iter().zip(&grant.shares) {
            let purpose = Purpose::Keep {
                account: grant.account,
                round,
                index: share.index,
            };
            let Ok(sealed) = share.seal(key, &purpose, name(rng)) else {
                continue;
            };
            let deposit = ShareDeposit {
                borrower: grant.opening.borrower,
                grant: grant.opening.grant,
                granted_at: grant.opening.granted_at,
                round,
                sealed,
            };
            deposits.push((*server, deposit));
        }
        let threshold = usize::from(grant.opening.threshold);
        let needed = if all { deposits.len() } else { threshold };
        let device = grant.owner;
        let ticket = self.ticket(device, Errand::Deposit(place, round));
        clerk::Input::Deposit {
            ticket,
            deposits,
            needed,
        }
    }

    /// A new change, or one that is not answered, or, by mistake, another.
    fn change(
        &mut self,
        place: usize,
        now: WallTime,
        rng: &mut ChaCha20Rng,
    ) -> Option<clerk::Input> {
        let grant = &mut self.grants[place];
        let made = grant.changes.len();
        if (grant.taken as usize) == made {
            if made >= CHANGES_MAX {
                return None;
            }
            grant.changes.push(Adjust {
                grant: grant.opening.grant,
                owner_sequence: made as u32 + 1,
                change: any_change(now, rng),
                at: now,
            });
        }
        let chosen = if rng.random_bool(0.1) {
            rng.random_range(0..grant.changes.len())
        } else {
            (grant.taken as usize).min(grant.changes.len() - 1)
        };
        let (device, account, adjust) = (grant.owner, grant.account, grant.changes[chosen]);
        let command = Command::Adjust { account, adjust };
        Some(self.order(device, Errand::Change(place), command))
    }

    pub(super) fn deposited(&mut self, errand: Option<Errand>, servers: usize) -> &'static str {
        let Some(Errand::Deposit(place, round)) = errand else {
            return "told again";
        };
        let grant = &mut self.grants[place];
        if servers < usize::from(grant.opening.threshold) {
            return "told unanswered";
        }
        if grant.stage == Stage::New {
            grant.stage = Stage::Deposited;
        } else if round == grant.round + 1 {
            grant.wanted = Some(true);
        }
        "shares deposited"
    }

    pub(super) fn owner_told(&mut self, errand: Errand, reply: Reply) -> &'static str {
        match (errand, reply) {
            (Errand::Open(place), Reply::Opened(_)) => {
                self.grants[place].stage = Stage::Open;
                "told opened"
            }
            // The servers' time is another day's: it is granted anew.
            (Errand::Open(place), Reply::Refused(Refusal::Time { now })) => {
                let owner = self.people[self.devices[self.grants[place].owner].person].id;
                let grant = &mut self.grants[place];
                grant.opening.granted_at = now;
                grant.account = grant.opening.account(owner);
                grant.stage = Stage::New;
                "told refused"
            }
            (Errand::Open(place), Reply::Refused(_)) => {
                self.grants[place].stage = Stage::Dead;
                "told refused"
            }
            (Errand::Change(place), Reply::Adjusted(standing)) => {
                let grant = &mut self.grants[place];
                grant.taken = grant.taken.max(standing.applied);
                if standing.round == grant.round && !standing.keyed && standing.remaining() > 0 {
                    grant.wanted = grant.wanted.or(Some(false));
                }
                "told changed"
            }
            (Errand::Rekey(place, round), Reply::Rekeyed { .. }) => {
                let grant = &mut self.grants[place];
                (grant.round, grant.wanted) = (round, None);
                "told rekeyed"
            }
            (Errand::Rekey(place, _), Reply::Refused(refusal)) => {
                if !matches!(refusal, Refusal::Time { .. }) {
                    self.grants[place].wanted = None;
                }
                "told refused"
            }
            _ => "told refused",
        }
    }
}

fn any_change(now: WallTime, rng: &mut ChaCha20Rng) -> Change {
    match rng.random_range(0..24) {
        0..10 => Change::Add(rng.random_range(1..4)),
        10..13 => Change::Sub(rng.random_range(1..3)),
        13..15 => Change::Set(rng.random_range(0..8)),
        15..18 => Change::Refund,
        18..20 => Change::Until(Some(WallTime(now.0 + rng.random_range(5_000..300_000)))),
        20..23 => Change::Until(None),
        _ => Change::Revoke,
    }
}
