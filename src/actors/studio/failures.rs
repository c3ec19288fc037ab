//! What a person is told when a picture is not made or does not open.

use crate::actors::edges::WorkFault;
use crate::proto::control::{Failure, Reason};

const AGAIN: &str = "repeat the command; if it fails again, look into the log of this node";

pub(super) fn busy(making_max: usize) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("{making_max} pictures are being made or opened already"),
        "wait until one of them is done, then repeat the command",
    )
}

pub(super) fn original_too_large(limit_bytes: usize) -> Failure {
    Failure::new(
        Reason::TooLarge,
        format!("the file is larger than {limit_bytes} bytes"),
        "make the image smaller, for instance by saving it as a JPEG",
    )
}

pub(super) fn name_too_long(limit_bytes: usize) -> Failure {
    Failure::new(
        Reason::Usage,
        format!("the file name is longer than {limit_bytes} bytes"),
        "rename the file",
    )
}

pub(super) fn keyring_full(keys_max: usize) -> Failure {
    Failure::new(
        Reason::Other,
        format!("the keyring is full: {keys_max} keys of pictures hidden for yourself"),
        "raise the limit in the configuration of this node and start it again",
    )
}

pub(super) fn wrong_picture() -> Failure {
    Failure::new(
        Reason::Integrity,
        "the picture that came back does not hold what was sent, so it was thrown away",
        "repeat the command; if it fails again, a server of the cluster is faulty",
    )
}

pub(super) fn key_not_kept() -> Failure {
    Failure::new(
        Reason::Disk,
        "the key of the picture could not be kept on this disk, so the picture was thrown away",
        "make room on the disk and check that its folder can be written, then repeat the command",
    )
}

pub(super) fn cloud_silent() -> Failure {
    Failure::new(
        Reason::Unreachable,
        "the cloud has not answered for too long",
        "check with `pentimento status` that servers answer, then repeat the command",
    )
}

pub(super) fn work_silent() -> Failure {
    Failure::new(
        Reason::Other,
        "the work on the picture was not done in time",
        AGAIN,
    )
}

/// A fault while a picture from the cloud was checked. Whatever makes it unreadable is the cloud's.
pub(super) fn of_check(fault: &WorkFault) -> Failure {
    match fault {
        WorkFault::Busy | WorkFault::Crashed => of_work(fault),
        _ => wrong_picture(),
    }
}

/// A fault while a person's picture was opened or inspected.
pub(super) fn of_look(fault: &WorkFault) -> Failure {
    match fault {
        WorkFault::NothingForUs => Failure::new(
            fault.reason(),
            "nothing inside this picture opens with your keys: there is nothing hidden, or it is \
             meant for somebody else",
            "leased pictures are opened with `pentimento view`",
        ),
        WorkFault::BadPicture(what) => Failure::new(
            fault.reason(),
            format!("the picture cannot be read: {what}"),
            "give a PNG file as it was received; programs that convert pictures destroy what is \
             inside",
        ),
        _ => of_work(fault),
    }
}

/// A fault while a person's file was sealed, or any other.
pub(super) fn of_work(fault: &WorkFault) -> Failure {
    let (message, hint) = match fault {
        WorkFault::TooLarge { limit_bytes } => (
            format!("the image does not fit the cover: at most {limit_bytes} bytes do"),
            "give a larger cover, or make the image smaller",
        ),
        WorkFault::BadPicture(what) => (
            format!("the cover cannot be read: {what}"),
            "give a PNG, JPEG or WebP file as cover, or none to take a default one",
        ),
        WorkFault::NothingForUs => (
            "nothing inside this picture opens with your keys".to_owned(),
            "leased pictures are opened with `pentimento view`",
        ),
        WorkFault::Damaged => (
            "the picture is for you, but what is inside it is damaged".to_owned(),
            "take an unchanged copy of the file, or have it sent once more",
        ),
        WorkFault::Busy => (
            "this node has too much work already".to_owned(),
            "wait a moment, then repeat the command",
        ),
        WorkFault::Crashed => (
            "the work on the picture ended in a bug of this program".to_owned(),
            AGAIN,
        ),
    };
    Failure::new(fault.reason(), message, hint)
}

/// The person does not want it any more.
pub(super) fn cancelled() -> Failure {
    Failure::new(Reason::Cancelled, "given up", "")
}
