//! The terminal while a single key is waited for.

use std::io::{self, IsTerminal};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use zeroize::Zeroizing;

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

/// Whether somebody can be asked a question and type the answer.
pub(super) fn is_asked() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// A terminal that does not show what is typed. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Secretly(Screen);

impl Secretly {
    /// Takes the terminal.
    pub(super) fn take() -> io::Result<Self> {
        Screen::take().map(Self)
    }

    /// The line that is typed, none if it is given up by Ctrl-C, Ctrl-D or Escape. What is beyond
    /// one byte more than the limit is dropped.
    pub(super) fn line(&self, limit_bytes: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        // Never grows, so that no copy stays behind in memory.
        let mut line = Zeroizing::new(String::with_capacity(limit_bytes + 8));
        loop {
            let key = match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => key,
                _ => continue,
            };
            let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                KeyCode::Enter => return Ok(Some(Zeroizing::new(line.as_bytes().to_vec()))),
                KeyCode::Esc => return Ok(None),
                KeyCode::Char('c' | 'd') if is_control => return Ok(None),
                KeyCode::Char('u') if is_control => line.clear(),
                KeyCode::Char(_) if is_control => {}
                KeyCode::Char(letter) if line.len() <= limit_bytes => line.push(letter),
                KeyCode::Backspace => {
                    line.pop();
                }
                _ => {}
            }
        }
    }
}
