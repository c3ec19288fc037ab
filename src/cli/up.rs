//! A local cluster comes up and goes away: in the background with its files kept, or in the
//! foreground with nothing left behind.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::args::{ClusterDir, Global, UpArguments};
use super::cluster;
use super::failure::{self, Ended};
use super::operator::show;
use super::output::Output;
use crate::node::config::{ServerAddress, TokenConfig};
use crate::node::server_key::KEY_FILE;
use crate::proto::control::{Failure, Reason};
use crate::proto::limits::SERVERS_MAX;
use crate::proto::operator::ServerCommand;
use crate::talk::home;

/// Servers of a new cluster if no number is given.
const SERVERS: u8 = 3;
/// How often a cluster in the foreground looks whether its servers still run.
const WATCH: Duration = Duration::from_secs(1);

/// Files in a server's folder that `up` and the server make.
const SERVER_FILES: [&str; 7] = [
    "server.toml",
    KEY_FILE,
    "node.log",
    "state.redb",
    "control.sock",
    "pid",
    "ready.json",
];
/// Folders there. A server puts nothing into the first three.
const SERVER_FOLDERS: [&str; 4] = ["originals", "hidden", "received", "covers"];

/// Starts a cluster, or what is down of one.
///
/// # Errors
/// If all of it runs already, the wishes do not fit what runs, or a server does not start.
pub fn up(output: Output, wishes: &UpArguments) -> Ended {
    if let Some(servers) = wishes.servers
        && (servers == 0 || usize::from(servers) > SERVERS_MAX)
    {
        return Err(failure::usage(
            format!("{servers} servers"),
            format!("a cluster has 1 to {SERVERS_MAX} servers"),
        ));
    }
    if wishes.ephemeral {
        return ephemeral(output, wishes.servers.unwrap_or(SERVERS));
    }
    let folder = cluster::folder(&wishes.cluster);
    let known = cluster::servers(&folder).unwrap_or_default();
    let (alive, down): (Vec<_>, Vec<_>) = known
        .iter()
        .copied()
        .partition(|one| cluster::status(&cluster::server_folder(&folder, one.id)).is_ok());
    let servers = wishes.servers.map_or(known.len(), usize::from);
    if !alive.is_empty() && (down.is_empty() || wishes.any_port || servers != known.len()) {
        return Err(failure::usage(
            format!("a cluster runs in {} already", folder.display()),
            "stop it with `pentimento stop`, or name another folder with --cluster",
        ));
    }
    if alive.is_empty() {
        let servers = wishes.servers.unwrap_or(match known.len() {
            0 => SERVERS,
            known => u8::try_from(known).unwrap_or(SERVERS),
        });
        let former = cluster::former_addresses(&folder, servers).filter(|_| !wishes.any_port);
        let kept = former.is_some();
        let addresses = former.map_or_else(|| cluster::free_addresses(&folder, servers), Ok)?;
        cluster::write_files_for_good(&folder, &addresses, kept)?;
        start(&folder, &addresses)?;
        wait_ready(&folder, &addresses)?;
    } else {
        start(&folder, &down)?;
        wait_ready(&folder, &known)?;
        let names: Vec<String> = down.iter().map(|one| format!("n{}", one.id)).collect();
        output.remark(&format!("started again: {}", names.join(", ")));
    }
    show(output, &folder)?;
    next_steps(output, &folder);
    Ok(0)
}

fn next_steps(output: Output, folder: &Path) {
    if folder == home::default_cluster() {
        output.remark("next: pentimento init NAME");
        return;
    }
    output.remark(&format!("export PENTIMENTO_CLUSTER={}", folder.display()));
    let list = folder.join(cluster::SERVERS_FILE);
    output.remark(&format!(
        "next: pentimento init NAME --servers {}",
        list.display()
    ));
}

fn start(folder: &Path, servers: &[ServerAddress]) -> Result<Vec<Child>, Failure> {
    let started = servers.iter().map(|server| {
        let data = cluster::server_folder(folder, server.id);
        cluster::start("server", &data.join("server.toml"), &data)
    });
    started.collect()
}

fn wait_ready(folder: &Path, servers: &[ServerAddress]) -> Result<(), Failure> {
    let ids: Vec<u8> = servers.iter().map(|server| server.id).collect();
    cluster::wait_ready(folder, &ids)
}

/// Processes and files of a cluster in the foreground. Dropping it leaves nothing.
struct Ephemeral {
    folder: PathBuf,
    running: Vec<Child>,
}

impl Ephemeral {
    /// A folder of our own.
    fn make() -> Result<Self, Failure> {
        let name = format!("pentimento-up-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).map_err(|error| failure::file(&folder, &error))?;
        Ok(Self {
            folder,
            running: Vec::new(),
        })
    }

    fn raise(&mut self, servers: u8) -> Result<(), Failure> {
        let addresses = cluster::free_addresses(&self.folder, servers)?;
        cluster::write_files(&self.folder, &addresses, TokenConfig::default())?;
        for server in &addresses {
            self.running
                .extend(start(&self.folder, std::slice::from_ref(server))?);
        }
        wait_ready(&self.folder, &addresses)
    }

    fn any_runs(&mut self) -> bool {
        self.running
            .iter_mut()
            .any(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Lets the servers end in order.
    fn end(&self) {
        let known = cluster::servers(&self.folder).unwrap_or_default();
        let folders: Vec<PathBuf> = known
            .iter()
            .map(|server| cluster::server_folder(&self.folder, server.id))
            .collect();
        for data in &folders {
            // A terminal's Ctrl-C has reached the servers as well, so one may be gone already.
            let _ = cluster::command(data, ServerCommand::Stop);
        }
        let _ = cluster::wait_end(&folders);
    }
}

impl Drop for Ephemeral {
    fn drop(&mut self) {
        for child in &mut self.running {
            // One that has ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn ephemeral(output: Output, servers: u8) -> Ended {
    let system = |error: std::io::Error| Failure::new(Reason::Other, error.to_string(), "");
    actix_rt::System::new().block_on(async {
        // Before anything runs, so that no signal leaves something behind.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
        let mut cluster = Ephemeral::make()?;
        cluster.raise(servers)?;
        show(output, &cluster.folder)?;
        next_steps(output, &cluster.folder);
        output.remark("Ctrl-C ends it and deletes everything");
        let mut watch = tokio::time::interval(WATCH);
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = watch.tick() => {
                    if !cluster.any_runs() {
                        break;
                    }
                }
            }
        }
        cluster.end();
        Ok(0)
    })
}

/// Deletes the files of a cluster that does not run. Nothing that `up` did not make is touched.
///
/// # Errors
/// If there is no cluster, a server runs, the person says no, or a file cannot be deleted.
pub fn purge(output: Output, global: &Global, dir: &ClusterDir) -> Ended {
    let folder = cluster::folder(dir);
    let known = cluster::servers(&folder)?;
    let folders: Vec<PathBuf> = known
        .iter()
        .map(|server| cluster::server_folder(&folder, server.id))
        .collect();
    if folders.iter().any(|data| cluster::status(data).is_ok()) {
        return Err(failure::usage(
            format!("a cluster runs in {}", folder.display()),
            "stop it first: pentimento stop",
        ));
    }
    let question = format!(
        "delete all letters and names of the cluster in {}?",
        folder.display()
    );
    if !sure(global, &question)? {
        return Err(Failure::new(
            Reason::Denied,
            "nothing was deleted",
            "answer y, or give -y",
        ));
    }
    let mut deleted = 0;
    for data in &folders {
        for name in SERVER_FILES {
            deleted += remove(&data.join(name))?;
        }
        deleted += remove_covers(&data.join("covers"))?;
        for name in SERVER_FOLDERS {
            leave(&data.join(name));
        }
        leave(data);
    }
    deleted += remove_covers(&folder.join("covers"))?;
    leave(&folder.join("covers"));
    deleted += remove(&folder.join(cluster::SERVERS_FILE))?;
    leave(&folder);
    let rest = folder.exists();
    let mut text = format!("{deleted} files deleted");
    if rest {
        text += &format!("; {} has files of others and stays", folder.display());
    }
    output.line(text, json!({ "deleted": deleted, "folder_stays": rest }));
    Ok(0)
}

fn sure(global: &Global, question: &str) -> Result<bool, Failure> {
    if global.yes {
        return Ok(true);
    }
    if global.no_input || !std::io::stdin().is_terminal() {
        return Err(failure::usage(
            "nobody can be asked here",
            "give -y if everything may be deleted",
        ));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Deletes a file; 0 if there is none.
fn remove(path: &Path) -> Result<u32, Failure> {
    match fs::remove_file(path) {
        Ok(()) => Ok(1),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(failure::file(path, &error)),
    }
}

/// Deletes drawn covers, also unfinished ones.
fn remove_covers(folder: &Path) -> Result<u32, Failure> {
    let mut deleted = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let ours = path.extension().is_some_and(|ending| {
            ending == "png" || ending.to_string_lossy().starts_with("partial-")
        });
        if ours {
            deleted += remove(&path)?;
        }
    }
    Ok(deleted)
}

/// Removes a folder if it is empty.
fn leave(folder: &Path) {
    // What others put into it keeps it.
    let _ = fs::remove_dir(folder);
}
