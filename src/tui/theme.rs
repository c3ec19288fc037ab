//! The few colours of the screens. Without colour the same things are told by weight alone; words
//! and symbols tell them in either case.

use ratatui::style::{Color, Modifier, Style};

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    /// Whether there is colour.
    pub(crate) colour: bool,
}

impl Theme {
    fn of(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    /// Plain text.
    pub(crate) fn plain(self) -> Style {
        Style::new()
    }

    /// What matters less.
    pub(crate) fn dim(self) -> Style {
        if self.colour {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    /// Frames.
    pub(crate) fn frame(self) -> Style {
        self.dim()
    }

    /// Heads of columns and titles.
    pub(crate) fn head(self) -> Style {
        self.of(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// A key that can be pressed.
    pub(crate) fn key(self) -> Style {
        self.of(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// What is well.
    pub(crate) fn good(self) -> Style {
        self.of(Color::Green)
    }

    /// What needs a person.
    pub(crate) fn warn(self) -> Style {
        self.of(Color::Yellow)
    }

    /// What is wrong.
    pub(crate) fn bad(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// The chosen row.
    pub(crate) fn chosen(self) -> Style {
        if self.colour {
            Style::new()
                .bg(Color::Rgb(38, 50, 66))
                .add_modifier(Modifier::BOLD)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        }
    }

    /// The present tab.
    pub(crate) fn tab(self) -> Style {
        self.of(Color::Cyan)
            .add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }
}
