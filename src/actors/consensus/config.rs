//! Timings and bounds, and what raft is told of them.

use super::wire::{self, Group};
use crate::proto::ids::NodeId;
use crate::proto::limits::LEDGER_ENTRY_MAX_BYTES;
use crate::time::Calendar;

/// Timings and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// The other servers of the group. None makes a group of one.
    pub peers: Vec<NodeId>,
    /// The unit of time of the next two, in milliseconds.
    pub tick_ms: u64,
    /// A leader that was not heard for so many ticks, and up to twice as many, is replaced.
    pub election_ticks: usize,
    /// A leader speaks every so many ticks.
    pub heartbeat_ticks: usize,
    /// Entries in one message, in bytes; a larger entry goes alone.
    pub append_max_bytes: u64,
    /// Messages with entries on their way to one server. Few and large: they may overtake each
    /// other, and after one that did raft sends the others again, one at a time at first.
    pub appends_max: usize,
    /// Entries of a leader that are not decided yet, in bytes.
    pub undecided_max_bytes: u64,
    /// Largest command, in bytes.
    pub command_max_bytes: usize,
    /// Largest state that is sent to a server that is far behind, in bytes; with what is around it
    /// it has to fit a message. A larger one stays here, and that server behind.
    pub snapshot_max_bytes: usize,
    /// Commands that clients wait for.
    pub waiting_max: usize,
    /// Those of one client.
    pub waiting_by_client_max: usize,
    /// Those that are not in the log yet, in bytes.
    pub waiting_max_bytes: usize,
    /// A command that nobody repeats is forgotten after so long, in milliseconds.
    pub waiting_ms: u64,
    /// The same where its client has no room left, in milliseconds. Clients repeat theirs much
    /// sooner.
    pub waiting_crowded_ms: u64,
    /// A command that is not decided after so long is passed on to the leader, in milliseconds.
    pub pass_on_after_ms: u64,
    /// Questions that wait.
    pub reads_max: usize,
    /// A question is put to the leader again after so long, in milliseconds.
    pub read_wait_ms: u64,
    /// Every so many entries the state is written down, the log is cut, and states are compared.
    pub checkpoint_every: u64,
    /// Entries that stay in the log behind a checkpoint, for servers that are a little behind.
    pub log_tail: u64,
    /// A state that was sent and is not confirmed is sent again after so long, in milliseconds.
    pub snapshot_wait_ms: u64,
    /// The disk's answer is waited for so long before the order is given again, in milliseconds.
    pub disk_wait_ms: u64,
    /// A write that failed is tried again after so long, in milliseconds.
    pub disk_retry_ms: u64,
    /// To stamp entries.
    pub calendar: Calendar,
}

impl Config {
    /// Timings for a local network.
    #[must_use]
    pub const fn lan(me: NodeId, peers: Vec<NodeId>, calendar: Calendar) -> Self {
        Self {
            me,
            peers,
            tick_ms: 20,
            election_ticks: 10,
            heartbeat_ticks: 2,
            append_max_bytes: 256 << 10,
            appends_max: 4,
            undecided_max_bytes: 8 << 20,
            command_max_bytes: LEDGER_ENTRY_MAX_BYTES,
            snapshot_max_bytes: 48 << 20,
            waiting_max: 4_096,
            waiting_by_client_max: 64,
            waiting_max_bytes: 8 << 20,
            waiting_ms: 10_000,
            waiting_crowded_ms: 1_000,
            pass_on_after_ms: 150,
            reads_max: 1_024,
            read_wait_ms: 100,
            checkpoint_every: 10_000,
            log_tail: 1_000,
            snapshot_wait_ms: 5_000,
            disk_wait_ms: 5_000,
            disk_retry_ms: 1_000,
            calendar,
        }
    }

    pub(super) fn checked(mut self) -> Self {
        let me = self.me;
        self.peers.retain(|&peer| peer != me);
        self.peers.sort_unstable();
        self.peers.dedup();
        self.tick_ms = self.tick_ms.max(1);
        self.heartbeat_ticks = self.heartbeat_ticks.max(1);
        self.election_ticks = self.election_ticks.max(self.heartbeat_ticks + 1);
        self.appends_max = self.appends_max.max(1);
        self.append_max_bytes = self.append_max_bytes.max(1);
        self.undecided_max_bytes = self.undecided_max_bytes.max(self.append_max_bytes);
        self.checkpoint_every = self.checkpoint_every.max(1);
        self
    }

    pub(super) fn group(&self) -> Group {
        let mut servers = self.peers.clone();
        servers.push(self.me);
        servers.sort_unstable();
        Group::of_voters(&servers)
    }

    pub(super) fn raft(&self, applied: u64) -> raft::Config {
        raft::Config {
            id: wire::raft_id(self.me),
            election_tick: self.election_ticks,
            heartbeat_tick: self.heartbeat_ticks,
            applied,
            max_size_per_msg: self.append_max_bytes,
            max_inflight_msgs: self.appends_max,
            check_quorum: true,
            pre_vote: true,
            max_uncommitted_size: self.undecided_max_bytes,
            ..raft::Config::default()
        }
    }
}
