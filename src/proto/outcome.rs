//! What a fulfilled wish brings: one outcome for each command of `control`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::cargo::Mode;
use super::control::{Rule, Timings};
use super::identity::PublicIdentity;
use super::ids::{AskId, GrantId, NodeId, RequestId, UserId, ViewId};
use super::lease::{Conditions, Ended, LogEntry, Terms};
use super::route::Reached;
use crate::time::WallTime;

/// The end of a wish that was fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// How things are.
    Status(ClientStatus),
    /// The picture.
    Hidden {
        /// The request that made it.
        request: RequestId,
        /// A PNG.
        picture: Bytes,
        /// Where the time went.
        timings: Timings,
    },
    /// What was inside.
    Revealed {
        /// File name.
        name: String,
        /// The file.
        original: Bytes,
    },
    /// What can be told.
    Inspected(Inspection),
    /// Known users.
    Peers {
        /// By name.
        peers: Vec<Peer>,
        /// Whether a server answered; else the list is what this client remembers.
        fresh: bool,
    },
    /// The picture is in the gallery.
    Offered {
        /// Under this name.
        name: String,
        /// What was taken out of the file: kinds of metadata, in words.
        removed: Vec<String>,
    },
    /// A gallery.
    Gallery {
        /// The pictures.
        items: Vec<super::letter::GalleryItem>,
        /// Whether the owner's rules keep previews from us.
        refused: bool,
    },
    /// The question is on its way.
    Asked {
        /// Its name.
        ask: AskId,
        /// The owner's word, if it came in time.
        verdict: Option<super::letter::Verdict>,
    },
    /// Open questions.
    Requests(Vec<OpenAsk>),
    /// My word is given.
    Decided(AskId),
    /// The question is taken back.
    Withdrawn(AskId),
    /// How a peer is known now.
    Peer(Peer),
    /// The picture is granted.
    Shared {
        /// The grant.
        grant: GrantId,
        /// Whether the picture is on the borrower's disk already.
        delivered: bool,
        /// What was taken out of the file: kinds of metadata, in words.
        removed: Vec<String>,
        /// Where the time of hiding went.
        timings: Timings,
    },
    /// The picture, to be shown now.
    Opened {
        /// The look, to be named in [`super::control::Command::Shown`].
        view: ViewId,
        /// The grant.
        grant: GrantId,
        /// File name.
        name: String,
        /// The file.
        original: Bytes,
        /// Looks left after this one.
        left_after: u32,
        /// The look closes by itself after so many milliseconds.
        show_ms: Option<u32>,
    },
    /// The look was not shown and is not counted.
    LetGo(ViewId),
    /// The look is counted.
    Counted {
        /// Its number.
        ordinal: u32,
        /// Looks left.
        left: u32,
    },
    /// All grants.
    Leases(Vec<Lease>),
    /// The change is made on the owner's side and on its way.
    Adjusted {
        /// The grant.
        grant: GrantId,
        /// Looks left as far as the owner knows.
        left: u32,
        /// How the letter went.
        posted: Posted,
    },
    /// Looks are on this device.
    LooksTaken {
        /// The grant.
        grant: GrantId,
        /// So many.
        looks: u32,
        /// Good until then.
        until: WallTime,
    },
    /// The looks of this device are told, and the rest is given back.
    LooksReturned {
        /// The grant.
        grant: GrantId,
        /// So many were given back.
        looks: u32,
    },
    /// Log entries with their grants, by time.
    Ledger(Vec<(GrantId, LogEntry)>),
    /// The rules, by peer.
    Rules(Vec<(String, Rule)>),
    /// The wish is given up, if it was still open.
    Cancelled,
    /// Mail is fetched; whether everything came to rest in time.
    Settled(bool),
    /// The node ends.
    Stopping,
}

/// How a letter went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Posted {
    /// The recipient has it on disk.
    Direct,
    /// A majority of the servers has it on disk.
    Mailbox,
    /// Only this client has it on disk; it tries on.
    Queued,
    /// Nobody has it, and it is not tried on: it cannot be sealed, or there is no room or no disk
    /// to keep it.
    Lost,
}

/// How a client node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientStatus {
    /// Who I am.
    pub user: UserId,
    /// My public keys.
    pub identity: PublicIdentity,
    /// My name.
    pub name: String,
    /// Whether the servers say that the name is somebody else's.
    pub name_taken: bool,
    /// Servers that answered lately.
    pub servers_answering: Vec<NodeId>,
    /// Servers configured.
    pub servers: u32,
    /// Letters that are not delivered or deposited yet.
    pub letters_queued: u32,
}

/// What can be told of a picture without opening it, and with the keys at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What could be hidden in it, by mode.
    pub rooms: Vec<Room>,
    /// What a key of ours opens, if one does.
    pub inside: Option<Inside>,
}

/// What a picture holds in one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// The mode.
    pub mode: Mode,
    /// Bytes that could be hidden, the seal included.
    pub capacity_bytes: u64,
}

/// What is inside a picture that a key of ours opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inside {
    /// File name of the image.
    pub name: String,
    /// Size of the original in bytes.
    pub size_bytes: u64,
    /// The owner.
    pub owner: UserId,
    /// The borrower; the owner for a picture hidden for oneself.
    pub borrower: UserId,
    /// Looks that were granted when it was made; none for a picture hidden for oneself.
    pub views: Option<u32>,
}

/// A user we know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The name.
    pub name: String,
    /// Who it is.
    pub user: UserId,
    /// Whether they are online as far as anybody knows.
    pub online: bool,
    /// When they were last heard.
    pub last_seen: WallTime,
    /// Whether another key claims the name than the one we first met under it.
    pub conflict: bool,
    /// Whether this client remembers the key; else a server said who it is, just now.
    pub known: bool,
    /// Whether the person has compared words with them, or scanned their code.
    pub verified: bool,
    /// Whether letters to and from them are refused.
    pub blocked: bool,
    /// How this client reaches them now; none if it has not yet, or not any more.
    pub reached: Option<Reached>,
}

/// A question that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAsk {
    /// The question.
    pub ask: AskId,
    /// Whether it is ours and waits for the other side.
    pub ours: bool,
    /// The other side's name.
    pub peer: String,
    /// Which picture.
    pub image: String,
    /// How many looks.
    pub views: u32,
    /// The asker's remark.
    pub remark: String,
    /// When it was asked.
    pub at: WallTime,
    /// How it stands.
    pub state: AskState,
}

/// How a question stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AskState {
    /// It waits for the owner.
    Open,
    /// Granted, with so many looks.
    Approved(u32),
    /// Denied, with a reason.
    Denied(String),
    /// Taken back by the asker.
    Withdrawn,
}

/// A grant, from either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The grant.
    pub grant: GrantId,
    /// The image's name.
    pub name: String,
    /// Whether we gave it.
    pub ours: bool,
    /// The other side's name.
    pub peer: String,
    /// Looks granted and used, as far as this side knows.
    pub terms: Terms,
    /// What the owner set beside the looks, at first.
    pub conditions: Conditions,
    /// When it was granted, by the owner's clock.
    pub granted_at: WallTime,
    /// Its end, if it gives no looks any more.
    pub ended: Option<Ended>,
    /// Size of the picture file in bytes.
    pub picture_bytes: u32,
    /// Whether the picture is on the borrower's disk, as far as this side knows.
    pub delivered: bool,
    /// Name of the picture file in the `received` folder, on the borrower's side.
    pub file: Option<String>,
    /// Looks that are with the borrower's device, as far as this side knows.
    pub taken: Option<TakenLooks>,
}

/// Looks that are with a device, for use without the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenLooks {
    /// So many were taken.
    pub looks: u32,
    /// Used of them, as far as this side knows: the owner learns it when they go back.
    pub used: u32,
    /// Good until then.
    pub until: WallTime,
}

impl Lease {
    /// Looks left: none once it has ended.
    #[must_use]
    pub const fn left(&self) -> u32 {
        if self.ended.is_some() {
            0
        } else {
            self.terms.left()
        }
    }
}
