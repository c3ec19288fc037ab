//! How packets and messages get from one party to another.
//!
//! Pure: time, seeds and bytes are arguments; `net` drives it with sockets, the simulator in
//! virtual time. `contract` is what both sides of it see.

mod acks;
mod bitmap;
pub mod budget;
mod carried;
pub mod contract;
pub mod counts;
pub mod endpoint;
#[cfg(test)]
mod fragment_tests;
pub mod frame;
pub mod handshake;
#[cfg(test)]
pub(crate) mod hunts;
mod link;
pub mod message;
pub mod pool;
pub mod receiver;
pub mod recovery;
pub mod replay;
pub mod sender;
mod session;
pub mod way;
pub mod wire;
