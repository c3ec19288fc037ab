//! Runs one node in the foreground, of either role, from its configuration file.

use super::args::{NodeArguments, Role};
use super::failure::{Ended, INTERRUPTED};
use crate::node::config::{ClientConfig, ServerConfig};
use crate::node::launch::{self, End};
use crate::talk::home;
use crate::talk::session::launch_failure;

/// Runs a node until it is told to stop.
///
/// # Errors
/// If its configuration is wrong or it cannot be started.
pub fn run(arguments: &NodeArguments) -> Ended {
    actix_rt::System::new().block_on(async {
        match arguments.role {
            Role::Server => {
                let config = ServerConfig::load(&arguments.config);
                let config = config.map_err(|error| home::config_failure(&error))?;
                launch::server(config, arguments.ready_file.clone()).await
            }
            Role::Client => {
                let config = ClientConfig::load(&arguments.config);
                let config = config.map_err(|error| home::config_failure(&error))?;
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
