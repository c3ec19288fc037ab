//! The commands of an operator: a local cluster up, down, and failing on purpose.

use std::path::Path;

use serde_json::json;

use super::args::{ClusterDir, Global, Verb};
use super::failure::Ended;
use super::output::Output;
use super::person::Person;
use super::{cluster, render};
use crate::node::launch;
use crate::proto::control::{Failure, Reason};
use crate::proto::operator::ServerCommand;
use crate::talk::home::{self, CONFIG_FILE};
use crate::talk::newcomer;
use crate::talk::session::launch_failure;

/// Shows every server. Gives whether all answer.
///
/// # Errors
/// If there is no cluster.
pub(super) fn show(output: Output, folder: &Path) -> Result<bool, Failure> {
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

/// Stops a cluster and waits for its end. One that is stopped already is as good.
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
    cluster::wait_end(&folders)?;
    let text = match told {
        0 => "no server was running".to_owned(),
        1 => "1 server stopped".to_owned(),
        _ => format!("{told} servers stopped"),
    };
    output.line(text, json!({ "stopped": told }));
    Ok(0)
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
    let name = newcomer::name(name)?;
    let home = global.home.clone().unwrap_or_else(home::default_home);
    let identity = newcomer::make(&home, name, servers.map(std::path::PathBuf::as_path))?;
    output.line(
        format!(
            "@{name} is {}\nhome: {}",
            identity.user_id(),
            home.display()
        ),
        json!({
            "name": name,
            "user": identity.user_id().hex(),
            "home": crate::talk::files::shown(&home),
        }),
    );
    Ok(0)
}

/// Runs the person's client in the foreground.
///
/// # Errors
/// If it does not start.
pub fn run(output: Output, global: &Global) -> Ended {
    let home = super::entry::home(global);
    let config = home::read_config(&home)?;
    let identity = home::read_key(&home.folder)?;
    output.remark(&format!("@{} is online; Ctrl-C ends it", config.name));
    actix_rt::System::new()
        .block_on(launch::client(config, identity))
        .map_err(|error| launch_failure(&error))?;
    Ok(0)
}
