//! Tells what happens, a line for each notice, until the person ends it.

use std::path::Path;

use tokio::sync::mpsc;

use crate::cli::failure::{Ended, INTERRUPTED};
use crate::cli::output::{self, Output};
use crate::cli::render;
use crate::proto::control::{Command, Failure, News, Noticed, Reason};
use crate::talk::failures::unreachable;
use crate::talk::line::Line;
use crate::talk::session;

/// Prints notices: those that are remembered as well if `all`.
///
/// # Errors
/// If no client runs and none starts, or it ends.
pub fn watch(output: Output, home: &Path, all: bool) -> Ended {
    let own = session::start(home)?;
    let ended = listen(output, home, all);
    if let Some(own) = own {
        own.stop();
    }
    ended
}

fn listen(output: Output, home: &Path, all: bool) -> Ended {
    let line = Line::connect(home)
        .map_err(|error| unreachable(format!("the client is gone: {error}"), "try again"))?;
    let (over, mut end) = mpsc::channel::<Failure>(1);
    line.wish(
        Command::Watch(all.then_some(0)),
        Box::new(move |news| match news {
            News::Noticed(noticed) => {
                print(output, &noticed);
                true
            }
            News::Failed(failure) => {
                // Whoever waited may have been interrupted meanwhile.
                let _ = over.try_send(failure);
                false
            }
            News::Progress(_) | News::Done(_) => true,
        }),
    );
    output.remark("watching; Ctrl-C ends it");
    let waiting = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Reason::Other, error.to_string(), "end other programs"))?;
    waiting.block_on(async {
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => Ok(INTERRUPTED),
            failure = end.recv() => match failure {
                Some(failure) => Err(failure),
                None => Ok(0),
            },
        }
    })
}

fn print(output: Output, noticed: &Noticed) {
    let said = render::notice(noticed);
    if output.json {
        output::print(&format!("{}\n", said.json));
    } else {
        output::print(&format!("{}\n", said.text));
    }
}
