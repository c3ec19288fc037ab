//! Jobs of this server: reserved, filled, running, returned.
//!
//! Decides which body belongs to which won request, how many jobs run and wait, and when a client
//! is refused. Keeps small bodies of requests that others own, so that a failure needs no second
//! upload. Never touches a pixel: the CPU pool does. Invariants: every reserved place has an
//! expiry; nothing of a picture is kept after the client has acknowledged it.

use std::net::SocketAddr;

use bytes::Bytes;

use super::edges::{Ticket, Work, WorkDone};
use crate::proto::cargo::Cargo;
use crate::proto::ids::{NodeId, RequestId};
use crate::proto::packet::{Ask, Packet};

/// Bounds and timings.
#[derive(Clone, Debug)]
pub struct Config {
    /// This server.
    pub me: NodeId,
    /// Jobs that run at a time: the places of the CPU pool.
    pub running_max: usize,
    /// Won requests that wait for their body or for a place at the most; further ones are refused
    /// as busy.
    pub waiting_max: usize,
    /// Bodies of requests that others own, at the most, and their bytes together.
    pub cached_max: usize,
    /// See `cached_max`.
    pub cached_max_bytes: usize,
    /// Such a body is dropped after so long, in milliseconds.
    pub cached_ms: u64,
    /// The body of a won request is asked for after so long without a sign of it.
    pub body_ask_ms: u64,
    /// A won request without a body is dropped after so long, in milliseconds.
    pub body_wait_ms: u64,
    /// A finished picture is dropped if the client has not taken it for so long, in milliseconds.
    pub result_ms: u64,
    /// What a busy server tells a client to wait, in milliseconds.
    pub retry_after_ms: u32,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Input {
    /// This server owns a request.
    Won {
        /// The request.
        ask: Ask,
        /// The client.
        client: SocketAddr,
        /// Epoch of the claim.
        epoch: u32,
    },
    /// Another server owns it now.
    Lost(RequestId),
    /// The request is over.
    Forget(RequestId),
    /// A body has begun to arrive: do not ask for it.
    BodyStarted(RequestId),
    /// A whole body is here.
    BodyArrived {
        /// Of which request.
        request: RequestId,
        /// An encoded hide job.
        body: Bytes,
    },
    /// The CPU pool is done with a job.
    Worked {
        /// Which.
        ticket: Ticket,
        /// With what result.
        done: WorkDone,
    },
    /// The client has acknowledged the whole result.
    Delivered(RequestId),
    /// The client does not take the result.
    NotDelivered(RequestId),
    /// The node falls silent on purpose: forget everything.
    Halted,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a packet to a client.
    Send {
        /// To whom.
        to: SocketAddr,
        /// What.
        packet: Packet,
    },
    /// Do this on the CPU pool.
    Run {
        /// Its number.
        ticket: Ticket,
        /// What.
        work: Work,
    },
    /// Send a finished picture to the client.
    Return {
        /// To whom.
        to: SocketAddr,
        /// A [`Cargo::Result`].
        cargo: Cargo,
        /// A PNG.
        picture: Bytes,
    },
    /// The request is delivered or refused.
    Finished(RequestId),
    /// So many jobs now.
    Jobs {
        /// Waiting for a body or a place.
        queued: u32,
        /// Running.
        running: u32,
    },
}
