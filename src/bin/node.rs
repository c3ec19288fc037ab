//! `pentimento-node`: one node, without a face. `--role server` or `--role client`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use pentimento::cli::{failure, home, logs};
use pentimento::node::config::{ClientConfig, ServerConfig};
use pentimento::node::launch;
use pentimento::proto::control::{Failure, Reason};

/// Run one node of Pentimento.
#[derive(Debug, Parser)]
#[command(name = "pentimento-node", version)]
struct Arguments {
    /// What the node is
    #[arg(long, value_enum)]
    role: Role,
    /// Its configuration; commented examples are under config/
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Log more (twice: much more), to standard error
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Hides pictures, knows who is online, keeps letters
    Server,
    /// Answers for one person
    Client,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logs::start(arguments.verbose.saturating_add(1));
    let system = actix_rt::System::new();
    let ended = system.block_on(async {
        match arguments.role {
            Role::Server => {
                let config = ServerConfig::load(&arguments.config)
                    .map_err(|error| home::config_failure(&error))?;
                launch::server(config)
                    .await
                    .map_err(|error| launch_failure(&error))
            }
            Role::Client => {
                let config = ClientConfig::load(&arguments.config)
                    .map_err(|error| home::config_failure(&error))?;
                let identity = home::read_key(&config.home())?;
                launch::client(config, identity)
                    .await
                    .map_err(|error| launch_failure(&error))
            }
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure::report(&failure, false),
    }
}

fn launch_failure(error: &launch::LaunchError) -> Failure {
    Failure::new(Reason::Config, error.to_string(), launch::hint(error))
}
