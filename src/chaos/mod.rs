//! Chaos runs as files: a scenario says who there is, what they do, what fails and what must hold;
//! it is played in virtual time or with real processes, and told as a report.
//!
//! One `player` plays both; what differs is the stage (`stage.rs`) on which it plays: `simulated`
//! is a world in virtual time, `process` is real nodes behind a bad network of our own.

pub mod command;
mod judge;
mod player;
mod process;
mod record;
mod report;
pub mod scenario;
mod schedule;
mod simulated;
mod stage;
