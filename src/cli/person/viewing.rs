//! A look at a leased picture: claimed, shown, counted, closed.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::screen::{self, Key, Screen};
use super::{Person, odd};
use crate::cli::failure::{Ended, INTERRUPTED};
use crate::cli::output;
use crate::proto::control::{Command, Failure, Outcome, Reason};
use crate::proto::ids::{GrantId, ViewId};
use crate::stego::{self, DecodeLimits};
use crate::talk::session::Session;
use crate::terminal::halfblocks;
use crate::terminal::when::span;

/// Columns and rows that a picture takes when the terminal does not tell its size.
const VIEW_CELLS: (u32, u32) = (80, 22);

impl Person {
    pub(super) fn view(&self, session: &mut Session, lease: &str) -> Ended {
        let question = format!("this spends one look at {lease}. Go on? [y/N] ");
        match self.answer(&question)? {
            Key::Yes => {}
            Key::Other => return Ok(0),
            Key::Interrupt => return Ok(INTERRUPTED),
        }
        // From here on Ctrl-C is a key like others: nothing that was painted may stay.
        let takes = screen::is_there() && !self.global.json;
        let mut screen = takes.then(Screen::take).transpose().map_err(broken)?;
        let look = Look::open(session, lease)?;
        if let Some(screen) = &screen
            && screen.key(Some(Duration::ZERO)).map_err(broken)? == Some(Key::Interrupt)
        {
            let_go(session, look.view)?;
            return Ok(INTERRUPTED);
        }
        let Some(text) = self.text_of(&look.name, &look.original) else {
            let_go(session, look.view)?;
            return Err(Failure::new(
                Reason::BadPicture,
                format!("{} is no picture, there is nothing to look at", look.name),
                "the look is not counted; ask the owner for a picture",
            ));
        };
        let is_lasting = (self.global.yes || self.global.no_input) && look.show_ms.is_none();
        match &mut screen {
            Some(screen) if !is_lasting => screen.paint(&text),
            // The picture stays where it is printed.
            _ => {
                screen = None;
                output::print(&text);
            }
        }
        let outcome = session.ask(Command::Shown(look.view), |_| {})?;
        let Outcome::Counted { ordinal, left } = outcome else {
            return Err(odd(&outcome));
        };
        let closed = screen
            .map(|screen| look.wait_for_close(&screen))
            .transpose()?;
        self.output.line(
            format!("look {ordinal} counted, {left} left"),
            json!({
                "lease": look.grant.hex(),
                "name": look.name,
                "ordinal": ordinal,
                "left": left,
                "show_ms": look.show_ms,
                "original_bytes": look.original.len(),
                "blake3": blake3::hash(&look.original).to_hex().as_str(),
            }),
        );
        let is_interrupted = closed.flatten() == Some(Key::Interrupt);
        Ok(if is_interrupted { INTERRUPTED } else { 0 })
    }

    /// Asks once. Without a terminal, or with `-y` or `--json`, the command itself is the answer.
    fn answer(&self, question: &str) -> Result<Key, Failure> {
        let is_answered = self.global.yes || self.global.json || self.global.no_input;
        if is_answered || !screen::is_there() {
            return Ok(Key::Yes);
        }
        eprint!("{question}");
        let screen = io::stderr().flush().and_then(|()| Screen::take());
        let key = screen.and_then(|screen| screen.key(None)).map_err(broken)?;
        eprintln!();
        Ok(key.unwrap_or(Key::Other))
    }

    /// Whether the person agrees.
    pub(super) fn agreed(&self, question: &str) -> Result<bool, Failure> {
        Ok(self.answer(question)? == Key::Yes)
    }

    /// A picture in half blocks; nothing for programs, which take the numbers only. None if the
    /// bytes are no picture.
    fn text_of(&self, name: &str, original: &[u8]) -> Option<String> {
        if self.global.json {
            return Some(String::new());
        }
        let picture = stego::decode(original, &DecodeLimits::default()).ok()?;
        let (columns, rows) = VIEW_CELLS;
        let (width, height) = (picture.width(), picture.height());
        let blocks = halfblocks::render(picture.samples(), width, height, columns, rows);
        Some(format!("{blocks}{name}  {width} x {height}\n"))
    }
}

/// A look that is open.
struct Look {
    view: ViewId,
    grant: GrantId,
    name: String,
    original: Bytes,
    show_ms: Option<u32>,
}

impl Look {
    fn open(session: &mut Session, lease: &str) -> Result<Self, Failure> {
        match session.ask(Command::View(lease.to_owned()), |_| {})? {
            Outcome::Opened {
                view,
                grant,
                name,
                original,
                show_ms,
                ..
            } => Ok(Self {
                view,
                grant,
                name,
                original,
                show_ms,
            }),
            other => Err(odd(&other)),
        }
    }

    /// Until a key is typed, or its time is over. The look is counted already: it was seen, however
    /// the person ends it.
    fn wait_for_close(&self, screen: &Screen) -> Result<Option<Key>, Failure> {
        let show_ms = self.show_ms.map(u64::from);
        let closes = show_ms.map(|show_ms| format!(", closes in {}", span(show_ms)));
        output::print(&format!("Enter closes{}", closes.unwrap_or_default()));
        let wait = show_ms.map(Duration::from_millis);
        screen.key(wait).map_err(broken)
    }
}

/// Nothing was seen, so nothing is counted.
fn let_go(session: &mut Session, view: ViewId) -> Result<(), Failure> {
    session.ask(Command::LetGo(view), |_| {}).map(drop)
}

fn broken(error: io::Error) -> Failure {
    Failure::new(
        Reason::Other,
        format!("the terminal does not answer: {error}"),
        "use --no-input, or another terminal",
    )
}
