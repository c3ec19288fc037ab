//! Stand-ins for the servers that count the looks of strict grants: the real ledger, whose entries
//! are agreed at once, and the shares that each server keeps.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::looks::{Lent, LoanOrder, Look, LookFault, LookOrder};
use super::world::identity;
use crate::crypto::shares::{Purpose, Secret, Share, combine};
use crate::crypto::static_key::StaticSecret;
use crate::ledger::{Effect, Ledger};
use crate::proto::identity::{PublicKey, Signature};
use crate::proto::ids::{AccountId, Digest, NodeId};
use crate::proto::ledger::{Answer, Command, Entry, Reply, Signed};
use crate::proto::shares::ShareDeposit;
use crate::time::WallTime;

const SERVERS: u8 = 3;

fn secret(server: u8) -> StaticSecret {
    StaticSecret::from_bytes([200 + server; 32])
}

pub(super) fn addresses() -> Vec<(NodeId, PublicKey)> {
    let servers = 1..=SERVERS;
    servers
        .map(|server| (NodeId(server), secret(server).public()))
        .collect()
}

pub(super) struct Servers {
    pub(super) ledger: Ledger,
    seq: u64,
    shares: BTreeMap<(AccountId, u32, u8), Share>,
    /// Whether a majority of them can be reached.
    pub(super) up: bool,
    /// Those that are down all the same.
    pub(super) down: BTreeSet<u8>,
    /// Shares that were put before servers, and those that were not kept before.
    pub(super) offered: u32,
    pub(super) kept: u32,
    /// Looks for which shares were let out.
    pub(super) released: u32,
    /// Looks that went to devices.
    pub(super) lent: u32,
    /// Copies that were found out.
    pub(super) forks: u32,
}

impl Servers {
    pub(super) fn new() -> Self {
        Self {
            ledger: Ledger::default(),
            seq: 0,
            shares: BTreeMap::new(),
            up: true,
            down: BTreeSet::new(),
            offered: 0,
            kept: 0,
            released: 0,
            lent: 0,
            forks: 0,
        }
    }

    /// How many servers keep their shares.
    pub(super) fn deposit(&mut self, who: usize, deposits: &[(NodeId, ShareDeposit)]) -> usize {
        if !self.up {
            return 0;
        }
        let mut servers = 0;
        for (NodeId(server), deposit) in deposits {
            if self.down.contains(server) {
                continue;
            }
            servers += 1;
            self.offered += 1;
            let account = deposit.account(identity(who).user_id());
            let purpose = Purpose::Keep {
                account,
                round: deposit.round,
                index: *server,
            };
            let share = Share::open(&secret(*server), &purpose, &deposit.sealed);
            let key = (account, deposit.round, *server);
            let share = share.expect("sealed to this server");
            self.kept += u32::from(self.shares.insert(key, share).is_none());
        }
        servers
    }

    /// A server gets another disk, with no share on it.
    pub(super) fn replace_disk(&mut self, server: u8) {
        self.shares.retain(|(_, _, of), _| *of != server);
    }

    pub(super) fn order(&mut self, who: usize, at: WallTime, command: Command) -> Option<Answer> {
        if !self.up {
            return None;
        }
        self.seq += 1;
        let signed = Some(Signed {
            principal: identity(who),
            at,
            command,
            signature: Signature([[0; 32]; 2]),
        });
        let entry = Entry { stamp: at, signed };
        let applied = self.ledger.apply_authentic(self.seq, &entry);
        for effect in applied.effects {
            match effect {
                Effect::Release(_) => self.released += 1,
                Effect::Lend(loan) => self.lent += loan.looks,
                Effect::Forked { .. } => self.forks += 1,
                Effect::Erase { account, round } => {
                    let is_kept = |of: &(AccountId, u32, u8)| of.0 != account || of.1 > round;
                    self.shares.retain(|of, _| is_kept(of));
                }
            }
        }
        let (seq, reply) = (self.seq, applied.reply);
        Some(Answer { seq, reply })
    }

    pub(super) fn lend(
        &mut self,
        who: usize,
        at: WallTime,
        loan: &LoanOrder,
    ) -> Result<Lent, LookFault> {
        let command = Command::Escrow {
            account: loan.account,
            checkout: loan.checkout,
            device: loan.device,
            reply_key: loan.reply.public().0,
            looks: loan.looks,
            until: loan.until,
        };
        let answer = self.order(who, at, command);
        match answer.ok_or(LookFault::Unanswered)?.reply {
            Reply::Escrowed {
                looks,
                until,
                released: true,
                ..
            } => {
                let secret = self.secret(loan.account, loan.threshold, &loan.share_hashes)?;
                Ok(Lent {
                    secret,
                    looks,
                    until,
                })
            }
            Reply::Escrowed { remaining, .. } => Err(LookFault::Late {
                ordinal: None,
                remaining,
            }),
            Reply::Refused(refusal) => Err(LookFault::Refused(refusal)),
            other => panic!("no answer to a loan: {other:?}"),
        }
    }

    /// What those that are up and have their shares give together.
    fn secret(
        &self,
        account: AccountId,
        threshold: u8,
        hashes: &[Digest],
    ) -> Result<Secret, LookFault> {
        let standing = self.ledger.account(account).expect("known").standing();
        let up = (1..=SERVERS).filter(|server| !self.down.contains(server));
        let share = |server| self.shares.get(&(account, standing.round, server)).cloned();
        let shares: Vec<Share> = up.filter_map(share).collect();
        combine(&shares, threshold, hashes).map_err(|_| LookFault::Unanswered)
    }

    pub(super) fn look(
        &mut self,
        who: usize,
        at: WallTime,
        look: &LookOrder,
    ) -> Result<Look, LookFault> {
        let command = Command::Spend {
            account: look.account,
            view: look.view,
            reply_key: look.reply.public().0,
            device: look.device,
        };
        let answer = self.order(who, at, command);
        match answer.ok_or(LookFault::Unanswered)?.reply {
            Reply::Spent {
                ordinal,
                remaining,
                released: true,
                ..
            } => {
                let secret = self.secret(look.account, look.threshold, &look.share_hashes)?;
                Ok(Look {
                    secret,
                    ordinal,
                    remaining,
                })
            }
            Reply::Spent {
                ordinal, remaining, ..
            } => Err(LookFault::Late {
                ordinal: Some(ordinal),
                remaining,
            }),
            Reply::Refused(refusal) => Err(LookFault::Refused(refusal)),
            other => panic!("no answer to a look: {other:?}"),
        }
    }
}
