//! A client's wish for the cloud, until it is done or has failed.
//!
//! Asks all servers at once, takes the first that claims, uploads, and asks again with the same id
//! when nothing moves; accepts exactly one result. Small bodies go to all servers with the ask.
//! Never looks into a body.

use bytes::Bytes;

use super::edges::Ticket;
use crate::proto::control::{Failure, Progress, Timings};
use crate::proto::ids::{Digest, NodeId, RequestId};
use crate::proto::packet::{Elected, Packet, RefusalReason};

/// Timings and bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// The servers.
    pub servers: Vec<NodeId>,
    /// Random number of this start of the client, for request ids.
    pub boot: u64,
    /// Without a sign of progress for so long, the servers are asked again, in milliseconds.
    /// At most 500.
    pub ask_again_ms: u64,
    /// Without a sign of progress for so long, the wish fails, in milliseconds. At most 15,000.
    pub give_up_ms: u64,
    /// Wishes at a time; further ones are refused as busy.
    pub wishes_max: usize,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody on this client wants a picture made.
    Hide {
        /// Whose order.
        ticket: Ticket,
        /// An encoded hide job.
        body: Bytes,
    },
    /// A server took a request.
    ElectedHeard(Elected),
    /// A server that took a request has no body.
    BodyNeeded {
        /// The server.
        from: NodeId,
        /// The request.
        request: RequestId,
        /// Epoch of its claim.
        epoch: u32,
    },
    /// A server refused a request.
    RefusedHeard {
        /// The server.
        from: NodeId,
        /// The request.
        request: RequestId,
        /// Why.
        reason: RefusalReason,
    },
    /// An upload goes on.
    UploadProgress {
        /// The server.
        to: NodeId,
        /// The request.
        request: RequestId,
        /// Bytes acknowledged.
        done_bytes: u32,
        /// Bytes in all.
        total_bytes: u32,
    },
    /// A server has the whole body.
    Uploaded {
        /// The server.
        to: NodeId,
        /// The request.
        request: RequestId,
    },
    /// A server does not take the body.
    UploadFailed {
        /// The server.
        to: NodeId,
        /// The request.
        request: RequestId,
    },
    /// A result has begun to arrive, or goes on.
    DownloadProgress {
        /// The request.
        request: RequestId,
        /// The server.
        from: NodeId,
        /// Bytes here; 0 for the beginning.
        done_bytes: u32,
        /// Bytes in all.
        total_bytes: u32,
    },
    /// A whole result is here.
    ResultArrived {
        /// The request.
        request: RequestId,
        /// The server.
        from: NodeId,
        /// Epoch of the claim under which it was made.
        epoch: u32,
        /// A PNG.
        picture: Bytes,
    },
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet to a server.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        packet: Packet,
    },
    /// Send a body in fragments.
    Upload {
        /// To whom.
        to: NodeId,
        /// The request.
        request: RequestId,
        /// The bytes.
        body: Bytes,
    },
    /// That upload is not wanted any more.
    CancelUpload {
        /// To whom it goes.
        to: NodeId,
        /// The request.
        request: RequestId,
    },
    /// Something moved.
    Progress {
        /// Whose order.
        ticket: Ticket,
        /// What.
        progress: Progress,
    },
    /// The picture is here.
    Hidden {
        /// Whose order.
        ticket: Ticket,
        /// The request that made it.
        request: RequestId,
        /// Digest of the picture, for whoever compares results.
        digest: Digest,
        /// A PNG.
        picture: Bytes,
        /// Where the time went.
        timings: Timings,
    },
    /// There will be no picture.
    Failed {
        /// Whose order.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
}
