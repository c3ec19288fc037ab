//! How a program ends: the one place that knows exit codes and the form of an error.

use std::process::ExitCode;

use crate::proto::control::{Failure, Reason};

/// Accepted, but something is still to come: queued, or waiting for the owner's word.
pub const PENDING: u8 = 5;
/// A check or a threshold did not hold.
pub const BROKEN: u8 = 99;
/// Ended by the person.
pub const INTERRUPTED: u8 = 130;

/// The end of a command: an exit code, everything already printed.
pub type Ended = Result<u8, Failure>;

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

/// The stable word of a reason, as in JSON.
#[must_use]
pub fn word(reason: Reason) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "other".to_owned(),
    }
}

/// Prints a failure in the asked form and gives its exit code.
#[must_use]
pub fn report(failure: &Failure, json: bool) -> ExitCode {
    if json {
        let value = serde_json::json!({
            "schema": 1,
            "ok": false,
            "reason": failure.reason,
            "message": failure.message,
            "hint": failure.hint,
        });
        super::output::print(&format!("{value}\n"));
    } else {
        eprintln!("error[{}]: {}", word(failure.reason), failure.message);
        if !failure.hint.is_empty() {
            eprintln!("help: {}", failure.hint);
        }
    }
    ExitCode::from(failure.reason.exit_code())
}
