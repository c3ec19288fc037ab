//! Where the agreed log lies: with the servers, or in etcd. All servers of a cluster choose alike.
//!
//! Both stores take the same inputs and give the same orders, so whoever wires one wires the other:
//! commands go in by [`Input::Submit`] and are answered with their place in the log, questions by
//! [`Input::Ask`] and are answered with all that was answered before they came, and what follows
//! from a command is told on every server by [`Output::Effects`], in the same order.
//!
//! [`Output::Effects`]: super::Output::Effects

use super::{
    Agreed, Config, Consensus, Etcd, EtcdConfig, Input, OutputOf, Rows, Standing, StateMachine,
};
use crate::actors::machine::{Machine, Outbox};
use crate::time::Moment;

/// A place where servers agree on commands.
pub trait StateStore: Machine<Input = Input, Output = OutputOf<Self::State>> {
    /// What the commands are for.
    type State: StateMachine;

    /// The state after the last entry that was applied here.
    fn state(&self) -> &Self::State;

    /// The last entry applied.
    fn applied(&self) -> u64;

    /// How this server takes part.
    fn standing(&self) -> Standing;
}

impl<S: StateMachine> StateStore for Consensus<S> {
    type State = S;

    fn state(&self) -> &S {
        self.state()
    }

    fn applied(&self) -> u64 {
        self.applied()
    }

    fn standing(&self) -> Standing {
        self.standing()
    }
}

impl<S: StateMachine> StateStore for Etcd<S> {
    type State = S;

    fn state(&self) -> &S {
        self.state()
    }

    fn applied(&self) -> u64 {
        self.applied()
    }

    fn standing(&self) -> Standing {
        self.standing()
    }
}

/// The store that the configuration chose, as one machine.
pub enum Store {
    /// With the servers, on their disks.
    Embedded(Box<Consensus<Agreed>>),
    /// In etcd.
    Etcd(Box<Etcd<Agreed>>),
}

impl Store {
    /// A server with what its disk holds. With no `etcd` the servers agree by themselves. `seed`
    /// must be fresh at each start.
    #[must_use]
    pub fn new(config: Config, etcd: Option<EtcdConfig>, rows: &Rows, seed: [u8; 32]) -> Self {
        let blank = Agreed::default();
        match etcd {
            None => Self::Embedded(Box::new(Consensus::new(config, blank, rows, seed))),
            Some(etcd) => Self::Etcd(Box::new(Etcd::new(config, etcd, blank, rows, seed))),
        }
    }

    /// The ledger after the last entry that was applied here.
    #[must_use]
    pub fn state(&self) -> &Agreed {
        match self {
            Self::Embedded(store) => store.state(),
            Self::Etcd(store) => store.state(),
        }
    }

    /// The last entry applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        match self {
            Self::Embedded(store) => store.applied(),
            Self::Etcd(store) => store.applied(),
        }
    }

    /// How this server takes part.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self {
            Self::Embedded(store) => store.standing(),
            Self::Etcd(store) => store.standing(),
        }
    }
}

impl Machine for Store {
    type Input = Input;
    type Output = OutputOf<Agreed>;
    const NAME: &'static str = "consensus";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Self::Output>) {
        match self {
            Self::Embedded(store) => store.handle(now, input, out),
            Self::Etcd(store) => store.handle(now, input, out),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Embedded(store) => store.deadline(),
            Self::Etcd(store) => store.deadline(),
        }
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Self::Output>) {
        match self {
            Self::Embedded(store) => store.on_deadline(now, out),
            Self::Etcd(store) => store.on_deadline(now, out),
        }
    }
}
