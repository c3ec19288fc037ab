//! Configurations of servers and clients: text that a person wrote, or a person's enemy. It is
//! refused with a place and a reason, or gives values that keep their rules.
//!
//! The first byte tells for whom it is and how it comes: as a file, as a flag, or in a variable.

use std::collections::BTreeMap;
use std::path::Path;

use pentimento::node::config::layers::{Layered, Settings, Sources, top_keys};
use pentimento::node::config::{ClientConfig, ConfigError, ServerConfig, fill};
use pentimento::proto::identity::PublicKey;
use pentimento::proto::limits::SERVERS_MAX;

/// See the module.
pub fn run(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else {
        return;
    };
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match kind % 8 {
        0..3 => {
            if let Some(config) = of_file::<ServerConfig>(text) {
                let servers = &config.servers;
                assert!((1..=SERVERS_MAX).contains(&servers.len()));
                assert!(servers.contains(&config.own()));
                assert_eq!(config.others().count(), servers.len() - 1);
                assert!(config.token.hold_min_ms <= config.token.hold_max_ms);
                assert!(config.work.waiting_max <= 10_000 && config.work.threads() > 0);
                let _ = (config.covers(), config.ledger.etcd(), config.ledger.asked());
            }
        }
        3 | 4 => {
            if let Some(config) = of_file::<ClientConfig>(text) {
                assert!((1..=SERVERS_MAX).contains(&config.servers.len()));
                let _ = config.home();
            }
        }
        5 => filled(text),
        6 => layered::<ServerConfig>(text),
        _ => layered::<ClientConfig>(text),
    }
}

fn of_file<T: Layered>(text: &str) -> Option<T> {
    let path = Path::new("some.toml");
    let read = Settings::of_text::<T>(path, text).and_then(|settings| settings.config());
    if let Err(error) = &read {
        let told = error.to_string();
        let has_place = told.contains("some.toml:") || told.contains("built-in");
        assert!(
            has_place || matches!(error, ConfigError::Missing { .. }),
            "{told}"
        );
    }
    read.ok()
}

/// Keys are put into the list of servers, and nothing else is changed.
fn filled(text: &str) {
    let _ = (top_keys(text), fill::own(text));
    let keys: BTreeMap<u8, PublicKey> = (1..4).map(|id| (id, PublicKey([id; 32]))).collect();
    if let Ok(filled) = fill::fill(text, &keys) {
        assert!(filled.len() >= text.len());
        let again = fill::fill(&filled, &keys).expect("what was filled in is read");
        assert_eq!(again, filled, "once is enough");
    }
}

/// `KEY=VALUE` lines as flags and as variables, alone and over each other.
fn layered<T: Layered>(text: &str) {
    let name = |line: &str| {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        (format!("{}{key}", T::PREFIX).into(), value.into())
    };
    let sources = Sources {
        files: Vec::new(),
        variables: text
            .lines()
            .filter(|line| line.len() % 2 == 0)
            .map(name)
            .collect(),
        flags: text.lines().map(str::to_owned).collect(),
    };
    let merged = Settings::merge::<T>(&sources);
    let read = merged.and_then(|settings| settings.config::<T>());
    if let Err(error) = read {
        assert!(!error.to_string().is_empty());
    }
}
