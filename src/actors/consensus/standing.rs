//! How a server takes part, and what it tells of itself.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::rows::Damage;
use crate::proto::ids::NodeId;

/// How this server takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It learns what was decided without it, and answers nobody.
    CatchingUp,
    /// It answers.
    Serving,
    /// It is silent on purpose.
    Halted,
    /// It is silent because its disk does not write.
    DiskFails,
    /// It is out of the group for good.
    Quarantined,
}

/// Why a server takes itself out of the group.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Why {
    /// Its disk is damaged.
    #[error("the disk is damaged: {0}")]
    Damaged(Damage),
    /// A leader knows of entries that this server had on disk and has no more.
    #[error("entries are gone that this server had confirmed")]
    Forgot,
    /// A majority made something else of the same commands.
    #[error("the state after entry {0} is not that of the majority")]
    Differs(u64),
}

/// What is counted, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that no server sends, and their bytes are dropped.
    pub bad_messages: u64,
    /// Commands for which there was no room, or that were too large.
    pub turned_away: u64,
    /// Entries that hold no command of ours.
    pub strange_entries: u64,
    /// States that were too large to be sent to a server that is far behind.
    pub too_large_states: u64,
    /// Entries applied.
    pub applied: u64,
    /// Writes ordered.
    pub writes: u64,
    /// Servers whose state differed from ours when last told.
    pub differing: usize,
}

/// How things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Who leads, if this server knows.
    pub leader: Option<NodeId>,
    /// The term.
    pub term: u64,
    /// The last entry applied.
    pub applied: u64,
    /// How this server takes part.
    pub standing: Standing,
    /// Whether everything that was decided before it came (back) is applied.
    pub caught_up: bool,
    /// Whether it votes and may lead: not while it has an empty disk and is not one of the group
    /// again.
    pub votes: bool,
    /// What was counted.
    pub counts: Counts,
}
