//! Who is alive and how busy: gossips this server's load and judges the silence of the others.
//!
//! Decides suspicion only. Never decides who works. A server is alive until nothing was heard of
//! it for the suspicion time, stretched when this server itself was late (it then distrusts itself
//! first, after Lifeguard, arXiv 1707.00788), or until it says goodbye.

use crate::proto::ids::NodeId;
use crate::proto::packet::{LoadReport, Packet};
use crate::time::WallTime;

/// Timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Wall time of this start.
    pub incarnation: WallTime,
    /// Milliseconds between two reports. 50 to 1,000.
    pub gossip_every_ms: u64,
    /// Silence after which a server counts as lost, in milliseconds; at least twice the above.
    pub suspect_after_ms: u64,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A report arrived.
    Heard {
        /// From whom.
        from: NodeId,
        /// The report.
        report: LoadReport,
    },
    /// A server said goodbye.
    ByeHeard(NodeId),
    /// Jobs on this server changed.
    Jobs {
        /// Waiting.
        queued: u32,
        /// Running.
        running: u32,
    },
    /// What this host can do now, in thousandths of a free core.
    Speed(u32),
    /// The mailbox changed or caught up.
    Mail {
        /// Digest over its content.
        digest: u64,
        /// Whether it has caught up.
        caught_up: bool,
    },
    /// The names changed or caught up.
    Names {
        /// Digest over them.
        digest: u64,
        /// Whether they have caught up.
        caught_up: bool,
    },
    /// This node falls silent on purpose; it stops sending and forgets what it heard.
    Halted {
        /// Whether to say goodbye first.
        announced: bool,
    },
    /// It is back.
    Resumed,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a packet to a server.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        packet: Packet,
    },
    /// The view changed: every configured server, this one included, in order of their numbers.
    View(Vec<Member>),
}

/// A server as this one sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Which.
    pub node: NodeId,
    /// Whether it is believed alive. Always true for this server itself.
    pub alive: bool,
    /// Its last report; the default one if none was ever heard.
    pub report: LoadReport,
}
