//! What etcd promises, as a map: transactions happen one after another, whole or not at all. It
//! understands the JSON that the gateway does, so what it is asked is what etcd is asked.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::BASE64;
use serde_json::{Value, json};

#[derive(Clone, Debug, Default)]
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
        let held = asked["compare"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|one| self.holds(one));
        let steps = &asked[if held { "success" } else { "failure" }];
        let steps = steps.as_array().expect("a list");
        let responses: Vec<Value> = steps.iter().map(|step| self.step(step)).collect();
        let answer = json!({ "header": {}, "succeeded": held, "responses": responses });
        answer.to_string().into()
    }

    fn holds(&self, compare: &Value) -> bool {
        assert_eq!(compare["result"], "EQUAL");
        let row = self.rows.get(&bytes(compare, "key"));
        match compare["target"].as_str() {
            Some("CREATE") => row.is_none(),
            Some("VALUE") => row.is_some_and(|row| *row == bytes(compare, "value")),
            other => panic!("{other:?}"),
        }
    }

    fn step(&mut self, step: &Value) -> Value {
        if let Some(put) = step.get("request_put") {
            let (key, value) = (bytes(put, "key"), bytes(put, "value"));
            assert!(value.len() < 1_500_000);
            self.rows.insert(key, value);
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
        let mut found = Vec::new();
        for (key, value) in pairs {
            let (key, value) = (BASE64.encode(key), BASE64.encode(value));
            found.push(json!({ "key": key, "value": value }));
        }
        let pairs = Value::Array(found);
        json!({ "response_range": { "kvs": pairs } })
    }
}
