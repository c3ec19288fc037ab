//! The commands of an operator: a local cluster up, down, and failing on purpose.

use std::path::Path;

use serde_json::json;

use super::args::{ClusterDir, Global, Verb};
use super::failure::{self, Ended};
use super::output::Output;
use super::person::Person;
use super::{cluster, render};
use crate::node::config::TokenConfig;
use crate::node::launch;
use crate::proto::control::{Failure, Reason};
use crate::proto::limits::{NAME_MAX_BYTES, SERVERS_MAX};
use crate::proto::operator::ServerCommand;
use crate::talk::home::{self, CONFIG_FILE};
use crate::talk::session::{launch_failure, pause};

/// How long a stopping server may take, in steps.
const STOP_STEPS: u32 = 200;
const STOP_STEP: std::time::Duration = std::time::Duration::from_millis(50);

/// Starts a cluster.
///
/// # Errors
/// If one runs in the folder already, or a server does not start.
pub fn up(output: Output, servers: u8, dir: &ClusterDir) -> Ended {
    if servers == 0 || usize::from(servers) > SERVERS_MAX {
        return Err(failure::usage(
            format!("{servers} servers"),
            format!("a cluster has 1 to {SERVERS_MAX} servers"),
        ));
    }
    let folder = cluster::folder(dir);
    if let Ok(known) = cluster::servers(&folder) {
        let alive = known
            .iter()
            .any(|s| cluster::status(&cluster::server_folder(&folder, s.id)).is_ok());
        if alive {
            return Err(failure::usage(
                format!("a cluster runs in {} already", folder.display()),
                "stop it with `pentimento stop`, or name another folder with --cluster",
            ));
        }
    }
    let addresses = match cluster::former_addresses(&folder, servers) {
        Some(former) => former,
        None => cluster::free_addresses(servers)?,
    };
    cluster::write_files(&folder, &addresses, TokenConfig::default())?;
    for server in &addresses {
        let data = cluster::server_folder(&folder, server.id);
        cluster::start("server", &data.join("server.toml"), &data)?;
    }
    let ids: Vec<u8> = addresses.iter().map(|server| server.id).collect();
    cluster::wait_ready(&folder, &ids)?;
    show(output, &folder)?;
    output.remark("next: pentimento init NAME");
    Ok(0)
}

fn show(output: Output, folder: &Path) -> Result<bool, Failure> {
    let found: Vec<_> = cluster::servers(folder)?
        .iter()
        .map(|s| {
            (
                s.id,
                cluster::status(&cluster::server_folder(folder, s.id)).ok(),
            )
        })
        .collect();
    let all_up = found.iter().all(|(_, status)| status.is_some());
    output.say(&render::servers(&found));
    Ok(all_up)
}

/// Shows a cluster, and the person's own client if there is one.
///
/// # Errors
/// If there is neither.
pub fn status(output: Output, global: &Global, dir: &ClusterDir) -> Ended {
    let folder = cluster::folder(dir);
    let home = global.home.clone().unwrap_or_else(home::default_home);
    let mine = home.join(CONFIG_FILE).is_file();
    if cluster::servers(&folder).is_err() && mine {
        return Person::new(global).run(Verb::Status(dir.clone()));
    }
    let all_up = show(output, &folder)?;
    if mine && !global.json {
        Person::new(global).run(Verb::Status(dir.clone()))?;
    }
    Ok(if all_up {
        0
    } else {
        Reason::Unreachable.exit_code()
    })
}

/// Stops a cluster and waits for its end.
///
/// # Errors
/// If there is none, or a server does not end.
pub fn stop(output: Output, dir: &ClusterDir) -> Ended {
    let folder = cluster::folder(dir);
    let known = cluster::servers(&folder)?;
    let folders: Vec<_> = known
        .iter()
        .map(|server| cluster::server_folder(&folder, server.id))
        .collect();
    let mut told = 0;
    for data in &folders {
        told += u32::from(cluster::command(data, ServerCommand::Stop).is_ok());
    }
    for _ in 0..STOP_STEPS {
        if folders.iter().all(|data| cluster::status(data).is_err()) {
            output.line(
                format!("{told} servers stopped"),
                json!({ "stopped": told }),
            );
            return Ok(0);
        }
        pause(STOP_STEP);
    }
    Err(failure::unreachable(
        "a server does not end",
        "end its process by hand",
    ))
}

/// Makes a person's key and configuration.
///
/// # Errors
/// If there is a key already, the name cannot be one, or the servers are not known.
pub fn init(
    output: Output,
    global: &Global,
    name: &str,
    servers: Option<&std::path::PathBuf>,
) -> Ended {
    let name = name.trim_start_matches('@');
    let fits = !name.is_empty()
        && name.len() <= NAME_MAX_BYTES
        && !name.starts_with('.')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !fits {
        return Err(failure::usage(
            format!("{name:?} cannot be a name"),
            format!("letters, digits, - _ . and at most {NAME_MAX_BYTES} bytes"),
        ));
    }
    let home = global.home.clone().unwrap_or_else(home::default_home);
    let list = servers
        .cloned()
        .unwrap_or_else(|| home::default_cluster().join(cluster::SERVERS_FILE));
    let servers = home::read_servers(&list).map_err(|failure| Failure {
        hint: "start a local cluster with `pentimento up`, or name a list with --servers".into(),
        ..failure
    })?;
    let identity = home::make_key(&home)?;
    home::write_config(&home, name, &servers)?;
    output.line(
        format!(
            "@{name} is {}\nhome: {}",
            identity.user_id(),
            home.display()
        ),
        json!({ "name": name, "user": identity.user_id().hex(), "home": home }),
    );
    Ok(0)
}

/// Runs the person's client in the foreground.
///
/// # Errors
/// If it does not start.
pub fn run(output: Output, global: &Global) -> Ended {
    let home = global.home.clone().unwrap_or_else(home::default_home);
    let config = home::read_config(&home)?;
    let identity = home::read_key(&home)?;
    output.remark(&format!("@{} is online; Ctrl-C ends it", config.name));
    actix_rt::System::new()
        .block_on(launch::client(config, identity))
        .map_err(|error| launch_failure(&error))?;
    Ok(0)
}
