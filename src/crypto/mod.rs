//! Thin wrappers around kept crates: identities and signatures, letters, the container inside a
//! picture, shares of a secret. No I/O, no clock; seeds are arguments.

pub mod container;
pub mod identity;
pub mod letters;
pub mod locked_key;
pub mod noise;
pub mod packet_keys;
pub mod passes;
pub mod shares;
pub mod static_key;
