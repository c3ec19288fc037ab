//! An etcd as a map, which understands the JSON that its gateway does. Its keys may be changed by
//! whoever likes.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::BASE64;
use serde_json::{Value, json};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) rows: BTreeMap<Vec<u8>, Vec<u8>>,
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    let text = value[name].as_str().expect("a string");
    BASE64.decode(text.as_bytes()).expect("base64")
}

impl Model {
    /// Carries out a transaction; its answer.
    pub(super) fn carry_out(&mut self, body: &[u8]) -> Bytes {
        let asked: Value = serde_json::from_slice(body).expect("JSON");
        let compares = asked["compare"].as_array().expect("a list");
        let held = compares.iter().all(|one| self.holds(one));
        let steps = &asked[if held { "success" } else { "failure" }];
        let steps = steps.as_array().expect("a list");
        let responses: Vec<Value> = steps.iter().map(|step| self.step(step)).collect();
        let answer = json!({ "header": {}, "succeeded": held, "responses": responses });
        answer.to_string().into()
    }

    fn holds(&self, compare: &Value) -> bool {
        let row = self.rows.get(&bytes(compare, "key"));
        match compare["target"].as_str() {
            Some("CREATE") => row.is_none(),
            Some("VALUE") => row.is_some_and(|row| *row == bytes(compare, "value")),
            other => panic!("no comparison of ours: {other:?}"),
        }
    }

    fn step(&mut self, step: &Value) -> Value {
        if let Some(put) = step.get("request_put") {
            self.rows.insert(bytes(put, "key"), bytes(put, "value"));
            return json!({ "response_put": {} });
        }
        if let Some(delete) = step.get("request_delete_range") {
            let (from, end) = (bytes(delete, "key"), bytes(delete, "range_end"));
            self.rows.retain(|key, _| *key < from || *key >= end);
            return json!({ "response_delete_range": {} });
        }
        let range = &step["request_range"];
        let from = bytes(range, "key");
        let mut pairs: Vec<(&Vec<u8>, &Vec<u8>)> = match range.get("range_end") {
            None => self.rows.get_key_value(&from).into_iter().collect(),
            Some(_) => self.rows.range(from..bytes(range, "range_end")).collect(),
        };
        if let Some(limit) = range.get("limit") {
            pairs.truncate(limit.as_str().expect("text").parse().expect("a number"));
        }
        let pair = |(key, value): (&Vec<u8>, &Vec<u8>)| {
            let (key, value) = (BASE64.encode(key), BASE64.encode(value));
            json!({ "key": key, "value": value })
        };
        let found: Vec<Value> = pairs.into_iter().map(pair).collect();
        json!({ "response_range": { "kvs": found } })
    }
}
