//! The words of this concern when something cannot be.

use crate::proto::control::{Failure, Reason};
use crate::proto::limits::NAME_MAX_BYTES;
use crate::proto::pairing::PairingError;

pub(super) fn too_many_questions() -> Failure {
    Failure::new(
        Reason::Busy,
        "too many questions wait for an answer of the servers",
        "try again in a moment",
    )
}

pub(super) fn no_such_user(name: &str) -> Failure {
    Failure::new(
        Reason::NotFound,
        // What a person typed may be anything; in a message it has to stay one short line.
        format!(
            "no user named {:?}",
            name.chars().take(NAME_MAX_BYTES).collect::<String>()
        ),
        "check the spelling; `pentimento peers` lists who is known",
    )
}

pub(super) fn nobody_answered(name: &str) -> Failure {
    Failure::new(
        Reason::Unreachable,
        format!("no server answered, and {name} is not known here"),
        "check that the servers run; peers that are known here can be reached without them",
    )
}

pub(super) fn yourself(name: &str) -> Failure {
    Failure::new(
        Reason::Usage,
        format!("{name} is your own name"),
        "name another user; `pentimento peers` lists who is known",
    )
}

pub(super) fn key_changed(name: &str) -> Failure {
    Failure::new(
        Reason::NameTaken,
        format!("{name} shows another key than the one first met under this name"),
        format!("ask {name} in another way whether the key changed; nothing was sent"),
    )
}

pub(super) fn blocked(name: &str) -> Failure {
    Failure::new(
        Reason::Denied,
        format!("you blocked @{name}"),
        format!("`pentimento peers unblock @{name}` takes that back"),
    )
}

pub(super) fn not_known(name: &str) -> Failure {
    Failure::new(
        Reason::NotFound,
        format!(
            "no key is known for {:?}",
            name.chars().take(NAME_MAX_BYTES).collect::<String>()
        ),
        "`pentimento peers` looks for everybody, `pentimento peers add CODE` for one person",
    )
}

pub(super) fn bad_code(error: PairingError) -> Failure {
    Failure::new(
        Reason::Usage,
        error.to_string(),
        "ask for the code again; `pentimento id` prints it",
    )
}

pub(super) fn own_code() -> Failure {
    Failure::new(
        Reason::Usage,
        "that is your own code",
        "give it to the other person, and take theirs",
    )
}

pub(super) fn name_is_ours(name: &str) -> Failure {
    Failure::new(
        Reason::NameTaken,
        format!("the code names @{name}, as you are named yourself"),
        "one of you has to take another name",
    )
}

pub(super) fn name_is_anothers(name: &str) -> Failure {
    Failure::new(
        Reason::NameTaken,
        format!("you know another key under the name @{name} than that of the code"),
        format!(
            "compare words with the @{name} you know (`pentimento peers verify @{name}`); whoever \
             gave you the code needs another name and a new code"
        ),
    )
}

pub(super) fn not_met_yet(name: &str) -> Failure {
    Failure::new(
        Reason::NotFound,
        format!("the servers do not know the @{name} of this code"),
        "they have to be online once; then add the code again",
    )
}

pub(super) fn keys_out_of_reach(name: &str) -> Failure {
    Failure::new(
        Reason::Unreachable,
        format!("no server answered, and the keys of @{name} are not known here"),
        "they have to be online once, and a server has to answer; then add the code again",
    )
}

pub(super) fn full() -> Failure {
    Failure::new(
        Reason::Busy,
        "there is no room for another peer",
        "raise the limit of contacts",
    )
}

pub(super) fn not_kept() -> Failure {
    Failure::new(
        Reason::Disk,
        "the disk did not take it, so nothing changed",
        "make room on the disk and check that its folder can be written",
    )
}

pub(super) fn disk_silent() -> Failure {
    Failure::new(
        Reason::Disk,
        "the disk did not answer in time",
        "see `pentimento peers` before you try again",
    )
}
