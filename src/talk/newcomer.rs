//! A person's first step: a name, a key and the list of servers make a home.

use std::path::Path;

use super::{failures, home};
use crate::crypto::identity::SecretIdentity;
use crate::proto::control::Failure;
use crate::proto::limits::NAME_MAX_BYTES;

/// Name of the list of servers in a cluster's folder.
pub const SERVERS_FILE: &str = "cluster.toml";

/// The name as it is kept, without a leading `@`.
///
/// # Errors
/// If it cannot be a name.
pub fn name(wished: &str) -> Result<&str, Failure> {
    let name = wished.trim_start_matches('@');
    let fits = !name.is_empty()
        && name.len() <= NAME_MAX_BYTES
        && !name.starts_with('.')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    fits.then_some(name).ok_or_else(|| {
        failures::usage(
            format!("{name:?} cannot be a name"),
            format!("letters, digits, - _ . and at most {NAME_MAX_BYTES} bytes"),
        )
    })
}

/// Makes a key and a configuration. `list` is a file with the servers; the local cluster's if none
/// is named. Nothing is made if the list cannot be read.
///
/// # Errors
/// If there is a key already, the name cannot be one, or the servers are not known.
pub fn make(home: &Path, wished: &str, list: Option<&Path>) -> Result<SecretIdentity, Failure> {
    let name = name(wished)?;
    let local = home::default_cluster().join(SERVERS_FILE);
    let servers = home::read_servers(list.unwrap_or(&local)).map_err(|failure| Failure {
        hint: "start a local cluster with `pentimento up`, or name a list with --servers".into(),
        ..failure
    })?;
    let identity = home::make_key(home)?;
    home::write_config(home, name, &servers)?;
    Ok(identity)
}
