//! Rights under faults, in virtual time: the servers' agreement on the ledger, their shares, and
//! clerks of people who give grants and look, over a network, on disks and by clocks that follow a
//! seed. No transport and no pictures, so that a second of a core is an hour of theirs.
//!
//! The machines are those of production, wired here: agreement and custody of a server, a clerk for
//! each device. People are drawn: owners who grant, change, revoke and renew shares, borrowers who
//! look, take looks with them, crash, and copy their devices; somebody keeps orders and sends them
//! again. In most runs signatures are believed, in some every one is made and verified, and forged
//! ones are tried.
//!
//! What must hold: servers apply the same at the same place; the ledger answers as books kept by
//! hand say; what is answered is on most disks; a share leaves for a look that was counted, and for
//! none of what is over; no more looks open than were granted, no number twice; the history of all
//! answers is strictly serializable; a turned bit takes a server out and nothing else does; when
//! faults end, everybody serves, knows the same and shows a fresh look within ten seconds each.

mod books;
mod judge;
mod people;
mod plan;
mod server;
mod watched;
mod world;

use super::tally::{Failure, Tally};
use world::World;

/// One run in so many has signatures.
const REAL_EVERY: u64 = 100;

/// Runs one seed.
///
/// # Errors
/// What did not hold.
pub fn run(seed: u64) -> Result<Tally, Failure> {
    let (tally, broken) = if seed.is_multiple_of(REAL_EVERY) {
        World::<true>::new(seed).run()
    } else {
        World::<false>::new(seed).run()
    };
    match broken {
        None => Ok(tally),
        Some(broken) => Err(Failure {
            seed,
            broken,
            command: format!("pentimento-chaos rights --seeds 1 --from {seed}"),
            tally: Box::new(tally),
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests;
