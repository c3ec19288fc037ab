//! Where events come from beside the conversation with the node: keys, signals, and the servers of
//! the local cluster. Each is a thread of its own that ends when nobody listens any more.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::event::Event;
use crate::node::control::Link;
use crate::proto::operator::{ServerCommand, ServerReply, ServerStatus};
use crate::talk::home;
use crate::talk::newcomer::SERVERS_FILE;
use crate::talk::session::pause;

/// How long a server of this host may take to tell how it is.
const STATUS_PATIENCE: Duration = Duration::from_millis(500);
/// How often the servers are asked.
const STATUS_EVERY: Duration = Duration::from_secs(1);

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let spawned = std::thread::Builder::new().name(name.into()).spawn(work);
    spawned.map(drop)
}

/// Sends what is typed, pasted and resized.
///
/// # Errors
/// If the operating system has no thread to give.
pub(super) fn keys(to: SyncSender<Event>) -> io::Result<()> {
    thread("keys", move || {
        while let Ok(happened) = event::read() {
            let told = match happened {
                event::Event::Key(key) if key.kind != KeyEventKind::Release => Event::Key(key),
                event::Event::Paste(text) => Event::Pasted(text),
                event::Event::Resize(columns, rows) => Event::Resized(columns, rows),
                event::Event::FocusGained => Event::Focused(true),
                event::Event::FocusLost => Event::Focused(false),
                event::Event::Key(_) | event::Event::Mouse(_) => continue,
            };
            if to.send(told).is_err() {
                return;
            }
        }
    })
}

/// Sends Ctrl-C as if it were typed when the program is told to end, so that it ends in order.
///
/// # Errors
/// If the operating system has no thread to give.
pub(super) fn signals(to: SyncSender<Event>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    thread("signals", move || {
        let told = runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut hang_up = signal(SignalKind::hangup())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
                _ = interrupt.recv() => {}
            }
            io::Result::Ok(())
        });
        if told.is_ok() {
            let quit = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
            // Nobody listens if it ends already.
            let _ = to.send(Event::Key(quit));
        }
    })
}

/// Sends how the servers of the local cluster are, if there is one.
///
/// # Errors
/// If the operating system has no thread to give.
pub(super) fn cluster(folder: PathBuf, to: SyncSender<Event>) -> io::Result<()> {
    thread("servers", move || {
        loop {
            if to.send(Event::Cluster(statuses(&folder))).is_err() {
                return;
            }
            pause(STATUS_EVERY);
        }
    })
}

fn statuses(folder: &Path) -> Vec<(u8, Option<ServerStatus>)> {
    let known = home::read_servers(&folder.join(SERVERS_FILE)).unwrap_or_default();
    known
        .iter()
        .map(|server| {
            let data = folder.join(format!("n{}", server.id));
            (server.id, status(&data).ok())
        })
        .collect()
}

fn status(data: &Path) -> io::Result<ServerStatus> {
    let mut link = Link::connect(data)?;
    link.set_timeout(Some(STATUS_PATIENCE))?;
    link.send(&ServerCommand::Status)?;
    match link.receive()? {
        ServerReply::Status(status) => Ok(*status),
        ServerReply::Ok | ServerReply::Refused(_) => Err(io::Error::other("an odd answer")),
    }
}
