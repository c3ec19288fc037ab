//! Text and pictures for a terminal: words in, words out. No I/O.

pub mod halfblocks;
pub mod promise;
pub mod qr;
pub mod text;
pub mod when;
