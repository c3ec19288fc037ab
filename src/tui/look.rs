//! One look on the whole terminal, for `pentimento view`: paints, and closes on a key, when its
//! time is up, or when the terminal goes away. While the terminal is not in front it is blank.

use std::io;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::Stylize;
use ratatui::text::Line;

use super::pictures::{Painter, Protocol};
use super::screen::Screen;
use crate::node::clock::Clock;
use crate::stego::Picture;
use crate::time::Moment;

/// How often the remaining time is looked at.
const STEP: Duration = Duration::from_millis(200);

/// How a look was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// By a key.
    ByKey,
    /// By Ctrl-C.
    Interrupted,
    /// Its time was up.
    InTime,
}

/// Shows a picture with a title line. `painted` is called once, when it is on the screen; what it
/// returns is shown beside the title.
///
/// # Errors
/// If the terminal refuses or is gone. `painted` was not called if nothing was painted.
pub fn show(
    picture: Picture,
    title: &str,
    protocol: Protocol,
    close_after: Option<Duration>,
    painted: impl FnOnce() -> String,
) -> io::Result<Closed> {
    let painter = Painter::probe(protocol);
    let mut ready = painter
        .ready(picture)
        .ok_or_else(|| io::Error::other("the picture has no pixels"))?;
    let mut screen = Screen::enter()?;
    let (mut painted, mut said) = (Some(painted), String::new());
    let mut clock = Clock::start();
    let mut in_front = true;
    let closed = loop {
        let since = clock.now().since(Moment::START);
        let left = close_after.map(|limit| limit.saturating_sub(since));
        if left.is_some_and(|left| left.is_zero()) && painted.is_none() {
            break Closed::InTime;
        }
        let status = status(title, &said, left);
        screen.draw(|frame| {
            let [above, below] =
                Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
            if in_front {
                ready.paint(frame, above);
            }
            frame.render_widget(Line::from(status).reversed(), below);
        })?;
        if let Some(fault) = ready.fault() {
            return Err(io::Error::other(fault));
        }
        if let Some(painted) = painted.take() {
            said = painted();
            clock = Clock::start();
            continue;
        }
        if !event::poll(STEP)? {
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let control = key.modifiers.contains(KeyModifiers::CONTROL);
                break if control && key.code == KeyCode::Char('c') {
                    Closed::Interrupted
                } else {
                    Closed::ByKey
                };
            }
            Event::FocusLost => {
                in_front = false;
                screen.wipe(painter.forget())?;
            }
            Event::FocusGained => in_front = true,
            _ => {}
        }
    };
    screen.wipe(painter.forget())?;
    Ok(closed)
}

fn status(title: &str, said: &str, left: Option<Duration>) -> String {
    let closes = left.map_or_else(String::new, |left| {
        format!("   closes in {} s", left.as_secs() + 1)
    });
    let said = if said.is_empty() {
        String::new()
    } else {
        format!("   {said}")
    };
    format!(" {title}{said}{closes}   any key closes")
}
