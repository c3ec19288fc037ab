//! A user's requests for pictures without a home and without a node: one line and the concern that
//! asks the cloud. For measuring servers by what their users see.
//!
//! The wiring is the client's own: what arrives is routed by `client` and only what is for the
//! requester is heard. Nothing is sealed or opened here.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;

use super::client::{Ingress, Mailboxes, To};
use super::clock::Clock;
use super::config::ServerAddress;
use super::line::{Caller, Line};
use super::shell::Arrows;
use super::switchboard::Accept;
use crate::actors::edges::{Desk, TicketBook};
use crate::actors::machine::{Machine, Outbox};
use crate::actors::requester::{Config, Output, Requester};
use crate::actors::{requester, studio};
use crate::crypto::identity::SecretIdentity;
use crate::proto::control::{Failure, Timings};
use crate::time::Moment;

/// What became of a request, with its number.
#[derive(Clone, Debug)]
pub enum Ended {
    /// The picture is here.
    Hidden {
        /// The request.
        number: u64,
        /// A PNG.
        picture: Bytes,
        /// Where the time went, and who did it.
        timings: Timings,
    },
    /// There will be none.
    Failed {
        /// The request.
        number: u64,
        /// Why.
        failure: Failure,
    },
}

/// See the module.
pub struct Requests {
    line: Line,
    requester: Requester,
    tickets: TicketBook,
}

impl Requests {
    /// A user at an address, who has asked for nothing yet. Everything that is random follows from
    /// `seed`, which must be fresh.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn new(
        at: SocketAddr,
        servers: &[ServerAddress],
        clock: Clock,
        seed: [u8; 32],
    ) -> io::Result<Self> {
        let identity = SecretIdentity::from_secret(seed);
        let nodes = servers.iter().map(ServerAddress::node).collect();
        let boot = blake3::derive_key("pentimento 1 boot of a measured user", &seed);
        let boot = boot
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok(Self {
            line: Line::new(at, servers, clock, &identity, seed)?,
            requester: Requester::new(Config::lan(nodes, boot)),
            tickets: TicketBook::new(Desk::Studio),
        })
    }

    /// Asks for a picture; `body` is an encoded [`HideJob`](crate::proto::cargo::HideJob). Gives
    /// the number of the request.
    pub fn hide(&mut self, body: Bytes) -> u64 {
        let ticket = self.tickets.draw();
        self.handle(requester::Input::Hide { ticket, body }, &mut Vec::new());
        ticket.number
    }

    fn handle(&mut self, input: requester::Input, ended: &mut Vec<Ended>) {
        let mut out = Outbox::new();
        self.requester.handle(self.line.now(), input, &mut out);
        self.carry_out(out, ended);
    }

    fn carry_out(&mut self, mut out: Outbox<Output>, ended: &mut Vec<Ended>) {
        let mut routed = Vec::new();
        for output in out.drain() {
            <Mailboxes as Arrows<Output>>::route(output, &mut routed);
        }
        for to in routed {
            match to {
                To::Net(order) => self.line.order(order),
                To::Studio(studio::Input::Hidden {
                    ticket,
                    picture,
                    timings,
                    ..
                }) => ended.push(Ended::Hidden {
                    number: ticket.number,
                    picture,
                    timings,
                }),
                To::Studio(studio::Input::NotHidden { ticket, failure }) => {
                    ended.push(Ended::Failed {
                        number: ticket.number,
                        failure,
                    });
                }
                _ => {}
            }
        }
    }
}

impl Caller for Requests {
    type Told = Ended;

    fn line(&self) -> &Line {
        &self.line
    }

    fn deadline(&self) -> Option<Moment> {
        crate::time::earliest(self.requester.deadline(), self.line.deadline())
    }

    /// What became of requests.
    fn turn(&mut self) -> Vec<Ended> {
        let mut ended = Vec::new();
        self.line.read();
        while let Some(incoming) = self.line.arrived() {
            let mut routed = Vec::new();
            Mailboxes::accept(Ingress::Net(vec![incoming]), &mut routed);
            for to in routed {
                if let To::Requester(input) = to {
                    self.handle(input, &mut ended);
                }
            }
        }
        let now = self.line.now();
        if self.requester.deadline().is_some_and(|at| at <= now) {
            let mut out = Outbox::new();
            self.requester.on_deadline(now, &mut out);
            self.carry_out(out, &mut ended);
        }
        self.line.write();
        ended
    }
}
