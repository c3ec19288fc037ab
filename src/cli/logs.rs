//! Logs: to standard error, as text on a terminal and as JSON lines elsewhere.

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. `verbose` 0 shows warnings, 1 what happens, 2 and more how. The variable
/// `PENTIMENTO_LOG` overrides it with a filter such as `pentimento::node=debug`.
pub fn start(verbose: u8) {
    let lines = fmt::layer().with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        install(lines.boxed(), verbose);
    } else {
        install(lines.json().with_ansi(false).boxed(), verbose);
    }
}

/// The same into a file, for programs that have the terminal for themselves. Without the file
/// nothing is logged: the screens matter more.
pub fn start_in(file: &Path, verbose: u8) {
    let Ok(file) = File::options().create(true).append(true).open(file) else {
        return;
    };
    let lines = fmt::layer().with_writer(Mutex::new(file));
    install(lines.json().with_ansi(false).boxed(), verbose);
}

/// A second start, as in tests, keeps the first.
fn install(lines: Box<dyn Layer<Registry> + Send + Sync>, verbose: u8) {
    let logs = tracing_subscriber::registry().with(lines.with_filter(filter(verbose)));
    let _ = logs.try_init();
}

fn filter(verbose: u8) -> Targets {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let asked = std::env::var("PENTIMENTO_LOG").ok();
    let asked = asked.and_then(|filter| filter.parse().ok());
    asked.unwrap_or_else(|| Targets::new().with_target("pentimento", level))
}
