//! Chaos runs as files: a scenario says who there is, what they do, what fails and what must hold;
//! it is played in virtual time or with real processes, and told as a report.
//!
//! One `player` plays both; what differs is the stage (`stage.rs`) on which it plays: `simulated`
//! is a world in virtual time, `process` is real nodes behind a bad network of our own.
//!
//! `orders` are people who order from the ledger all the while and have the answers judged; `soak`
//! draws a long scenario with everything that can fail.
//!
//! `members` is an etcd for it, `children` are processes by number.
//!
//! `flood` is a real server that strangers pour handshakes into.
//!
//! `seeds` runs many seeds of a simulator and tells what they came to.
//!
//! `relay` holds real datagrams back; `link` is a bad link for programs that know nothing of it.

pub mod children;
pub mod command;
mod flood;
mod interruption;
mod judge;
pub mod link;
pub mod members;
mod orders;
mod player;
mod process;
mod record;
pub mod relay;
mod report;
mod rights;
pub mod scenario;
mod schedule;
mod seeds;
mod simulated;
mod soak;
mod stage;
mod totals;
mod transfers;
