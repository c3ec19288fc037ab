//! Colours of words: what is well, what is not, and the way out. Whoever prints takes them away
//! where no terminal is or none are wanted; JSON never has any.

use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WAITING: Style = AnsiColor::Yellow.on_default();
const HELP: Style = AnsiColor::Cyan.on_default();

/// Words of states that are as they should be.
const GOOD_WORDS: [&str; 5] = ["up", "online", "live", "ok", "ready"];
/// Words of states that somebody should look at.
const BAD_WORDS: [&str; 5] = ["down", "failing", "revoked", "fail", "blocked"];
/// Words of states that pass.
const WAITING_WORDS: [&str; 6] = [
    "open",
    "on its way",
    "warn",
    "draining",
    "pending",
    "starting",
];

fn paint(style: Style, word: &str) -> String {
    format!("{style}{word}{style:#}")
}

/// The word of a state in its colour; other words stay as they are.
#[must_use]
pub fn state(word: &str) -> String {
    match word {
        _ if GOOD_WORDS.contains(&word) => paint(GOOD, word),
        _ if BAD_WORDS.contains(&word) => paint(BAD, word),
        _ if WAITING_WORDS.contains(&word) => paint(WAITING, word),
        _ => word.to_owned(),
    }
}

/// The word before what went wrong.
#[must_use]
pub fn error(word: &str) -> String {
    paint(BAD, word)
}

/// The word before the way out.
#[must_use]
pub fn help(word: &str) -> String {
    paint(HELP, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_states_have_a_colour_and_other_words_none() {
        assert!(state("up").starts_with('\x1b') && state("up").contains("up"));
        assert_ne!(state("up"), state("down").replace("down", "up"));
        assert_eq!(state("spent"), "spent");
    }
}
