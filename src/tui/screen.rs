//! Takes the terminal over and gives it back, whatever happens in between.

use std::io::{self, Write};

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
};
use crossterm::execute;
use ratatui::layout::{Position, Rect};
use ratatui::{DefaultTerminal, Frame};

/// The whole terminal, ours until this is dropped. A panic gives it back too.
pub(super) struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// If there is none, or it refuses.
    pub(super) fn enter() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let screen = Self { terminal };
        execute!(io::stdout(), EnableFocusChange, EnableBracketedPaste)?;
        Ok(screen)
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// Wipes everything, so that the next frame is drawn anew. `forget` is sent to the terminal
    /// before.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn wipe(&mut self, forget: &str) -> io::Result<()> {
        let mut out = io::stdout();
        out.write_all(forget.as_bytes())?;
        out.flush()?;
        let size = self.terminal.size()?;
        // Clearing would ask the terminal for its cursor, and the keys are read elsewhere.
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// If the terminal does not tell.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing is left to do if it fails: the terminal is gone.
        let _ = execute!(io::stdout(), DisableBracketedPaste, DisableFocusChange);
        let _ = ratatui::try_restore();
    }
}
