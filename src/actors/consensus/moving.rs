//! A ledger on its way from one store to another, through files.
//!
//! One server's file does not always have everything that was decided: an entry is decided when a
//! majority has it, and this server may be none of them. But of the logs of a majority of the
//! servers, the one whose last entry has the largest term and then the largest number has all of
//! it (the argument by which Raft elects leaders: Ongaro and Ousterhout, 2014, 5.4). So a ledger of
//! the embedded store is made of the files of a majority, from servers that have ended and do not
//! go on. A ledger in etcd is one file, and etcd refuses what would be appended after it.
//!
//! Nothing here touches a disk or a network: rows and files are arguments.

use bytes::Bytes;
use raft::eraftpb::HardState;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::log::{Kept, Log, Place};
use super::rows::{self, Found, VoteRow};
use super::wire::{self, Envelope};
use super::{Config, Rows, StateMachine, Whereabouts, Why};
use crate::actors::edges::{Record, Table};
use crate::proto::codec;
use crate::proto::ids::{Digest, NodeId};
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::time::{Calendar, WallTime};

const MAGIC: &[u8] = b"pentimento ledger file 1\n";
const SUM_BYTES: usize = 32;

/// Why a ledger is not moved. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoveError {
    /// The rows of this server are not to be believed.
    #[error("this server is quarantined: {0}")]
    Quarantined(Why),
    /// This server lost its disk and has not made up for it.
    #[error("this server does not vote yet, so its log does not count")]
    NoVoter,
    /// There is nothing to move, or it lies elsewhere.
    #[error("the ledger of this server lies {0}")]
    Elsewhere(Whereabouts),
    /// Bytes that are no file of ours, or damaged.
    #[error("no exported ledger, or a damaged one")]
    NoFile,
    /// Files of different clusters, or of different kinds, or two of one server.
    #[error("these files do not belong together")]
    Mixed,
    /// Too few files.
    #[error("{given} of {voters} servers' files, a majority is needed")]
    TooFew {
        /// Files that were given.
        given: usize,
        /// Servers of that cluster.
        voters: usize,
    },
    /// The file is older than what this server has seen of the same ledger, or of another one.
    #[error("this server took part in another ledger, or in a later state of this one")]
    Later,
    /// A server that is not quarantined.
    #[error("this server is not quarantined")]
    Sound,
}

/// Where an exported ledger was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// On the disk of a server.
    Server {
        /// Which.
        me: NodeId,
        /// The servers of its group.
        voters: Vec<u64>,
        /// The term of its last entry.
        term: u64,
    },
    /// In etcd.
    Etcd {
        /// Which ledger.
        origin: Digest,
    },
}

/// A ledger as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Where it was.
    pub source: Source,
    /// The last entry in it.
    pub seq: u64,
    /// The state after that entry.
    pub state: Bytes,
}

impl Exported {
    /// As a file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&codec::encode(self));
        let sum = Digest::of(&bytes);
        bytes.extend_from_slice(&sum.0);
        bytes
    }

    /// From a file.
    ///
    /// # Errors
    /// If it is none, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, MoveError> {
        let end = bytes
            .len()
            .checked_sub(SUM_BYTES)
            .ok_or(MoveError::NoFile)?;
        let (content, sum) = bytes.split_at(end);
        let body = content.strip_prefix(MAGIC).ok_or(MoveError::NoFile)?;
        if Digest::of(content).0 != *sum {
            return Err(MoveError::NoFile);
        }
        codec::decode(body, MESSAGE_MAX_BYTES).map_err(|_| MoveError::NoFile)
    }

    /// Tells states apart, so that people can compare what they import.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.state)
    }

    /// Names the ledger that begins with this state, wherever it is imported.
    pub(super) fn origin(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 imported ledger");
        hasher.update(&self.seq.to_le_bytes());
        hasher.update(&self.digest().0);
        Digest(*hasher.finalize().as_bytes())
    }
}

fn group(me: NodeId, servers: &[NodeId]) -> wire::Group {
    Config::lan(me, servers.to_vec(), Calendar::default())
        .checked()
        .group()
}

/// What is wrong with the rows of a server that is stopped, if anything is.
#[must_use]
pub fn trouble(me: NodeId, servers: &[NodeId], rows: &Rows) -> Option<Why> {
    let found = match rows.whereabouts() {
        Whereabouts::Nowhere | Whereabouts::Exported => return None,
        Whereabouts::Etcd => return super::etcd::trouble(rows),
        Whereabouts::Embedded => rows::read(me, &group(me, servers), rows),
    };
    match found {
        Ok(Found::Quarantined(why)) => Some(why),
        Ok(_) => None,
        Err(damage) => Some(Why::Damaged(damage)),
    }
}

/// The ledger of a server of the embedded store, as far as its own log goes.
///
/// # Errors
/// If there is none, or it does not count.
pub fn export<S: StateMachine>(
    me: NodeId,
    servers: &[NodeId],
    rows: &Rows,
    blank: S,
) -> Result<Exported, MoveError> {
    let log = log_of(me, servers, rows)?;
    let state = state_at(&log, u64::MAX, blank)?;
    let end = log.end();
    Ok(Exported {
        source: Source::Server {
            me,
            voters: log.group().voters.clone(),
            term: end.term,
        },
        seq: end.index,
        state: state.snapshot(),
    })
}

/// The log of a server of the embedded store, if it counts.
fn log_of(me: NodeId, servers: &[NodeId], rows: &Rows) -> Result<Box<Log>, MoveError> {
    let quarantined = |why| MoveError::Quarantined(why);
    let found = rows::read(me, &group(me, servers), rows)
        .map_err(|damage| quarantined(Why::Damaged(damage)))?;
    match found {
        Found::Blank => Err(MoveError::Elsewhere(Whereabouts::Nowhere)),
        Found::Quarantined(Why::Elsewhere(place)) => Err(MoveError::Elsewhere(place)),
        Found::Quarantined(why) => Err(quarantined(why)),
        Found::Log(log) if log.floor().is_some() => Err(MoveError::NoVoter),
        Found::Log(log) => Ok(log),
    }
}

/// What a server that is stopped has of the history of its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Everything up to this place was decided, as far as this server knew.
    pub decided: u64,
    /// Place, time and command of each entry that it still has, decided or not. Commands are empty
    /// for entries that only tell the time.
    pub entries: Vec<(u64, WallTime, Bytes)>,
    /// Places without an entry of the ledger's: those by which leaders begin.
    pub without: Vec<u64>,
    /// Digest of the state after what was decided.
    pub state: Digest,
}

/// Reads the log of a server of the embedded store.
///
/// # Errors
/// If there is none, or it does not count.
pub fn history<S: StateMachine>(
    me: NodeId,
    servers: &[NodeId],
    rows: &Rows,
    blank: S,
) -> Result<History, MoveError> {
    let log = log_of(me, servers, rows)?;
    let decided = log.commit();
    let (mut entries, mut without) = (Vec::new(), Vec::new());
    for entry in log.behind(0) {
        match codec::decode::<Envelope>(&entry.data, MESSAGE_MAX_BYTES) {
            Ok(envelope) => {
                let command = envelope.command.map(|command| command.bytes);
                entries.push((entry.index, envelope.stamp, command.unwrap_or_default()));
            }
            Err(_) => without.push(entry.index),
        }
    }
    Ok(History {
        decided,
        entries,
        without,
        state: state_at(&log, decided, blank)?.digest(),
    })
}

/// The state after an entry that the log has, or the last one.
fn state_at<S: StateMachine>(log: &Log, last: u64, blank: S) -> Result<S, MoveError> {
    let (mut state, from) = match log.kept() {
        None => (blank, 0),
        Some(kept) => {
            let damaged = |words: S::Damaged| {
                let damage = rows::Damage::Snapshot(words.to_string());
                MoveError::Quarantined(Why::Damaged(damage))
            };
            (S::restore(&kept.state).map_err(damaged)?, kept.at.index)
        }
    };
    for entry in log.behind(from).take_while(|entry| entry.index <= last) {
        if let Ok(envelope) = codec::decode::<Envelope>(&entry.data, MESSAGE_MAX_BYTES) {
            let command = envelope.command.as_ref();
            let bytes = command.map_or(&[][..], |command| &command.bytes);
            state.apply(entry.index, envelope.stamp, bytes);
        }
    }
    Ok(state)
}

/// The one of these files that has everything that was decided.
///
/// # Errors
/// If they are too few, or do not belong together.
pub fn choose(files: &[Exported]) -> Result<&Exported, MoveError> {
    let first = files.first().ok_or(MoveError::NoFile)?;
    let Source::Server { voters, .. } = &first.source else {
        return if files.len() == 1 {
            Ok(first)
        } else {
            Err(MoveError::Mixed)
        };
    };
    let mut from = Vec::new();
    let mut best = (0, 0, first);
    for file in files {
        match &file.source {
            Source::Server {
                me,
                voters: of,
                term,
            } if of == voters && !from.contains(me) => {
                from.push(*me);
                if (*term, file.seq) >= (best.0, best.1) {
                    best = (*term, file.seq, file);
                }
            }
            _ => return Err(MoveError::Mixed),
        }
    }
    if from.len() <= voters.len() / 2 {
        return Err(MoveError::TooFew {
            given: from.len(),
            voters: voters.len(),
        });
    }
    Ok(best.2)
}

/// Whether a server with these rows may take the ledger of this file over.
///
/// # Errors
/// If it has a ledger that was not exported, or knows more than the file.
pub fn may_import(rows: &Rows, file: &Exported) -> Result<(), MoveError> {
    match rows.whereabouts() {
        Whereabouts::Nowhere | Whereabouts::Exported => Ok(()),
        Whereabouts::Embedded => Err(MoveError::Elsewhere(Whereabouts::Embedded)),
        Whereabouts::Etcd => {
            let Source::Etcd { origin } = file.source else {
                return Err(MoveError::Later);
            };
            super::etcd::knows_no_more(rows, origin, file.seq)
                .then_some(())
                .ok_or(MoveError::Later)
        }
    }
}

/// The row that says that the ledger of this server is in a file.
#[must_use]
pub fn exported_record() -> Record {
    rows::exported_record()
}

/// Deletes every row of a server's ledger.
#[must_use]
pub fn cleared(rows: &Rows) -> Vec<Record> {
    let of = |table: Table, rows: &[(Vec<u8>, Bytes)]| -> Vec<Record> {
        let deleted = |(key, _): &(Vec<u8>, Bytes)| Record {
            table,
            key: key.clone(),
            value: None,
        };
        rows.iter().map(deleted).collect()
    };
    let mut records = of(Table::RaftLog, &rows.log);
    records.extend(of(Table::RaftState, &rows.state));
    records.extend(of(Table::LedgerSnapshot, &rows.snapshot));
    records
}

/// The rows of a server of the embedded store that begins with the ledger of this file. Every
/// server of the cluster has to begin with the same.
#[must_use]
pub fn embedded_rows(me: NodeId, servers: &[NodeId], file: &Exported) -> Vec<Record> {
    let before = match file.source {
        Source::Server { term, .. } => term,
        Source::Etcd { .. } => 0,
    };
    let at = Place {
        index: file.seq,
        term: before + 1,
        chain: file.origin(),
    };
    let kept = Kept {
        at,
        state: file.state.clone(),
    };
    let (mut records, _) = rows::snapshot_records(&kept, 0);
    let mut log = Log::resumed(group(me, servers), HardState::default(), at, None);
    log.replace(kept);
    records.push(rows::base_record(me, &log));
    records.push(rows::vote_record(&VoteRow {
        term: at.term,
        vote: 0,
        commit: at.index,
        end: at,
    }));
    records
}
