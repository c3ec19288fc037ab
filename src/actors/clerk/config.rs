//! Who we are, timings and bounds.

use crate::crypto::identity::SecretIdentity;
use crate::proto::ids::NodeId;
use crate::time::Calendar;

/// Who we are, timings and bounds.
#[derive(Clone)]
pub struct Config {
    /// Our keys.
    pub identity: SecretIdentity,
    /// The servers, in the order of the configuration: share `i` is that of server `i`, from 1.
    pub servers: Vec<NodeId>,
    /// An order that is not answered is sent again after so long, in milliseconds.
    pub repeat_ms: u64,
    /// An order is given up after so long, in milliseconds. It may have been counted all the same.
    pub give_up_ms: u64,
    /// Shares of a look that is counted are waited for so long from its order, in milliseconds:
    /// what is missing is a server that comes back, and the look would be lost.
    pub counted_ms: u64,
    /// Orders under way at the most.
    pub orders_max: usize,
    /// To stamp orders.
    pub calendar: Calendar,
}

impl Config {
    /// For a local network.
    #[must_use]
    pub const fn lan(identity: SecretIdentity, servers: Vec<NodeId>, calendar: Calendar) -> Self {
        Self {
            identity,
            servers,
            // A commit takes two writes to disk; a new leader is found within a second.
            repeat_ms: 300,
            give_up_ms: 8_000,
            // Within the 15 s that a person waits for anything; servers give shares for a minute.
            counted_ms: 14_000,
            orders_max: 1_024,
            calendar,
        }
    }
}
