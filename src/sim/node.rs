//! One simulated node: the machines of its role behind one face, whatever the role.

use std::net::SocketAddr;

use crate::actors::edges::{DiskAnswer, Ticket, WorkDone};
use crate::crypto::identity::SecretIdentity;
use crate::net::codec_actor::{Incoming, Order};
use crate::node::config::{ClientConfig, ServerConfig};
use crate::node::machines::{self, Tables};
use crate::node::switchboard::{Accept, DiskRequest, EdgeAnswer, WorkRequest};
use crate::node::{board, client, server};
use crate::proto::control::{Report, Wish};
use crate::proto::operator::ServerCommand;
use crate::time::{Calendar, Moment};

/// What a node wants of the world.
#[derive(Debug)]
pub enum Wanted {
    /// Of the network.
    Net(Order),
    /// Of the disk.
    Disk(DiskRequest),
    /// Of the CPU pool.
    Work(WorkRequest),
    /// A person is told.
    Person(Report),
}

/// What the world does to a node.
#[derive(Debug)]
pub enum Happening {
    /// Packets arrive.
    Net(Incoming),
    /// The disk answers.
    Disk(Ticket, DiskAnswer),
    /// The CPU pool answers.
    Work(Ticket, WorkDone),
    /// A person wishes.
    Wish(Wish),
    /// An operator commands.
    Operator(ServerCommand),
    /// Its deadline has come.
    Deadline,
}

/// The configuration of a node and all that outlives its crash except the disk.
#[derive(Clone)]
pub enum Role {
    /// A server.
    Server(Box<ServerConfig>),
    /// A client.
    Client(Box<ClientConfig>, Box<SecretIdentity>),
}

impl Role {
    /// The address its datagrams to clients come from.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Server(config) => config.own().clients,
            Self::Client(config, _) => config.listen,
        }
    }

    /// Starts the node.
    #[must_use]
    pub fn start(&self, tables: Tables, calendar: Calendar, seed: [u8; 32]) -> Running {
        match self {
            Self::Server(config) => {
                Running::Server(Box::new(machines::server(config, tables, calendar, seed)))
            }
            Self::Client(config, identity) => {
                let identity = (**identity).clone();
                Running::Client(Box::new(machines::client(
                    config, identity, tables, calendar, seed,
                )))
            }
        }
    }
}

/// A node that runs.
pub enum Running {
    /// A server.
    Server(Box<server::Machines>),
    /// A client.
    Client(Box<client::Machines>),
}

impl Running {
    /// When the node wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Server(machines) => machines.deadline(),
            Self::Client(machines) => machines.deadline(),
        }
    }

    /// Lets something happen and gives what the node wants of the world, in order. Second: news
    /// for the operator's board, for the checks.
    pub fn happen(&mut self, now: Moment, what: Happening) -> (Vec<Wanted>, Vec<board::News>) {
        match self {
            Self::Server(machines) => happen_server(machines, now, what),
            Self::Client(machines) => (happen_client(machines, now, what), Vec::new()),
        }
    }
}

fn happen_server(
    machines: &mut server::Machines,
    now: Moment,
    what: Happening,
) -> (Vec<Wanted>, Vec<board::News>) {
    let ingress = match what {
        Happening::Net(incoming) => Some(server::Ingress::Net(incoming)),
        Happening::Disk(ticket, answer) => {
            Some(server::Ingress::Edge(EdgeAnswer::Disk(ticket, answer)))
        }
        Happening::Work(ticket, done) => {
            Some(server::Ingress::Edge(EdgeAnswer::Work(ticket, done)))
        }
        Happening::Operator(command) => Some(server::Ingress::Operator(command)),
        Happening::Wish(_) | Happening::Deadline => None,
    };
    let mut edges = Vec::new();
    match ingress {
        Some(ingress) => {
            let mut routed = Vec::new();
            server::Mailboxes::accept(ingress, &mut routed);
            for to in routed {
                machines.handle(now, to, &mut edges);
            }
        }
        None => machines.on_deadline(now, &mut edges),
    }
    let (mut wanted, mut news) = (Vec::new(), Vec::new());
    for edge in edges {
        match edge {
            server::To::Net(order) => wanted.push(Wanted::Net(order)),
            server::To::Disk(request) => wanted.push(Wanted::Disk(request)),
            server::To::Work(request) => wanted.push(Wanted::Work(request)),
            server::To::Board(item) => news.push(item),
            _ => unreachable!("only edges come out of the machines"),
        }
    }
    (wanted, news)
}

fn happen_client(machines: &mut client::Machines, now: Moment, what: Happening) -> Vec<Wanted> {
    let ingress = match what {
        Happening::Net(incoming) => Some(client::Ingress::Net(incoming)),
        Happening::Disk(ticket, answer) => {
            Some(client::Ingress::Edge(EdgeAnswer::Disk(ticket, answer)))
        }
        Happening::Work(ticket, done) => {
            Some(client::Ingress::Edge(EdgeAnswer::Work(ticket, done)))
        }
        Happening::Wish(wish) => Some(client::Ingress::Wish(wish)),
        Happening::Operator(_) | Happening::Deadline => None,
    };
    let mut edges = Vec::new();
    match ingress {
        Some(ingress) => {
            let mut routed = Vec::new();
            client::Mailboxes::accept(ingress, &mut routed);
            for to in routed {
                machines.handle(now, to, &mut edges);
            }
        }
        None => machines.on_deadline(now, &mut edges),
    }
    let wanted = edges.into_iter().filter_map(|edge| match edge {
        client::To::Net(order) => Some(Wanted::Net(order)),
        client::To::Disk(request) => Some(Wanted::Disk(request)),
        client::To::Work(request) => Some(Wanted::Work(request)),
        client::To::Person(report) => Some(Wanted::Person(report)),
        // Nobody watches.
        client::To::Notices(_) => None,
        _ => unreachable!("only edges come out of the machines"),
    });
    wanted.collect()
}
