//! Logs: to standard error, as text on a terminal and as JSON lines elsewhere.

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

/// Starts logging. `verbose` 0 shows warnings, 1 what happens, 2 and more how. The variable
/// `PENTIMENTO_LOG` overrides it with a filter such as `pentimento::node=debug`.
pub fn start(verbose: u8) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(verbose))
        .with_writer(std::io::stderr);
    // A second start, as in tests, keeps the first.
    let _ = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().with_ansi(false).try_init()
    };
}

/// The same into a file, for programs that have the terminal for themselves. Without the file
/// nothing is logged: the screens matter more.
pub fn start_in(file: &Path, verbose: u8) {
    let Ok(file) = File::options().create(true).append(true).open(file) else {
        return;
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(verbose))
        .with_writer(Mutex::new(file));
    let _ = builder.json().with_ansi(false).try_init();
}

fn filter(verbose: u8) -> EnvFilter {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    EnvFilter::try_from_env("PENTIMENTO_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("pentimento={level}")))
}
