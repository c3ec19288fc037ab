//! `transfers`: drawn runs of transfers in virtual time, and what they came to.

use clap::Args;

use crate::sim::transfers::{self, Tally};

/// Something did not hold.
const BROKEN: u8 = 99;
/// Seeds between two lines that tell how far it is.
const TELL_EVERY: u64 = 1_000;

/// Which runs.
#[derive(Debug, Args)]
pub struct TransfersArguments {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first one
    #[arg(long, default_value_t = 0)]
    from: u64,
}

/// Runs them and tells the totals; exit code 99 if anything did not hold in one of them.
pub(super) fn run(arguments: &TransfersArguments, tell: &mut dyn FnMut(&str)) -> u8 {
    let (mut total, mut broken) = (Tally::default(), 0_u64);
    let end = arguments.from.saturating_add(arguments.seeds);
    for (count, seed) in (1..).zip(arguments.from..end) {
        match transfers::run(seed) {
            Ok(tally) => total.add(&tally),
            Err(failure) => {
                broken += 1;
                tell(&format!(
                    "✗ {}\n  replay: {}",
                    failure.broken,
                    failure.command()
                ));
            }
        }
        if count % TELL_EVERY == 0 {
            tell(&format!("  {count} seeds, {broken} broken"));
        }
    }
    tell(&format!("{total}\n{broken} broken"));
    if broken == 0 { 0 } else { BROKEN }
}
