//! Logs: to standard error, as text on a terminal and as JSON lines elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `verbose` 0 shows warnings, 1 what happens, 2 and more how. The variable
/// `PENTIMENTO_LOG` overrides it with a filter such as `pentimento::node=debug`.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("PENTIMENTO_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("pentimento={level}")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start, as in tests, keeps the first.
    let _ = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().with_ansi(false).try_init()
    };
}
