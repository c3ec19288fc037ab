//! A server's mailbox with its disk.

use bytes::Bytes;

use super::disk::Disk;
use super::people::{Letters, bob, mask_of};
use super::{SERVERS, T0};
use crate::actors::edges::{DiskAnswer, Table};
use crate::actors::machine::{Machine, Outbox};
use crate::actors::mailbox::{Config, Input, Mailbox, Output};
use crate::proto::codec;
use crate::proto::ids::{NodeId, UserId};
use crate::proto::letter::Letter;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::proto::packet::Packet;
use crate::time::{Calendar, Moment, WallTime};

/// Long after the start, so that what was asked then is over.
const LATER_MS: u64 = 10_000;

/// What a server says to another, or to the people.
#[derive(Clone, Debug)]
pub(super) enum Word {
    /// It has a letter on disk, to its writer.
    Deposited(u8),
    /// It wants to know what the other knows.
    Asks(usize),
    /// What it knows.
    State(usize, Bytes),
}

/// A mailbox with its disk.
#[derive(Clone)]
pub(super) struct Vault {
    index: usize,
    mailbox: Mailbox,
    disk: Disk,
    now_ms: u64,
    /// Milliseconds from [`T0`] to its start.
    started_ms: u64,
}

fn config(index: usize, started_ms: u64) -> Config {
    let node = |index: usize| NodeId(index as u8 + 1);
    let peers = (0..SERVERS).filter(|other| *other != index).map(node);
    let started_at = WallTime(T0 + started_ms);
    Config::lan(node(index), peers.collect(), Calendar { started_at })
}

impl Vault {
    /// A server with an empty disk that has just begun.
    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            mailbox: Mailbox::new(config(index, 0), Vec::new(), Vec::new()),
            disk: Disk::default(),
            now_ms: 0,
            started_ms: 0,
        }
    }

    pub(super) fn give(&mut self, letters: &Letters, input: Input) -> Vec<Word> {
        let mut out = Outbox::new();
        let now = Moment::from_millis(self.now_ms);
        self.mailbox.handle(now, input, &mut out);
        self.obey(letters, out.take())
    }

    fn obey(&mut self, letters: &Letters, orders: Vec<Output>) -> Vec<Word> {
        let mut says = Vec::new();
        for order in orders {
            match order {
                Output::Disk { ticket, order } => self.disk.order(ticket, order),
                Output::Send { packet, .. } => match packet {
                    Packet::Deposited(id) => says.push(Word::Deposited(letters.number(id))),
                    other => panic!("{other:?} to a person"),
                },
                Output::AskState(node) => says.push(Word::Asks(usize::from(node.0) - 1)),
                Output::SendState { to, state, .. } => {
                    says.push(Word::State(usize::from(to.0) - 1, state));
                }
                Output::SendMail { .. } | Output::State { .. } => {}
            }
        }
        says
    }

    /// The letters that it sends to their reader, a bit each, and the bytes. Asking changes only
    /// when it may be asked again; that moment has always come.
    pub(super) fn fetch(&self, letters: &Letters) -> Vec<(u8, Bytes)> {
        let mut mailbox = self.mailbox.clone();
        let mut out = Outbox::new();
        let now = Moment::from_millis(self.now_ms);
        mailbox.handle(now, Input::Fetch(bob().user_id()), &mut out);
        let mail = out.take().into_iter().filter_map(|output| match output {
            Output::SendMail { letters: body, .. } => {
                let list: Vec<Letter> = codec::decode(&body, MESSAGE_MAX_BYTES).ok()?;
                Some((mask_of(letters, list.iter().map(|letter| letter.id)), body))
            }
            _ => None,
        });
        mail.collect()
    }

    /// The disk carries out the oldest order and says so.
    pub(super) fn write(&mut self, letters: &Letters) -> Vec<Word> {
        let Some(ticket) = self.disk.carry_out() else {
            return Vec::new();
        };
        let answer = DiskAnswer::Written;
        self.give(letters, Input::Disk { ticket, answer })
    }

    pub(super) fn is_writing(&self) -> bool {
        self.disk.is_writing()
    }

    /// The server ends and starts again, the oldest order carried out or not.
    pub(super) fn restart(&mut self, letters: &Letters, written: bool) -> Vec<Word> {
        self.disk.end(written);
        self.started_ms += self.now_ms + 1;
        self.now_ms = 0;
        let config = config(self.index, self.started_ms);
        self.mailbox = Mailbox::new(
            config,
            self.disk.rows(Table::Letters),
            self.disk.rows(Table::LetGo),
        );
        self.ring(letters)
    }

    /// Time passes until after what begins with a start.
    pub(super) fn settle(&mut self, letters: &Letters) {
        self.now_ms = LATER_MS;
        self.ring(letters);
    }

    /// Time passes to the next timer.
    pub(super) fn wait(&mut self, letters: &Letters) -> Vec<Word> {
        if let Some(due) = self.mailbox.deadline() {
            self.now_ms = self.now_ms.max(due.as_micros().div_ceil(1_000));
        }
        self.ring(letters)
    }

    fn ring(&mut self, letters: &Letters) -> Vec<Word> {
        let mut out = Outbox::new();
        let now = Moment::from_millis(self.now_ms);
        self.mailbox.on_deadline(now, &mut out);
        self.obey(letters, out.take())
    }

    pub(super) fn has_caught_up(&self) -> bool {
        self.mailbox.has_caught_up()
    }

    /// Letters on its disk, a bit each.
    pub(super) fn on_disk(&self, letters: &Letters) -> u8 {
        let ids = self.disk.letters(Table::Letters, |key| key.try_into().ok());
        mask_of(letters, ids)
    }

    /// Letters that are let go on its disk, a bit each.
    pub(super) fn let_go(&self, letters: &Letters) -> u8 {
        let ids = self
            .disk
            .letters(Table::LetGo, |key| key.first_chunk().copied());
        mask_of(letters, ids)
    }

    /// Letters that wait for its disk to be let go, a bit each.
    pub(super) fn letting_go(&self, letters: &Letters) -> u8 {
        mask_of(letters, self.mailbox.letting_go())
    }

    pub(super) fn key(&self) -> String {
        let Self {
            index,
            now_ms,
            started_ms,
            ..
        } = self;
        let held = self.mailbox.held();
        format!("{index} {now_ms} {started_ms} {} {held}", self.disk.held())
    }
}

/// What a letter that is deposited looks like to a server.
pub(super) fn deposit(letters: &Letters, writer: UserId, letter: u8) -> Input {
    let (id, body) = letters.get(letter);
    Input::DepositArrived {
        client: writer,
        letter: id,
        body,
    }
}
