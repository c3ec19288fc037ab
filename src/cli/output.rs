//! Prints what a command has to say, in the form that was asked for.

use std::io::Write;

use serde_json::{Value, json};

use super::render::Said;

/// Prints to standard output. Whoever closed the pipe wants no more: that is no error.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints to standard output; without colours where none are wanted.
pub fn print_styled(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a line to standard error; without colours where none are wanted, and never an error.
pub fn tell(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Begins a line of standard error that the person ends.
pub fn ask(question: &str) {
    let mut err = anstream::stderr().lock();
    let _ = write!(err, "{question}").and_then(|()| err.flush());
}

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON object instead of text.
    pub json: bool,
    /// Only what was asked for.
    pub quiet: bool,
}

impl Output {
    /// Prints the result of a command.
    pub fn say(self, said: &Said) {
        if self.json {
            print(&format!(
                "{}\n",
                json!({ "schema": 1, "ok": true, "result": said.json })
            ));
        } else if !said.text.is_empty() {
            print_styled(&format!("{}\n", said.text));
        }
    }

    /// Prints a remark beside the result, to standard error.
    pub fn remark(self, text: &str) {
        if !self.quiet && !self.json {
            tell(text);
        }
    }

    /// Prints one line with one value.
    pub fn line(self, text: impl Into<String>, json: Value) {
        self.say(&Said {
            text: text.into(),
            json,
        });
    }
}
