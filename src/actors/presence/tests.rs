mod clocks;
mod finding;
mod locating;
mod mail;
mod properties;
mod remembering;
mod telling;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::actors::edges::{Desk, DiskFault};
use crate::crypto::identity::{SecretIdentity, verify_errand};
use crate::proto::control::{Peer, Reason};
use crate::proto::identity::Signature;
use crate::proto::limits::{ERRAND_ACKS, NAME_MAX_BYTES};
use crate::proto::packet::{DirectoryEntry, Errand, Lookup, LookupKind, NameAnswer};
use crate::time::{Calendar, WallTime};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const STRANGER: NodeId = NodeId(9);
const TICKET: Ticket = Ticket {
    desk: Desk::Sharing,
    number: 1,
};
const WISH: WishId = WishId(1);

fn keys(number: u8) -> SecretIdentity {
    SecretIdentity::from_secret([number; 32])
}

fn user(number: u8) -> UserId {
    keys(number).user_id()
}

fn contact(name: &str, number: u8) -> Contact {
    Contact {
        name: name.to_owned(),
        identity: *keys(number).public(),
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

fn entry(name: &str, number: u8, address: Option<SocketAddr>) -> DirectoryEntry {
    DirectoryEntry {
        name: name.to_owned(),
        identity: *keys(number).public(),
        address,
        last_seen: WallTime(1_000_000),
    }
}

/// Drives a presence by hand; time is in milliseconds.
struct Bench {
    machine: Presence,
    now_ms: u64,
    /// What servers give with their answers.
    pass: Option<Pass>,
}

impl Bench {
    fn new() -> Self {
        Self::with_rows(Vec::new())
    }

    fn with_rows(rows: Vec<Row>) -> Self {
        let calendar = Calendar {
            started_at: WallTime(1_000_000),
        };
        let mut config = Config::lan(keys(1), "alice".to_owned(), vec![N1, N2, N3], calendar);
        config.contacts_max = 10;
        Self {
            machine: Presence::new(config, [5; 32], rows),
            now_ms: 0,
            pass: None,
        }
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        let mut out = Outbox::new();
        self.machine
            .handle(Moment::from_millis(self.now_ms), input, &mut out);
        out.take()
    }

    /// Moves time on, with a call at each deadline on the way.
    fn wait(&mut self, ms: u64) -> Vec<Output> {
        let end = Moment::from_millis(self.now_ms + ms);
        let mut out = Outbox::new();
        while let Some(due) = self.machine.deadline().filter(|due| *due <= end) {
            let due = due.max(Moment::from_millis(self.now_ms));
            self.machine.on_deadline(due, &mut out);
            assert!(
                self.machine.deadline().is_none_or(|next| next > due),
                "the deadline moves on"
            );
        }
        self.now_ms += ms;
        out.take()
    }

    fn find(&mut self, name: &str) -> Vec<Output> {
        self.give(Input::Find {
            ticket: TICKET,
            name: name.to_owned(),
        })
    }

    fn locate(&mut self, user: UserId) -> Vec<Output> {
        self.give(Input::Locate {
            ticket: TICKET,
            user,
        })
    }

    fn answer(
        &mut self,
        from: NodeId,
        nonce: u64,
        entries: Vec<DirectoryEntry>,
        more: bool,
    ) -> Vec<Output> {
        let answer = LookupAnswer {
            nonce,
            entries,
            more,
            pass: self.pass,
        };
        self.give(Input::LookupAnswered { from, answer })
    }

    fn here_answered(&mut self, from: NodeId, sequence: u64, name: NameAnswer) {
        let answer = HereAnswer {
            sequence,
            name,
            at: WallTime(0),
            disk: crate::proto::ids::DiskId([1; 16]),
        };
        assert_eq!(self.give(Input::HereAnswered { from, answer }), []);
    }

    fn mail_waiting(&mut self, from: NodeId, letters: u32) -> Vec<Output> {
        self.give(Input::MailWaiting { from, letters })
    }

    /// Has the servers tell who holds a name.
    fn learn(&mut self, name: &str, number: u8, at: Option<SocketAddr>) -> Vec<Output> {
        let nonce = lookups(&self.find(name))[0].1.nonce;
        self.answer(N1, nonce, vec![entry(name, number, at)], false)
    }

    fn peers(&mut self) -> (Vec<Peer>, bool) {
        let mut orders = self.give(Input::PeersWanted(WISH));
        orders.extend(self.wait(10_000));
        peers(&orders).expect("a list")
    }

    fn status(&mut self) -> ClientStatus {
        let orders = self.give(Input::StatusWanted(WISH));
        match outcome(&orders) {
            Some(Outcome::Status(status)) => status,
            other => panic!("no status but {other:?}"),
        }
    }
}

fn errands(orders: &[Output]) -> Vec<(NodeId, Errand)> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Send {
                to: Party::Server(node),
                packet: Packet::Errand(errand),
            } => {
                assert!(verify_errand(errand));
                Some((*node, errand.clone()))
            }
            _ => None,
        })
        .collect()
}

fn kinds(orders: &[Output]) -> Vec<(NodeId, ErrandKind)> {
    errands(orders)
        .into_iter()
        .map(|(node, errand)| (node, errand.kind))
        .collect()
}

fn to_all(kind: &ErrandKind) -> Vec<(NodeId, ErrandKind)> {
    [N1, N2, N3].map(|node| (node, kind.clone())).to_vec()
}

/// Errands but those about presence.
fn busy_kinds(orders: &[Output]) -> Vec<(NodeId, ErrandKind)> {
    let mut kinds = kinds(orders);
    kinds.retain(|(_, kind)| !matches!(kind, ErrandKind::Here { .. }));
    kinds
}

fn lookups(orders: &[Output]) -> Vec<(NodeId, Lookup)> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Send {
                to: Party::Server(node),
                packet: Packet::Lookup(lookup),
            } => Some((*node, lookup.clone())),
            _ => None,
        })
        .collect()
}

fn found(orders: &[Output]) -> Vec<Result<Contact, Reason>> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Found { ticket, who } => {
                assert_eq!(*ticket, TICKET);
                Some(who.clone().map_err(|failure| failure.reason))
            }
            _ => None,
        })
        .collect()
}

/// Where the transport was told that users are.
fn ways(orders: &[Output]) -> Vec<(UserId, SocketAddr)> {
    let of = |order: &Output| match order {
        Output::Reach(way) => Some((way.user, way.addresses[0])),
        _ => None,
    };
    orders.iter().filter_map(of).collect()
}

/// Whether users were said to be online; what is said is preceded by the way.
fn located(orders: &[Output]) -> Vec<Option<SocketAddr>> {
    let ways = ways(orders);
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Located { user, online, .. } => {
                let way = ways.iter().find(|(of, _)| of == user);
                assert!(!online || way.is_some(), "online, but where?");
                Some(way.filter(|_| *online).map(|(_, at)| *at))
            }
            _ => None,
        })
        .collect()
}

fn outcome(orders: &[Output]) -> Option<Outcome> {
    orders.iter().find_map(|order| match order {
        Output::Report(Report {
            wish: WISH,
            news: News::Done(outcome),
        }) => Some((**outcome).clone()),
        _ => None,
    })
}

fn peers(orders: &[Output]) -> Option<(Vec<Peer>, bool)> {
    match outcome(orders) {
        Some(Outcome::Peers { peers, fresh }) => Some((peers, fresh)),
        _ => None,
    }
}

/// Rows that were ordered written, with the orders' numbers.
fn written(orders: &[Output]) -> Vec<(Ticket, Vec<Row>)> {
    orders
        .iter()
        .filter_map(|order| match order {
            Output::Disk {
                ticket,
                order: DiskOrder::Write(records),
            } => Some((
                *ticket,
                records
                    .iter()
                    .map(|r| (r.key.clone(), r.value.clone().expect("never deletes")))
                    .collect(),
            )),
            _ => None,
        })
        .collect()
}
