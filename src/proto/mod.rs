//! What crosses a host boundary: names, packets, messages, their encoding and their limits.
//! Nothing here does I/O or decides anything.

pub mod cargo;
pub mod codec;
pub mod control;
pub mod identity;
pub mod ids;
pub mod lease;
pub mod ledger;
pub mod letter;
pub mod limits;
pub mod notice;
pub mod operator;
pub mod outcome;
pub mod packet;
pub mod pairing;
pub mod pass;
pub mod route;
pub mod shares;
mod words;
