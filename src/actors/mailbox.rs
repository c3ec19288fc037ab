//! Letters for users who are away, on all servers and on disk.
//!
//! A letter is acknowledged to its writer by each server that has it on disk; the writer counts
//! a majority. Servers compare digests and exchange what differs. A letter that took effect is
//! let go: only its id is kept, so that no exchange brings it back. Never opens a letter.
//!
//! Invariants: what is known in memory is on disk. A letter is acknowledged only then. A letter
//! that was let go is never sent again from here, nor kept again. Until a majority's knowledge is
//! merged, nothing is sent to readers; deposits are taken all the same, as durability is what
//! counts.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;

use self::exchange::Told;
use self::shelf::{GoneKey, Shelf};
use super::edges::{Desk, DiskAnswer, DiskOrder, Row, Ticket};
use super::machine::{Machine, Outbox, earliest};
use super::membership::Member;
use super::replica::{CatchUp, Journal, Rounds, Step};
use crate::crypto::letters::is_authentic;
use crate::planted::{self, Bug};
use crate::proto::cargo::Cargo;
use crate::proto::ids::{LetterId, NodeId, UserId};
use crate::proto::letter::Letter;
use crate::proto::limits::{ERRAND_ACKS, LETTER_MAX_BYTES};
use crate::proto::packet::{DepositRefusal, Packet};
use crate::time::{Calendar, Moment, WallTime};

mod delivery;
mod deposits;
mod exchange;
mod shelf;
#[cfg(test)]
pub(crate) mod tests;
mod upkeep;

/// All letters together, in bytes: with the ids let go they fit one message between servers.
const LETTERS_MAX_BYTES: usize = 48 << 20;

/// Largest encoded letter: the note and room for its envelope.
const ENCODED_MAX_BYTES: usize = LETTER_MAX_BYTES + 512;

/// A stamp may be so far ahead of our calendar, in milliseconds: clocks of clients are not set
/// well, but a letter from far ahead would never expire.
const AHEAD_MAX_MS: u64 = 24 * 60 * 60 * 1_000;

/// Milliseconds to the next look when there is more to forget than may be kept.
const SWEEP_SOON_MS: u64 = 1_000;

/// Bounds and timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Letters kept at the most, over all users.
    pub letters_max: usize,
    /// Ids of letters let go that are remembered at the most; the oldest are dropped.
    pub let_go_max: usize,
    /// A letter is dropped after so long, in milliseconds since it was posted.
    pub keep_ms: u64,
    /// Milliseconds between two exchanges with a server whose digest differs.
    pub exchange_every_ms: u64,
    /// How long a starting or recovering server waits for an answer before it asks again, ms.
    pub state_wait_ms: u64,
    /// To judge the age of letters.
    pub calendar: Calendar,
}

impl Config {
    /// For servers on one local network.
    #[must_use]
    pub const fn lan(me: NodeId, peers: Vec<NodeId>, calendar: Calendar) -> Self {
        Self {
            me,
            peers,
            // A handful of users with full mailboxes; a few megabytes in ordinary use.
            letters_max: 10_000,
            // Twice as many as letters; about 60 bytes each in an exchange.
            let_go_max: 20_000,
            // A month away.
            keep_ms: 30 * 24 * 60 * 60 * 1_000,
            // An exchange carries everything, so seldom; it repairs what deposits did not reach.
            exchange_every_ms: 5_000,
            // An answer of ordinary size takes milliseconds on a local network.
            state_wait_ms: 1_000,
            calendar,
        }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client deposits an encoded letter.
    DepositArrived {
        /// Who.
        client: UserId,
        /// The letter's id, as the transfer names it.
        letter: LetterId,
        /// The encoded letter.
        body: Bytes,
    },
    /// A client asks whether a letter is on disk here.
    CheckArrived {
        /// Who.
        client: UserId,
        /// Which.
        letter: LetterId,
    },
    /// A user is present.
    Present(UserId),
    /// An authenticated user wants their mail.
    Fetch(UserId),
    /// An authenticated user has these letters on disk.
    Ack {
        /// Who.
        user: UserId,
        /// Which.
        letters: Vec<LetterId>,
    },
    /// A server wants what we know.
    StateAsked(NodeId),
    /// A server sent what it knows.
    StateArrived {
        /// Which.
        from: NodeId,
        /// Encoded letters and ids.
        state: Bytes,
    },
    /// The view of the cluster changed.
    View(Vec<Member>),
    /// The disk answered.
    Disk {
        /// Which order.
        ticket: Ticket,
        /// How.
        answer: DiskAnswer,
    },
    /// The node is back from silence: catch up before serving.
    Resumed,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet to a client.
    Send {
        /// To whom.
        to: UserId,
        /// What.
        packet: Packet,
    },
    /// Send letters to their reader.
    SendMail {
        /// To whom.
        to: UserId,
        /// A [`Cargo::Mail`].
        cargo: Cargo,
        /// An encoded list of letters.
        letters: Bytes,
    },
    /// Ask a server for what it knows (`Packet::StateAsk`).
    AskState(NodeId),
    /// Send a server what we know, as `Cargo::MailState`.
    SendState {
        /// To whom.
        to: NodeId,
        /// Number of this sending.
        round: u64,
        /// Encoded letters and ids.
        state: Bytes,
    },
    /// Digest and readiness, after each change.
    State {
        /// Digest over letters and ids let go.
        digest: u64,
        /// Whether this server has caught up.
        caught_up: bool,
        /// Letters kept.
        letters: u32,
    },
    /// Ask the disk.
    Disk {
        /// Its number.
        ticket: Ticket,
        /// What.
        order: DiskOrder,
    },
}

/// What waits for the disk.
#[derive(Clone, Debug)]
enum Effect {
    /// A letter is kept; tell its writer.
    Deposit { letter: Letter, client: UserId },
    /// Letters are let go.
    LetGo(Vec<(GoneKey, WallTime)>),
    /// What another server knows that we did not.
    Merge { from: NodeId, run: u64, told: Told },
    /// What has expired or exceeds the limit is forgotten.
    Sweep {
        letters: Vec<LetterId>,
        let_go: Vec<GoneKey>,
    },
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Mailbox {
    config: Config,
    shelf: Shelf,
    /// Letters on disk that are let go there as well, by a crash between; to be deleted.
    ghosts: Vec<LetterId>,
    journal: Journal<Effect>,
    catch_up: CatchUp,
    rounds: Rounds,
    fetched: BTreeMap<UserId, Moment>,
    sweep_at: Moment,
    digest: u64,
    told: Option<(u64, bool, u32)>,
}

impl Mailbox {
    /// A mailbox with what its disk holds: rows of [`super::edges::Table::Letters`] and
    /// [`super::edges::Table::LetGo`]. Rows that do not decode are left alone.
    #[must_use]
    pub fn new(config: Config, letters: Vec<Row>, let_go: Vec<Row>) -> Self {
        let mut shelf = Shelf::default();
        for row in &let_go {
            if let Some((key, at)) = exchange::read_let_go(row) {
                shelf.release(key, at);
            }
        }
        let mut ghosts = Vec::new();
        for letter in letters.iter().filter_map(exchange::read_letter) {
            if shelf.gone_at((letter.id, letter.to)).is_some() {
                ghosts.push(letter.id);
            } else {
                shelf.put(letter);
            }
        }
        Self {
            digest: shelf.digest(),
            shelf,
            ghosts,
            journal: Journal::new(Desk::Mailbox),
            catch_up: CatchUp::new(
                config.me,
                &config.peers,
                config.state_wait_ms,
                config.exchange_every_ms,
            ),
            rounds: Rounds::new(config.calendar),
            fetched: BTreeMap::new(),
            sweep_at: Moment::START,
            told: None,
            config,
        }
    }

    fn is_expired(&self, now: Moment, letter: &Letter) -> bool {
        let kept_until = letter.posted_at.0.saturating_add(self.config.keep_ms);
        kept_until < self.config.calendar.at(now).0
    }

    /// Whether a letter may be kept at all, whoever brings it.
    fn is_acceptable(&self, now: Moment, letter: &Letter) -> bool {
        let latest = self.config.calendar.at(now).0.saturating_add(AHEAD_MAX_MS);
        letter.posted_at.0 <= latest && !self.is_expired(now, letter) && is_authentic(letter)
    }

    /// A lost or failed acknowledgement costs nothing: the mail is sent and acknowledged again.
    fn let_go(&mut self, now: Moment, user: UserId, letters: Vec<LetterId>) {
        let at = self.config.calendar.at(now);
        let mut letters = letters;
        if planted::is(Bug::MailAckDropsLater) {
            letters.extend(self.shelf.letters_of(user).map(|letter| letter.id));
        }
        let news: Vec<_> = letters
            .into_iter()
            .take(ERRAND_ACKS)
            .filter(|&id| self.shelf.gone_at((id, user)).is_none())
            .filter(|&id| self.shelf.letter(id).is_none_or(|held| held.to == user))
            .map(|id| ((id, user), at))
            .collect();
        if !news.is_empty() {
            let _ = self.journal.add(Effect::LetGo(news));
        }
    }

    /// Follows what the disk did, and gives it the next order.
    fn advance(&mut self, now: Moment, step: Step<Effect>, out: &mut Outbox<Output>) {
        let mut step = step;
        loop {
            match step {
                Step::Idle => {}
                Step::Order(ticket, order) => out.push(Output::Disk { ticket, order }),
                Step::Durable(effects) => {
                    for effect in effects {
                        self.take_effect(now, effect, out);
                    }
                    self.digest = self.shelf.digest();
                }
                Step::Failed(effects) => refuse(&effects, out),
            }
            step = match self
                .journal
                .start(now, |effects| exchange::rows(&self.shelf, effects))
            {
                Step::Idle => break,
                next => next,
            };
        }
        self.catch_up.compare(now, self.digest);
        self.tell_change(out);
    }

    fn take_effect(&mut self, now: Moment, effect: Effect, out: &mut Outbox<Output>) {
        match effect {
            Effect::Deposit { letter, client } => {
                out.push(deposited(client, letter.id));
                self.shelf.put(letter);
            }
            Effect::LetGo(news) => {
                for (key, at) in news {
                    self.shelf.release(key, at);
                }
            }
            Effect::Merge { from, run, told } => {
                for (key, at) in told.let_go {
                    self.shelf.release(key, at);
                }
                for letter in told.letters {
                    self.shelf.put(letter);
                }
                self.catch_up.merged(from, run);
            }
            Effect::Sweep { letters, let_go } => {
                self.ghosts.clear();
                for id in letters {
                    self.shelf.take(id);
                }
                for key in let_go {
                    self.shelf.forget(key);
                }
            }
        }
        if self.shelf.let_go_count() > self.config.let_go_max {
            let soon = now.after(Duration::from_millis(SWEEP_SOON_MS));
            self.sweep_at = self.sweep_at.min(soon);
        }
    }

    fn tell_change(&mut self, out: &mut Outbox<Output>) {
        let letters = u32::try_from(self.shelf.usage().letters).unwrap_or(u32::MAX);
        let state = (self.digest, self.catch_up.is_done(), letters);
        if self.told != Some(state) {
            self.told = Some(state);
            out.push(Output::State {
                digest: self.digest,
                caught_up: self.catch_up.is_done(),
                letters,
            });
        }
    }

    fn ask(&mut self, now: Moment, out: &mut Outbox<Output>) {
        for node in self.catch_up.due(now) {
            out.push(Output::AskState(node));
        }
    }

    fn view(&mut self, now: Moment, members: &[Member]) {
        for member in members {
            let report = &member.report;
            let digest = report.caught_up.then_some(report.mail_digest);
            self.catch_up.see(now, member.node, member.alive, digest);
        }
    }
}

const fn deposited(to: UserId, letter: LetterId) -> Output {
    Output::Send {
        to,
        packet: Packet::Deposited(letter),
    }
}

/// Tells writers that the disk did not take their letters. Everything else comes again by itself.
fn refuse(effects: &[Effect], out: &mut Outbox<Output>) {
    for effect in effects {
        if let Effect::Deposit { letter, client } = effect {
            out.push(Output::Send {
                to: *client,
                packet: Packet::DepositRefused {
                    letter: letter.id,
                    reason: DepositRefusal::Disk,
                },
            });
        }
    }
}

impl Machine for Mailbox {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "mailbox";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        let mut step = Step::Idle;
        match input {
            Input::DepositArrived {
                client,
                letter,
                body,
            } => self.deposit(now, client, letter, &body, out),
            Input::CheckArrived { client, letter } => self.check(client, letter, out),
            Input::Present(user) => self.present(user, out),
            Input::Fetch(user) => self.fetch(now, user, out),
            Input::Ack { user, letters } => self.let_go(now, user, letters),
            Input::StateAsked(from) => self.tell(now, from, out),
            Input::StateArrived { from, state } => self.merge(now, from, &state),
            Input::View(members) => self.view(now, &members),
            Input::Disk { ticket, answer } => step = self.journal.answered(ticket, &answer),
            Input::Resumed => self.catch_up.restart(now),
        }
        self.advance(now, step, out);
        self.ask(now, out);
    }

    fn deadline(&self) -> Option<Moment> {
        let disk = earliest(self.journal.deadline(), self.catch_up.deadline());
        earliest(Some(self.sweep_at), disk)
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        if self.sweep_at <= now {
            self.sweep(now);
        }
        let step = self.journal.again(now);
        self.advance(now, step, out);
        self.ask(now, out);
    }
}
