//! What a person is told when a wish cannot be fulfilled, each with the way out.

use crate::proto::control::{Failure, Reason};
use crate::proto::lease::{HELD_MAX, Terms};

pub(super) fn not_found(lease: &str) -> Failure {
    Failure::new(
        Reason::NotFound,
        format!("no lease matches {lease}"),
        "list them with: pentimento lease ls",
    )
}

pub(super) fn ambiguous(lease: &str, count: usize) -> Failure {
    Failure::new(
        Reason::Usage,
        format!("{count} leases match {lease}"),
        "give more digits of the one you mean, see: pentimento lease ls",
    )
}

pub(super) fn spent(name: &str, owner: &str, terms: &Terms) -> Failure {
    let Terms { granted, used, .. } = terms;
    Failure::new(
        Reason::QuotaSpent,
        format!("no views left on {name} from @{owner} ({used} of {granted} used)"),
        format!("ask for more: pentimento request @{owner}/{name} --views 1"),
    )
}

pub(super) fn revoked_by_owner(name: &str, owner: &str) -> Failure {
    Failure::new(
        Reason::Revoked,
        format!("@{owner} revoked {name}"),
        format!("ask anew: pentimento request @{owner}/{name} --views 1"),
    )
}

pub(super) fn revoked_by_us(name: &str, to: &str) -> Failure {
    Failure::new(
        Reason::Revoked,
        format!("{name} for @{to} is revoked"),
        "share it anew to give looks again",
    )
}

pub(super) fn not_here(name: &str, owner: &str) -> Failure {
    Failure::new(
        Reason::Unreachable,
        format!("the picture of {name} from @{owner} is not here yet"),
        format!("it arrives by itself as soon as @{owner} is online; no look was counted"),
    )
}

pub(super) fn being_viewed(name: &str) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("a view of {name} is open already"),
        "close it, or wait a moment",
    )
}

pub(super) fn too_many_reports(owner: &str) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("too many events wait to be reported to @{owner}"),
        "try again in a moment",
    )
}

pub(super) fn too_slow() -> Failure {
    Failure::new(
        Reason::Other,
        "opening the picture took too long",
        "try again; no look was counted",
    )
}

pub(super) fn damaged(name: &str, what: &str) -> Failure {
    Failure::new(
        Reason::Integrity,
        format!("the file of {name} was changed or damaged: {what}"),
        "it is asked for again; no look was counted",
    )
}

pub(super) fn let_go() -> Failure {
    Failure::new(
        Reason::NotFound,
        "this view is not open (it was not shown in time, or never began)",
        "view the lease again; no look was counted",
    )
}

pub(super) fn disk(what: &str, why: &str) -> Failure {
    Failure::new(
        Reason::Disk,
        format!("{what} could not be written: {why}"),
        "look after the disk of this client, then try again",
    )
}

pub(super) fn shared_already(name: &str, to: &str, id: &str) -> Failure {
    Failure::new(
        Reason::Usage,
        format!("{name} is already shared with @{to}"),
        format!("to give more looks, use: pentimento lease add {id} N"),
    )
}

pub(super) fn wrong_grant() -> Failure {
    Failure::new(
        Reason::Other,
        "the grant does not name owner, borrower and image",
        "share the picture again",
    )
}

pub(super) fn in_the_making(name: &str) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("{name} is being shared already"),
        "wait until it is done",
    )
}

pub(super) fn table_full(max: usize) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("{max} leases are kept already, which is the limit"),
        "revoke leases that are not needed any more",
    )
}

pub(super) fn too_many_changes(to: &str) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("{HELD_MAX} changes wait for @{to} already"),
        format!("wait until @{to} was online"),
    )
}

pub(super) fn too_many_views(max: u32) -> Failure {
    Failure::new(
        Reason::Usage,
        format!("a lease holds at most {max} views"),
        "choose a smaller number",
    )
}
