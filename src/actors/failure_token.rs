//! The round-robin token of planned failures: its holder falls silent for a while.
//!
//! The token only says whose turn it is. What makes it safe is permission: the holder fails only
//! after *every* other server has promised, for longer than the failure lasts, neither to fail nor
//! to permit another to. A server that is down (really or on purpose) cannot promise, so there is
//! never a simulated failure beside another failure, whatever becomes of the token: it may be lost,
//! doubled or late. The holder counts its time from the sending of the question, everybody else
//! from its arrival, which is later.

use super::membership::Member;
use crate::proto::ids::NodeId;
use crate::proto::packet::TokenPacket;
use crate::time::{Calendar, WallTime};

/// Timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers.
    pub peers: Vec<NodeId>,
    /// Whether the simulation is on at the start.
    pub on: bool,
    /// Whether the holder says goodbye first.
    pub announced: bool,
    /// Shortest failure in milliseconds.
    pub hold_min_ms: u32,
    /// Longest failure in milliseconds; at most 20,000.
    pub hold_max_ms: u32,
    /// Pause between getting the token and asking for permission, in milliseconds.
    pub pause_ms: u64,
    /// How long permissions are waited for, in milliseconds.
    pub permission_wait_ms: u64,
    /// Added to every promise against drift of clocks, in milliseconds.
    pub margin_ms: u64,
    /// The token is made anew if nobody was seen with it for so long, in milliseconds.
    pub regenerate_after_ms: u64,
    /// To stamp commands.
    pub calendar: Calendar,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// A server sent a token packet.
    Heard {
        /// The server.
        from: NodeId,
        /// The packet.
        packet: TokenPacket,
    },
    /// An operator switches the simulation for the whole cluster.
    Switch {
        /// On or off.
        on: bool,
        /// Whether the holder says goodbye first.
        announced: bool,
    },
    /// An operator wants this server to fail now, whoever's turn it is.
    FailNow {
        /// For so long, in milliseconds; cut to the longest failure.
        hold_ms: u32,
        /// Whether to say goodbye first.
        announced: bool,
    },
    /// The view of the cluster changed.
    View(Vec<Member>),
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a token packet to a server.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        packet: TokenPacket,
    },
    /// Fall silent now.
    Fail {
        /// Whether to say goodbye first.
        announced: bool,
    },
    /// Speak again and catch up.
    Recover,
    /// How things stand, after each change.
    State {
        /// Whether the simulation is on.
        on: bool,
        /// When that was commanded.
        commanded_at: WallTime,
        /// Whether the token is here.
        here: bool,
        /// Whether this server is silent on purpose.
        failing: bool,
    },
    /// The wish to fail now came to nothing, and why.
    NotNow(&'static str),
}
