//! Puts fragments in their places, acknowledges in blocks, and hands on whole messages.
//!
//! Decides what is kept and what is acknowledged. Never decides what a message means. Invariants:
//! memory grows with what arrived, never with what was announced; a duplicate is acknowledged
//! again; a finished transfer stays known for a while so that a lost last acknowledgement can be
//! repeated.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use self::message::{Condition, Message, Placed, fragments_of, is_well_sized};
use super::machine::{Machine, Outbox, earliest};
use crate::proto::cargo::Cargo;
use crate::proto::ids::TransferId;
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::proto::packet::{Fragment, FragmentAck, Packet, Party, TransferStatus};
use crate::time::Moment;

mod message;

#[cfg(test)]
mod tests;

/// Fragments of one transfer in one batch that one acknowledgement answers.
const ACK_EVERY: u32 = 16;

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Unfinished transfers at the most, over all senders.
    pub transfers_max: usize,
    /// Unfinished transfers at the most from one sender.
    pub transfers_per_sender: usize,
    /// Bytes of unfinished messages at the most, over all senders.
    pub memory_max_bytes: usize,
    /// Fragments that a sender may send from the block of the first missing one on, rounded up to
    /// whole blocks.
    pub credit_fragments: u32,
    /// An unfinished transfer is dropped if nothing comes for so long, in milliseconds.
    pub idle_ms: u64,
    /// A finished transfer is remembered for so long, in milliseconds.
    pub remember_ms: u64,
    /// Finished transfers remembered at the most.
    pub remembered_max: usize,
}

impl Config {
    /// For a local network.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            transfers_max: 256,
            // One party seldom has more than a request, a letter and a picture under way.
            transfers_per_sender: 32,
            // Four messages of the largest size, or some hundred ordinary pictures.
            memory_max_bytes: 256 << 20,
            // What one acknowledgement can tell of.
            credit_fragments: 1_024,
            // Longer than a sender tries, so that its next attempt goes on where this one ended.
            idle_ms: 30_000,
            // Longer than a last acknowledgement can be asked for again.
            remember_ms: 1_500,
            remembered_max: 4_096,
        }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// Fragments arrived, in order of arrival.
    Arrived {
        /// From whom.
        from: Party,
        /// One each datagram.
        fragments: Vec<Fragment>,
    },
    /// The node falls silent on purpose: forget everything.
    Halted,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these acknowledgements.
    Transmit {
        /// To whom.
        to: Party,
        /// A burst.
        packets: Vec<Packet>,
    },
    /// The first piece of a message is here and says what it is.
    Started {
        /// From whom.
        from: Party,
        /// What it is.
        cargo: Cargo,
        /// Size of its body in bytes, as announced.
        size_bytes: u32,
    },
    /// So much is here. At most one for each batch of fragments, only once `Started` was told.
    Progress {
        /// From whom.
        from: Party,
        /// What it is.
        cargo: Cargo,
        /// Bytes of the body here.
        done_bytes: u32,
        /// Bytes of the body in all.
        total_bytes: u32,
    },
    /// A whole message is here and its digest is right. Told once for each transfer remembered.
    Received {
        /// From whom.
        from: Party,
        /// What it is.
        cargo: Cargo,
        /// The bytes.
        body: Bytes,
    },
}

/// A transfer: from whom, and its name.
type Key = (Party, TransferId);

/// What one batch did to one transfer.
#[derive(Clone, Copy, Debug, Default)]
struct Touched {
    /// Largest datagram number.
    echo: u32,
    /// Fragments since the last acknowledgement.
    unanswered: u32,
    /// The answer to a fragment that was not taken.
    verdict: Option<TransferStatus>,
    /// Whether something new is here.
    has_news: bool,
}

/// One batch of fragments from one party.
#[derive(Debug)]
struct Batch {
    now: Moment,
    from: Party,
    touched: BTreeMap<TransferId, Touched>,
    acks: Vec<Packet>,
    /// What is told after the acknowledgements have left.
    news: Vec<Output>,
}

/// The receiving half of fragmented messages.
#[derive(Debug)]
pub struct FragmentReceiver {
    config: Config,
    open: BTreeMap<Key, Message>,
    /// When unfinished transfers are dropped.
    idle: BTreeSet<(Moment, Key)>,
    memory_bytes: usize,
    /// Finished transfers with their counts of fragments.
    finished: BTreeMap<Key, u32>,
    /// When they are forgotten, in order.
    forget: VecDeque<(Moment, Key)>,
}

impl FragmentReceiver {
    /// A receiver that knows of no transfer.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            open: BTreeMap::new(),
            idle: BTreeSet::new(),
            memory_bytes: 0,
            finished: BTreeMap::new(),
            forget: VecDeque::new(),
        }
    }

    /// Bytes of memory that hold fragments of unfinished messages.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    fn on_batch(&mut self, batch: &mut Batch, fragments: Vec<Fragment>) {
        for fragment in fragments {
            let (id, echo) = (fragment.transfer, fragment.packet);
            let taken = self.take(batch, fragment);
            let touched = batch.touched.entry(id).or_default();
            touched.echo = touched.echo.max(echo);
            touched.unanswered += 1;
            let answers_now = match taken {
                Ok(answers_now) => answers_now || touched.unanswered >= ACK_EVERY,
                Err(verdict) => {
                    touched.verdict = verdict.or(touched.verdict);
                    // What no transfer stands for is answered once.
                    verdict.is_none() && touched.unanswered >= ACK_EVERY
                }
            };
            if answers_now {
                self.answer(batch, id);
            }
        }
        let ids: Vec<TransferId> = batch.touched.keys().copied().collect();
        for id in ids {
            self.answer(batch, id);
            self.tell_progress(batch, id);
        }
    }

    /// Takes one fragment. Returns whether it is answered at once; or, if it is not taken, with
    /// what word, if there is one.
    fn take(
        &mut self,
        batch: &mut Batch,
        fragment: Fragment,
    ) -> Result<bool, Option<TransferStatus>> {
        let id = fragment.transfer;
        let key = (batch.from, id);
        if self.finished.contains_key(&key) {
            return Ok(false);
        }
        let known = batch.touched.get(&id).and_then(|touched| touched.verdict);
        if known == Some(TransferStatus::Damaged) {
            return Err(known);
        }
        let is_new = !self.open.contains_key(&key);
        self.check(key, &fragment)?;
        let message = self
            .open
            .entry(key)
            .or_insert_with(|| Message::new(fragment.total_bytes, self.config.credit_fragments));
        let idle_at = batch.now.after(Duration::from_millis(self.config.idle_ms));
        if is_new || message.idle_at != idle_at {
            self.idle.remove(&(message.idle_at, key));
            self.idle.insert((idle_at, key));
            message.idle_at = idle_at;
        }
        let before_bytes = message.memory_bytes();
        let Placed::New { gap } = message.place(fragment) else {
            return Ok(is_new);
        };
        let held_bytes = message.memory_bytes();
        self.memory_bytes = self.memory_bytes - before_bytes + held_bytes;
        batch.touched.entry(id).or_default().has_news = true;
        let had_manifest = message.manifest().is_some();
        let condition = message.examine(id);
        let manifest = message.manifest();
        if let Some(manifest) = manifest.filter(|_| !had_manifest) {
            batch.news.push(Output::Started {
                from: batch.from,
                cargo: manifest.cargo,
                size_bytes: manifest.size_bytes,
            });
        }
        if condition == Condition::Going {
            return Ok(is_new || gap);
        }
        let fragments = fragments_of(message.total_bytes());
        self.close(key, held_bytes);
        let (Condition::Whole(body), Some(manifest)) = (condition, manifest) else {
            return Err(Some(TransferStatus::Damaged));
        };
        self.remember(batch.now, key, fragments);
        batch.news.push(Output::Received {
            from: batch.from,
            cargo: manifest.cargo,
            body,
        });
        Ok(true)
    }

    /// Whether this fragment of an unfinished transfer may be taken; else the word on it.
    fn check(&self, key: Key, fragment: &Fragment) -> Result<(), Option<TransferStatus>> {
        let open = self.open.get(&key);
        let size_bytes = fragment.total_bytes;
        let is_sane = (1..=MESSAGE_MAX_BYTES as u64).contains(&u64::from(size_bytes))
            && open.is_none_or(|message| message.total_bytes() == size_bytes);
        if !is_sane {
            return Err(Some(TransferStatus::Refused));
        }
        if fragment.index >= fragments_of(size_bytes) {
            return Err(None);
        }
        if !is_well_sized(fragment) {
            return Err(Some(TransferStatus::Refused));
        }
        let has_place = open.is_some() || self.has_place_for(key.0);
        let cost_bytes = match open {
            Some(message) => message.cost_bytes(fragment),
            None => fragment.data.len(),
        };
        let is_roomy = self.memory_bytes.saturating_add(cost_bytes) <= self.config.memory_max_bytes;
        if has_place && (cost_bytes == 0 || is_roomy) {
            Ok(())
        } else {
            Err(Some(TransferStatus::Busy))
        }
    }

    /// Whether one more transfer of this sender is within bounds.
    fn has_place_for(&self, from: Party) -> bool {
        let theirs = (from, TransferId([0; 16]))..=(from, TransferId([0xff; 16]));
        self.open.len() < self.config.transfers_max
            && self.open.range(theirs).count() < self.config.transfers_per_sender
    }

    /// Acknowledges a transfer, if something came since the last time.
    fn answer(&self, batch: &mut Batch, id: TransferId) {
        let Some(touched) = batch.touched.get_mut(&id) else {
            return;
        };
        if std::mem::take(&mut touched.unanswered) == 0 {
            return;
        }
        let key = (batch.from, id);
        let bare = |status, fragments| FragmentAck {
            transfer: id,
            echo: touched.echo,
            first_missing: fragments,
            blocks: Vec::new(),
            credit: fragments,
            status,
        };
        let ack = if let Some(&fragments) = self.finished.get(&key) {
            bare(TransferStatus::Complete, fragments)
        } else if let Some(message) = self.open.get(&key) {
            let mut ack = message.ack(id, touched.echo);
            ack.status = touched.verdict.unwrap_or(ack.status);
            ack
        } else if let Some(verdict) = touched.verdict {
            bare(verdict, 0)
        } else {
            return;
        };
        batch.acks.push(Packet::FragmentAck(ack));
    }

    fn tell_progress(&self, batch: &mut Batch, id: TransferId) {
        let has_news = batch
            .touched
            .get(&id)
            .is_some_and(|touched| touched.has_news);
        let Some(message) = self.open.get(&(batch.from, id)).filter(|_| has_news) else {
            return;
        };
        if let Some(manifest) = message.manifest() {
            batch.news.push(Output::Progress {
                from: batch.from,
                cargo: manifest.cargo,
                done_bytes: message.done_bytes(),
                total_bytes: manifest.size_bytes,
            });
        }
    }

    fn close(&mut self, key: Key, held_bytes: usize) {
        if let Some(message) = self.open.remove(&key) {
            self.idle.remove(&(message.idle_at, key));
            self.memory_bytes = self.memory_bytes.saturating_sub(held_bytes);
        }
    }

    fn remember(&mut self, now: Moment, key: Key, fragments: u32) {
        self.finished.insert(key, fragments);
        let until = now.after(Duration::from_millis(self.config.remember_ms));
        self.forget.push_back((until, key));
        // The last one is always known: its acknowledgement is still to be written.
        while self.finished.len() > self.config.remembered_max.max(1) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.forget.pop_front() {
            self.finished.remove(&key);
        }
    }
}

impl Machine for FragmentReceiver {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "fragment receiver";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        let Input::Arrived { from, fragments } = input else {
            *self = Self::new(self.config);
            return;
        };
        let mut batch = Batch {
            now,
            from,
            touched: BTreeMap::new(),
            acks: Vec::new(),
            news: Vec::new(),
        };
        self.on_batch(&mut batch, fragments);
        if !batch.acks.is_empty() {
            let packets = batch.acks;
            out.push(Output::Transmit { to: from, packets });
        }
        for news in batch.news {
            out.push(news);
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let idle_at = self.idle.first().map(|(at, _)| *at);
        earliest(idle_at, self.forget.front().map(|(at, _)| *at))
    }

    fn on_deadline(&mut self, now: Moment, _out: &mut Outbox<Output>) {
        while let Some(&(at, key)) = self.idle.first()
            && at <= now
        {
            let held_bytes = self.open.get(&key).map_or(0, Message::memory_bytes);
            self.idle.pop_first();
            self.close(key, held_bytes);
        }
        while self.forget.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
    }
}
