//! Starts a node, keeps it until it is told to stop, and ends it in order.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, Addr, AsyncContext, Context, Recipient};
use actix_web::dev::ServerHandle;
use rand::TryRng;
use thiserror::Error;
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::admin;
use super::board::{Board, Ends};
use super::clock::Clock;
use super::config::{ClientConfig, LedgerStore, ServerConfig};
use super::control;
use super::cover_painter::CoverPainter;
use super::cover_shelf::CoverShelf;
use super::cpu_pool::CpuPool;
use super::desk::PersonDesk;
use super::http_desk::HttpDesk;
use super::load_probe::LoadProbe;
use super::machines::Tables;
use super::server_key::KeyError;
use super::shell::In;
use super::switchboard::{Accept, Switchboard};
use super::vault::{Flush, Vault, VaultActor, VaultError};
use super::{client, disk_name, machines, server, server_key, sockets, supervisor};
use crate::actors::consensus::Whereabouts;
use crate::actors::membership;
use crate::crypto::identity::SecretIdentity;
use crate::net::socket;
use crate::proto::ids::NodeId;
use crate::proto::operator::{LedgerStatus, ServerCommand, ServerStatus};

/// How long goodbyes may take to leave before the node ends.
const FAREWELL: Duration = Duration::from_millis(100);

/// A drain that does not tell its end by itself is over after so long.
const DRAIN_MAX: Duration = Duration::from_millis(8_500);
/// For the disk and the admin port together, at the very end.
const LAST_MAX: Duration = Duration::from_secs(1);

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Drained, or as far as it got in the time for it.
    InOrder,
    /// By a second signal: whatever was under way is cut.
    AtOnce,
}

/// Why a node does not start. Nothing is left running.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// The home or data folder cannot be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A socket cannot be opened.
    #[error("cannot listen on {address}: {source}")]
    Socket {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A server has no key, or another one than the configuration says.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The control socket cannot be opened.
    #[error("cannot open the control socket in {folder}: {source}")]
    Control {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another store than the one that is configured has the ledger.
    #[error("the ledger of this server lies {0}, not in the store that is configured")]
    Elsewhere(Whereabouts),
    /// The operating system gives no threads or no randomness.
    #[error("the operating system refuses: {0}")]
    System(#[from] io::Error),
}

fn bind(address: SocketAddr) -> Result<UdpSocket, LaunchError> {
    socket::bind(address).map_err(|source| LaunchError::Socket { address, source })
}

/// The port is bound before anything runs, so that one that is taken is told at once.
fn bind_admin(address: SocketAddr) -> Result<(TcpListener, SocketAddr), LaunchError> {
    let failed = |source| LaunchError::Socket { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Who draws covers ahead, if that is wanted.
fn painter(config: &ServerConfig) -> Result<Option<CoverPainter>, LaunchError> {
    let wanted = config.work.draw_ahead;
    let painter = wanted.then(|| CoverPainter::start(config.covers()));
    Ok(painter.transpose()?)
}

fn listen(folder: &std::path::Path) -> Result<UnixListener, LaunchError> {
    control::listen(folder).map_err(|source| LaunchError::Control {
        folder: folder.to_owned(),
        source,
    })
}

/// Randomness of the operating system, for one start of a node.
fn fresh_seed() -> Result<[u8; 32], LaunchError> {
    let mut seed = [0; 32];
    rand::rngs::SysRng
        .try_fill_bytes(&mut seed)
        .map_err(io::Error::other)?;
    Ok(seed)
}

/// Runs a server until it is told to stop and has drained, or is told a second time. Writes its
/// addresses to `ready_file` when it listens. Must be called inside an actix system.
///
/// # Errors
/// If it cannot be started.
pub async fn server(config: ServerConfig, ready_file: Option<PathBuf>) -> Result<End, LaunchError> {
    let signals = Signals::catch();
    let clock = Clock::start();
    let own = config.own();
    let vault = Vault::open(&config.data)?;
    let secret = server_key::of(&config)?;
    let ports = [bind(own.clients)?, bind(own.peers)?];
    let control = listen(&config.data)?;
    let (admin, admin_address) = bind_admin(config.admin)?;
    let (calendar, seed) = (clock.calendar(), fresh_seed()?);
    let tables = named(&vault, tables(&config, &vault)?, &seed)?;
    let machines = machines::server(&config, secret.clone(), tables, calendar, seed);
    let ends = Ends::default();

    let switchboard = Context::<Switchboard<server::Mailboxes>>::new();
    let answers = switchboard.address().recipient();
    let net = sockets::server(
        config.clone(),
        secret,
        ports,
        (clock, seed),
        switchboard.address().recipient(),
    );
    let disk = actix_rt::Arbiter::new();
    let told = answers.clone();
    let vault = VaultActor::start_in_arbiter(&disk.handle(), move |_| {
        VaultActor::new(vault, told, server::Ingress::Edge)
    });
    let flushed = vault.clone();
    let _painter = painter(&config)?;
    let (pool, http) = workers(&config, &answers)?;
    let board = Context::<Board>::new();
    let board_address = board.address();
    let edges = server::Edges {
        net: net.clone().recipient(),
        disk: vault.recipient(),
        work: pool.recipient(),
        http: http.recipient(),
        board: board_address.clone().recipient(),
    };
    let concerns = server::spawn(machines, edges, clock);

    let _ = switchboard.run(Switchboard(concerns.clone()));
    let status = blank_status(&config, admin_address);
    let _ = board.run(Board::new(
        status.clone(),
        clock,
        concerns.clone(),
        net,
        ends.clone(),
    ));
    LoadProbe::new(answers, server::Ingress::Measured).start();
    let admin = admin::serve(admin, board_address.clone())?;
    actix_rt::spawn(control::serve_operator(control, board_address));
    let (node, clients, peers) = (own.node(), own.clients, own.peers);
    tracing::info!(%node, %clients, %peers, admin = %admin_address, "server is up");
    supervisor::ready(&status, ready_file.as_deref())?;
    supervisor::watch();

    let running = Running {
        node,
        concerns,
        ends,
        vault: flushed,
        disk,
        admin,
        ready_file,
    };
    Ok(running.until_the_end(signals).await)
}

type Answers = Recipient<In<server::Ingress>>;
type Workers = (
    Addr<CpuPool<server::Ingress>>,
    Addr<HttpDesk<server::Ingress>>,
);

/// The threads that hide pictures, and those that wait for etcd.
fn workers(config: &ServerConfig, answers: &Answers) -> io::Result<Workers> {
    let covers = CoverShelf::new(config.covers());
    let (threads, wrap) = (config.work.threads(), server::Ingress::Edge);
    let pool = CpuPool::start(threads, covers, answers.clone(), wrap)?;
    let http = HttpDesk::start(config.ledger.asked(), answers.clone(), wrap)?;
    Ok((pool.start(), http.start()))
}

/// The rows of a server, if the store that is configured is the one that has its ledger: one that
/// went on in the other would count looks anew that were counted here.
fn tables(config: &ServerConfig, vault: &Vault) -> Result<Tables, LaunchError> {
    let tables = vault.tables()?;
    let found = machines::agreed_rows(&tables).whereabouts();
    let fits = match config.ledger.store {
        LedgerStore::Embedded => Whereabouts::Embedded,
        LedgerStore::Etcd => Whereabouts::Etcd,
    };
    if found == Whereabouts::Nowhere || found == fits {
        Ok(tables)
    } else {
        Err(LaunchError::Elsewhere(found))
    }
}

/// The rows of a server whose disk has a name; one that is first used is given one.
fn named(vault: &Vault, tables: Tables, seed: &[u8; 32]) -> Result<Tables, LaunchError> {
    if disk_name::of(&tables).is_some() {
        return Ok(tables);
    }
    vault.commit(&[disk_name::record(seed)])?;
    Ok(vault.tables()?)
}

/// What the end of a server needs of it.
struct Running {
    node: NodeId,
    concerns: Rc<server::Mailboxes>,
    ends: Ends,
    vault: Addr<VaultActor<server::Ingress>>,
    disk: actix_rt::Arbiter,
    admin: ServerHandle,
    ready_file: Option<PathBuf>,
}

impl Running {
    async fn until_the_end(self, mut signals: Signals) -> End {
        let node = self.node;
        signals.or(&self.ends.wanted).await;
        tracing::info!(%node, "server drains");
        supervisor::stopping(self.ready_file.as_ref());
        self.concerns
            .take(server::Ingress::Operator(ServerCommand::Stop));
        tokio::select! {
            _ = tokio::time::timeout(DRAIN_MAX, self.ends.reached.notified()) => {}
            () = signals.next() => return End::AtOnce,
        }
        let halted = membership::Input::Halted { announced: true };
        super::shell::Post::deliver(&*self.concerns, server::To::Membership(halted));
        farewell().await;
        // A disk or a client that hangs does not keep us.
        let last = async {
            // Whether it answered makes no difference any more.
            let _ = self.vault.send(Flush).await;
            self.admin.stop(false).await;
        };
        let _ = tokio::time::timeout(LAST_MAX, last).await;
        self.disk.stop();
        tracing::info!(%node, "server ends");
        End::InOrder
    }
}

fn blank_status(config: &ServerConfig, admin: SocketAddr) -> ServerStatus {
    let own = config.own();
    ServerStatus {
        node: own.node(),
        pid: std::process::id(),
        clients: own.clients,
        peers: own.peers,
        admin,
        alive: vec![own.node()],
        suspicions: 0,
        caught_up: false,
        draining: false,
        failing: false,
        token_on: config.token.on,
        token_here: false,
        jobs: 0,
        requests_done: 0,
        requests_last_minute: 0,
        p95_ms: 0,
        users_online: 0,
        letters: 0,
        dropped: Vec::new(),
        ledger: LedgerStatus {
            in_etcd: config.ledger.store == LedgerStore::Etcd,
            ..LedgerStatus::default()
        },
        outlook: Vec::new(),
    }
}

/// Runs a client until it is told to stop. Must be called inside an actix system.
///
/// # Errors
/// If it cannot be started.
pub async fn client(config: ClientConfig, identity: SecretIdentity) -> Result<(), LaunchError> {
    let clock = Clock::start();
    let home = config.home();
    let vault = Vault::open(&home)?;
    let socket = bind(config.listen)?;
    let control = listen(&home)?;
    let (calendar, seed) = (clock.calendar(), fresh_seed()?);
    let known = identity.clone();
    let machines = machines::client(&config, identity, vault.tables()?, calendar, seed);
    let stop = Rc::new(Notify::new());

    let switchboard = Context::<Switchboard<client::Mailboxes>>::new();
    let answers = switchboard.address().recipient();
    let net = sockets::client(
        config.clone(),
        known,
        socket,
        (clock, seed),
        switchboard.address().recipient(),
    );
    let disk = actix_rt::Arbiter::new();
    let told = answers.clone();
    let vault = VaultActor::start_in_arbiter(&disk.handle(), move |_| {
        VaultActor::new(vault, told, client::Ingress::Edge)
    });
    let covers = CoverShelf::new(home.join("covers"));
    // Pictures of one person at a time: one job shows, another may be made meanwhile.
    let pool = CpuPool::start(2, covers, answers, client::Ingress::Edge)?.start();
    let desk = Context::<PersonDesk>::new();
    let desk_address = desk.address();
    let edges = client::Edges {
        net: net.recipient(),
        disk: vault.recipient(),
        work: pool.recipient(),
        person: desk_address.clone().recipient(),
        notices: desk_address.clone().recipient(),
    };
    let concerns = client::spawn(machines, edges, clock);

    let _ = switchboard.run(Switchboard(concerns.clone()));
    let _ = desk.run(PersonDesk::new(concerns.clone(), stop.clone(), clock));
    actix_rt::spawn(control::serve_person(control, desk_address));
    tracing::info!(name = config.name, "client is up");

    Signals::catch().or(&stop).await;
    concerns.take(client::Ingress::Leave);
    farewell().await;
    disk.stop();
    Ok(())
}

/// Gives the last packets time to leave.
#[expect(
    clippy::disallowed_methods,
    reason = "the node ends, no machine waits any more"
)]
async fn farewell() {
    tokio::time::sleep(FAREWELL).await;
}

/// Signals of the operating system that end a node.
struct Signals(Option<(Signal, Signal)>);

impl Signals {
    /// From here on signals do not end the process by themselves.
    fn catch() -> Self {
        let caught = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        );
        if let (Ok(terminate), Ok(interrupt)) = caught {
            return Self(Some((terminate, interrupt)));
        }
        tracing::warn!("no signals here, only a command stops the node");
        Self(None)
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        match &mut self.0 {
            None => std::future::pending().await,
            Some((terminate, interrupt)) => tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            },
        }
    }

    /// Waits for a command or the next signal.
    async fn or(&mut self, stop: &Notify) {
        tokio::select! {
            () = stop.notified() => {}
            () = self.next() => {}
        }
    }
}

/// What can be done about a node that does not start.
#[must_use]
pub const fn hint(error: &LaunchError) -> &'static str {
    match error {
        LaunchError::Vault(VaultError::InUse { .. }) => {
            "a node runs on this folder already; stop it or use another folder"
        }
        LaunchError::Vault(VaultError::Folder { .. }) => "choose a folder that you may write",
        LaunchError::Vault(VaultError::Database { .. }) => {
            "restore the file from a copy, or move it away to begin anew"
        }
        LaunchError::Key(error) => error.hint(),
        LaunchError::Socket { .. } => "another program has the port; choose another one",
        LaunchError::Control { .. } => "choose a folder with a shorter path that you may write",
        LaunchError::Elsewhere(Whereabouts::Exported) => {
            "import it with `pentimento-node state import`"
        }
        LaunchError::Elsewhere(_) => {
            "set `ledger.store` back, or move the ledger with `pentimento-node state`"
        }
        LaunchError::System(_) => "end other programs and try again",
    }
}
