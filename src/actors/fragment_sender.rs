//! Sends messages in fragments until every block is acknowledged.
//!
//! Decides what to send when: a window that grows with acknowledgements and shrinks with loss, the
//! receiver's credit, repeats of what the bitmap shows missing, a probe when nothing comes back.
//! Never decides what a message means. Invariants: a datagram number is never used twice within a
//! transfer; whatever is unacknowledged has a timer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use self::message::Message;
use self::round_trip::RoundTrip;
use self::transfer::{Fate, Transfer};
use super::machine::{Machine, Outbox, earliest};
use crate::proto::cargo::Cargo;
use crate::proto::ids::TransferId;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::proto::packet::{FragmentAck, Packet, Party};
use crate::time::Moment;

mod message;
mod round_trip;
mod transfer;
mod window;

#[cfg(test)]
mod tests;

/// Packets of one transfer in one call; the next turn is its next chance.
const TURN_PACKETS: usize = 64;

/// Transfers that have a turn in one call.
const TURNS: usize = 16;

/// Timings and bounds.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Transfers at a time; further ones wait. 1 to 4,096.
    pub transfers_max: usize,
    /// Transfers that wait for a place; further ones fail with [`SendFailure::Full`].
    pub waiting_max: usize,
    /// Fragments in flight at the most per transfer. 16 to 1,024, which is what one
    /// acknowledgement can tell of.
    pub window_max: u32,
    /// Fragments in flight at the start. At most the receiver's credit.
    pub window_start: u32,
    /// Round-trip time assumed before the first measurement, in microseconds.
    pub first_rtt_us: u64,
    /// Shortest time-out before a repeat, in microseconds.
    pub timeout_min_us: u64,
    /// Longest time-out before a repeat, in microseconds.
    pub timeout_max_us: u64,
    /// A transfer fails if nothing is acknowledged for so long, in milliseconds.
    pub give_up_ms: u64,
}

impl Config {
    /// For a local network.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            // A few for each client of a busy server.
            transfers_max: 256,
            waiting_max: 1_024,
            // 1.1 MB: a gigabit over 9 ms, far above any local round trip.
            window_max: 1_024,
            // A letter or preview leaves at once; no switch is flooded.
            window_start: 32,
            // Much longer than a local round trip, so that nothing is repeated in vain.
            first_rtt_us: 10_000,
            // Timers of the runtime are a millisecond coarse, and the other host may be busy.
            timeout_min_us: 5_000,
            timeout_max_us: 500_000,
            // Longer than the failures that the token allows, shorter than a person's patience.
            give_up_ms: 10_000,
        }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody wants this sent. The same cargo to the same party again resumes or is ignored
    /// while it runs.
    Send {
        /// To whom.
        to: Party,
        /// What it is.
        cargo: Cargo,
        /// The bytes.
        body: Bytes,
    },
    /// Acknowledgements arrived, in order of arrival.
    Acked {
        /// From whom.
        from: Party,
        /// One each datagram.
        acks: Vec<FragmentAck>,
    },
    /// The transfer is not wanted any more.
    Cancel {
        /// To whom it goes.
        to: Party,
        /// What it is.
        cargo: Cargo,
    },
    /// The node falls silent on purpose: forget everything.
    Halted,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these datagrams, in order.
    Transmit {
        /// To whom.
        to: Party,
        /// A burst.
        packets: Vec<Packet>,
    },
    /// So much is acknowledged. At most one for each batch of acknowledgements.
    Progress {
        /// To whom it goes.
        to: Party,
        /// What it is.
        cargo: Cargo,
        /// Bytes of the body acknowledged. Falls if the receiver forgot.
        done_bytes: u32,
        /// Bytes of the body in all.
        total_bytes: u32,
    },
    /// The receiver has all of it, digest checked.
    Delivered {
        /// To whom it went.
        to: Party,
        /// What it was.
        cargo: Cargo,
    },
    /// It will not arrive.
    Failed {
        /// To whom it should have gone.
        to: Party,
        /// What it was.
        cargo: Cargo,
        /// Why.
        reason: SendFailure,
    },
}

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// Nothing was acknowledged for too long.
    Silent,
    /// The receiver has no room.
    Busy,
    /// The receiver does not take such a message, or it is too large to send at all.
    Refused,
    /// The receiver found the digest wrong.
    Damaged,
    /// Too many transfers wait already.
    Full,
}

/// A transfer: to whom, and its name.
type Key = (Party, TransferId);

/// The packets of one call, by party.
type Burst = BTreeMap<Party, Vec<Packet>>;

/// A transfer that has no place yet.
#[derive(Debug)]
struct Waiting {
    to: Party,
    cargo: Cargo,
    body: Bytes,
}

/// The sending half of fragmented messages.
#[derive(Debug)]
pub struct FragmentSender {
    config: Config,
    transfers: BTreeMap<Key, Transfer>,
    /// Every cargo that runs (with its transfer) or waits (without).
    wanted: BTreeMap<(Party, Cargo), Option<TransferId>>,
    waiting: VecDeque<Waiting>,
    timers: BTreeSet<(Moment, Key)>,
    /// Transfers that may send, in order of their turns.
    line: VecDeque<Key>,
    /// When `line` was last left with somebody in it.
    turned_at: Moment,
}

impl FragmentSender {
    /// A sender with nothing to send.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            transfers: BTreeMap::new(),
            wanted: BTreeMap::new(),
            waiting: VecDeque::new(),
            timers: BTreeSet::new(),
            line: VecDeque::new(),
            turned_at: Moment::START,
        }
    }

    fn send(&mut self, now: Moment, wish: Waiting, out: &mut Outbox<Output>) {
        let Waiting { to, cargo, .. } = wish;
        if self.wanted.contains_key(&(to, cargo)) {
            return;
        }
        let reason = if wish.body.len() > MESSAGE_MAX_BYTES {
            SendFailure::Refused
        } else if self.transfers.len() < self.config.transfers_max {
            self.start(now, wish, out);
            return;
        } else if self.waiting.len() < self.config.waiting_max {
            self.wanted.insert((to, cargo), None);
            self.waiting.push_back(wish);
            return;
        } else {
            SendFailure::Full
        };
        out.push(Output::Failed { to, cargo, reason });
    }

    fn start(&mut self, now: Moment, wish: Waiting, out: &mut Outbox<Output>) {
        let Waiting { to, cargo, body } = wish;
        let Some(message) = Message::new(cargo, body) else {
            self.wanted.remove(&(to, cargo));
            let reason = SendFailure::Refused;
            out.push(Output::Failed { to, cargo, reason });
            return;
        };
        let key = (to, message.id());
        let config = &self.config;
        let trip = self.known_trip(to).unwrap_or_else(|| {
            let (min_us, max_us) = (config.timeout_min_us, config.timeout_max_us);
            RoundTrip::assumed(config.first_rtt_us, min_us, max_us)
        });
        let transfer = Transfer::new(now, config, cargo, message, trip);
        self.wanted.insert((to, cargo), Some(key.1));
        self.transfers.insert(key, transfer);
        self.attend(key);
    }

    /// The round-trip time that another transfer to the same party has measured.
    fn known_trip(&self, to: Party) -> Option<RoundTrip> {
        let theirs = (to, TransferId([0; 16]))..=(to, TransferId([0xff; 16]));
        let mut running = self.transfers.range(theirs);
        running.find_map(|(_, transfer)| transfer.measured_trip())
    }

    /// Gives the places that are free to those who wait.
    fn fill_places(&mut self, now: Moment, out: &mut Outbox<Output>) {
        while self.transfers.len() < self.config.transfers_max {
            let Some(next) = self.waiting.pop_front() else {
                break;
            };
            self.start(now, next, out);
        }
    }

    fn on_acks(
        &mut self,
        now: Moment,
        from: Party,
        acks: &[FragmentAck],
        out: &mut Outbox<Output>,
    ) {
        // What was acknowledged before, to tell progress once.
        let mut touched: BTreeMap<TransferId, u32> = BTreeMap::new();
        for ack in acks {
            let key = (from, ack.transfer);
            let Some(transfer) = self.transfers.get_mut(&key) else {
                continue;
            };
            touched
                .entry(ack.transfer)
                .or_insert_with(|| transfer.remaining());
            let fate = transfer.on_ack(now, ack);
            self.end(key, fate, out);
        }
        for (id, remaining) in touched {
            let key = (from, id);
            let Some(transfer) = self.transfers.get(&key) else {
                continue;
            };
            if transfer.remaining() != remaining {
                let (done_bytes, total_bytes) = transfer.progress();
                out.push(Output::Progress {
                    to: from,
                    cargo: transfer.cargo,
                    done_bytes,
                    total_bytes,
                });
            }
            self.attend(key);
        }
    }

    fn cancel(&mut self, to: Party, cargo: Cargo) {
        match self.wanted.remove(&(to, cargo)) {
            Some(Some(id)) => self.drop_transfer((to, id)),
            Some(None) => self
                .waiting
                .retain(|waiting| (waiting.to, waiting.cargo) != (to, cargo)),
            None => {}
        }
    }

    /// Tells the end of a transfer, if this is it.
    fn end(&mut self, key: Key, fate: Fate, out: &mut Outbox<Output>) {
        let Some(transfer) = self.transfers.get(&key) else {
            return;
        };
        let (to, cargo) = (key.0, transfer.cargo);
        match fate {
            Fate::Going => return,
            Fate::Delivered => out.push(Output::Delivered { to, cargo }),
            Fate::Failed(reason) => out.push(Output::Failed { to, cargo, reason }),
        }
        self.wanted.remove(&(to, cargo));
        self.drop_transfer(key);
    }

    fn drop_transfer(&mut self, key: Key) {
        if let Some(timer) = self.transfers.remove(&key).and_then(|gone| gone.timer) {
            self.timers.remove(&(timer, key));
        }
        self.line.retain(|other| *other != key);
    }

    /// Sets the timer of a transfer anew, and puts it in line if it has something to send.
    fn attend(&mut self, key: Key) {
        let Some(transfer) = self.transfers.get_mut(&key) else {
            return;
        };
        let deadline = transfer.deadline();
        let before = transfer.timer.replace(deadline);
        if before != Some(deadline) {
            if let Some(before) = before {
                self.timers.remove(&(before, key));
            }
            self.timers.insert((deadline, key));
        }
        if !transfer.in_line && transfer.can_send() {
            transfer.in_line = true;
            self.line.push_back(key);
        }
    }

    /// Lets those in line send, each at most its turn, those with the least left first.
    fn take_turns(&mut self, now: Moment, burst: &mut Burst) {
        let count = self.line.len().min(TURNS);
        let mut turn: Vec<Key> = self.line.drain(..count).collect();
        turn.sort_by_key(|key| self.transfers.get(key).map(Transfer::remaining));
        for key in turn {
            if let Some(transfer) = self.transfers.get_mut(&key) {
                transfer.in_line = false;
                transfer.send(now, TURN_PACKETS, burst.entry(key.0).or_default());
            }
            self.attend(key);
        }
        self.turned_at = now;
    }

    /// What ends every call.
    fn finish(&mut self, now: Moment, mut burst: Burst, out: &mut Outbox<Output>) {
        self.fill_places(now, out);
        self.take_turns(now, &mut burst);
        for (to, packets) in burst {
            if !packets.is_empty() {
                out.push(Output::Transmit { to, packets });
            }
        }
    }
}

impl Machine for FragmentSender {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "fragment sender";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::Send { to, cargo, body } => self.send(now, Waiting { to, cargo, body }, out),
            Input::Acked { from, acks } => self.on_acks(now, from, &acks, out),
            Input::Cancel { to, cargo } => self.cancel(to, cargo),
            Input::Halted => *self = Self::new(self.config),
        }
        self.finish(now, Burst::new(), out);
    }

    fn deadline(&self) -> Option<Moment> {
        let turn = (!self.line.is_empty()).then_some(self.turned_at);
        earliest(turn, self.timers.first().map(|(at, _)| *at))
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let mut burst = Burst::new();
        let due = self.timers.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<Key> = due.map(|(_, key)| *key).collect();
        for key in due {
            if let Some(transfer) = self.transfers.get_mut(&key) {
                let fate = transfer.on_deadline(now, burst.entry(key.0).or_default());
                self.end(key, fate, out);
                self.attend(key);
            }
        }
        self.finish(now, burst, out);
    }
}
