//! Conversations with real nodes: wishes of people, commands of the operator, and a thread that
//! asks every server how it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Teller, clock};
use crate::chaos::scenario::step::Host;
use crate::chaos::stage::{ServerState, What};
use crate::node::control::Link;
use crate::proto::control::Command;
use crate::proto::operator::{ServerCommand, ServerReply};
use crate::talk::line::Line;
use crate::talk::session::pause;

/// Servers are asked so often.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// A server that does not say how it is in so long is asked again later.
const ANSWER_WAIT: Duration = Duration::from_millis(500);
/// An operator waits so long for an answer.
const OPERATOR_WAIT: Duration = Duration::from_secs(5);
/// A client that starts is tried so often.
const CONNECT_EVERY: Duration = Duration::from_millis(20);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that asks servers how they are.
pub(super) struct Watcher {
    watched: Arc<Mutex<BTreeSet<Host>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts it. `folders` are those of the servers.
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    pub(super) fn start(folders: Vec<PathBuf>, teller: Teller) -> io::Result<Self> {
        let watched = Arc::new(Mutex::new(BTreeSet::new()));
        let end = Arc::new(AtomicBool::new(false));
        let (now_watched, ends) = (Arc::clone(&watched), Arc::clone(&end));
        let thread = std::thread::Builder::new()
            .name("watcher".into())
            .spawn(move || {
                let mut known = BTreeMap::new();
                while !ends.load(Ordering::Relaxed) {
                    let hosts = lock(&now_watched).clone();
                    sweep(&folders, &hosts, &mut known, &teller);
                    pause(ASK_EVERY);
                }
            })?;
        Ok(Self {
            watched,
            end,
            thread: Some(thread),
        })
    }

    /// Whether a server is to be asked.
    pub(super) fn watch(&self, host: Host, on: bool) {
        let mut watched = lock(&self.watched);
        if on {
            watched.insert(host);
        } else {
            watched.remove(&host);
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How a server was when it was asked last, and when that was.
type Known = (ServerState, Instant);

/// Asks all servers once and tells what changed.
fn sweep(
    folders: &[PathBuf],
    hosts: &BTreeSet<Host>,
    known: &mut BTreeMap<Host, Known>,
    teller: &Teller,
) {
    known.retain(|host, _| hosts.contains(host));
    let mut states = BTreeMap::new();
    let ask = |host: Host| {
        let asked = clock();
        state(&folders[host]).map(|state| (host, (state, asked)))
    };
    for &host in hosts {
        states.extend(ask(host));
    }
    let failing: Vec<Host> = states
        .iter()
        .filter(|(_, (state, _))| state.failing)
        .map(|(host, _)| *host)
        .collect();
    if failing.len() > 1 {
        // The first may be back since it was asked.
        for host in failing {
            states.extend(ask(host));
        }
    }
    // Who is back is told before who fails.
    let mut states: Vec<(Host, Known)> = states.into_iter().collect();
    states.sort_by_key(|(_, (state, _))| state.failing);
    for (host, (state, asked)) in states {
        let before = known.insert(host, (state, asked));
        if before.is_none_or(|(before, _)| before != state) {
            let before_us = before.map(|(_, asked)| teller.micros(asked));
            teller.tell(host, What::Server { state, before_us });
        }
    }
}

/// How a server is; none if it cannot say.
fn state(folder: &Path) -> Option<ServerState> {
    let reply = command(folder, ServerCommand::Status, ANSWER_WAIT).ok()?;
    match reply {
        ServerReply::Status(status) => Some(ServerState {
            leads: status.ledger.leader == Some(status.node),
            serves: status.ledger.serves(),
            token_here: status.token_here,
            failing: status.failing,
            jobs: status.jobs,
            suspicions: status.suspicions,
        }),
        _ => None,
    }
}

fn command(folder: &Path, command: ServerCommand, wait: Duration) -> io::Result<ServerReply> {
    let mut link = Link::connect(folder)?;
    link.set_timeout(Some(wait))?;
    link.send(&command)?;
    link.receive()
}

/// Commands a server, and does not wait for its answer.
pub(super) fn operate(folder: PathBuf, wanted: ServerCommand) {
    let thread = std::thread::Builder::new().name("operator".into());
    // A server that is down hears nothing; that is what is played.
    let _ = thread.spawn(move || command(&folder, wanted, OPERATOR_WAIT));
}

/// The way to a person's client, which may be starting still.
pub(super) struct Talk {
    host: Host,
    teller: Teller,
    state: Arc<Mutex<State>>,
}

enum State {
    Starting(Vec<(u64, Command)>),
    Open(Line),
    Over,
}

impl Talk {
    /// Connects as soon as the client listens, in a thread of its own.
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    pub(super) fn open(host: Host, home: PathBuf, teller: Teller) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::Starting(Vec::new())));
        let (shared, told) = (Arc::clone(&state), teller.clone());
        std::thread::Builder::new()
            .name("connect".into())
            .spawn(move || connect(host, &home, &told, &shared))?;
        Ok(Self {
            host,
            teller,
            state,
        })
    }

    /// Sends a wish, now or when the client has started.
    pub(super) fn wish(&self, number: u64, command: Command) {
        match &mut *lock(&self.state) {
            State::Starting(waiting) => waiting.push((number, command)),
            State::Open(line) => wish(line, self.host, &self.teller, number, command),
            State::Over => {}
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        *lock(&self.state) = State::Over;
    }
}

fn connect(host: Host, home: &Path, teller: &Teller, state: &Mutex<State>) {
    loop {
        // A client that was struck down left a socket behind that nobody listens to.
        let line = Line::connect(home);
        let mut state = lock(state);
        let State::Starting(waiting) = &mut *state else {
            return;
        };
        if let Ok(line) = line {
            for (number, command) in std::mem::take(waiting) {
                wish(&line, host, teller, number, command);
            }
            *state = State::Open(line);
            return;
        }
        drop(state);
        pause(CONNECT_EVERY);
    }
}

fn wish(line: &Line, host: Host, teller: &Teller, number: u64, command: Command) {
    let teller = teller.clone();
    let listener = move |news| {
        teller.tell(host, What::Told(number, news));
        true
    };
    line.wish(command, Box::new(listener));
}
