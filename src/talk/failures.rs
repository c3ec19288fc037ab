//! Failures that a program finds before it asks its node.

use crate::proto::control::{Failure, Reason};

/// A failure of reading or writing `what`.
#[must_use]
pub fn file(what: &std::path::Path, error: &std::io::Error) -> Failure {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => Reason::NotFound,
        _ => Reason::Disk,
    };
    Failure::new(
        reason,
        format!("{}: {error}", what.display()),
        "check the path and the rights of the file",
    )
}

/// A failure of usage.
#[must_use]
pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(Reason::Usage, message, hint)
}

/// A failure of reaching a node.
#[must_use]
pub fn unreachable(message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::new(Reason::Unreachable, message, hint)
}
