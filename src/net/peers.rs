//! Which address belongs to which server, as the configuration says.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::proto::ids::NodeId;
use crate::proto::packet::Party;

/// The servers behind one socket, both ways.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    by_node: BTreeMap<NodeId, SocketAddr>,
    by_address: BTreeMap<SocketAddr, NodeId>,
}

impl Peers {
    /// The table of these servers.
    #[must_use]
    pub fn new(servers: impl IntoIterator<Item = (NodeId, SocketAddr)>) -> Self {
        let by_node: BTreeMap<_, _> = servers.into_iter().collect();
        let by_address = by_node
            .iter()
            .map(|(node, address)| (*address, *node))
            .collect();
        Self {
            by_node,
            by_address,
        }
    }

    /// Where a server is.
    #[must_use]
    pub fn address(&self, node: NodeId) -> Option<SocketAddr> {
        self.by_node.get(&node).copied()
    }

    /// Who sends from this address: a server of the table, else a client.
    #[must_use]
    pub fn party(&self, address: SocketAddr) -> Party {
        self.by_address
            .get(&address)
            .map_or(Party::Client(address), |node| Party::Server(*node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_address_is_a_server_and_any_other_a_client() {
        let home: SocketAddr = "127.0.0.1:1000".parse().expect("address");
        let away: SocketAddr = "127.0.0.1:1001".parse().expect("address");
        let peers = Peers::new([(NodeId(1), home)]);
        assert_eq!(peers.party(home), Party::Server(NodeId(1)));
        assert_eq!(peers.party(away), Party::Client(away));
        assert_eq!(peers.address(NodeId(1)), Some(home));
        assert_eq!(peers.address(NodeId(2)), None);
    }
}
