//! Passes: a server's signed word that one user may ask another, for a short time.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::identity::Signature;
use super::ids::{NodeId, UserId};
use crate::time::WallTime;

/// A server's word that the asker, whom it knows, was told the way to the peer. It names both, so
/// that nobody else can use it and nobody else is asked with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Who asks.
    pub asker: UserId,
    /// Who is asked.
    pub peer: UserId,
    /// It counts up to this time, by the clock of the server.
    pub until: WallTime,
    /// The server.
    pub server: NodeId,
    /// The server's, over the encoding of the fields above.
    pub signature: Signature,
}

/// A letter that wants an answer at once, with the pass of its writer. The body of
/// [`Cargo::Visit`](super::cargo::Cargo::Visit).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The writer's pass; none if no server gave one.
    pub pass: Option<Pass>,
    /// An encoded letter.
    pub letter: Bytes,
}

/// Why a pass was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Error)]
pub enum PassFault {
    /// There was none.
    #[error("no pass was shown")]
    Missing,
    /// It names another asker or another peer.
    #[error("the pass is for others")]
    OtherPair,
    /// It is from a server that the peer does not have in its list.
    #[error("the pass is from a server that is not known here")]
    UnknownServer,
    /// The signature is not that of the server.
    #[error("the pass is not signed by the server it names")]
    Forged,
    /// Its time is over.
    #[error("the pass has run out")]
    Expired,
    /// It ends later than any pass that is given out now.
    #[error("the pass is from a clock that is ahead")]
    Ahead,
}
