//! A look at a leased picture: claimed, shown, counted, closed.

use std::io::{IsTerminal, Write};

use serde_json::json;

use super::{Person, odd};
use crate::cli::failure::Ended;
use crate::cli::output;
use crate::proto::control::{Command, Failure, Outcome, Reason};
use crate::stego::{self, DecodeLimits};
use crate::talk::session::Session;
use crate::terminal::halfblocks;

/// Columns and rows that a picture takes when the terminal does not tell its size.
const VIEW_CELLS: (u32, u32) = (80, 22);

impl Person {
    pub(super) fn view(&self, session: &mut Session, lease: &str) -> Ended {
        if !self.global.yes && !self.global.json && !self.confirmed(lease)? {
            return Ok(0);
        }
        let outcome = session.ask(Command::View(lease.to_owned()), |_| {})?;
        let Outcome::Opened {
            view,
            grant,
            name,
            original,
            ..
        } = outcome
        else {
            return Err(odd(&outcome));
        };
        let shown = self.global.json || self.show(&name, &original);
        if !shown {
            // Nothing was seen, so nothing is counted.
            session.ask(Command::LetGo(view), |_| {})?;
            return Err(Failure::new(
                Reason::BadPicture,
                format!("{name} is no picture, there is nothing to look at"),
                "the look is not counted; ask the owner for a picture",
            ));
        }
        let outcome = session.ask(Command::Shown(view), |_| {})?;
        let Outcome::Counted { ordinal, left } = outcome else {
            return Err(odd(&outcome));
        };
        if !self.global.json {
            self.wait_for_close()?;
        }
        self.output.line(
            format!("look {ordinal} counted, {left} left"),
            json!({
                "lease": grant.hex(),
                "name": name,
                "ordinal": ordinal,
                "left": left,
                "original_bytes": original.len(),
                "blake3": blake3::hash(&original).to_hex().as_str(),
            }),
        );
        Ok(0)
    }

    /// Asks once whether a look may be spent. Without a terminal the command itself is the answer.
    fn confirmed(&self, lease: &str) -> Result<bool, Failure> {
        if self.global.no_input || !std::io::stdin().is_terminal() {
            return Ok(true);
        }
        eprint!("this spends one look at {lease}. Go on? [y/N] ");
        let asked = std::io::stderr().flush();
        let mut answer = String::new();
        asked
            .and_then(|()| std::io::stdin().read_line(&mut answer))
            .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Shows a picture by half blocks. False if the bytes are no picture.
    fn show(&self, name: &str, original: &[u8]) -> bool {
        let Ok(picture) = stego::decode(original, &DecodeLimits::default()) else {
            return false;
        };
        let (columns, rows) = VIEW_CELLS;
        let (width, height) = (picture.width(), picture.height());
        let blocks = halfblocks::render(picture.samples(), width, height, columns, rows);
        output::print(&format!("{blocks}{name}  {width} x {height}\n"));
        true
    }

    /// Waits until the person closes the picture, and takes it off the screen. The look is counted
    /// already: it was seen, however the person ends it.
    fn wait_for_close(&self) -> Result<(), Failure> {
        let lasting = self.global.no_input || self.global.yes;
        if lasting || !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            return Ok(());
        }
        eprint!("press Enter to close");
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
        output::print("\x1b[2J\x1b[3J\x1b[H");
        Ok(())
    }
}
