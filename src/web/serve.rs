//! Starts and ends the gallery: a listener on loopback, a thread of its own, an orderly end.

use std::any::Any;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use core::time::Duration;
use tokio::sync::watch;

use super::desk::Desk;
use super::guard::Guard;
use super::refusals::Refusal;
use super::routes;
use super::state::{Beginning, Secrets, State, hex, random};
use crate::proto::control::{Failure, Reason};
use crate::talk::failures;

/// How often looks that ran out of time are looked for.
const TICK: Duration = Duration::from_millis(500);
/// How long open pages may take at the end, in seconds.
const END_S: u64 = 3;
/// Connections at a time.
const CONNECTIONS_MAX: usize = 128;

/// What a gallery needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The person's home.
    pub home: PathBuf,
    /// The person's name, for the head of the pages.
    pub name: String,
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether an address that others can reach is meant.
    pub expose: bool,
}

/// A gallery that runs.
pub struct Gallery {
    address: SocketAddr,
    door: String,
    once: String,
    drain: watch::Sender<bool>,
    handle: ServerHandle,
    thread: JoinHandle<()>,
}

impl Gallery {
    /// The address to visit. Whoever knows it can look.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/s/{}/", self.address, self.door)
    }

    /// An address that lets in once, for a program whose arguments others can see.
    #[must_use]
    pub fn url_for_once(&self) -> String {
        format!("http://{}/s/{}/", self.address, self.once)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells open pages that the gallery ends, waits for them a moment, and ends it. Looks that
    /// are on their way are counted or let go as far as they came.
    pub fn stop(self) {
        // A thread that is gone needs no word.
        let _ = self.drain.send(true);
        drop(self.handle.stop(true));
        let _ = self.thread.join();
    }
}

/// A browser's connection: one that ends without a request that could be read is told.
pub(super) struct Visitor {
    state: Data<State>,
    is_heard: AtomicBool,
}

impl Visitor {
    /// A request was read.
    pub(super) fn was_heard(&self) {
        self.is_heard.store(true, Ordering::SeqCst);
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        // Browsers also connect ahead of time and say nothing; that is not told apart.
        if !self.is_heard.load(Ordering::SeqCst) {
            self.state.refusals.note(Refusal::Unreadable, "");
        }
    }
}

/// Starts a gallery. The node need not run yet; pages say so until it does.
///
/// # Errors
/// If the address is taken, or can be reached by others and `expose` is not set.
pub fn start(config: &Config) -> Result<Gallery, Failure> {
    let ip = config.listen.ip();
    if ip.is_unspecified() || (!ip.is_loopback() && !config.expose) {
        return Err(failures::usage(
            format!("{} is not an address of this machine alone", config.listen),
            "use 127.0.0.1:0; to let others in, name one address of this machine and add --expose",
        ));
    }
    let listener = TcpListener::bind(config.listen).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    let (listener, address) = listener.map_err(|error| {
        Failure::new(
            Reason::Config,
            format!("cannot listen on {}: {error}", config.listen),
            "choose another port, or 0 for any",
        )
    })?;
    let (door, once, session) = (fresh()?, fresh()?, fresh()?);
    let (drain, draining) = watch::channel(false);
    let state = Data::new(State::new(Beginning {
        desk: Arc::new(Desk::new(config.home.clone())),
        home: config.home.clone(),
        me: config.name.clone(),
        guard: Guard::new(address, &session),
        secrets: Secrets::new(&door, &once, session),
        drain: draining,
    }));
    let (told, started) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("web".into())
        .spawn(move || run(listener, &state, &told))
        .map_err(|error| refused(&error))?;
    let handle = started.recv().map_err(|_| silent())?;
    Ok(Gallery {
        address,
        door,
        once,
        drain,
        handle: handle.map_err(|error| refused(&error))?,
        thread,
    })
}

fn fresh() -> Result<String, Failure> {
    Ok(hex(&random::<24>()?))
}

fn refused(error: &std::io::Error) -> Failure {
    Failure::new(Reason::Other, error.to_string(), "end other programs")
}

fn silent() -> Failure {
    Failure::new(Reason::Other, "the gallery did not start", "see its log")
}

/// The thread of the gallery.
fn run(
    listener: TcpListener,
    state: &Data<State>,
    told: &mpsc::SyncSender<std::io::Result<ServerHandle>>,
) {
    actix_rt::System::new().block_on(async {
        let (app_state, visited) = (state.clone(), state.clone());
        let app = move || {
            App::new()
                .app_data(app_state.clone())
                .wrap(from_fn(routes::stand_guard))
                .configure(routes::configure)
        };
        let server = HttpServer::new(app)
            .workers(1)
            .max_connections(CONNECTIONS_MAX)
            .disable_signals()
            .shutdown_timeout(END_S)
            .on_connect(move |_: &dyn Any, data: &mut Extensions| {
                data.insert(Visitor {
                    state: visited.clone(),
                    is_heard: AtomicBool::new(false),
                });
            })
            .listen(listener);
        let server = match server {
            Ok(server) => server.run(),
            Err(error) => {
                let _ = told.send(Err(error));
                return;
            }
        };
        let _ = told.send(Ok(server.handle()));
        let ticking = actix_rt::spawn(tick(state.clone()));
        if let Err(error) = server.await {
            tracing::error!(%error, "the gallery ended by itself");
        }
        ticking.abort();
        let orders = state.looks().end();
        state.carry_out(orders);
    });
}

/// Ends looks that ran out of time.
async fn tick(state: Data<State>) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let orders = state.looks().due(state.now());
        state.carry_out(orders);
    }
}
