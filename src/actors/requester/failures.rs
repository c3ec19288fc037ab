//! What a person is told when there will be no picture.

use crate::proto::control::{Failure, Reason};
use crate::proto::ids::NodeId;

/// The image does not fit.
pub(super) fn too_large(limit_bytes: u64) -> Failure {
    Failure::new(
        Reason::TooLarge,
        format!("the image does not fit: at most {limit_bytes} bytes can be hidden"),
        "take a smaller image, or a larger cover if you gave one",
    )
}

/// This client makes enough pictures already.
pub(super) fn too_many(wishes_max: usize) -> Failure {
    Failure::new(
        Reason::Busy,
        format!("{wishes_max} pictures are in the making already"),
        "wait until one of them is done and try again",
    )
}

/// Servers refused as busy until the wish gave up.
pub(super) fn busy() -> Failure {
    Failure::new(
        Reason::Busy,
        "the servers have no free place",
        "try again in a moment",
    )
}

/// Nothing was heard for too long; `owner` is the server that had taken the request.
pub(super) fn unreachable(owner: Option<NodeId>, give_up_ms: u64) -> Failure {
    let seconds = give_up_ms.div_ceil(1_000);
    let message = owner.map_or_else(
        || format!("no server took the request within {seconds} s"),
        |node| format!("server {node} took the request, but none was heard for {seconds} s since"),
    );
    Failure::new(
        Reason::Unreachable,
        message,
        "check that the servers run and that the network lets UDP through, then try again",
    )
}

/// The servers keep the request but bring no result.
pub(super) fn endless(minutes: u64) -> Failure {
    Failure::new(
        Reason::Unreachable,
        format!("the servers brought no picture within {minutes} minutes"),
        "try again; the logs of the servers tell more",
    )
}

/// The body arrived damaged, twice.
pub(super) fn bad_body() -> Failure {
    Failure::new(
        Reason::Integrity,
        "a server found the request damaged, twice",
        "try again; if it stays so, client and servers may be of different versions",
    )
}

/// The cover is no picture.
pub(super) fn bad_cover() -> Failure {
    Failure::new(
        Reason::BadPicture,
        "the cover is not a picture that the servers can read",
        "take a PNG, JPEG or WebP file as cover",
    )
}

/// The work failed inside the servers each time.
pub(super) fn failed(times: u32) -> Failure {
    Failure::new(
        Reason::Other,
        format!("the servers failed at this picture {times} times"),
        "take another cover; the logs of the servers tell more",
    )
}
