//! How a request went, for those who measure.

use super::job::Job;
use crate::proto::packet::RefusalReason;
use crate::time::Moment;

/// How a request that this server owned came to its end here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client has the whole picture.
    Delivered,
    /// The picture is made, but the client did not take it in time.
    NotTaken,
    /// No body came.
    NoBody,
    /// Another server has it, or this one fell silent.
    Lost,
    /// The client was told no.
    Refused(RefusalReason),
}

impl Ending {
    /// One word, for labels.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::NotTaken => "not_taken",
            Self::NoBody => "no_body",
            Self::Lost => "lost",
            Self::Refused(RefusalReason::Busy { .. }) => "busy",
            Self::Refused(RefusalReason::BadBody) => "bad_body",
            Self::Refused(RefusalReason::TooLarge { .. }) => "too_large",
            Self::Refused(RefusalReason::BadCover) => "bad_cover",
            Self::Refused(RefusalReason::Failed) => "failed",
        }
    }
}

/// How it ended and how long its parts took, in microseconds, as far as it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tale {
    /// The end.
    pub ending: Ending,
    /// From winning it until its body was here; 0 if the body was here before.
    pub wait_us: Option<u64>,
    /// From the body to the picture, with the wait for a place on the CPU pool.
    pub hiding_us: Option<u64>,
    /// From the picture to the client's last acknowledgement.
    pub return_us: Option<u64>,
}

impl Job {
    pub(super) fn tale(&self, ending: Ending) -> Tale {
        let body_at = self.body_at;
        Tale {
            ending,
            wait_us: body_at.map(|at| between(self.won_at, at)),
            hiding_us: body_at
                .zip(self.made_at)
                .map(|(from, to)| between(from, to)),
            return_us: None,
        }
    }

    pub(super) fn tale_of_delivery(&self, now: Moment) -> Tale {
        Tale {
            return_us: self.made_at.map(|at| between(at, now)),
            ..self.tale(Ending::Delivered)
        }
    }
}

fn between(from: Moment, to: Moment) -> u64 {
    u64::try_from(to.since(from).as_micros()).unwrap_or(u64::MAX)
}
