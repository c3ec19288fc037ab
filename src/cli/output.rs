//! Prints what a command has to say, in the form that was asked for.

use serde_json::{Value, json};

use super::render::Said;

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
    #[expect(
        clippy::print_stdout,
        reason = "this is what the program is asked to print"
    )]
    pub fn say(self, said: &Said) {
        if self.json {
            println!(
                "{}",
                json!({ "schema": 1, "ok": true, "result": said.json })
            );
        } else if !said.text.is_empty() {
            println!("{}", said.text);
        }
    }

    /// Prints a remark beside the result, to standard error.
    pub fn remark(self, text: &str) {
        if !self.quiet && !self.json {
            eprintln!("{text}");
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
