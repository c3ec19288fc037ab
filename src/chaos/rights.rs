//! `rights`: drawn runs of the servers' agreement on rights in virtual time, and what they came to.

use clap::Args;

use super::seeds::{self, Sweep};
use crate::proto::control::Failure;
use crate::sim::rights;

/// Which runs.
#[derive(Debug, Args)]
pub struct RightsArguments {
    /// How many seeds
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The rest
    #[command(flatten)]
    how: Sweep,
}

/// Runs them and tells the totals; exit code 99 if anything did not hold in one of them.
///
/// # Errors
/// If totals are to be kept in a file and cannot be.
pub(super) fn run(arguments: &RightsArguments, tell: &mut dyn FnMut(&str)) -> Result<u8, Failure> {
    seeds::sweep(
        arguments.seeds,
        &arguments.how,
        ("rights", rights::run),
        tell,
    )
}
