//! Makes the keys of servers, and fills their public halves into configuration files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::args::KeygenArguments;
use super::failure::{self, Ended};
use super::output::Output;
use super::render::Said;
use crate::node::config::fill;
use crate::node::server_key::{self, KEY_FILE, KeyError};
use crate::proto::control::{Failure, Reason};
use crate::proto::identity::PublicKey;
use crate::terminal::text::table;

/// A server whose key is known now.
struct Made {
    id: Option<u8>,
    data: PathBuf,
    key: PublicKey,
    is_new: bool,
}

/// Makes the keys that are missing, and tells all.
///
/// # Errors
/// If a key cannot be made or read, or a file cannot be filled in. A file is written whole or not
/// at all.
pub fn run(output: Output, wanted: &KeygenArguments) -> Ended {
    if let Some(data) = &wanted.data {
        let made = make(None, data)?;
        output.line(made.key.to_string(), json!([told(&made)]));
        return Ok(0);
    }
    let mut files = Vec::new();
    let mut all = Vec::new();
    for path in &wanted.files {
        let text = fs::read_to_string(path).map_err(|error| failure::file(path, &error))?;
        let own = fill::own(&text).map_err(|error| wrong(path, &error))?;
        if let (Some(id), Some(data)) = own {
            all.push(make(Some(id), &data)?);
        }
        files.push((path, text));
    }
    if all.is_empty() {
        return Err(failure::usage(
            "none of these files is a server's",
            "a server's file has `id` and `data`; --data makes a key for any folder",
        ));
    }
    let keys = keys(&all)?;
    let mut filled = Vec::new();
    for (path, text) in &files {
        let new = fill::fill(text, &keys).map_err(|error| wrong(path, &error))?;
        filled.push((path, new));
    }
    for ((path, new), (_, old)) in filled.iter().zip(&files) {
        if new != old {
            write(path, new)?;
        }
    }
    output.say(&Said {
        text: tell(&all),
        json: all.iter().map(told).collect(),
    });
    Ok(0)
}

fn make(id: Option<u8>, data: &Path) -> Result<Made, Failure> {
    let (secret, is_new) = server_key::make(data).map_err(|error| key_failure(&error))?;
    Ok(Made {
        id,
        data: data.to_owned(),
        key: secret.public(),
        is_new,
    })
}

fn keys(all: &[Made]) -> Result<BTreeMap<u8, PublicKey>, Failure> {
    let mut keys = BTreeMap::new();
    for made in all {
        let id = made.id.unwrap_or_default();
        if keys.insert(id, made.key).is_some_and(|old| old != made.key) {
            return Err(failure::usage(
                format!("two of these files are of server {id}, with different folders"),
                "give each server its own `id`",
            ));
        }
    }
    Ok(keys)
}

/// A file beside the old one that takes its place in one step.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| failure::file(path, &error);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    fs::write(&beside, text).map_err(failed)?;
    let rights = fs::metadata(path).map_err(failed)?.permissions();
    fs::set_permissions(&beside, rights).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

fn tell(all: &[Made]) -> String {
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|made| {
            let id = made.id.map(|id| format!("n{id}")).unwrap_or_default();
            let how = if made.is_new { "made" } else { "there" };
            let file = made.data.join(KEY_FILE).display().to_string();
            vec![id, made.key.to_string(), how.to_owned(), file]
        })
        .collect();
    table(&["server", "key", "", "file"], &rows)
}

fn told(made: &Made) -> Value {
    json!({
        "id": made.id,
        "key": made.key.to_string(),
        "file": made.data.join(KEY_FILE).display().to_string(),
        "made": made.is_new,
    })
}

fn wrong(path: &Path, error: &fill::FillError) -> Failure {
    let hint = match error {
        fill::FillError::NoToml(_) | fill::FillError::NoList => {
            "compare it with the commented files under config/"
        }
        fill::FillError::Other { .. } => {
            "if the key was changed on purpose, set `key = \"\"` there and run this again"
        }
    };
    let message = format!("{}: {error}", path.display());
    Failure::new(Reason::Config, message, hint)
}

/// A key that cannot be used as a failure.
#[must_use]
pub fn key_failure(error: &KeyError) -> Failure {
    Failure::new(Reason::Config, error.to_string(), error.hint())
}
