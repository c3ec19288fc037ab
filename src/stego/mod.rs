//! Pixels only: hiding bytes in a picture, taking them out again, the codecs, the covers.
//!
//! Bytes and pictures in, bytes and pictures out. Nothing here knows of keys, rights, peers or
//! sockets; time and randomness are arguments, so every function is a pure function of its
//! inputs and may run on any thread. What is hidden is expected to be ciphertext already: this
//! module makes a picture *carry* bytes, the sealing is done before.
//!
//! Invariants: no function panics on data from outside; no decoder allocates before the limits
//! were checked; every sample of a picture that is made here carries something, except by
//! [`embed_covert`].

mod capacity;
mod codec;
mod compact;
mod cover_id;
pub mod covers;
mod covert;
#[cfg(test)]
mod detectors;
mod embed;
mod error;
mod extract;
mod judge;
mod mark;
mod metadata;
mod picture;
mod png_writer;
mod prepared;
mod preview;
mod ternary;

/// Number of the rules by which a cover, a payload and a seed become a file. Whatever changes a
/// byte of that file changes the number.
pub const RENDERER: u16 = 1;

pub use capacity::Mode;
pub use codec::{
    Carrier, DecodeLimits, ImageKind, carrier_start, decode, decode_carrier, encode_jpeg,
    encode_png, encode_png_smallest, sniff,
};
pub use compact::{deep_window, embed_deep, extract_deep};
pub use cover_id::{CoverId, CoverScene, CoverSize};
pub use covert::{COVERT_HEAD_BYTES, embed_covert, extract_covert, extract_covert_head};
pub use embed::{embed, embed_in_place, fill};
pub use error::StegoError;
pub use extract::extract;
pub use judge::{CoverWarning, Judgement, judge};
pub use mark::{FOUND_FROM, LIKENESS_MIN, MARK_MIN_SIDE, MarkReference, Traced, mark};
pub use metadata::{Cleaned, clean};
pub use picture::Picture;
pub use png_writer::{PngFile, Scratch, Strip};
pub use prepared::{PreparedCover, Rendition};
pub use preview::{PREVIEW_MAX_BYTES, PREVIEW_MAX_SIDE, preview};
pub use ternary::{embed_ternary, extract_ternary};
