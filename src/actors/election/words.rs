//! What the election says to whom.

use super::{Case, Election, Output};
use crate::actors::machine::Outbox;
use crate::proto::ids::{NodeId, RequestId, UserId};
use crate::proto::packet::{Elected, Packet, Party, RefusalReason};

/// What a client is told to wait when there is no place for its request.
pub(super) const RETRY_AFTER_MS: u32 = 500;

impl Election {
    pub(super) fn tell_peers(&self, packet: &Packet, out: &mut Outbox<Output>) {
        for node in self.seats.peers() {
            out.push(to_server(node, packet.clone()));
        }
    }

    pub(super) fn elected(&self, case: &Case, out: &mut Outbox<Output>) {
        let packet = Packet::Elected(Elected {
            request: case.ask.request,
            epoch: case.epoch,
            node: self.config.me,
        });
        out.push(Output::Send {
            to: Party::User(case.client),
            packet,
        });
    }
}

pub(super) const fn to_server(node: NodeId, packet: Packet) -> Output {
    Output::Send {
        to: Party::Server(node),
        packet,
    }
}

pub(super) fn refuse(client: UserId, request: RequestId, out: &mut Outbox<Output>) {
    let reason = RefusalReason::Busy {
        retry_after_ms: RETRY_AFTER_MS,
    };
    out.push(Output::Send {
        to: Party::User(client),
        packet: Packet::Refused { request, reason },
    });
}
