//! A server's custody with its disk, and the people of the model.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::Sent;
use crate::actors::custody::{Config, Custody, Input, Output};
use crate::actors::edges::{DiskAnswer, DiskOrder, Ticket};
use crate::actors::machine::{Machine, Outbox};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::shares::{Purpose, split};
use crate::crypto::static_key::StaticSecret;
use crate::proto::ids::{AccountId, GrantId};
use crate::proto::packet::Packet;
use crate::proto::shares::{ReleasePurpose, ShareDeposit};
use crate::time::{Moment, WallTime};

use super::T0;

/// A server's custody with its disk.
pub(super) struct Vault {
    pub(super) custody: Custody,
    pub(super) rows: BTreeMap<Vec<u8>, Bytes>,
    pub(super) under_way: VecDeque<(Ticket, DiskOrder)>,
}

pub(super) fn user(who: u8) -> SecretIdentity {
    SecretIdentity::from_secret([who; 32])
}

pub(super) fn reply(look: u8) -> StaticSecret {
    StaticSecret::from_bytes([40 + look; 32])
}

pub(super) fn config(server: usize) -> Config {
    let index = server as u8 + 1;
    Config::lan(index, StaticSecret::from_bytes([20 + index; 32]))
}

impl Vault {
    /// With the share on disk.
    pub(super) fn new(server: usize, account: AccountId) -> Self {
        let config = config(server);
        let index = config.index;
        let share = split(&[5; 32], 2, 2, [6; 32]).expect("a sharing")[server].clone();
        let purpose = Purpose::Keep {
            account,
            round: 0,
            index,
        };
        let key = config.secret.public();
        let deposit = ShareDeposit {
            borrower: user(2).user_id(),
            grant: GrantId([7; 16]),
            granted_at: WallTime(T0),
            round: 0,
            sealed: share.seal(&key, &purpose, [8; 32]).expect("a key"),
        };
        let mut vault = Self {
            custody: Custody::new(config, [index; 32], Vec::new()),
            rows: BTreeMap::new(),
            under_way: VecDeque::new(),
        };
        let owner = user(1).user_id();
        vault.give(server, Input::DepositArrived { owner, deposit });
        vault.written(server);
        vault
    }

    /// Gives the custody an input; the shares that leave.
    pub(super) fn give(&mut self, server: usize, input: Input) -> Vec<Sent> {
        let mut out = Outbox::new();
        self.custody.handle(Moment::START, input, &mut out);
        let mut sent = Vec::new();
        for output in out.take() {
            match output {
                Output::Disk { ticket, order } => self.under_way.push_back((ticket, order)),
                Output::Send {
                    packet: Packet::Share(share),
                    ..
                } => {
                    if let ReleasePurpose::Look { view, ordinal, .. } = share.purpose {
                        sent.push(Sent {
                            server,
                            look: view.0[0],
                            ordinal,
                        });
                    }
                }
                Output::Send { .. } => {}
            }
        }
        sent
    }

    pub(super) fn carry_out(&mut self) -> Option<Ticket> {
        let (ticket, order) = self.under_way.pop_front()?;
        let DiskOrder::Write(records) = order else {
            panic!("only rows are written");
        };
        for record in records {
            match record.value {
                Some(value) => self.rows.insert(record.key, value),
                None => self.rows.remove(&record.key),
            };
        }
        Some(ticket)
    }

    pub(super) fn written(&mut self, server: usize) -> Vec<Sent> {
        let Some(ticket) = self.carry_out() else {
            return Vec::new();
        };
        let answer = DiskAnswer::Written;
        self.give(server, Input::Disk { ticket, answer })
    }

    pub(super) fn copy(&self) -> Self {
        Self {
            custody: self.custody.clone(),
            rows: self.rows.clone(),
            under_way: self.under_way.clone(),
        }
    }

    /// Everything that makes a difference: not the numbers of tickets, nor chance.
    pub(super) fn key(&self, server: usize) -> String {
        let orders: Vec<&DiskOrder> = self.under_way.iter().map(|(_, order)| order).collect();
        let rows: Vec<_> = self.rows.keys().collect();
        format!("{server} {rows:?} {orders:?} {:?}", self.custody.held())
    }
}
