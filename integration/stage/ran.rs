//! What a program did.

use std::process::Output;

use serde_json::Value;

/// A program that ran to its end.
pub(crate) struct Ran {
    pub(super) command: String,
    pub(super) output: Output,
}

impl Ran {
    /// The exit code.
    #[track_caller]
    pub(crate) fn code(&self) -> i32 {
        self.output
            .status
            .code()
            .expect("it was not ended from outside")
    }

    /// What it wrote to standard error.
    pub(crate) fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// What it printed.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// What it printed, each line of which must be JSON.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8_lossy(&self.output.stdout);
        let lines = text.lines().map(serde_json::from_str);
        let lines: Result<Vec<_>, _> = lines.collect();
        lines.unwrap_or_else(|error| panic!("{}: {error}", self.whole()))
    }

    /// What it printed, which must be one JSON object with our schema.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.output.stdout);
        let value: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error} in {text:?}", self.whole()));
        assert_eq!(value["schema"], 1, "{}", self.whole());
        assert!(value["ok"].is_boolean(), "{}", self.whole());
        value
    }

    /// Asserts that it ended well with this exit code; gives its result.
    #[track_caller]
    pub(crate) fn result(&self, code: i32) -> Value {
        assert_eq!(self.code(), code, "{}", self.whole());
        let mut value = self.json();
        assert_eq!(value["ok"], true, "{}", self.whole());
        value["result"].take()
    }

    /// Asserts that it was refused with this exit code and reason, and that the way out is told.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, reason: &str) {
        assert_eq!(self.code(), code, "{}", self.whole());
        let value = self.json();
        assert_eq!(value["ok"], false, "{}", self.whole());
        assert_eq!(value["reason"], reason, "{}", self.whole());
        for part in ["message", "hint"] {
            let told = value[part].as_str().is_some_and(|text| !text.is_empty());
            assert!(told, "no {part}: {}", self.whole());
        }
    }

    /// Everything, for the message of a test that fails.
    pub(crate) fn whole(&self) -> String {
        let out = String::from_utf8_lossy(&self.output.stdout);
        let code = self.output.status;
        format!(
            "`{}`: {code}\n{out:.2000}\n{:.2000}",
            self.command,
            self.complaint()
        )
    }
}
