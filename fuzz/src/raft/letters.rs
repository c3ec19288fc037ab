//! What servers say to each other about the log, as it is encoded: the same fields in the same
//! order as in the crate, where they are nobody else's business. That they are the same is seen
//! whenever a letter of the crate's is read here.

use bytes::Bytes;
use pentimento::proto::codec;
use pentimento::proto::ids::{Digest, NodeId, UserId};
use pentimento::proto::limits::MESSAGE_MAX_BYTES;
use pentimento::time::WallTime;
use serde::{Deserialize, Serialize};

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Letter {
    /// From raft to raft.
    Raft(Message),
    /// A client's command, for the leader.
    Pass(Command),
    /// The sender has an empty disk.
    Hello { boot: u64, new_ones: Vec<NodeId> },
    /// The answer.
    Welcome { boot: u64, term: u64, is_in: bool },
    /// The state at a checkpoint.
    Checkpoint { seq: u64, digest: Digest },
}

impl Letter {
    /// Its bytes.
    pub fn encode(&self) -> Bytes {
        codec::encode(self).into()
    }

    /// A letter that the crate has written.
    pub fn of_ours(bytes: &[u8]) -> Self {
        let letter: Self = codec::decode(bytes, MESSAGE_MAX_BYTES).expect("a letter");
        assert_eq!(letter.encode(), bytes, "the same fields");
        letter
    }
}

/// A client's command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    pub client: UserId,
    pub nonce: u64,
    pub bytes: Bytes,
}

/// What an entry of the log carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub stamp: WallTime,
    pub command: Option<Command>,
}

/// Kinds of messages of raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
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

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Append,
        Self::AppendResponse,
        Self::RequestVote,
        Self::RequestVoteResponse,
        Self::Snapshot,
        Self::Heartbeat,
        Self::HeartbeatResponse,
        Self::TimeoutNow,
        Self::ReadIndex,
        Self::ReadIndexResponse,
        Self::RequestPreVote,
        Self::RequestPreVoteResponse,
    ];
}

/// A message of raft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub kind: Kind,
    pub term: u64,
    pub log_term: u64,
    pub index: u64,
    pub entries: Vec<Entry>,
    pub commit: u64,
    pub commit_term: u64,
    pub snapshot: Option<Parcel>,
    pub request_snapshot: u64,
    pub reject: bool,
    pub reject_hint: u64,
    pub context: Bytes,
}

impl Message {
    /// One that says nothing yet.
    pub fn new(kind: Kind, term: u64) -> Self {
        Self {
            kind,
            term,
            log_term: 0,
            index: 0,
            entries: Vec::new(),
            commit: 0,
            commit_term: 0,
            snapshot: None,
            request_snapshot: 0,
            reject: false,
            reject_hint: 0,
            context: Bytes::new(),
        }
    }
}

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    Normal,
    Change,
    JointChange,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub kind: EntryKind,
    pub term: u64,
    pub index: u64,
    pub data: Bytes,
    pub context: Bytes,
}

/// Who belongs to the group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub voters: Vec<u64>,
    pub learners: Vec<u64>,
    pub voters_outgoing: Vec<u64>,
    pub learners_next: Vec<u64>,
    pub auto_leave: bool,
}

/// A state on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub index: u64,
    pub term: u64,
    pub group: Group,
    pub data: Bytes,
}
