//! The key file of a server: 64 hexadecimal digits in its data folder, readable by its owner only.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rand::TryRng;
use thiserror::Error;
use zeroize::Zeroizing;

use super::config::ServerConfig;
use crate::crypto::static_key::StaticSecret;
use crate::proto::identity::{PublicKey, key_bytes};

/// Name of the key file.
pub const KEY_FILE: &str = "server.key";

/// Why a server has no key that it can use.
#[derive(Debug, Error)]
pub enum KeyError {
    /// There is none.
    #[error("there is no key in {0}")]
    Missing(PathBuf),
    /// Others than its owner may read it.
    #[error("others may read {0}")]
    Exposed(PathBuf),
    /// It is no key.
    #[error("{0} is damaged: it must hold 64 hexadecimal digits")]
    Damaged(PathBuf),
    /// The configuration has another key for this server.
    #[error("{path} is the key {here}, but the configuration has {listed} for server {id}")]
    Other {
        /// The file.
        path: PathBuf,
        /// Its public half.
        here: PublicKey,
        /// The server.
        id: u8,
        /// Its key in the list of servers.
        listed: PublicKey,
    },
    /// The file cannot be read or made.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl KeyError {
    /// What can be done about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => "make one with `pentimento-node keygen FILE`",
            Self::Exposed(_) => "give the file the mode 600",
            Self::Damaged(_) => {
                "restore it from a copy; or move it away, make a new one with \
                 `pentimento-node keygen`, and write that into every list of servers"
            }
            Self::Other { .. } => {
                "restore the key file from a copy, or write the key that it is into every list \
                 of servers, those of the people too"
            }
            Self::Io { .. } => "choose a data folder that you may write",
        }
    }
}

/// The key of a server, if it is the one that everybody is told.
///
/// # Errors
/// If there is none, or another one than the configuration says.
pub fn of(config: &ServerConfig) -> Result<StaticSecret, KeyError> {
    let secret = read(&config.data)?;
    let own = config.own();
    if secret.public() == own.key {
        return Ok(secret);
    }
    Err(KeyError::Other {
        path: config.data.join(KEY_FILE),
        here: secret.public(),
        id: own.id,
        listed: own.key,
    })
}

/// The key in a data folder.
///
/// # Errors
/// If there is none, others may read it, or it is damaged.
pub fn read(data: &Path) -> Result<StaticSecret, KeyError> {
    let path = data.join(KEY_FILE);
    let text = fs::read_to_string(&path).map(Zeroizing::new);
    let text = text.map_err(|source| match source.kind() {
        ErrorKind::NotFound => KeyError::Missing(data.to_owned()),
        ErrorKind::InvalidData => KeyError::Damaged(path.clone()),
        _ => io_error(&path, source),
    })?;
    let found = fs::metadata(&path).map_err(|source| io_error(&path, source))?;
    if found.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Exposed(path));
    }
    let secret = key_bytes(text.trim()).map_err(|_| KeyError::Damaged(path))?;
    Ok(StaticSecret::from_bytes(secret))
}

/// The key in a data folder, made if there is none, and whether it was made. The folder is made
/// too.
///
/// # Errors
/// If it cannot be made, or what is there is no key.
pub fn make(data: &Path) -> Result<(StaticSecret, bool), KeyError> {
    match read(data) {
        Err(KeyError::Missing(_)) => {}
        there => return there.map(|secret| (secret, false)),
    }
    let path = data.join(KEY_FILE);
    let failed = |source| io_error(&path, source);
    fs::create_dir_all(data).map_err(failed)?;
    let mut secret = Zeroizing::new([0; 32]);
    let drawn = rand::rngs::SysRng.try_fill_bytes(&mut *secret);
    drawn.map_err(io::Error::other).map_err(failed)?;
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let mut file = match made {
        // Somebody else was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return read(data).map(|secret| (secret, false));
        }
        made => made.map_err(failed)?,
    };
    let text = Zeroizing::new(format!("{}\n", HEXLOWER.encode(&*secret)));
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    Ok((StaticSecret::from_bytes(*secret), true))
}

fn io_error(path: &Path, source: io::Error) -> KeyError {
    KeyError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::config::{LedgerConfig, ServerAddress, TokenConfig, WorkConfig};

    fn config(data: &Path, key: PublicKey) -> ServerConfig {
        let address = "127.0.0.1:0".parse().expect("an address");
        ServerConfig {
            id: 1,
            data: data.to_owned(),
            covers: None,
            admin: address,
            token: TokenConfig::default(),
            work: WorkConfig::default(),
            ledger: LedgerConfig::default(),
            servers: vec![ServerAddress {
                id: 1,
                clients: address,
                peers: address,
                key,
            }],
        }
    }

    #[test]
    fn a_key_is_made_once_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("n1");
        assert!(matches!(read(&data), Err(KeyError::Missing(_))));
        let (made, is_new) = make(&data).expect("makes");
        assert!(is_new);
        let (again, is_new) = make(&data).expect("reads");
        assert!(!is_new);
        assert_eq!(made.public(), again.public());
        let mode = fs::metadata(data.join(KEY_FILE))
            .expect("a file")
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert!(of(&config(&data, made.public())).is_ok());
    }

    #[test]
    fn a_key_that_is_not_in_the_list_is_refused_with_both() {
        let folder = tempfile::tempdir().expect("a folder");
        let (made, _) = make(folder.path()).expect("makes");
        let listed = PublicKey([9; 32]);
        let error = of(&config(folder.path(), listed)).expect_err("refused");
        let told = error.to_string();
        for key in [made.public(), listed] {
            assert!(told.contains(&key.to_string()), "{told}");
        }
        assert!(error.hint().contains("every list"));
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_damaged_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        make(folder.path()).expect("makes");
        let path = folder.path().join(KEY_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("sets");
        assert!(matches!(read(folder.path()), Err(KeyError::Exposed(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("sets");
        for bytes in [b"".as_slice(), b"zz", &[0xff; 64], &[b'0'; 63]] {
            fs::write(&path, bytes).expect("writes");
            assert!(matches!(make(folder.path()), Err(KeyError::Damaged(_))));
        }
    }
}
