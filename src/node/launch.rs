//! Starts a node, keeps it until it is told to stop, and ends it in order.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context};
use rand::TryRng;
use thiserror::Error;
use tokio::net::{UdpSocket, UnixListener};
use tokio::sync::Notify;

use super::admin;
use super::board::Board;
use super::clock::Clock;
use super::config::{ClientConfig, ServerConfig};
use super::control;
use super::cover_shelf::CoverShelf;
use super::cpu_pool::CpuPool;
use super::desk::PersonDesk;
use super::load_probe::LoadProbe;
use super::switchboard::{Accept, Switchboard};
use super::vault::{Vault, VaultActor, VaultError};
use super::{client, machines, server};
use crate::actors::membership;
use crate::crypto::identity::SecretIdentity;
use crate::net::codec_actor::{self, CodecActor, Face};
use crate::net::peers::Peers;
use crate::proto::operator::ServerStatus;

/// How long goodbyes may take to leave before the node ends.
const FAREWELL: Duration = Duration::from_millis(100);

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
    /// The control socket cannot be opened.
    #[error("cannot open the control socket in {folder}: {source}")]
    Control {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system gives no threads or no randomness.
    #[error("the operating system refuses: {0}")]
    System(#[from] io::Error),
}

fn bind(address: SocketAddr) -> Result<UdpSocket, LaunchError> {
    codec_actor::bind(address).map_err(|source| LaunchError::Socket { address, source })
}

/// The port is bound before anything runs, so that one that is taken is told at once.
fn bind_admin(address: SocketAddr) -> Result<(TcpListener, SocketAddr), LaunchError> {
    let failed = |source| LaunchError::Socket { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
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

/// Runs a server until it is told to stop. Must be called inside an actix system.
///
/// # Errors
/// If it cannot be started.
pub async fn server(config: ServerConfig) -> Result<(), LaunchError> {
    let clock = Clock::start();
    let own = config.own();
    let vault = Vault::open(&config.data)?;
    let faces = vec![
        Face {
            socket: bind(own.clients)?,
            known: Peers::default(),
            strangers: true,
        },
        Face {
            socket: bind(own.peers)?,
            known: Peers::new(config.others().map(|other| (other.node(), other.peers))),
            strangers: false,
        },
    ];
    let control = listen(&config.data)?;
    let (admin, admin_address) = bind_admin(config.admin)?;
    let machines = machines::server(&config, vault.tables()?, clock.calendar(), fresh_seed()?);
    let stop = Rc::new(Notify::new());

    let switchboard = Context::<Switchboard<server::Mailboxes>>::new();
    let answers = switchboard.address().recipient();
    let disk = actix_rt::Arbiter::new();
    let told = answers.clone();
    let vault = VaultActor::start_in_arbiter(&disk.handle(), move |_| {
        VaultActor::new(vault, told, server::Ingress::Edge)
    });
    let covers = CoverShelf::new(config.covers());
    let threads = config.work.threads();
    let pool = CpuPool::start(threads, covers, answers.clone(), server::Ingress::Edge)?.start();
    let codec = Context::<CodecActor>::new();
    let board = Context::<Board>::new();
    let (codec_address, board_address) = (codec.address(), board.address());
    let edges = server::Edges {
        net: codec_address.clone().recipient(),
        disk: vault.recipient(),
        work: pool.recipient(),
        board: board_address.clone().recipient(),
    };
    let concerns = server::spawn(machines, edges, clock);

    let sink = concerns.clone();
    let sink = Rc::new(move |incoming| sink.take(server::Ingress::Net(incoming)));
    let _ = switchboard.run(Switchboard(concerns.clone()));
    let _ = codec.run(CodecActor::new(faces, sink));
    let status = blank_status(&config, admin_address);
    let _ = board.run(Board::new(
        status,
        clock,
        concerns.clone(),
        codec_address,
        stop.clone(),
    ));
    LoadProbe::new(answers, server::Ingress::Measured).start();
    let admin = admin::serve(admin, board_address.clone())?;
    actix_rt::spawn(control::serve_operator(control, board_address));
    let (node, clients, peers) = (own.node(), own.clients, own.peers);
    tracing::info!(%node, %clients, %peers, admin = %admin_address, "server is up");

    told_to_stop(&stop).await;
    tracing::info!(node = %own.node(), "server ends");
    super::shell::Post::deliver(
        &*concerns,
        server::To::Membership(membership::Input::Halted { announced: true }),
    );
    farewell().await;
    admin.stop(false).await;
    disk.stop();
    Ok(())
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
        caught_up: false,
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
    let known = Peers::new(
        config
            .servers
            .iter()
            .map(|server| (server.node(), server.clients)),
    );
    let face = Face {
        socket: bind(config.listen)?,
        known,
        strangers: true,
    };
    let control = listen(&home)?;
    let machines = machines::client(
        &config,
        identity,
        vault.tables()?,
        clock.calendar(),
        fresh_seed()?,
    );
    let stop = Rc::new(Notify::new());

    let switchboard = Context::<Switchboard<client::Mailboxes>>::new();
    let answers = switchboard.address().recipient();
    let disk = actix_rt::Arbiter::new();
    let told = answers.clone();
    let vault = VaultActor::start_in_arbiter(&disk.handle(), move |_| {
        VaultActor::new(vault, told, client::Ingress::Edge)
    });
    let covers = CoverShelf::new(home.join("covers"));
    // Pictures of one person at a time: one job shows, another may be made meanwhile.
    let pool = CpuPool::start(2, covers, answers, client::Ingress::Edge)?.start();
    let codec = Context::<CodecActor>::new();
    let desk = Context::<PersonDesk>::new();
    let desk_address = desk.address();
    let edges = client::Edges {
        net: codec.address().recipient(),
        disk: vault.recipient(),
        work: pool.recipient(),
        person: desk_address.clone().recipient(),
        notices: desk_address.clone().recipient(),
    };
    let concerns = client::spawn(machines, edges, clock);

    let sink = concerns.clone();
    let sink = Rc::new(move |incoming| sink.take(client::Ingress::Net(incoming)));
    let _ = switchboard.run(Switchboard(concerns.clone()));
    let _ = codec.run(CodecActor::new(vec![face], sink));
    let _ = desk.run(PersonDesk::new(concerns.clone(), stop.clone(), clock));
    actix_rt::spawn(control::serve_person(control, desk_address));
    tracing::info!(name = config.name, "client is up");

    told_to_stop(&stop).await;
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

/// Waits for a command or a signal of the operating system.
async fn told_to_stop(stop: &Notify) {
    let signals = (
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()),
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        tracing::warn!("no signals here, only a command stops the node");
        return stop.notified().await;
    };
    tokio::select! {
        () = stop.notified() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
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
        LaunchError::Socket { .. } => "another program has the port; choose another one",
        LaunchError::Control { .. } => "choose a folder with a shorter path that you may write",
        LaunchError::System(_) => "end other programs and try again",
    }
}
