//! What nodes say that some promise is about: who speaks of a request, and what is served to users.
//! Reads only; `checks/` judges.

use crate::proto::cargo::Cargo;
use crate::proto::ids::{NodeId, RequestId};
use crate::proto::packet::{Packet, Party};
use crate::transport::contract::{Incoming, Moved, Order};

/// Something that left a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// One packet about a request, to a server.
    About(RequestId, Word),
    /// A server answered a user out of what all servers keep.
    Served(Service),
    /// A server answered a user out of the ledger, after it had applied so many entries.
    Decided {
        /// The place of the answer in the log.
        seq: u64,
        /// Entries applied by who answers.
        applied: u64,
    },
}

/// What is said of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// A client asks.
    Ask,
    /// A server claims it under this epoch.
    Claim(u32),
    /// A server tells that it is done.
    Done,
}

/// What servers keep together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Names and presence.
    Directory,
    /// Letters.
    Mailbox,
}

/// What an order says of the kinds above. `applied`: of the server that gives it; 0 for a client.
pub fn said(order: &Order, applied: u64) -> Vec<Said> {
    match order {
        Order::Send { to, packets } => {
            let said = packets.iter();
            said.filter_map(|packet| in_packet(*to, packet, applied))
                .collect()
        }
        Order::SendMessage {
            cargo: Cargo::Mail { .. },
            ..
        } => vec![Said::Served(Service::Mailbox)],
        _ => Vec::new(),
    }
}

fn in_packet(to: Party, packet: &Packet, applied: u64) -> Option<Said> {
    match (to, packet) {
        (Party::Server(_), Packet::Ask { ask, .. }) => Some(Said::About(ask.request, Word::Ask)),
        (Party::Server(_), Packet::Claim(claim)) => {
            Some(Said::About(claim.ask.request, Word::Claim(claim.epoch)))
        }
        (Party::Server(_), Packet::Done(done)) => Some(Said::About(done.request, Word::Done)),
        (Party::User(_), Packet::LookupAnswer(_) | Packet::HereAnswer(_)) => {
            Some(Said::Served(Service::Directory))
        }
        (Party::User(_), Packet::MailWaiting(_)) => Some(Said::Served(Service::Mailbox)),
        (Party::User(_), Packet::Decided { answer, .. }) if answer.seq > 0 => {
            let seq = answer.seq;
            Some(Said::Decided { seq, applied })
        }
        _ => None,
    }
}

/// What arrives at a server of what another one knows.
pub fn learned(incoming: &Incoming) -> impl Iterator<Item = (NodeId, Service)> {
    let from = match incoming.from {
        Party::Server(node) => Some(node),
        Party::User(_) => None,
    };
    let arrived = incoming.moved.iter().filter_map(|moved| match moved {
        Moved::Received {
            cargo: Cargo::DirectoryState(_),
            ..
        } => Some(Service::Directory),
        Moved::Received {
            cargo: Cargo::MailState(_),
            ..
        } => Some(Service::Mailbox),
        _ => None,
    });
    arrived.filter_map(move |service| Some((from?, service)))
}
