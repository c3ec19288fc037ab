//! A person's home folder: the key file and the configuration, and where they are by default.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{failures, unlock};
use crate::crypto::identity::SecretIdentity;
use crate::crypto::locked_key;
use crate::node::config::layers::{self, Settings, Sources};
use crate::node::config::{ClientConfig, ConfigError, ServerAddress};
use crate::proto::control::{Failure, Reason};

/// Name of the key file.
pub const KEY_FILE: &str = "identity.key";
/// Name of the configuration file.
pub const CONFIG_FILE: &str = "client.toml";

/// A home, and what the command line says beside its own file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// The folder.
    pub folder: PathBuf,
    /// A file whose values win over those of the home's own.
    pub config: Option<PathBuf>,
    /// `KEY=VALUE` that win over everything.
    pub set: Vec<String>,
}

impl From<&Path> for Home {
    fn from(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            ..Self::default()
        }
    }
}

impl From<&PathBuf> for Home {
    fn from(folder: &PathBuf) -> Self {
        folder.as_path().into()
    }
}

impl From<&Self> for Home {
    fn from(home: &Self) -> Self {
        home.clone()
    }
}

/// The list of servers, as `up` writes it and `init` reads it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerList {
    /// All servers.
    #[serde(rename = "server")]
    pub servers: Vec<ServerAddress>,
}

/// A folder for our files below the person's own.
fn below(variable: &str, otherwise: &str) -> PathBuf {
    let base = std::env::var_os(variable).map(PathBuf::from);
    let base = base.or_else(|| std::env::home_dir().map(|home| home.join(otherwise)));
    base.unwrap_or_default().join("pentimento")
}

/// The home folder if none is named.
#[must_use]
pub fn default_home() -> PathBuf {
    below("XDG_DATA_HOME", ".local/share")
}

/// The home folder of a profile.
///
/// # Errors
/// If the name cannot be a folder's.
pub fn profile_home(name: &str) -> Result<PathBuf, Failure> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(failures::usage(
            format!("{name:?} cannot be the name of a profile"),
            "letters, digits, - _ and . can",
        ));
    }
    Ok(default_home().join("homes").join(name))
}

/// The folder of the local cluster if none is named.
#[must_use]
pub fn default_cluster() -> PathBuf {
    below("XDG_STATE_HOME", ".local/state").join("cluster")
}

/// Makes a fresh key, readable by its owner only.
///
/// # Errors
/// If a key is there already or the folder cannot be written.
pub fn make_key(home: &Path) -> Result<SecretIdentity, Failure> {
    fs::create_dir_all(home).map_err(|error| failures::file(home, &error))?;
    let mut secret = [0; 32];
    random(&mut secret)?;
    let identity = SecretIdentity::from_secret(secret);
    let path = home.join(KEY_FILE);
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let mut file = opened.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => failures::usage(
            format!("there is a key already: {}", path.display()),
            "another --home makes another identity; deleting the key makes its pictures \
             unreadable for ever",
        ),
        _ => failures::file(&path, &error),
    })?;
    file.write_all(key_text(&secret).as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| failures::file(&path, &error))?;
    Ok(identity)
}

/// What a key file says that is not locked.
pub(super) fn key_text(secret: &[u8; 32]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in secret {
        let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
        text.extend(digits.into_iter().flatten());
    }
    text.push('\n');
    text
}

/// Fills `bytes` from the operating system.
///
/// # Errors
/// If it has no randomness to give.
pub fn random(bytes: &mut [u8]) -> Result<(), Failure> {
    use rand::TryRng;
    rand::rngs::SysRng.try_fill_bytes(bytes).map_err(|error| {
        Failure::new(
            Reason::Other,
            format!("no randomness: {error}"),
            "try again",
        )
    })
}

/// Reads the key of a home. One that is locked has to be opened before, or the environment has its
/// passphrase; see [`unlock`].
///
/// # Errors
/// If there is none, others may read it, or it is damaged or locked.
pub fn read_key(home: &Path) -> Result<SecretIdentity, Failure> {
    let path = home.join(KEY_FILE);
    let text = fs::read_to_string(&path).map(Zeroizing::new);
    let text = text.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new(
            Reason::Config,
            format!("no identity in {}", home.display()),
            "make one with `pentimento init NAME`",
        ),
        _ => failures::file(&path, &error),
    })?;
    is_own(&path)?;
    if locked_key::is_locked(&text) {
        return unlock::key(&path, &text);
    }
    parse_key(text.trim())
        .map(SecretIdentity::from_secret)
        .ok_or_else(|| {
            Failure::new(
                Reason::Config,
                format!(
                    "{} is damaged: it must hold 64 hexadecimal digits",
                    path.display()
                ),
                "restore it from a copy",
            )
        })
}

/// Whether nobody else may read a key file.
///
/// # Errors
/// If others may, or it is gone.
pub fn is_own(path: &Path) -> Result<(), Failure> {
    let mode = fs::metadata(path).map_err(|error| failures::file(path, &error))?;
    if mode.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Reason::Config,
        format!("others may read {}", path.display()),
        format!("chmod 600 {}", path.display()),
    ))
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    let mut secret = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in secret.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(secret)
}

/// Writes the configuration of a home.
///
/// # Errors
/// If it cannot be written.
pub fn write_config(home: &Path, name: &str, servers: &[ServerAddress]) -> Result<(), Failure> {
    let config = ClientConfig {
        name: name.to_owned(),
        home: None,
        listen: any_port(servers),
        local_addresses: true,
        servers: servers.to_vec(),
    };
    let text = toml::to_string(&config)
        .map_err(|error| Failure::new(Reason::Other, error.to_string(), ""))?;
    let path = home.join(CONFIG_FILE);
    fs::write(&path, text).map_err(|error| failures::file(&path, &error))
}

/// A free port of this host: on loopback if all servers are there, else on every address.
fn any_port(servers: &[ServerAddress]) -> SocketAddr {
    let near = servers
        .iter()
        .all(|server| server.clients.ip().is_loopback());
    let four = servers.iter().all(|server| server.clients.is_ipv4());
    let address: IpAddr = match (near, four) {
        (true, true) => Ipv4Addr::LOCALHOST.into(),
        (true, false) => Ipv6Addr::LOCALHOST.into(),
        (false, true) => Ipv4Addr::UNSPECIFIED.into(),
        (false, false) => Ipv6Addr::UNSPECIFIED.into(),
    };
    (address, 0).into()
}

/// Where the configuration of a home comes from: its own file if there is one, the file and the
/// flags of the command line, the environment of this process.
#[must_use]
pub fn sources(home: &Home) -> Sources {
    let own = Some(home.folder.join(CONFIG_FILE)).filter(|path| path.is_file());
    Sources {
        files: own.into_iter().chain(home.config.clone()).collect(),
        variables: std::env::vars_os().collect(),
        flags: home.set.clone(),
    }
}

/// Reads the configuration of a home, all layers of it.
///
/// # Errors
/// If there is none or it is wrong.
pub fn read_config(home: &Home) -> Result<ClientConfig, Failure> {
    let sources = sources(home);
    let settings = Settings::merge::<ClientConfig>(&sources);
    let config = settings.and_then(|settings| settings.config::<ClientConfig>());
    let mut config = match config {
        Err(ConfigError::Missing { .. }) if sources.files.is_empty() => {
            return Err(Failure::new(
                Reason::Config,
                format!("no configuration in {}", home.folder.display()),
                "make one with `pentimento init NAME`",
            ));
        }
        other => other.map_err(|error| config_failure(&error))?,
    };
    // The folder was chosen before its file could be read.
    config.home = Some(home.folder.clone());
    Ok(config)
}

/// The folder that a configuration file names as home.
///
/// # Errors
/// If the file cannot be read or is wrong.
pub fn named_home(config: &Path) -> Result<Option<PathBuf>, Failure> {
    let sources = Sources {
        files: vec![config.to_owned()],
        ..Sources::default()
    };
    let settings = Settings::merge::<ClientConfig>(&sources);
    let settings = settings.map_err(|error| config_failure(&error))?;
    let home = settings.by_key.get("home");
    Ok(home.and_then(|home| home.value.as_str()).map(PathBuf::from))
}

/// Reads a list of servers.
///
/// # Errors
/// If it cannot be read or is wrong.
pub fn read_servers(path: &Path) -> Result<Vec<ServerAddress>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| failures::file(path, &error))?;
    let list: ServerList = toml::from_str(&text).map_err(|error| Failure {
        hint: "each server needs [[server]] with id, clients, peers and key".into(),
        ..config_failure(&layers::wrong(path, &text, &error))
    })?;
    Ok(list.servers)
}

/// A wrong configuration as a failure.
#[must_use]
pub fn config_failure(error: &ConfigError) -> Failure {
    let hint = match error {
        ConfigError::Read { .. } => "check the path; `pentimento init NAME` makes a client's",
        ConfigError::Wrong { .. } => "compare it with the commented files under config/",
        ConfigError::Missing { .. } => "see `pentimento config show --origins`",
        ConfigError::Rule { .. } => "change the named values",
    };
    Failure::new(Reason::Config, error.to_string(), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_back() {
        let home = tempfile::tempdir().expect("folder");
        let made = make_key(home.path()).expect("makes");
        let read = read_key(home.path()).expect("reads");
        assert_eq!(made.public(), read.public());
        let again = make_key(home.path()).expect_err("refuses");
        assert_eq!(again.reason, Reason::Usage);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let home = tempfile::tempdir().expect("folder");
        make_key(home.path()).expect("makes");
        let path = home.path().join(KEY_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("sets");
        assert_eq!(
            read_key(home.path()).expect_err("refuses").reason,
            Reason::Config
        );
    }

    #[test]
    fn a_damaged_key_is_refused() {
        for text in ["", "zz", &"g".repeat(64), &"0".repeat(63)] {
            assert_eq!(parse_key(text), None, "{text}");
        }
        assert_eq!(parse_key(&"01".repeat(32)), Some([1; 32]));
    }
}
