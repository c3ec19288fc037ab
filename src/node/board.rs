//! What an operator sees of a server: gathers the news of all concerns and answers commands.

use std::collections::VecDeque;
use std::rc::Rc;

use actix::{
    Actor, ActorFutureExt, Addr, Context, Handler, Message, MessageResult, ResponseActFuture,
    WrapFuture,
};
use tokio::sync::{Notify, oneshot};

use super::admin::{Check, ChecksWanted, LifeWanted, MetricsWanted};
use super::clock::Clock;
use super::load_probe::Measured;
use super::metrics;
use super::server::{Ingress, Mailboxes};
use super::shell::In;
use super::sockets::NetActor;
use super::switchboard::Accept;
use super::tally::Tally;
use crate::actors::membership::Member;
use crate::actors::stego_worker::Tale;
use crate::actors::{consensus, election};
use crate::net::counts::Counts;
use crate::net::transport_actor::CountsWanted;
use crate::proto::ids::NodeId;
use crate::proto::operator::{ServerCommand, ServerReply, ServerStatus};

/// Why something is dropped that arrived whole, from somebody who may not send such.
const OUT_OF_PLACE: &str = "not for its sender to say";
/// Commands to fail that wait for permission at a time.
const WAITING_MAX: usize = 16;

/// News for the board.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The view of the cluster.
    View(Vec<Member>),
    /// Another server was silent for so long that it counts as lost.
    Suspected(NodeId),
    /// The failure token.
    Token {
        /// Whether the simulation is on.
        on: bool,
        /// Whether the token is here.
        here: bool,
        /// Whether this server is silent on purpose.
        failing: bool,
    },
    /// A wish to fail now came to nothing.
    NotNow(&'static str),
    /// Requests that are not done here.
    Jobs(u32),
    /// A request that this server owned has ended.
    Ended(Tale),
    /// One more request claimed.
    Claimed,
    /// The node is about to end.
    Draining,
    /// The node may go.
    Drained {
        /// Requests that were not done in time.
        left: u32,
    },
    /// Packets and messages that their senders may not send were dropped: so many more.
    OutOfPlace(u64),
    /// What the process takes.
    Measured(Measured),
    /// Users online.
    Online(u32),
    /// Letters kept.
    Letters(u32),
    /// How this server takes part in the agreement on the ledger.
    Ledger(consensus::State),
    /// It is out of that agreement for good.
    Quarantined(consensus::Why),
}

/// The two steps of a node's end.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// Somebody wants it.
    pub wanted: Rc<Notify>,
    /// The concerns have nothing against it any more.
    pub reached: Rc<Notify>,
}

/// The actor.
pub struct Board {
    status: ServerStatus,
    tally: Tally,
    /// The agreement on the ledger, as it was told last.
    ledger: Option<consensus::State>,
    clock: Clock,
    concerns: Rc<Mailboxes>,
    net: Addr<NetActor>,
    ends: Ends,
    waiting: VecDeque<oneshot::Sender<ServerReply>>,
}

impl Board {
    /// A board that begins with `status`.
    #[must_use]
    pub fn new(
        status: ServerStatus,
        clock: Clock,
        concerns: Rc<Mailboxes>,
        net: Addr<NetActor>,
        ends: Ends,
    ) -> Self {
        Self {
            status,
            tally: Tally::default(),
            ledger: None,
            clock,
            concerns,
            net,
            ends,
            waiting: VecDeque::new(),
        }
    }

    /// How things are, as far as this node knows without asking its sockets.
    fn told(&self) -> ServerStatus {
        let (requests_last_minute, p95_ms) = self.tally.lately(self.clock.now());
        ServerStatus {
            requests_done: self.tally.delivered(),
            requests_last_minute,
            p95_ms,
            suspicions: self.tally.suspicions,
            ..self.status.clone()
        }
    }

    /// What the sockets counted, and what was dropped behind them.
    fn counted(&self, sockets: Option<Counts>) -> Counts {
        let mut counts = sockets.unwrap_or_default();
        if self.tally.out_of_place > 0 {
            let dropped = counts.dropped.entry(OUT_OF_PLACE.to_owned());
            *dropped.or_default() += self.tally.out_of_place;
        }
        counts
    }

    /// Logs what an operator would want to know; applied entries alone are no news.
    fn ledger_told(&mut self, state: consensus::State) {
        let (leader, standing) = (state.leader, state.standing);
        let ledger = &mut self.status.ledger;
        ledger.standing = standing.to_string();
        ledger.leader = leader;
        ledger.term = state.term;
        ledger.applied = state.applied;
        ledger.caught_up = state.caught_up;
        ledger.differing = u32::try_from(state.counts.differing).unwrap_or(u32::MAX);
        ledger.turned_away = state.counts.turned_away;
        let last = self.ledger.replace(state);
        if last.is_none_or(|last| (last.leader, last.standing) != (leader, standing)) {
            tracing::info!(?leader, ?standing, applied = state.applied, "ledger");
        }
    }

    /// What must hold so that clients may be sent here.
    fn checks(&self) -> Vec<Check> {
        let status = &self.status;
        let check = |name, holds: bool, why: &str| Check {
            name,
            failed: (!holds).then(|| why.to_owned()),
        };
        let (seen, all) = (status.alive.len(), status.outlook.len());
        let ledger = &status.ledger;
        let ledger_trouble = match &ledger.quarantined {
            Some(why) => format!("counts no looks: {why}"),
            None => format!("counts no looks: {}", ledger.standing),
        };
        vec![
            check(
                "caught_up",
                status.caught_up,
                "what a majority knows is not merged yet",
            ),
            check(
                "majority",
                status.sees_majority(),
                &format!("hears {seen} of {all} servers, itself included"),
            ),
            check("ledger", ledger.serves(), &ledger_trouble),
            check(
                "not_draining",
                !status.draining,
                "is about to end and takes no new request",
            ),
            check(
                "no_planned_failure",
                !status.failing,
                "simulates a failure: drops every datagram",
            ),
        ]
    }

    fn answer_waiting(&mut self, reply: &ServerReply) {
        for waiting in self.waiting.drain(..) {
            // Who asked may have gone.
            let _ = waiting.send(reply.clone());
        }
    }
}

impl Actor for Board {
    type Context = Context<Self>;
}

impl Handler<In<News>> for Board {
    type Result = ();

    fn handle(&mut self, In(news): In<News>, _: &mut Self::Context) {
        match news {
            News::View(view) => {
                let me = self.status.node;
                self.status.caught_up = view
                    .iter()
                    .any(|member| member.node == me && member.report.caught_up);
                self.status.alive = view
                    .iter()
                    .filter(|member| member.alive)
                    .map(|member| member.node)
                    .collect();
                self.status.outlook = election::outlook(&view);
            }
            News::Suspected(node) => {
                tracing::warn!(?node, "silent for too long, counts as lost");
                self.tally.suspicions += 1;
            }
            News::Token { on, here, failing } => {
                self.status.token_on = on;
                self.status.token_here = here;
                self.status.failing = failing;
                if failing {
                    self.answer_waiting(&ServerReply::Ok);
                }
            }
            News::NotNow(why) => self.answer_waiting(&ServerReply::Refused(why.into())),
            News::Jobs(jobs) => self.status.jobs = jobs,
            News::Ended(tale) => self.tally.add(self.clock.now(), &tale),
            News::Claimed => self.tally.claimed += 1,
            News::Draining => self.status.draining = true,
            News::Drained { left } => {
                tracing::info!(left, "drained");
                self.ends.reached.notify_one();
            }
            News::OutOfPlace(count) => self.tally.out_of_place += count,
            News::Measured(measured) => self.tally.measured = Some(measured),
            News::Online(online) => self.status.users_online = online,
            News::Letters(letters) => self.status.letters = letters,
            News::Ledger(state) => self.ledger_told(state),
            News::Quarantined(why) => {
                tracing::error!(%why, "this server takes no part in the ledger any more");
                self.status.ledger.quarantined = Some(why.to_string());
            }
        }
    }
}

/// An operator's command.
#[derive(Debug, Message)]
#[rtype(result = "ServerReply")]
pub struct Commanded(pub ServerCommand);

impl Handler<Commanded> for Board {
    type Result = ResponseActFuture<Self, ServerReply>;

    fn handle(&mut self, Commanded(command): Commanded, _: &mut Self::Context) -> Self::Result {
        let ready = |reply| Box::pin(std::future::ready(reply).into_actor(self));
        match command {
            ServerCommand::Status => {
                let counts = self.net.send(CountsWanted).into_actor(self);
                Box::pin(counts.map(|counts, board, _| {
                    let dropped = board.counted(counts.ok()).dropped;
                    ServerReply::Status(Box::new(ServerStatus {
                        dropped: dropped.into_iter().collect(),
                        ..board.told()
                    }))
                }))
            }
            ServerCommand::PassToken if !self.status.token_here => {
                ready(ServerReply::Refused("the token is not here".into()))
            }
            ServerCommand::Token { .. } | ServerCommand::PassToken => {
                self.concerns.take(Ingress::Operator(command));
                ready(ServerReply::Ok)
            }
            ServerCommand::FailNow { .. } if self.waiting.len() >= WAITING_MAX => {
                ready(ServerReply::Refused("too many such commands wait".into()))
            }
            ServerCommand::FailNow { .. } => {
                let (told, reply) = oneshot::channel();
                self.waiting.push_back(told);
                self.concerns.take(Ingress::Operator(command));
                let lost = || ServerReply::Refused("the server ends".into());
                let reply = async move { reply.await.unwrap_or_else(|_| lost()) };
                Box::pin(reply.into_actor(self))
            }
            ServerCommand::Stop => {
                self.ends.wanted.notify_one();
                ready(ServerReply::Ok)
            }
        }
    }
}

impl Handler<LifeWanted> for Board {
    type Result = ();

    fn handle(&mut self, _: LifeWanted, _: &mut Self::Context) {}
}

impl Handler<ChecksWanted> for Board {
    type Result = MessageResult<ChecksWanted>;

    fn handle(&mut self, _: ChecksWanted, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.checks())
    }
}

impl Handler<MetricsWanted> for Board {
    type Result = ResponseActFuture<Self, String>;

    fn handle(&mut self, _: MetricsWanted, _: &mut Self::Context) -> Self::Result {
        let counts = self.net.send(CountsWanted).into_actor(self);
        Box::pin(counts.map(|counts, board, _| {
            let counts = board.counted(counts.ok());
            metrics::text(&board.told(), &board.tally, &counts)
        }))
    }
}
