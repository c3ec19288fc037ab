//! Where the ledger of strict grants lies.

use serde::{Deserialize, Serialize};

use super::layers::Broken;
use crate::actors::consensus::EtcdConfig;

/// Orders that may be kept.
const HISTORY: core::ops::RangeInclusive<u32> = 100..=500_000;
/// Endpoints of one etcd cluster at the most.
const ENDPOINTS_MAX: usize = 9;
/// Length of a prefix at the most, in bytes.
const PREFIX_MAX_BYTES: usize = 128;

/// Who keeps the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LedgerStore {
    /// The servers, on their own disks.
    Embedded,
    /// An etcd that somebody runs.
    Etcd,
}

/// The ledger. The same on all servers of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfig {
    /// Who keeps it.
    pub store: LedgerStore,
    /// Members of the etcd cluster, as `http://HOST:PORT`. 1 to 9 for the store `etcd`.
    pub endpoints: Vec<String>,
    /// All keys in etcd begin with it and a `/`. Letters, digits, `-`, `_`, `.` and `/`.
    pub prefix: String,
    /// Orders that servers keep behind a state that they wrote down, 100 to 500,000: so far may
    /// another one be behind without being sent the whole state. With the store `etcd` of no
    /// effect.
    pub history: u32,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            store: LedgerStore::Embedded,
            endpoints: Vec::new(),
            prefix: "pentimento".into(),
            history: 1_000,
        }
    }
}

impl LedgerConfig {
    /// How etcd is used; none if the servers keep the ledger.
    #[must_use]
    pub fn etcd(&self) -> Option<EtcdConfig> {
        let of_etcd = || EtcdConfig::lan(self.endpoints.len(), self.prefix.clone());
        (self.store == LedgerStore::Etcd).then(of_etcd)
    }

    /// The endpoints that are asked: none if the servers keep the ledger.
    #[must_use]
    pub fn asked(&self) -> &[String] {
        match self.store {
            LedgerStore::Embedded => &[],
            LedgerStore::Etcd => &self.endpoints,
        }
    }

    pub(super) fn rules(&self) -> Result<(), Broken> {
        let broken = |key, rule| Err(Broken { key, rule });
        let count = self.endpoints.len();
        if self.store == LedgerStore::Etcd && !(1..=ENDPOINTS_MAX).contains(&count) {
            return broken(
                "ledger.endpoints",
                format!(
                    "ledger.store = \"etcd\" with {count} endpoints, there must be 1 to \
                     {ENDPOINTS_MAX}"
                ),
            );
        }
        if let Some(wrong) = self.endpoints.iter().find(|url| !is_endpoint(url)) {
            return broken(
                "ledger.endpoints",
                format!("{wrong:?} is no endpoint, write http://HOST:PORT"),
            );
        }
        if !is_prefix(&self.prefix) {
            return broken(
                "ledger.prefix",
                format!(
                    "{:?} is no prefix: 1 to {PREFIX_MAX_BYTES} letters, digits, -, _, . and /, \
                     no / at the ends",
                    self.prefix
                ),
            );
        }
        if !HISTORY.contains(&self.history) {
            let (least, most) = (HISTORY.start(), HISTORY.end());
            return broken(
                "ledger.history",
                format!("{} orders, there must be {least} to {most}", self.history),
            );
        }
        Ok(())
    }
}

fn is_endpoint(url: &str) -> bool {
    let Some((host, port)) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.rsplit_once(':'))
    else {
        return false;
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '[' | ']' | ':');
    !host.is_empty() && host.chars().all(is_host) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_prefix(prefix: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (1..=PREFIX_MAX_BYTES).contains(&prefix.len())
        && prefix.chars().all(fits)
        && !prefix.starts_with('/')
        && !prefix.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etcd(endpoints: &[&str], prefix: &str) -> LedgerConfig {
        LedgerConfig {
            store: LedgerStore::Etcd,
            endpoints: endpoints.iter().map(|&url| url.to_owned()).collect(),
            prefix: prefix.to_owned(),
            ..LedgerConfig::default()
        }
    }

    #[test]
    fn etcd_needs_endpoints_and_a_prefix_that_can_be_a_key() {
        let good = etcd(&["http://127.0.0.1:2379", "http://[::1]:2379"], "a/b-1");
        assert!(good.rules().is_ok());
        assert_eq!(good.etcd().map(|etcd| etcd.endpoints), Some(2));
        for wrong in [
            "127.0.0.1:2379",
            "https://a:1",
            "http://a",
            "http://:1",
            "http://a:0",
            "http://a:1/x",
            "http://a b:1",
            "http://user@a:1",
        ] {
            assert!(etcd(&[wrong], "p").rules().is_err(), "{wrong}");
        }
        for wrong in ["", "/", "/a", "a/", "a b", "\u{e9}", &"a".repeat(129)] {
            assert!(etcd(&["http://a:1"], wrong).rules().is_err(), "{wrong}");
        }
        assert!(etcd(&[], "p").rules().is_err());
        assert!(etcd(&["http://a:1"; 9], "p").rules().is_ok());
        assert!(etcd(&["http://a:1"; 10], "p").rules().is_err());
    }

    #[test]
    fn servers_keep_it_themselves_unless_they_are_told() {
        let default = LedgerConfig::default();
        assert!(default.rules().is_ok() && default.etcd().is_none());
        assert!(default.asked().is_empty());
    }

    #[test]
    fn a_history_is_neither_too_short_nor_too_long() {
        for (history, is_good) in [(99, false), (100, true), (500_000, true), (500_001, false)] {
            let config = LedgerConfig {
                history,
                ..LedgerConfig::default()
            };
            assert_eq!(config.rules().is_ok(), is_good, "{history}");
        }
    }
}
