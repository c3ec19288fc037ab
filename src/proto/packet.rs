//! Everything that fits one datagram.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::identity::{PublicIdentity, Signature};
use super::ids::{Digest, DiskId, LetterId, NodeId, RequestId, UserId};
use super::ledger::Answer;
use super::pass::{Pass, PassFault};
use super::shares::{ReleasedShare, ShareAnswer, ShareDeposit};
use crate::time::WallTime;

/// The other end of a packet: who it is, never where. The transport knows the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Party {
    /// A server of the configured cluster.
    Server(NodeId),
    /// A client, by the user whose keys it has shown.
    User(UserId),
}

/// One datagram's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packet {
    /// Client to every server: who takes this request?
    Ask {
        /// The request.
        ask: Ask,
        /// For so long the client has asked without a sign that anybody works on it, in
        /// milliseconds: its owner, if there is one, cannot be heard.
        unheard_ms: u16,
    },
    /// Server to client: I take it.
    Elected(Elected),
    /// Server to client: I have taken it, but have no body yet.
    NeedBody {
        /// The request in question.
        request: RequestId,
        /// Epoch of the server's claim.
        epoch: u32,
    },
    /// Server to client: this request will not be done.
    Refused {
        /// The request in question.
        request: RequestId,
        /// Why.
        reason: RefusalReason,
    },
    /// Client to server: a signed wish about presence and mail.
    Errand(Errand),
    /// Server to client: answer to [`ErrandKind::Here`].
    HereAnswer(HereAnswer),
    /// Server to client: so many letters wait for you here.
    MailWaiting(u32),
    /// Client to server: who is it, where is it?
    Lookup(Lookup),
    /// Server to client: answer to a lookup.
    LookupAnswer(LookupAnswer),
    /// Client to server: do you hold this letter on disk?
    DepositCheck(LetterId),
    /// Server to client: the letter is on this server's disk.
    Deposited(LetterId),
    /// Server to client: the letter cannot be kept.
    DepositRefused {
        /// The letter in question.
        letter: LetterId,
        /// Why.
        reason: DepositRefusal,
    },
    /// Client to client: the letter was opened and its effect is on this client's disk.
    LetterKept(LetterId),
    /// Anybody to a client: are you there?
    Ping(u64),
    /// Answer to a ping, with its number.
    Pong(u64),
    /// Server to server: how busy I am. Also the sign of life.
    Load(LoadReport),
    /// Server to server: I take this request.
    Claim(Claim),
    /// Server to server: this request is over.
    Done(Done),
    /// Server to server: I am about to fall silent.
    Bye,
    /// Server to server: the failure token.
    Token(TokenPacket),
    /// Server to server: send me what you know; I have been away.
    StateAsk(StateKind),
    /// Client to every server: put this order before the ledger.
    Submit {
        /// The client's number for it: the same when it is repeated, never the same for another.
        nonce: u64,
        /// An encoded [`Signed`](super::ledger::Signed).
        command: Bytes,
    },
    /// Server to client: what became of an order. A majority has it on disk.
    Decided {
        /// The client's number for it.
        nonce: u64,
        /// The ledger's word.
        answer: Answer,
    },
    /// Client to server: keep this share.
    KeepShare(ShareDeposit),
    /// Server to client: what became of a share.
    ShareKept(ShareAnswer),
    /// Server to client: my share, for a look that is counted.
    Share(ReleasedShare),
    /// Server to server: a message of the agreement on the ledger, as far as it fits here.
    Agree(Bytes),
    /// Client to client: your letter is not answered without a pass that counts here.
    PassWanted {
        /// The letter.
        letter: LetterId,
        /// What is wrong with the pass that came with it.
        fault: PassFault,
    },
    /// Server to client: your errand does not count, for a later one did.
    Outdated {
        /// The epoch of that one.
        epoch: WallTime,
        /// Whether who sent it is still taken to be here.
        is_here: bool,
    },
}

/// A client's request, without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The request.
    pub request: RequestId,
    /// Size of the body in bytes.
    pub size_bytes: u32,
    /// Digest of the body.
    pub digest: Digest,
}

/// A server's word to the others that a request is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The request.
    pub request: RequestId,
    /// Whether the client has its result, and so will not ask again. Else it was told no, or
    /// took no part any more.
    pub is_delivered: bool,
}

impl Done {
    /// The client has its result.
    #[must_use]
    pub const fn delivered(request: RequestId) -> Self {
        Self {
            request,
            is_delivered: true,
        }
    }

    /// The client has nothing, and may ask again.
    #[must_use]
    pub const fn refused(request: RequestId) -> Self {
        Self {
            request,
            is_delivered: false,
        }
    }
}

/// A server's word to the client that it has taken a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elected {
    /// The request.
    pub request: RequestId,
    /// 0 for the first owner; one more for each owner that was lost.
    pub epoch: u32,
    /// The server that took it.
    pub node: NodeId,
}

/// Why a request will not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalReason {
    /// All places are taken; ask again after the wait.
    Busy {
        /// Milliseconds to wait before asking again.
        retry_after_ms: u32,
    },
    /// The body is not what the ask announced, or not a job.
    BadBody,
    /// The payload fits no cover, or not the cover that came with it.
    TooLarge {
        /// Largest payload that would have fitted, in bytes.
        limit_bytes: u64,
    },
    /// The cover that came with the request is not a picture we can read.
    BadCover,
    /// The work failed inside the server; another attempt may succeed.
    Failed,
}

/// A signed wish of a user about presence and mail. Signed over all other fields; accepted only
/// if `(epoch, sequence)` is larger than the last one seen from this user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// Who signs.
    pub user: PublicIdentity,
    /// Wall time of the client's start: larger after a restart than before it.
    pub epoch: WallTime,
    /// Counts within the epoch, from 1.
    pub sequence: u64,
    /// What is wished.
    pub kind: ErrandKind,
    /// Ed25519 over the encoding of the fields above.
    pub signature: Signature,
}

/// What an errand wishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrandKind {
    /// I am here under this name; believe it for so long.
    Here {
        /// The name that others find me by.
        name: String,
        /// Milliseconds until the presence expires unless repeated.
        ttl_ms: u32,
    },
    /// I am leaving now.
    Leave,
    /// Send me the letters you hold for me.
    FetchMail,
    /// These letters have taken effect on my disk; forget them.
    AckMail(Vec<LetterId>),
    /// This user did not answer me three times.
    Missing(UserId),
}

/// Answer to [`ErrandKind::Here`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HereAnswer {
    /// Sequence of the errand that is answered.
    pub sequence: u64,
    /// Whether the name is this user's.
    pub name: NameAnswer,
    /// The server's clock: passes are judged by it, whatever the clock of who judges.
    pub at: WallTime,
    /// The server's disk: another one than before has nothing of what was deposited there.
    pub disk: DiskId,
}

/// Whether a name belongs to who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NameAnswer {
    /// The name is bound to this user.
    Yours,
    /// Somebody else holds the name.
    Taken,
    /// The name is empty, too long or has characters that names may not have.
    Invalid,
}

/// A question to the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Repeated in the answer.
    pub nonce: u64,
    /// What is asked.
    pub wanted: LookupKind,
}

/// What a lookup asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LookupKind {
    /// The user who holds this name.
    Name(String),
    /// The user with this id.
    User(UserId),
    /// All users, by name, after this one; the first page is after the empty name.
    After(String),
}

/// Answer to a lookup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupAnswer {
    /// The nonce of the lookup.
    pub nonce: u64,
    /// Up to [`super::limits::LOOKUP_PAGE_ENTRIES`] entries, in order of their names.
    pub entries: Vec<DirectoryEntry>,
    /// Whether there are more after the last one.
    pub more: bool,
    /// The asker's pass for the one user who was asked for, if the server knows the asker.
    pub pass: Option<Pass>,
}

/// A user as the directory knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryEntry {
    /// The name.
    pub name: String,
    /// The keys.
    pub identity: PublicIdentity,
    /// Where the user's datagrams come from, as the answering server sees it: a hint for a direct
    /// way. None when offline.
    pub address: Option<SocketAddr>,
    /// When the user was last heard, by the answering server's clock.
    pub last_seen: WallTime,
}

/// Why a letter cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DepositRefusal {
    /// The recipient's mailbox is full.
    Full,
    /// The letter is too large, malformed or not signed by its sender.
    Invalid,
    /// The disk did not take it.
    Disk,
}

/// A server's load, sent to all other servers a few times a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Wall time of the server's start: larger after a restart than before it.
    pub incarnation: WallTime,
    /// Counts reports within the incarnation.
    pub sequence: u64,
    /// Jobs waiting for a place on the CPU pool.
    pub queued: u32,
    /// Jobs that run.
    pub running: u32,
    /// Work per second this host can do now, in thousandths of a free core: cores times the share
    /// of CPU that others leave, at most those that are given to this process, never 0.
    pub speed_milli: u32,
    /// Whether this server has caught up with the state of the others.
    pub caught_up: bool,
    /// Whether it is about to end and takes no new request.
    pub draining: bool,
    /// Digest over the letters this server holds and has let go, to notice differences.
    pub mail_digest: u64,
    /// Digest over the names this server knows, to notice differences.
    pub names_digest: u64,
}

impl Eq for LoadReport {}

/// A server's claim of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What is claimed; peers that missed the ask learn of it here.
    pub ask: Ask,
    /// The user who asked.
    pub client: UserId,
    /// 0 for the first owner; one more for each owner that was lost.
    pub epoch: u32,
    /// The claimant's expected wait in microseconds; smaller is better.
    pub score: u64,
    /// Whether the claimant first waited for others whose turn it was.
    pub waited: bool,
}

/// The failure token and the permissions that make it safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenPacket {
    /// The token itself, handed to the receiver.
    Pass {
        /// Generation and turn: larger is newer.
        turn: u64,
    },
    /// The receiver has the token now.
    PassKept {
        /// The turn that was passed.
        turn: u64,
    },
    /// May I fail for so long?
    MayI {
        /// Random number of this question.
        nonce: u64,
        /// The turn of the token that the asker holds.
        turn: u64,
        /// Milliseconds until the asker will be back at the latest, from now.
        hold_ms: u32,
    },
    /// You may: I will neither fail nor let anybody else fail until then.
    YouMay {
        /// Number of the question.
        nonce: u64,
    },
    /// You may not, for now.
    YouMayNot {
        /// Number of the question.
        nonce: u64,
    },
    /// I am back (or did not go): your promise is void.
    Back {
        /// Number of the question.
        nonce: u64,
    },
    /// The failure simulation is switched on or off for the whole cluster.
    Switch {
        /// Wall time of the command; the newest counts.
        commanded_at: WallTime,
        /// Whether it is on.
        on: bool,
        /// Whether the holder says goodbye first.
        announced: bool,
    },
}

/// Which part of the shared state is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StateKind {
    /// Names and presence.
    Directory,
    /// Letters for users who are away.
    Mailbox,
}
