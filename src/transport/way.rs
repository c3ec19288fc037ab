//! How a party is reached.

use std::net::SocketAddr;

use crate::proto::ids::NodeId;

/// Largest datagram that a relay passes on: one that fits, sealed once more, a datagram of the
/// smallest path.
pub const RELAYED_BYTES: usize = 1_136;

/// How a party is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Datagrams go to this address.
    Direct(SocketAddr),
    /// A server passes datagrams on.
    Relay(NodeId),
}

impl Way {
    /// The address, if it is a direct way.
    #[must_use]
    pub const fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Direct(address) => Some(address),
            Self::Relay(_) => None,
        }
    }

    /// Whether no packet should turn us from this way to that one.
    #[must_use]
    pub const fn is_better_than(self, other: Self) -> bool {
        matches!((self, other), (Self::Direct(_), Self::Relay(_)))
    }
}
