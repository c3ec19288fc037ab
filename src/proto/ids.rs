//! Names of things, each a type of its own so that none can stand in for another.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::time::WallTime;

/// A server, numbered from 1 in the configuration of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u8);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// Defines an identifier of `$size` bytes that prints as hexadecimal.
macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $size]);

        impl $name {
            /// The first eight hexadecimal digits: enough for a person to tell two apart.
            #[must_use]
            pub fn short(&self) -> String {
                self.0[..4].iter().map(|byte| format!("{byte:02x}")).collect()
            }

            /// All bytes as lower-case hexadecimal.
            #[must_use]
            pub fn hex(&self) -> String {
                self.0.iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.short())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }
    };
}

byte_id!(
    /// A user: BLAKE3 over the two public keys.
    UserId, 32
);
byte_id!(
    /// One transfer of one message. Derived from the cargo and the digest of the message, so that
    /// sending the same message again resumes where the first attempt ended.
    TransferId, 16
);
byte_id!(
    /// A letter from one user to another; random.
    LetterId, 16
);
byte_id!(
    /// A grant: derived from owner, borrower and image name, so it is unique for the three.
    GrantId, 16
);
byte_id!(
    /// A borrower's question for an image or for more views; random.
    AskId, 16
);
byte_id!(
    /// One look at a leased picture; random.
    ViewId, 16
);
byte_id!(
    /// The ledger's account of one grant: derived from who gives and who gets, so that nobody can
    /// take the place of another's.
    AccountId, 16
);
byte_id!(
    /// One device of a user; random, drawn when its store is made.
    DeviceId, 16
);
byte_id!(
    /// The disk of a server; drawn when it is first used, so one that was replaced or emptied has
    /// another.
    DiskId, 16
);
byte_id!(
    /// Looks that were moved to a device for use without the servers; random.
    CheckoutId, 16
);
byte_id!(
    /// BLAKE3 of a message.
    Digest, 32
);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl GrantId {
    /// The grant of `owner`'s image `name` to `borrower`.
    #[must_use]
    pub fn of(owner: UserId, borrower: UserId, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 grant id");
        hasher.update(&owner.0);
        hasher.update(&borrower.0);
        hasher.update(name.as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(id)
    }
}

impl AccountId {
    /// The account of the grant `grant` that `owner` gave `borrower` at `granted_at`. A later grant
    /// under the same id has another account, so nothing that was signed for one counts for the
    /// other.
    #[must_use]
    pub fn of(owner: UserId, borrower: UserId, grant: GrantId, granted_at: WallTime) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("pentimento 1 ledger account");
        hasher.update(&owner.0);
        hasher.update(&borrower.0);
        hasher.update(&grant.0);
        hasher.update(&granted_at.0.to_le_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(id)
    }
}

/// A client's request to the cloud. `boot` is drawn at random each time the client starts, so
/// numbers are not used twice across restarts; `counter` counts within one start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// Random number of this start of the client.
    pub boot: u64,
    /// Count within this start, from 1.
    pub counter: u32,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.boot, self.counter)
    }
}

/// A person's command to their own client node, numbered by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WishId(pub u64);
