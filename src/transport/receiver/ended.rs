//! Messages that are over: by number, so that what still comes of them is answered and nothing of
//! it kept; by transfer, so that a repeat in a new session is not handed on twice.

use std::collections::{BTreeMap, VecDeque};

use crate::planted::{self, Bug};
use crate::proto::ids::TransferId;
use crate::time::Moment;
use crate::transport::message::{Standing, Status};

/// A message that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// What its sender is told; nothing if it knows.
    pub(super) standing: Option<Standing>,
    /// As it was last told.
    pub(super) first_missing: u32,
    /// Whether a status waits to be said.
    pub(super) is_unsaid: bool,
    /// When something of it was answered last.
    pub(super) answered_at: Moment,
}

/// Messages that are over.
#[derive(Debug)]
pub(super) struct Ended {
    max: usize,
    numbers: BTreeMap<u32, End>,
    numbers_until: VecDeque<(Moment, u32)>,
    /// Numbers below it that are not open are over, and nobody asks any more.
    floor: u32,
    transfers: BTreeMap<TransferId, Moment>,
    transfers_until: VecDeque<(Moment, TransferId)>,
}

impl Ended {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            numbers: BTreeMap::new(),
            numbers_until: VecDeque::new(),
            floor: 1,
            transfers: BTreeMap::new(),
            transfers_until: VecDeque::new(),
        }
    }

    /// Numbers begin anew.
    pub(super) fn begin_session(&mut self) {
        self.numbers.clear();
        self.numbers_until.clear();
        self.floor = 1;
        if planted::is(Bug::HandedOnAgain) {
            self.transfers.clear();
        }
    }

    /// Whether a message that is not open is over, and what is known of it.
    pub(super) fn find(&mut self, number: u32) -> Option<Option<&mut End>> {
        let is_old = number < self.floor;
        let end = self.numbers.get_mut(&number);
        (is_old || end.is_some()).then_some(end)
    }

    pub(super) fn add(&mut self, number: u32, until: Moment, end: End) {
        if self.numbers.insert(number, end).is_none() {
            self.numbers_until.push_back((until, number));
        }
        while self.numbers.len() > self.max {
            self.forget_number();
        }
    }

    /// A transfer was handed on.
    pub(super) fn add_transfer(&mut self, id: TransferId, until: Moment) {
        self.transfers.insert(id, until);
        self.transfers_until.push_back((until, id));
        while self.transfers_until.len() > self.max {
            self.forget_transfer();
        }
    }

    /// Whether the transfer was handed on.
    pub(super) fn has_transfer(&self, id: TransferId) -> bool {
        self.transfers.contains_key(&id)
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        let number = self.numbers_until.front().map(|(until, _)| *until);
        let transfer = self.transfers_until.front().map(|(until, _)| *until);
        [number, transfer].into_iter().flatten().min()
    }

    pub(super) fn on_deadline(&mut self, now: Moment) {
        let is_due = |until: Option<Moment>| until.is_some_and(|until| until <= now);
        while is_due(self.numbers_until.front().map(|(until, _)| *until)) {
            self.forget_number();
        }
        while is_due(self.transfers_until.front().map(|(until, _)| *until)) {
            self.forget_transfer();
        }
    }

    /// How many messages are remembered by number, and transfers.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.numbers.len(), self.transfers.len())
    }

    fn forget_number(&mut self) {
        if let Some((_, number)) = self.numbers_until.pop_front() {
            self.numbers.remove(&number);
            self.floor = self.floor.max(number.saturating_add(1));
        }
    }

    fn forget_transfer(&mut self) {
        if let Some((until, id)) = self.transfers_until.pop_front()
            && self.transfers.get(&id) == Some(&until)
        {
            self.transfers.remove(&id);
        }
    }
}

impl End {
    /// The word on it, if there is one.
    pub(super) fn status(&self, message: u32) -> Option<Status> {
        Some(Status {
            message,
            standing: self.standing?,
            first_missing: self.first_missing,
            credit: self.first_missing,
            words: Vec::new(),
        })
    }
}
