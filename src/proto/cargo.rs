//! What a fragmented message carries: a manifest, then a body.
//!
//! On the wire a message is `manifest length (u16, little endian) | manifest | body`, cut into
//! fragments as one run of bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ids::{Digest, GrantId, LetterId, NodeId, RequestId, TransferId, UserId};

/// What the body of a message is, and what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cargo {
    /// Client to server: an encoded [`HideJob`]. The number is another one each time the server has
    /// had the body and lost it: what was handed on is not handed on again for a while.
    Body(RequestId, u32),
    /// Server to client: the finished picture, a PNG.
    Result {
        /// The request it answers.
        request: RequestId,
        /// Epoch of the claim under which it was made.
        epoch: u32,
        /// The server that made it.
        node: NodeId,
        /// Microseconds from the arrival of the body to the finished picture.
        hiding_us: u32,
    },
    /// Client to client: an encoded letter.
    Letter(LetterId),
    /// Client to client: the picture of a grant, in this form. The number is another one each time
    /// the borrower has had the picture and lost it: what was handed on is not handed on again for
    /// a while.
    Picture(GrantId, Form, u64),
    /// Client to server: an encoded letter to keep.
    Deposit(LetterId),
    /// Server to client: an encoded list of letters. The number only makes the transfer unique.
    Mail {
        /// Whose letters.
        user: UserId,
        /// Number of this sending.
        round: u64,
    },
    /// Server to server: encoded names and presence. The number only makes the transfer unique.
    DirectoryState(u64),
    /// Server to server: encoded letters and the ids of letters let go.
    MailState(u64),
    /// Server to server: a message of the agreement on the ledger that fits no packet. The number
    /// only makes the transfer unique.
    Agree(u64),
    /// Client to client: an encoded [`Visit`](super::pass::Visit), a letter that needs a pass.
    Visit(LetterId),
}

/// Heads a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What the body is.
    pub cargo: Cargo,
    /// Size of the body in bytes.
    pub size_bytes: u32,
    /// BLAKE3 of the body.
    pub digest: Digest,
}

impl Manifest {
    /// The name of the transfer that carries this manifest and its body.
    ///
    /// `hiding_us` of a result is part of it like everything else: two sendings of one result
    /// carry the same figure.
    #[must_use]
    pub fn transfer_id(&self, encoded: &[u8]) -> TransferId {
        let hash = blake3::derive_key("pentimento 1 transfer id", encoded);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        TransferId(id)
    }
}

/// How bytes are put into a picture. The picture itself does not say: a reader tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// One bit in each sample, every sample used.
    #[default]
    Fast,
    /// Three values of each sample: more bits in the same samples, at a little more noise.
    Ternary,
    /// A PNG of 16 bits a sample: the cover in the high bytes, the payload in the low ones.
    Compact,
    /// Few changes in the texture of an own cover that was never published.
    Covert,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Fast, Self::Ternary, Self::Compact, Self::Covert];

    /// A short lower-case name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Ternary => "ternary",
            Self::Compact => "compact",
            Self::Covert => "covert",
        }
    }
}

/// How an owner wants a picture made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// How the bytes are put in.
    pub mode: Mode,
    /// The cover file; none for the smallest default cover that fits.
    pub cover: Option<Bytes>,
}

/// The work a client asks of the cloud. The result is a pure function of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HideJob {
    /// How to hide.
    pub mode: Mode,
    /// The picture to hide in.
    pub cover: CoverChoice,
    /// What to hide: ciphertext to everybody but the client.
    pub payload: Bytes,
    /// Fills the rest of the picture; drawn by the client, secret to everybody else.
    pub fill_seed: [u8; 32],
}

/// How a finished picture travels.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Form {
    /// The file itself: a PNG.
    #[default]
    Png,
    /// A [`Delta`]: what it is made from, for whoever owns the cover.
    Delta,
}

/// A picture told by what it is made from. The reader owns the cover and makes the same file, byte
/// for byte; the digest of the picture, which travels apart, proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Number of the rules by which the file is made: another number makes other bytes, and the
    /// reader has to ask for the file.
    pub renderer: u16,
    /// The picture is a pure function of it.
    pub job: HideJob,
}

/// The picture to hide in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoverChoice {
    /// A default cover, by its number (a size and a scene).
    Ours(u8),
    /// The client's own picture: the bytes of a PNG, JPEG or WebP file.
    Given(Bytes),
}
