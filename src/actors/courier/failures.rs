//! The words of the courier when a letter cannot be carried.

use crate::crypto::letters::SealError;
use crate::proto::control::{Failure, Reason};
use crate::proto::pass::PassFault;

pub(super) fn refused() -> Failure {
    Failure::new(
        Reason::Denied,
        "you blocked this peer",
        "`pentimento peers unblock` takes that back",
    )
}

pub(super) fn full(outbox_max: usize) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("{outbox_max} letters wait already to be delivered"),
        "wait until the servers can be reached again, then repeat the command",
    )
}

pub(super) fn unsealed(error: SealError) -> Failure {
    match error {
        SealError::ReaderKey => Failure::new(
            Reason::Integrity,
            "the peer's key is no valid key, so nothing can be sealed for them",
            "ask them to start their client again, then look them up with `pentimento peers`",
        ),
        SealError::TooLarge { size_bytes } => Failure::new(
            Reason::TooLarge,
            format!("a note of {size_bytes} bytes does not fit a letter"),
            "offer fewer pictures, or shorten names and remarks",
        ),
    }
}

pub(super) fn unsaved() -> Failure {
    Failure::new(
        Reason::Disk,
        "the letter could not be kept on this disk, so it was not sent",
        "make room on the disk and check that its folder can be written, then repeat the command",
    )
}

/// The peer answers only to who shows a pass.
pub(super) fn not_admitted(fault: PassFault) -> Failure {
    match fault {
        PassFault::Missing | PassFault::Expired => Failure::new(
            Reason::Unreachable,
            format!("the peer did not answer: {fault}"),
            "servers give passes: check with `pentimento status` that one answers, then try again",
        ),
        PassFault::Ahead => Failure::new(
            Reason::Config,
            format!("the peer did not answer: {fault}"),
            "the clock of a server, or the peer's while they hear no server, is wrong",
        ),
        PassFault::UnknownServer | PassFault::Forged | PassFault::OtherPair => Failure::new(
            Reason::Config,
            format!("the peer did not answer: {fault}"),
            "compare your list of servers and their keys with the peer's",
        ),
    }
}
