//! The terminal while a single key is waited for.

use std::io::{self, IsTerminal};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

/// What a person did at a prompt or at a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `y`.
    Yes,
    /// Enter, Escape, or any other key that is typed.
    Other,
    /// Ctrl-C.
    Interrupt,
}

/// Whether somebody sits before it.
pub(super) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// A terminal that hands over each key, Ctrl-C too. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Screen(());

impl Screen {
    /// Takes the terminal.
    pub(super) fn take() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self(()))
    }

    /// Waits for a key, at most so long; none if none came.
    pub(super) fn key(&self, wait: Option<Duration>) -> io::Result<Option<Key>> {
        loop {
            if let Some(wait) = wait
                && !event::poll(wait)?
            {
                return Ok(None);
            }
            let Event::Key(key) = event::read()? else {
                continue;
            };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
            return Ok(Some(match key.code {
                KeyCode::Char('c') if is_control => Key::Interrupt,
                KeyCode::Char('y' | 'Y') => Key::Yes,
                _ => Key::Other,
            }));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may be gone; then there is nothing to restore.
        let _ = disable_raw_mode();
    }
}
