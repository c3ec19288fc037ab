//! What a packet carried, so that what was lost can be said again.

use super::message::Piece;

/// A small packet that is sent again if it was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// The encoded packet.
    pub(super) bytes: Vec<u8>,
    /// How often it was sent.
    pub(super) tries: u8,
}

/// What a packet carried.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) piece: Option<Piece>,
    /// The message whose status it told.
    pub(super) status: Option<u32>,
    /// The message that it gave up.
    pub(super) cancel: Option<u32>,
    /// Small packets. Empty, and so without memory of its own, in all packets of bulk.
    pub(super) kept: Vec<Kept>,
}
