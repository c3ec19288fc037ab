//! Shows and checks configurations: every value that counts, where it comes from, what is wrong.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::args::{ConfigVerb, Global, Role};
use super::entry;
use super::failure::Ended;
use super::output::Output;
use super::render::Said;
use crate::node::config::keys::Key;
use crate::node::config::layers::{Layered, Origin, Settings, Sources, top_keys};
use crate::node::config::{ClientConfig, ConfigError, ServerConfig};
use crate::proto::control::Failure;
use crate::talk::home;
use crate::terminal::text::table;

/// Does a command about the configuration.
///
/// # Errors
/// If the configuration is wrong, with the place of the mistake.
pub fn run(output: Output, global: &Global, verb: &ConfigVerb) -> Ended {
    match verb {
        ConfigVerb::Show { origins, role } => {
            let sources = sources(global, *role);
            let said = match role {
                Role::Server => show::<ServerConfig>(&sources, *origins),
                Role::Client => show::<ClientConfig>(&sources, *origins),
            };
            output.say(&said.map_err(|error| home::config_failure(&error))?);
        }
        ConfigVerb::Check { file, role } => {
            let role = role.unwrap_or_else(|| guess(file.as_ref().or(global.config.as_ref())));
            let sources = match file {
                Some(file) => Sources {
                    files: vec![file.clone()],
                    ..Sources::default()
                },
                None => sources(global, role),
            };
            check(role, &sources)?;
            let files: Vec<String> = sources.files.iter().map(|path| shown(path)).collect();
            let whose = role_word(role);
            output.line(
                format!("ok: the configuration of a {whose}, {}", files.join(", ")),
                json!({ "role": whose, "files": files }),
            );
        }
    }
    Ok(0)
}

/// Whether the layers make a configuration of this role.
///
/// # Errors
/// The first mistake.
pub fn check(role: Role, sources: &Sources) -> Result<(), Failure> {
    let checked = match role {
        Role::Server => Settings::merge::<ServerConfig>(sources)
            .and_then(|settings| settings.config::<ServerConfig>().map(|_| ())),
        Role::Client => Settings::merge::<ClientConfig>(sources)
            .and_then(|settings| settings.config::<ClientConfig>().map(|_| ())),
    };
    checked.map_err(|error| home::config_failure(&error))
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Client => "client",
    }
}

fn sources(global: &Global, role: Role) -> Sources {
    match role {
        Role::Server => entry::given(global).sources(),
        Role::Client => home::sources(&entry::home(global)),
    }
}

/// A file with an id is a server's.
fn guess(file: Option<&PathBuf>) -> Role {
    let keys = file.and_then(|path| std::fs::read_to_string(path).ok());
    let keys = keys.map(|text| top_keys(&text)).unwrap_or_default();
    if keys.iter().any(|key| key == "id" || key == "data") {
        Role::Server
    } else {
        Role::Client
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn show<T: Layered>(sources: &Sources, origins: bool) -> Result<Said, ConfigError> {
    let settings = Settings::merge::<T>(sources)?;
    let rows: Vec<Vec<String>> = T::KEYS
        .iter()
        .map(|key| {
            let (value, origin) = settings.by_key.get(key.path).map_or_else(
                || (unset(key).to_owned(), String::new()),
                |setting| (setting.value.to_string(), setting.origin.to_string()),
            );
            let mut row = vec![key.path.to_owned(), value];
            if origins {
                row.push(origin);
            }
            row
        })
        .collect();
    let head: &[&str] = if origins {
        &["key", "value", "from"]
    } else {
        &["key", "value"]
    };
    let json = T::KEYS.iter().map(|key| {
        let setting = settings.by_key.get(key.path);
        json!({
            "key": key.path,
            "variable": key.variable(T::PREFIX),
            "value": setting.map(|setting| &setting.value),
            "origin": setting.map(|setting| origin(&setting.origin)),
        })
    });
    Ok(Said {
        text: table(head, &rows),
        json: json.collect(),
    })
}

fn unset(key: &Key) -> &'static str {
    if key.required {
        "(missing)"
    } else {
        "(not set)"
    }
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::BuiltIn => json!({ "kind": "built_in" }),
        Origin::File(place) => json!({
            "kind": "file",
            "path": shown(&place.path),
            "line": place.line,
            "column": place.column,
        }),
        Origin::Variable(name) => json!({ "kind": "environment", "name": name }),
        Origin::Flag(name) => json!({ "kind": "flag", "name": name }),
    }
}
