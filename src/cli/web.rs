//! The web gallery as a command, and beside a running client.

use std::io::IsTerminal;
use std::net::Ipv4Addr;

use serde_json::json;

use super::args::{Global, WebArguments};
use super::failure::Ended;
use super::operator;
use super::output::Output;
use crate::proto::control::{Failure, Reason};
use crate::talk::{home, session};
use crate::web::serve::{self, Config, Gallery};

/// Serves the gallery until it is told to stop, with a client of its own if none runs.
///
/// # Errors
/// If the client or the gallery does not start.
pub fn run(output: Output, global: &Global, arguments: &WebArguments) -> Ended {
    let folder = global.home.clone().unwrap_or_else(home::default_home);
    let node = session::start(&folder)?;
    let gallery = match start(output, global, arguments) {
        Ok(gallery) => gallery,
        Err(failure) => {
            if let Some(node) = node {
                node.stop();
            }
            return Err(failure);
        }
    };
    let waited = actix_rt::System::new().block_on(told_to_stop());
    gallery.stop();
    if let Some(node) = node {
        node.stop();
    }
    waited.map_err(|error| Failure::new(Reason::Other, error.to_string(), "use another system"))?;
    Ok(0)
}

/// Runs the person's client in the foreground, with the gallery beside it.
///
/// # Errors
/// If either does not start.
pub fn run_beside(output: Output, global: &Global) -> Ended {
    let arguments = WebArguments {
        open: false,
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        expose: false,
    };
    let gallery = start(output, global, &arguments)?;
    let ended = operator::run(output, global);
    gallery.stop();
    ended
}

/// Starts the gallery of a home, tells its address, and opens it where there is a display.
///
/// # Errors
/// If it does not start.
pub fn start(
    output: Output,
    global: &Global,
    arguments: &WebArguments,
) -> Result<Gallery, Failure> {
    let folder = global.home.clone().unwrap_or_else(home::default_home);
    let config = home::read_config(&super::entry::home(global))?;
    let gallery = serve::start(&Config {
        home: folder,
        name: config.name.clone(),
        listen: arguments.listen,
        expose: arguments.expose,
    })?;
    if !gallery.address().ip().is_loopback() {
        eprintln!(
            "WARNING: others can reach this gallery. What it shows is not encrypted on its way: \
             whoever listens can see the pictures and come in."
        );
    }
    let url = gallery.url();
    output.line(
        format!("gallery of @{}: {url}", config.name),
        json!({ "name": config.name, "url": url, "address": gallery.address().to_string() }),
    );
    output.remark("whoever has this address can look; Ctrl-C ends it");
    let by_itself = has_display() && std::io::stdout().is_terminal() && !global.no_input;
    if (arguments.open || by_itself)
        && let Err(error) = open::that_detached(gallery.url_for_once())
    {
        output.remark(&format!("no browser opened: {error}"));
    }
    Ok(gallery)
}

/// Whether there is something a browser can be shown on.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

async fn told_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
