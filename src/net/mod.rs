//! The UDP edge: bytes to packets and back, and nothing that decides.

pub mod codec_actor;
pub mod fault_gate;
pub mod peers;
