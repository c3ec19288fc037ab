//! Puts fragments in their places and hands on whole messages. One for each link.
//!
//! Decides what is kept, how far the sender may go, and what its sender is told. Never decides
//! what a message means, what is acknowledged when, or what a packet is. Invariants: memory grows
//! with what arrived, never with what was announced; a credit that was given is not taken back;
//! a message is handed on once for as long as its transfer is remembered; a number that is over
//! stays over for the session; whatever is charged to the budget is given back.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use self::assembly::{Assembly, Verdict};
use self::ended::{End, Ended};
use self::open::Open;
use super::acks::DELAY_MAX;
use super::budget::Budget;
use super::endpoint::Receiving;
use super::message::{Fragment, Standing, Status};
use super::pool::Pool;
use crate::proto::cargo::Cargo;
use crate::proto::ids::TransferId;
use crate::time::{Moment, earliest};

mod arrival;
mod assembly;
mod ended;
mod open;
mod room;
mod store;

#[cfg(test)]
pub(super) mod tests;

/// Longest encoded manifest that is read; ours are a fourth of it.
const MANIFEST_MAX_BYTES: usize = 512;

/// Duplicates of one message are answered once in so long.
const ANSWER_EVERY: Duration = Duration::from_millis(5);

/// Messages that may wait for their statuses to be asked for. One that finds no place is told
/// when the next fragment of it comes.
const UNSAID_MAX: usize = 1_024;

/// Window over which the speed of a transfer is measured.
const PACE_WINDOW: Duration = Duration::from_secs(5);

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Unfinished messages at the most; as many more may wait to be resumed. A sender's limit is
    /// not larger.
    pub transfers_max: usize,
    /// Bytes of unfinished messages at the most. At least `MESSAGE_MAX_BYTES`, or the largest
    /// message never arrives.
    pub memory_max_bytes: usize,
    /// Bytes that a sender may be ahead of the first missing one, once it has sent enough.
    pub credit_bytes: u32,
    /// Fragments that a sender may be ahead, however short they are.
    pub credit_fragments: u32,
    /// A sender is told of new credit when there is so much of it, in bytes.
    pub credit_step_bytes: u32,
    /// An unfinished message is dropped if nothing of it comes for so long, in milliseconds.
    pub idle_ms: u64,
    /// An unfinished message is dropped if it and the whole link are slower than this, in bytes
    /// a second, while memory is tight.
    pub rate_min: u32,
    /// A message that is over is remembered for so long, in milliseconds.
    pub remember_ms: u64,
    /// Messages remembered at the most.
    pub remembered_max: usize,
}

impl Config {
    /// For a link of any speed.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            transfers_max: 64,
            // One message of the largest size, and what else is under way beside it.
            memory_max_bytes: 72 << 20,
            // Three gigabits a second over 20 ms.
            credit_bytes: 8 << 20,
            credit_fragments: 65_536,
            // A few statuses each megabyte.
            credit_step_bytes: 256 << 10,
            // Longer than a sender tries, so that its next attempt goes on where this one ended.
            idle_ms: 30_000,
            // A bad mobile link is faster.
            rate_min: 32 << 10,
            // Longer than a sender tries.
            remember_ms: 30_000,
            remembered_max: 1_024,
        }
    }
}

/// What became of a fragment.
#[expect(
    clippy::enum_variant_names,
    reason = "the opposite of being taken has no better name"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in its place.
    New,
    /// It was the last one of its message.
    Last,
    /// Nothing of it is kept: it is here already, or its message is over. To be acknowledged.
    Duplicate,
    /// It is no fragment of its message, or of one that is larger than any may be. To be
    /// acknowledged, or it comes again.
    Refused,
    /// There is no room for its message, which is over. To be acknowledged.
    NoRoom,
    /// It was sent beyond the credit. The packet that carried it must not be acknowledged.
    NotTaken,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverEvent {
    /// The first piece of a message is here and says what it is. Not told again when the message
    /// is resumed, but when it begins again because what was here had to go.
    Started {
        /// What it is.
        cargo: Cargo,
        /// Size of its body in bytes, as announced.
        size_bytes: u32,
    },
    /// So much is here. At most one for each message between two polls, only after `Started`.
    Progress {
        /// What it is.
        cargo: Cargo,
        /// Bytes of the body here. Falls if the length of fragments changed.
        done_bytes: u32,
        /// Bytes of the body in all.
        total_bytes: u32,
    },
    /// A whole message is here and its digest is right.
    Received {
        /// What it is.
        cargo: Cargo,
        /// The bytes.
        body: Bytes,
    },
}

/// The receiving half of the messages of one link.
#[derive(Debug)]
pub struct FragmentReceiver {
    config: Config,
    open: Open,
    /// Unfinished messages of earlier sessions, by transfer.
    kept: BTreeMap<TransferId, Assembly>,
    ended: Ended,
    used_bytes: usize,
    /// Messages with a status to say.
    unsaid: VecDeque<u32>,
    /// When they have to be said at the latest; at once if it is the start of the node.
    say_by: Moment,
    events: VecDeque<ReceiverEvent>,
    has_progress: bool,
    /// Bytes of fragments that were taken, ever; and as it was when the pace was looked at last.
    taken_bytes: u64,
    paced: (Moment, u64),
    /// Not later than the first timer.
    wake: Option<Moment>,
}

impl FragmentReceiver {
    /// A receiver that knows of no message.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            open: Open::default(),
            kept: BTreeMap::new(),
            ended: Ended::new(config.remembered_max),
            used_bytes: 0,
            unsaid: VecDeque::new(),
            say_by: Moment::START,
            events: VecDeque::new(),
            has_progress: false,
            taken_bytes: 0,
            paced: (Moment::START, 0),
            wake: None,
        }
    }

    /// Whether [`FragmentReceiver::poll_status`] may have something to say.
    #[must_use]
    pub fn has_status(&self) -> bool {
        !self.unsaid.is_empty()
    }

    /// Whether it has to be said now, even if nothing else leaves.
    #[must_use]
    pub fn is_status_due(&self, now: Moment) -> bool {
        self.has_status() && self.say_by <= now
    }

    /// Whether nothing is unfinished and nothing waits to be said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used_bytes == 0 && self.unsaid.is_empty()
    }

    /// Bytes of memory that unfinished messages are charged. The same sum is in the budget.
    #[must_use]
    pub const fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// How the messages stand that arrive and whose fragments have a known length.
    pub(super) fn survey(&self) -> impl Iterator<Item = Receiving> {
        self.open.iter().filter_map(|(message, assembly)| {
            let first_missing = assembly.first_missing;
            let credit = assembly.credit()?;
            Some(Receiving {
                message,
                first_missing,
                credit,
            })
        })
    }

    /// Takes a fragment from a packet that is authentic and was not seen before.
    pub fn on_fragment(
        &mut self,
        now: Moment,
        fragment: &Fragment<'_>,
        budget: &mut Budget,
        pool: &Pool,
    ) -> Taken {
        let number = fragment.message;
        let Some(place) = self.open.find(number) else {
            return self.on_first(now, fragment, budget, pool);
        };
        let assembly = self.open.at(place);
        match assembly.judge(fragment) {
            Verdict::Take => self.take(now, place, fragment, budget, pool),
            Verdict::Beyond => Taken::NotTaken,
            Verdict::Malformed => self.deny(now, number, budget),
            Verdict::Here => {
                if now >= assembly.answered_at.after(ANSWER_EVERY) {
                    assembly.answered_at = now;
                    self.say(number);
                }
                Taken::Duplicate
            }
        }
    }

    /// A new session: numbers restart. Unfinished messages are kept for it by their transfers.
    pub fn begin_session(&mut self, now: Moment, budget: &mut Budget) {
        let open: Vec<Assembly> = self.open.drain().collect();
        for assembly in open {
            self.keep(now, assembly, budget);
        }
        self.ended.begin_session();
        self.unsaid.clear();
    }

    /// The sender does not want to send this message any more.
    pub fn cancel(&mut self, now: Moment, message: u32, budget: &mut Budget) {
        if self.open.find(message).is_some() || self.ended.find(message).is_none() {
            self.close(now, message, None, budget);
        }
    }

    /// This message is not wanted. Its sender is told, if it is still arriving.
    pub fn refuse(&mut self, now: Moment, cargo: Cargo, budget: &mut Budget) {
        let is_it = |one: &Assembly| {
            let told = one.told.as_ref();
            told.is_some_and(|told| told.manifest.cargo == cargo)
        };
        let number = self.open.iter().find(|one| is_it(one.1)).map(|one| one.0);
        if let Some(number) = number {
            self.close(now, number, Some(Standing::Refused), budget);
        }
    }

    /// Forgets all that is unfinished. To be called before a receiver is dropped, since the budget
    /// outlives it.
    pub fn clear(&mut self, budget: &mut Budget) {
        self.open.drain();
        self.kept.clear();
        self.unsaid.clear();
        self.charge(self.used_bytes, 0, budget);
    }

    /// What is to be said to the sender now, until there is nothing more.
    pub fn poll_status(&mut self) -> Option<Status> {
        // A number may be in line twice: as it was open, and since it is over.
        while let Some(number) = self.unsaid.pop_front() {
            if let Some(place) = self.open.find(number) {
                let assembly = self.open.at(place);
                if core::mem::take(&mut assembly.is_unsaid) {
                    return Some(assembly.status(number));
                }
            } else if let Some(Some(end)) = self.ended.find(number)
                && core::mem::take(&mut end.is_unsaid)
            {
                return end.status(number);
            }
        }
        None
    }

    /// The packet that carried a status of this message was lost: the present one is said again.
    pub fn status_lost(&mut self, message: u32) {
        self.say(message);
    }

    /// What happened, until there is nothing more.
    pub fn poll_event(&mut self) -> Option<ReceiverEvent> {
        self.events.pop_front()
    }

    /// How far messages are, until there is nothing new.
    pub fn poll_progress(&mut self) -> Option<ReceiverEvent> {
        if !self.has_progress {
            return None;
        }
        for (_, assembly) in self.open.iter_mut() {
            let Some(told) = assembly.told.as_ref().filter(|_| assembly.has_news) else {
                continue;
            };
            assembly.has_news = false;
            let (done_bytes, total_bytes) = assembly.progress();
            return Some(ReceiverEvent::Progress {
                cargo: told.manifest.cargo,
                done_bytes,
                total_bytes,
            });
        }
        self.has_progress = false;
        None
    }

    /// When [`FragmentReceiver::on_deadline`] wants to be called, or a status is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let waits = self.has_status() && self.say_by > Moment::START;
        earliest(self.wake, waits.then_some(self.say_by))
    }

    /// Drops what is idle, too slow while memory is tight, or remembered for long enough.
    pub fn on_deadline(&mut self, now: Moment, budget: &mut Budget) {
        if self.say_by <= now {
            self.say_by = Moment::START;
        }
        if self.wake.is_none_or(|wake| now < wake) {
            return;
        }
        let idle = Duration::from_millis(self.config.idle_ms);
        let is_idle = |assembly: &Assembly| assembly.news_at.after(idle) <= now;
        let open = self.open.iter();
        let mut over: Vec<u32> = open.filter(|one| is_idle(one.1)).map(|one| one.0).collect();
        over.extend(self.find_slow(now, budget));
        for number in over {
            self.close(now, number, Some(Standing::Busy), budget);
        }
        self.drop_stale(now, budget);
        self.ended.on_deadline(now);
        self.wake = self.first_timer();
    }

    /// Drops a message, open or not. What comes of it from now on is not kept.
    fn close(
        &mut self,
        now: Moment,
        number: u32,
        standing: Option<Standing>,
        budget: &mut Budget,
    ) -> Taken {
        let mut first_missing = 0;
        if let Some(assembly) = self.open.remove(number) {
            if assembly.arrived > 0 {
                self.charge(assembly.memory_bytes(), 0, budget);
            }
            first_missing = assembly.first_missing;
        }
        self.end(now, number, standing, first_missing);
        Taken::Duplicate
    }

    /// Drops a message of which something came that cannot be a part of it.
    fn deny(&mut self, now: Moment, number: u32, budget: &mut Budget) -> Taken {
        self.close(now, number, Some(Standing::Refused), budget);
        Taken::Refused
    }

    /// A whole message was handed on. Its sender hears of it with the answer, if one comes soon.
    fn complete(&mut self, now: Moment, number: u32, first_missing: u32) {
        let had_status = self.has_status();
        self.end(now, number, Some(Standing::Complete), first_missing);
        if !had_status {
            self.say_by = now.after(DELAY_MAX);
        }
    }

    fn end(&mut self, now: Moment, number: u32, standing: Option<Standing>, first_missing: u32) {
        let until = now.after(Duration::from_millis(self.config.remember_ms));
        let end = End {
            standing,
            first_missing,
            is_unsaid: false,
            answered_at: now,
        };
        self.ended.add(number, until, end);
        self.arm(until);
        self.say(number);
    }

    /// Makes a note that there is something to say of a message.
    fn say(&mut self, number: u32) {
        let is_unsaid = if let Some(place) = self.open.find(number) {
            &mut self.open.at(place).is_unsaid
        } else if let Some(Some(end)) = self.ended.find(number)
            && end.standing.is_some()
        {
            &mut end.is_unsaid
        } else {
            return;
        };
        if !*is_unsaid && self.unsaid.len() < UNSAID_MAX {
            *is_unsaid = true;
            self.unsaid.push_back(number);
        }
        self.say_by = Moment::START;
    }

    fn arm(&mut self, at: Moment) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    fn first_timer(&self) -> Option<Moment> {
        let idle = Duration::from_millis(self.config.idle_ms);
        let kept = self.kept.values().map(|one| {
            let pace_at = one.pace_from.0.after(PACE_WINDOW);
            one.news_at.after(idle).min(pace_at)
        });
        let open = self.open.iter().map(|(_, one)| {
            let pace_at = one.pace_from.0.max(self.paced.0).after(PACE_WINDOW);
            one.news_at.after(idle).min(pace_at)
        });
        kept.chain(open).chain(self.ended.deadline()).min()
    }
}
