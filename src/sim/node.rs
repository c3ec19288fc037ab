//! One simulated node: the machines of its role behind one face, whatever the role.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::cast::server_secret;
use super::spoken::{self, Said};
use super::visits::{self, Cheat};
use super::world::Seen;
use crate::actors::edges::{DiskAnswer, Ticket, WorkDone};
use crate::actors::machine::earliest;
use crate::crypto::identity::SecretIdentity;
use crate::node::config::{ClientConfig, ServerConfig};
use crate::node::faces;
use crate::node::load_probe::Measured;
use crate::node::machines::{self, Tables};
use crate::node::switchboard::{Accept, DiskRequest, EdgeAnswer, WorkRequest};
use crate::node::{client, server};
use crate::proto::control::{Report, Wish};
use crate::proto::operator::ServerCommand;
use crate::time::{Calendar, Moment};
use crate::transport::contract::{Incoming, Order};
use crate::transport::endpoint::{Endpoint, Survey};

/// What a node wants of the world.
#[derive(Debug)]
pub enum Wanted {
    /// Send a datagram.
    Send {
        /// From which address of the node.
        from: SocketAddr,
        /// To which address.
        to: SocketAddr,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// The gate of a planned failure is shut or opened.
    Gate(bool),
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
    /// A datagram arrives.
    Datagram {
        /// Where it comes from.
        from: SocketAddr,
        /// At which address of the node.
        to: SocketAddr,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// The disk answers.
    Disk(Ticket, DiskAnswer),
    /// The CPU pool answers.
    Work(Ticket, WorkDone),
    /// A person wishes.
    Wish(Wish),
    /// An operator commands.
    Operator(ServerCommand),
    /// A server is told what its processor does for it, in thousandths of a core.
    Speed(u32),
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
    /// Every address of the node.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Server(config) => vec![config.own().clients, config.own().peers],
            Self::Client(config, _) => vec![config.listen],
        }
    }

    /// Starts the node.
    #[must_use]
    pub fn start(&self, tables: Tables, calendar: Calendar, seed: [u8; 32]) -> Running {
        let faces = match self {
            Self::Server(config) => {
                let secret = server_secret(config.own().id);
                faces::server(config, &secret, calendar, seed)
            }
            Self::Client(config, identity) => {
                let local = vec![config.listen];
                vec![faces::client(config, identity, local, (calendar, seed))]
            }
        };
        let machines = match self {
            Self::Server(config) => {
                let secret = server_secret(config.own().id);
                let machines = machines::server(config, secret, tables, calendar, seed);
                Machines::Server(Box::new(machines))
            }
            Self::Client(config, identity) => {
                let identity = (**identity).clone();
                Machines::Client(Box::new(machines::client(
                    config, identity, tables, calendar, seed,
                )))
            }
        };
        let faces = self.addresses().into_iter().zip(faces).collect();
        Running {
            machines,
            faces,
            buffer: Vec::new(),
            reader: match self {
                Self::Server(_) => None,
                Self::Client(_, identity) => Some((**identity).clone()),
            },
            cheat: None,
        }
    }
}

/// The machines of a role.
pub enum Machines {
    /// Of a server.
    Server(Box<server::Machines>),
    /// Of a client.
    Client(Box<client::Machines>),
}

impl Machines {
    fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Server(machines) => machines.deadline(),
            Self::Client(machines) => machines.deadline(),
        }
    }
}

/// A node that runs.
pub struct Running {
    /// Its concerns.
    pub machines: Machines,
    /// Its sockets, each with its address.
    faces: Vec<(SocketAddr, Endpoint)>,
    buffer: Vec<u8>,
    /// Reads the letters that arrive, for the checks; none for a server.
    reader: Option<SecretIdentity>,
    /// How it cheats when it asks others.
    pub cheat: Option<Cheat>,
}

/// What the concerns are told.
enum Told {
    Net(Incoming),
    Other(Happening),
}

/// What the concerns want.
enum Asked {
    Net(Order),
    Other(Wanted),
}

impl Running {
    /// When the node wants to be woken.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let faces = self.faces.iter().map(|(_, face)| face.deadline());
        faces.fold(self.machines.deadline(), earliest)
    }

    /// Lets something happen and gives what the node wants of the world, in order. Second: what the
    /// checks should know.
    pub fn happen(&mut self, now: Moment, what: Happening) -> (Vec<Wanted>, Vec<Seen>) {
        let mut told = VecDeque::new();
        match what {
            Happening::Datagram {
                from,
                to,
                mut datagram,
            } => {
                let stride = datagram.len();
                if let Some((_, face)) = self.faces.iter_mut().find(|(own, _)| *own == to) {
                    face.receive(now, from, &mut datagram, stride);
                }
            }
            Happening::Deadline => {
                for (_, face) in &mut self.faces {
                    if face.deadline().is_some_and(|at| at <= now) {
                        face.on_deadline(now);
                    }
                }
                told.push_back(Told::Other(Happening::Deadline));
            }
            other => told.push_back(Told::Other(other)),
        }
        let mut wanted = Vec::new();
        let mut news = Vec::new();
        self.settle(now, &mut wanted, &mut told);
        while let Some(next) = told.pop_front() {
            if let (Told::Net(incoming), Some(reader)) = (&next, &self.reader) {
                let to = reader.user_id();
                let read = visits::read(reader, incoming).into_iter();
                news.extend(read.map(|(from, what)| Seen::Between { from, to, what }));
            }
            let asked = match &mut self.machines {
                Machines::Server(machines) => happen_server(machines, now, next, &mut news),
                Machines::Client(machines) => happen_client(machines, now, next, &mut news),
            };
            for asked in asked {
                match asked {
                    Asked::Net(mut order) => {
                        if let Some(cheat) = self.cheat {
                            cheat.bend(&mut order);
                        }
                        self.order(now, order, &mut wanted);
                        self.settle(now, &mut wanted, &mut told);
                    }
                    Asked::Other(other) => wanted.push(other),
                }
            }
        }
        (wanted, news)
    }

    /// What its sockets hold.
    #[must_use]
    pub fn surveys(&self) -> Vec<Survey> {
        self.faces.iter().map(|(_, face)| face.survey()).collect()
    }

    fn order(&mut self, now: Moment, order: Order, wanted: &mut Vec<Wanted>) {
        if let Order::Gate(shut) = order {
            wanted.push(Wanted::Gate(shut));
        }
        for (_, face) in &mut self.faces {
            if face.takes(&order) {
                face.order(now, order.clone());
            }
        }
    }

    /// What the faces want: of the world, and of the concerns.
    fn settle(&mut self, now: Moment, wanted: &mut Vec<Wanted>, told: &mut VecDeque<Told>) {
        for (own, face) in &mut self.faces {
            while let Some(transmit) = face.transmit(now, &mut self.buffer) {
                let datagrams = self.buffer.chunks(transmit.datagram_bytes);
                wanted.extend(datagrams.map(|datagram| Wanted::Send {
                    from: *own,
                    to: transmit.to,
                    datagram: datagram.to_vec(),
                }));
            }
            while let Some(incoming) = face.arrived() {
                told.push_back(Told::Net(incoming));
            }
        }
    }
}

fn happen_server(
    machines: &mut server::Machines,
    now: Moment,
    told: Told,
    news: &mut Vec<Seen>,
) -> Vec<Asked> {
    let ingress = match told {
        Told::Net(incoming) => {
            let learned = spoken::learned(&incoming);
            news.extend(learned.map(|(from, what)| Seen::Learned(from, what)));
            Some(server::Ingress::Net(vec![incoming]))
        }
        Told::Other(Happening::Disk(ticket, answer)) => {
            Some(server::Ingress::Edge(EdgeAnswer::Disk(ticket, answer)))
        }
        Told::Other(Happening::Work(ticket, done)) => {
            Some(server::Ingress::Edge(EdgeAnswer::Work(ticket, done)))
        }
        Told::Other(Happening::Operator(command)) => Some(server::Ingress::Operator(command)),
        Told::Other(Happening::Speed(speed_milli)) => Some(server::Ingress::Measured(Measured {
            speed_milli,
            rss_bytes: 0,
            cpu_ms: 0,
        })),
        Told::Other(_) => None,
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
    let mut asked = Vec::new();
    let applied = machines.ledger.applied();
    for edge in edges {
        match edge {
            server::To::Net(order) => {
                news.extend(visits::given(&order).map(Seen::Passed));
                news.extend(spoken::said(&order, applied).into_iter().map(Seen::Said));
                asked.push(Asked::Net(order));
            }
            server::To::Disk(request) => asked.push(Asked::Other(Wanted::Disk(request))),
            server::To::Work(request) => asked.push(Asked::Other(Wanted::Work(request))),
            server::To::Board(item) => news.push(Seen::News(item)),
            // No etcd is simulated here: the embedded store asks none.
            server::To::Http(_) => {}
            _ => unreachable!("only edges come out of the machines"),
        }
    }
    asked
}

fn happen_client(
    machines: &mut client::Machines,
    now: Moment,
    told: Told,
    news: &mut Vec<Seen>,
) -> Vec<Asked> {
    let ingress = match told {
        Told::Net(incoming) => Some(client::Ingress::Net(vec![incoming])),
        Told::Other(Happening::Disk(ticket, answer)) => {
            Some(client::Ingress::Edge(EdgeAnswer::Disk(ticket, answer)))
        }
        Told::Other(Happening::Work(ticket, done)) => {
            Some(client::Ingress::Edge(EdgeAnswer::Work(ticket, done)))
        }
        Told::Other(Happening::Wish(wish)) => Some(client::Ingress::Wish(wish)),
        Told::Other(_) => None,
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
    let asked = edges.into_iter().filter_map(|edge| match edge {
        client::To::Net(order) => {
            let said = spoken::said(&order, 0).into_iter();
            news.extend(said.filter(is_about_request).map(Seen::Said));
            Some(Asked::Net(order))
        }
        client::To::Disk(request) => Some(Asked::Other(Wanted::Disk(request))),
        client::To::Work(request) => Some(Asked::Other(Wanted::Work(request))),
        client::To::Person(report) => Some(Asked::Other(Wanted::Person(report))),
        // Nobody watches.
        client::To::Notices(_) => None,
        _ => unreachable!("only edges come out of the machines"),
    });
    asked.collect()
}

const fn is_about_request(said: &Said) -> bool {
    matches!(said, Said::About(..))
}
