//! A server, put together: every concern, every edge, every arrow.

use std::net::SocketAddr;

use super::board;
use super::concerns::concerns;
use super::load_probe::Measured;
use super::shell::Arrows;
use super::switchboard::{Accept, DiskRequest, EdgeAnswer, WorkRequest};
use crate::actors::edges::Desk;
use crate::actors::{directory, drain, election, failure_token, mailbox, membership, stego_worker};
use crate::proto::cargo::Cargo;
use crate::proto::ids::{Digest, NodeId, UserId};
use crate::proto::operator::ServerCommand;
use crate::proto::packet::{Packet, Party, StateKind};
use crate::transport::contract::{Incoming, Moved, Order};

concerns! {
    concerns {
        /// Who is alive and how busy.
        Membership: membership: membership::Membership, mailbox 256;
        /// Which server takes a request.
        Election: election: election::Election, mailbox 1024;
        /// Whose turn it is to fail on purpose.
        FailureToken: failure_token: failure_token::FailureToken, mailbox 256;
        /// Names, keys and presence.
        Directory: directory: directory::Directory, mailbox 1024;
        /// Letters for users who are away.
        Mailbox: mailbox: mailbox::Mailbox, mailbox 1024;
        /// Jobs of this server.
        StegoWorker: stego_worker: stego_worker::StegoWorker, mailbox 1024;
        /// When the node may end.
        Drain: drain: drain::Drain, mailbox 256;
    }
    edges {
        /// The transport and its sockets.
        Net: net: Order;
        /// The disk.
        Disk: disk: DiskRequest;
        /// The CPU pool.
        Work: work: WorkRequest;
        /// What an operator sees.
        Board: board: board::News;
    }
}

/// What can arrive at a server from its edges.
#[derive(Debug)]
pub enum Ingress {
    /// Packets and messages that came together.
    Net(Vec<Incoming>),
    /// An answer of the disk or the CPU pool.
    Edge(EdgeAnswer),
    /// What this host can do now, and what this process takes.
    Measured(Measured),
    /// An operator's command that a concern carries out.
    Operator(ServerCommand),
}

impl From<Vec<Incoming>> for Ingress {
    fn from(shipment: Vec<Incoming>) -> Self {
        Self::Net(shipment)
    }
}

/// Logs every step of a request under its id, so that it can be followed through all nodes.
fn trail(to: &To) {
    match to {
        To::Election(election::Input::Asked { client, ask }) => {
            tracing::debug!(request = %ask.request, %client, "asked");
        }
        To::Election(election::Input::Claimed { from, claim }) => {
            let (request, epoch) = (claim.ask.request, claim.epoch);
            tracing::debug!(%request, %from, epoch, "claim heard");
        }
        To::StegoWorker(stego_worker::Input::Won { ask, client, epoch }) => {
            tracing::info!(request = %ask.request, %client, epoch, "won");
        }
        To::StegoWorker(stego_worker::Input::Lost(request)) => {
            tracing::info!(%request, "lost to another server");
        }
        To::StegoWorker(stego_worker::Input::BodyArrived { request, body }) => {
            tracing::info!(%request, size_bytes = body.len(), "body is here");
        }
        To::Net(Order::SendMessage {
            cargo: Cargo::Result {
                request, hiding_us, ..
            },
            body,
            ..
        }) => tracing::info!(%request, size_bytes = body.len(), hiding_us, "picture is made"),
        To::StegoWorker(stego_worker::Input::Delivered(request)) => {
            tracing::info!(%request, "delivered");
        }
        To::StegoWorker(stego_worker::Input::NotDelivered(request)) => {
            tracing::warn!(%request, "not delivered");
        }
        To::Net(Order::Gate(shut)) => tracing::info!(shut, "gate of planned failures"),
        _ => {}
    }
}

fn send(to: Party, packet: Packet) -> To {
    To::Net(Order::Send {
        to,
        packets: vec![packet],
    })
}

impl Accept for Mailboxes {
    type Ingress = Ingress;

    fn accept(ingress: Ingress, to: &mut Vec<To>) {
        match ingress {
            Ingress::Net(batch) => {
                for incoming in batch {
                    accept_net(incoming, to);
                }
            }
            Ingress::Edge(EdgeAnswer::Disk(ticket, answer)) => match ticket.desk {
                Desk::Directory => {
                    to.push(To::Directory(directory::Input::Disk { ticket, answer }));
                }
                Desk::Mailbox => to.push(To::Mailbox(mailbox::Input::Disk { ticket, answer })),
                _ => {}
            },
            Ingress::Edge(EdgeAnswer::Work(ticket, done)) => {
                to.push(To::StegoWorker(stego_worker::Input::Worked {
                    ticket,
                    done,
                }));
            }
            Ingress::Measured(measured) => {
                let speed = membership::Input::Speed(measured.speed_milli);
                to.push(To::Membership(speed));
                to.push(To::Board(board::News::Measured(measured)));
            }
            Ingress::Operator(ServerCommand::Token { on, announced }) => {
                to.push(To::FailureToken(failure_token::Input::Switch {
                    on,
                    announced,
                }));
            }
            Ingress::Operator(ServerCommand::FailNow { hold_ms, announced }) => {
                to.push(To::FailureToken(failure_token::Input::FailNow {
                    hold_ms,
                    announced,
                }));
            }
            Ingress::Operator(ServerCommand::PassToken) => {
                to.push(To::FailureToken(failure_token::Input::PassOn));
            }
            Ingress::Operator(ServerCommand::Stop) => to.push(To::Drain(drain::Input::Begun)),
            Ingress::Operator(ServerCommand::Status) => {}
        }
    }
}

fn message(to: Party, cargo: Cargo, (body, digest): (bytes::Bytes, Option<Digest>)) -> To {
    To::Net(Order::SendMessage {
        to,
        cargo,
        body,
        digest,
    })
}

fn accept_net(incoming: Incoming, to: &mut Vec<To>) {
    let Incoming {
        from,
        at,
        packets,
        moved,
    } = incoming;
    for packet in packets {
        match from {
            Party::User(client) => accept_client(client, at, packet, to),
            Party::Server(node) => accept_server(node, packet, to),
        }
    }
    to.extend(
        moved
            .into_iter()
            .filter_map(|moved| accept_moved(from, moved)),
    );
}

/// What a client may say to a server. Anything else is nobody's business and is dropped.
fn accept_client(client: UserId, at: SocketAddr, packet: Packet, to: &mut Vec<To>) {
    to.push(match packet {
        Packet::Ask(ask) => To::Election(election::Input::Asked { client, ask }),
        Packet::Errand(errand) => {
            To::Directory(directory::Input::ErrandArrived { client, at, errand })
        }
        Packet::Lookup(lookup) => To::Directory(directory::Input::LookupArrived { client, lookup }),
        Packet::Pong(nonce) => To::Directory(directory::Input::PongArrived { client, nonce }),
        Packet::DepositCheck(letter) => {
            To::Mailbox(mailbox::Input::CheckArrived { client, letter })
        }
        Packet::Ping(nonce) => send(Party::User(client), Packet::Pong(nonce)),
        _ => return,
    });
}

/// What a server may say to a server.
fn accept_server(from: NodeId, packet: Packet, to: &mut Vec<To>) {
    to.push(match packet {
        Packet::Load(report) => To::Membership(membership::Input::Heard { from, report }),
        Packet::Bye => To::Membership(membership::Input::ByeHeard(from)),
        Packet::Claim(claim) => To::Election(election::Input::Claimed { from, claim }),
        Packet::Done(request) => To::Election(election::Input::DoneHeard { from, request }),
        Packet::Token(packet) => To::FailureToken(failure_token::Input::Heard { from, packet }),
        Packet::StateAsk(StateKind::Directory) => To::Directory(directory::Input::StateAsked(from)),
        Packet::StateAsk(StateKind::Mailbox) => To::Mailbox(mailbox::Input::StateAsked(from)),
        _ => return,
    });
}

impl Arrows<membership::Output> for Mailboxes {
    fn route(order: membership::Output, to: &mut Vec<To>) {
        match order {
            membership::Output::Send { to: node, packet } => {
                to.push(send(Party::Server(node), packet));
            }
            membership::Output::View(view) => {
                to.push(To::Election(election::Input::View(view.clone())));
                to.push(To::FailureToken(failure_token::Input::View(view.clone())));
                to.push(To::Directory(directory::Input::View(view.clone())));
                to.push(To::Mailbox(mailbox::Input::View(view.clone())));
                to.push(To::Board(board::News::View(view)));
            }
            // Goodbyes are out: from here on nothing passes, and nothing begun is gone on with;
            // the gate stops messages, too.
            membership::Output::Silent => {
                to.push(To::Net(Order::Gate(true)));
                to.push(To::Election(election::Input::Halted));
                to.push(To::StegoWorker(stego_worker::Input::Halted));
            }
        }
    }
}

impl Arrows<election::Output> for Mailboxes {
    fn route(order: election::Output, to: &mut Vec<To>) {
        to.push(match order {
            election::Output::Send { to: party, packet } => send(party, packet),
            election::Output::Won { ask, client, epoch } => {
                To::StegoWorker(stego_worker::Input::Won { ask, client, epoch })
            }
            election::Output::Lost(request) => To::StegoWorker(stego_worker::Input::Lost(request)),
            election::Output::Forget(request) => {
                To::StegoWorker(stego_worker::Input::Forget(request))
            }
            election::Output::Claimed => To::Board(board::News::Claimed),
        });
    }
}

impl Arrows<failure_token::Output> for Mailboxes {
    fn route(order: failure_token::Output, to: &mut Vec<To>) {
        match order {
            failure_token::Output::Send { to: node, packet } => {
                to.push(send(Party::Server(node), Packet::Token(packet)));
            }
            failure_token::Output::Fail { announced } => {
                to.push(To::Membership(membership::Input::Halted { announced }));
            }
            failure_token::Output::Recover => {
                to.push(To::Net(Order::Gate(false)));
                // State first: the first sign of life must already say that it is not caught up.
                to.push(To::Directory(directory::Input::Resumed));
                to.push(To::Mailbox(mailbox::Input::Resumed));
                to.push(To::Membership(membership::Input::Resumed));
            }
            failure_token::Output::State {
                on, here, failing, ..
            } => {
                to.push(To::Board(board::News::Token { on, here, failing }));
            }
            failure_token::Output::NotNow(why) => to.push(To::Board(board::News::NotNow(why))),
        }
    }
}

impl Arrows<directory::Output> for Mailboxes {
    fn route(order: directory::Output, to: &mut Vec<To>) {
        match order {
            directory::Output::Send { to: client, packet } => {
                to.push(send(Party::User(client), packet));
            }
            directory::Output::AskState(node) => {
                to.push(send(
                    Party::Server(node),
                    Packet::StateAsk(StateKind::Directory),
                ));
            }
            directory::Output::SendState {
                to: node,
                round,
                state,
            } => {
                to.push(message(
                    Party::Server(node),
                    Cargo::DirectoryState(round),
                    (state, None),
                ));
            }
            directory::Output::Present(user) => {
                to.push(To::Mailbox(mailbox::Input::Present(user)));
            }
            directory::Output::FetchMail(user) => {
                to.push(To::Mailbox(mailbox::Input::Fetch(user)));
            }
            directory::Output::AckMail { user, letters } => {
                to.push(To::Mailbox(mailbox::Input::Ack { user, letters }));
            }
            directory::Output::State {
                digest,
                caught_up,
                online,
            } => {
                to.push(To::Membership(membership::Input::Names {
                    digest,
                    caught_up,
                }));
                to.push(To::Board(board::News::Online(online)));
            }
            directory::Output::Disk { ticket, order } => {
                to.push(To::Disk(DiskRequest { ticket, order }));
            }
        }
    }
}

impl Arrows<mailbox::Output> for Mailboxes {
    fn route(order: mailbox::Output, to: &mut Vec<To>) {
        match order {
            mailbox::Output::Send { to: client, packet } => {
                to.push(send(Party::User(client), packet));
            }
            mailbox::Output::SendMail {
                to: client,
                cargo,
                letters,
            } => {
                to.push(message(Party::User(client), cargo, (letters, None)));
            }
            mailbox::Output::AskState(node) => {
                to.push(send(
                    Party::Server(node),
                    Packet::StateAsk(StateKind::Mailbox),
                ));
            }
            mailbox::Output::SendState {
                to: node,
                round,
                state,
            } => {
                to.push(message(
                    Party::Server(node),
                    Cargo::MailState(round),
                    (state, None),
                ));
            }
            mailbox::Output::State {
                digest,
                caught_up,
                letters,
            } => {
                to.push(To::Membership(membership::Input::Mail {
                    digest,
                    caught_up,
                }));
                to.push(To::Board(board::News::Letters(letters)));
            }
            mailbox::Output::Disk { ticket, order } => {
                to.push(To::Disk(DiskRequest { ticket, order }));
            }
        }
    }
}

impl Arrows<stego_worker::Output> for Mailboxes {
    fn route(order: stego_worker::Output, to: &mut Vec<To>) {
        match order {
            stego_worker::Output::Send { to: client, packet } => {
                to.push(send(Party::User(client), packet));
            }
            stego_worker::Output::Run { ticket, work } => {
                to.push(To::Work(WorkRequest { ticket, work }));
            }
            stego_worker::Output::Return {
                to: client,
                cargo,
                picture,
                digest,
            } => {
                to.push(message(Party::User(client), cargo, (picture, Some(digest))));
            }
            stego_worker::Output::Finished(request) => {
                to.push(To::Election(election::Input::Finished(request)));
            }
            stego_worker::Output::Ended(tale) => to.push(To::Board(board::News::Ended(tale))),
            stego_worker::Output::Jobs {
                queued,
                running,
                open,
            } => {
                to.push(To::Membership(membership::Input::Jobs { queued, running }));
                to.push(To::Drain(drain::Input::Open(open)));
                to.push(To::Board(board::News::Jobs(open)));
            }
        }
    }
}

impl Arrows<drain::Output> for Mailboxes {
    fn route(order: drain::Output, to: &mut Vec<To>) {
        match order {
            drain::Output::Retire => {
                to.push(To::Membership(membership::Input::Retired));
                to.push(To::Election(election::Input::Retired));
                to.push(To::StegoWorker(stego_worker::Input::Retired));
                to.push(To::FailureToken(failure_token::Input::Retired));
                to.push(To::Board(board::News::Draining));
            }
            drain::Output::Over { left } => to.push(To::Board(board::News::Drained { left })),
        }
    }
}

/// What happened to a message, for whom it is.
fn accept_moved(from: Party, moved: Moved) -> Option<To> {
    Some(To::StegoWorker(match (from, moved) {
        (_, Moved::Received { cargo, body }) => return received(from, cargo, body),
        (
            Party::User(_),
            Moved::Started {
                cargo: Cargo::Body(request),
                ..
            },
        ) => stego_worker::Input::BodyStarted(request),
        (
            _,
            Moved::Delivered {
                cargo: Cargo::Result { request, .. },
            },
        ) => stego_worker::Input::Delivered(request),
        (
            _,
            Moved::Failed {
                cargo: Cargo::Result { request, .. },
                ..
            },
        ) => stego_worker::Input::NotDelivered(request),
        // Mail and state are asked for again by whoever wants them.
        _ => return None,
    }))
}

/// A whole message, for whom it is; none for what this sender may not send.
fn received(from: Party, cargo: Cargo, body: bytes::Bytes) -> Option<To> {
    Some(match (from, cargo) {
        (Party::User(_), Cargo::Body(request)) => {
            To::StegoWorker(stego_worker::Input::BodyArrived { request, body })
        }
        (Party::User(client), Cargo::Deposit(letter)) => {
            To::Mailbox(mailbox::Input::DepositArrived {
                client,
                letter,
                body,
            })
        }
        (Party::Server(from), Cargo::DirectoryState(_)) => {
            To::Directory(directory::Input::StateArrived { from, state: body })
        }
        (Party::Server(from), Cargo::MailState(_)) => {
            To::Mailbox(mailbox::Input::StateArrived { from, state: body })
        }
        _ => return None,
    })
}
