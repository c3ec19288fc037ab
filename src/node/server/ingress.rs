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
    let mut out_of_place = 0;
    for packet in packets {
        let taken = match from {
            Party::User(client) => accept_client(client, at, packet),
            Party::Server(node) => accept_server(node, packet),
        };
        out_of_place += u64::from(taken.is_none());
        to.extend(taken);
    }
    for moved in moved {
        let is_message = matches!(moved, Moved::Received { .. });
        let taken = accept_moved(from, moved);
        out_of_place += u64::from(is_message && taken.is_none());
        to.extend(taken);
    }
    if out_of_place > 0 {
        to.push(To::Board(board::News::OutOfPlace(out_of_place)));
    }
}

/// What a client may say to a server. Anything else is nobody's business and is dropped.
fn accept_client(client: UserId, at: SocketAddr, packet: Packet) -> Option<To> {
    Some(match packet {
        Packet::Ask { ask, unheard_ms } => To::Election(election::Input::Asked {
            client,
            ask,
            unheard_ms,
        }),
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
        _ => return None,
    })
}

/// What a server may say to a server.
fn accept_server(from: NodeId, packet: Packet) -> Option<To> {
    Some(match packet {
        Packet::Load(report) => To::Membership(membership::Input::Heard { from, report }),
        Packet::Bye => To::Membership(membership::Input::ByeHeard(from)),
        Packet::Claim(claim) => To::Election(election::Input::Claimed { from, claim }),
        Packet::Done(done) => To::Election(election::Input::DoneHeard { from, done }),
        Packet::Token(packet) => To::FailureToken(failure_token::Input::Heard { from, packet }),
        Packet::Agree(message) => To::Ledger(consensus::Input::Heard { from, message }),
        Packet::StateAsk(StateKind::Directory) => To::Directory(directory::Input::StateAsked(from)),
        Packet::StateAsk(StateKind::Mailbox) => To::Mailbox(mailbox::Input::StateAsked(from)),
        _ => return None,
    })
}

/// What happened to a message, for whom it is.
fn accept_moved(from: Party, moved: Moved) -> Option<To> {
    Some(To::StegoWorker(match (from, moved) {
        (_, Moved::Received { cargo, body }) => return received(from, cargo, body),
        (
            Party::User(_),
            Moved::Started {
                cargo: Cargo::Body(request, _),
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
        (Party::User(_), Cargo::Body(request, _)) => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::{Digest, LetterId, RequestId};
    use crate::proto::packet::{Ask, Done, TokenPacket};

    const CLIENT: Party = Party::User(UserId([7; 32]));
    const PEER: Party = Party::Server(NodeId(2));

    fn accepted(from: Party, packets: Vec<Packet>, moved: Vec<Moved>) -> Vec<To> {
        let incoming = Incoming {
            from,
            at: SocketAddr::from(([127, 0, 0, 1], 9)),
            packets,
            moved,
        };
        let mut to = Vec::new();
        Mailboxes::accept(Ingress::Net(vec![incoming]), &mut to);
        to
    }

    fn message(cargo: Cargo) -> Moved {
        let body = Bytes::new();
        Moved::Received { cargo, body }
    }

    #[test]
    fn what_its_sender_may_not_send_is_counted_and_reaches_no_concern() {
        let request = RequestId {
            boot: 1,
            counter: 1,
        };
        let forged = vec![
            Packet::Bye,
            Packet::Done(Done::delivered(request)),
            Packet::Token(TokenPacket::Pass { turn: 9 }),
            Packet::StateAsk(StateKind::Mailbox),
            Packet::Agree(Bytes::new()),
        ];
        let state = message(Cargo::MailState(1));
        let to = accepted(CLIENT, forged, vec![state]);
        assert!(
            matches!(to[..], [To::Board(board::News::OutOfPlace(6))]),
            "{to:?}"
        );
        let deposit = message(Cargo::Deposit(LetterId([1; 16])));
        let to = accepted(PEER, vec![Packet::Ping(1)], vec![deposit]);
        assert!(
            matches!(to[..], [To::Board(board::News::OutOfPlace(2))]),
            "{to:?}"
        );
    }

    #[test]
    fn what_its_sender_may_send_is_not_counted() {
        let refused_elsewhere = Moved::Failed {
            cargo: Cargo::MailState(1),
            reason: crate::transport::contract::SendFailure::Refused,
        };
        let to = accepted(PEER, vec![Packet::Bye], vec![refused_elsewhere]);
        assert!(matches!(to[..], [To::Membership(_)]), "{to:?}");
        let ask = Ask {
            request: RequestId {
                boot: 1,
                counter: 1,
            },
            size_bytes: 1,
            digest: Digest([0; 32]),
        };
        let to = accepted(CLIENT, vec![Packet::Ask { ask, unheard_ms: 0 }], vec![]);
        assert!(matches!(to[..], [To::Election(_)]), "{to:?}");
    }
}
