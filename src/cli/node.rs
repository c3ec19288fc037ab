//! Runs one node in the foreground, of either role, from its configuration file.

use std::path::PathBuf;

use super::args::{NodeArguments, NodeVerb, Role};
use super::failure::{Ended, INTERRUPTED};
use super::output::Output;
use super::{keygen, state};
use crate::node::config::layers::{Layered, Settings, Sources};
use crate::node::config::{ClientConfig, ServerConfig};
use crate::node::launch::{self, End};
use crate::proto::control::Failure;
use crate::talk::home;
use crate::talk::session::launch_failure;

/// Where the configuration of a node comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Given {
    /// Its configuration; commented examples are under config/
    #[arg(long, env = "PENTIMENTO_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One value of the configuration, over file and variables; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Given {
    /// The layers of the configuration.
    #[must_use]
    pub fn sources(&self) -> Sources {
        Sources {
            files: self.config.iter().cloned().collect(),
            variables: std::env::vars_os().collect(),
            flags: self.set.clone(),
        }
    }

    /// The configuration.
    ///
    /// # Errors
    /// If it is wrong.
    pub fn read<T: Layered>(&self) -> Result<T, Failure> {
        Settings::merge::<T>(&self.sources())
            .and_then(|settings| settings.config())
            .map_err(|error| home::config_failure(&error))
    }
}

/// Runs a node until it is told to stop, makes the keys of servers, or moves a ledger.
///
/// # Errors
/// If its configuration is wrong or it cannot be started.
pub fn run(output: Output, arguments: &NodeArguments, given: &Given) -> Ended {
    match &arguments.verb {
        Some(NodeVerb::Keygen(wanted)) => return keygen::run(output, wanted),
        Some(NodeVerb::State(verb)) => return state::run(output, verb),
        None => {}
    }
    actix_rt::System::new().block_on(async {
        match arguments.role.unwrap_or(Role::Server) {
            Role::Server => {
                let config: ServerConfig = given.read()?;
                launch::server(config, arguments.ready_file.clone()).await
            }
            Role::Client => {
                let mut config: ClientConfig = given.read()?;
                if config.home.is_none() {
                    let beside = given.config.as_deref().and_then(std::path::Path::parent);
                    config.home = beside.map(Into::into);
                }
                let identity = home::read_key(&config.home())?;
                let ended = launch::client(config, identity).await;
                ended.map(|()| End::InOrder)
            }
        }
        .map(|end| match end {
            End::InOrder => 0,
            End::AtOnce => INTERRUPTED,
        })
        .map_err(|error| launch_failure(&error))
    })
}
