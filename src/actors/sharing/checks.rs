//! What a wish or a note may say, and the words when it may not.

use crate::actors::edges::{DiskFault, WorkFault};
use crate::proto::control::{Failure, Reason};
use crate::proto::lease::Conditions;
use crate::proto::limits::{
    MESSAGE_MAX_BYTES, NAME_MAX_BYTES, REMARK_MAX_BYTES, SHOW_MS, VIEWS_MAX,
};
use crate::time::WallTime;

/// Whether an image may have this name: it stands in `peer/image` and in lists.
pub(super) fn image_name(name: &str) -> Result<(), Failure> {
    let fits = !name.is_empty()
        && name.len() <= NAME_MAX_BYTES
        && name.trim() == name
        && !matches!(name, "." | "..")
        && !name
            .chars()
            .any(|c| c.is_control() || matches!(c, '/' | '\\'));
    if fits {
        return Ok(());
    }
    Err(Failure::new(
        Reason::Usage,
        "an image cannot have this name",
        format!("use 1 to {NAME_MAX_BYTES} bytes without slashes and control characters"),
    ))
}

pub(super) fn views(views: u32) -> Result<(), Failure> {
    if (1..=VIEWS_MAX).contains(&views) {
        return Ok(());
    }
    Err(Failure::new(
        Reason::Usage,
        format!("{views} is not a number of looks"),
        format!("use a number from 1 to {VIEWS_MAX}"),
    ))
}

/// Whether looks can be given on these conditions now.
pub(super) fn conditions(
    conditions: &Conditions,
    views: u32,
    now: WallTime,
) -> Result<(), Failure> {
    if conditions.offline > 0 && !conditions.strict {
        return Err(Failure::new(
            Reason::Usage,
            "looks that the borrower's program counts need no servers anyway",
            "leave --offline out, or have the servers count",
        ));
    }
    if conditions.offline > views {
        return Err(Failure::new(
            Reason::Usage,
            format!(
                "of {views} looks, {} cannot be used offline",
                conditions.offline
            ),
            "choose a smaller number",
        ));
    }
    if let Some(until) = conditions.until.filter(|until| *until <= now) {
        return Err(Failure::new(
            Reason::Usage,
            format!("the end date {until} has passed"),
            "choose a date in the future; dates are in UTC",
        ));
    }
    if conditions
        .show_ms
        .is_some_and(|show| !SHOW_MS.contains(&show))
    {
        return Err(Failure::new(
            Reason::Usage,
            "a look cannot last so long, or so short",
            "choose 1 second to 1 hour",
        ));
    }
    Ok(())
}

pub(super) fn remark(remark: &str) -> Result<(), Failure> {
    if remark.len() <= REMARK_MAX_BYTES {
        return Ok(());
    }
    Err(Failure::new(
        Reason::Usage,
        "the text is too long",
        format!("use at most {REMARK_MAX_BYTES} bytes"),
    ))
}

pub(super) fn original(bytes: usize) -> Result<(), Failure> {
    if bytes == 0 {
        return Err(Failure::new(
            Reason::BadPicture,
            "the file is empty",
            "choose another file",
        ));
    }
    if bytes > MESSAGE_MAX_BYTES {
        return Err(Failure::new(
            Reason::TooLarge,
            "the file is too large",
            format!("use at most {} MiB", MESSAGE_MAX_BYTES >> 20),
        ));
    }
    Ok(())
}

/// Text of a stranger as we keep and show it: without control characters, cut to the limit.
pub(super) fn tame(text: &str, max_bytes: usize) -> String {
    let mut tamed = String::new();
    for c in text.trim().chars().filter(|c| !c.is_control()) {
        if tamed.len() + c.len_utf8() > max_bytes {
            break;
        }
        tamed.push(c);
    }
    tamed
}

pub(super) fn busy() -> Failure {
    Failure::new(
        Reason::Busy,
        "too many wishes are in the making",
        "wait until one of them is done",
    )
}

pub(super) fn cancelled() -> Failure {
    Failure::new(Reason::Cancelled, "given up", "")
}

pub(super) fn given_already() -> Failure {
    Failure::new(
        Reason::Usage,
        "the looks are given already",
        "take them back with `pentimento lease revoke`",
    )
}

pub(super) fn blocked() -> Failure {
    Failure::new(
        Reason::Denied,
        "you blocked this peer",
        "`pentimento peers unblock` takes that back",
    )
}

/// Something else is under way with the same thing.
pub(super) fn taken(what: &str) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("{what} is in the making already"),
        "wait until that is done",
    )
}

pub(super) fn full(what: &str, limit: usize) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("there are {limit} {what} already"),
        "settle or remove some, or raise the limit",
    )
}

pub(super) fn not_offered(name: &str) -> Failure {
    Failure::new(
        Reason::NotFound,
        format!("there is no image {name} on offer"),
        "offer it first, or give the file",
    )
}

pub(super) fn oneself() -> Failure {
    Failure::new(
        Reason::Usage,
        "that is yourself",
        "name a peer; to hide a picture for yourself there is `hide`",
    )
}

pub(super) fn unreachable_peer() -> Failure {
    Failure::new(
        Reason::Unreachable,
        "the peer did not answer in time",
        "try again when they are online",
    )
}

/// A step was not answered.
pub(super) fn silent() -> Failure {
    Failure::new(
        Reason::Unreachable,
        "a step was not answered in time",
        "try again",
    )
}

/// A step that gives looks was not answered.
pub(super) fn uncertain() -> Failure {
    Failure::new(
        Reason::Unreachable,
        "it is not known whether the looks were given",
        "see `leases` before you try again",
    )
}

/// Looks were given, but the disk did not take the note of it.
pub(super) fn unrecorded() -> Failure {
    Failure::new(
        Reason::Disk,
        "the looks are given, but the question could not be marked as answered",
        "see `leases`, and free some space on the disk",
    )
}

pub(super) fn disk(fault: &DiskFault) -> Failure {
    match fault {
        DiskFault::Missing => Failure::new(
            Reason::NotFound,
            "the original is not on the disk any more",
            "offer it again",
        ),
        DiskFault::Refused => Failure::new(
            Reason::Disk,
            "the disk refuses the file",
            "use a smaller file",
        ),
        DiskFault::Io(words) => Failure::new(
            Reason::Disk,
            format!("the disk did not take it: {words}"),
            "free some space, or look at the rights of the home folder",
        ),
    }
}

pub(super) fn work(fault: &WorkFault) -> Failure {
    let message = match fault {
        WorkFault::BadPicture(words) => words.clone(),
        WorkFault::Busy => "too much work is waiting".to_owned(),
        _ => "no preview could be made".to_owned(),
    };
    Failure::new(fault.reason(), message, "try again, or use another file")
}
