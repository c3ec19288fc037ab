//! Hiding and revealing under a passphrase: in this process, without a key, a client or a server.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Person;
use crate::cli::args::{HidingMode, Verb};
use crate::cli::failure::{self, Ended};
use crate::crypto::container::Passphrase;
use crate::node::alone::{self, Cover, Hidden};
use crate::node::cover_shelf::CoverShelf;
use crate::proto::control::Failure;
use crate::talk::files::{beside, file_name, read, shown, write};
use crate::talk::home;
use crate::terminal::text::size;

/// Whether a command was one that needs no client.
pub(super) enum Alone {
    /// It was, and ended with this code.
    Done(u8),
    /// It was not.
    Not(Verb),
}

impl Person {
    /// Does a command here and now, if it says so.
    pub(super) fn alone(&self, verb: Verb) -> Result<Alone, Failure> {
        let code = match verb {
            Verb::Hide {
                files,
                from_list,
                cover,
                mode,
                output,
                passphrase,
            } if passphrase.is_wanted() => {
                if mode != HidingMode::Fast {
                    return Err(failure::usage(
                        "under a passphrase there is only the mode fast",
                        "leave --mode out, or hide it under your key",
                    ));
                }
                let passphrase = self.new_passphrase(&passphrase)?;
                let cover = cover.as_deref().map(read).transpose()?;
                let shelf = CoverShelf::new(self.home.folder.join("covers"));
                let cover = cover
                    .as_deref()
                    .map_or(Cover::Default(&shelf), Cover::Given);
                self.hide_all(&files, from_list.as_deref(), output, |file, output| {
                    self.hide_alone(file, cover, output, &passphrase)
                })
            }
            Verb::Reveal {
                picture,
                output,
                passphrase,
            } if passphrase.is_wanted() => {
                let passphrase = self.passphrase(&passphrase)?;
                self.reveal_alone(&picture, output, &passphrase)
            }
            other => return Ok(Alone::Not(other)),
        };
        code.map(Alone::Done)
    }

    fn hide_alone(
        &self,
        file: &Path,
        cover: Cover<'_>,
        output: Option<PathBuf>,
        passphrase: &Passphrase,
    ) -> Ended {
        let target = output.unwrap_or_else(|| beside(file, "hidden.png"));
        self.spare(&target)?;
        let original = read(file)?;
        self.remark_on(&original);
        let mut seed = [0; 32];
        home::random(&mut seed)?;
        let name = file_name(file)?;
        let Hidden {
            picture,
            cover_warnings,
        } = alone::hide(name, &original, cover, passphrase, &seed)?;
        write(&target, &picture)?;
        let (before, after) = (original.len() as u64, picture.len() as u64);
        self.output.line(
            format!("{} ({} in {})", target.display(), size(before), size(after)),
            json!({
                "file": shown(&target),
                "original_bytes": before,
                "picture_bytes": after,
                "request": null,
                "cover_warnings": self.warn(&cover_warnings),
                "timings": null,
            }),
        );
        Ok(0)
    }

    fn reveal_alone(
        &self,
        picture: &Path,
        output: Option<PathBuf>,
        passphrase: &Passphrase,
    ) -> Ended {
        if let Some(target) = &output {
            self.spare(target)?;
        }
        let (name, original) = alone::reveal(&read(picture)?, passphrase)?;
        self.put(picture, output, &name, &original)
    }
}
