//! What whoever started a server is told: systemd by its socket, others by a file.
//!
//! Nothing here fails a node: who does not listen is not told.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sd_notify::NotifyState;

use crate::proto::operator::ServerStatus;

/// Tells that the sockets are open. The server takes part as soon as it hears the others, which
/// `/readyz` tells; waiting for that here would keep the first server of a cluster from starting.
///
/// # Errors
/// If the file cannot be written.
pub fn ready(status: &ServerStatus, file: Option<&Path>) -> io::Result<()> {
    if let Some(file) = file {
        let told = serde_json::json!({
            "pid": status.pid,
            "node": status.node,
            "clients": status.clients,
            "peers": status.peers,
            "admin": status.admin,
        });
        // In one step: who waits for the file finds all of it.
        let mut unfinished = file.to_owned();
        unfinished.as_mut_os_string().push(".new");
        fs::write(&unfinished, format!("{told}\n"))?;
        fs::rename(&unfinished, file)?;
    }
    notify(&[NotifyState::Ready]);
    Ok(())
}

/// Tells that the server is about to end.
pub fn stopping(file: Option<&PathBuf>) {
    notify(&[NotifyState::Stopping]);
    if let Some(file) = file {
        // It may have been taken away already.
        let _ = fs::remove_file(file);
    }
}

/// Gives signs of life as often as systemd wants them, from the node's own loop: a node that hangs
/// gives none. Must be called inside the runtime.
pub fn watch() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let every = (limit / 2).max(std::time::Duration::from_millis(1));
    actix_rt::spawn(async move {
        let mut ticks = tokio::time::interval(every);
        loop {
            ticks.tick().await;
            notify(&[NotifyState::Watchdog]);
        }
    });
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager is not told");
    }
}
