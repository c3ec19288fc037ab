//! What a person is told when a wish cannot be fulfilled, each with the way out.

use super::received::Received;
use crate::proto::control::{Failure, Reason};
use crate::proto::lease::{EndReason, HELD_MAX, Terms};
use crate::proto::ledger::Refusal;

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

/// A received lease that gives no looks any more: why, how many were used, and since when.
pub(super) fn ended(lease: &Received) -> Failure {
    let (name, owner) = (&lease.grant.name, &lease.grant.owner_name);
    let Terms { granted, used, .. } = lease.terms;
    let since = lease
        .ended
        .map(|ended| ended.at.to_string())
        .unwrap_or_default();
    let used = format!("{used} of {granted} used");
    let reason = lease.ended.map_or(EndReason::Spent, |ended| ended.reason);
    let (reason, message) = match reason {
        EndReason::Spent if since.is_empty() => (
            Reason::QuotaSpent,
            format!("no views left on {name} from @{owner} ({used})"),
        ),
        EndReason::Spent => (
            Reason::QuotaSpent,
            format!("no views left on {name} from @{owner} ({used}, last {since})"),
        ),
        EndReason::Expired => (
            Reason::Expired,
            format!("the time for {name} from @{owner} is over since {since} ({used})"),
        ),
        EndReason::Copied => (
            Reason::Revoked,
            format!(
                "{name} from @{owner} was ended at {since}: two copies of this client were used \
                 ({used})"
            ),
        ),
        EndReason::Revoked => (
            Reason::Revoked,
            format!("@{owner} revoked {name} at {since} ({used})"),
        ),
    };
    let hint = format!("pentimento request @{owner}/{name} --views 1");
    Failure::new(reason, message, hint)
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
        format!("it arrives by itself as soon as @{owner} is online"),
    )
}

/// A picture that did not open, with a word on whether the servers counted the look already.
pub(super) fn unopened(mut failure: Failure, is_counted: bool) -> Failure {
    failure.hint += if is_counted {
        "; the servers counted this look: opened again within a minute it counts no other, and its \
         owner can give it back"
    } else {
        "; no look was counted"
    };
    failure
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
        "try again",
    )
}

pub(super) fn damaged(name: &str, what: &str) -> Failure {
    Failure::new(
        Reason::Integrity,
        format!("the file of {name} was changed or damaged: {what}"),
        "it is asked for again",
    )
}

pub(super) fn let_go() -> Failure {
    Failure::new(
        Reason::NotFound,
        "this view is not open (it was not shown in time, or never began)",
        "view the lease again; this counted no look",
    )
}

pub(super) fn given_up() -> Failure {
    Failure::new(
        Reason::Other,
        "the view was given up before it opened",
        "view the lease again",
    )
}

pub(super) fn counted_already() -> Failure {
    Failure::new(
        Reason::Usage,
        "this look was shown and is counted",
        "its owner can give it back: pentimento lease refund LEASE",
    )
}

pub(super) fn nothing_to_refund(name: &str, to: &str) -> Failure {
    Failure::new(
        Reason::Usage,
        format!("@{to} has used no look of {name}"),
        "to give more looks, use: pentimento lease add LEASE N",
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

pub(super) fn no_servers() -> Failure {
    Failure::new(
        Reason::Usage,
        "there are no servers that could count the looks",
        "configure servers, or share with --counted-by program",
    )
}

pub(super) fn not_opened(name: &str, refusal: Refusal) -> Failure {
    Failure::new(
        Reason::Other,
        format!("the servers do not keep the looks of {name}: {refusal}"),
        "share it again; with --counted-by program the borrower's program counts",
    )
}

/// A look that the servers refuse to count.
pub(super) fn not_counted(name: &str, owner: &str, refusal: Refusal) -> Failure {
    let (reason, message) = match refusal {
        // Shares are erased when no look is left.
        Refusal::Exhausted | Refusal::Keyless => (
            Reason::QuotaSpent,
            format!("no views left on {name} from @{owner}, say the servers"),
        ),
        Refusal::Expired => (
            Reason::Expired,
            format!("the time for {name} from @{owner} is over, say the servers"),
        ),
        Refusal::Revoked | Refusal::Fork => (
            Reason::Revoked,
            format!("@{owner} revoked {name}, say the servers"),
        ),
        refusal => (
            Reason::Other,
            format!("the servers do not count a look at {name}: {refusal}"),
        ),
    };
    let hint = format!("pentimento request @{owner}/{name} --views 1");
    Failure::new(reason, message, hint)
}

pub(super) fn no_majority() -> Failure {
    Failure::new(
        Reason::Unreachable,
        "the servers that count this look cannot be reached, or too few of them",
        "try again when a majority of the servers runs; a look that they counted meanwhile is \
         not counted twice",
    )
}

pub(super) fn counted_unshown(name: &str, ordinal: u32) -> Failure {
    Failure::new(
        Reason::Other,
        format!("look {ordinal} of {name} was counted, but its picture cannot be opened any more"),
        "it was asked for over a minute ago, or by a program that ended, or a copy of this one; \
         view it again for the next look; the owner can give one back: pentimento lease refund",
    )
}

pub(super) fn not_offline(name: &str, owner: &str) -> Failure {
    Failure::new(
        Reason::Denied,
        format!("@{owner} lets no looks at {name} be used without the servers"),
        "view it while a majority of the servers can be reached",
    )
}

pub(super) fn taken_already(name: &str) -> Failure {
    Failure::new(
        Reason::Usage,
        format!("looks at {name} are on this device already"),
        "use them, or give them back: pentimento lease return",
    )
}

pub(super) fn nothing_taken(name: &str) -> Failure {
    Failure::new(
        Reason::Usage,
        format!("no looks at {name} are on this device"),
        "take some with: pentimento lease take",
    )
}

pub(super) fn too_many_offline(name: &str, most: u32) -> Failure {
    Failure::new(
        Reason::Usage,
        format!("of {name}, 1 to {most} looks can be taken at a time"),
        "choose such a number",
    )
}

/// Looks that the servers do not give to this device.
pub(super) fn not_lent(refusal: Refusal) -> Failure {
    let hint = match refusal {
        Refusal::Exhausted | Refusal::Offline => "take fewer, or see: pentimento lease ls",
        _ => "view it while the servers can be reached, or ask its owner",
    };
    Failure::new(
        Reason::Denied,
        format!("the servers give no looks to this device: {refusal}"),
        hint,
    )
}
