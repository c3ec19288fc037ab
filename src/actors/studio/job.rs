//! A job, and how it ends.

use bytes::Bytes;

use super::Output;
use super::keyring::Change;
use crate::actors::edges::{Rights, Ticket};
use crate::actors::machine::Outbox;
use crate::proto::control::{Failure, News, Outcome, Report, Timings};
use crate::proto::ids::{Digest, RequestId, WishId};
use crate::time::Moment;

/// A wish of a person or a concern, at one of its steps.
pub(super) struct Job {
    pub(super) asker: Asker,
    pub(super) step: Step,
    pub(super) fails_at: Moment,
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Person(WishId),
    Concern(Ticket),
}

/// What a job waits for.
pub(super) enum Step {
    Seal(Piece),
    Hide(Piece),
    Check(Piece, Picture),
    Keep(Piece, Picture, Change),
    Reveal,
    Inspect,
}

/// What was asked for.
pub(super) struct Piece {
    pub(super) rights: Rights,
    pub(super) original: Digest,
    pub(super) key: [u8; 32],
    /// Index of the default cover, once it is known.
    pub(super) cover: Option<u8>,
}

/// What the cloud made.
pub(super) struct Picture {
    pub(super) request: RequestId,
    pub(super) picture: Bytes,
    pub(super) timings: Timings,
}

impl Asker {
    pub(super) fn fail(self, failure: Failure, out: &mut Outbox<Output>) {
        out.push(match self {
            Self::Person(wish) => Output::Report(Report {
                wish,
                news: News::Failed(failure),
            }),
            Self::Concern(ticket) => Output::NotMade { ticket, failure },
        });
    }

    pub(super) fn done(self, outcome: Outcome, out: &mut Outbox<Output>) {
        // Only people reveal and inspect; a picture for a concern ends in `made`.
        if let Self::Person(wish) = self {
            let news = News::Done(Box::new(outcome));
            out.push(Output::Report(Report { wish, news }));
        }
    }

    pub(super) fn made(self, piece: &Piece, made: Picture, out: &mut Outbox<Output>) {
        let Picture {
            request,
            picture,
            timings,
        } = made;
        match self {
            Self::Person(_) => self.done(
                Outcome::Hidden {
                    request,
                    picture,
                    timings,
                },
                out,
            ),
            Self::Concern(ticket) => out.push(Output::Made {
                ticket,
                key: piece.key,
                picture,
                cover: piece.cover,
                timings,
            }),
        }
    }
}
