//! Progress of a request, on standard error: a bar on a terminal, nothing elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::proto::control::Progress;

/// Shows the steps of one request.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar that shows nothing if `quiet` or if nobody looks.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let target = if quiet || !std::io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let template = "{msg:24} {wide_bar} {bytes:>10}/{total_bytes:10}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Shows a step.
    pub fn show(&self, step: Progress) {
        match step {
            Progress::Asked(_) => self.bar.set_message("asking the servers"),
            Progress::Elected { node, .. } => self.bar.set_message(format!("{node} takes it")),
            Progress::Uploading {
                done_bytes,
                total_bytes,
            } => {
                self.bar.set_message("uploading");
                self.bar.set_length(total_bytes.into());
                self.bar.set_position(done_bytes.into());
            }
            Progress::Hiding => self.bar.set_message("hiding"),
            Progress::Downloading {
                done_bytes,
                total_bytes,
            } => {
                self.bar.set_message("downloading");
                self.bar.set_length(total_bytes.into());
                self.bar.set_position(done_bytes.into());
            }
            Progress::Delivering {
                done_bytes,
                total_bytes,
            } => {
                self.bar.set_message("delivering");
                self.bar.set_length(total_bytes.into());
                self.bar.set_position(done_bytes.into());
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
