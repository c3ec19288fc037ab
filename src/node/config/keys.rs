//! The keys of a configuration: their names, their types, and how each is written in a file, a
//! variable of the environment or a flag. The checks of single values; rules between values are
//! with the configurations.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;
use toml::Value;
use toml::de::{DeValue, Error, ValueDeserializer};

use super::{LedgerStore, ServerAddress};

/// How a value is written where there is only text: in a variable or a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is: paths, names, addresses.
    Text,
    /// As in a file: numbers, `true` and `false`.
    Literal,
    /// `ID=CLIENTS/PEERS/KEY`, several with commas between them.
    Servers,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it stands in a file: tables and name, with dots between them.
    pub path: &'static str,
    /// Whether nothing works without it.
    pub required: bool,
    kind: Kind,
    check: fn(Spanned<DeValue<'_>>) -> Result<(), Error>,
}

/// The keys of a server.
pub const SERVER: &[Key] = &[
    key::<u8>("id", Kind::Literal).required(),
    key::<PathBuf>("data", Kind::Text).required(),
    key::<PathBuf>("covers", Kind::Text),
    key::<SocketAddr>("admin", Kind::Text),
    key::<bool>("token.on", Kind::Literal),
    key::<bool>("token.announced", Kind::Literal),
    key::<u32>("token.hold_min_ms", Kind::Literal),
    key::<u32>("token.hold_max_ms", Kind::Literal),
    key::<u64>("token.pause_ms", Kind::Literal),
    key::<usize>("work.threads", Kind::Literal),
    key::<usize>("work.waiting_max", Kind::Literal),
    key::<bool>("work.draw_ahead", Kind::Literal),
    key::<LedgerStore>("ledger.store", Kind::Text),
    key::<Vec<String>>("ledger.endpoints", Kind::Literal),
    key::<String>("ledger.prefix", Kind::Text),
    key::<u32>("ledger.history", Kind::Literal),
    key::<Vec<ServerAddress>>("server", Kind::Servers).required(),
];

/// The keys of a client.
pub const CLIENT: &[Key] = &[
    key::<String>("name", Kind::Text).required(),
    key::<PathBuf>("home", Kind::Text),
    key::<SocketAddr>("listen", Kind::Text),
    key::<bool>("local_addresses", Kind::Literal),
    key::<Vec<ServerAddress>>("server", Kind::Servers).required(),
];

const fn key<T: for<'de> Deserialize<'de>>(path: &'static str, kind: Kind) -> Key {
    Key {
        path,
        required: false,
        kind,
        check: is::<T>,
    }
}

fn is<T: for<'de> Deserialize<'de>>(value: Spanned<DeValue<'_>>) -> Result<(), Error> {
    T::deserialize(ValueDeserializer::from(value)).map(|_| ())
}

impl Key {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Its variable: `token.on` is `PENTIMENTO_NODE__TOKEN__ON` below `PENTIMENTO_NODE__`.
    #[must_use]
    pub fn variable(&self, prefix: &str) -> String {
        let path = if self.path == "server" {
            "servers"
        } else {
            self.path
        };
        format!("{prefix}{}", path.replace('.', "__").to_uppercase())
    }

    /// A value from a file.
    ///
    /// # Errors
    /// If it has another type than the key; the error knows where.
    pub fn read(&self, value: &Spanned<DeValue<'_>>) -> Result<Value, Error> {
        (self.check)(value.clone())?;
        Value::deserialize(ValueDeserializer::from(value.clone()))
    }

    /// A value from text.
    ///
    /// # Errors
    /// If the text is none, with what is wrong.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let said = |error: Error| error.message().to_owned();
        let value = match self.kind {
            Kind::Text => Spanned::new(0..text.len(), DeValue::String(text.into())),
            Kind::Literal => DeValue::parse(text).map_err(said)?,
            Kind::Servers => {
                let list = servers(text)?;
                let value = DeValue::parse(&list).map_err(said)?;
                return self.read(&value).map_err(said);
            }
        };
        self.read(&value).map_err(said)
    }
}

/// `1=127.0.0.1:4101/127.0.0.1:4201/KEY,2=...` as TOML.
fn servers(text: &str) -> Result<String, String> {
    let one = |text: &str| {
        let (id, rest) = text.split_once('=')?;
        let (clients, rest) = rest.split_once('/')?;
        let (peers, key) = rest.split_once('/')?;
        let plain = |part: &str| !part.contains(['"', '\\', '\n', '{', '}']);
        let addresses = format!("clients = \"{clients}\", peers = \"{peers}\"");
        [id, clients, peers, key]
            .iter()
            .all(|part| plain(part))
            .then(|| format!("{{ id = {id}, {addresses}, key = \"{key}\" }}"))
    };
    let list: Option<Vec<String>> = text.split(',').map(|text| one(text.trim())).collect();
    list.map(|list| format!("[{}]", list.join(", ")))
        .ok_or_else(|| "write ID=CLIENTS/PEERS/KEY, with commas between servers".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(keys: &[Key], path: &str) -> Key {
        *keys.iter().find(|key| key.path == path).expect("a key")
    }

    #[test]
    fn variables_are_named_after_their_keys() {
        let on = find(SERVER, "token.on").variable("PENTIMENTO_NODE__");
        assert_eq!(on, "PENTIMENTO_NODE__TOKEN__ON");
        let servers = find(CLIENT, "server").variable("PENTIMENTO_");
        assert_eq!(servers, "PENTIMENTO_SERVERS");
    }

    #[test]
    fn text_becomes_a_value_of_the_type_of_its_key() {
        let on = find(SERVER, "token.on");
        assert_eq!(on.parse("true"), Ok(Value::Boolean(true)));
        assert!(on.parse("yes").is_err() && on.parse("1").is_err());
        assert!(find(SERVER, "id").parse("256").is_err());
        let data = find(SERVER, "data");
        assert_eq!(data.parse("12"), Ok(Value::String("12".into())));
        assert!(find(CLIENT, "listen").parse("nowhere").is_err());
    }

    #[test]
    fn servers_are_written_in_one_line() {
        let key = find(CLIENT, "server");
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let text = format!("1=127.0.0.1:1/127.0.0.1:2/{one}, 2=[::1]:3/[::1]:4/{two}");
        let value = key.parse(&text);
        let list = value.expect("two servers");
        let list = Vec::<ServerAddress>::deserialize(list).expect("addresses");
        assert_eq!((list[0].id, list[1].peers.port()), (1, 4));
        assert_eq!(list[1].key.to_string(), two);
        let no_key = "1=127.0.0.1:1/127.0.0.1:2";
        for wrong in [
            "",
            "1",
            "1=127.0.0.1:1",
            no_key,
            "x=a/b/c",
            "1=127.0.0.1:1/\"}]/c",
        ] {
            assert!(key.parse(wrong).is_err(), "{wrong}");
        }
    }
}
