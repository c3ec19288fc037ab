//! The simulator: whole clusters in one thread and in virtual time, the same machines through the
//! same wiring as in production, with a network, disks and a CPU pool that follow a seed.
//!
//! One seed is one run, bit for bit: `pentimento-chaos seeds 1 --from SEED` repeats it.

mod agenda;
pub mod cast;
pub mod checks;
pub mod clock;
pub mod disk;
pub mod growth;
pub mod link;
pub mod meetings;
pub mod network;
pub mod node;
pub mod plan;
pub mod rights;
pub mod run;
pub mod spoken;
pub mod swarm;
pub mod tally;
pub mod transfers;
pub mod translation;
pub mod visits;
pub mod wishes;
pub mod workshop;
pub mod world;

#[cfg(test)]
pub(crate) mod tests;
