//! What a concern needs that is kept on every server: who still has to tell us what they know, and
//! one write at a time to our own disk.
//!
//! Decides when to ask whom, and when enough servers have answered. Knows nothing of the content:
//! merging and rows are the concern's.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::actors::edges::{Desk, DiskAnswer, DiskOrder, Record, Ticket, TicketBook};
use crate::actors::machine::earliest;
use crate::planted::{self, Bug};
use crate::proto::ids::NodeId;
use crate::time::{Calendar, Moment};

/// A digest may differ for so long before it is called a difference: changes reach the servers at
/// slightly different times, and digests travel with the next report only.
const DIFFERS_FOR_MS: u64 = 1_500;

/// An unanswered question is repeated after the wait, then twice that, up to this many doublings:
/// a large answer takes longer than a small one.
const DOUBLINGS_MAX: u32 = 3;

/// How long the disk's answer is waited for before the order is given again.
const DISK_WAIT_MS: u64 = 3_000;

/// Effects that may wait for the disk.
pub(super) const EFFECTS_MAX: usize = 1_024;

/// Whether enough servers have told what they know, and whom to ask next.
///
/// Enough is a majority of all servers, this one included: whatever a majority has on disk is then
/// known here. An answer counts for the catch-up during which its merge began.
#[derive(Clone, Debug)]
pub(super) struct CatchUp {
    peers: BTreeMap<NodeId, Peer>,
    caught_up: bool,
    run: u64,
    wait: Duration,
    exchange_every: Duration,
}

#[derive(Clone, Debug)]
struct Peer {
    alive: bool,
    /// Digest of its last report, if it has caught up itself.
    digest: Option<u64>,
    differs_since: Option<Moment>,
    /// Its state was merged since the catch-up began.
    merged: bool,
    /// Questions without an answer.
    asks: u32,
    /// Not asked again before.
    ask_at: Moment,
    /// Not answered again before.
    answer_at: Moment,
}

impl CatchUp {
    /// Nobody has told anything yet. Every peer counts as alive until a view says otherwise.
    pub(super) fn new(
        me: NodeId,
        peers: &[NodeId],
        state_wait_ms: u64,
        exchange_every_ms: u64,
    ) -> Self {
        let fresh = || Peer {
            alive: true,
            digest: None,
            differs_since: None,
            merged: false,
            asks: 0,
            ask_at: Moment::START,
            answer_at: Moment::START,
        };
        let peers: BTreeMap<_, _> = peers
            .iter()
            .filter(|&&peer| peer != me)
            .map(|&peer| (peer, fresh()))
            .collect();
        Self {
            caught_up: peers.is_empty() || planted::is(Bug::ReplicaServesAtOnce),
            peers,
            run: 0,
            wait: Duration::from_millis(state_wait_ms.max(1)),
            exchange_every: Duration::from_millis(exchange_every_ms.max(1)),
        }
    }

    /// Whether a majority's knowledge is here.
    pub(super) const fn is_done(&self) -> bool {
        self.caught_up
    }

    /// Number of this catch-up, to be given back to [`CatchUp::merged`].
    pub(super) const fn run(&self) -> u64 {
        self.run
    }

    /// Whether this is a server of the cluster.
    pub(super) fn knows(&self, node: NodeId) -> bool {
        self.peers.contains_key(&node)
    }

    /// Starts over: we have been away.
    pub(super) fn restart(&mut self, now: Moment) {
        self.run += 1;
        self.caught_up = self.peers.is_empty();
        for peer in self.peers.values_mut() {
            peer.merged = false;
            peer.asks = 0;
            peer.ask_at = now;
            peer.differs_since = None;
        }
    }

    /// What a view says of a server; the digest only if it has caught up.
    pub(super) fn see(&mut self, now: Moment, node: NodeId, alive: bool, digest: Option<u64>) {
        let Some(peer) = self.peers.get_mut(&node) else {
            return;
        };
        if alive && !peer.alive {
            peer.asks = 0;
            peer.ask_at = now;
        }
        peer.alive = alive;
        peer.digest = digest.filter(|_| alive);
    }

    /// Compares the digests of the others with ours. To be called when either may have changed.
    pub(super) fn compare(&mut self, now: Moment, ours: u64) {
        for peer in self.peers.values_mut() {
            peer.differs_since = match peer.digest {
                Some(theirs) if theirs != ours => peer.differs_since.or(Some(now)),
                _ => None,
            };
        }
    }

    /// The state of `from` is merged and durable here; the merge began in catch-up `run`.
    pub(super) fn merged(&mut self, from: NodeId, run: u64) {
        if run != self.run {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.merged = true;
            peer.asks = 0;
        }
        let merged = self.peers.values().filter(|peer| peer.merged).count();
        // Of n servers n / 2 others and this one are more than half.
        self.caught_up |= merged >= self.peers.len().div_ceil(2);
    }

    fn ask_at(&self, peer: &Peer) -> Option<Moment> {
        if !peer.alive {
            return None;
        }
        if !self.caught_up {
            return (!peer.merged).then_some(peer.ask_at);
        }
        let since = peer.differs_since?;
        Some(
            peer.ask_at
                .max(since.after(Duration::from_millis(DIFFERS_FOR_MS))),
        )
    }

    /// Whom to ask now.
    pub(super) fn due(&mut self, now: Moment) -> Vec<NodeId> {
        let due: Vec<NodeId> = self
            .peers
            .iter()
            .filter(|(_, peer)| self.ask_at(peer).is_some_and(|at| at <= now))
            .map(|(&node, _)| node)
            .collect();
        for node in &due {
            if let Some(peer) = self.peers.get_mut(node) {
                let wait = self.wait * 2_u32.pow(peer.asks.min(DOUBLINGS_MAX));
                let pause = if self.caught_up {
                    self.exchange_every
                } else {
                    wait
                };
                peer.asks = peer.asks.saturating_add(1);
                peer.ask_at = now.after(pause);
            }
        }
        due
    }

    /// When somebody is to be asked next.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.peers
            .values()
            .fold(None, |first, peer| earliest(first, self.ask_at(peer)))
    }

    /// Whether `to` may be sent our state now: it is a peer, and did not just get it.
    pub(super) fn may_answer(&mut self, now: Moment, to: NodeId) -> bool {
        let pause = self.wait / 2;
        match self.peers.get_mut(&to) {
            Some(peer) if peer.answer_at <= now => {
                peer.answer_at = now.after(pause);
                true
            }
            _ => false,
        }
    }
}

/// Numbers sendings so that none has the number of another, across restarts too.
#[derive(Clone, Debug)]
pub(super) struct Rounds(u64);

impl Rounds {
    /// Numbers of this start of the node: its wall time leads.
    pub(super) const fn new(calendar: Calendar) -> Self {
        Self(calendar.started_at.0.wrapping_shl(20))
    }

    /// The next number.
    pub(super) const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        self.0
    }
}

/// Effects on their way to the disk: one transaction at a time holds all that had gathered.
///
/// As there is never a second one under way, memory equals the disk whenever rows are computed,
/// and a repeated order writes the same rows. A batch of which one order was never answered may be
/// on disk, whatever the disk says of the repetition; it is repeated until it surely is.
#[derive(Clone, Debug)]
pub(super) struct Journal<E> {
    book: TicketBook,
    queue: Vec<E>,
    flight: Option<Flight<E>>,
}

#[derive(Clone, Debug)]
struct Flight<E> {
    effects: Vec<E>,
    records: Vec<Record>,
    /// The orders given so far; their numbers follow each other.
    tickets: Option<(Ticket, Ticket)>,
    /// How many of them have no answer.
    unanswered: u64,
    again_at: Moment,
}

/// What became of the effects that waited.
#[derive(Debug)]
pub(super) enum Step<E> {
    /// There is nothing to do.
    Idle,
    /// Give this order to the disk.
    Order(Ticket, DiskOrder),
    /// These are durable.
    Durable(Vec<E>),
    /// These are surely not on disk.
    Failed(Vec<E>),
}

impl<E> Journal<E> {
    /// Nothing waits.
    pub(super) const fn new(desk: Desk) -> Self {
        Self {
            book: TicketBook::new(desk),
            queue: Vec::new(),
            flight: None,
        }
    }

    /// Everything that is not durable yet, oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &E> {
        let flying = self.flight.iter().flat_map(|flight| &flight.effects);
        flying.chain(&self.queue)
    }

    /// Adds an effect; gives it back when too many wait.
    pub(super) fn add(&mut self, effect: E) -> Result<(), E> {
        if self.waiting().count() >= EFFECTS_MAX {
            return Err(effect);
        }
        self.queue.push(effect);
        Ok(())
    }

    /// Starts the next transaction if none is under way. `rows` tells what the effects write;
    /// effects that write nothing are durable at once.
    pub(super) fn start(&mut self, now: Moment, rows: impl FnOnce(&[E]) -> Vec<Record>) -> Step<E> {
        if self.flight.is_some() || self.queue.is_empty() {
            return Step::Idle;
        }
        let effects = std::mem::take(&mut self.queue);
        let records = rows(&effects);
        if records.is_empty() {
            return Step::Durable(effects);
        }
        self.flight = Some(Flight {
            effects,
            records,
            tickets: None,
            unanswered: 0,
            again_at: now,
        });
        self.again(now)
    }

    /// Gives the order again when its answer is overdue.
    pub(super) fn again(&mut self, now: Moment) -> Step<E> {
        let Some(flight) = &mut self.flight else {
            return Step::Idle;
        };
        if flight.again_at > now {
            return Step::Idle;
        }
        let ticket = self.book.draw();
        let first = flight.tickets.map_or(ticket, |(first, _)| first);
        flight.tickets = Some((first, ticket));
        flight.unanswered += 1;
        flight.again_at = now.after(Duration::from_millis(DISK_WAIT_MS));
        Step::Order(ticket, DiskOrder::Write(flight.records.clone()))
    }

    /// Takes the disk's answer; answers to earlier orders of the same batch count alike.
    pub(super) fn answered(&mut self, ticket: Ticket, answer: &DiskAnswer) -> Step<E> {
        let is_ours = |(first, last)| (first..=last).contains(&ticket);
        let Some(flight) = &mut self.flight else {
            return Step::Idle;
        };
        if !flight.tickets.is_some_and(is_ours) {
            return Step::Idle;
        }
        let is_durable = *answer == DiskAnswer::Written;
        flight.unanswered = flight.unanswered.saturating_sub(1);
        if !is_durable && flight.unanswered > 0 {
            return Step::Idle;
        }
        match self.flight.take() {
            Some(flight) if is_durable => Step::Durable(flight.effects),
            Some(flight) => Step::Failed(flight.effects),
            None => Step::Idle,
        }
    }

    /// When the order is given again.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.flight.as_ref().map(|flight| flight.again_at)
    }
}
