//! What happened to grants, as a table or as lines for other programs.

use super::{Person, odd};
use crate::cli::args::{ExportForm, LedgerArguments};
use crate::cli::failure::{self, Ended};
use crate::cli::{output, render};
use crate::node::clock::Clock;
use crate::proto::control::{Command, Outcome};
use crate::talk::session::Session;
use crate::terminal::when;

impl Person {
    pub(super) fn ledger(&self, session: &mut Session, wanted: LedgerArguments) -> Ended {
        let span = wanted.since.as_deref().map(when::parse_span).transpose();
        let span_ms = span
            .map_err(|error| failure::usage(format!("--since: {error}"), "write 30m, 12h or 1d"))?;
        let outcome = session.ask(Command::Ledger(wanted.lease), |_| {})?;
        let Outcome::Ledger(mut entries) = outcome else {
            return Err(odd(&outcome));
        };
        if let Some(span_ms) = span_ms {
            let from_ms = Clock::start()
                .calendar()
                .started_at
                .0
                .saturating_sub(span_ms);
            entries.retain(|(_, entry)| entry.at.0 >= from_ms);
        }
        let said = render::ledger(&entries);
        match wanted.export {
            None => self.output.say(&said),
            Some(ExportForm::Jsonl) => {
                for line in said.json.as_array().into_iter().flatten() {
                    output::print(&format!("{line}\n"));
                }
            }
        }
        Ok(0)
    }
}
