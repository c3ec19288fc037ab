//! Names, keys and presence: who is who, who is online, and where.
//!
//! Names are bound to the first key that shows them and kept on disk by every server; of two
//! bindings of one name the older wins, then the smaller user id. Presence is soft: a signed,
//! numbered errand makes a user present, silence or a goodbye ends it. Never keeps a letter.
//!
//! Invariants: what is known of names is on disk, and nobody is told that a name is theirs before.
//! An errand counts once. Until a majority's knowledge is merged, presence is recorded, but nothing
//! is answered: clients ask the other servers.
//!
//! Errands carry the client's wall time, right or wrong. One from before what counted last does not
//! count, and its client is told the epoch that it must go beyond, and whether who sent that one is
//! still here.

use std::net::SocketAddr;

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use self::online::Online;
use self::probes::{Due, Probes};
use self::register::{Claim, Register};
use super::edges::{Desk, DiskAnswer, DiskOrder, Row, Ticket};
use super::machine::{Machine, Outbox, earliest};
use super::membership::Member;
use super::replica::{CatchUp, Journal, Rounds, Step};
use crate::crypto::passes::PassSigner;
use crate::crypto::static_key::StaticSecret;
use crate::proto::ids::{DiskId, LetterId, NodeId, UserId};
use crate::proto::packet::{Errand, HereAnswer, Lookup, NameAnswer, Packet};
use crate::time::{Calendar, Moment};

mod errands;
mod exchange;
mod lookups;
mod online;
mod probes;
mod register;
#[cfg(test)]
mod tests;

/// Bounds and timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Names kept at the most.
    pub names_max: usize,
    /// Longest presence that an errand may claim, in milliseconds.
    pub ttl_max_ms: u32,
    /// A user reported missing is asked so often before they count as offline.
    pub pings: u32,
    /// Milliseconds between those.
    pub ping_every_ms: u64,
    /// How long a starting or recovering server waits for an answer before it asks again, ms.
    pub state_wait_ms: u64,
    /// Milliseconds between two exchanges with a server whose digest differs.
    pub exchange_every_ms: u64,
    /// To stamp names and presence.
    pub calendar: Calendar,
    /// This server's key, to sign passes with.
    pub secret: StaticSecret,
    /// The name of this server's disk, for those who deposit there.
    pub disk: DiskId,
}

impl Config {
    /// For servers on one local network.
    #[must_use]
    pub const fn lan(
        me: NodeId,
        peers: Vec<NodeId>,
        calendar: Calendar,
        secret: StaticSecret,
    ) -> Self {
        Self {
            me,
            peers,
            // About 300 bytes each in an exchange: 3 MB when full.
            names_max: 10_000,
            // A client that crashed is offline to everybody after half a minute at the latest.
            ttl_max_ms: 30_000,
            // Three in a second and a half: losing all three is rare even at a tenth lost.
            pings: 3,
            ping_every_ms: 500,
            // An answer takes milliseconds on a local network.
            state_wait_ms: 1_000,
            // Names change seldom; an exchange repairs what a beacon did not reach.
            exchange_every_ms: 3_000,
            calendar,
            secret,
            disk: DiskId([0; 16]),
        }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client sent an errand; its signature is not checked yet.
    ErrandArrived {
        /// Who sent it. Only errands of their own count.
        client: UserId,
        /// Where it came from.
        at: SocketAddr,
        /// The errand.
        errand: Errand,
    },
    /// A client asked the directory.
    LookupArrived {
        /// Who asks.
        client: UserId,
        /// The question.
        lookup: Lookup,
    },
    /// A client answered a ping.
    PongArrived {
        /// Who.
        client: UserId,
        /// The ping's number.
        nonce: u64,
    },
    /// A server wants what we know.
    StateAsked(NodeId),
    /// A server sent what it knows.
    StateArrived {
        /// Which.
        from: NodeId,
        /// Encoded names and presence.
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
    /// Ask a server for what it knows (`Packet::StateAsk`).
    AskState(NodeId),
    /// Send a server what we know, as `Cargo::DirectoryState`.
    SendState {
        /// To whom.
        to: NodeId,
        /// Number of this sending.
        round: u64,
        /// Encoded names and presence.
        state: Bytes,
    },
    /// A user is present (again), for whom mail may wait.
    Present(UserId),
    /// An authenticated user wants their mail.
    FetchMail(UserId),
    /// An authenticated user has these letters on disk.
    AckMail {
        /// Who.
        user: UserId,
        /// Which.
        letters: Vec<LetterId>,
    },
    /// Digest and readiness, after each change.
    State {
        /// Digest over all names.
        digest: u64,
        /// Whether this server has caught up.
        caught_up: bool,
        /// Users online.
        online: u32,
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
#[derive(Debug)]
enum Effect {
    /// A user claims a name; they are told in the answer to the errand of this sequence.
    Bind { claim: Claim, sequence: u64 },
    /// What another server knows that we did not.
    Merge {
        from: NodeId,
        run: u64,
        claims: Vec<Claim>,
    },
}

/// The machine.
#[derive(Debug)]
pub struct Directory {
    config: Config,
    rng: ChaCha20Rng,
    register: Register,
    online: Online,
    probes: Probes,
    signer: PassSigner,
    journal: Journal<Effect>,
    catch_up: CatchUp,
    rounds: Rounds,
    digest: u64,
    told: Option<(u64, bool, u32)>,
}

impl Directory {
    /// A directory with what its disk holds: rows of [`super::edges::Table::Names`]. Rows that do
    /// not decode are left alone. `seed` must be fresh for each start: the numbers of pings are
    /// drawn from it.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], names: Vec<Row>) -> Self {
        let register = Register::from_rows(&names);
        Self {
            rng: ChaCha20Rng::from_seed(seed),
            digest: register.digest(),
            register,
            online: Online::new(config.names_max),
            probes: Probes::new(config.pings, config.ping_every_ms),
            signer: PassSigner::new(&config.secret),
            journal: Journal::new(Desk::Directory),
            catch_up: CatchUp::new(
                config.me,
                &config.peers,
                config.state_wait_ms,
                config.exchange_every_ms,
            ),
            rounds: Rounds::new(config.calendar),
            told: None,
            config,
        }
    }

    /// Follows what the disk did, and gives it the next order.
    fn advance(&mut self, now: Moment, step: Step<Effect>, out: &mut Outbox<Output>) {
        let mut step = step;
        loop {
            match step {
                Step::Order(ticket, order) => out.push(Output::Disk { ticket, order }),
                Step::Durable(effects) => {
                    self.take_effects(now, effects, out);
                    self.digest = self.register.digest();
                }
                Step::Idle => {}
                // Beacons and questions come again by themselves.
                Step::Failed(effects) => drop(effects),
            }
            step = match self
                .journal
                .start(now, |effects| exchange::rows(&self.register, effects))
            {
                Step::Idle => break,
                next => next,
            };
        }
        self.catch_up.compare(now, self.digest);
        for node in self.catch_up.due(now) {
            out.push(Output::AskState(node));
        }
        self.tell_change(out);
    }

    /// Takes what became durable together, and then answers: who holds a name is known at the end.
    fn take_effects(&mut self, now: Moment, effects: Vec<Effect>, out: &mut Outbox<Output>) {
        let mut claimed = Vec::new();
        for effect in effects {
            match effect {
                Effect::Bind { claim, sequence } => {
                    let user = claim.identity.user_id();
                    claimed.push((sequence, user, claim.name.clone()));
                    self.register.take(claim);
                }
                Effect::Merge { from, run, claims } => {
                    for claim in claims {
                        self.register.take(claim);
                    }
                    self.catch_up.merged(from, run);
                }
            }
        }
        for (sequence, user, name) in claimed {
            out.push(self.here_answer(now, user, sequence, self.verdict(user, &name)));
        }
    }

    fn here_answer(&self, now: Moment, to: UserId, sequence: u64, name: NameAnswer) -> Output {
        let answer = HereAnswer {
            sequence,
            name,
            at: self.config.calendar.at(now),
            disk: self.config.disk,
        };
        Output::Send {
            to,
            packet: Packet::HereAnswer(answer),
        }
    }

    fn probe(&mut self, now: Moment, out: &mut Outbox<Output>) {
        for due in self.probes.due(now) {
            match due {
                Due::Ping(to, nonce) => out.push(Output::Send {
                    to,
                    packet: Packet::Ping(nonce),
                }),
                Due::Gone(user) => self.online.lose(user),
            }
        }
    }

    fn tell_change(&mut self, out: &mut Outbox<Output>) {
        let online = u32::try_from(self.online.count()).unwrap_or(u32::MAX);
        let state = (self.digest, self.catch_up.is_done(), online);
        if self.told != Some(state) {
            self.told = Some(state);
            out.push(Output::State {
                digest: self.digest,
                caught_up: self.catch_up.is_done(),
                online,
            });
        }
    }

    fn view(&mut self, now: Moment, members: &[Member]) {
        for member in members {
            let report = &member.report;
            let digest = report.caught_up.then_some(report.names_digest);
            self.catch_up.see(now, member.node, member.alive, digest);
        }
    }
}

impl Machine for Directory {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "directory";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        let mut step = Step::Idle;
        self.online.expire(now);
        match input {
            Input::ErrandArrived { client, at, errand } => {
                self.errand(now, (client, at), errand, out);
            }
            Input::LookupArrived { client, lookup } => self.lookup(now, client, &lookup, out),
            Input::PongArrived { client, nonce } => self.probes.answered(client, nonce),
            Input::StateAsked(from) => self.tell(now, from, out),
            Input::StateArrived { from, state } => self.merge(now, from, &state),
            Input::View(members) => self.view(now, &members),
            Input::Disk { ticket, answer } => step = self.journal.answered(ticket, &answer),
            Input::Resumed => self.catch_up.restart(now),
        }
        self.probe(now, out);
        self.advance(now, step, out);
    }

    fn deadline(&self) -> Option<Moment> {
        // What is told at the start waits for nothing.
        let start = self.told.is_none().then_some(Moment::START);
        let users = earliest(self.online.deadline(), self.probes.deadline());
        let servers = earliest(self.journal.deadline(), self.catch_up.deadline());
        earliest(start, earliest(users, servers))
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        self.online.expire(now);
        self.probe(now, out);
        let step = self.journal.again(now);
        self.advance(now, step, out);
    }
}
