//! A user's connection to the servers' ledger without a home and without a node: one line, one
//! clerk. The user has one grant at a time, to themselves.

mod tape;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use self::tape::Tape;
use super::clock::Clock;
use super::config::ServerAddress;
use super::line::{Caller, Line};
use crate::actors::clerk::{self, Clerk};
use crate::actors::edges::{Desk, Ticket, TicketBook};
use crate::actors::looks::{LookFault, LookOrder};
use crate::actors::machine::{Machine, Outbox};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::shares::{Purpose, Secret, Share, split};
use crate::crypto::static_key::StaticSecret;
use crate::ledger::check::Call;
use crate::proto::ids::{AccountId, DeviceId, GrantId, NodeId, ViewId};
use crate::proto::lease::{Adjust, Change};
use crate::proto::ledger::{Answer, Command, Opening};
use crate::proto::limits::VIEWS_MAX;
use crate::proto::packet::{Packet, Party};
use crate::proto::shares::ShareDeposit;
use crate::time::Moment;
use crate::transport::contract::Order;

/// What became of an order, with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// So many servers keep their shares.
    Kept(u64, usize),
    /// The ledger's word; none if it did not come in time.
    Answered(u64, Option<Answer>),
    /// Whether a look gave the servers' part of the key.
    Looked(u64, bool),
    /// A look gave a part of a key that is not the one that was shared out.
    Wrong(u64),
}

/// A grant of a user to themselves: looks with the servers and nothing else.
struct Account {
    id: AccountId,
    opening: Opening,
    secret: Secret,
    shares: Vec<Share>,
    changes: u32,
}

/// What was ordered, to be ordered again.
#[derive(Clone)]
enum Ordered {
    Deposit,
    Command(Command),
    Look(LookOrder),
}

/// See the module.
pub struct Orders {
    line: Line,
    clerk: Clerk,
    tickets: TicketBook,
    identity: SecretIdentity,
    seed: [u8; 32],
    account: Account,
    /// By their numbers, until they are told of.
    open: BTreeMap<u64, Ordered>,
    servers: Vec<ServerAddress>,
    names: u64,
    tape: Option<Tape>,
}

impl Orders {
    /// A user at an address, who has said nothing yet. Everything that is random follows from
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
        let account = account(&identity, servers, clock, seed, VIEWS_MAX);
        let nodes: Vec<NodeId> = servers.iter().map(ServerAddress::node).collect();
        let clerk = clerk::Config::lan(identity.clone(), nodes, clock.calendar());
        Ok(Self {
            line: Line::new(at, servers, clock, &identity, seed)?,
            clerk: Clerk::new(clerk, *blake3::hash(&seed).as_bytes()),
            tickets: TicketBook::new(Desk::LeaseManager),
            identity,
            seed,
            account,
            open: BTreeMap::new(),
            servers: servers.to_vec(),
            names: 0,
            tape: None,
        })
    }

    /// Notes every order and every answer from now on.
    pub fn record(&mut self) {
        self.tape = Some(Tape::default());
    }

    /// What was noted.
    #[must_use]
    pub fn calls(self) -> Vec<Call> {
        self.tape.map(Tape::calls).unwrap_or_default()
    }

    /// Goes on with a new grant of so many looks, which is neither deposited nor open yet. What is
    /// under way for the one before is told of all the same.
    pub fn renew(&mut self, looks: u32) {
        self.seed = blake3::derive_key("pentimento 1 next measured grant", &self.seed);
        let clock = self.line.clock();
        self.account = account(&self.identity, &self.servers, clock, self.seed, looks);
    }

    /// Has every server keep its share. Gives the number of the order.
    pub fn deposit(&mut self) -> u64 {
        self.begin(Ordered::Deposit)
    }

    fn deposits(&self) -> Vec<(NodeId, ShareDeposit)> {
        let Account {
            opening, shares, ..
        } = &self.account;
        let deposit = |(server, share): (&ServerAddress, &Share)| {
            let purpose = Purpose::Keep {
                account: self.account.id,
                round: 0,
                index: share.index,
            };
            let seed = *blake3::hash(&share.hash().0).as_bytes();
            let sealed = share.seal(&server.key, &purpose, seed).ok()?;
            let deposit = ShareDeposit {
                borrower: opening.borrower,
                grant: opening.grant,
                granted_at: opening.granted_at,
                round: 0,
                sealed,
            };
            Some((server.node(), deposit))
        };
        let pairs = self.servers.iter().zip(shares);
        pairs.filter_map(deposit).collect()
    }

    /// Opens the account. Gives the number of the order.
    pub fn open(&mut self) -> u64 {
        let command = Command::Open(self.account.opening.clone());
        self.begin(Ordered::Command(command))
    }

    /// Changes the grant. Gives the number of the order.
    pub fn adjust(&mut self, change: Change) -> u64 {
        self.account.changes += 1;
        let adjust = Adjust {
            grant: self.account.opening.grant,
            owner_sequence: self.account.changes,
            change,
            at: self.line.clock().calendar().at(self.line.now()),
        };
        let account = self.account.id;
        self.begin(Ordered::Command(Command::Adjust { account, adjust }))
    }

    /// Has a look counted, and no more: no share is waited for.
    pub fn spend(&mut self) -> u64 {
        let view = self.name();
        let command = Command::Spend {
            account: self.account.id,
            view,
            reply_key: reply_key(view).public().0,
            device: DeviceId([0; 16]),
        };
        self.begin(Ordered::Command(command))
    }

    /// Has a change of the account decided, one that changes nothing: what an order takes of which
    /// no share is let out. One at a time; until it is answered it is the same one again.
    pub fn change(&mut self) -> u64 {
        let is_change =
            |ordered: &Ordered| matches!(ordered, Ordered::Command(Command::Adjust { .. }));
        let mut open = self.open.iter();
        let open = open.find_map(|(number, ordered)| is_change(ordered).then_some(*number));
        let again = open.and_then(|number| self.again(number));
        again.unwrap_or_else(|| self.adjust(Change::Set(self.account.opening.looks)))
    }

    /// Has a look counted and joins the shares for it.
    pub fn look(&mut self) -> u64 {
        let view = self.name();
        let look = LookOrder {
            account: self.account.id,
            view,
            reply: reply_key(view),
            device: DeviceId([0; 16]),
            threshold: self.account.opening.threshold,
            share_hashes: self.account.opening.share_hashes.clone(),
        };
        self.begin(Ordered::Look(look))
    }

    /// Orders once more what was not answered, under the name that it had. Gives the number of the
    /// order; none if it was answered.
    pub fn again(&mut self, number: u64) -> Option<u64> {
        let ordered = self.open.remove(&number)?;
        Some(self.begin(ordered))
    }

    fn name(&mut self) -> ViewId {
        self.names += 1;
        let mut name = [0; 16];
        name[..8].copy_from_slice(&self.names.to_le_bytes());
        ViewId(name)
    }

    fn begin(&mut self, ordered: Ordered) -> u64 {
        let ticket = self.tickets.draw();
        self.open.insert(ticket.number, ordered.clone());
        self.handle(match ordered {
            Ordered::Deposit => {
                let deposits = self.deposits();
                let needed = deposits.len();
                clerk::Input::Deposit {
                    ticket,
                    deposits,
                    needed,
                }
            }
            Ordered::Command(command) => clerk::Input::Order { ticket, command },
            Ordered::Look(look) => clerk::Input::Look { ticket, look },
        });
        ticket.number
    }

    fn handle(&mut self, input: clerk::Input) {
        let (now, mut out) = (self.line.now(), Outbox::new());
        self.clerk.handle(now, input, &mut out);
        // Orders are not answered by being taken, unless there is no room for them.
        self.said(now, out, &mut Vec::new());
    }

    fn said(&mut self, now: Moment, mut out: Outbox<clerk::Output>, told: &mut Vec<Told>) {
        for output in out.drain() {
            match output {
                clerk::Output::Send { to, packet } => {
                    if let (Packet::Submit { nonce, command }, Some(tape)) =
                        (&packet, &mut self.tape)
                    {
                        tape.sent(now, *nonce, command);
                    }
                    let (to, packets) = (Party::Server(to), vec![packet]);
                    self.line.order(Order::Send { to, packets });
                }
                clerk::Output::Answered { ticket, answer } => {
                    self.close(ticket, answer.is_some());
                    told.push(Told::Answered(ticket.number, answer));
                }
                // Nobody here takes looks with them.
                clerk::Output::Lent { .. } => {}
                clerk::Output::Deposited { ticket, servers } => {
                    self.close(ticket, servers > self.servers.len() / 2);
                    told.push(Told::Kept(ticket.number, servers));
                }
                clerk::Output::Looked { ticket, looked } => {
                    let is_known = !matches!(looked, Err(LookFault::Unanswered));
                    self.close(ticket, is_known);
                    told.push(match looked {
                        Ok(look) if look.secret != self.account.secret => {
                            Told::Wrong(ticket.number)
                        }
                        looked => Told::Looked(ticket.number, looked.is_ok()),
                    });
                }
            }
        }
    }

    /// What is answered is not ordered again.
    fn close(&mut self, ticket: Ticket, is_answered: bool) {
        if is_answered {
            self.open.remove(&ticket.number);
        }
    }
}

impl Caller for Orders {
    type Told = Told;

    fn line(&self) -> &Line {
        &self.line
    }

    fn deadline(&self) -> Option<Moment> {
        crate::time::earliest(self.clerk.deadline(), self.line.deadline())
    }

    /// What became of orders.
    fn turn(&mut self) -> Vec<Told> {
        let (now, mut told) = (self.line.now(), Vec::new());
        self.line.read();
        while let Some(incoming) = self.line.arrived() {
            let Party::Server(from) = incoming.from else {
                continue;
            };
            for packet in incoming.packets {
                if let (Packet::Decided { nonce, answer }, Some(tape)) = (&packet, &mut self.tape) {
                    tape.answered(now, *nonce, *answer);
                }
                if let Some(input) = heard(from, packet) {
                    let mut out = Outbox::new();
                    self.clerk.handle(now, input, &mut out);
                    self.said(now, out, &mut told);
                }
            }
        }
        if self.clerk.deadline().is_some_and(|at| at <= now) {
            let mut out = Outbox::new();
            self.clerk.on_deadline(now, &mut out);
            self.said(now, out, &mut told);
        }
        self.line.write();
        told
    }
}

/// What a server's packet is to the clerk.
fn heard(from: NodeId, packet: Packet) -> Option<clerk::Input> {
    Some(match packet {
        Packet::Decided { nonce, answer } => clerk::Input::Decided { nonce, answer },
        Packet::ShareKept(answer) => clerk::Input::DepositAnswered { from, answer },
        Packet::Share(share) => clerk::Input::ShareArrived { from, share },
        _ => return None,
    })
}

fn reply_key(view: ViewId) -> StaticSecret {
    StaticSecret::from_bytes(*blake3::hash(&view.0).as_bytes())
}

fn account(
    identity: &SecretIdentity,
    servers: &[ServerAddress],
    clock: Clock,
    seed: [u8; 32],
    looks: u32,
) -> Account {
    let count = u8::try_from(servers.len()).unwrap_or(u8::MAX);
    let threshold = count / 2 + 1;
    let secret = blake3::derive_key("pentimento 1 secret of a measured grant", &seed);
    let shares = split(&secret, threshold, count, seed).unwrap_or_default();
    let mut name = [0; 16];
    name.copy_from_slice(&blake3::hash(&seed).as_bytes()[..16]);
    let opening = Opening {
        grant: GrantId(name),
        granted_at: clock.calendar().at(clock.now()),
        borrower: identity.user_id(),
        looks,
        not_before: None,
        until: None,
        offline_max: 0,
        threshold,
        share_hashes: shares.iter().map(Share::hash).collect(),
    };
    Account {
        id: opening.account(identity.user_id()),
        opening,
        secret: Secret::new(secret),
        shares,
        changes: 0,
    }
}
