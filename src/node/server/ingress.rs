//! What arrives at a server from its edges, and which concern it is for.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Ingress, Mailboxes, To, send};
use crate::actors::edges::Desk;
use crate::actors::{
    consensus, custody, directory, drain, election, failure_token, mailbox, membership,
    stego_worker,
};
use crate::node::board;
use crate::node::switchboard::{Accept, EdgeAnswer};
use crate::proto::cargo::Cargo;
use crate::proto::ids::{NodeId, UserId};
use crate::proto::operator::ServerCommand;
use crate::proto::packet::{Packet, Party, StateKind};
use crate::transport::contract::{Incoming, Moved};

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
                Desk::Consensus => to.push(To::Ledger(consensus::Input::Disk { ticket, answer })),
                Desk::Custody => to.push(To::Custody(custody::Input::Disk { ticket, answer })),
                _ => {}
            },
            Ingress::Edge(EdgeAnswer::Work(ticket, done)) => {
                to.push(To::StegoWorker(stego_worker::Input::Worked {
                    ticket,
                    done,
                }));
            }
            Ingress::Edge(EdgeAnswer::Http(ticket, answer)) => {
                to.push(To::Ledger(consensus::Input::Http { ticket, answer }));
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
        Packet::Submit { nonce, command } => To::Ledger(consensus::Input::Submit {
            client,
            nonce,
            command,
        }),
        Packet::KeepShare(deposit) => To::Custody(custody::Input::DepositArrived {
            owner: client,
            deposit,
        }),
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
        Packet::Agree(message) => To::Ledger(consensus::Input::Heard { from, message }),
        Packet::StateAsk(StateKind::Directory) => To::Directory(directory::Input::StateAsked(from)),
        Packet::StateAsk(StateKind::Mailbox) => To::Mailbox(mailbox::Input::StateAsked(from)),
        _ => return,
    });
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
fn received(from: Party, cargo: Cargo, body: Bytes) -> Option<To> {
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
        (Party::Server(from), Cargo::Agree(_)) => To::Ledger(consensus::Input::Heard {
            from,
            message: body,
        }),
        (Party::Server(from), Cargo::MailState(_)) => {
            To::Mailbox(mailbox::Input::StateArrived { from, state: body })
        }
        _ => return None,
    })
}
