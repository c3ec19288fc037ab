//! Who a client is, timings and bounds.

use core::time::Duration;

use crate::crypto::identity::SecretIdentity;
use crate::proto::ids::NodeId;
use crate::time::Calendar;

/// Who we are, timings and bounds.
#[derive(Clone)]
pub struct Config {
    /// Our keys.
    pub identity: SecretIdentity,
    /// Our name.
    pub name: String,
    /// The servers.
    pub servers: Vec<NodeId>,
    /// Milliseconds between two signs of presence.
    pub here_every_ms: u64,
    /// Milliseconds for which each is valid; at least three times the above.
    pub ttl_ms: u32,
    /// How long an answer of the servers is waited for before the registry answers, ms.
    pub lookup_wait_ms: u64,
    /// A server that has not answered for so long is not counted as answering, in milliseconds.
    pub server_silent_ms: u64,
    /// Peers remembered at the most.
    pub contacts_max: usize,
    /// How long the disk is waited for when a person marks a peer, in milliseconds.
    pub disk_ms: u64,
    /// To number errands across restarts.
    pub calendar: Calendar,
}

impl Config {
    /// The configuration for a local network.
    #[must_use]
    pub const fn lan(
        identity: SecretIdentity,
        name: String,
        servers: Vec<NodeId>,
        calendar: Calendar,
    ) -> Self {
        Self {
            identity,
            name,
            servers,
            // A user who vanishes counts as online for a few seconds at the most; letters to them
            // go to the mailboxes as soon as they do not confirm, whatever the directory says.
            here_every_ms: 2_000,
            // Two signs may be lost in a row.
            ttl_ms: 7_000,
            // Many round trips, repeated within; a person does not notice it.
            lookup_wait_ms: 600,
            // Two answers may be lost in a row.
            server_silent_ms: 5_000,
            // A few hundred bytes each.
            contacts_max: 4_096,
            // Many writes of a slow disk.
            disk_ms: 5_000,
            calendar,
        }
    }

    pub(super) const fn here_every(&self) -> Duration {
        // Never zero: the next sign has to be later than this one.
        Duration::from_millis(if self.here_every_ms == 0 {
            1
        } else {
            self.here_every_ms
        })
    }

    pub(super) const fn lookup_wait(&self) -> Duration {
        Duration::from_millis(self.lookup_wait_ms)
    }
}
