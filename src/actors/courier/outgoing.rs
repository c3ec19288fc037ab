//! One letter on its way out, and what is sent for it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::incoming::LETTER_ENCODED_MAX_BYTES;
use super::{Call, Output};
use crate::actors::edges::{Record, Table, Ticket};
use crate::planted::{self, Bug};
use crate::proto::cargo::Cargo;
use crate::proto::codec;
use crate::proto::control::Posted;
use crate::proto::ids::{LetterId, NodeId, UserId};
use crate::proto::letter::Letter;
use crate::proto::packet::{Packet, Party};
use crate::proto::pass::{Pass, Visit};
use crate::time::Moment;

const ROW_MAX_BYTES: usize = LETTER_ENCODED_MAX_BYTES + 32;
/// Rounds of deposit before they grow rarer.
const QUICK_ROUNDS: u32 = 4;

/// A letter that has not come to rest.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) id: LetterId,
    pub(super) reader: UserId,
    pub(super) body: Bytes,
    pub(super) lasting: bool,
    /// Whether it goes with a pass, and the last one there was.
    pub(super) visits: bool,
    pub(super) pass: Option<Pass>,
    /// How often another pass was got for it.
    pub(super) renewals: u32,
    /// Who posted it; none after a restart.
    pub(super) ticket: Option<Ticket>,
    /// Whether the poster has been answered.
    pub(super) told: bool,
    pub(super) tell_at: Moment,
    /// Whether the first attempt is over, so that later letters to this reader may start.
    pub(super) tried: bool,
    pub(super) stage: Stage,
    pub(super) next: Option<Moment>,
    pub(super) locate: Option<Ticket>,
    pub(super) rounds: u32,
    pub(super) stored: BTreeSet<NodeId>,
    /// Servers that refused it, and until when they are not asked.
    pub(super) refused: BTreeMap<NodeId, Moment>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// Being written to disk.
    Saving { ticket: Ticket, tries: u32 },
    /// Waits until earlier letters to the reader have been tried.
    Waiting,
    /// We ask whether the reader can be reached.
    Locating,
    /// Sent to the reader.
    Direct { attempt: u32 },
    /// Sent to the servers, and to the reader whenever they are online.
    Depositing,
    /// Over; its row is being deleted.
    Forgetting { ticket: Ticket, tries: u32 },
}

impl Outgoing {
    pub(super) fn new(id: LetterId, reader: UserId, body: Bytes, lasting: bool) -> Self {
        Self {
            id,
            reader,
            body,
            lasting,
            visits: false,
            pass: None,
            renewals: 0,
            ticket: None,
            told: true,
            tell_at: Moment::START,
            tried: false,
            stage: Stage::Waiting,
            next: None,
            locate: None,
            rounds: 0,
            stored: BTreeSet::new(),
            refused: BTreeMap::new(),
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Forgetting { .. })
    }

    /// `Queued` may be told only of a letter that is on disk, or never will be.
    pub(super) fn tell_due(&self) -> Option<Moment> {
        let quiet = self.told || self.is_over() || matches!(self.stage, Stage::Saving { .. });
        (!quiet).then_some(self.tell_at)
    }

    pub(super) fn row(&self, number: u64) -> Record {
        Record {
            table: Table::Outbox,
            key: self.id.0.to_vec(),
            value: Some(Bytes::from(codec::encode(&(number, &self.body)))),
        }
    }

    pub(super) fn answer(&mut self, how: Posted, call: &mut Call<'_>) {
        if let Some(ticket) = self.ticket
            && !self.told
        {
            call.out.push(Output::Posted { ticket, how });
        }
        self.told = true;
    }

    pub(super) fn locate(&mut self, call: &mut Call<'_>) {
        let ticket = call.tickets.draw();
        self.locate = Some(ticket);
        let user = self.reader;
        call.out.push(Output::Locate { ticket, user });
    }

    pub(super) fn send_direct(&self, call: &mut Call<'_>) {
        let letter = self.body.clone();
        let (cargo, body) = if self.visits {
            let visit = Visit {
                pass: self.pass,
                letter,
            };
            (Cargo::Visit(self.id), Bytes::from(codec::encode(&visit)))
        } else {
            (Cargo::Letter(self.id), letter)
        };
        call.out.push(Output::Transfer {
            to: Party::User(self.reader),
            cargo,
            body,
        });
    }

    pub(super) fn attempt(&mut self, attempt: u32, call: &mut Call<'_>) {
        self.stage = Stage::Direct { attempt };
        self.next = Some(call.in_ms(call.config.attempt_ms));
        self.send_direct(call);
    }

    /// One round of asking all servers that have not confirmed, and whether the reader
    /// can be reached.
    pub(super) fn deposit(&mut self, call: &mut Call<'_>) {
        self.tried = true;
        self.stage = Stage::Depositing;
        self.refused.retain(|_, until| *until > call.now);
        for server in &call.config.servers {
            if self.stored.contains(server) || self.refused.contains_key(server) {
                continue;
            }
            if self.rounds > 0 && planted::is(Bug::DepositedOnce) {
                continue;
            }
            if self.rounds > 0 {
                call.out.push(Output::Send {
                    to: Party::Server(*server),
                    packet: Packet::DepositCheck(self.id),
                });
            }
            call.out.push(Output::Transfer {
                to: Party::Server(*server),
                cargo: Cargo::Deposit(self.id),
                body: self.body.clone(),
            });
        }
        if self.rounds > 0 {
            self.locate(call);
        }
        let doublings = self.rounds.saturating_sub(QUICK_ROUNDS).min(16);
        let wait_ms = call.config.deposit_every_ms.saturating_mul(1 << doublings);
        self.next = Some(call.in_ms(wait_ms.min(call.config.deposit_every_max_ms).max(1)));
        self.rounds = self.rounds.saturating_add(1);
    }

    pub(super) fn forget(&mut self, call: &mut Call<'_>) {
        let ticket = call.tickets.draw();
        self.stage = Stage::Forgetting { ticket, tries: 1 };
        self.next = Some(call.in_ms(call.config.disk_ms));
        self.locate = None;
        call.write(ticket, vec![deletion(self.id.0.to_vec())]);
    }
}

/// A letter from its row.
pub(super) fn restored(key: &[u8], value: &[u8]) -> Option<(u64, Outgoing)> {
    let (number, body) = codec::decode::<(u64, Bytes)>(value, ROW_MAX_BYTES).ok()?;
    let letter = codec::decode::<Letter>(&body, LETTER_ENCODED_MAX_BYTES).ok()?;
    (letter.id.0 == key).then(|| (number, Outgoing::new(letter.id, letter.to, body, true)))
}

pub(super) fn deletion(key: Vec<u8>) -> Record {
    Record {
        table: Table::Outbox,
        key,
        value: None,
    }
}
