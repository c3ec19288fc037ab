//! What can be seen of nodes from outside, for runs that decide by it and for checks.

use super::{Slot, Ways, World};
use crate::actors::consensus::{Standing, StateMachine, Store};
use crate::actors::edges::Table;
use crate::proto::ids::Digest;
use crate::sim::disk::DiskCounts;
use crate::sim::node::{Machines, Role};
use crate::time::WallTime;
use crate::transport::endpoint::Survey;

/// What belongs to the agreement on the ledger, as an operator empties it to bring a server back.
pub const AGREEMENT: [Table; 3] = [Table::RaftLog, Table::RaftState, Table::LedgerSnapshot];

impl World {
    /// What a node is.
    #[must_use]
    pub fn role(&self, node: usize) -> &Role {
        &self.slots[node].role
    }

    /// Whether a node runs.
    #[must_use]
    pub fn is_up(&self, node: usize) -> bool {
        self.slots[node].running.is_some()
    }

    /// Whether a node runs, does not stand still and is not silent on purpose.
    #[must_use]
    pub fn is_awake(&self, node: usize) -> bool {
        let slot = &self.slots[node];
        slot.running.is_some() && slot.held.is_none() && !slot.shut
    }

    /// Whether two nodes are awake and datagrams pass between them both ways.
    #[must_use]
    pub fn can_talk(&self, one: usize, other: usize) -> bool {
        let pass = self.cuts.pass(one, other) && self.cuts.pass(other, one);
        pass && self.is_awake(one) && self.is_awake(other)
    }

    /// Whether datagrams of one node reach the other, which is awake, and none comes back.
    #[must_use]
    pub fn is_heard_only(&self, one: usize, other: usize) -> bool {
        self.cuts.pass(one, other) && !self.cuts.pass(other, one) && self.is_awake(other)
    }

    /// Whether the disk of a node has something to do.
    #[must_use]
    pub fn is_writing(&self, node: usize) -> bool {
        self.slots[node].drive.is_busy()
    }

    /// What the calendar of a node shows.
    #[must_use]
    pub fn wall(&self, node: usize) -> WallTime {
        self.slots[node].clock.wall(self.now)
    }

    /// What became of all datagrams.
    #[must_use]
    pub const fn ways(&self) -> Ways {
        self.ways
    }

    /// What became of the orders of all disks.
    #[must_use]
    pub fn disks(&self) -> DiskCounts {
        let mut counts = DiskCounts::default();
        for slot in &self.slots {
            counts.add(&slot.drive.counts);
        }
        counts
    }

    /// What the sockets of a node hold; nothing if it does not run.
    #[must_use]
    pub fn surveys(&self, node: usize) -> Vec<Survey> {
        let running = self.slots[node].running.as_ref();
        running.map_or_else(Vec::new, |running| running.surveys())
    }

    /// Of each server that runs the last entry of its ledger and what it led to, if it serves.
    #[must_use]
    pub fn ledgers(&self) -> Vec<Option<(u64, Digest)>> {
        let ledgers = self.slots.iter().filter_map(ledger);
        ledgers
            .map(|ledger| {
                let serves = ledger.standing() == Standing::Serving;
                serves.then(|| (ledger.applied(), StateMachine::digest(ledger.state())))
            })
            .collect()
    }

    /// Whether every server runs, serves and votes: then the group survives one lost disk.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let is_server = |slot: &&Slot| matches!(slot.role, Role::Server(_));
        self.slots.iter().filter(is_server).all(|slot| {
            slot.held.is_none()
                && !slot.shut
                && ledger(slot).is_some_and(|ledger| {
                    let votes = match ledger {
                        Store::Embedded(store) => store.votes(),
                        Store::Etcd(_) => true,
                    };
                    votes && ledger.standing() == Standing::Serving
                })
        })
    }

    /// Whether a server has taken itself out of the agreement on the ledger.
    #[must_use]
    pub fn is_quarantined(&self, node: usize) -> bool {
        let ledger = ledger(&self.slots[node]);
        ledger.is_some_and(|ledger| ledger.standing() == Standing::Quarantined)
    }
}

fn ledger(slot: &Slot) -> Option<&Store> {
    match &slot.running.as_ref()?.machines {
        Machines::Server(machines) => Some(&machines.ledger),
        Machines::Client(_) => None,
    }
}
