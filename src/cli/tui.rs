//! The terminal's screens as a command.

use std::io::IsTerminal;

use super::args::{ClusterDir, Global};
use super::failure::{self, Ended};
use super::{cluster, logs};
use crate::talk::home;
use crate::tui::pictures::Protocol;
use crate::tui::run::{self, Setup};

/// Shows the screens until the person quits.
///
/// # Errors
/// If there is no terminal, or the client of the home does not start.
pub fn run(global: &Global, dir: &ClusterDir, protocol: Protocol) -> Ended {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(failure::usage(
            "the screens need a terminal for input and output",
            "the other commands work without one: `pentimento --help`",
        ));
    }
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let home = global.home.clone().unwrap_or_else(home::default_home);
    // Nothing may write over the screens.
    logs::start_in(&home.join("tui.log"), global.verbose);
    run::run(Setup {
        home,
        cluster: cluster::folder(dir),
        protocol,
        colour,
    })?;
    Ok(0)
}
