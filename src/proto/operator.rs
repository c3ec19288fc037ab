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
    /// Pass the failure token on to the next server, if it is here.
    PassToken,
    /// Take nothing new, finish what runs, and end the node.
    Stop,
}

/// A server's answer to an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerReply {
    /// How things are.
    Status(Box<ServerStatus>),
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
    /// Its process.
    pub pid: u32,
    /// Address of the socket for clients.
    pub clients: std::net::SocketAddr,
    /// Address of the socket for servers.
    pub peers: std::net::SocketAddr,
    /// Address of the admin port (HTTP).
    pub admin: std::net::SocketAddr,
    /// Servers heard lately, itself included.
    pub alive: Vec<NodeId>,
    /// Times that another server was silent for so long that it counted as lost, since the start.
    pub suspicions: u64,
    /// Whether it has caught up with the state of the others.
    pub caught_up: bool,
    /// Whether it is about to end.
    pub draining: bool,
    /// Whether it is in a simulated failure.
    pub failing: bool,
    /// Whether the failure simulation is on.
    pub token_on: bool,
    /// Whether it holds the failure token.
    pub token_here: bool,
    /// Requests of this server that are not done: waiting, running, or on their way back.
    pub jobs: u32,
    /// Requests done since the start.
    pub requests_done: u64,
    /// Requests delivered in the last minute; counts up to 1,024.
    pub requests_last_minute: u32,
    /// 95 of 100 of those took no longer than this, from the claim to the client's last
    /// acknowledgement, in milliseconds.
    pub p95_ms: u32,
    /// Users online.
    pub users_online: u32,
    /// Letters kept.
    pub letters: u32,
    /// Datagrams dropped, by reason, since the start.
    pub dropped: Vec<(String, u64)>,
    /// How it takes part in the ledger of strict grants.
    pub ledger: LedgerStatus,
    /// All configured servers in the order in which they would take the next request, as this one
    /// sees them; those that are lost come last.
    pub outlook: Vec<Prospect>,
}

/// How a server takes part in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerStatus {
    /// Whether it lies in etcd, and not on the disks of the servers.
    pub in_etcd: bool,
    /// In one or two words: `serving`, `catching up`, `halted`, `disk fails`, `etcd unreachable`,
    /// `quarantined`; empty until it has told.
    pub standing: String,
    /// Who leads, or in etcd who wrote last, if this server knows.
    pub leader: Option<NodeId>,
    /// The term of the leader; 0 in etcd, where nobody leads.
    pub term: u64,
    /// The last entry applied.
    pub applied: u64,
    /// Whether everything that was decided before it came (back) is applied.
    pub caught_up: bool,
    /// Servers whose state differed from this one's when last told.
    pub differing: u32,
    /// Orders that had no room or were too large, since the start.
    pub turned_away: u64,
    /// Why it takes no part any more, if it does not.
    pub quarantined: Option<String>,
}

impl LedgerStatus {
    /// Whether it counts looks.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.standing == SERVING
    }
}

/// The standing of a server that answers.
pub const SERVING: &str = "serving";

impl ServerStatus {
    /// The server that would take the next request. Of several that are equally good a hash of
    /// the request decides; this is the one with the lowest number.
    #[must_use]
    pub fn next(&self) -> Option<&Prospect> {
        self.outlook
            .first()
            .filter(|first| first.alive && !first.draining)
    }

    /// Whether this server hears a majority of the configured ones, itself included.
    #[must_use]
    pub fn sees_majority(&self) -> bool {
        self.alive.len() > self.outlook.len() / 2
    }
}

/// A server's chance of the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prospect {
    /// Which server.
    pub node: NodeId,
    /// Whether it was heard lately.
    pub alive: bool,
    /// Whether it has caught up with the state of the others; one that has not comes after all
    /// that have.
    pub caught_up: bool,
    /// Whether it is about to end; it then takes nothing.
    pub draining: bool,
    /// Jobs that wait there.
    pub queued: u32,
    /// Jobs that run there.
    pub running: u32,
    /// What its host can do now, in thousandths of a free core.
    pub speed_milli: u32,
    /// The wait that is expected of one more request, in microseconds of a nominal job: what the
    /// election compares.
    pub wait_us: u64,
}
