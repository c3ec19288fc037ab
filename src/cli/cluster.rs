//! A local cluster: one process for each server, their files in one folder.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::args::ClusterDir;
use super::failure;
use super::keygen::key_failure;
use crate::net::free_port;
use crate::node::config::{LedgerConfig, ServerAddress, ServerConfig, TokenConfig, WorkConfig};
use crate::node::control::Link;
use crate::node::server_key;
use crate::proto::control::{Failure, Reason};
use crate::proto::operator::{ServerCommand, ServerReply, ServerStatus};
use crate::talk::home::{self, ServerList};
pub use crate::talk::newcomer::SERVERS_FILE;
use crate::talk::session::pause;

/// Where the servers of a local cluster listen.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const READY_STEP: Duration = Duration::from_millis(50);
const READY_STEPS: u32 = 200;
/// Ten seconds are promised.
const END_STEPS: u32 = 240;
const END_STEP: Duration = Duration::from_millis(50);
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// The folder that is meant.
#[must_use]
pub fn folder(named: &ClusterDir) -> PathBuf {
    named.dir.clone().unwrap_or_else(home::default_cluster)
}

/// The folder of one server.
#[must_use]
pub fn server_folder(cluster: &Path, id: u8) -> PathBuf {
    cluster.join(format!("n{id}"))
}

/// The addresses that a cluster in this folder had, if it had as many servers, with the keys that
/// lie there, and their ports are still free: homes that were made for it go on to work.
#[must_use]
pub fn former_addresses(cluster: &Path, servers: u8) -> Option<Vec<ServerAddress>> {
    let former = self::servers(cluster).ok()?;
    let free = former
        .iter()
        .flat_map(|server| [server.clients, server.peers])
        .all(|address| UdpSocket::bind(address).is_ok());
    let same = former.iter().all(|server| {
        let secret = server_key::read(&server_folder(cluster, server.id));
        secret.is_ok_and(|secret| secret.public() == server.key)
    });
    (free && same && former.len() == usize::from(servers)).then_some(former)
}

/// Free ports on loopback for `servers` servers in this folder, and their keys, made where there
/// are none. The ports are free when this returns; whoever takes one before the server does makes
/// that server say so.
///
/// # Errors
/// If the operating system has none, or a key cannot be made.
pub fn free_addresses(cluster: &Path, servers: u8) -> Result<Vec<ServerAddress>, Failure> {
    let mut held = Vec::new();
    let mut free = || -> std::io::Result<_> {
        let socket = free_port::udp(LOOPBACK)?;
        let address = socket.local_addr()?;
        held.push(socket);
        Ok(address)
    };
    let mut one = |id| {
        let secret = server_key::make(&server_folder(cluster, id));
        let (secret, _) = secret.map_err(|error| key_failure(&error))?;
        Ok(ServerAddress {
            id,
            clients: free().map_err(|error| no_port(&error))?,
            peers: free().map_err(|error| no_port(&error))?,
            key: secret.public(),
        })
    };
    (1..=servers).map(&mut one).collect()
}

/// Writes the configuration of every server and the list for clients.
///
/// # Errors
/// If the folder cannot be written.
pub fn write_files(
    cluster: &Path,
    servers: &[ServerAddress],
    token: TokenConfig,
) -> Result<(), Failure> {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    write_with(cluster, servers, token, |_| Ok(any_port))
}

/// As [`write_files`], for a cluster that is to have the same ports for ever, also those of the
/// operator. `kept`: those that it had, as far as they are free.
///
/// # Errors
/// If the folder cannot be written, or the operating system has no free port.
pub fn write_files_for_good(
    cluster: &Path,
    servers: &[ServerAddress],
    kept: bool,
) -> Result<(), Failure> {
    let mut held = Vec::new();
    let admin = |data: &Path| {
        let former = ServerConfig::load(&data.join("server.toml"))
            .ok()
            .filter(|former| kept && former.admin.port() != 0)
            .and_then(|former| TcpListener::bind(former.admin).ok());
        let bound = match former {
            Some(former) => Ok(former),
            None => free_port::tcp(LOOPBACK),
        };
        let bound = bound.map_err(|error| no_port(&error))?;
        let address = bound.local_addr().map_err(|error| no_port(&error))?;
        // Until all are chosen, so that none is chosen twice.
        held.push(bound);
        Ok(address)
    };
    write_with(cluster, servers, TokenConfig::default(), admin)
}

fn no_port(error: &std::io::Error) -> Failure {
    Failure::new(Reason::Other, format!("no free port: {error}"), "")
}

fn write_with(
    cluster: &Path,
    servers: &[ServerAddress],
    token: TokenConfig,
    mut admin: impl FnMut(&Path) -> Result<SocketAddr, Failure>,
) -> Result<(), Failure> {
    for server in servers {
        let data = server_folder(cluster, server.id);
        fs::create_dir_all(&data).map_err(|error| failure::file(&data, &error))?;
        let config = ServerConfig {
            id: server.id,
            data: data.clone(),
            covers: Some(cluster.join("covers")),
            admin: admin(&data)?,
            token,
            work: WorkConfig::default(),
            ledger: LedgerConfig::default(),
            servers: servers.to_vec(),
        };
        write_toml(&data.join("server.toml"), &config)?;
    }
    write_toml(
        &cluster.join(SERVERS_FILE),
        &ServerList {
            servers: servers.to_vec(),
        },
    )
}

fn write_toml<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let text = toml::to_string(value)
        .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
    fs::write(path, text).map_err(|error| failure::file(path, &error))
}

/// Starts one node in the background, with this very program; what it logs goes to `node.log` in
/// its folder.
///
/// # Errors
/// If the program or the log file cannot be opened.
pub fn start(role: &str, config: &Path, folder: &Path) -> Result<Child, Failure> {
    let path = folder.join("node.log");
    let log = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|error| failure::file(&path, &error))?;
    let program = program()?;
    Command::new(&program)
        .args(["node", "--role", role, "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| failure::file(&program, &error))
}

/// The program that can run a node: this one, or the one it was built to test.
///
/// # Errors
/// If the operating system does not tell which program this is.
pub fn program() -> Result<PathBuf, Failure> {
    let here = std::env::current_exe()
        .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
    // Test programs live one folder deeper than the program they test.
    let tested = here
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join("pentimento"));
    match tested {
        Some(tested) if here.parent().is_some_and(|p| p.ends_with("deps")) => Ok(tested),
        _ => Ok(here),
    }
}

/// Sends a command to the server of a folder.
///
/// # Errors
/// If none runs there, or it does not answer.
pub fn command(folder: &Path, command: ServerCommand) -> Result<ServerReply, Failure> {
    let gone = |error: std::io::Error| {
        failure::unreachable(
            format!("no server answers in {}: {error}", folder.display()),
            "start the cluster with `pentimento up`",
        )
    };
    let mut link = Link::connect(folder).map_err(gone)?;
    link.set_timeout(Some(REPLY_TIMEOUT)).map_err(gone)?;
    link.send(&command).map_err(gone)?;
    link.receive().map_err(gone)
}

/// How the server of a folder is.
///
/// # Errors
/// If none runs there.
pub fn status(folder: &Path) -> Result<ServerStatus, Failure> {
    match command(folder, ServerCommand::Status)? {
        ServerReply::Status(status) => Ok(*status),
        other => Err(Failure::new(
            Reason::Other,
            format!("odd answer {other:?}"),
            "",
        )),
    }
}

/// Waits until every server sees all others and has caught up.
///
/// # Errors
/// If that does not come to pass in ten seconds; the message has the end of a log.
pub fn wait_ready(cluster: &Path, ids: &[u8]) -> Result<(), Failure> {
    for _ in 0..READY_STEPS {
        let ready = ids.iter().all(|id| {
            status(&server_folder(cluster, *id)).is_ok_and(|status| {
                // One that is quarantined does all but counting looks, and `health` tells it.
                let ledger = status.ledger.serves() || status.ledger.quarantined.is_some();
                status.alive.len() == ids.len() && status.caught_up && ledger
            })
        });
        if ready {
            return Ok(());
        }
        pause(READY_STEP);
    }
    let logs = ids.iter().filter_map(|id| {
        let log = fs::read_to_string(server_folder(cluster, *id).join("node.log")).ok()?;
        log.lines().last().map(|line| format!("n{id}: {line}"))
    });
    Err(failure::unreachable(
        format!(
            "the servers did not become ready\n{}",
            logs.collect::<Vec<_>>().join("\n")
        ),
        "see node.log in the folder of each server",
    ))
}

/// Waits until no server answers in these folders.
///
/// # Errors
/// If one still does after the time in which it ends by its own promise.
pub fn wait_end(folders: &[PathBuf]) -> Result<(), Failure> {
    for _ in 0..END_STEPS {
        if folders.iter().all(|data| Link::connect(data).is_err()) {
            // What is left of the process is the moment in which it lets go of its files.
            pause(END_STEP);
            return Ok(());
        }
        pause(END_STEP);
    }
    Err(failure::unreachable(
        "a server does not end",
        "end its process by hand; `pentimento cluster status` tells its number",
    ))
}

/// The servers of a cluster's folder.
///
/// # Errors
/// If there is no cluster there.
pub fn servers(cluster: &Path) -> Result<Vec<ServerAddress>, Failure> {
    let path = cluster.join(SERVERS_FILE);
    if !path.is_file() {
        return Err(Failure::new(
            Reason::NotFound,
            format!("no cluster in {}", cluster.display()),
            "start one with `pentimento up`",
        ));
    }
    home::read_servers(&path)
}
