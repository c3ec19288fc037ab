//! What an operator sees of a server: gathers the news of all concerns and answers commands.

use std::collections::VecDeque;
use std::rc::Rc;

use actix::{
    Actor, ActorFutureExt, Addr, Context, Handler, Message, ResponseActFuture, WrapFuture,
};
use tokio::sync::{Notify, oneshot};

use super::server::{Ingress, Mailboxes};
use super::shell::In;
use super::switchboard::Accept;
use crate::actors::membership::Member;
use crate::net::codec_actor::{CodecActor, CountsWanted};
use crate::proto::operator::{ServerCommand, ServerReply, ServerStatus};

/// Commands to fail that wait for permission at a time.
const WAITING_MAX: usize = 16;

/// News for the board.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The view of the cluster.
    View(Vec<Member>),
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
    /// Jobs waiting and running.
    Jobs(u32),
    /// One more request done.
    Finished,
    /// Users online.
    Online(u32),
    /// Letters kept.
    Letters(u32),
}

/// The actor.
pub struct Board {
    status: ServerStatus,
    concerns: Rc<Mailboxes>,
    codec: Addr<CodecActor>,
    stop: Rc<Notify>,
    waiting: VecDeque<oneshot::Sender<ServerReply>>,
}

impl Board {
    /// A board that begins with `status`.
    #[must_use]
    pub const fn new(
        status: ServerStatus,
        concerns: Rc<Mailboxes>,
        codec: Addr<CodecActor>,
        stop: Rc<Notify>,
    ) -> Self {
        Self {
            status,
            concerns,
            codec,
            stop,
            waiting: VecDeque::new(),
        }
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
            News::Finished => self.status.requests_done += 1,
            News::Online(online) => self.status.users_online = online,
            News::Letters(letters) => self.status.letters = letters,
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
                let counts = self.codec.send(CountsWanted).into_actor(self);
                Box::pin(counts.map(|counts, board, _| {
                    board.status.dropped = counts.unwrap_or_default().into_iter().collect();
                    ServerReply::Status(board.status.clone())
                }))
            }
            ServerCommand::Token { .. } => {
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
                self.stop.notify_one();
                ready(ServerReply::Ok)
            }
        }
    }
}
