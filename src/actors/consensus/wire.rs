//! What servers say to each other about the log, in types of ours.
//!
//! The types of raft are converted field by field and encoded by `proto::codec`, so the parser of
//! protocol buffers never sees a byte that came from a host or a disk. Who sent a letter is known
//! from the session that it came through and is not written in it.

use bytes::Bytes;
use raft::eraftpb;
use serde::{Deserialize, Serialize};

use crate::proto::codec::{self, DecodeError};
use crate::proto::ids::{Digest, NodeId, UserId};
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::time::WallTime;

/// One message between servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Letter {
    /// From raft to raft.
    Raft(RaftMessage),
    /// A client's command, for the leader.
    Pass(Command),
    /// The sender has an empty disk and wants to know the terms of the others.
    Hello {
        /// Number of this start of the sender.
        boot: u64,
        /// Those that told it they are new as well.
        new_ones: Vec<NodeId>,
    },
    /// The answer.
    Welcome {
        /// Number of the start that asked.
        boot: u64,
        /// The term of the sender; 0 if it has never known one.
        term: u64,
        /// Whether the sender takes part.
        is_in: bool,
    },
    /// The state of the sender at a checkpoint.
    Checkpoint {
        /// Place in the log.
        seq: u64,
        /// Digest of the state after it.
        digest: Digest,
    },
}

impl Letter {
    pub(super) fn encode(&self) -> Bytes {
        codec::encode(self).into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, MESSAGE_MAX_BYTES)
    }
}

/// A client's command under the number that the client gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Command {
    pub(super) client: UserId,
    pub(super) nonce: u64,
    pub(super) bytes: Bytes,
}

/// What an entry of the log carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Envelope {
    /// The clock of the leader that put it into the log.
    pub(super) stamp: WallTime,
    /// None tells the time only.
    pub(super) command: Option<Command>,
}

/// Messages of raft that cross from host to host. Those that raft sends to itself, its own way of
/// passing proposals on, and wishes for another leader are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Append,
    AppendResponse,
    RequestVote,
    RequestVoteResponse,
    Snapshot,
    Heartbeat,
    HeartbeatResponse,
    TimeoutNow,
    ReadIndex,
    ReadIndexResponse,
    RequestPreVote,
    RequestPreVoteResponse,
}

/// A message of raft. The fields are those of raft-rs; its two priorities are not used here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RaftMessage {
    pub(super) kind: Kind,
    pub(super) term: u64,
    pub(super) log_term: u64,
    pub(super) index: u64,
    pub(super) entries: Vec<LogEntry>,
    pub(super) commit: u64,
    pub(super) commit_term: u64,
    pub(super) snapshot: Option<Parcel>,
    pub(super) request_snapshot: u64,
    pub(super) reject: bool,
    pub(super) reject_hint: u64,
    pub(super) context: Bytes,
}

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EntryKind {
    Normal,
    /// Room for a change of the members, which nobody makes yet.
    Change,
    /// The same, of several at a time.
    JointChange,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogEntry {
    pub(super) kind: EntryKind,
    pub(super) term: u64,
    pub(super) index: u64,
    pub(super) data: Bytes,
    pub(super) context: Bytes,
}

/// Who belongs to the group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) voters: Vec<u64>,
    pub(super) learners: Vec<u64>,
    pub(super) voters_outgoing: Vec<u64>,
    pub(super) learners_next: Vec<u64>,
    pub(super) auto_leave: bool,
}

/// A state on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parcel {
    pub(super) index: u64,
    pub(super) term: u64,
    pub(super) group: Group,
    pub(super) data: Bytes,
}

/// The number that raft knows a server by.
pub(super) const fn raft_id(node: NodeId) -> u64 {
    node.0 as u64
}

/// The server that raft knows by a number.
pub(super) fn node_id(id: u64) -> Option<NodeId> {
    u8::try_from(id).ok().filter(|&id| id != 0).map(NodeId)
}

impl Kind {
    const fn of(kind: eraftpb::MessageType) -> Option<Self> {
        use eraftpb::MessageType as Raft;
        Some(match kind {
            Raft::MsgAppend => Self::Append,
            Raft::MsgAppendResponse => Self::AppendResponse,
            Raft::MsgRequestVote => Self::RequestVote,
            Raft::MsgRequestVoteResponse => Self::RequestVoteResponse,
            Raft::MsgSnapshot => Self::Snapshot,
            Raft::MsgHeartbeat => Self::Heartbeat,
            Raft::MsgHeartbeatResponse => Self::HeartbeatResponse,
            Raft::MsgTimeoutNow => Self::TimeoutNow,
            Raft::MsgReadIndex => Self::ReadIndex,
            Raft::MsgReadIndexResp => Self::ReadIndexResponse,
            Raft::MsgRequestPreVote => Self::RequestPreVote,
            Raft::MsgRequestPreVoteResponse => Self::RequestPreVoteResponse,
            Raft::MsgHup
            | Raft::MsgBeat
            | Raft::MsgPropose
            | Raft::MsgUnreachable
            | Raft::MsgSnapStatus
            | Raft::MsgCheckQuorum
            | Raft::MsgTransferLeader => return None,
        })
    }

    const fn into_raft(self) -> eraftpb::MessageType {
        use eraftpb::MessageType as Raft;
        match self {
            Self::Append => Raft::MsgAppend,
            Self::AppendResponse => Raft::MsgAppendResponse,
            Self::RequestVote => Raft::MsgRequestVote,
            Self::RequestVoteResponse => Raft::MsgRequestVoteResponse,
            Self::Snapshot => Raft::MsgSnapshot,
            Self::Heartbeat => Raft::MsgHeartbeat,
            Self::HeartbeatResponse => Raft::MsgHeartbeatResponse,
            Self::TimeoutNow => Raft::MsgTimeoutNow,
            Self::ReadIndex => Raft::MsgReadIndex,
            Self::ReadIndexResponse => Raft::MsgReadIndexResp,
            Self::RequestPreVote => Raft::MsgRequestPreVote,
            Self::RequestPreVoteResponse => Raft::MsgRequestPreVoteResponse,
        }
    }
}

impl RaftMessage {
    /// A message of raft, if it is one that leaves the host.
    pub(super) fn of(message: eraftpb::Message) -> Option<Self> {
        let mut message = message;
        let snapshot = message
            .has_snapshot()
            .then(|| Parcel::of(message.take_snapshot()));
        Some(Self {
            kind: Kind::of(message.get_msg_type())?,
            term: message.term,
            log_term: message.log_term,
            index: message.index,
            entries: message.get_entries().iter().map(LogEntry::of).collect(),
            commit: message.commit,
            commit_term: message.commit_term,
            snapshot,
            request_snapshot: message.request_snapshot,
            reject: message.reject,
            reject_hint: message.reject_hint,
            context: message.take_context(),
        })
    }

    /// The message as raft takes it.
    pub(super) fn into_raft(self, from: NodeId, to: NodeId) -> eraftpb::Message {
        let mut message = eraftpb::Message::default();
        message.set_msg_type(self.kind.into_raft());
        message.from = raft_id(from);
        message.to = raft_id(to);
        message.term = self.term;
        message.log_term = self.log_term;
        message.index = self.index;
        let entries: Vec<_> = self.entries.into_iter().map(LogEntry::into_raft).collect();
        message.set_entries(entries.into());
        message.commit = self.commit;
        message.commit_term = self.commit_term;
        if let Some(parcel) = self.snapshot {
            message.set_snapshot(parcel.into_raft());
        }
        message.request_snapshot = self.request_snapshot;
        message.reject = self.reject;
        message.reject_hint = self.reject_hint;
        message.context = self.context;
        message
    }
}

impl LogEntry {
    pub(super) fn of(entry: &eraftpb::Entry) -> Self {
        Self {
            kind: match entry.get_entry_type() {
                eraftpb::EntryType::EntryNormal => EntryKind::Normal,
                eraftpb::EntryType::EntryConfChange => EntryKind::Change,
                eraftpb::EntryType::EntryConfChangeV2 => EntryKind::JointChange,
            },
            term: entry.term,
            index: entry.index,
            data: entry.data.clone(),
            context: entry.context.clone(),
        }
    }

    pub(super) fn into_raft(self) -> eraftpb::Entry {
        let mut entry = eraftpb::Entry::default();
        entry.set_entry_type(match self.kind {
            EntryKind::Normal => eraftpb::EntryType::EntryNormal,
            EntryKind::Change => eraftpb::EntryType::EntryConfChange,
            EntryKind::JointChange => eraftpb::EntryType::EntryConfChangeV2,
        });
        entry.term = self.term;
        entry.index = self.index;
        entry.data = self.data;
        entry.context = self.context;
        entry
    }
}

impl Group {
    /// A group in which everybody votes.
    pub(super) fn of_voters(voters: &[NodeId]) -> Self {
        Self {
            voters: voters.iter().copied().map(raft_id).collect(),
            ..Self::default()
        }
    }

    pub(super) fn of(group: &eraftpb::ConfState) -> Self {
        Self {
            voters: group.get_voters().to_vec(),
            learners: group.get_learners().to_vec(),
            voters_outgoing: group.get_voters_outgoing().to_vec(),
            learners_next: group.get_learners_next().to_vec(),
            auto_leave: group.auto_leave,
        }
    }

    pub(super) fn into_raft(self) -> eraftpb::ConfState {
        let mut group = eraftpb::ConfState::default();
        group.set_voters(self.voters);
        group.set_learners(self.learners);
        group.set_voters_outgoing(self.voters_outgoing);
        group.set_learners_next(self.learners_next);
        group.auto_leave = self.auto_leave;
        group
    }
}

impl Parcel {
    pub(super) fn of(snapshot: eraftpb::Snapshot) -> Self {
        let mut snapshot = snapshot;
        let about = snapshot.take_metadata();
        Self {
            index: about.index,
            term: about.term,
            group: Group::of(about.get_conf_state()),
            data: snapshot.take_data(),
        }
    }

    pub(super) fn into_raft(self) -> eraftpb::Snapshot {
        let mut about = eraftpb::SnapshotMetadata {
            index: self.index,
            term: self.term,
            ..eraftpb::SnapshotMetadata::default()
        };
        about.set_conf_state(self.group.into_raft());
        let mut snapshot = eraftpb::Snapshot::default();
        snapshot.set_metadata(about);
        snapshot.data = self.data;
        snapshot
    }
}
