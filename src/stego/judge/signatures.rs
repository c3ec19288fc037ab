//! What the default covers look like from afar: twelve scenes in 3 : 2, then the same in 4 : 3.
//! Written by the test beside `judge.rs`, which fails when they are not what is drawn.

/// One after the other.
pub(super) const ALL: &[u8] = include_bytes!("../../../assets/covers/signatures.bin");
