//! One function for each fuzz target: takes any bytes, panics if a promise is broken.
//!
//! The functions that keep endpoints keep them from one call to the next, since a handshake costs
//! more than anything that is tried here, and begin anew after [`world::LIFE`] calls. What breaks
//! only after a history is found by running the corpus of that run again.
//!
//! A call costs some ten microseconds at the most, whatever its input says: lengths are small more
//! often than not, and what is copied, sealed or agreed on in one call has a budget. Else a fuzzer
//! spends its time on a few long inputs, of which it finds ever longer ones.

pub mod acks;
pub mod config;
pub mod container;
pub mod datagram;
pub mod etcd;
pub mod extract;
pub mod fragments;
pub mod frames;
pub mod handshake;
pub mod jpeg;
pub mod ledger;
pub mod messages;
pub mod packets;
pub mod pictures;
pub mod png;
pub mod previews;
pub mod raft;
pub mod rows;
pub mod secrets;
pub mod session;
pub mod statuses;
pub mod toy;
pub mod webp;
pub mod world;

/// The targets by name.
pub const TARGETS: [(&str, fn(&[u8])); 21] = [
    ("acks", acks::run),
    ("config", config::run),
    ("container", container::run),
    ("datagram", datagram::run),
    ("etcd", etcd::run),
    ("extract", extract::run),
    ("fragments", fragments::run),
    ("frames", frames::run),
    ("handshake", handshake::run),
    ("jpeg", jpeg::run),
    ("ledger", ledger::run),
    ("messages", messages::run),
    ("packets", packets::run),
    ("png", png::run),
    ("previews", previews::run),
    ("raft", raft::run),
    ("rows", rows::run),
    ("secrets", secrets::run),
    ("session", session::run),
    ("statuses", statuses::run),
    ("webp", webp::run),
];

/// Takes numbers from the front of what is tried; zeros when there is no more.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// Whether there is no more.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let length = self.0.len().min(N);
        array[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        array
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    /// The next two bytes.
    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// The next four bytes.
    pub fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// The next eight bytes.
    pub fn long(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// So many bytes, or what is left.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A size in bytes that is small more often than not, up to 65,535.
    pub fn size(&mut self) -> usize {
        let size = usize::from(self.short());
        match size >> 12 {
            0xf => size,
            0xc.. => size & 0xfff,
            _ => size & 0x1ff,
        }
    }

    /// A number that is small more often than not.
    pub fn number(&mut self) -> u32 {
        match self.byte() {
            0xff => self.word(),
            0xf0.. => u32::from(self.short()),
            small => u32::from(small),
        }
    }
}
