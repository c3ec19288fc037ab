//! The round-robin token of planned failures: its holder falls silent for a while.
//!
//! The token only says whose turn it is. What makes it safe is permission: the holder fails only
//! after *every* other server has promised, for longer than the failure lasts, neither to fail nor
//! to permit another to. A server that is down (really or on purpose) cannot promise, and one that
//! is back does not before it has caught up with the ledger; so there is never a simulated failure
//! beside another failure, whatever becomes of the token: it may be lost, doubled or late. The
//! holder counts its time from the sending of the question, everybody else from its arrival, which
//! is later.
//!
//! Why never two fail at once, whatever is lost, late, repeated or forgotten. Call a server engaged
//! from the sending of its question until it has given up or is back; it permits nobody meanwhile.
//! Suppose A and B fail at overlapping times, A first. B has A's permission. A gave it before B
//! started, so before the end of A's failure, and not while engaged: before A asked. So B asked
//! before A did. A has B's permission too. B gave it after A asked, so after B itself asked, and
//! before A started, so before B started: while B was engaged, which it never does.
//!
//! A restart that forgets everything does no harm: what was forgotten with the promises is the own
//! question too, so nobody fails on it any more, and a new one needs *all* answers anew, also from
//! whoever is engaged. Only the numbers of questions must never repeat, so that answers to an
//! earlier life count for nothing: the seed is fresh at each start. No clock enters the argument.
//! The promises are the second line behind it: they hold although one answer were wrong, and keep
//! others from asking in vain.
//!
//! A server that is really down gives no answer, so at the start of a failure every server was up
//! within the last `permission_wait_ms`; nobody can know more over a network.
//!
//! Never closes a socket itself and never decides who is alive. Invariants: at most one question
//! of this server is out, at most one promise binds it, never both; while it is silent it hears
//! and sends nothing; of two tokens the one with the larger turn (then the lower server) stays.

mod command;
mod permission;
mod ring;

use core::time::Duration;
use std::collections::BTreeSet;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::machine::{Machine, Outbox, earliest};
use super::membership::Member;
use crate::planted::{self, Bug};
use crate::proto::ids::NodeId;
use crate::proto::packet::TokenPacket;
use crate::time::{Calendar, Moment, WallTime};
use command::Command;
use permission::{Promises, Purpose, Question};
use ring::{Token, start_wait};

/// No failure is longer, in milliseconds; a question for a longer one is answered with no.
pub const HOLD_LIMIT_MS: u32 = 20_000;

/// Pause between two reminders of the switch while the simulation is on, in milliseconds.
const REMIND_EVERY_MS: u64 = 3_000;

/// Timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Whether the simulation is on at the start.
    pub on: bool,
    /// Whether the holder says goodbye first.
    pub announced: bool,
    /// Shortest failure in milliseconds.
    pub hold_min_ms: u32,
    /// Longest failure in milliseconds; at most 20,000.
    pub hold_max_ms: u32,
    /// Pause between getting the token and asking for permission, in milliseconds.
    pub pause_ms: u64,
    /// How long permissions are waited for, in milliseconds.
    pub permission_wait_ms: u64,
    /// Added to every promise against drift of clocks, in milliseconds.
    pub margin_ms: u64,
    /// The token is made anew if nobody was seen with it for so long, in milliseconds.
    pub regenerate_after_ms: u64,
    /// To stamp commands.
    pub calendar: Calendar,
}

impl Config {
    /// Off, silent failures, timings for a local network.
    #[must_use]
    pub const fn lan(me: NodeId, peers: Vec<NodeId>, calendar: Calendar) -> Self {
        Self {
            me,
            peers,
            on: false,
            announced: false,
            hold_min_ms: 5_000,
            hold_max_ms: HOLD_LIMIT_MS,
            // A server that is back has caught up by then; until it has, it permits nobody to fail.
            pause_ms: 2_000,
            // Four sendings, each far longer than a round trip.
            permission_wait_ms: 1_000,
            // Clocks that differ by a twentieth, a hundred times more than quartz does.
            margin_ms: 2_000,
            // The longest failure, the wait before it and three offers of the token after it.
            regenerate_after_ms: 25_000,
            calendar,
        }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A server sent a token packet.
    Heard {
        /// The server.
        from: NodeId,
        /// The packet.
        packet: TokenPacket,
    },
    /// An operator switches the simulation for the whole cluster.
    Switch {
        /// On or off.
        on: bool,
        /// Whether the holder says goodbye first.
        announced: bool,
    },
    /// An operator wants this server to fail now, whoever's turn it is.
    FailNow {
        /// For so long, in milliseconds; cut to the longest failure.
        hold_ms: u32,
        /// Whether to say goodbye first.
        announced: bool,
    },
    /// An operator wants the token to go on to the next server.
    PassOn,
    /// The node is about to end: it fails no more on purpose and keeps no token.
    Retired,
    /// The view of the cluster changed.
    View(Vec<Member>),
    /// Whether this server answers for the ledger, or has to catch up with it first.
    Serving(bool),
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a token packet to a server.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        packet: TokenPacket,
    },
    /// Fall silent now.
    Fail {
        /// Whether to say goodbye first.
        announced: bool,
    },
    /// Speak again and catch up.
    Recover,
    /// How things stand, after each change.
    State {
        /// Whether the simulation is on.
        on: bool,
        /// When that was commanded.
        commanded_at: WallTime,
        /// Whether the token is here.
        here: bool,
        /// Whether this server is silent on purpose.
        failing: bool,
    },
    /// The wish to fail now came to nothing, and why.
    NotNow(&'static str),
}

/// What this server does about failing.
#[derive(Clone, Debug)]
enum Activity {
    Calm,
    Asking(Question),
    Failing { nonce: u64, until: Moment },
}

/// The second `Back` of a question that is over.
#[derive(Clone, Copy, Debug)]
struct Farewell {
    nonce: u64,
    at: Moment,
}

/// The machine. See the module for what it decides.
#[derive(Clone, Debug)]
pub struct FailureToken {
    config: Config,
    rng: ChaCha20Rng,
    /// Every server in the order of the ring, this one included.
    ring: Vec<NodeId>,
    /// Peers believed alive.
    alive: BTreeSet<NodeId>,
    command: Command,
    /// The largest turn seen.
    known_turn: u64,
    token: Token,
    activity: Activity,
    promises: Promises,
    farewell: Option<Farewell>,
    /// Whether it answers for the ledger.
    serving: bool,
    /// The node is about to end.
    retired: bool,
    remind_at: Moment,
    regenerate_at: Moment,
    /// The last state told: command, here, failing.
    told: Option<(Command, bool, bool)>,
}

impl FailureToken {
    /// A machine without a token. `seed` must be fresh at each start of the node: the numbers of
    /// its questions come from it, and an old number could be answered from an earlier life.
    #[must_use]
    pub fn new(mut config: Config, seed: [u8; 32]) -> Self {
        config.peers.retain(|&peer| peer != config.me);
        config.peers.sort_unstable();
        config.peers.dedup();
        config.hold_max_ms = config.hold_max_ms.clamp(1, HOLD_LIMIT_MS);
        config.hold_min_ms = config.hold_min_ms.clamp(1, config.hold_max_ms);
        let mut ring = config.peers.clone();
        ring.push(config.me);
        ring.sort_unstable();
        Self {
            rng: ChaCha20Rng::from_seed(seed),
            ring,
            alive: BTreeSet::new(),
            command: Command {
                commanded_at: WallTime(0),
                on: config.on,
                announced: config.announced,
            },
            known_turn: 0,
            token: Token::Away,
            activity: Activity::Calm,
            promises: Promises::default(),
            farewell: None,
            serving: false,
            retired: false,
            remind_at: Moment::START,
            regenerate_at: Moment::START.after(start_wait(&config)),
            told: None,
            config,
        }
    }

    fn heard(&mut self, now: Moment, from: NodeId, packet: TokenPacket, out: &mut Outbox<Output>) {
        if !self.config.peers.contains(&from) {
            return;
        }
        match packet {
            TokenPacket::Pass { turn } => self.passed(now, from, turn, out),
            TokenPacket::PassKept { turn } => {
                if let Token::Passing { turn: offered, .. } = self.token
                    && turn == offered
                {
                    self.token = Token::Away;
                }
                self.token_seen(now, from, turn);
            }
            TokenPacket::MayI {
                nonce,
                turn,
                hold_ms,
            } => {
                self.token_seen(now, from, turn);
                self.asked(now, from, nonce, hold_ms, out);
            }
            TokenPacket::YouMay { nonce } => self.permitted(now, from, nonce, out),
            TokenPacket::YouMayNot { nonce } => {
                if self.question().is_some_and(|asked| asked.nonce == nonce) {
                    self.give_up(now, "another server does not permit it now", out);
                }
            }
            TokenPacket::Back { nonce } => self.promises.end(from, nonce),
            TokenPacket::Switch {
                commanded_at,
                on,
                announced,
            } => {
                let command = Command {
                    commanded_at,
                    on,
                    announced,
                };
                if command.is_newer_than(self.command) {
                    self.obey(now, command, out);
                } else if command != self.command {
                    self.send(from, self.command.packet(), out);
                }
            }
        }
    }

    fn recover(&mut self, now: Moment, nonce: u64, out: &mut Outbox<Output>) {
        self.activity = Activity::Calm;
        out.push(Output::Recover);
        self.say_back(now, nonce, out);
        // What was commanded here meanwhile reached nobody.
        self.remind_at = now.after(Duration::from_millis(REMIND_EVERY_MS));
        self.send_all(self.command.packet(), out);
        self.regenerate_at = now.after(self.regenerate_after());
        match self.token {
            Token::Away => {}
            Token::Here { .. } => self.turn_is_over(now, out),
            Token::Passing { turn, to, .. } => self.offer(now, turn, to, 1, out),
        }
    }

    /// Does whatever is due.
    fn catch_up(&mut self, now: Moment, out: &mut Outbox<Output>) {
        if let Activity::Failing { nonce, until } = self.activity {
            if now < until {
                return;
            }
            self.recover(now, nonce, out);
        }
        self.question_due(now, out);
        self.token_due(now, out);
        if let Some(farewell) = self.farewell.filter(|farewell| now >= farewell.at) {
            self.farewell = None;
            let nonce = farewell.nonce;
            self.send_all(TokenPacket::Back { nonce }, out);
        }
        if self.command.on && now >= self.remind_at {
            self.remind_at = now.after(Duration::from_millis(REMIND_EVERY_MS));
            self.send_all(self.command.packet(), out);
        }
    }

    fn obey(&mut self, now: Moment, command: Command, out: &mut Outbox<Output>) {
        let switched_on = command.on && !self.command.on;
        self.command = command;
        if switched_on {
            self.remind_at = now.after(Duration::from_millis(REMIND_EVERY_MS));
            self.regenerate_at = now.after(start_wait(&self.config));
        } else if !command.on {
            self.token = Token::Away;
            if self
                .question()
                .is_some_and(|question| question.purpose == Purpose::Turn)
            {
                self.give_up(now, "the simulation is off", out);
            }
        }
    }

    fn fail_now(&mut self, now: Moment, hold_ms: u32, announced: bool, out: &mut Outbox<Output>) {
        if let Some(why) = self.obstacle(now) {
            out.push(Output::NotNow(why));
        } else {
            let hold_ms = hold_ms.clamp(1, self.config.hold_max_ms);
            self.ask(now, Purpose::Operator, hold_ms, announced, out);
        }
    }

    /// Skips this server's turn. A question that is out is answered first, and a failure ends
    /// first: both pass the token on by themselves.
    fn pass_on(&mut self, now: Moment, out: &mut Outbox<Output>) {
        if matches!(self.activity, Activity::Calm) {
            self.turn_is_over(now, out);
        }
    }

    fn view(&mut self, now: Moment, members: &[Member], out: &mut Outbox<Output>) {
        let first = self.alive.is_empty();
        self.alive = members
            .iter()
            .filter(|member| member.alive && self.config.peers.contains(&member.node))
            .map(|member| member.node)
            .collect();
        if self.is_failing() {
            return;
        }
        if first && !self.alive.is_empty() {
            let soon = now.after(start_wait(&self.config));
            self.regenerate_at = if self.known_turn == 0 {
                self.regenerate_at.min(soon)
            } else {
                self.regenerate_at
            };
        }
        if self.alive.len() < self.config.peers.len() {
            self.give_up(now, "a server fell silent", out);
        }
        if matches!(self.token, Token::Here { used: true, .. }) {
            self.turn_is_over(now, out);
        }
    }

    /// Who has caught up lets the next one have its turn.
    fn served(&mut self, now: Moment, serving: bool, out: &mut Outbox<Output>) {
        self.serving = serving;
        if serving && !self.is_failing() && matches!(self.token, Token::Here { used: true, .. }) {
            self.turn_is_over(now, out);
        }
    }

    const fn is_failing(&self) -> bool {
        matches!(self.activity, Activity::Failing { .. })
    }

    fn send(&self, to: NodeId, packet: TokenPacket, out: &mut Outbox<Output>) {
        out.push(Output::Send { to, packet });
    }

    fn send_all(&self, packet: TokenPacket, out: &mut Outbox<Output>) {
        for &to in &self.config.peers {
            out.push(Output::Send { to, packet });
        }
    }

    fn tell(&mut self, out: &mut Outbox<Output>) {
        let here = matches!(self.token, Token::Here { .. });
        let failing = self.is_failing();
        if self.told != Some((self.command, here, failing)) {
            self.told = Some((self.command, here, failing));
            out.push(Output::State {
                on: self.command.on,
                commanded_at: self.command.commanded_at,
                here,
                failing,
            });
        }
    }
}

impl Machine for FailureToken {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "failure_token";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        self.catch_up(now, out);
        match input {
            Input::Heard { from, packet } => {
                if !self.is_failing() || planted::is(Bug::HeardWhileFailing) {
                    self.heard(now, from, packet, out);
                }
            }
            Input::Switch { on, announced } => {
                let newer = WallTime(self.command.commanded_at.0.saturating_add(1));
                let command = Command {
                    commanded_at: self.config.calendar.at(now).max(newer),
                    on,
                    announced,
                };
                self.obey(now, command, out);
                if !self.is_failing() {
                    self.send_all(command.packet(), out);
                }
            }
            Input::FailNow { hold_ms, announced } => self.fail_now(now, hold_ms, announced, out),
            Input::PassOn => self.pass_on(now, out),
            Input::Retired => {
                self.retired = true;
                self.give_up(now, "this server is about to end", out);
                self.pass_on(now, out);
            }
            Input::View(members) => self.view(now, &members, out),
            Input::Serving(serving) => self.served(now, serving, out),
        }
        self.tell(out);
    }

    fn deadline(&self) -> Option<Moment> {
        if self.told.is_none() {
            return Some(Moment::START);
        }
        let question = match &self.activity {
            Activity::Failing { until, .. } => return Some(*until),
            Activity::Asking(question) => {
                Some(question.repeat_at.min(question.start_until(&self.config)))
            }
            Activity::Calm => None,
        };
        let token = match self.token {
            // Whatever the question comes to acts on the token.
            Token::Here { .. } if question.is_some() => None,
            Token::Here { act_at, .. } => Some(act_at),
            Token::Passing { next_at, .. } => Some(next_at),
            Token::Away => self.command.on.then_some(self.regenerate_at),
        };
        let remind = self.command.on.then_some(self.remind_at);
        let farewell = self.farewell.map(|farewell| farewell.at);
        earliest(earliest(question, token), earliest(remind, farewell))
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.catch_up(now, out);
        self.tell(out);
    }
}

#[cfg(test)]
pub(crate) mod tests;
