//! Judges of what a ledger did, for simulations, tests and runs of real processes.
//!
//! [`sequence`] believes the positions that answers carry, and judges whole runs of any length.
//! [`linear`] believes nothing but when calls began and ended, and judges one account at a time
//! against [`model`], which was written without looking at the ledger's code; [`sampled`] chooses
//! the accounts of a long run for it. None asks a server anything.

use crate::proto::ledger::{Answer, Signed};
use crate::time::Moment;

pub mod linear;
pub mod model;
pub mod sampled;
pub mod sequence;

/// An order as its user saw it. All calls of a run are stamped by one clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was first sent.
    pub invoked: Moment,
    /// What was ordered.
    pub signed: Signed,
    /// The first answer and when it came. None if the user gave up: then it may have taken effect,
    /// or take effect later, or never.
    pub answered: Option<(Moment, Answer)>,
}

#[cfg(test)]
mod tests;
