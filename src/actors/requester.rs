//! A client's wish for the cloud, until it is done or has failed.
//!
//! Asks all servers at once, takes the first that claims, uploads, and asks again with the same id
//! when nothing moves; accepts exactly one result. Small bodies go to all servers with the ask.
//! Never looks into a body. Invariants: a wish ends with exactly one `Hidden` or `Failed`, or
//! without a word if it is cancelled; whatever
//! waits has a deadline; what servers say of unknown requests changes nothing.

mod dealings;
mod failures;
#[cfg(test)]
mod tests;
mod wish;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use self::wish::Wish;
use super::edges::Ticket;
use super::machine::{Machine, Outbox, earliest};
use crate::proto::control::{Failure, Progress, Timings};
use crate::proto::ids::{Digest, NodeId, RequestId};
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::proto::packet::{Elected, Packet, RefusalReason};
use crate::time::Moment;

/// Bytes of a message that the manifest may take.
const MANIFEST_ROOM_BYTES: usize = 1 << 10;

/// Largest body of a request in bytes: what a fragmented message carries beside its manifest.
pub const BODY_MAX_BYTES: usize = MESSAGE_MAX_BYTES - MANIFEST_ROOM_BYTES;

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

impl Config {
    /// The configuration for a local network.
    #[must_use]
    pub const fn lan(servers: Vec<NodeId>, boot: u64) -> Self {
        Self {
            servers,
            boot,
            // About as long as the servers need to notice that one of them fell silent, so the
            // first repetition already meets the next owner.
            ask_again_ms: 400,
            // The bound of the contract: servers catch up and elect in far less.
            give_up_ms: 15_000,
            // Each holds its body in memory until it is done.
            wishes_max: 8,
        }
    }

    const fn ask_again(&self) -> Duration {
        Duration::from_millis(self.ask_again_ms)
    }

    const fn give_up(&self) -> Duration {
        Duration::from_millis(self.give_up_ms)
    }
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
    /// That picture is not wanted any more. What servers make of it nevertheless is thrown away.
    Cancel(Ticket),
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
        /// How often this server has had the body and lost it.
        attempt: u32,
        /// The bytes.
        body: Bytes,
        /// Their digest.
        digest: Digest,
    },
    /// That upload is not wanted any more.
    CancelUpload {
        /// To whom it goes.
        to: NodeId,
        /// The request.
        request: RequestId,
        /// As in its order.
        attempt: u32,
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

/// All wishes of this client for the cloud.
#[derive(Debug)]
pub struct Requester {
    config: Config,
    counter: u32,
    wishes: BTreeMap<RequestId, Wish>,
}

impl Requester {
    /// A requester without a wish.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            counter: 0,
            wishes: BTreeMap::new(),
        }
    }

    fn hide(&mut self, now: Moment, ticket: Ticket, body: Bytes, out: &mut Outbox<Output>) {
        if self.wishes.values().any(|wish| wish.ticket() == ticket) {
            return;
        }
        let size_bytes = match u32::try_from(body.len()) {
            Ok(size_bytes) if body.len() <= BODY_MAX_BYTES => size_bytes,
            _ => {
                let failure = failures::too_large(BODY_MAX_BYTES as u64);
                return out.push(Output::Failed { ticket, failure });
            }
        };
        if self.wishes.len() >= self.config.wishes_max {
            let failure = failures::too_many(self.config.wishes_max);
            return out.push(Output::Failed { ticket, failure });
        }
        self.counter = self.counter.wrapping_add(1);
        let request = RequestId {
            boot: self.config.boot,
            counter: self.counter,
        };
        let wish = Wish::begin(&self.config, now, ticket, request, size_bytes, body, out);
        self.wishes.insert(request, wish);
    }

    /// Forgets a wish. Its uploads end; servers that have it already are asked nothing more, and
    /// drop it when they hear nothing of it.
    fn cancel(&mut self, ticket: Ticket, out: &mut Outbox<Output>) {
        for (_, mut wish) in self
            .wishes
            .extract_if(.., |_, wish| wish.ticket() == ticket)
        {
            wish.cancel_all(out);
        }
    }

    /// Lets a wish take a turn; if it ends, it is forgotten and its end is told.
    fn turn(
        &mut self,
        request: RequestId,
        out: &mut Outbox<Output>,
        step: impl FnOnce(&mut Wish, &Config, &mut Outbox<Output>) -> Option<Output>,
    ) {
        let Some(wish) = self.wishes.get_mut(&request) else {
            return;
        };
        if let Some(end) = step(wish, &self.config, out) {
            wish.cancel_all(out);
            self.wishes.remove(&request);
            out.push(end);
        }
    }

    /// Like [`Requester::turn`], for news from a server that is one of ours.
    fn heard(
        &mut self,
        from: NodeId,
        request: RequestId,
        out: &mut Outbox<Output>,
        step: impl FnOnce(&mut Wish, &Config, &mut Outbox<Output>) -> Option<Output>,
    ) {
        if self.config.servers.contains(&from) {
            self.turn(request, out, step);
        }
    }
}

impl Machine for Requester {
    type Input = Input;
    type Output = Output;
    const NAME: &'static str = "requester";

    fn handle(&mut self, now: Moment, input: Input, out: &mut Outbox<Output>) {
        match input {
            Input::Hide { ticket, body } => self.hide(now, ticket, body, out),
            Input::Cancel(ticket) => self.cancel(ticket, out),
            Input::ElectedHeard(word) => {
                self.heard(word.node, word.request, out, |wish, config, out| {
                    wish.elected(config, now, word.node, word.epoch, out);
                    None
                });
            }
            Input::BodyNeeded {
                from,
                request,
                epoch,
            } => self.heard(from, request, out, |wish, config, out| {
                wish.body_needed(config, now, from, epoch, out);
                None
            }),
            Input::RefusedHeard {
                from,
                request,
                reason,
            } => self.heard(from, request, out, |wish, config, out| {
                wish.refused(config, now, from, reason, out)
            }),
            Input::UploadProgress {
                to,
                request,
                done_bytes,
                total_bytes,
            } => self.heard(to, request, out, |wish, config, out| {
                wish.uploading(config, now, to, done_bytes, total_bytes, out);
                None
            }),
            Input::Uploaded { to, request } => self.heard(to, request, out, |wish, config, out| {
                wish.uploaded(config, now, to, out);
                None
            }),
            Input::UploadFailed { to, request } => self.heard(to, request, out, |wish, _, _| {
                wish.upload_failed(to);
                None
            }),
            Input::DownloadProgress {
                request,
                from,
                done_bytes,
                total_bytes,
            } => self.heard(from, request, out, |wish, config, out| {
                wish.downloading(config, now, from, done_bytes, total_bytes, out);
                None
            }),
            Input::ResultArrived {
                request,
                from,
                epoch: _,
                picture,
            } => self.heard(from, request, out, |wish, _, _| {
                Some(wish.result(now, from, picture))
            }),
        }
    }

    fn deadline(&self) -> Option<Moment> {
        self.wishes.values().fold(None, |soonest, wish| {
            earliest(soonest, Some(wish.deadline(&self.config)))
        })
    }

    fn on_deadline(&mut self, now: Moment, out: &mut Outbox<Output>) {
        let due: Vec<RequestId> = self
            .wishes
            .iter()
            .filter(|(_, wish)| wish.deadline(&self.config) <= now)
            .map(|(request, _)| *request)
            .collect();
        for request in due {
            self.turn(request, out, |wish, config, out| {
                wish.on_deadline(config, now, out)
            });
        }
    }
}
