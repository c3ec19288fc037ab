//! A look at a leased picture: claimed, shown, counted, closed.

use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::screen::{self, Key, Screen};
use super::{Person, odd};
use crate::cli::failure::{Ended, INTERRUPTED};
use crate::cli::output;
use crate::proto::control::{Command, Failure, Outcome, Reason};
use crate::proto::ids::{GrantId, ViewId};
use crate::stego::{self, DecodeLimits, Picture};
use crate::talk::session::Session;
use crate::terminal::halfblocks;
use crate::tui::look::{self, Closed};
use crate::tui::pictures::Protocol;
#[cfg(feature = "window")]
use crate::window;

/// Columns and rows that a picture takes when the terminal does not tell its size.
const VIEW_CELLS: (u32, u32) = (80, 22);

impl Person {
    pub(super) fn view(&self, session: &mut Session, lease: &str, way: Way) -> Ended {
        let question = format!("this spends one look at {lease}. Go on? [y/N] ");
        match self.answer(&question)? {
            Key::Yes => {}
            Key::Other => return Ok(0),
            Key::Interrupt => return Ok(INTERRUPTED),
        }
        let Some(look) = self.opened(session, lease)? else {
            return Ok(INTERRUPTED);
        };
        let Some(picture) = look.picture(self.global.json) else {
            let_go(session, look.view)?;
            return Err(Failure::new(
                Reason::BadPicture,
                format!("{} is no picture, there is nothing to look at", look.name),
                "the look is not counted; ask the owner for a picture",
            ));
        };
        let shown = self.show(session, &look, picture, way)?;
        let (ordinal, left) = shown.counted;
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
        let is_interrupted = shown.closed == Some(Closed::Interrupted);
        Ok(if is_interrupted { INTERRUPTED } else { 0 })
    }

    /// Claims the look. None if the person thought better of it before the picture was there.
    fn opened(&self, session: &mut Session, lease: &str) -> Result<Option<Look>, Failure> {
        // Ctrl-C is a key like others while the picture comes: a claim must not be left behind.
        let takes = screen::is_there() && !self.global.json;
        let screen = takes.then(Screen::take).transpose().map_err(broken)?;
        let look = Look::open(session, lease)?;
        if let Some(screen) = &screen
            && screen.key(Some(Duration::ZERO)).map_err(broken)? == Some(Key::Interrupt)
        {
            let_go(session, look.view)?;
            return Ok(None);
        }
        Ok(Some(look))
    }

    /// Paints the picture, and has the look counted when it is there to be seen. If it cannot be
    /// painted, nothing is counted.
    fn show(
        &self,
        session: &mut Session,
        look: &Look,
        picture: Picture,
        way: Way,
    ) -> Result<Shown, Failure> {
        let is_lasting = (self.global.yes || self.global.no_input) && look.show_ms.is_none();
        if self.global.json {
            return counted(session, look.view).map(Shown::lasting);
        }
        let close_after = look.show_ms.map(|ms| Duration::from_millis(ms.into()));
        let title = format!("{}  {} x {}", look.name, picture.width(), picture.height());
        #[cfg(feature = "window")]
        if way == Way::Window {
            let mut end = None;
            let shown = window::show(&picture, &title, close_after, || {
                end = Some(counted(session, look.view));
            });
            return ended(session, look, end, shown.map(|()| Closed::ByKey));
        }
        if is_lasting || !screen::is_there() {
            // The picture stays where it is printed.
            output::print(&blocks(&picture, &title));
            return counted(session, look.view).map(Shown::lasting);
        }
        let mut end = None;
        let shown = look::show(picture, &title, way.protocol(), close_after, || {
            let told = counted(session, look.view);
            let said = told.as_ref().map_or_else(
                |failure| failure.message.clone(),
                |(ordinal, left)| format!("look {ordinal}, {left} left"),
            );
            end = Some(told);
            said
        });
        ended(session, look, end, shown)
    }

    /// Asks once. Without a terminal, or with `-y` or `--json`, the command itself is the answer.
    fn answer(&self, question: &str) -> Result<Key, Failure> {
        let is_answered = self.global.yes || self.global.json || self.global.no_input;
        if is_answered || !screen::is_there() {
            return Ok(Key::Yes);
        }
        output::ask(question);
        let screen = io::stderr().flush().and_then(|()| Screen::take());
        let key = screen.and_then(|screen| screen.key(None)).map_err(broken)?;
        output::tell("");
        Ok(key.unwrap_or(Key::Other))
    }

    /// Whether the person agrees.
    pub(super) fn agreed(&self, question: &str) -> Result<bool, Failure> {
        Ok(self.answer(question)? == Key::Yes)
    }
}

/// How a picture is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In the terminal.
    Terminal(Protocol),
    /// In a window of its own.
    #[cfg(feature = "window")]
    Window,
}

impl Way {
    const fn protocol(self) -> Protocol {
        match self {
            Self::Terminal(protocol) => protocol,
            #[cfg(feature = "window")]
            Self::Window => Protocol::Auto,
        }
    }
}

impl FromStr for Way {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        #[cfg(feature = "window")]
        if word == "window" {
            return Ok(Self::Window);
        }
        word.parse().map(Self::Terminal)
    }
}

/// A look that was counted: its number and what is left, and how it was closed.
struct Shown {
    counted: (u32, u32),
    closed: Option<Closed>,
}

impl Shown {
    const fn lasting(counted: (u32, u32)) -> Self {
        Self {
            counted,
            closed: None,
        }
    }
}

fn counted(session: &mut Session, view: ViewId) -> Result<(u32, u32), Failure> {
    match session.ask(Command::Shown(view), |_| {})? {
        Outcome::Counted { ordinal, left } => Ok((ordinal, left)),
        other => Err(odd(&other)),
    }
}

/// What became of a look that was painted, or could not be.
fn ended<E: std::fmt::Display>(
    session: &mut Session,
    look: &Look,
    counted: Option<Result<(u32, u32), Failure>>,
    shown: Result<Closed, E>,
) -> Result<Shown, Failure> {
    match (counted, shown) {
        // It was seen, however it ended.
        (Some(counted), shown) => Ok(Shown {
            counted: counted?,
            closed: shown.ok(),
        }),
        (None, shown) => {
            let_go(session, look.view)?;
            let why = shown
                .err()
                .map_or_else(String::new, |error| error.to_string());
            Err(Failure::new(
                Reason::Other,
                format!("{} cannot be shown: {why}", look.name),
                "the look is not counted; try --protocol blocks",
            ))
        }
    }
}

/// A picture in half blocks.
fn blocks(picture: &Picture, title: &str) -> String {
    let (columns, rows) = VIEW_CELLS;
    let (width, height) = (picture.width(), picture.height());
    let blocks = halfblocks::render(picture.samples(), width, height, columns, rows);
    format!("{blocks}{title}\n")
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

    /// The picture, if it is one. Programs take the numbers only.
    fn picture(&self, json: bool) -> Option<Picture> {
        if json {
            return Picture::new(1, 1, vec![0; 3]).ok();
        }
        stego::decode(&self.original, &DecodeLimits::default()).ok()
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
