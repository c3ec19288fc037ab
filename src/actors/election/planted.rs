//! Faults that can be switched on to show that the checkers find them. In a release each question
//! here is answered with no.

use super::Config;

/// A fault of a server.
#[cfg(any(test, feature = "planted-faults"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlantedFault {
    /// None: the server does as it should.
    #[default]
    None,
    /// It does not claim what a lost server owned.
    NeverTakesOver,
    /// It claims at once whatever it is asked, and does not listen to other claims.
    EveryoneWins,
}

#[cfg(any(test, feature = "planted-faults"))]
impl Config {
    pub(super) fn never_takes_over(&self) -> bool {
        self.fault == PlantedFault::NeverTakesOver
    }

    pub(super) fn everyone_wins(&self) -> bool {
        self.fault == PlantedFault::EveryoneWins
    }
}

#[cfg(any(test, feature = "planted-faults"))]
impl super::Election {
    /// Plants a fault into this server, or takes it out again.
    pub const fn plant(&mut self, fault: PlantedFault) {
        self.config.fault = fault;
    }
}

#[cfg(not(any(test, feature = "planted-faults")))]
impl Config {
    pub(super) const fn never_takes_over(&self) -> bool {
        false
    }

    pub(super) const fn everyone_wins(&self) -> bool {
        false
    }
}
