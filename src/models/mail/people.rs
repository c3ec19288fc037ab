//! The writer and the reader: couriers with their disks.

use std::collections::VecDeque;

use bytes::Bytes;

use super::disk::Disk;
use super::{SERVERS, T0};
use crate::actors::courier::{Config, Courier, Input, Output};
use crate::actors::edges::{Desk, DiskAnswer, Table, Ticket};
use crate::actors::machine::{Machine, Outbox};
use crate::crypto::identity::SecretIdentity;
use crate::proto::cargo::Cargo;
use crate::proto::control::Posted;
use crate::proto::ids::{GrantId, LetterId, NodeId};
use crate::proto::lease::{Adjust, Change};
use crate::proto::letter::Note;
use crate::proto::packet::Party;
use crate::time::{Calendar, Moment, WallTime};

/// The letters as they were sealed, by number.
#[derive(Clone, Default)]
pub(super) struct Letters(Vec<(LetterId, Bytes)>);

impl Letters {
    pub(super) fn get(&self, letter: u8) -> (LetterId, Bytes) {
        self.0[usize::from(letter)].clone()
    }

    pub(super) fn number(&self, id: LetterId) -> u8 {
        let place = self.0.iter().position(|(known, _)| *known == id);
        place.expect("there are no others") as u8
    }
}

/// Letters, a bit each.
pub(super) fn mask_of(letters: &Letters, ids: impl Iterator<Item = LetterId>) -> u8 {
    ids.fold(0, |mask, id| mask | 1 << letters.number(id))
}

/// The writer.
pub(super) fn alice() -> SecretIdentity {
    SecretIdentity::from_secret([1; 32])
}

/// The reader.
pub(super) fn bob() -> SecretIdentity {
    SecretIdentity::from_secret([2; 32])
}

/// What a courier wants beyond its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The poster is told that a letter is kept by the servers.
    Kept(u8),
    /// A letter is brought to a server.
    Deposit { letter: u8, server: usize },
    /// A letter is handed on.
    HandOn(u8),
    /// The servers are told that letters took effect.
    Ack(u8),
}

/// A courier with its disk.
#[derive(Clone)]
pub(super) struct Home {
    who: SecretIdentity,
    courier: Courier,
    disk: Disk,
    now_ms: u64,
    /// Letters that were handed on since its start and wait for their effect, a bit each.
    handed: u8,
}

fn courier(who: &SecretIdentity, disk: &Disk) -> Courier {
    let servers = (1..=SERVERS as u8).map(NodeId).collect();
    let started_at = WallTime(T0);
    let config = Config::lan(who.clone(), servers, Calendar { started_at });
    Courier::new(
        config,
        [7; 32],
        disk.rows(Table::Outbox),
        disk.rows(Table::Seen),
    )
}

fn note(sequence: u32) -> Note {
    Note::Adjust {
        adjust: Adjust {
            grant: GrantId([5; 16]),
            owner_sequence: sequence,
            change: Change::Add(1),
            at: WallTime(T0),
        },
        key: [0; 32],
    }
}

impl Home {
    pub(super) fn new(who: SecretIdentity) -> Self {
        let disk = Disk::default();
        Self {
            courier: courier(&who, &disk),
            who,
            disk,
            now_ms: 0,
            handed: 0,
        }
    }

    /// The writer has posted all letters and is told that their reader is away: they are on their
    /// way to the servers.
    pub(super) fn with_letters(count: u8) -> (Self, Letters) {
        let mut home = Self::new(alice());
        let mut letters = Letters::default();
        for number in 1..=u32::from(count) {
            let ticket = Ticket {
                desk: Desk::LeaseManager,
                number: number.into(),
            };
            let (to, note) = (*bob().public(), note(number));
            home.now_ms += 1;
            let orders = home.handle(Input::Post { ticket, to, note });
            home.post(orders, &mut letters);
        }
        (home, letters)
    }

    /// Follows a letter until it is with the servers.
    fn post(&mut self, orders: Vec<Output>, letters: &mut Letters) {
        let mut orders = VecDeque::from(orders);
        while let Some(order) = orders.pop_front() {
            match order {
                Output::Disk { ticket, order } => {
                    self.disk.order(ticket, order);
                    self.disk.carry_out();
                    let answer = DiskAnswer::Written;
                    orders.extend(self.handle(Input::Disk { ticket, answer }));
                }
                Output::Locate { ticket, user } => {
                    orders.extend(self.handle(Input::Located {
                        ticket,
                        user,
                        online: false,
                        pass: None,
                    }));
                }
                Output::Transfer { cargo, body, .. } => {
                    let Cargo::Deposit(id) = cargo else {
                        panic!("{cargo:?} to somebody who is away");
                    };
                    if letters.0.iter().all(|(known, _)| *known != id) {
                        letters.0.push((id, body));
                    }
                }
                _ => {}
            }
        }
    }

    fn handle(&mut self, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        let now = Moment::from_millis(self.now_ms);
        self.courier.handle(now, input, &mut out);
        out.take()
    }

    pub(super) fn give(&mut self, letters: &Letters, input: Input) -> Vec<Wish> {
        let orders = self.handle(input);
        self.obey(letters, orders)
    }

    fn obey(&mut self, letters: &Letters, orders: Vec<Output>) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for order in orders {
            match order {
                Output::Disk { ticket, order } => self.disk.order(ticket, order),
                Output::Posted {
                    ticket,
                    how: Posted::Mailbox,
                } => wishes.push(Wish::Kept(ticket.number as u8 - 1)),
                Output::Transfer {
                    to: Party::Server(node),
                    cargo: Cargo::Deposit(id),
                    ..
                } => wishes.push(Wish::Deposit {
                    letter: letters.number(id),
                    server: usize::from(node.0) - 1,
                }),
                Output::NoteArrived { letter, .. } => {
                    let letter = letters.number(letter);
                    self.handed |= 1 << letter;
                    wishes.push(Wish::HandOn(letter));
                }
                Output::AckMail(ids) => {
                    wishes.push(Wish::Ack(mask_of(letters, ids.into_iter())));
                }
                _ => {}
            }
        }
        wishes
    }

    /// The effect of a letter that was handed on is on disk.
    pub(super) fn apply(&mut self, letters: &Letters, letter: u8) -> Vec<Wish> {
        self.handed &= !(1 << letter);
        self.give(letters, Input::Kept(letters.get(letter).0))
    }

    /// The disk carries out the oldest order and says so.
    pub(super) fn write(&mut self, letters: &Letters) -> Vec<Wish> {
        let Some(ticket) = self.disk.carry_out() else {
            return Vec::new();
        };
        let answer = DiskAnswer::Written;
        self.give(letters, Input::Disk { ticket, answer })
    }

    pub(super) fn is_writing(&self) -> bool {
        self.disk.is_writing()
    }

    /// The program ends and starts again, the oldest order carried out or not.
    pub(super) fn restart(&mut self, written: bool) {
        self.disk.end(written);
        self.handed = 0;
        self.courier = courier(&self.who, &self.disk);
    }

    /// Time passes to the next timer.
    pub(super) fn wait(&mut self, letters: &Letters) -> Vec<Wish> {
        let Some(due) = self.courier.deadline() else {
            return Vec::new();
        };
        self.now_ms = self.now_ms.max(due.as_micros().div_ceil(1_000));
        let mut out = Outbox::new();
        let now = Moment::from_millis(self.now_ms);
        self.courier.on_deadline(now, &mut out);
        self.obey(letters, out.take())
    }

    /// Letters that wait for their effect, a bit each.
    pub(super) const fn handed(&self) -> u8 {
        self.handed
    }

    /// Letters on its disk that are on their way, a bit each.
    pub(super) fn outbox(&self, letters: &Letters) -> u8 {
        let ids = self.disk.letters(Table::Outbox, |key| key.try_into().ok());
        mask_of(letters, ids)
    }

    /// Letters that its disk knows to have taken effect, a bit each.
    pub(super) fn remembered(&self, letters: &Letters) -> u8 {
        let ids = self
            .disk
            .letters(Table::Seen, |key| key.last_chunk().copied());
        mask_of(letters, ids)
    }

    pub(super) fn key(&self) -> String {
        let (now_ms, handed) = (self.now_ms, self.handed);
        let held = self.courier.held();
        format!("{now_ms} {handed} {} {held}", self.disk.held())
    }
}
