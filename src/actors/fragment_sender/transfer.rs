//! One message on its way to one party: what is acknowledged, in flight, lost and still to send.
//!
//! Work is bounded by what an acknowledgement tells that is new, never by the size of the
//! message.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};

use super::message::Message;
use super::round_trip::RoundTrip;
use super::window::Window;
use super::{Config, SendFailure};
use crate::actors::machine::earliest;
use crate::proto::cargo::Cargo;
use crate::proto::limits::{ACK_BLOCKS, BLOCK_FRAGMENTS};
use crate::proto::packet::{FragmentAck, Packet, TransferStatus};
use crate::time::Moment;

/// A packet counts as lost when one this much later was echoed (RFC 9002, 6.1.1).
const REORDERING_MAX: u32 = 3;

/// Packets of one probe.
const PROBE_PACKETS: usize = 2;

/// How often a receiver may forget what it had before we stop believing it.
const FORGOTTEN_MAX: u32 = 8;

/// First and longest wait after a receiver said it has no room, in milliseconds.
const BUSY_WAIT_MS: u64 = 50;
const BUSY_WAIT_MAX_MS: u64 = 1_000;

/// Fragments that one acknowledgement can tell of, from its first block on.
const TOLD_FRAGMENTS: u32 = (ACK_BLOCKS * BLOCK_FRAGMENTS) as u32;

const BLOCK: u32 = BLOCK_FRAGMENTS as u32;

/// What became of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Going,
    /// The receiver has it.
    Delivered,
    /// It ended otherwise.
    Failed(SendFailure),
}

/// One datagram that is out.
#[derive(Clone, Copy, Debug)]
struct Sent {
    index: u32,
    at: Moment,
}

/// What a later acknowledgement has to show at least: every fragment before `index` was at the
/// receiver when the packet `packet` was sent.
#[derive(Clone, Copy, Debug)]
struct Promise {
    index: u32,
    packet: u32,
}

/// One message on its way.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) cargo: Cargo,
    message: Message,
    fragments: u32,
    /// One bit a fragment.
    acked: Vec<u64>,
    acked_count: u32,
    first_unacked: u32,
    promise: Promise,
    /// The number of the datagram that carries a fragment, while it counts as in flight.
    flying: Vec<Option<u32>>,
    in_flight: u32,
    /// Datagrams in order of their numbers, from `first_sent` on without a gap.
    sent: VecDeque<Sent>,
    first_sent: u32,
    lost: BTreeSet<u32>,
    /// The first fragment that was never sent and is not acknowledged.
    cursor: u32,
    credit: u32,
    /// Echoes of lower numbers are from before the receiver forgot, or of an earlier attempt.
    valid_from: u32,
    largest_echo: Option<u32>,
    loss_at: Option<Moment>,
    trip: RoundTrip,
    window: Window,
    window_start: u32,
    /// Waits in vain since the last news.
    failures: u32,
    sent_at: Moment,
    news_at: Moment,
    give_up: Duration,
    paused_until: Option<Moment>,
    /// Answers that the receiver has no room, since it last had; and the first packet after them.
    busy_count: u32,
    busy_from: u32,
    forgotten: u32,
    /// The machine's notes: when its timer rings, and whether it stands in line.
    pub(super) timer: Option<Moment>,
    pub(super) in_line: bool,
}

impl Transfer {
    pub(super) fn new(
        now: Moment,
        config: &Config,
        cargo: Cargo,
        message: Message,
        trip: RoundTrip,
    ) -> Self {
        let fragments = message.fragments();
        // A second attempt must not take the echoes of the first for its own: numbers begin with
        // the clock, which outruns them.
        let first = (now.as_micros() & 0x7fff_ffff) as u32;
        Self {
            cargo,
            message,
            fragments,
            acked: vec![0; fragments.div_ceil(BLOCK) as usize],
            acked_count: 0,
            first_unacked: 0,
            promise: Promise {
                index: 0,
                packet: first,
            },
            flying: vec![None; fragments as usize],
            in_flight: 0,
            sent: VecDeque::new(),
            first_sent: first,
            lost: BTreeSet::new(),
            cursor: 0,
            credit: config.window_start.max(1),
            valid_from: first,
            largest_echo: None,
            loss_at: None,
            trip,
            window: Window::new(config.window_start, config.window_max.min(TOLD_FRAGMENTS)),
            window_start: config.window_start,
            failures: 0,
            sent_at: now,
            news_at: now,
            give_up: Duration::from_millis(config.give_up_ms),
            paused_until: None,
            busy_count: 0,
            busy_from: first,
            forgotten: 0,
            timer: None,
            in_line: false,
        }
    }

    /// What is known of the way, if anything was measured.
    pub(super) fn measured_trip(&self) -> Option<RoundTrip> {
        self.trip.is_measured().then_some(self.trip)
    }

    /// Fragments that are not acknowledged.
    pub(super) const fn remaining(&self) -> u32 {
        self.fragments - self.acked_count
    }

    /// Bytes of the body that are acknowledged, and in all.
    pub(super) fn progress(&self) -> (u32, u32) {
        let has_last = self.is_acked(self.fragments - 1);
        self.message.progress(self.acked_count, has_last)
    }

    /// When something has to be done although nothing is heard.
    pub(super) fn deadline(&self) -> Moment {
        let give_up_at = self.news_at.after(self.give_up);
        let wake_at = match self.paused_until {
            Some(until) => Some(until),
            None => earliest(self.loss_at, Some(self.probe_at())),
        };
        wake_at.map_or(give_up_at, |wake_at| wake_at.min(give_up_at))
    }

    /// Whether a fragment may be sent now.
    pub(super) fn can_send(&self) -> bool {
        self.paused_until.is_none()
            && self.in_flight < self.window.size()
            && self.next_number() < u32::MAX
            && (!self.lost.is_empty() || self.cursor < self.limit())
    }

    /// Adds up to `count_max` packets that may go now.
    pub(super) fn send(&mut self, now: Moment, count_max: usize, packets: &mut Vec<Packet>) {
        for _ in 0..count_max {
            if !self.can_send() {
                break;
            }
            let index = self.lost.pop_first().unwrap_or(self.cursor);
            if index == self.cursor {
                self.cursor += 1;
                self.skip_acked();
            }
            packets.push(self.launch(now, index));
        }
    }

    /// The deadline came. Probes are sent even if the window is full.
    pub(super) fn on_deadline(&mut self, now: Moment, packets: &mut Vec<Packet>) -> Fate {
        if now >= self.news_at.after(self.give_up) {
            let is_busy = self.busy_count > 0;
            return Fate::Failed(if is_busy {
                SendFailure::Busy
            } else {
                SendFailure::Silent
            });
        }
        if let Some(until) = self.paused_until {
            if now >= until {
                self.paused_until = None;
                self.sent_at = now;
            }
            return Fate::Going;
        }
        self.find_losses(now);
        if now >= self.probe_at() {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= 2 {
                self.window.collapse();
            }
            self.probe(now, packets);
        }
        Fate::Going
    }

    /// An acknowledgement came.
    pub(super) fn on_ack(&mut self, now: Moment, ack: &FragmentAck) -> Fate {
        let is_ours = (self.valid_from..self.next_number()).contains(&ack.echo);
        if !is_ours || ack.first_missing > self.fragments {
            return Fate::Going;
        }
        match ack.status {
            TransferStatus::Complete => return Fate::Delivered,
            TransferStatus::Damaged => return Fate::Failed(SendFailure::Damaged),
            TransferStatus::Refused => return Fate::Failed(SendFailure::Refused),
            TransferStatus::Busy => {
                self.pause(now, ack.echo);
                return Fate::Going;
            }
            TransferStatus::Going => {}
        }
        self.measure(now, ack.echo);
        if ack.echo >= self.promise.packet && ack.first_missing < self.promise.index {
            self.forgotten += 1;
            if self.forgotten > FORGOTTEN_MAX {
                return Fate::Failed(SendFailure::Silent);
            }
            self.begin_again(now);
        }
        let in_flight = self.in_flight;
        let news = self.mark(ack);
        if ack.echo >= self.promise.packet {
            self.promise = Promise {
                index: self.first_unacked,
                packet: self.next_number(),
            };
        }
        if self.busy_count > 0 && ack.echo >= self.busy_from {
            self.busy_count = 0;
            self.paused_until = None;
            self.window.set(self.window_start);
        }
        if news > 0 {
            self.news_at = now;
            self.failures = 0;
            self.window.acknowledged(news, in_flight);
        }
        self.credit = self.credit.max(ack.credit);
        self.find_losses(now);
        self.skip_acked();
        Fate::Going
    }

    fn is_acked(&self, index: u32) -> bool {
        self.acked[(index / BLOCK) as usize] >> (index % BLOCK) & 1 == 1
    }

    /// The number of the next datagram.
    fn next_number(&self) -> u32 {
        self.first_sent.saturating_add(self.sent.len() as u32)
    }

    /// The first fragment that may not be sent: beyond it nothing could be told to be here.
    fn limit(&self) -> u32 {
        let told = self.first_unacked / BLOCK * BLOCK + TOLD_FRAGMENTS;
        self.fragments.min(self.credit).min(told)
    }

    fn probe_at(&self) -> Moment {
        self.sent_at.after(self.trip.timeout(self.failures))
    }

    fn skip_acked(&mut self) {
        while self.cursor < self.fragments && self.is_acked(self.cursor) {
            self.cursor += 1;
        }
    }

    fn launch(&mut self, now: Moment, index: u32) -> Packet {
        let packet = self.next_number();
        self.sent.push_back(Sent { index, at: now });
        self.sent_at = now;
        if !self.is_acked(index) {
            let before = self.flying[index as usize].replace(packet);
            self.in_flight += u32::from(before.is_none());
        }
        self.message.fragment(index, packet)
    }

    /// Sends the oldest fragments in flight again, or, if there is none, one whose answer tells
    /// how things stand.
    fn probe(&mut self, now: Moment, packets: &mut Vec<Packet>) {
        self.sent_at = now;
        if self.next_number() > u32::MAX - PROBE_PACKETS as u32 {
            return;
        }
        let first = self.first_sent;
        let out = self.sent.iter().zip(first..);
        let oldest: Vec<u32> = out
            .filter(|(sent, number)| self.flying[sent.index as usize] == Some(*number))
            .map(|(sent, _)| sent.index)
            .take(PROBE_PACKETS)
            .collect();
        if !oldest.is_empty() {
            packets.extend(oldest.into_iter().map(|index| self.launch(now, index)));
        } else if !self.can_send() {
            let index = self.first_unacked.min(self.fragments - 1);
            self.lost.remove(&index);
            packets.push(self.launch(now, index));
        }
    }

    fn measure(&mut self, now: Moment, echo: u32) {
        if self.largest_echo.is_some_and(|largest| echo <= largest) {
            return;
        }
        self.largest_echo = Some(echo);
        let place = echo.checked_sub(self.first_sent);
        if let Some(sent) = place.and_then(|place| self.sent.get(place as usize)) {
            self.trip.measure(now.since(sent.at));
        }
    }

    /// Takes note of what is at the receiver. Returns how many fragments are new.
    fn mark(&mut self, ack: &FragmentAck) -> u32 {
        let before = self.acked_count;
        let base = ack.first_missing / BLOCK;
        for block in self.first_unacked / BLOCK..base {
            self.mark_block(block, u64::MAX);
        }
        self.mark_block(base, (1 << (ack.first_missing % BLOCK)) - 1);
        for (block, &bits) in (base..).zip(ack.blocks.iter().take(ACK_BLOCKS)) {
            self.mark_block(block, bits);
        }
        while self.first_unacked < self.fragments && self.is_acked(self.first_unacked) {
            self.first_unacked += 1;
        }
        self.acked_count - before
    }

    fn mark_block(&mut self, block: u32, bits: u64) {
        let Some(known) = self.acked.get_mut(block as usize) else {
            return;
        };
        let here = (self.fragments - block * BLOCK).min(BLOCK);
        let mut news = bits & !*known & (u64::MAX >> (BLOCK - here));
        *known |= news;
        self.acked_count += news.count_ones();
        while news != 0 {
            let index = block * BLOCK + news.trailing_zeros();
            news &= news - 1;
            if self.flying[index as usize].take().is_some() {
                self.in_flight -= 1;
            } else {
                self.lost.remove(&index);
            }
        }
    }

    /// Finds the packets that later ones have overtaken by too much or for too long. What was
    /// echoed last also told which fragments are here.
    fn find_losses(&mut self, now: Moment) {
        self.loss_at = None;
        let delay = self.trip.loss_delay();
        while let Some(&sent) = self.sent.front() {
            let number = self.first_sent;
            if self.flying[sent.index as usize] == Some(number) {
                let Some(behind) = self.largest_echo.and_then(|echo| echo.checked_sub(number))
                else {
                    return;
                };
                let late_at = sent.at.after(delay);
                if behind == 0 {
                    return;
                }
                if behind < REORDERING_MAX && now < late_at {
                    self.loss_at = Some(late_at);
                    return;
                }
                self.flying[sent.index as usize] = None;
                self.in_flight -= 1;
                self.lost.insert(sent.index);
                let next = self.next_number();
                self.window.lost(number, next);
            }
            self.sent.pop_front();
            self.first_sent += 1;
        }
    }

    /// The receiver has no room: everything in flight was dropped there.
    fn pause(&mut self, now: Moment, echo: u32) {
        if echo < self.busy_from {
            return;
        }
        let wait_ms = (BUSY_WAIT_MS << self.busy_count.min(8)).min(BUSY_WAIT_MAX_MS);
        self.paused_until = Some(now.after(Duration::from_millis(wait_ms)));
        self.busy_count += 1;
        self.ground();
        self.busy_from = self.next_number();
        // One fragment is enough to ask whether there is room now.
        self.window.set(1);
    }

    /// Nothing counts as in flight any more; what was, is to be sent again.
    fn ground(&mut self) {
        self.first_sent = self.next_number();
        for sent in self.sent.drain(..) {
            if self.flying[sent.index as usize].take().is_some() {
                self.lost.insert(sent.index);
            }
        }
        self.in_flight = 0;
        self.loss_at = None;
    }

    /// The receiver lost what it had acknowledged: it was restarted, or dropped us as idle.
    fn begin_again(&mut self, now: Moment) {
        self.ground();
        self.lost.clear();
        self.acked.fill(0);
        self.acked_count = 0;
        self.first_unacked = 0;
        self.cursor = 0;
        self.credit = self.window_start.max(1);
        self.valid_from = self.next_number();
        self.promise = Promise {
            index: 0,
            packet: self.valid_from,
        };
        self.largest_echo = None;
        self.window.set(self.window_start);
        self.news_at = now;
    }
}
