//! The servers' state machine, with a record of what was applied, so that whoever runs the world
//! sees it without asking the machine.

use std::cell::RefCell;

use bytes::Bytes;

use crate::actors::consensus::{Agreed, Consensus, StateMachine};
use crate::ledger::{Damaged, Effect};
use crate::proto::ids::Digest;
use crate::proto::ledger::Reply;
use crate::time::WallTime;

/// The concern in production, on a watched ledger. `REAL`: signatures count.
pub(super) type Group<const REAL: bool> = Consensus<Watched<REAL>>;

/// An entry, as a server applied it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Applied {
    /// Its place.
    pub(super) seq: u64,
    /// Its stamp.
    pub(super) stamp: WallTime,
    /// What was agreed on; empty to tell the time.
    pub(super) command: Vec<u8>,
    /// What was answered.
    pub(super) reply: Reply,
    /// What followed.
    pub(super) effects: Vec<Effect>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Watched<const REAL: bool> {
    agreed: Agreed,
    applied: RefCell<Vec<Applied>>,
}

impl<const REAL: bool> Watched<REAL> {
    /// What was applied since the last time somebody asked.
    pub(super) fn news(&self) -> Vec<Applied> {
        self.applied.take()
    }
}

impl<const REAL: bool> StateMachine for Watched<REAL> {
    type Reply = Reply;
    type Effect = Effect;
    type Damaged = Damaged;

    fn admit(&mut self, clock: WallTime, command: &[u8]) -> Result<(), Reply> {
        if REAL {
            self.agreed.admit(clock, command)
        } else {
            self.agreed.admit_authentic(clock, command)
        }
    }

    fn apply(&mut self, seq: u64, stamp: WallTime, command: &[u8]) -> (Reply, Vec<Effect>) {
        let (reply, effects) = if REAL {
            self.agreed.apply(seq, stamp, command)
        } else {
            self.agreed.apply_authentic(seq, stamp, command)
        };
        self.applied.get_mut().push(Applied {
            seq,
            stamp,
            command: command.to_vec(),
            reply,
            effects: effects.clone(),
        });
        (reply, effects)
    }

    fn made_up(&mut self) -> Vec<Effect> {
        self.agreed.made_up()
    }

    fn due(&self) -> Option<WallTime> {
        self.agreed.due()
    }

    fn query(&self, question: &[u8]) -> Reply {
        self.agreed.query(question)
    }

    fn snapshot(&self) -> Bytes {
        self.agreed.snapshot()
    }

    fn restore(snapshot: &[u8]) -> Result<Self, Damaged> {
        Ok(Self {
            agreed: Agreed::restore(snapshot)?,
            applied: RefCell::default(),
        })
    }

    fn digest(&self) -> Digest {
        self.agreed.digest()
    }
}
