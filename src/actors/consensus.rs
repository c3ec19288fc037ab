//! One log that the servers agree on: what a majority has on disk is decided, in one order, and
//! stays so whatever fails.
//!
//! Drives raft-rs (Raft: Ongaro and Ousterhout, "In Search of an Understandable Consensus
//! Algorithm", 2014; with PreVote, CheckQuorum and ReadIndex) as a pure part: ticks, messages and
//! answers of the disk go in, messages and writes come out. A client's command becomes an entry,
//! the entry is decided, and every server gives it to its [`StateMachine`] under the same number.
//! Whoever of them was asked answers.
//!
//! Never parses protocol buffers (see `wire.rs`), never shows raft a message that it would not
//! survive (see `guard.rs`), never decides what a command means. Clients send a command to every
//! server and repeat it under the same number until one answers; so a command may be decided
//! twice, and that is the state machine's affair.
//!
//! Invariants. A vote, an entry, or a word about either leaves only when it is on disk, and so
//! does an answer. Writes are ordered one at a time; what comes meanwhile goes into the next.
//! Nothing is answered before this server has applied what was decided without it. A server whose
//! disk fails is silent until it works again. A server whose disk is damaged, that has lost what
//! it had promised, or whose state differs from the majority's takes itself out of the group for
//! good ([`Standing::Quarantined`]): it never shortens its log and votes on.

mod agreed;
mod checkpoints;
mod commands;
mod config;
mod entrance;
mod etcd;
mod guard;
mod ledger;
mod letters;
mod log;
pub mod moving;
mod opened;
mod planting;
mod reads;
mod ready;
mod rows;
mod standing;
mod state_machine;
mod store;
mod ticks;
mod timing;
mod waiting;
mod wire;
mod writer;

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;
use raft::{RawNode, StateRole};

use super::edges::{DiskAnswer, DiskOrder, HttpAnswer, HttpOrder, Ticket};
use super::machine::{Machine, Outbox, earliest};
use crate::planted::{self, Bug};
use crate::proto::ids::{NodeId, UserId};
use crate::time::Moment;
pub use agreed::{Agreed, Agreement, AgreementOutput};
use checkpoints::Checkpoints;
pub use config::Config;
use entrance::Entrance;
pub use etcd::{Etcd, EtcdConfig, Import};
use log::Log;
use opened::Opened;
use reads::{Question, Reads};
pub use rows::{Damage, Rows};
pub use standing::{Counts, Standing, State, Whereabouts, Why};
pub use state_machine::StateMachine;
pub use store::{StateStore, Store};
use timing::Patience;
use waiting::Waiting;
use writer::Writer;

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client wants a command decided.
    Submit {
        /// The client.
        client: UserId,
        /// Its number for the command: the same when it repeats it, never the same for another.
        nonce: u64,
        /// The command.
        command: Bytes,
    },
    /// A client asks about the state.
    Ask {
        /// The client.
        client: UserId,
        /// Its number for the question.
        nonce: u64,
        /// The question.
        question: Bytes,
    },
    /// A server sent a message.
    Heard {
        /// The server, as its session tells.
        from: NodeId,
        /// The message.
        message: Bytes,
    },
    /// The disk answers.
    Disk {
        /// Of the order.
        ticket: Ticket,
        /// The answer.
        answer: DiskAnswer,
    },
    /// etcd answers. Of no interest to the embedded store.
    Http {
        /// Of the order.
        ticket: Ticket,
        /// The answer.
        answer: HttpAnswer,
    },
    /// This server falls silent on purpose.
    Halted,
    /// It is back.
    Resumed,
    /// The node is about to end: another server should lead.
    Retired,
}

/// What is ordered. `R` and `E` are the state machine's replies and effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<R, E> {
    /// Send a message to a server. It may be lost; nobody waits for it. Most fit a datagram, those
    /// with entries or a state do not.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Bytes,
    },
    /// A command is decided. Told by every server that the client sent it to.
    Answer {
        /// The client.
        client: UserId,
        /// Its number.
        nonce: u64,
        /// The place of the command in the log.
        seq: u64,
        /// What the state machine says.
        reply: R,
    },
    /// The answer to a question.
    Told {
        /// The client.
        client: UserId,
        /// Its number.
        nonce: u64,
        /// The place in the log after which it was answered.
        seq: u64,
        /// What the state machine says.
        reply: R,
    },
    /// A command is not even put before the others.
    Refused {
        /// The client.
        client: UserId,
        /// Its number.
        nonce: u64,
        /// What the state machine says.
        reply: R,
    },
    /// What is to be done for a command that is decided, here as on every server.
    Effects {
        /// The place of the command.
        seq: u64,
        /// What is to be done.
        effects: Vec<E>,
        /// Applied while catching up, so perhaps not for the first time: what only matters at
        /// once can be left out.
        replayed: bool,
    },
    /// The state came from another server as a whole: there were no effects for commands up to
    /// here. Whoever carries out effects has to compare.
    Restored {
        /// The place of the last command in it.
        seq: u64,
    },
    /// Give the disk an order.
    Disk {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The order.
        order: DiskOrder,
    },
    /// Ask etcd. Never ordered by the embedded store.
    Http {
        /// Comes back with the answer.
        ticket: Ticket,
        /// The question.
        order: HttpOrder,
    },
    /// How things stand, after each change and about once a second while something goes on.
    State(State),
    /// This server is out of the group for good. Its three tables may be moved aside, never used
    /// again.
    Quarantined(Why),
}

/// The machine. See the module for what it decides.
pub struct Consensus<S: StateMachine> {
    config: Config,
    node: RawNode<Log>,
    state: S,
    applied: u64,
    /// A state that came from another server, until raft has taken it.
    incoming: Option<(u64, S)>,
    waiting: Waiting,
    reads: Reads,
    writer: Writer,
    patience: Patience,
    checkpoints: Checkpoints,
    /// Until a server with an empty disk is in.
    entrance: Option<Entrance>,
    /// States sent to others and not confirmed.
    sent_states: BTreeMap<u64, Moment>,
    caught_up: bool,
    halted: bool,
    /// The disk is tried again then.
    disk_fails: Option<Moment>,
    quarantine: Option<Why>,
    told_quarantine: bool,
    tick_at: Moment,
    ticks: u64,
    counts: Counts,
    told: Option<State>,
}

/// What a state machine's consensus orders.
pub type OutputOf<S> = Output<<S as StateMachine>::Reply, <S as StateMachine>::Effect>;

type Out<S> = Outbox<OutputOf<S>>;

impl<S: StateMachine> Consensus<S> {
    /// A server with what its disk holds. `blank` is the state before the first command. `seed`
    /// must be fresh at each start.
    #[must_use]
    pub fn new(config: Config, blank: S, rows: &Rows, seed: [u8; 32]) -> Self {
        let config = config.checked();
        let Opened {
            log,
            state,
            is_blank,
            quarantine,
        } = opened::open(&config, blank, rows);
        let applied = log.kept().map_or(0, |kept| kept.at.index);
        let mut writer = Writer::new(config.me, &log, rows::parts_on_disk(rows));
        let (first, second) = seed_words(seed);
        let mut entrance = None;
        if is_blank && config.peers.is_empty() {
            writer.base(&log);
        } else if is_blank {
            entrance = Some(Entrance::new(second, config.peers.clone()));
        }
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = RawNode::new(&config.raft(applied), log, &logger)
            .expect("the configuration and the log were checked");
        let mut reads = Reads::new(config.me, second);
        reads.add(Question::CatchUp);
        let mut checkpoints = Checkpoints::new(config.peers.len() + 1);
        if applied > 0 {
            checkpoints.reached(applied, state.digest());
        }
        let mut consensus = Self {
            node,
            state,
            applied,
            incoming: None,
            waiting: Waiting::default(),
            reads,
            writer,
            patience: Patience::new(first, config.election_ticks),
            checkpoints,
            entrance,
            sent_states: BTreeMap::new(),
            caught_up: planted::is(Bug::ServedBeforeCaughtUp),
            halted: false,
            disk_fails: None,
            quarantine,
            told_quarantine: false,
            tick_at: Moment::START,
            ticks: 0,
            counts: Counts::default(),
            told: None,
            config,
        };
        consensus.be_patient();
        consensus
    }

    /// The state after the last entry that was applied here.
    #[must_use]
    pub const fn state(&self) -> &S {
        &self.state
    }

    /// The last entry applied.
    #[must_use]
    pub const fn applied(&self) -> u64 {
        self.applied
    }

    /// How this server takes part.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        if self.quarantine.is_some() {
            Standing::Quarantined
        } else if self.disk_fails.is_some() {
            Standing::DiskFails
        } else if self.halted {
            Standing::Halted
        } else if self.caught_up {
            Standing::Serving
        } else {
            Standing::CatchingUp
        }
    }

    /// Whether it neither speaks nor listens.
    const fn is_mute(&self) -> bool {
        self.quarantine.is_some() || self.disk_fails.is_some() || self.halted
    }

    /// Whether it votes and may lead.
    #[must_use]
    pub fn votes(&self) -> bool {
        self.quarantine.is_none() && self.entrance.is_none() && self.node.store().floor().is_none()
    }

    /// Whether it leads, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.node.raft.state == StateRole::Leader
    }

    /// Sets the wait for the leader from our own seed; to be called after whatever may have made
    /// raft draw one.
    fn be_patient(&mut self) {
        let ticks = self.patience.ticks(self.node.raft.term);
        self.node.raft.set_randomized_election_timeout(ticks);
    }

    /// Leads no more, if it did. What others decide meanwhile has to be learned.
    fn step_down(&mut self) {
        let term = self.node.raft.term;
        self.node.raft.become_follower(term, raft::INVALID_ID);
        self.be_patient();
        self.caught_up = false;
        self.waiting = Waiting::default();
        self.reads.clear();
        self.reads.add(Question::CatchUp);
        self.sent_states.clear();
    }

    fn quarantine(&mut self, why: Why, out: &mut Out<S>) {
        let (ticket, order) = self.writer.quarantine(&why);
        out.push(Output::Disk { ticket, order });
        self.quarantine = Some(why);
    }

    fn disk(&mut self, now: Moment, ticket: Ticket, answer: &DiskAnswer, out: &mut Out<S>) {
        if !self.writer.is_ours(ticket) {
            return;
        }
        match answer {
            DiskAnswer::Written => self.written(now, out),
            DiskAnswer::Failed(_) => {
                if self.disk_fails.is_none() {
                    self.step_down();
                }
                let wait = Duration::from_millis(self.config.disk_retry_ms);
                self.disk_fails = Some(now.after(wait));
            }
            DiskAnswer::Read(_) => {}
        }
    }

    fn snapshot_of_things(&self) -> State {
        let mut counts = self.counts;
        counts.writes = self.writer.writes();
        counts.differing = self.checkpoints.differing();
        State {
            leader: wire::node_id(self.node.raft.leader_id).filter(|_| !self.is_mute()),
            term: self.node.raft.term,
            applied: self.applied,
            standing: self.standing(),
            caught_up: self.caught_up,
            votes: self.votes(),
            counts,
        }
    }

    /// Tells how things stand if somebody acts on the difference, or if it is `time`.
    fn tell(&mut self, out: &mut Out<S>, time: bool) {
        let state = self.snapshot_of_things();
        let acted_on = |state: &State| (state.leader, state.term, state.standing, state.votes);
        let differs = match &self.told {
            None => true,
            Some(told) if time => *told != state,
            Some(told) => acted_on(told) != acted_on(&state),
        };
        if differs {
            self.told = Some(state);
            out.push(Output::State(state));
        }
        if let Some(why) = self.quarantine.as_ref().filter(|_| !self.told_quarantine) {
            self.told_quarantine = true;
            out.push(Output::Quarantined(why.clone()));
        }
    }
}

fn seed_words(seed: [u8; 32]) -> (u64, u64) {
    let (words, _) = seed.as_chunks::<8>();
    (u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1]))
}

impl<S: StateMachine> Machine for Consensus<S> {
    type Input = Input;
    type Output = OutputOf<S>;
    const NAME: &'static str = "consensus";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Self::Output>) {
        if self.quarantine.is_some() {
            self.tell(out, false);
            return;
        }
        match input {
            Input::Submit {
                client,
                nonce,
                command,
            } => self.submit(now, client, nonce, command, out),
            Input::Ask {
                client,
                nonce,
                question,
            } => self.ask(client, nonce, question),
            Input::Heard { from, message } => self.heard(now, from, &message, out),
            Input::Disk { ticket, answer } => self.disk(now, ticket, &answer, out),
            Input::Halted if !self.halted => {
                self.halted = true;
                self.step_down();
            }
            Input::Resumed if self.halted => {
                self.halted = false;
                self.tick_at = now;
            }
            Input::Http { .. } | Input::Halted | Input::Resumed => {}
            Input::Retired => self.hand_over(),
        }
        self.turn(now, out);
        self.tell(out, false);
    }

    fn deadline(&self) -> Option<Moment> {
        match self.standing() {
            Standing::Quarantined => (!self.told_quarantine).then_some(Moment::START),
            Standing::Halted => None,
            Standing::DiskFails => self.disk_fails,
            Standing::CatchingUp | Standing::Serving | Standing::Unreachable => {
                earliest(Some(self.tick_at), self.disk_fails)
            }
        }
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Self::Output>) {
        match self.disk_fails {
            Some(at) if now >= at => {
                let wait = Duration::from_millis(self.config.disk_retry_ms);
                self.disk_fails = Some(now.after(wait));
                self.order_again(now, now, out);
            }
            _ if self.is_mute() => {}
            _ => {
                self.tick(now, out);
                self.turn(now, out);
            }
        }
        self.tell(out, false);
    }
}

#[cfg(test)]
pub(crate) mod tests;
