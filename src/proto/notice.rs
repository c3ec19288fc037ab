//! What a client node tells of its own accord: things that happened while nobody asked.

use serde::{Deserialize, Serialize};

use super::ids::{AskId, GrantId};
use super::lease::EndReason;
use crate::time::WallTime;

/// A notice with its place in the order of notices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noticed {
    /// Grows with every notice, across restarts of the node too.
    pub number: u64,
    /// When, by our clock.
    pub at: WallTime,
    /// What.
    pub notice: Notice,
}

/// Something that happened. Names are those of the other side, without a leading `@`.
// A tag inside, as JSON likes it, is nothing that the control socket's encoding can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A peer asks for looks and waits for our word.
    AskArrived {
        /// The question.
        ask: AskId,
        /// Who asks.
        peer: String,
        /// For which picture.
        image: String,
        /// How many looks.
        views: u32,
    },
    /// A peer answered our question.
    AskAnswered {
        /// The question.
        ask: AskId,
        /// Who answered.
        peer: String,
        /// For which picture.
        image: String,
        /// Looks granted; none when denied.
        views: Option<u32>,
    },
    /// A peer took a question back.
    AskWithdrawn {
        /// The question.
        ask: AskId,
        /// Who asked.
        peer: String,
    },
    /// A grant came or went, its picture arrived, its numbers changed, or it was looked at.
    Lease {
        /// The grant.
        grant: GrantId,
        /// The image's name.
        name: String,
        /// Whether we gave it.
        ours: bool,
        /// The other side.
        peer: String,
        /// Looks left.
        left: u32,
        /// What happened.
        what: LeaseNews,
    },
    /// A gallery of our own changed.
    Offers,
}

/// What happened to a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseNews {
    /// It was granted.
    Granted,
    /// The picture is on the borrower's disk.
    Delivered,
    /// A look was counted.
    Viewed {
        /// Its number, from 1.
        ordinal: u32,
    },
    /// The owner changed it.
    Changed,
    /// It gives no looks any more.
    Ended(EndReason),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::codec;
    use crate::proto::control::{News, Report};
    use crate::proto::ids::WishId;
    use crate::proto::limits::MESSAGE_MAX_BYTES;

    #[test]
    fn every_notice_passes_the_control_socket() {
        let (ask, grant) = (AskId([1; 16]), GrantId([2; 16]));
        let (peer, image) = ("bob".to_owned(), "beach".to_owned());
        let lease = |what| Notice::Lease {
            grant,
            name: image.clone(),
            ours: true,
            peer: peer.clone(),
            left: 1,
            what,
        };
        let arrived = Notice::AskArrived {
            ask,
            peer: peer.clone(),
            image: image.clone(),
            views: 2,
        };
        let answered = Notice::AskAnswered {
            ask,
            peer: peer.clone(),
            image: image.clone(),
            views: None,
        };
        let withdrawn = Notice::AskWithdrawn {
            ask,
            peer: peer.clone(),
        };
        let leases = [
            lease(LeaseNews::Granted),
            lease(LeaseNews::Viewed { ordinal: 3 }),
            lease(LeaseNews::Ended(EndReason::Revoked)),
        ];
        let others = [arrived, answered, withdrawn, Notice::Offers];
        for notice in leases.into_iter().chain(others) {
            let report = Report {
                wish: WishId(7),
                news: News::Noticed(Noticed {
                    number: 9,
                    at: WallTime(5),
                    notice,
                }),
            };
            let frame = codec::encode(&report);
            assert_eq!(codec::decode(&frame, MESSAGE_MAX_BYTES), Ok(report));
        }
    }
}
