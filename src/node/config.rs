//! What servers and clients are told: checked and typed values, from layers that `layers` merges.
//! Unknown keys are errors; an error names the place, the value and the rule.

pub mod fill;
pub mod keys;
pub mod layers;
mod ledger;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Table;

use self::keys::Key;
use self::layers::{Broken, Layered, Origin, Settings, Sources};
pub use self::ledger::{LedgerConfig, LedgerStore};
use crate::proto::identity::PublicKey;
use crate::proto::ids::NodeId;
use crate::proto::limits::SERVERS_MAX;

/// Why a configuration cannot be used. Nothing was started.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// There is no TOML, or a key or a value that does not belong there.
    #[error("{origin}: {reason}")]
    Wrong {
        /// Where; for a file with line and column.
        origin: Origin,
        /// What is wrong.
        reason: String,
    },
    /// Nobody set a value that is needed.
    #[error("`{key}` is not set, neither in a file nor by {variable}")]
    Missing {
        /// The key.
        key: &'static str,
        /// Its variable of the environment.
        variable: String,
    },
    /// Two values do not go together, or one is out of its range.
    #[error("{origin}: {rule}")]
    Rule {
        /// Where one of the values was set.
        origin: Origin,
        /// The rule, with the values.
        rule: String,
    },
}

/// One server of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerAddress {
    /// Its number, from 1.
    pub id: u8,
    /// Where clients reach it.
    pub clients: SocketAddr,
    /// Where servers reach it.
    pub peers: SocketAddr,
    /// Its public key: whoever has the secret half is this server.
    pub key: PublicKey,
}

impl ServerAddress {
    /// Its number.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        NodeId(self.id)
    }
}

/// The failure simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenConfig {
    /// Whether it is on at the start.
    pub on: bool,
    /// Whether a server says goodbye before it falls silent.
    pub announced: bool,
    /// Shortest silence, in milliseconds. 1 to `hold_max_ms`.
    pub hold_min_ms: u32,
    /// Longest silence, in milliseconds. At most 20,000.
    pub hold_max_ms: u32,
    /// Pause between two failures, in milliseconds.
    pub pause_ms: u64,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            on: false,
            announced: true,
            hold_min_ms: 5_000,
            hold_max_ms: 20_000,
            pause_ms: 1_000,
        }
    }
}

/// The CPU pool and what waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkConfig {
    /// Pictures hidden at a time. 1 to 256; 0 means one per core.
    pub threads: usize,
    /// Requests that wait at the most; further ones are told `busy`. 1 to 10,000.
    pub waiting_max: usize,
    /// Whether covers are drawn before anybody needs them, once the server has been up for a
    /// minute.
    pub draw_ahead: bool,
}

impl Default for WorkConfig {
    fn default() -> Self {
        Self {
            threads: 0,
            waiting_max: 64,
            draw_ahead: true,
        }
    }
}

impl WorkConfig {
    /// Threads, with 0 resolved.
    #[must_use]
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// A server node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// Which of the servers below this one is.
    pub id: u8,
    /// Folder for the database, drawn covers and the control socket.
    pub data: PathBuf,
    /// Folder for drawn covers; `covers` below the data folder if it is left out. Servers on one
    /// host may share one, so that each large cover is drawn once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<PathBuf>,
    /// Address of the admin port: health and metrics over HTTP, for the operator only. Port 0
    /// takes a free one.
    #[serde(default = "any_port")]
    pub admin: SocketAddr,
    /// The failure simulation.
    #[serde(default)]
    pub token: TokenConfig,
    /// The CPU pool.
    #[serde(default)]
    pub work: WorkConfig,
    /// The ledger of strict grants.
    #[serde(default)]
    pub ledger: LedgerConfig,
    /// All servers, this one included.
    #[serde(rename = "server")]
    pub servers: Vec<ServerAddress>,
}

/// A client node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// The name that others find this user by.
    pub name: String,
    /// Folder for the key, the database, the pictures and the control socket. The folder of the
    /// file if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<PathBuf>,
    /// Address of the socket; port 0 takes a free one.
    #[serde(default = "any_port")]
    pub listen: SocketAddr,
    /// Whether users whom this one wants to reach are told its addresses in private networks. They
    /// find each other faster inside one network.
    #[serde(default = "yes")]
    pub local_addresses: bool,
    /// All servers.
    #[serde(rename = "server")]
    pub servers: Vec<ServerAddress>,
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

const fn yes() -> bool {
    true
}

fn check_servers(servers: &[ServerAddress]) -> Result<(), Broken> {
    list_rules(servers).map_err(|rule| Broken {
        key: "server",
        rule,
    })
}

fn list_rules(servers: &[ServerAddress]) -> Result<(), String> {
    if servers.is_empty() || servers.len() > SERVERS_MAX {
        return Err(format!(
            "{} servers, there must be 1 to {SERVERS_MAX}",
            servers.len()
        ));
    }
    let ids: BTreeSet<u8> = servers.iter().map(|server| server.id).collect();
    if ids.len() < servers.len() || ids.contains(&0) {
        return Err("the ids of the servers must be different and not 0".into());
    }
    let addresses: BTreeSet<SocketAddr> = servers
        .iter()
        .flat_map(|server| [server.clients, server.peers])
        .collect();
    if addresses.len() < 2 * servers.len() {
        return Err("every server needs two addresses that no other has".into());
    }
    let keys: BTreeSet<PublicKey> = servers.iter().map(|server| server.key).collect();
    if keys.len() < servers.len() {
        return Err("every server needs a key that no other has".into());
    }
    Ok(())
}

impl Layered for ServerConfig {
    const KEYS: &'static [Key] = keys::SERVER;
    const PREFIX: &'static str = "PENTIMENTO_NODE__";
    const OWN_PREFIX: bool = true;

    fn built_in() -> Table {
        #[derive(Serialize)]
        struct BuiltIn {
            admin: SocketAddr,
            token: TokenConfig,
            work: WorkConfig,
            ledger: LedgerConfig,
        }
        let built_in = BuiltIn {
            admin: any_port(),
            token: TokenConfig::default(),
            work: WorkConfig::default(),
            ledger: LedgerConfig::default(),
        };
        Table::try_from(built_in).expect("our own defaults are TOML")
    }

    fn rules(&self) -> Result<(), Broken> {
        check_servers(&self.servers)?;
        if !self.servers.iter().any(|server| server.id == self.id) {
            return Err(Broken {
                key: "id",
                rule: format!("id = {} is none of the servers", self.id),
            });
        }
        let TokenConfig {
            hold_min_ms,
            hold_max_ms,
            ..
        } = self.token;
        if hold_min_ms == 0 || hold_min_ms > hold_max_ms || hold_max_ms > 20_000 {
            return Err(Broken {
                key: "token.hold_max_ms",
                rule: format!(
                    "token.hold_min_ms = {hold_min_ms} and token.hold_max_ms = {hold_max_ms}, \
                     there must be 1 <= min <= max <= 20000"
                ),
            });
        }
        if self.work.threads > 256 || !(1..=10_000).contains(&self.work.waiting_max) {
            return Err(Broken {
                key: "work.waiting_max",
                rule: format!(
                    "work.threads = {} and work.waiting_max = {}, there must be threads <= 256 \
                     and 1 <= waiting_max <= 10000",
                    self.work.threads, self.work.waiting_max
                ),
            });
        }
        self.ledger.rules()
    }
}

impl Layered for ClientConfig {
    const KEYS: &'static [Key] = keys::CLIENT;
    const PREFIX: &'static str = "PENTIMENTO_";
    const OWN_PREFIX: bool = false;

    fn built_in() -> Table {
        let listen = toml::Value::String(any_port().to_string());
        Table::from_iter([
            ("listen".to_owned(), listen),
            ("local_addresses".to_owned(), toml::Value::Boolean(yes())),
        ])
    }

    fn rules(&self) -> Result<(), Broken> {
        check_servers(&self.servers)
    }
}

/// Only this file.
fn alone(path: &Path) -> Sources {
    Sources {
        files: vec![path.to_owned()],
        ..Sources::default()
    }
}

impl ServerConfig {
    /// Reads and checks one file, without the other layers.
    ///
    /// # Errors
    /// If it cannot be read, has unknown keys, lacks one, or breaks a rule.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Settings::merge::<Self>(&alone(path))?.config()
    }

    /// The folder for drawn covers.
    #[must_use]
    pub fn covers(&self) -> PathBuf {
        self.covers
            .clone()
            .unwrap_or_else(|| self.data.join("covers"))
    }

    /// This server's own line.
    #[must_use]
    pub fn own(&self) -> ServerAddress {
        *self
            .servers
            .iter()
            .find(|server| server.id == self.id)
            .expect("checked when the file was read")
    }

    /// The other servers.
    pub fn others(&self) -> impl Iterator<Item = &ServerAddress> {
        self.servers.iter().filter(|server| server.id != self.id)
    }
}

impl ClientConfig {
    /// Reads and checks one file, without the other layers.
    ///
    /// # Errors
    /// If it cannot be read, has unknown keys, lacks one, or breaks a rule.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = Settings::merge::<Self>(&alone(path))?.config()?;
        if config.home.is_none() {
            config.home = path.parent().map(Path::to_owned);
        }
        Ok(config)
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.home.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
