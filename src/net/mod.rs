//! The UDP edge: sockets, their ports and time for the transport, and nothing that decides.

pub mod alarm;
pub mod counts;
pub mod face;
pub mod fault_gate;
pub mod free_port;
pub mod post;
pub mod socket;
pub mod transport_actor;
mod watch;
