//! The words in which concerns ask the edges (disk, CPU pool) for something and are answered.
//! The edges themselves live in `node`; the simulator has stand-ins that understand the same.

use bytes::Bytes;

pub use crate::crypto::container::Rights;
use crate::proto::cargo::{Carrier, HideJob};
use crate::proto::control::{Inspection, Reason};
use crate::proto::identity::PublicIdentity;
use crate::proto::ids::{Digest, GrantId};

/// Who ordered something, so that the wiring can carry the answer back. A concern sets only its
/// own; it never reads another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Desk {
    /// Server: names and presence.
    Directory,
    /// Server: letters for users who are away.
    Mailbox,
    /// Server: jobs.
    StegoWorker,
    /// Server: the agreed log.
    Consensus,
    /// Server: shares of content keys.
    Custody,
    /// Client: who is where.
    Presence,
    /// Client: letters.
    Courier,
    /// Client: pictures in the making.
    Studio,
    /// Client: questions and grants to be.
    Sharing,
    /// Client: grants.
    LeaseManager,
}

/// Numbers an order so that its answer can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// Who ordered.
    pub desk: Desk,
    /// Unique within the desk.
    pub number: u64,
}

/// Numbers the orders of one desk.
#[derive(Clone, Copy, Debug)]
pub struct TicketBook {
    desk: Desk,
    last: u64,
}

impl TicketBook {
    /// A fresh book.
    #[must_use]
    pub const fn new(desk: Desk) -> Self {
        Self { desk, last: 0 }
    }

    /// The next ticket.
    pub const fn draw(&mut self) -> Ticket {
        self.last += 1;
        Ticket {
            desk: self.desk,
            number: self.last,
        }
    }
}

/// A user whose keys we know.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Contact {
    /// The name we know them by.
    pub name: String,
    /// Their keys.
    pub identity: PublicIdentity,
}

/// A table of the node's database. Each belongs to one concern, which alone writes it and is
/// given its rows at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Server, mailbox: letters that wait.
    Letters,
    /// Server, mailbox: ids of letters let go.
    LetGo,
    /// Server, directory: names and their keys.
    Names,
    /// Client, presence: peers we know.
    Contacts,
    /// Client, courier: letters on their way.
    Outbox,
    /// Client, courier: ids of letters that took effect.
    Seen,
    /// Client, sharing: pictures on offer (previews).
    Offers,
    /// Client, sharing: questions.
    Asks,
    /// Client, sharing: rules by peer.
    Rules,
    /// Client, lease manager: grants given and received.
    Leases,
    /// Client, lease manager: log entries.
    Log,
    /// Client, studio: keys of pictures hidden for oneself.
    Keyring,
    /// Server, consensus: entries of the agreed log.
    RaftLog,
    /// Server, consensus: term, vote, and where the log begins and ends.
    RaftState,
    /// Server, consensus: the state at the last checkpoint, in parts.
    LedgerSnapshot,
    /// Server, custody: shares of content keys, sealed to this server.
    Shares,
    /// Server: the name of the disk, written when it is first used.
    Disk,
}

impl Table {
    /// Every table, in the order of the enum.
    pub const ALL: [Self; 17] = [
        Self::Letters,
        Self::LetGo,
        Self::Names,
        Self::Contacts,
        Self::Outbox,
        Self::Seen,
        Self::Offers,
        Self::Asks,
        Self::Rules,
        Self::Leases,
        Self::Log,
        Self::Keyring,
        Self::RaftLog,
        Self::RaftState,
        Self::LedgerSnapshot,
        Self::Shares,
        Self::Disk,
    ];
}

/// One row to write; `None` deletes the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: Vec<u8>,
    /// The value, at most a few hundred kilobytes.
    pub value: Option<Bytes>,
}

/// A row as it was found at start.
pub type Row = (Vec<u8>, Bytes);

/// A folder for pictures below the home of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folder {
    /// Pictures on offer, as the owner gave them.
    Originals,
    /// Pictures made for oneself or for a borrower, by grant.
    Hidden,
    /// Pictures received from others, by grant.
    Received,
}

/// A picture file. Names are made by us (hexadecimal ids, or checked names); what a peer says
/// never becomes part of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PictureFile {
    /// The folder.
    pub folder: Folder,
    /// File name without a separator, see [`PictureFile::is_safe`].
    pub name: String,
}

impl PictureFile {
    /// The file that holds the picture of a grant.
    #[must_use]
    pub fn of_grant(folder: Folder, grant: GrantId) -> Self {
        Self {
            folder,
            name: format!("{}.png", grant.hex()),
        }
    }

    /// Whether the name is one path component of letters, digits, `-`, `_`, `.` and spaces that
    /// does not start with a dot. The disk edge refuses every other.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        !self.name.is_empty()
            && self.name.len() <= 96
            && !self.name.starts_with('.')
            && self
                .name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '))
    }
}

/// What a concern asks of the disk. Orders of one concern are carried out in order; an answer
/// means the effect survives a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskOrder {
    /// Write all rows in one transaction. Answered by [`DiskAnswer::Written`].
    Write(Vec<Record>),
    /// Write a whole file, replacing an older one in one step. Answered by `Written`.
    Keep(PictureFile, Bytes),
    /// Read a whole file. Answered by [`DiskAnswer::Read`].
    Read(PictureFile),
    /// Delete a file; a missing one counts as deleted. Answered by `Written`.
    Delete(PictureFile),
}

/// The disk's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskAnswer {
    /// The effect is durable.
    Written,
    /// The file's bytes.
    Read(Bytes),
    /// It did not work; nothing changed.
    Failed(DiskFault),
}

/// Why the disk did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// There is no such file.
    Missing,
    /// The file is larger than a message may be, or its name is not one of ours.
    Refused,
    /// The operating system said no, in these words.
    Io(String),
}

/// A question to a service over HTTP, as the body of a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOrder {
    /// Which of the configured endpoints, counted from 0.
    pub endpoint: usize,
    /// The path, from the first `/`.
    pub path: &'static str,
    /// JSON.
    pub body: Bytes,
    /// Given up after so long, in milliseconds.
    pub wait_ms: u64,
    /// An answer that is longer counts as none, in bytes.
    pub answer_max_bytes: usize,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAnswer {
    /// The service answered.
    Done {
        /// The status, 200 for success.
        status: u16,
        /// The body.
        body: Bytes,
    },
    /// No answer came, in these words. What was asked for may have been done all the same.
    Failed(String),
}

/// What a concern asks of the CPU pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Server: hide a payload in a cover. Answered by [`WorkDone::Embedded`].
    Embed(HideJob),
    /// Client: compress if that helps, seal, and make the body for the cloud. Answered by
    /// [`WorkDone::Sealed`].
    Seal(SealJob),
    /// Client: open a picture with the first key that fits. Answered by [`WorkDone::Opened`].
    Open {
        /// A PNG.
        picture: Bytes,
        /// Keys to try, in order.
        keys: Vec<[u8; 32]>,
    },
    /// Client: what can be told of a picture. Answered by [`WorkDone::Inspected`].
    Inspect {
        /// A picture file.
        picture: Bytes,
        /// Keys to try, in order.
        keys: Vec<[u8; 32]>,
    },
    /// Client: an original without its metadata. Answered by [`WorkDone::Cleaned`].
    Clean(Bytes),
    /// Client: a preview of an original. Answered by [`WorkDone::Previewed`].
    Preview(Bytes),
    /// Client: the [`Delta`](crate::proto::cargo::Delta) of a picture of ours. Answered by
    /// [`WorkDone::Reduced`].
    Reduce {
        /// A PNG.
        picture: Bytes,
        /// Opens it.
        key: [u8; 32],
        /// The default cover it was made from.
        cover: u8,
    },
    /// Client: the picture of an encoded [`Delta`](crate::proto::cargo::Delta). Answered by
    /// [`WorkDone::Embedded`].
    Render(Bytes),
    /// Client: the used-up rendition of a picture. Answered by [`WorkDone::Emptied`].
    Empty {
        /// The picture that carries an image.
        picture: Bytes,
        /// Number of the default cover it was made from, if it was one.
        cover: Option<u8>,
        /// Fills it.
        fill_seed: [u8; 32],
    },
}

/// What is to be sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealJob {
    /// The rights that travel inside.
    pub rights: Rights,
    /// The original file.
    pub original: Bytes,
    /// The content key, fresh.
    pub key: [u8; 32],
    /// Seed for nonce and fill, fresh.
    pub seed: [u8; 32],
    /// How it is hidden, and in what.
    pub carrier: Carrier,
}

/// The CPU pool's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkDone {
    /// The finished picture.
    Embedded {
        /// A PNG.
        picture: Bytes,
        /// Its digest, so that nobody who has no time for it computes it.
        digest: Digest,
    },
    /// An encoded [`Delta`](crate::proto::cargo::Delta), none if the picture cannot be told by one.
    Reduced(Option<Bytes>),
    /// The body for the cloud, an encoded [`HideJob`].
    Sealed {
        /// The encoded job.
        body: Bytes,
        /// Number of the default cover that the cloud is told to take; none for an own cover.
        cover: Option<u8>,
    },
    /// What was inside.
    Opened {
        /// Which of the keys fitted.
        key_index: usize,
        /// The rights that travelled inside.
        rights: Rights,
        /// The original file.
        original: Bytes,
    },
    /// What can be told.
    Inspected(Inspection),
    /// A file that shows the same.
    Cleaned {
        /// The file.
        original: Bytes,
        /// What was taken out of it: kinds of metadata, in words.
        removed: Vec<String>,
    },
    /// The preview, a JPEG; empty for a file that is no picture.
    Previewed(Bytes),
    /// A PNG with nothing inside.
    Emptied(Bytes),
    /// It did not work.
    Failed(WorkFault),
}

/// Why work on a picture failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkFault {
    /// The payload fits no cover, or not the given one.
    TooLarge {
        /// Largest payload that would have fitted, in bytes.
        limit_bytes: u64,
    },
    /// Not a picture, a damaged one, or one beyond the limits; in one sentence.
    BadPicture(String),
    /// No key of ours opens it: nothing is inside, or it is meant for somebody else.
    NothingForUs,
    /// A key fits but the content is damaged.
    Damaged,
    /// The pool's queue is full.
    Busy,
    /// The work ended in a bug of ours; it was contained.
    Crashed,
}

impl WorkFault {
    /// The reason in a report to a person.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::BadPicture(_) => Reason::BadPicture,
            Self::NothingForUs => Reason::NothingForYou,
            Self::Damaged => Reason::Integrity,
            Self::Busy => Reason::Busy,
            Self::Crashed => Reason::Other,
        }
    }
}
