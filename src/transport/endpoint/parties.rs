//! Who is who: what we present in a handshake, and what a key and a presentation prove.

use std::net::SocketAddr;

use super::{Endpoint, Server};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::NodeId;
use crate::proto::packet::Party;
use crate::transport::way::Way;

const USER: u8 = 0;
const SERVER: u8 = 1;

/// Who we are to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Us {
    /// A server of the cluster.
    Server(NodeId),
    /// A user; the key of their signatures. The key of their sessions is the one that others seal
    /// letters with.
    User([u8; 32]),
}

impl Us {
    /// What a handshake presents beside the key.
    pub(super) fn payload(&self) -> Vec<u8> {
        match self {
            Self::Server(node) => vec![SERVER, node.0],
            Self::User(sign) => [&[USER], sign.as_slice()].concat(),
        }
    }
}

impl Endpoint {
    /// The party that presents itself so and has proven that it has this key; none for one that
    /// may not talk with us.
    pub(super) fn party_of(&self, key: [u8; 32], payload: &[u8]) -> Option<Party> {
        match payload {
            [SERVER, node] => {
                let server = self.server(NodeId(*node))?;
                (server.key == Some(key)).then_some(Party::Server(server.node))
            }
            [USER, sign @ ..] if self.config.strangers => {
                let sign = sign.try_into().ok()?;
                let identity = PublicIdentity { sign, seal: key };
                Some(Party::User(identity.user_id()))
            }
            _ => None,
        }
    }

    pub(super) fn server(&self, node: NodeId) -> Option<&Server> {
        self.config
            .servers
            .iter()
            .find(|server| server.node == node)
    }

    /// The key of a party, if it is known before a session.
    pub(super) fn key_of(&self, party: Party) -> Option<[u8; 32]> {
        match party {
            Party::Server(node) => self.server(node)?.key,
            Party::User(user) => self.routes.get(&user).map(|route| route.key),
        }
    }

    /// The direct ways on which a session may be begun.
    pub(super) fn ways_of(&self, party: Party) -> Vec<Way> {
        let direct = |address: &SocketAddr| Way::Direct(*address);
        match party {
            Party::Server(node) => {
                let server = self.server(node);
                server
                    .map(|server| direct(&server.address))
                    .into_iter()
                    .collect()
            }
            Party::User(user) => {
                let route = self.routes.get(&user);
                let addresses = route.map(|route| route.addresses.iter().map(direct));
                addresses.into_iter().flatten().collect()
            }
        }
    }

    /// Whether there is a session, a way to begin one, or somebody to ask for a way.
    pub(super) fn can_reach(&self, party: Party) -> bool {
        let has_session = self
            .links
            .get(&party)
            .is_some_and(|link| !link.sessions.is_empty());
        has_session || self.can_begin(party)
    }

    /// Whether there is a way to begin a session, or somebody to ask for one.
    pub(super) fn can_begin(&self, party: Party) -> bool {
        let is_asked_for = matches!((self.config.us, party), (Us::User(_), Party::User(_)))
            && !self.config.servers.is_empty()
            && self.key_of(party).is_some();
        is_asked_for || !self.ways_of(party).is_empty()
    }
}
