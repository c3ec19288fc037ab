//! What happened while nobody asked, in words.

use crate::proto::control::{LeaseNews, Notice, Noticed};
use crate::proto::lease::EndReason;
use crate::time::WallTime;

/// A line of the tray.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// When.
    pub(crate) at: WallTime,
    /// What, in one sentence.
    pub(crate) text: String,
}

impl Entry {
    pub(crate) fn new(noticed: &Noticed) -> Self {
        Self {
            at: noticed.at,
            text: words(&noticed.notice),
        }
    }
}

/// "1 look", "3 looks".
pub(crate) fn looks(count: u32) -> String {
    if count == 1 {
        "1 look".into()
    } else {
        format!("{count} looks")
    }
}

/// Why a grant ended.
pub(crate) const fn ending(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Spent => "spent",
        EndReason::Expired => "expired",
        EndReason::Revoked => "revoked",
        EndReason::Copied => "copied",
    }
}

fn words(notice: &Notice) -> String {
    match notice {
        Notice::AskArrived {
            peer, image, views, ..
        } => format!("@{peer} asks for {} at {image}", looks(*views)),
        Notice::AskAnswered {
            peer, image, views, ..
        } => match views {
            Some(views) => format!("@{peer} granted {} at {image}", looks(*views)),
            None => format!("@{peer} denied {image}"),
        },
        Notice::AskWithdrawn { peer, .. } => format!("@{peer} took a question back"),
        Notice::Lease {
            name,
            ours,
            peer,
            left,
            what,
            ..
        } => grant_words(name, *ours, peer, *left, *what),
        Notice::Offers => "your gallery changed".into(),
    }
}

fn grant_words(name: &str, ours: bool, peer: &str, left: u32, what: LeaseNews) -> String {
    let whose = if ours {
        format!("{name} for @{peer}")
    } else {
        format!("{name} from @{peer}")
    };
    match what {
        LeaseNews::Granted => format!("{whose}: granted, {} left", looks(left)),
        LeaseNews::Delivered => format!("{whose}: the picture arrived"),
        LeaseNews::Viewed { ordinal } if ours => {
            format!("@{peer} looked at {name}, look {ordinal}, {left} left")
        }
        LeaseNews::Viewed { ordinal } => format!("{whose}: look {ordinal}, {left} left"),
        LeaseNews::Changed => format!("{whose}: changed, {} left", looks(left)),
        LeaseNews::Ended(reason) => format!("{whose}: {}", ending(reason)),
    }
}
