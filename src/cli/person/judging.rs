//! What is told of a person's own cover before something is hidden in it. It never stops anybody.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Person, odd};
use crate::cli::failure::Ended;
use crate::cli::render::{self, Said};
use crate::proto::control::{Command, Outcome};
use crate::stego::{self, CoverWarning, DecodeLimits, Judgement};
use crate::talk::session::Session;

impl Person {
    /// Warns of what makes a cover a bad one; the warnings in JSON.
    pub(super) fn judge(&self, cover: Option<&Bytes>) -> Value {
        let judged = cover.and_then(|cover| judged(cover));
        let warnings = judged.map(|judged| judged.warnings()).unwrap_or_default();
        self.warn(&warnings)
    }

    /// Says what makes a cover a bad one; the same in JSON.
    pub(super) fn warn(&self, warnings: &[CoverWarning]) -> Value {
        for warning in warnings {
            self.output.remark(&format!("note: {warning}"));
        }
        warnings.iter().map(told).collect()
    }

    pub(super) fn inspect(&self, session: &mut Session, picture: Bytes) -> Ended {
        let outcome = session.ask(Command::Inspect(picture.clone()), |_| {})?;
        let Outcome::Inspected(inspection) = outcome else {
            return Err(odd(&outcome));
        };
        let Said { mut text, mut json } = render::inspection(&inspection);
        if let Some(judged) = judged(&picture) {
            text += &format!(
                "\nas a cover: {:.1} % flat, {:.1} % black or white",
                judged.flat * 100.0,
                judged.saturated * 100.0,
            );
            let warnings = judged.warnings();
            for warning in &warnings {
                text += &format!("\nnote: {warning}");
            }
            json["as_cover"] = json!({
                "flat": judged.flat,
                "saturated": judged.saturated,
                "warnings": warnings.iter().map(told).collect::<Value>(),
            });
        }
        self.output.say(&Said { text, json });
        Ok(0)
    }
}

/// What there is to say of a file as a cover; nothing of one that is no picture.
fn judged(file: &[u8]) -> Option<Judgement> {
    let picture = stego::decode(file, &DecodeLimits::default()).ok()?;
    Some(stego::judge(&picture))
}

fn told(warning: &CoverWarning) -> Value {
    json!({ "warning": warning.name(), "text": warning.to_string() })
}
