//! The layers of a configuration, merged: flags over the environment, that over files, those over
//! what is built in. Every value remembers where it comes from, and an error names that place.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::ConfigError;
use super::keys::Key;

/// A place in a file; counted from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// The place of a byte of a file.
    #[must_use]
    pub fn of(path: &Path, text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[start..].chars().count() + 1;
        Self {
            path: path.to_owned(),
            line,
            column,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody said anything else.
    BuiltIn,
    /// A file.
    File(Place),
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => write!(f, "built-in"),
            Self::File(place) => write!(f, "{place}"),
            Self::Variable(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The value.
    pub value: Value,
    /// Its origin.
    pub origin: Origin,
}

/// A rule between values that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The key whose place is told.
    pub key: &'static str,
    /// The rule, with the values.
    pub rule: String,
}

/// A configuration that is read in layers.
pub trait Layered: DeserializeOwned {
    /// All keys.
    const KEYS: &'static [Key];
    /// What the names of its variables begin with.
    const PREFIX: &'static str;
    /// Whether every variable with the prefix must be a key.
    const OWN_PREFIX: bool;

    /// What is built in.
    fn built_in() -> Table;

    /// The rules between values.
    ///
    /// # Errors
    /// The first one that does not hold.
    fn rules(&self) -> Result<(), Broken>;
}

/// The layers above what is built in, as they were found.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Files; a later one wins.
    pub files: Vec<PathBuf>,
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// `KEY=VALUE` from `--set`.
    pub flags: Vec<String>,
}

/// All settings of one configuration by key, as far as somebody set them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// By the path of the key.
    pub by_key: BTreeMap<&'static str, Setting>,
}

impl Settings {
    /// Merges the layers.
    ///
    /// # Errors
    /// If a file cannot be read, a key is unknown, or a value has the wrong type.
    pub fn merge<T: Layered>(sources: &Sources) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        for key in T::KEYS {
            if let Some(value) = lookup(&T::built_in(), key.path) {
                settings.put(key, value, Origin::BuiltIn);
            }
        }
        for path in &sources.files {
            settings.add_file::<T>(path)?;
        }
        settings.add_variables::<T>(&sources.variables)?;
        for flag in &sources.flags {
            settings.add_flag::<T>(flag)?;
        }
        Ok(settings)
    }

    /// What the text of one file says, over what is built in. `path` is where it was found.
    ///
    /// # Errors
    /// As [`Settings::merge`].
    pub fn of_text<T: Layered>(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut settings = Self::merge::<T>(&Sources::default())?;
        settings.add_text_of::<T>(path, text)?;
        Ok(settings)
    }

    fn put(&mut self, key: &Key, value: Value, origin: Origin) {
        self.by_key.insert(key.path, Setting { value, origin });
    }

    fn add_file<T: Layered>(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        self.add_text_of::<T>(path, &text)
    }

    fn add_text_of<T: Layered>(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let file = File { path, text };
        let table = DeTable::parse(text).map_err(|error| file.wrong(&error))?;
        self.add_table::<T>(&file, table.get_ref(), "")
    }

    fn add_table<T: Layered>(
        &mut self,
        file: &File<'_>,
        table: &DeTable<'_>,
        above: &str,
    ) -> Result<(), ConfigError> {
        for (name, value) in table {
            let path = format!("{above}{}", name.get_ref());
            let below = format!("{path}.");
            let origin = Origin::File(file.place(name.span().start));
            if let Some(key) = T::KEYS.iter().find(|key| key.path == path) {
                let value = key.read(value).map_err(|error| file.wrong(&error))?;
                self.put(key, value, origin);
            } else if !T::KEYS.iter().any(|key| key.path.starts_with(&below)) {
                return Err(unknown::<T>(origin, &path));
            } else if let DeValue::Table(table) = value.get_ref() {
                self.add_table::<T>(file, table, &below)?;
            } else {
                let reason = format!("`{path}` must be a table, with [{path}] above its keys");
                return Err(ConfigError::Wrong { origin, reason });
            }
        }
        Ok(())
    }

    fn add_variables<T: Layered>(
        &mut self,
        variables: &[(OsString, OsString)],
    ) -> Result<(), ConfigError> {
        for (name, text) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(T::PREFIX)) else {
                continue;
            };
            let origin = Origin::Variable(name.to_owned());
            let found = T::KEYS.iter().find(|key| key.variable(T::PREFIX) == name);
            match found {
                Some(key) => self.add_text(key, text.to_str(), origin)?,
                None if T::OWN_PREFIX => return Err(unknown::<T>(origin, name)),
                None => {}
            }
        }
        Ok(())
    }

    fn add_flag<T: Layered>(&mut self, flag: &str) -> Result<(), ConfigError> {
        let (path, text) = flag.split_once('=').unwrap_or((flag, ""));
        let origin = Origin::Flag(format!("--set {path}"));
        match T::KEYS.iter().find(|key| key.path == path) {
            Some(key) => self.add_text(key, Some(text), origin),
            None => Err(unknown::<T>(origin, path)),
        }
    }

    fn add_text(
        &mut self,
        key: &Key,
        text: Option<&str>,
        origin: Origin,
    ) -> Result<(), ConfigError> {
        let value = match text {
            Some(text) => key.parse(text),
            None => Err("it is not UTF-8".to_owned()),
        };
        let value = value.map_err(|reason| ConfigError::Wrong {
            origin: origin.clone(),
            reason,
        })?;
        self.put(key, value, origin);
        Ok(())
    }

    /// The whole configuration.
    ///
    /// # Errors
    /// If something is missing or breaks a rule.
    pub fn config<T: Layered>(&self) -> Result<T, ConfigError> {
        if let Some(key) = T::KEYS
            .iter()
            .find(|key| key.required && !self.by_key.contains_key(key.path))
        {
            return Err(ConfigError::Missing {
                key: key.path,
                variable: key.variable(T::PREFIX),
            });
        }
        let mut table = Table::new();
        for (path, setting) in &self.by_key {
            place(&mut table, path, setting.value.clone());
        }
        // Each value has the type of its key, so this is a slip of ours, but never a panic.
        let config = T::deserialize(Value::Table(table)).map_err(|error| ConfigError::Wrong {
            origin: Origin::BuiltIn,
            reason: error.message().to_owned(),
        })?;
        config.rules().map_err(|broken| ConfigError::Rule {
            origin: self.origin(broken.key),
            rule: broken.rule,
        })?;
        Ok(config)
    }

    /// Where a key was set last.
    fn origin(&self, key: &str) -> Origin {
        self.by_key
            .get(key)
            .map_or(Origin::BuiltIn, |setting| setting.origin.clone())
    }
}

/// A file that is being read.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn place(&self, byte: usize) -> Place {
        Place::of(self.path, self.text, byte)
    }

    fn wrong(&self, error: &toml::de::Error) -> ConfigError {
        let byte = error.span().map_or(0, |span| span.start);
        ConfigError::Wrong {
            origin: Origin::File(self.place(byte)),
            reason: error.message().to_owned(),
        }
    }
}

/// What is wrong with the text of a file, with its place.
#[must_use]
pub fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    File { path, text }.wrong(error)
}

fn unknown<T: Layered>(origin: Origin, key: &str) -> ConfigError {
    let known: Vec<&str> = T::KEYS.iter().map(|key| key.path).collect();
    let reason = format!("unknown key `{key}`; the keys are {}", known.join(", "));
    ConfigError::Wrong { origin, reason }
}

fn lookup(table: &Table, path: &str) -> Option<Value> {
    match path.split_once('.') {
        None => table.get(path).cloned(),
        Some((first, rest)) => lookup(table.get(first)?.as_table()?, rest),
    }
}

fn place(table: &mut Table, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        table.insert(path.to_owned(), value);
        return;
    };
    let below = table
        .entry(first)
        .or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(below) = below {
        place(below, rest, value);
    }
}

/// The top-level keys of a file, if it is TOML.
#[must_use]
pub fn top_keys(text: &str) -> Vec<String> {
    let table = DeTable::parse(text).map(Spanned::into_inner);
    table.map_or_else(
        |_| Vec::new(),
        |table| table.keys().map(|key| key.get_ref().to_string()).collect(),
    )
}
