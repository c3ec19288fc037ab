//! What arrives at a client from its edges, and which concern it is for.

use bytes::Bytes;

use super::{Ingress, Mailboxes, To};
use crate::actors::edges::{Desk, Ticket, WorkDone};
use crate::actors::{clerk, courier, lease_manager, presence, requester, sharing, studio};
use crate::node::switchboard::{Accept, EdgeAnswer};
use crate::proto::cargo::Cargo;
use crate::proto::control::{Command, Wish};
use crate::proto::ids::{NodeId, WishId};
use crate::proto::packet::{HereAnswer, Packet, Party};
use crate::proto::route::Reached;
use crate::transport::contract::{Incoming, Moved};
use crate::transport::way::Way;

impl Accept for Mailboxes {
    type Ingress = Ingress;

    fn accept(ingress: Ingress, to: &mut Vec<To>) {
        match ingress {
            Ingress::Net(batch) => {
                for incoming in batch {
                    accept_net(incoming, to);
                }
            }
            Ingress::Edge(EdgeAnswer::Disk(ticket, answer)) => to.extend(match ticket.desk {
                Desk::Presence => Some(To::Presence(presence::Input::Disk { ticket, answer })),
                Desk::Courier => Some(To::Courier(courier::Input::Disk { ticket, answer })),
                Desk::Studio => Some(To::Studio(studio::Input::Disk { ticket, answer })),
                Desk::Sharing => Some(To::Sharing(sharing::Input::Disk { ticket, answer })),
                Desk::LeaseManager => Some(To::LeaseManager(lease_manager::Input::Disk {
                    ticket,
                    answer,
                })),
                Desk::Directory
                | Desk::Mailbox
                | Desk::StegoWorker
                | Desk::Consensus
                | Desk::Custody => None,
            }),
            Ingress::Edge(EdgeAnswer::Work(ticket, done)) => to.extend(worked(ticket, done)),
            // Only servers ask services.
            Ingress::Edge(EdgeAnswer::Http(..)) => {}
            Ingress::Wish(Wish {
                id: wish,
                command: Command::Cancel(target),
            }) => {
                // Only one of them has it.
                to.push(To::Sharing(sharing::Input::CancelWanted { wish, target }));
                to.push(To::Studio(studio::Input::CancelWanted(target)));
            }
            Ingress::Wish(wish) => to.extend(wished(wish)),
            Ingress::Leave => to.push(To::Presence(presence::Input::Leave)),
        }
    }
}

fn worked(ticket: Ticket, done: WorkDone) -> Option<To> {
    Some(match ticket.desk {
        Desk::Studio => To::Studio(studio::Input::Worked { ticket, done }),
        Desk::Sharing => To::Sharing(sharing::Input::Worked { ticket, done }),
        Desk::LeaseManager => To::LeaseManager(lease_manager::Input::Worked { ticket, done }),
        _ => return None,
    })
}

/// Which concern fulfils a command; none for those that the control edge fulfils itself.
fn wished(Wish { id: wish, command }: Wish) -> Option<To> {
    Some(match command {
        Command::Status => To::Presence(presence::Input::StatusWanted(wish)),
        Command::Peers => To::Presence(presence::Input::PeersWanted(wish)),
        Command::AddPeer(code) => To::Presence(presence::Input::AddWanted { wish, code }),
        Command::Verify { peer, on } => {
            To::Presence(presence::Input::VerifyWanted { wish, peer, on })
        }
        Command::Block { peer, on } => {
            To::Presence(presence::Input::BlockWanted { wish, peer, on })
        }
        Command::Settle(wait_ms) => To::Presence(presence::Input::SettleWanted { wish, wait_ms }),
        Command::Hide {
            name,
            original,
            carrier,
        } => To::Studio(studio::Input::HideWanted {
            wish,
            name,
            original,
            carrier,
        }),
        Command::Reveal(picture) => To::Studio(studio::Input::RevealWanted { wish, picture }),
        Command::Inspect(picture) => To::Studio(studio::Input::InspectWanted { wish, picture }),
        command => return wished_sharing(wish, command),
    })
}

/// The same for galleries, questions and rules.
fn wished_sharing(wish: WishId, command: Command) -> Option<To> {
    Some(match command {
        Command::Offer {
            name,
            original,
            keep_metadata,
        } => To::Sharing(sharing::Input::OfferWanted {
            wish,
            name,
            original,
            keep_metadata,
        }),
        Command::Gallery(peer) => To::Sharing(sharing::Input::GalleryWanted { wish, peer }),
        Command::Ask {
            peer,
            image,
            views,
            remark,
            wait_ms,
        } => To::Sharing(sharing::Input::AskWanted {
            wish,
            peer,
            image,
            views,
            remark,
            wait_ms,
        }),
        Command::Withdraw(ask) => To::Sharing(sharing::Input::WithdrawWanted { wish, ask }),
        Command::Requests => To::Sharing(sharing::Input::RequestsWanted(wish)),
        Command::Decide { ask, views, reason } => To::Sharing(sharing::Input::DecideWanted {
            wish,
            ask,
            views,
            reason,
        }),
        Command::Share {
            name,
            original,
            to,
            views,
            conditions,
            carrier,
            keep_metadata,
        } => To::Sharing(sharing::Input::ShareWanted {
            wish,
            name,
            original,
            to,
            views,
            conditions,
            carrier,
            keep_metadata,
        }),
        Command::SetRule { peer, rule } => {
            To::Sharing(sharing::Input::RuleWanted { wish, peer, rule })
        }
        Command::Rules => To::Sharing(sharing::Input::RulesWanted(wish)),
        command => return wished_lease(wish, command),
    })
}

/// The same for grants that exist.
fn wished_lease(wish: WishId, command: Command) -> Option<To> {
    Some(To::LeaseManager(match command {
        Command::View(lease) => lease_manager::Input::ViewWanted { wish, lease },
        Command::Shown(view) => lease_manager::Input::Shown { wish, view },
        Command::LetGo(view) => lease_manager::Input::LetGo { wish, view },
        Command::TakeLooks {
            lease,
            looks,
            until,
        } => lease_manager::Input::TakeWanted {
            wish,
            lease,
            looks,
            until,
        },
        Command::ReturnLooks { lease } => lease_manager::Input::ReturnWanted { wish, lease },
        Command::Leases => lease_manager::Input::LeasesWanted(wish),
        Command::Adjust { lease, change } => lease_manager::Input::AdjustWanted {
            wish,
            lease,
            change,
        },
        Command::Ledger(lease) => lease_manager::Input::LedgerWanted { wish, lease },
        _ => return None,
    }))
}

fn accept_net(incoming: Incoming, to: &mut Vec<To>) {
    let from = incoming.from;
    for packet in incoming.packets {
        match (packet, from) {
            (Packet::Ping(nonce), _) => {
                to.push(To::Presence(presence::Input::PingHeard { from, nonce }));
            }
            (Packet::LetterKept(letter), Party::User(from)) => {
                to.push(To::Courier(courier::Input::LetterKept { from, letter }));
            }
            (Packet::PassWanted { letter, fault }, Party::User(from)) => {
                to.push(To::Courier(courier::Input::PassWanted {
                    from,
                    letter,
                    fault,
                }));
            }
            (packet, Party::Server(node)) => accept_server(node, packet, to),
            (_, Party::User(_)) => {}
        }
    }
    for moved in incoming.moved {
        to.extend(match from {
            Party::Server(node) => moved_with_server(node, moved),
            Party::User(_) => moved_with_user(from, moved),
        });
    }
}

/// What happened to a message from or to a server, for whom it is.
fn moved_with_server(server: NodeId, moved: Moved) -> Option<To> {
    let (from, to) = (server, server);
    Some(match moved {
        Moved::Received { cargo, body } => return received(Party::Server(from), cargo, body),
        Moved::Started {
            cargo: Cargo::Result { request, .. },
            size_bytes,
        } => To::Requester(requester::Input::DownloadProgress {
            request,
            from,
            done_bytes: 0,
            total_bytes: size_bytes,
        }),
        Moved::Receiving {
            cargo: Cargo::Result { request, .. },
            done_bytes,
            total_bytes,
        } => To::Requester(requester::Input::DownloadProgress {
            request,
            from,
            done_bytes,
            total_bytes,
        }),
        Moved::Sending {
            cargo: Cargo::Body(request, _),
            done_bytes,
            total_bytes,
        } => To::Requester(requester::Input::UploadProgress {
            to,
            request,
            done_bytes,
            total_bytes,
        }),
        Moved::Delivered {
            cargo: Cargo::Body(request, _),
        } => To::Requester(requester::Input::Uploaded { to, request }),
        Moved::Failed {
            cargo: Cargo::Body(request, _),
            ..
        } => To::Requester(requester::Input::UploadFailed { to, request }),
        Moved::Failed {
            cargo: cargo @ Cargo::Deposit(_),
            ..
        } => To::Courier(courier::Input::TransferFailed {
            to: Party::Server(to),
            cargo,
        }),
        _ => return None,
    })
}

/// What happened to a message from or to another user, for whom it is.
fn moved_with_user(party: Party, moved: Moved) -> Option<To> {
    Some(match moved {
        Moved::Received { cargo, body } => return received(party, cargo, body),
        Moved::Way(way) => {
            let Party::User(user) = party else {
                return None;
            };
            let reached = way.map(|way| match way {
                Way::Direct(_) => Reached::Direct,
                Way::Relay(node) => Reached::Relayed(node),
            });
            To::Presence(presence::Input::Reached { user, reached })
        }
        Moved::Sending {
            cargo: Cargo::Picture(grant, ..),
            done_bytes,
            total_bytes,
        } => To::LeaseManager(lease_manager::Input::PictureMoves {
            grant,
            done_bytes,
            total_bytes,
        }),
        Moved::Delivered {
            cargo: Cargo::Picture(grant, ..),
        } => To::LeaseManager(lease_manager::Input::PictureSent(grant)),
        Moved::Failed {
            cargo: Cargo::Picture(grant, ..),
            ..
        } => To::LeaseManager(lease_manager::Input::PictureNotSent(grant)),
        Moved::Failed {
            cargo: cargo @ (Cargo::Letter(_) | Cargo::Visit(_)),
            ..
        } => To::Courier(courier::Input::TransferFailed { to: party, cargo }),
        _ => return None,
    })
}

/// What a server may say to a client.
fn accept_server(from: NodeId, packet: Packet, to: &mut Vec<To>) {
    if let Packet::HereAnswer(HereAnswer { at, disk, .. }) = packet {
        to.push(To::Courier(courier::Input::ServerHeard { from, at }));
        to.push(To::LeaseManager(lease_manager::Input::ServerHeard {
            from,
            disk,
        }));
    }
    to.push(match packet {
        // A server speaks for itself only.
        Packet::Elected(elected) if elected.node == from => {
            To::Requester(requester::Input::ElectedHeard(elected))
        }
        Packet::NeedBody { request, epoch } => To::Requester(requester::Input::BodyNeeded {
            from,
            request,
            epoch,
        }),
        Packet::Refused { request, reason } => To::Requester(requester::Input::RefusedHeard {
            from,
            request,
            reason,
        }),
        Packet::HereAnswer(answer) => To::Presence(presence::Input::HereAnswered { from, answer }),
        Packet::Outdated { epoch, is_here } => To::Presence(presence::Input::Outdated {
            from,
            epoch,
            is_here,
        }),
        Packet::MailWaiting(letters) => {
            To::Presence(presence::Input::MailWaiting { from, letters })
        }
        Packet::LookupAnswer(answer) => {
            To::Presence(presence::Input::LookupAnswered { from, answer })
        }
        Packet::Decided { nonce, answer } => To::Clerk(clerk::Input::Decided { nonce, answer }),
        Packet::ShareKept(answer) => To::Clerk(clerk::Input::DepositAnswered { from, answer }),
        Packet::Share(share) => To::Clerk(clerk::Input::ShareArrived { from, share }),
        Packet::Deposited(letter) => To::Courier(courier::Input::Deposited { from, letter }),
        Packet::DepositRefused { letter, reason } => To::Courier(courier::Input::DepositRefused {
            from,
            letter,
            reason,
        }),
        _ => return,
    });
}

/// A whole message, for whom it is; none for what this sender may not send.
fn received(from: Party, cargo: Cargo, body: Bytes) -> Option<To> {
    Some(match (from, cargo) {
        (
            Party::Server(from),
            Cargo::Result {
                request,
                epoch,
                node,
                ..
            },
        ) if node == from => To::Requester(requester::Input::ResultArrived {
            request,
            from,
            epoch,
            picture: body,
        }),
        (Party::Server(_), Cargo::Mail { .. }) => {
            To::Courier(courier::Input::MailArrived { letters: body })
        }
        (Party::User(from), Cargo::Letter(_)) => {
            To::Courier(courier::Input::LetterArrived { from, body })
        }
        (Party::User(from), Cargo::Visit(_)) => {
            To::Courier(courier::Input::VisitArrived { from, body })
        }
        (Party::User(from), Cargo::Picture(grant, form, _)) => {
            To::LeaseManager(lease_manager::Input::PictureArrived {
                from,
                grant,
                form,
                body,
            })
        }
        _ => return None,
    })
}
