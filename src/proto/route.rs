//! How a user can be reached.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::ids::{NodeId, UserId};

/// What is needed to dial a user. The key proves itself: a user id is hashed from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Who.
    pub user: UserId,
    /// The X25519 key that the user's handshakes are made with: [`PublicIdentity::seal`].
    ///
    /// [`PublicIdentity::seal`]: super::identity::PublicIdentity::seal
    pub key: [u8; 32],
    /// Where they may be, the best first. Hints of others: nothing is believed of them.
    pub addresses: Vec<SocketAddr>,
}

/// How a user is reached now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reached {
    /// Datagrams go straight to them.
    Direct,
    /// This server passes datagrams on, sealed for them.
    Relayed(NodeId),
}
