//! How a program ends: the one place that knows exit codes and the form of an error.

use std::process::ExitCode;

use crate::proto::control::{Failure, Reason};
pub use crate::talk::failures::{file, unreachable, usage};

/// Accepted, but something is still to come: queued, or waiting for the owner's word.
pub const PENDING: u8 = 5;
/// A check or a threshold did not hold.
pub const BROKEN: u8 = 99;
/// Ended by the person.
pub const INTERRUPTED: u8 = 130;

/// The end of a command: an exit code, everything already printed.
pub type Ended = Result<u8, Failure>;

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
        super::output::tell(&super::entry::complaint(failure));
    }
    ExitCode::from(failure.reason.exit_code())
}
