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
    /// It does not reach the etcd that has the ledger, and answers nobody.
    Unreachable,
    /// It is out of the group for good.
    Quarantined,
}

impl core::fmt::Display for Standing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::CatchingUp => "catching up",
            Self::Serving => "serving",
            Self::Halted => "halted",
            Self::DiskFails => "disk fails",
            Self::Unreachable => "etcd unreachable",
            Self::Quarantined => "quarantined",
        })
    }
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
    /// The store that it is told to use is not the one that has its ledger.
    #[error("the ledger of this server lies {0}")]
    Elsewhere(Whereabouts),
    /// The etcd that it is told to use has another ledger.
    #[error("etcd has another ledger than the one that this server took part in")]
    OtherLedger,
}

/// Where the ledger of a server lies, as its disk tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whereabouts {
    /// Nowhere yet.
    Nowhere,
    /// With the servers, on their disks.
    Embedded,
    /// In etcd.
    Etcd,
    /// In a file: it was exported and waits to be imported.
    Exported,
}

impl core::fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Nowhere => "nowhere",
            Self::Embedded => "on the disks of the servers",
            Self::Etcd => "in etcd",
            Self::Exported => "in the file that it was exported to",
        })
    }
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
