//! A client, put together: every concern, every edge, every arrow.

mod ingress;

use bytes::Bytes;

use super::concerns::concerns;
use super::shell::Arrows;
use super::switchboard::{DiskRequest, EdgeAnswer, WorkRequest};
use crate::actors::edges::{Desk, Ticket};
use crate::actors::{clerk, courier, lease_manager, presence, requester, sharing, studio};
use crate::proto::cargo::Cargo;
use crate::proto::control::{Progress, Report, Wish};
use crate::proto::ids::Digest;
use crate::proto::letter::Note;
use crate::proto::notice::Notice;
use crate::proto::outcome::Posted;
use crate::proto::packet::{Packet, Party};
use crate::transport::contract::{Incoming, Order};

concerns! {
    concerns {
        /// Our presence and the peers we know.
        Presence: presence: presence::Presence, mailbox 256;
        /// Letters.
        Courier: courier: courier::Courier, mailbox 256;
        /// Wishes for the cloud.
        Requester: requester: requester::Requester, mailbox 1024;
        /// Pictures in the making.
        Studio: studio: studio::Studio, mailbox 256;
        /// Galleries, questions, decisions.
        Sharing: sharing: sharing::Sharing, mailbox 256;
        /// Orders to the ledger.
        Clerk: clerk: clerk::Clerk, mailbox 256;
        /// Grants, given and received.
        LeaseManager: lease_manager: lease_manager::LeaseManager, mailbox 256;
    }
    edges {
        /// The transport and its socket.
        Net: net: Order;
        /// The disk.
        Disk: disk: DiskRequest;
        /// The CPU pool.
        Work: work: WorkRequest;
        /// The person's programs.
        Person: person: Report;
        /// Whoever watches.
        Notices: notices: Notice;
    }
}

/// What can arrive at a client from its edges.
#[derive(Debug)]
pub enum Ingress {
    /// Packets and messages that came together.
    Net(Vec<Incoming>),
    /// An answer of the disk or the CPU pool.
    Edge(EdgeAnswer),
    /// A person's wish.
    Wish(Wish),
    /// The node is about to end.
    Leave,
}

impl From<Vec<Incoming>> for Ingress {
    fn from(shipment: Vec<Incoming>) -> Self {
        Self::Net(shipment)
    }
}

/// Logs every step of a request under its id, so that it can be followed through all nodes.
fn trail(to: &To) {
    match to {
        To::Studio(studio::Input::Progressed {
            progress: Progress::Asked(request),
            ..
        }) => {
            tracing::info!(%request, "asked");
        }
        To::Requester(requester::Input::ElectedHeard(elected)) => {
            let (request, node, epoch) = (elected.request, elected.node, elected.epoch);
            tracing::info!(%request, %node, epoch, "elected");
        }
        To::Requester(requester::Input::RefusedHeard {
            from,
            request,
            reason,
        }) => {
            tracing::warn!(%request, %from, ?reason, "refused");
        }
        To::Requester(requester::Input::Uploaded { to, request }) => {
            tracing::info!(%request, %to, "uploaded");
        }
        To::Studio(studio::Input::Hidden {
            request, timings, ..
        }) => {
            tracing::info!(%request, total_us = timings.total_us(), "picture is here");
        }
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

impl Arrows<presence::Output> for Mailboxes {
    fn route(order: presence::Output, to: &mut Vec<To>) {
        if let presence::Output::Blocked(users) = &order {
            to.push(To::Sharing(sharing::Input::Blocked(users.clone())));
        }
        to.push(match order {
            presence::Output::Blocked(users) => To::Courier(courier::Input::Blocked(users)),
            presence::Output::Send { to: party, packet } => send(party, packet),
            presence::Output::Found { ticket, who } => {
                To::Sharing(sharing::Input::Found { ticket, who })
            }
            presence::Output::Located {
                ticket,
                user,
                online,
                pass,
            } => match ticket.desk {
                Desk::Courier => To::Courier(courier::Input::Located {
                    ticket,
                    user,
                    online,
                    pass,
                }),
                _ => To::LeaseManager(lease_manager::Input::Located {
                    ticket,
                    user,
                    online,
                }),
            },
            presence::Output::Reach(route) => To::Net(Order::Reach(route)),
            presence::Output::Report(report) => To::Person(report),
            presence::Output::Disk { ticket, order } => To::Disk(DiskRequest { ticket, order }),
        });
    }
}

fn posted(ticket: Ticket, how: Posted) -> To {
    match ticket.desk {
        Desk::Sharing => To::Sharing(sharing::Input::Posted { ticket, how }),
        _ => To::LeaseManager(lease_manager::Input::Posted { ticket, how }),
    }
}

impl Arrows<courier::Output> for Mailboxes {
    fn route(order: courier::Output, to: &mut Vec<To>) {
        to.push(match order {
            courier::Output::Send { to: party, packet } => send(party, packet),
            courier::Output::Transfer {
                to: party,
                cargo,
                body,
            } => message(party, cargo, (body, None)),
            courier::Output::Locate { ticket, user } => {
                To::Presence(presence::Input::Locate { ticket, user })
            }
            courier::Output::Missing(user) => To::Presence(presence::Input::Missing(user)),
            courier::Output::AckMail(letters) => To::Presence(presence::Input::AckMail(letters)),
            courier::Output::Met(contact) => To::Presence(presence::Input::Met(contact)),
            courier::Output::Queue(letters) => To::Presence(presence::Input::Queue(letters)),
            courier::Output::NoteArrived {
                letter,
                from,
                direct,
                posted_at,
                note,
            } => match note {
                Note::GalleryAsk { .. }
                | Note::Gallery { .. }
                | Note::ImageAsk(_)
                | Note::Withdrawn(_)
                | Note::Decision { .. } => To::Sharing(sharing::Input::NoteArrived {
                    letter,
                    from,
                    posted_at,
                    note,
                }),
                Note::Grant(_)
                | Note::PictureAsk { .. }
                | Note::Adjust { .. }
                | Note::Report { .. } => To::LeaseManager(lease_manager::Input::NoteArrived {
                    letter,
                    from,
                    direct,
                    posted_at,
                    note,
                }),
            },
            courier::Output::Posted { ticket, how } => posted(ticket, how),
            courier::Output::NotPosted { ticket, failure } => {
                tracing::warn!(?ticket, failure = failure.message, "letter not taken");
                match ticket.desk {
                    Desk::Sharing => To::Sharing(sharing::Input::NotPosted { ticket, failure }),
                    _ => posted(ticket, Posted::Lost),
                }
            }
            courier::Output::Disk { ticket, order } => To::Disk(DiskRequest { ticket, order }),
        });
    }
}

impl Arrows<clerk::Output> for Mailboxes {
    fn route(order: clerk::Output, to: &mut Vec<To>) {
        to.push(match order {
            clerk::Output::Send { to: node, packet } => send(Party::Server(node), packet),
            clerk::Output::Answered { ticket, answer } => {
                To::LeaseManager(lease_manager::Input::Ordered { ticket, answer })
            }
            clerk::Output::Looked { ticket, looked } => {
                To::LeaseManager(lease_manager::Input::Looked { ticket, looked })
            }
            clerk::Output::Lent { ticket, lent } => {
                To::LeaseManager(lease_manager::Input::Lent { ticket, lent })
            }
            clerk::Output::Deposited { ticket, servers } => {
                To::LeaseManager(lease_manager::Input::Deposited { ticket, servers })
            }
        });
    }
}

impl Arrows<requester::Output> for Mailboxes {
    fn route(order: requester::Output, to: &mut Vec<To>) {
        to.push(match order {
            requester::Output::Send { to: node, packet } => send(Party::Server(node), packet),
            requester::Output::Upload {
                to: node,
                request,
                attempt,
                body,
                digest,
            } => message(
                Party::Server(node),
                Cargo::Body(request, attempt),
                (body, Some(digest)),
            ),
            requester::Output::CancelUpload {
                to: node,
                request,
                attempt,
            } => To::Net(Order::Cancel {
                to: Party::Server(node),
                cargo: Cargo::Body(request, attempt),
            }),
            requester::Output::Progress { ticket, progress } => {
                To::Studio(studio::Input::Progressed { ticket, progress })
            }
            requester::Output::Hidden {
                ticket,
                request,
                picture,
                timings,
                ..
            } => To::Studio(studio::Input::Hidden {
                ticket,
                request,
                picture,
                timings,
            }),
            requester::Output::Failed { ticket, failure } => {
                To::Studio(studio::Input::NotHidden { ticket, failure })
            }
        });
    }
}

impl Arrows<studio::Output> for Mailboxes {
    fn route(order: studio::Output, to: &mut Vec<To>) {
        to.push(match order {
            studio::Output::Work { ticket, work } => To::Work(WorkRequest { ticket, work }),
            studio::Output::Hide { ticket, body } => {
                To::Requester(requester::Input::Hide { ticket, body })
            }
            studio::Output::CancelHide(ticket) => To::Requester(requester::Input::Cancel(ticket)),
            studio::Output::Making { ticket, progress } => {
                To::Sharing(sharing::Input::Making { ticket, progress })
            }
            studio::Output::Made {
                ticket,
                key,
                picture,
                cover,
                timings,
            } => To::Sharing(sharing::Input::Made {
                ticket,
                key,
                picture,
                cover,
                timings,
            }),
            studio::Output::NotMade { ticket, failure } => {
                To::Sharing(sharing::Input::NotMade { ticket, failure })
            }
            studio::Output::Report(report) => To::Person(report),
            studio::Output::Disk { ticket, order } => To::Disk(DiskRequest { ticket, order }),
        });
    }
}

impl Arrows<sharing::Output> for Mailboxes {
    fn route(order: sharing::Output, to: &mut Vec<To>) {
        to.push(match order {
            sharing::Output::Find { ticket, name } => {
                To::Presence(presence::Input::Find { ticket, name })
            }
            sharing::Output::Post { ticket, to, note } => {
                To::Courier(courier::Input::Post { ticket, to, note })
            }
            sharing::Output::Kept(letter) => To::Courier(courier::Input::Kept(letter)),
            sharing::Output::MoreLooks {
                ticket,
                grant,
                views,
            } => To::LeaseManager(lease_manager::Input::MoreLooks {
                ticket,
                grant,
                views,
            }),
            sharing::Output::Make {
                ticket,
                rights,
                original,
                carrier,
            } => To::Studio(studio::Input::Make {
                ticket,
                rights,
                original,
                carrier,
            }),
            sharing::Output::CancelMake(ticket) => To::Studio(studio::Input::CancelMake(ticket)),
            sharing::Output::OpenGrant {
                ticket,
                to,
                grant,
                picture,
            } => To::LeaseManager(lease_manager::Input::OpenGrant {
                ticket,
                to,
                grant,
                picture,
            }),
            sharing::Output::Work { ticket, work } => To::Work(WorkRequest { ticket, work }),
            sharing::Output::Report(report) => To::Person(report),
            sharing::Output::Notice(notice) => To::Notices(notice),
            sharing::Output::Disk { ticket, order } => To::Disk(DiskRequest { ticket, order }),
        });
    }
}

impl Arrows<lease_manager::Output> for Mailboxes {
    fn route(order: lease_manager::Output, to: &mut Vec<To>) {
        to.push(match order {
            lease_manager::Output::Post { ticket, to, note } => {
                To::Courier(courier::Input::Post { ticket, to, note })
            }
            lease_manager::Output::Locate { ticket, user } => {
                To::Presence(presence::Input::Locate { ticket, user })
            }
            lease_manager::Output::SendPicture {
                to,
                grant,
                form,
                number,
                body,
            } => message(
                Party::User(to),
                Cargo::Picture(grant, form, number),
                (body, None),
            ),
            lease_manager::Output::Kept(letter) => To::Courier(courier::Input::Kept(letter)),
            lease_manager::Output::GrantOpened { ticket, opened } => {
                To::Sharing(sharing::Input::GrantOpened { ticket, opened })
            }
            lease_manager::Output::Delivering {
                ticket,
                done_bytes,
                total_bytes,
            } => To::Sharing(sharing::Input::Making {
                ticket,
                progress: Progress::Delivering {
                    done_bytes,
                    total_bytes,
                },
            }),
            lease_manager::Output::MoreLooksAnswered { ticket, added } => {
                To::Sharing(sharing::Input::MoreLooksAnswered { ticket, added })
            }
            lease_manager::Output::Deposit {
                ticket,
                deposits,
                needed,
            } => To::Clerk(clerk::Input::Deposit {
                ticket,
                deposits,
                needed,
            }),
            lease_manager::Output::Order { ticket, command } => {
                To::Clerk(clerk::Input::Order { ticket, command })
            }
            lease_manager::Output::Look { ticket, look } => {
                To::Clerk(clerk::Input::Look { ticket, look })
            }
            lease_manager::Output::Borrow { ticket, loan } => {
                To::Clerk(clerk::Input::Borrow { ticket, loan })
            }
            lease_manager::Output::Work { ticket, work } => To::Work(WorkRequest { ticket, work }),
            lease_manager::Output::Report(report) => To::Person(report),
            lease_manager::Output::Notice(notice) => To::Notices(notice),
            lease_manager::Output::Disk { ticket, order } => {
                To::Disk(DiskRequest { ticket, order })
            }
        });
    }
}
