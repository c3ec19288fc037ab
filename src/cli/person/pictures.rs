//! Pictures made and opened: hide, reveal, share.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::leases::{date, show_ms};
use super::{Person, odd, petname};
use crate::cli::args::{AtEnd, Counter, ShareArguments};
use crate::cli::failure::{self, Ended, PENDING};
use crate::cli::progress::Bar;
use crate::cli::render;
use crate::proto::control::{Carrier, Command, Failure, Outcome};
use crate::proto::lease::{AtZero, Conditions};
use crate::stego;
use crate::talk::files::{beside, file_name, read, shown, write};
use crate::talk::session::Session;
use crate::terminal::promise;
use crate::terminal::text::size;

impl Person {
    pub(super) fn hide(
        &self,
        session: &mut Session,
        file: &Path,
        carrier: Carrier,
        output: Option<PathBuf>,
    ) -> Ended {
        let target = output.unwrap_or_else(|| beside(file, "hidden.png"));
        self.spare(&target)?;
        let original = read(file)?;
        let before = original.len() as u64;
        self.remark_on(&original);
        let cover_warnings = self.judge(carrier.cover.as_ref());
        let command = Command::Hide {
            name: file_name(file)?,
            original,
            carrier,
        };
        let bar = Bar::new(self.global.quiet || self.global.json);
        let outcome = session.ask(command, |step| bar.show(step))?;
        drop(bar);
        let Outcome::Hidden {
            request,
            picture,
            timings,
        } = outcome
        else {
            return Err(odd(&outcome));
        };
        write(&target, &picture)?;
        let spent = render::timings(&timings);
        self.output.line(
            format!(
                "{} ({} in {})\nrequest {request}: {}",
                target.display(),
                size(before),
                size(picture.len() as u64),
                spent.text,
            ),
            json!({
                "file": shown(&target),
                "original_bytes": before,
                "picture_bytes": picture.len(),
                "request": request.to_string(),
                "cover_warnings": cover_warnings,
                "timings": spent.json,
            }),
        );
        Ok(0)
    }

    pub(super) fn reveal(
        &self,
        session: &mut Session,
        picture: &Path,
        output: Option<PathBuf>,
    ) -> Ended {
        let outcome = session.ask(Command::Reveal(read(picture)?), |_| {})?;
        let Outcome::Revealed { name, original } = outcome else {
            return Err(odd(&outcome));
        };
        self.put(picture, output, &name, &original)
    }

    /// Writes what was inside a picture.
    pub(super) fn put(
        &self,
        picture: &Path,
        output: Option<PathBuf>,
        name: &str,
        original: &[u8],
    ) -> Ended {
        // The name inside was written by whoever hid the file; only its last part counts.
        let safe = file_name(Path::new(name)).unwrap_or_else(|_| "revealed".into());
        let target = output.unwrap_or_else(|| picture.with_file_name(safe));
        self.spare(&target)?;
        write(&target, original)?;
        self.output.line(
            format!("{} ({})", target.display(), size(original.len() as u64)),
            json!({ "file": shown(&target), "name": name, "original_bytes": original.len() }),
        );
        Ok(0)
    }

    /// Refuses to replace a file, unless that is wanted.
    pub(super) fn spare(&self, target: &Path) -> Result<(), Failure> {
        if target.exists() && !self.global.yes {
            return Err(failure::usage(
                format!("{} is there already", target.display()),
                "choose another place with -o, or -y to replace it",
            ));
        }
        Ok(())
    }

    /// Says that a file is no picture, in case somebody thought it was.
    pub(super) fn remark_on(&self, original: &[u8]) {
        if stego::sniff(original).is_none() {
            self.output
                .remark("note: this is no PNG, JPEG or WebP; it is hidden as it is");
        }
    }

    fn say_what_is_stopped(&self, session: &mut Session, to: &str, conditions: &Conditions) {
        let prevented = promise::prevented(conditions.strict, conditions.offline);
        let not_prevented = promise::NOT_PREVENTED;
        self.output
            .remark(&format!("note: {prevented}; {not_prevented}"));
        self.remind_to_verify(session, to);
    }

    pub(super) fn share(&self, session: &mut Session, wanted: ShareArguments) -> Ended {
        let path = Path::new(&wanted.image);
        let (name, mut original) = if path.exists() {
            (file_name(path)?, Some(read(path)?))
        } else {
            (wanted.image.clone(), None)
        };
        let conditions = conditions(&wanted)?;
        let carrier = wanted.mode.carrier(wanted.cover.as_deref())?;
        let cover_warnings = self.judge(carrier.cover.as_ref());
        let mut mark = None;
        if wanted.mark {
            let (made, marked) = self.marked(&name, &wanted.to, original.as_deref())?;
            (mark, original) = (Some(made), Some(marked));
        }
        let views = wanted.views;
        let command = Command::Share {
            name,
            original,
            to: petname(&wanted.to),
            views,
            conditions,
            carrier,
            keep_metadata: wanted.keep_metadata,
        };
        let bar = Bar::new(self.global.quiet || self.global.json);
        let outcome = session.ask(command, |step| bar.show(step));
        drop(bar);
        mark.map(|mark| mark.settle(&outcome)).transpose()?;
        let outcome = outcome?;
        let Outcome::Shared {
            grant,
            delivered,
            removed,
            timings,
        } = outcome
        else {
            return Err(odd(&outcome));
        };
        self.say_what_is_stopped(session, &wanted.to, &conditions);
        let until = conditions.until;
        let until = until.map_or_else(String::new, |until| format!(" until {until} UTC"));
        let state = if delivered { "delivered" } else { "on its way" };
        let spent = render::timings(&timings);
        self.output.line(
            format!(
                "lease {grant}: {views} looks{until}, {state}{}\n{}",
                render::removed(&removed),
                spent.text
            ),
            json!({
                "lease": grant.hex(),
                "views": views,
                "until_ms": conditions.until.map(|until| until.0),
                "show_ms": conditions.show_ms,
                "delivered": delivered,
                "removed": removed,
                "marked": wanted.mark,
                "cover_warnings": cover_warnings,
                "timings": spent.json,
            }),
        );
        Ok(if delivered { 0 } else { PENDING })
    }
}

fn conditions(wanted: &ShareArguments) -> Result<Conditions, Failure> {
    Ok(Conditions {
        at_zero: match wanted.at_end {
            AtEnd::Carrier => AtZero::KeepCover,
            AtEnd::Delete => AtZero::DeleteFile,
        },
        until: wanted.until.as_deref().map(date).transpose()?,
        show_ms: wanted.show_for.as_deref().map(show_ms).transpose()?,
        strict: wanted.counted_by == Counter::Servers,
        offline: wanted.offline,
    })
}
