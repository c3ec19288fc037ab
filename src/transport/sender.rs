//! Cuts messages into fragments and chooses which one goes next. One for each link.
//!
//! Decides whose turn it is, what is sent again, when a message has arrived or will not. Never
//! decides when a packet may leave, what is lost, or what a message means. A session asks for
//! pieces, copies them into its packets, and reports the fate of each. Invariants: nothing beyond
//! the receiver's credit is sent; the length of a message's fragments never changes under one
//! number; numbers are not used twice in a session; every message that is taken on ends with one
//! event unless it is cancelled.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use self::places::Waiting;
use self::transfer::{Fate, Transfer};
use self::turns::{Slots, Turns};
use super::contract::SendFailure;
use super::endpoint::Sending;
use super::message::{FRAGMENT_MAX_BYTES, FRAGMENT_MIN_BYTES, Piece, Status};
use crate::planted::{self, Bug};
use crate::proto::cargo::Cargo;
use crate::proto::ids::Digest;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::time::Moment;

mod places;
mod transfer;
mod turns;

#[cfg(test)]
mod tests;

/// Cancels that wait to be asked for; the oldest is left out beyond that, and what its receiver
/// holds ends as idle.
const CANCELS_MAX: usize = 1_024;

/// Timings and bounds.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Messages under way at the most; further ones wait. Not more than the receiver takes. Large
    /// ones have half of the places, so that a small one finds one at once.
    pub transfers_max: usize,
    /// Bytes of large messages under way at the most, unless it is only one; further ones wait.
    /// Below what the receiver holds of unfinished messages.
    pub bulk_max_bytes: usize,
    /// Messages that wait for a place; further ones fail with [`SendFailure::Full`].
    pub waiting_max: usize,
    /// A message with so many bytes left is small: it goes before all larger ones.
    pub small_bytes: u32,
    /// A message fails if nothing is heard of it for so long, in milliseconds.
    pub give_up_ms: u64,
    /// The receiver is asked how a message stands if nothing of it is under way for so long, in
    /// milliseconds; doubled each time, up to sixteen times.
    pub nudge_ms: u64,
}

impl Config {
    /// For a link of any speed.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            transfers_max: 64,
            bulk_max_bytes: 48 << 20,
            waiting_max: 1_024,
            // A letter, or what is left of a picture.
            small_bytes: 64 << 10,
            // Longer than the failures that the token allows, shorter than a person's patience.
            give_up_ms: 10_000,
            // Longer than most round trips; seldom needed, as lost statuses are said again.
            nudge_ms: 100,
        }
    }
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderEvent {
    /// So much has arrived. At most one for each message between two polls.
    Progress {
        /// What it is.
        cargo: Cargo,
        /// Bytes of the body that have arrived. Falls if the receiver forgot, or in a new session
        /// until it has told what it has.
        done_bytes: u32,
        /// Bytes of the body in all.
        total_bytes: u32,
    },
    /// The receiver has all of it, digest checked.
    Delivered {
        /// What it was.
        cargo: Cargo,
    },
    /// It will not arrive.
    Failed {
        /// What it was.
        cargo: Cargo,
        /// Why.
        reason: SendFailure,
    },
}

/// The sending half of the messages of one link.
#[derive(Debug)]
pub struct FragmentSender {
    config: Config,
    slots: Slots,
    /// Numbers of this session and the slots of their transfers, in ascending order.
    numbers: Vec<(u32, usize)>,
    next_number: u32,
    fragment_bytes: u32,
    turns: Turns,
    /// Every message that is under way or waits.
    wanted: BTreeSet<Cargo>,
    waiting: VecDeque<Waiting>,
    cancels: VecDeque<u32>,
    events: VecDeque<SenderEvent>,
    has_progress: bool,
    /// When anything was heard of the receiver.
    heard_at: Moment,
    /// The latest moment that was told.
    now: Moment,
    /// Not later than the first timer.
    wake: Option<Moment>,
}

impl FragmentSender {
    /// A sender with nothing to send, in no session.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            slots: Vec::new(),
            numbers: Vec::new(),
            next_number: 1,
            fragment_bytes: 1_024,
            turns: Turns::new(config.small_bytes),
            wanted: BTreeSet::new(),
            waiting: VecDeque::new(),
            cancels: VecDeque::new(),
            events: VecDeque::new(),
            has_progress: false,
            heard_at: Moment::START,
            now: Moment::START,
            wake: None,
        }
    }

    /// Takes a message on. The same cargo again while it is under way is ignored. The digest is
    /// computed if it is not given, before its first fragment leaves: 0.2 ms for each megabyte.
    pub fn send(&mut self, now: Moment, cargo: Cargo, body: Bytes, digest: Option<Digest>) {
        self.now = now;
        if self.wanted.contains(&cargo) {
            return;
        }
        if body.len() > MESSAGE_MAX_BYTES {
            let reason = SendFailure::Refused;
            self.events.push_back(SenderEvent::Failed { cargo, reason });
            return;
        }
        if self.waiting.len() >= self.config.waiting_max && !self.has_place_for(body.len()) {
            let reason = SendFailure::Full;
            self.events.push_back(SenderEvent::Failed { cargo, reason });
            return;
        }
        self.wanted.insert(cargo);
        self.waiting.push_back(Waiting {
            cargo,
            body,
            digest,
            since: now,
        });
        self.fill_places();
        self.arm(now.after(Duration::from_millis(self.config.give_up_ms)));
    }

    /// The message is not wanted any more. Its receiver is told if anything of it was sent.
    pub fn cancel(&mut self, cargo: Cargo) {
        if !self.wanted.remove(&cargo) {
            return;
        }
        self.waiting.retain(|waiting| waiting.cargo != cargo);
        let is_it = |one: &Option<Box<Transfer>>| one.as_ref().is_some_and(|t| t.cargo == cargo);
        if let Some(slot) = self.slots.iter().position(is_it)
            && let Some(gone) = self.remove(slot)
            && let Some(run) = gone.run
        {
            self.push_cancel(run.number);
        }
        self.fill_places();
    }

    /// Begins in a session, the first or a new one: numbers restart and nothing is in flight. The
    /// fates of pieces of earlier sessions must not be reported after this.
    pub fn begin_session(&mut self, now: Moment, fragment_bytes: usize) {
        self.now = now;
        self.heard_at = now;
        self.numbers.clear();
        self.next_number = 1;
        self.cancels.clear();
        self.set_fragment_bytes(fragment_bytes);
        for transfer in self.slots.iter_mut().flatten() {
            transfer.begin_session(now);
        }
        self.turns.wake_all();
    }

    /// Sets the length of the fragments of messages that begin from now on, within what a
    /// fragment may have.
    pub fn set_fragment_bytes(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.fragment_bytes = bytes.clamp(FRAGMENT_MIN_BYTES, FRAGMENT_MAX_BYTES);
    }

    /// Larger datagrams do not pass any more: unfinished messages with longer fragments begin
    /// again under new numbers. The receiver knows them by their manifests and keeps what it has
    /// of the beginning.
    pub fn refit(&mut self, now: Moment, fragment_bytes: usize) {
        self.now = now;
        self.set_fragment_bytes(fragment_bytes);
        for slot in 0..self.slots.len() {
            let Some(transfer) = self.slots[slot].as_mut() else {
                continue;
            };
            let Some(run) = &transfer.run else {
                continue;
            };
            let number = run.number;
            if run.cut.length <= self.fragment_bytes {
                continue;
            }
            let knows_manifest = transfer.has_told_head();
            transfer.begin_again();
            self.forget_number(number);
            if !knows_manifest {
                // The receiver cannot know that the new number is the same message.
                self.push_cancel(number);
            }
        }
        self.turns.wake_all();
    }

    /// Whether [`FragmentSender::next`] has a piece.
    #[must_use]
    pub fn has_something(&self) -> bool {
        let mut all = self.slots.iter().flatten();
        all.any(|transfer| transfer.is_ready())
    }

    /// Whether no message is under way or waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.wanted.is_empty()
    }

    /// The piece that goes into the next packet. Its fate is to be reported.
    pub fn next(&mut self, now: Moment) -> Option<Piece> {
        self.now = now;
        let slot = self.turns.choose(&self.slots)?;
        let transfer = self.slots[slot].as_mut()?;
        if transfer.run.is_none() {
            let number = self.next_number;
            self.next_number = number.checked_add(1)?;
            transfer.begin(now, number, self.fragment_bytes);
            self.numbers.push((number, slot));
        }
        transfer.take()
    }

    /// A piece that is worth sending when nothing else is: the oldest one that is not
    /// acknowledged, else one that makes the receiver say how things stand. Its fate is to be
    /// reported.
    pub fn probe(&mut self, now: Moment) -> Option<Piece> {
        if let Some(piece) = self.next(now) {
            return Some(piece);
        }
        let slot = self.numbers.first()?.1;
        let first = self.slots[slot]
            .as_mut()
            .and_then(|transfer| transfer.probe());
        first.or_else(|| {
            let mut others = self.slots.iter_mut().flatten();
            others.find_map(|transfer| transfer.probe())
        })
    }

    /// Writes the data of a piece behind what is in `out`: nothing if its message is over.
    pub fn write(&self, piece: Piece, out: &mut Vec<u8>) {
        if let Some((transfer, run)) = self.find(piece.message)
            && piece.index < run.cut.fragments
        {
            transfer.write(&run.cut, piece.index, out);
        }
    }

    /// The data of a piece where it lies, if it lies there in one: all pieces but the first.
    #[must_use]
    pub fn body_of(&self, piece: Piece) -> Option<&[u8]> {
        let (transfer, run) = self.find(piece.message)?;
        let is_there = piece.index < run.cut.fragments;
        is_there.then(|| transfer.body_of(&run.cut, piece.index))?
    }

    /// Bytes that [`FragmentSender::write`] writes for a piece.
    #[must_use]
    pub fn length(&self, piece: Piece) -> usize {
        match self.find(piece.message) {
            Some((_, run)) if piece.index < run.cut.fragments => {
                run.cut.size_of(piece.index) as usize
            }
            _ => 0,
        }
    }

    /// Size of the whole message of this number; 0 if it is over.
    #[must_use]
    pub fn total(&self, message: u32) -> u32 {
        self.find(message).map_or(0, |(_, run)| run.cut.total_bytes)
    }

    /// The packet that carried a piece was acknowledged.
    pub fn on_acked(&mut self, now: Moment, piece: Piece) {
        self.now = now;
        self.heard_at = now;
        let Some(transfer) = self.find_mut(piece.message) else {
            return;
        };
        let is_all = transfer.on_acked(now, piece.index);
        self.has_progress = true;
        self.watch(piece.message);
        if planted::is(Bug::DeliveredWhenAcked)
            && is_all
            && let Some(slot) = self.slot_of(piece.message)
        {
            self.end(slot, Fate::Delivered);
        }
    }

    /// The packet that carried a piece was lost.
    pub fn on_lost(&mut self, piece: Piece) {
        if let Some(transfer) = self.find_mut(piece.message) {
            transfer.on_lost(piece.index);
            self.watch(piece.message);
        }
    }

    /// The receiver said how a message stands.
    pub fn on_status(&mut self, now: Moment, status: &Status) {
        self.now = now;
        self.heard_at = now;
        let number = status.message;
        let Some(slot) = self.slot_of(number) else {
            return;
        };
        let Some(transfer) = self.slots[slot].as_mut() else {
            return;
        };
        let fate = transfer.on_status(now, status);
        self.has_progress = true;
        let is_paused = !transfer.has_number(number);
        if is_paused {
            let deadline = transfer.deadline(self.heard_at, &self.config);
            self.forget_number(number);
            self.arm(deadline);
        }
        match fate {
            Fate::Going => self.watch(number),
            _ => self.end(slot, fate),
        }
    }

    /// The packet that carried a cancel was lost.
    pub fn on_cancel_lost(&mut self, message: u32) {
        self.push_cancel(message);
    }

    /// When [`FragmentSender::on_deadline`] wants to be called.
    #[must_use]
    pub const fn deadline(&self) -> Option<Moment> {
        self.wake
    }

    /// Gives up what was silent for too long, ends pauses, asks after what has stalled.
    pub fn on_deadline(&mut self, now: Moment) {
        self.now = now;
        if self.wake.is_none_or(|wake| now < wake) {
            return;
        }
        let (heard_at, config) = (self.heard_at, self.config);
        self.give_up_waiting(now);
        for slot in 0..self.slots.len() {
            let Some(transfer) = self.slots[slot].as_mut() else {
                continue;
            };
            let fate = transfer.on_deadline(now, heard_at, &config);
            if fate != Fate::Going {
                self.end(slot, fate);
            }
        }
        let give_up = Duration::from_millis(config.give_up_ms);
        self.turns.wake_all();
        let running = self
            .slots
            .iter()
            .flatten()
            .map(|one| one.deadline(heard_at, &config));
        let waiting = self
            .waiting
            .iter()
            .map(|one| one.since.max(heard_at).after(give_up));
        self.wake = running.chain(waiting).min();
    }

    /// What happened, until there is nothing more.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        self.events.pop_front()
    }

    /// How far messages are, until there is nothing new.
    pub fn poll_progress(&mut self) -> Option<SenderEvent> {
        if !self.has_progress {
            return None;
        }
        let mut news = self.slots.iter_mut().flatten();
        let Some(transfer) = news.find(|transfer| transfer.has_progress) else {
            self.has_progress = false;
            return None;
        };
        transfer.has_progress = false;
        let (done_bytes, total_bytes) = transfer.progress();
        Some(SenderEvent::Progress {
            cargo: transfer.cargo,
            done_bytes,
            total_bytes,
        })
    }

    /// A message that the receiver is to forget, until there is none more.
    pub fn poll_cancel(&mut self) -> Option<u32> {
        self.cancels.pop_front()
    }

    /// How the messages stand that have numbers.
    pub(super) fn survey(&self) -> impl Iterator<Item = Sending> {
        let all = self.slots.iter().flatten();
        all.filter_map(|transfer| transfer.run.as_ref().map(transfer::Run::survey))
    }

    fn slot_of(&self, number: u32) -> Option<usize> {
        let place = match self.numbers.as_slice() {
            [only] if only.0 == number => 0,
            numbers => numbers.binary_search_by_key(&number, |one| one.0).ok()?,
        };
        Some(self.numbers[place].1)
    }

    fn find(&self, number: u32) -> Option<(&Transfer, &transfer::Run)> {
        let transfer = self.slots[self.slot_of(number)?].as_deref()?;
        Some((transfer, transfer.run.as_ref()?))
    }

    fn find_mut(&mut self, number: u32) -> Option<&mut Transfer> {
        let slot = self.slot_of(number)?;
        self.slots[slot].as_deref_mut()
    }

    /// Looks at a transfer of which something has changed.
    fn watch(&mut self, number: u32) {
        let (now, config) = (self.now, self.config);
        let Some(slot) = self.slot_of(number) else {
            return;
        };
        let Some(transfer) = self.slots[slot].as_mut() else {
            return;
        };
        transfer.watch(now, &config);
        self.turns.wake(transfer);
        if let Some(nudge_at) = transfer.nudge_at() {
            self.arm(nudge_at);
        }
    }

    fn forget_number(&mut self, number: u32) {
        self.numbers.retain(|one| one.0 != number);
    }

    fn push_cancel(&mut self, number: u32) {
        self.cancels.push_back(number);
        if self.cancels.len() > CANCELS_MAX {
            self.cancels.pop_front();
        }
    }

    fn arm(&mut self, at: Moment) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}
