//! What a datagram that arrived means: whose packet it is, or whose handshake.

use std::net::SocketAddr;

use super::{Endpoint, RAW_MAX, Us};
use crate::proto::ids::UserId;
use crate::proto::packet::Party;
use crate::time::Moment;
use crate::transport::link::{Asked, Shared};
use crate::transport::way::Way;
use crate::transport::wire::{self, Header, Kind, Outer};

/// Where a datagram came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) way: Way,
    /// The user for whom a relay says it came.
    pub(super) user: Option<UserId>,
}

impl Origin {
    /// The address that limits and cookies go by. What a relay passes on goes by its user, who gets
    /// a network of their own out of those that are no one's: one user in a hurry does not use up
    /// the rate of the others.
    pub(super) fn address(&self) -> SocketAddr {
        match self.way {
            Way::Direct(address) => address,
            Way::Relay(node) => {
                let mut network = [0; 16];
                network[0] = 0xfd;
                if let Some(UserId(user)) = self.user {
                    network[1..8].copy_from_slice(&user[..7]);
                    network[8..15].copy_from_slice(&user[7..14]);
                }
                network[15] = node.0;
                SocketAddr::from((network, 0))
            }
        }
    }
}

impl Endpoint {
    /// Takes datagrams that came together from one address, each of `stride` bytes but the last.
    /// The bytes are overwritten.
    pub fn receive(&mut self, now: Moment, from: SocketAddr, bytes: &mut [u8], stride: usize) {
        let count = bytes.len().div_ceil(stride.max(1)).max(1);
        if self.shut {
            return self
                .counts
                .drop_many("kept out by a planned failure", count as u64);
        }
        self.counts.received_bytes += bytes.len() as u64;
        let origin = Origin {
            way: Way::Direct(from),
            user: None,
        };
        if bytes.is_empty() {
            return self.counts.drop_one(wire::WireError::Empty.to_string());
        }
        let mut touched = None;
        for datagram in bytes.chunks_mut(stride.max(1)) {
            let party = self.receive_one(now, origin, datagram);
            if touched != party {
                self.attend_some(now, touched);
                touched = party;
            }
        }
        self.attend_some(now, touched);
    }

    fn attend_some(&mut self, now: Moment, party: Option<Party>) {
        if let Some(party) = party {
            self.attend(now, party);
        }
    }

    /// Takes one datagram. Gives the link that has to be attended to.
    pub(super) fn receive_one(
        &mut self,
        now: Moment,
        origin: Origin,
        datagram: &mut [u8],
    ) -> Option<Party> {
        match wire::parse(datagram) {
            Ok(Outer::Sealed(header)) => self.on_sealed(now, origin, header, datagram),
            Ok(Outer::Handshake(kind)) => self.on_handshake(now, origin, kind, datagram),
            Ok(Outer::Refusal {
                lowest,
                highest,
                session,
            }) => {
                self.on_refusal((lowest, highest), session);
                None
            }
            Err(error) => {
                self.counts.drop_one(error.to_string());
                if let wire::WireError::Version(_) = error
                    && let Some(refusal) = wire::refusal(datagram)
                    && self.hints.may_speak(now)
                {
                    self.push_raw(origin, refusal.to_vec());
                }
                None
            }
        }
    }

    /// Queues a datagram of a handshake for where one came from.
    pub(super) fn push_raw(&mut self, origin: Origin, datagram: Vec<u8>) {
        if self.raw.len() < RAW_MAX {
            self.raw.push_back((origin, datagram));
        } else {
            self.counts.drop_one("handshakes wait for the socket");
        }
    }

    fn on_sealed(
        &mut self,
        now: Moment,
        origin: Origin,
        header: Header,
        datagram: &mut [u8],
    ) -> Option<Party> {
        let Some(&party) = self.sessions.get(&header.session) else {
            self.counts.drop_one("unknown session");
            if self.hints.may_speak(now) {
                self.push_raw(origin, wire::unknown_session(header).to_vec());
            }
            return None;
        };
        let fresh = self.fresh_number();
        let link = self.links.get_mut(&party)?;
        let mut shared = Shared {
            budget: &mut self.budget,
            pool: &self.pool,
            counts: &mut self.counts,
        };
        let mut asked = Asked::default();
        link.on_packet(
            now,
            (header, origin.way, fresh),
            datagram,
            &mut shared,
            &mut asked,
        );
        if !asked.is_nothing() {
            self.on_asked(now, party, header.session, origin, asked);
        }
        Some(party)
    }

    /// What a packet asked beyond its link.
    pub(super) fn on_asked(
        &mut self,
        now: Moment,
        party: Party,
        local: u32,
        origin: Origin,
        asked: Asked,
    ) {
        self.relieve(now);
        if let Some(resumption) = asked.resumption {
            self.desk.keep(now, resumption, origin.address());
            self.on_proven(now, party);
        }
        if let Some(needless) = asked.needless {
            self.sessions.remove(&needless);
        }
        if asked.closed
            && let Some(link) = self.links.get_mut(&party)
        {
            link.end_session(now, local, &mut self.budget);
            self.sessions.remove(&local);
        }
        if matches!(party, Party::Server(_)) && asked.observed.is_some() {
            self.seen_as = asked.observed;
        }
        if matches!(origin.way, Way::Relay(_)) && !asked.relayed.is_empty() {
            return self.counts.drop_one("relay: what came by one");
        }
        for said in asked.introductions {
            self.on_introduction(now, party, said);
        }
        for (user, datagram) in asked.relayed {
            self.on_relayed(now, party, user, datagram);
        }
    }

    /// A datagram that a server passes on to us, or that we as a server are to pass on.
    fn on_relayed(&mut self, now: Moment, from: Party, user: UserId, mut datagram: Vec<u8>) {
        match from {
            Party::Server(node) => {
                let origin = Origin {
                    way: Way::Relay(node),
                    user: Some(user),
                };
                let touched = self.receive_one(now, origin, &mut datagram);
                self.attend_some(now, touched);
            }
            Party::User(sender) if matches!(self.config.us, Us::Server(_)) => {
                self.pass_on(now, sender, user, datagram);
            }
            Party::User(_) => self.counts.drop_one("relay: not a server"),
        }
    }

    fn on_handshake(
        &mut self,
        now: Moment,
        origin: Origin,
        kind: Kind,
        datagram: &mut [u8],
    ) -> Option<Party> {
        match kind {
            Kind::Initiation => self.on_initiation(now, origin, datagram),
            Kind::Answer => self.on_answer(now, origin, datagram),
            Kind::Finish => self.on_finish(now, origin, datagram),
            Kind::Cookie => self.on_cookie(now, datagram),
            Kind::Early | Kind::EarlyAnswer => self.on_early(now, origin, kind, datagram),
            Kind::UnknownSession => self.on_unknown_session(now, origin, datagram),
            Kind::Opener => self.on_opener(now, origin, datagram),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::NodeId;

    #[test]
    fn each_user_of_a_relay_has_a_network_of_their_own() {
        let network = |user: u8, node| {
            let origin = Origin {
                way: Way::Relay(NodeId(node)),
                user: Some(UserId([user; 32])),
            };
            match origin.address() {
                SocketAddr::V6(address) => address.ip().octets()[..8].to_vec(),
                SocketAddr::V4(_) => panic!("of the other version"),
            }
        };
        assert_ne!(network(1, 1), network(2, 1));
        assert_eq!(network(1, 1), network(1, 2), "by whichever relay");
    }
}
