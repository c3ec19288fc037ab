//! What is on disk of a peer, and what programs before this one wrote.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::super::edges::Contact;
use crate::proto::codec;
use crate::proto::limits::NAME_MAX_BYTES;
use crate::proto::pass::Pass;
use crate::time::WallTime;

/// Largest row in bytes.
const ROW_MAX_BYTES: usize = 512;

/// What the person says of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks {
    pub(super) verified: bool,
    pub(super) blocked: bool,
}

/// One mark, as it shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Verified(bool),
    Blocked(bool),
}

impl Marks {
    pub(super) const fn set(&mut self, mark: Mark) {
        match mark {
            Mark::Verified(on) => self.verified = on,
            Mark::Blocked(on) => self.blocked = on,
        }
    }
}

/// What is on disk of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) contact: Contact,
    pub(super) address: Option<SocketAddr>,
    pub(super) last_seen: WallTime,
    pub(super) conflict: bool,
    pub(super) marks: Marks,
    /// Our last pass for them.
    pub(super) pass: Option<Pass>,
}

/// The same as programs wrote it that knew no passes.
#[derive(Serialize, Deserialize)]
struct Passless {
    contact: Contact,
    address: Option<SocketAddr>,
    last_seen: WallTime,
    conflict: bool,
    marks: Marks,
}

/// The same as programs wrote it that knew no marks either.
#[derive(Serialize, Deserialize)]
struct Unmarked {
    contact: Contact,
    address: Option<SocketAddr>,
    last_seen: WallTime,
    conflict: bool,
}

impl Saved {
    /// A row of any form: a newer one is longer, so no row reads as two.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        if let Ok(row) = codec::decode::<Self>(value, ROW_MAX_BYTES) {
            return Some(row);
        }
        let row = codec::decode::<Passless>(value, ROW_MAX_BYTES);
        let row = row.ok().or_else(|| {
            let older = codec::decode::<Unmarked>(value, ROW_MAX_BYTES).ok()?;
            Some(Passless {
                contact: older.contact,
                address: older.address,
                last_seen: older.last_seen,
                conflict: older.conflict,
                marks: Marks::default(),
            })
        })?;
        Some(Self {
            contact: row.contact,
            address: row.address,
            last_seen: row.last_seen,
            conflict: row.conflict,
            marks: row.marks,
            pass: None,
        })
    }
}

/// Whether a name may be looked up and remembered. The directory judges more strictly; this keeps
/// what could break a datagram or a terminal out of the registry.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX_BYTES && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::identity::SecretIdentity;

    #[test]
    fn rows_of_older_programs_are_read() {
        let contact = Contact {
            name: "bob".to_owned(),
            identity: *SecretIdentity::from_secret([2; 32]).public(),
        };
        let address = Some(SocketAddr::from(([10, 0, 0, 1], 7)));
        let old = codec::encode(&Unmarked {
            contact: contact.clone(),
            address,
            last_seen: WallTime(9),
            conflict: true,
        });
        let read = Saved::read(&old).expect("reads");
        assert_eq!((&read.contact, read.address), (&contact, address));
        assert_eq!((read.last_seen, read.conflict), (WallTime(9), true));
        assert_eq!(read.marks, Marks::default());
        let new = Saved {
            marks: Marks {
                verified: true,
                blocked: false,
            },
            ..read
        };
        let passless = codec::encode(&Passless {
            contact,
            address,
            last_seen: WallTime(9),
            conflict: true,
            marks: new.marks,
        });
        assert_eq!(Saved::read(&passless), Some(new.clone()));
        assert_eq!(Saved::read(&codec::encode(&new)), Some(new));
        assert_eq!(Saved::read(&old[1..]), None);
    }
}
