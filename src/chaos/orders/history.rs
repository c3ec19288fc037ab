//! The log of the ledger as the disks of ended servers have it, put together over a run.
//!
//! A server cuts its log now and then. Whenever one is ended, its database is copied before it
//! begins again, and read in a thread of its own; if servers are ended often enough, no entry is
//! missed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use bytes::Bytes;

use crate::actors::consensus::moving::{self, MoveError};
use crate::actors::consensus::{Agreed, StateMachine};
use crate::ledger::check::sequence;
use crate::node::machines::agreed_rows;
use crate::node::vault::{DATABASE, Vault};
use crate::proto::ids::{Digest, NodeId};
use crate::proto::ledger::Entry;
use crate::time::WallTime;

/// Copies that are not read yet; who makes more waits.
const COPIES_MAX: usize = 64;

/// What witnesses tell.
#[derive(Debug, Default)]
pub(super) struct Seen {
    entries: BTreeMap<u64, (WallTime, Bytes)>,
    /// Places where leaders began.
    without: BTreeSet<u64>,
    /// Seen that were read.
    pub(super) read: u64,
    /// Of each disk whose it was, the last place that it knew to be decided, and its state there.
    pub(super) states: Vec<(NodeId, u64, Digest)>,
    /// What should not have been.
    pub(super) wrong: Vec<String>,
}

impl Seen {
    fn take(&mut self, me: NodeId, servers: &[NodeId], copy: &Path) {
        self.read += 1;
        match self.read_log(me, servers, copy) {
            // A server that has just begun on an empty disk has no log that counts.
            Ok(()) | Err(MoveError::Elsewhere(_) | MoveError::NoVoter) => {}
            Err(error) => self.wrong.push(format!("the disk of server {me}: {error}")),
        }
    }

    fn read_log(&mut self, me: NodeId, servers: &[NodeId], copy: &Path) -> Result<(), MoveError> {
        let tables = match Vault::open(copy).and_then(|vault| vault.tables()) {
            Ok(tables) => tables,
            Err(error) => {
                self.wrong.push(format!("the disk of server {me}: {error}"));
                return Ok(());
            }
        };
        let rows = agreed_rows(&tables);
        let history = moving::history(me, servers, &rows, Agreed::default())?;
        self.states.push((me, history.decided, history.state));
        self.without.extend(history.without);
        for (seq, stamp, command) in history.entries {
            // What is not decided may still be replaced.
            if seq > history.decided {
                break;
            }
            let entry = (stamp, command);
            if self.entries.get(&seq).is_some_and(|known| *known != entry) {
                let what = format!("server {me} has another order at place {seq}");
                self.wrong.push(what);
            }
            self.entries.entry(seq).or_insert(entry);
        }
        Ok(())
    }

    /// An entry as it was applied.
    pub(super) fn add(&mut self, seq: u64, stamp: WallTime, command: Bytes) {
        self.entries.insert(seq, (stamp, command));
    }

    /// The first disk whose state is not what the log comes to, in words; only if the log is whole.
    pub(super) fn astray(&self) -> Option<String> {
        let mut agreed = Agreed::default();
        let mut states: Vec<&(NodeId, u64, Digest)> = self.states.iter().collect();
        states.sort_by_key(|(_, seq, _)| *seq);
        let mut entries = self.entries.iter().peekable();
        for (server, at, state) in states {
            while let Some((seq, (stamp, command))) = entries.next_if(|(seq, _)| *seq <= at) {
                agreed.apply(*seq, *stamp, command);
            }
            if agreed.digest() != *state {
                return Some(format!(
                    "after place {at} the state of server {server} is not that of the log"
                ));
            }
        }
        None
    }

    /// The whole log, from the first place on.
    ///
    /// # Errors
    /// If a part of it was never seen.
    pub(super) fn log(&self) -> Result<sequence::Log, String> {
        let mut next = 1;
        let mut log = sequence::Log::new();
        for (&seq, (stamp, command)) in &self.entries {
            while self.without.contains(&next) && next < seq {
                next += 1;
            }
            if seq != next {
                return Err(format!("nobody saw the orders {next} to {}", seq - 1));
            }
            next += 1;
            // What is no order was refused, and nobody's.
            log.extend(Entry::from_parts(*stamp, command).map(|entry| (seq, entry)));
        }
        Ok(log)
    }
}

#[cfg(test)]
impl Seen {
    pub(super) fn add_leader(&mut self, seq: u64) {
        self.without.insert(seq);
    }

    pub(super) fn lose(&mut self, seq: u64) {
        self.entries.remove(&seq);
    }

    pub(super) fn lose_from(&mut self, seq: u64) {
        self.entries.retain(|of, _| *of < seq);
    }
}

/// Reads disks in a thread of its own.
pub(in crate::chaos) struct LogBook {
    copies: PathBuf,
    made: u64,
    orders: SyncSender<(NodeId, PathBuf)>,
    thread: JoinHandle<Seen>,
}

impl LogBook {
    /// Begins. Copies are kept in a folder of its own until they are read.
    ///
    /// # Errors
    /// If the folder cannot be made, or there is no thread to be had.
    pub(in crate::chaos) fn begin(copies: PathBuf, servers: Vec<NodeId>) -> io::Result<Self> {
        fs::create_dir_all(&copies)?;
        let (orders, taken) = mpsc::sync_channel(COPIES_MAX);
        let thread = thread::Builder::new()
            .name("disks".into())
            .spawn(move || read_all(&taken, &servers))?;
        Ok(Self {
            copies,
            made: 0,
            orders,
            thread,
        })
    }

    /// Copies the database of a server that was ended, to be read soon.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub(in crate::chaos) fn copy(&mut self, server: NodeId, folder: &Path) -> io::Result<()> {
        let from = folder.join(DATABASE);
        if !from.exists() {
            return Ok(());
        }
        self.made += 1;
        let copy = self.copies.join(self.made.to_string());
        fs::create_dir_all(&copy)?;
        fs::copy(from, copy.join(DATABASE))?;
        self.orders.send((server, copy)).map_err(io::Error::other)
    }

    /// Waits until all of them are read.
    ///
    /// # Errors
    /// If the thread panicked.
    pub(super) fn end(self) -> io::Result<Seen> {
        drop(self.orders);
        let gone = |_| io::Error::other("the thread of the disks is gone");
        self.thread.join().map_err(gone)
    }
}

fn read_all(orders: &Receiver<(NodeId, PathBuf)>, servers: &[NodeId]) -> Seen {
    let mut disks = Seen::default();
    while let Ok((server, copy)) = orders.recv() {
        disks.take(server, servers, &copy);
        // What cannot be deleted goes with the folder of the run.
        let _ = fs::remove_dir_all(&copy);
    }
    disks
}
