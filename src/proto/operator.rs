//! What an operator's program and a server say to each other over the server's control socket.

use serde::{Deserialize, Serialize};

use super::ids::NodeId;

/// What an operator may ask of a server node, over its own control socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerCommand {
    /// How are things? Answered by [`ServerReply::Status`].
    Status,
    /// Switch the failure simulation of the whole cluster.
    Token {
        /// On or off.
        on: bool,
        /// Whether the holder says goodbye before it falls silent.
        announced: bool,
    },
    /// Fail now for so long, if the other servers permit it, whoever's turn it is.
    FailNow {
        /// Milliseconds, 1 to 20,000.
        hold_ms: u32,
        /// Whether to say goodbye first.
        announced: bool,
    },
    /// End the node.
    Stop,
}

/// A server's answer to an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerReply {
    /// How things are.
    Status(ServerStatus),
    /// Done, or on its way.
    Ok,
    /// Not done, and why.
    Refused(String),
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Which server.
    pub node: NodeId,
    /// Address of the socket for clients.
    pub clients: std::net::SocketAddr,
    /// Address of the socket for servers.
    pub peers: std::net::SocketAddr,
    /// Servers heard lately, itself included.
    pub alive: Vec<NodeId>,
    /// Whether it has caught up with the state of the others.
    pub caught_up: bool,
    /// Whether it is in a simulated failure.
    pub failing: bool,
    /// Whether the failure simulation is on.
    pub token_on: bool,
    /// Whether it holds the failure token.
    pub token_here: bool,
    /// Jobs waiting and running.
    pub jobs: u32,
    /// Requests done since the start.
    pub requests_done: u64,
    /// Users online.
    pub users_online: u32,
    /// Letters kept.
    pub letters: u32,
    /// Datagrams dropped, by reason, since the start.
    pub dropped: Vec<(String, u64)>,
}
