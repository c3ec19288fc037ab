//! Letters between users, and the notes sealed inside them.
//!
//! A letter travels the same way whether its recipient is here or away: directly in fragments, or
//! by way of the servers' mailboxes. Servers see who writes to whom, never what.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::cargo::Form;
use super::identity::{PublicIdentity, Signature};
use super::ids::{AskId, Digest, GrantId, LetterId, UserId};
use super::lease::{Adjust, Conditions, LogEntry};
use crate::time::WallTime;

/// A sealed note with its envelope. Signed over all other fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Random name.
    pub id: LetterId,
    /// The writer's keys.
    pub from: PublicIdentity,
    /// The reader.
    pub to: UserId,
    /// When it was posted, by the writer's clock.
    pub posted_at: WallTime,
    /// The note, sealed to the reader's key (HPKE, RFC 9180).
    pub sealed: Bytes,
    /// Ed25519 over the encoding of the fields above.
    pub signature: Signature,
}

/// What a letter says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// What pictures do you offer?
    GalleryAsk {
        /// Repeated in the answer.
        nonce: u64,
        /// The asker's name, for the owner's rules and lists.
        from_name: String,
    },
    /// These.
    Gallery {
        /// The nonce of the question.
        nonce: u64,
        /// Up to [`super::limits::GALLERY_MAX_ITEMS`] pictures; none when the rules refuse.
        items: Vec<GalleryItem>,
        /// Whether the owner's rules keep previews from this asker.
        refused: bool,
    },
    /// May I look at this picture so many times?
    ImageAsk(ImageAsk),
    /// The asker takes a question back.
    Withdrawn(AskId),
    /// The owner's word on a question.
    Decision {
        /// The question.
        ask: AskId,
        /// The answer.
        verdict: Verdict,
    },
    /// Here are rights to a picture; the picture follows by itself.
    Grant(Grant),
    /// The picture of this grant has not arrived; send it.
    PictureAsk {
        /// The grant.
        grant: GrantId,
        /// [`Form::Png`] from a borrower who cannot make the picture of a delta.
        form: Form,
    },
    /// The owner changes a grant.
    Adjust {
        /// The change.
        adjust: Adjust,
        /// Opens the picture: a borrower whose looks were used up has thrown the key away.
        key: [u8; 32],
    },
    /// The borrower tells what happened to a grant.
    Report {
        /// The grant.
        grant: GrantId,
        /// What happened, oldest first.
        entries: Vec<LogEntry>,
    },
}

impl Note {
    /// Whether the note keeps the books of a grant that exists. Such notes pass also between people
    /// of whom one refuses the other: nobody escapes a revocation by refusing it, and no look is
    /// lost to the owner's log.
    #[must_use]
    pub const fn keeps_books(&self) -> bool {
        matches!(self, Self::Adjust { .. } | Self::Report { .. })
    }

    /// Whether the note asks for what is given from peer to peer only, so that it is answered only
    /// to who shows a pass of the servers. What may also come by way of the servers needs none.
    #[must_use]
    pub const fn needs_pass(&self) -> bool {
        matches!(self, Self::GalleryAsk { .. } | Self::PictureAsk { .. })
    }

    /// Whether the note is worth keeping for a reader who is away. The others are asked again.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        !matches!(
            self,
            Self::GalleryAsk { .. } | Self::Gallery { .. } | Self::PictureAsk { .. }
        )
    }
}

/// A picture in a gallery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GalleryItem {
    /// Its name, unique in the gallery.
    pub name: String,
    /// Size of the original in bytes.
    pub size_bytes: u32,
    /// A JPEG of at most 32 pixels a side, blurred; empty for a file that is no picture.
    pub preview: Bytes,
}

/// A borrower's question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageAsk {
    /// Random name of the question.
    pub ask: AskId,
    /// The asker's name as they use it themselves; unverified.
    pub from_name: String,
    /// Which picture.
    pub image: ImageRef,
    /// How many looks (or how many more, when a grant exists already).
    pub views: u32,
    /// A remark for the owner.
    pub remark: String,
}

/// How a borrower points at a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageRef {
    /// By its name in the gallery.
    Name(String),
    /// By its place in the gallery, from 0.
    Index(u32),
}

/// The owner's word on a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Granted, with so many looks; the grant (or the adjustment) comes in a letter of its own.
    Approved {
        /// The grant that the looks belong to.
        grant: GrantId,
        /// Looks granted.
        views: u32,
    },
    /// Not granted.
    Denied {
        /// In the owner's words or the rule's.
        reason: String,
    },
}

/// Rights to a picture, from its owner to one borrower.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Unique for owner, borrower and image name.
    pub grant: GrantId,
    /// The name of the image.
    pub name: String,
    /// The owner's name as they use it themselves.
    pub owner_name: String,
    /// Looks granted.
    pub views: u32,
    /// What the owner set beside the looks.
    pub conditions: Conditions,
    /// Opens the picture; under a lock it is the borrower's part of what does.
    pub key: [u8; 32],
    /// The servers' part, of a grant whose looks they count.
    pub lock: Option<Box<Lock>>,
    /// Digest of the picture file that carries the image.
    pub picture: Digest,
    /// Size of that file in bytes.
    pub picture_bytes: u32,
    /// Number of the default cover, none for the owner's own cover.
    pub cover: Option<u8>,
    /// When it was granted, by the owner's clock.
    pub granted_at: WallTime,
}

/// The servers' part of a content key: who of them has it is of no use to anybody alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Shares that make it, from 1 to their number.
    pub threshold: u8,
    /// BLAKE3 of each server's share, in the order of the servers.
    pub share_hashes: Vec<Digest>,
}
