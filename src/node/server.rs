//! A server, put together: every concern, every edge, every arrow.

mod ingress;

use bytes::Bytes;

use super::board;
use super::concerns::concerns;
use super::load_probe::Measured;
use super::shell::Arrows;
use super::switchboard::{DiskRequest, EdgeAnswer, HttpRequest, WorkRequest};
use crate::actors::{
    consensus, custody, directory, drain, election, failure_token, mailbox, membership,
    stego_worker,
};
use crate::proto::cargo::Cargo;
use crate::proto::ids::{Digest, NodeId};
use crate::proto::ledger::Answer;
use crate::proto::limits::PACKET_MAX_BYTES;
use crate::proto::operator::ServerCommand;
use crate::proto::packet::{Packet, Party, StateKind};
use crate::transport::contract::{Incoming, Order};

/// What of a message of the agreement fits a packet, beside the head of both.
const AGREE_PACKET_BYTES: usize = PACKET_MAX_BYTES - 16;

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
        /// Looks, as the servers agree on them.
        Ledger: ledger: consensus::Store, mailbox 1024;
        /// Our shares of content keys.
        Custody: custody: custody::Custody, mailbox 1024;
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
        /// The etcd that has the ledger, if one has.
        Http: http: HttpRequest;
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
        To::Election(election::Input::Asked { client, ask, .. }) => {
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

fn message(to: Party, cargo: Cargo, (body, digest): (Bytes, Option<Digest>)) -> To {
    To::Net(Order::SendMessage {
        to,
        cargo,
        body,
        digest,
    })
}

impl Arrows<membership::Output> for Mailboxes {
    fn route(order: membership::Output, to: &mut Vec<To>) {
        match order {
            membership::Output::Send { to: node, packet } => {
                to.push(send(Party::Server(node), packet));
            }
            membership::Output::Suspected(node) => {
                to.push(To::Board(board::News::Suspected(node)));
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
                to.push(To::Ledger(consensus::Input::Halted));
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
                to.push(To::Ledger(consensus::Input::Resumed));
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

impl Arrows<consensus::AgreementOutput> for Mailboxes {
    fn route(order: consensus::AgreementOutput, to: &mut Vec<To>) {
        let decided = |client, nonce, seq, reply| {
            let answer = Answer { seq, reply };
            send(Party::User(client), Packet::Decided { nonce, answer })
        };
        to.push(match order {
            consensus::Output::Send { to: node, message } => agree(node, message),
            consensus::Output::Answer {
                client,
                nonce,
                seq,
                reply,
            }
            | consensus::Output::Told {
                client,
                nonce,
                seq,
                reply,
            } => decided(client, nonce, seq, reply),
            consensus::Output::Refused {
                client,
                nonce,
                reply,
            } => decided(client, nonce, 0, reply),
            consensus::Output::Effects {
                effects, replayed, ..
            } => To::Custody(custody::Input::Effects { effects, replayed }),
            consensus::Output::Disk { ticket, order } => To::Disk(DiskRequest { ticket, order }),
            consensus::Output::Http { ticket, order } => To::Http(HttpRequest { ticket, order }),
            consensus::Output::State(state) => {
                let serving = state.standing == consensus::Standing::Serving;
                let token = To::FailureToken(failure_token::Input::Serving(serving));
                return to.extend([token, To::Board(board::News::Ledger(state))]);
            }
            consensus::Output::Quarantined(why) => To::Board(board::News::Quarantined(why)),
            // What was missed is made up for with the next entry, see `consensus/agreed.rs`.
            consensus::Output::Restored { .. } => return,
        });
    }
}

impl Arrows<custody::Output> for Mailboxes {
    fn route(order: custody::Output, to: &mut Vec<To>) {
        to.push(match order {
            custody::Output::Send { to: client, packet } => send(Party::User(client), packet),
            custody::Output::Disk { ticket, order } => To::Disk(DiskRequest { ticket, order }),
        });
    }
}

/// A message of the agreement: as a packet if it fits one, else in fragments.
fn agree(to: NodeId, message: Bytes) -> To {
    if message.len() <= AGREE_PACKET_BYTES {
        return send(Party::Server(to), Packet::Agree(message));
    }
    let digest = Digest::of(&message);
    let (number, _) = digest.0.split_at(8);
    let number = u64::from_le_bytes(number.try_into().unwrap_or_default());
    self::message(
        Party::Server(to),
        Cargo::Agree(number),
        (message, Some(digest)),
    )
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
            stego_worker::Output::Finished(done) => {
                to.push(To::Election(election::Input::Finished(done)));
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
                to.push(To::Ledger(consensus::Input::Retired));
                to.push(To::Board(board::News::Draining));
            }
            drain::Output::Over { left } => to.push(To::Board(board::News::Drained { left })),
        }
    }
}
