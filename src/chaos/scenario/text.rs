//! Places in a text: line and column of what is wrong.

use std::ops::Range;

use thiserror::Error;

/// Where a text breaks a rule, and which. Line and column count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {rule}")]
pub struct Fault {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// The rule, with the value that breaks it.
    pub rule: String,
}

/// Tells places of one text.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a>(&'a str);

impl<'a> Place<'a> {
    /// Of this text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// A fault at a span of bytes.
    #[must_use]
    pub fn fault(&self, span: &Range<usize>, rule: impl Into<String>) -> Fault {
        let before = self.0.get(..span.start).unwrap_or(self.0);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Fault {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            rule: rule.into(),
        }
    }

    /// What the reader of TOML found.
    #[must_use]
    pub fn toml(&self, error: &toml::de::Error) -> Fault {
        let span = error.span().unwrap_or(0..0);
        self.fault(&span, error.message().replace('\n', ", "))
    }
}
