//! One server of the world: the agreement on the ledger, its shares, its disk and its clock.

use crate::actors::consensus::{Config, Consensus, Rows, Standing, StateMachine};
use crate::actors::custody::{self, Custody};
use crate::actors::edges::Table;
use crate::proto::ids::{Digest, NodeId};
use crate::sim::cast::server_secret;
use crate::sim::clock::Clock;
use crate::sim::disk::Drive;

use super::plan::Plan;
use super::watched::{Group, Watched};

/// The machines of a server that runs.
pub(super) struct Machines<const REAL: bool> {
    pub(super) ledger: Group<REAL>,
    pub(super) custody: Custody,
}

/// See the module.
pub(super) struct Server<const REAL: bool> {
    pub(super) id: NodeId,
    pub(super) machines: Option<Machines<REAL>>,
    pub(super) drive: Drive,
    pub(super) clock: Clock,
    /// Of this start: events of an earlier one are void.
    pub(super) life: u32,
    pub(super) wake_at: u64,
    /// It stands still until then.
    pub(super) stands_until: u64,
    /// A bit of its agreement was turned since it was last emptied.
    pub(super) flipped: bool,
    /// What its machine told last of how it takes part.
    pub(super) quarantined: bool,
}

impl<const REAL: bool> Server<REAL> {
    pub(super) fn new(id: NodeId) -> Self {
        Self {
            id,
            machines: None,
            drive: Drive::default(),
            clock: Clock::default(),
            life: 0,
            wake_at: u64::MAX,
            stands_until: 0,
            flipped: false,
            quarantined: false,
        }
    }

    /// Starts it from its disk.
    pub(super) fn start(&mut self, plan: &Plan, all: &[NodeId], seed: [u8; 32]) {
        let mut tables = self.drive.disk.tables();
        let mut take = |table: Table| tables.remove(&table).unwrap_or_default();
        let config = Config {
            tick_ms: plan.tick_ms,
            checkpoint_every: plan.checkpoint_every,
            log_tail: plan.log_tail,
            snapshot_wait_ms: 1_000,
            disk_wait_ms: 3_000,
            ..Config::lan(self.id, all.to_vec(), self.clock.calendar())
        };
        let rows = Rows {
            log: take(Table::RaftLog),
            state: take(Table::RaftState),
            snapshot: take(Table::LedgerSnapshot),
        };
        let secret = server_secret(self.id.0);
        self.life += 1;
        self.wake_at = u64::MAX;
        self.stands_until = 0;
        self.quarantined = false;
        self.machines = Some(Machines {
            ledger: Consensus::new(config, Watched::default(), &rows, seed),
            custody: Custody::new(
                custody::Config::lan(self.id.0, secret),
                *blake3::hash(&seed).as_bytes(),
                take(Table::Shares),
            ),
        });
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        Some(self.machines.as_ref()?.ledger.standing())
    }

    pub(super) fn is_serving(&self) -> bool {
        self.standing() == Some(Standing::Serving)
    }

    pub(super) fn is_quarantined(&self) -> bool {
        self.standing() == Some(Standing::Quarantined)
    }

    /// For a report of what does not hold.
    pub(super) fn describe(&self) -> String {
        let ledger = self.machines.as_ref().map(|machines| &machines.ledger);
        let applied = ledger.map(Consensus::applied);
        format!("{} {:?} {applied:?}", self.id, self.standing())
    }

    /// The last entry applied, and what it led to.
    pub(super) fn state(&self) -> Option<(u64, Digest)> {
        let ledger = &self.machines.as_ref()?.ledger;
        Some((ledger.applied(), StateMachine::digest(ledger.state())))
    }

    /// Whether an entry is on its disk, by itself or, as far as can be seen, in a snapshot.
    pub(super) fn has(&self, seq: u64) -> bool {
        let disk = &self.drive.disk;
        let is_cut = || {
            let first = disk.keys(Table::RaftLog).next();
            let first = first.and_then(|key| Some(u64::from_be_bytes(key.try_into().ok()?)));
            first.is_none_or(|first| first > seq)
                && disk.keys(Table::LedgerSnapshot).next().is_some()
        };
        disk.has(Table::RaftLog, &seq.to_be_bytes()) || is_cut()
    }
}
