//! What a person's program and their client node say to each other over the control socket, and
//! an operator's program and a server.
//!
//! Each command is numbered by its sender; every report names the command it belongs to. A command
//! is answered by any number of progress reports and then exactly one final report.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use super::cargo::{Carrier, Mode};
use super::ids::{NodeId, RequestId, ViewId, WishId};
use super::lease::{Change, Conditions};
use super::letter::ImageRef;
pub use super::notice::*;
pub use super::outcome::*;
use crate::time::WallTime;

/// A command with its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The number.
    pub id: WishId,
    /// The command.
    pub command: Command,
}

/// What a person may ask of their client node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// How are things? Answered by [`Outcome::Status`].
    Status,
    /// Hide this file in a picture, for myself. Answered by [`Outcome::Hidden`].
    Hide {
        /// File name, kept inside the picture.
        name: String,
        /// The file.
        original: Bytes,
        /// How it is hidden, and in what.
        carrier: Carrier,
    },
    /// What is hidden in this picture? Answered by [`Outcome::Revealed`].
    Reveal(Bytes),
    /// What can be told of this picture without opening it? Answered by [`Outcome::Inspected`].
    Inspect(Bytes),
    /// Whom do I know, and who is online? Answered by [`Outcome::Peers`].
    Peers,
    /// Offer a picture in my gallery. Answered by [`Outcome::Offered`].
    Offer {
        /// Its name in the gallery.
        name: String,
        /// The file.
        original: Bytes,
        /// Whether metadata such as the place stays in the file.
        keep_metadata: bool,
    },
    /// My own gallery, or that of a peer. Answered by [`Outcome::Gallery`].
    Gallery(Option<String>),
    /// Ask a peer for looks at a picture. Answered by [`Outcome::Asked`].
    Ask {
        /// The peer's name.
        peer: String,
        /// Which picture.
        image: ImageRef,
        /// How many looks.
        views: u32,
        /// A remark for the owner.
        remark: String,
        /// Milliseconds to wait for the owner's word before answering `Pending`.
        wait_ms: u32,
    },
    /// Questions that wait for my word, and mine that wait for others. Answered by
    /// [`Outcome::Requests`].
    Requests,
    /// My word on a question. Answered by [`Outcome::Decided`].
    Decide {
        /// The question, or the first digits of its hexadecimal name.
        ask: String,
        /// Looks to grant; none denies.
        views: Option<u32>,
        /// A reason, when denied.
        reason: String,
    },
    /// Take a question of mine back, named like in `Decide`. Answered by [`Outcome::Withdrawn`].
    Withdraw(String),
    /// Remember the user of a pairing code as verified. Answered by [`Outcome::Peer`].
    AddPeer(String),
    /// The person has compared words with a peer, or takes that back. Answered by
    /// [`Outcome::Peer`].
    Verify {
        /// The peer's name.
        peer: String,
        /// Whether they are who they say.
        on: bool,
    },
    /// Refuse letters to and from a peer, or no longer. Answered by [`Outcome::Peer`].
    Block {
        /// The peer's name.
        peer: String,
        /// Whether to refuse.
        on: bool,
    },
    /// Share a picture with a peer. Answered by [`Outcome::Shared`].
    Share {
        /// The image's name for both sides; an offered picture if `original` is none.
        name: String,
        /// The file.
        original: Option<Bytes>,
        /// The peer's name.
        to: String,
        /// How many looks.
        views: u32,
        /// What the owner sets beside the looks.
        conditions: Conditions,
        /// How it is hidden, and in what.
        carrier: Carrier,
        /// Whether metadata such as the place stays in the file.
        keep_metadata: bool,
    },
    /// Look at a leased picture. Answered by [`Outcome::Opened`] or a failure; when it was shown,
    /// [`Command::Shown`] must follow, else the look is not counted.
    View(String),
    /// The picture of this view was shown. Answered by [`Outcome::Counted`].
    Shown(ViewId),
    /// The picture of this view could not be shown: nothing is counted. Answered by
    /// [`Outcome::LetGo`].
    LetGo(ViewId),
    /// Tell whatever happens, from now on or after the notice of this number, as far as it is
    /// still known. Answered by notices for as long as the program listens, and by no end.
    Watch(Option<u64>),
    /// Give up a wish of the same program that is still open. Answered by [`Outcome::Cancelled`].
    Cancel(WishId),
    /// All grants, given and received. Answered by [`Outcome::Leases`].
    Leases,
    /// Change a grant that I gave. Answered by [`Outcome::Adjusted`].
    Adjust {
        /// The grant, by the first digits of its hexadecimal name, or `peer/image`.
        lease: String,
        /// The change.
        change: Change,
    },
    /// Take looks of a grant that I received to this device, for use without the servers. Answered
    /// by [`Outcome::LooksTaken`].
    TakeLooks {
        /// The grant, by the first digits of its hexadecimal name, or `peer/image`.
        lease: String,
        /// So many; as many as may be, if not said.
        looks: Option<u32>,
        /// Good until then; as long as may be, if not said.
        until: Option<WallTime>,
    },
    /// Give the looks on this device back. Answered by [`Outcome::LooksReturned`].
    ReturnLooks {
        /// The grant, by the first digits of its hexadecimal name, or `peer/image`.
        lease: String,
    },
    /// The log of one grant or of all. Answered by [`Outcome::Ledger`].
    Ledger(Option<String>),
    /// How questions of a peer (or of everybody, for `*`) are treated without asking me.
    /// Answered by [`Outcome::Rules`].
    SetRule {
        /// The peer's name, or `*`.
        peer: String,
        /// The rule; none takes it back.
        rule: Option<Rule>,
    },
    /// The rules. Answered by [`Outcome::Rules`].
    Rules,
    /// Answer when mail is fetched and nothing is on its way, or after so many milliseconds.
    /// Answered by [`Outcome::Settled`].
    Settle(u32),
    /// End the node. Answered by [`Outcome::Stopping`].
    Stop,
}

/// How questions of a peer are treated without asking the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Whether previews are shown.
    pub previews: bool,
    /// What happens to questions.
    pub asks: AskRule,
}

/// What happens to a question without the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AskRule {
    /// It waits for the owner.
    Wait,
    /// Up to so many looks in all are granted per image; what is above waits for the owner.
    Grant(u32),
    /// It is denied.
    Refuse,
}

/// What a client node tells about a wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The wish.
    pub wish: WishId,
    /// What.
    pub news: News,
}

/// A step, or the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// Work goes on.
    Progress(Progress),
    /// Something happened; for [`Command::Watch`] only.
    Noticed(Noticed),
    /// The wish is fulfilled.
    Done(Box<Outcome>),
    /// The wish is refused or failed.
    Failed(Failure),
}

/// Where a request to the cloud stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// The servers are asked.
    Asked(RequestId),
    /// A server took the request.
    Elected {
        /// The server.
        node: NodeId,
        /// 0 for the first; more when others were lost.
        epoch: u32,
    },
    /// Bytes that the server has acknowledged.
    Uploading {
        /// So many.
        done_bytes: u32,
        /// Of so many.
        total_bytes: u32,
    },
    /// The server has the body and works.
    Hiding,
    /// Bytes of the result that are here.
    Downloading {
        /// So many.
        done_bytes: u32,
        /// Of so many.
        total_bytes: u32,
    },
    /// Bytes of the picture that the borrower has acknowledged.
    Delivering {
        /// So many.
        done_bytes: u32,
        /// Of so many.
        total_bytes: u32,
    },
}

/// Where the time of a request went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// First ask sent until the accepted server's word, in microseconds.
    pub election_us: u64,
    /// Until the server acknowledged the whole body.
    pub upload_us: u64,
    /// Until the first piece of the result arrived.
    pub hiding_us: u64,
    /// Until the last piece of the result arrived.
    pub download_us: u64,
    /// Servers that took the request, one after another; 1 when none was lost.
    pub owners: u32,
    /// The server whose result was accepted.
    pub node: Option<NodeId>,
}

impl Timings {
    /// The whole response time in microseconds.
    #[must_use]
    pub const fn total_us(&self) -> u64 {
        self.election_us + self.upload_us + self.hiding_us + self.download_us
    }
}

/// Why a wish was not fulfilled, with the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word for scripts.
    pub reason: Reason,
    /// What happened, in one sentence without a full stop.
    pub message: String,
    /// What can be done about it.
    pub hint: String,
}

impl Failure {
    /// A failure from its parts.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// Why a wish was not fulfilled; each has its exit code in one place, [`Reason::exit_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Anything that has no word of its own.
    Other,
    /// The command makes no sense.
    Usage,
    /// No such peer, image, lease or question.
    NotFound,
    /// No looks left.
    QuotaSpent,
    /// The owner revoked the grant.
    Revoked,
    /// The end date of the grant has passed.
    Expired,
    /// The owner said no.
    Denied,
    /// The name belongs to somebody else.
    NameTaken,
    /// It is this picture's turn at somebody else's key, or nothing is inside.
    NothingForYou,
    /// No server, or no peer, answered in time.
    Unreachable,
    /// All places are taken.
    Busy,
    /// The picture or a message is damaged.
    Integrity,
    /// Not a picture we can read.
    BadPicture,
    /// Larger than fits.
    TooLarge,
    /// The disk did not take it.
    Disk,
    /// The configuration is wrong.
    Config,
    /// The person gave it up.
    Cancelled,
}

impl Reason {
    /// The exit code of a program that ends for this reason.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Other | Self::Disk | Self::TooLarge | Self::BadPicture => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::QuotaSpent | Self::Revoked | Self::Expired | Self::Denied | Self::NameTaken => 4,
            Self::Unreachable | Self::Busy => 6,
            Self::Integrity | Self::NothingForYou => 7,
            Self::Config => 8,
            Self::Cancelled => 130,
        }
    }
}
