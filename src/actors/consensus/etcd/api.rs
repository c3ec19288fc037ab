//! The words of etcd's gateway: transactions of the v3 API as JSON, keys and values in base64.
//!
//! Everything here is one transaction (`/v3/kv/txn`): compare one key, then put, delete and read.
//! One without a comparison that only reads is a linearizable read of one revision. Numbers of 64
//! bits are strings in this JSON, and fields with the value zero are left out.

use bytes::Bytes;
use data_encoding::BASE64;
use serde_json::{Value, json};
use thiserror::Error;

/// The path of a transaction.
pub(super) const TXN: &str = "/v3/kv/txn";

/// What a transaction depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    /// There is no such key.
    Absent(Vec<u8>),
    /// The key has this value.
    Is(Vec<u8>, Bytes),
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read a key.
    Get(Vec<u8>),
    /// Read the first so many keys from one on, before an end.
    Page {
        from: Vec<u8>,
        end: Vec<u8>,
        keys_max: u32,
    },
    /// Write a key.
    Put(Vec<u8>, Bytes),
    /// Delete keys from one on, before an end.
    Delete { from: Vec<u8>, end: Vec<u8> },
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: Vec<u8>,
    pub(super) value: Bytes,
}

/// What a transaction came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// Whether the comparison held.
    pub(super) held: bool,
    /// For each step what it read; nothing for one that reads nothing.
    pub(super) read: Vec<Vec<Pair>>,
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Trouble {
    /// No answer came.
    #[error("{0}")]
    Silent(String),
    /// etcd refused, in these words.
    #[error("status {0}: {1}")]
    Refused(u16, String),
    /// What came is no answer to a transaction.
    #[error("no answer of etcd")]
    Strange,
}

fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

fn step(step: &Step) -> Value {
    match step {
        Step::Get(key) => json!({ "request_range": { "key": base64(key) } }),
        Step::Page {
            from,
            end,
            keys_max,
        } => json!({ "request_range": {
            "key": base64(from), "range_end": base64(end), "limit": keys_max.to_string(),
            "sort_order": "ASCEND", "sort_target": "KEY",
        } }),
        Step::Put(key, value) => {
            json!({ "request_put": { "key": base64(key), "value": base64(value) } })
        }
        Step::Delete { from, end } => {
            json!({ "request_delete_range": { "key": base64(from), "range_end": base64(end) } })
        }
    }
}

/// The body of a transaction: `held` if the comparison holds or there is none, else `failed`.
pub(super) fn transaction(compare: Option<&Compare>, held: &[Step], failed: &[Step]) -> Bytes {
    let compare: Vec<Value> = compare
        .into_iter()
        .map(|compare| match compare {
            Compare::Absent(key) => json!({
                "key": base64(key), "target": "CREATE", "result": "EQUAL", "create_revision": "0",
            }),
            Compare::Is(key, value) => json!({
                "key": base64(key), "target": "VALUE", "result": "EQUAL", "value": base64(value),
            }),
        })
        .collect();
    let steps = |all: &[Step]| all.iter().map(step).collect::<Vec<Value>>();
    let body = json!({ "compare": compare, "success": steps(held), "failure": steps(failed) });
    body.to_string().into()
}

/// The answer to a transaction.
///
/// # Errors
/// If it is none.
pub(super) fn answer(status: u16, body: &[u8]) -> Result<Done, Trouble> {
    let value: Result<Value, _> = serde_json::from_slice(body);
    if status != 200 {
        let words = value.ok().and_then(|value| {
            let said = value.get("message").or_else(|| value.get("error"))?;
            Some(said.as_str()?.chars().take(200).collect())
        });
        return Err(Trouble::Refused(status, words.unwrap_or_default()));
    }
    let value = value.map_err(|_| Trouble::Strange)?;
    if !value.get("header").is_some_and(Value::is_object) {
        return Err(Trouble::Strange);
    }
    let responses = match value.get("responses") {
        None => &[][..],
        Some(list) => list.as_array().ok_or(Trouble::Strange)?,
    };
    let read: Option<Vec<Vec<Pair>>> = responses.iter().map(pairs).collect();
    Ok(Done {
        held: value.get("succeeded") == Some(&Value::Bool(true)),
        read: read.ok_or(Trouble::Strange)?,
    })
}

/// What one step read; none if it makes no sense.
fn pairs(response: &Value) -> Option<Vec<Pair>> {
    let Some(range) = response.get("response_range") else {
        return Some(Vec::new());
    };
    let Some(pairs) = range.get("kvs") else {
        return Some(Vec::new());
    };
    let pair = |pair: &Value| {
        let bytes = |name| match pair.get(name) {
            None => Some(Vec::new()),
            Some(text) => BASE64.decode(text.as_str()?.as_bytes()).ok(),
        };
        Some(Pair {
            key: bytes("key")?,
            value: bytes("value")?.into(),
        })
    };
    pairs.as_array()?.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_etcd_writes_them() {
        let body = br#"{"header":{"revision":"2"},"succeeded":true,"responses":[
            {"response_put":{"header":{"revision":"2"}}},
            {"response_range":{"header":{"revision":"2"},"kvs":[
                {"key":"cC9oZWFk","create_revision":"2","version":"1","value":"b25l"}]}},
            {"response_range":{"header":{"revision":"2"}}}]}"#;
        let done = answer(200, body).expect("an answer");
        let head = Pair {
            key: b"p/head".to_vec(),
            value: Bytes::from_static(b"one"),
        };
        assert!(done.held);
        assert_eq!(done.read, [vec![], vec![head], vec![]]);
        let failed = answer(200, br#"{"header":{}}"#).expect("an answer");
        assert!(!failed.held && failed.read.is_empty());
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let error = br#"{"error":"etcdserver: no leader","message":"etcdserver: no leader"}"#;
        let refused = Trouble::Refused(503, "etcdserver: no leader".into());
        assert_eq!(answer(503, error), Err(refused));
        assert_eq!(
            answer(404, b"<html>"),
            Err(Trouble::Refused(404, String::new()))
        );
        for strange in [
            &b""[..],
            b"{}",
            b"[]",
            br#"{"header":{},"responses":1}"#,
            br#"{"header":{},"responses":[{"response_range":{"kvs":[{"key":"?"}]}}]}"#,
            br#"{"header":{},"responses":[{"response_range":{"kvs":[{"key":7}]}}]}"#,
        ] {
            assert_eq!(answer(200, strange), Err(Trouble::Strange));
        }
    }

    #[test]
    fn a_transaction_is_what_the_gateway_expects() {
        let held = [Step::Put(b"a".to_vec(), Bytes::from_static(b"b"))];
        let failed = [Step::Get(b"a".to_vec())];
        let body = transaction(Some(&Compare::Absent(b"a".to_vec())), &held, &failed);
        let value: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(value["compare"][0]["target"], "CREATE");
        assert_eq!(value["compare"][0]["create_revision"], "0");
        assert_eq!(value["success"][0]["request_put"]["value"], "Yg==");
        assert_eq!(value["failure"][0]["request_range"]["key"], "YQ==");
    }
}
