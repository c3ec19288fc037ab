//! Encodings beside each other on the messages that this program really sends: size, and time to
//! encode and decode.
//!
//! Ours is `proto::codec`, bincode with its limits checked; the others are called as plainly as
//! they can be. Every time is the best of several batches: other work on the machine only ever
//! makes a batch slower.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::table::Table;
use crate::cli::failure::Ended;
use crate::cli::output::Output;
use crate::cli::render::Said;
use crate::proto::codec;
use crate::proto::limits::MESSAGE_MAX_BYTES;

mod messages;

/// Batches of which the best counts.
const BATCHES: u32 = 7;
/// What a batch takes, about.
const BATCH: Duration = Duration::from_millis(4);

/// An encoding.
#[derive(Clone, Copy)]
enum Codec {
    Ours,
    Postcard,
    MessagePack,
    Cbor,
    Json,
}

impl Codec {
    const ALL: [Self; 5] = [
        Self::Ours,
        Self::Postcard,
        Self::MessagePack,
        Self::Cbor,
        Self::Json,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "bincode 2.0.1 (ours)",
            Self::Postcard => "postcard",
            Self::MessagePack => "MessagePack",
            Self::Cbor => "CBOR",
            Self::Json => "JSON",
        }
    }

    fn encode<T: Serialize>(self, value: &T) -> Option<Vec<u8>> {
        match self {
            Self::Ours => Some(codec::encode(value)),
            Self::Postcard => postcard::to_stdvec(value).ok(),
            Self::MessagePack => rmp_serde::to_vec(value).ok(),
            Self::Cbor => {
                let mut bytes = Vec::new();
                ciborium::into_writer(value, &mut bytes).ok()?;
                Some(bytes)
            }
            Self::Json => serde_json::to_vec(value).ok(),
        }
    }

    fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Option<T> {
        match self {
            Self::Ours => codec::decode(bytes, MESSAGE_MAX_BYTES).ok(),
            Self::Postcard => postcard::from_bytes(bytes).ok(),
            Self::MessagePack => rmp_serde::from_slice(bytes).ok(),
            Self::Cbor => ciborium::from_reader(bytes).ok(),
            Self::Json => serde_json::from_slice(bytes).ok(),
        }
    }
}

/// A message in one encoding; none if it does not come out as it went in.
struct Cell {
    size_bytes: usize,
    encode_ns: f64,
    decode_ns: f64,
}

/// A message in all of them.
pub(super) struct Row {
    message: &'static str,
    cells: Vec<Option<Cell>>,
}

/// Measures a message.
fn row<T>(message: &'static str, value: &T) -> Row
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let cells = Codec::ALL.iter().map(|codec| cell(*codec, value)).collect();
    Row { message, cells }
}

fn cell<T>(codec: Codec, value: &T) -> Option<Cell>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let encoded = codec.encode(value)?;
    if codec.decode::<T>(&encoded)? != *value {
        return None;
    }
    Some(Cell {
        size_bytes: encoded.len(),
        encode_ns: best_ns(|| drop(black_box(codec.encode(black_box(value))))),
        decode_ns: best_ns(|| drop(black_box(codec.decode::<T>(black_box(&encoded))))),
    })
}

/// What one call takes in the best batch.
#[expect(
    clippy::disallowed_methods,
    reason = "a program that tells how long things take"
)]
fn best_ns(mut call: impl FnMut()) -> f64 {
    let mut calls = 1u32;
    let mut best = f64::INFINITY;
    let mut batches = 0;
    while batches < BATCHES {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        let took = start.elapsed();
        // Until it is known how many calls make a batch. One call that is held up makes none.
        if took < BATCH / 2 && calls < 1 << 24 {
            calls *= 2;
            continue;
        }
        best = best.min(took.as_secs_f64() * 1e9 / f64::from(calls));
        batches += 1;
    }
    best
}

/// Measures all messages in all encodings.
pub(super) fn measure() -> Vec<Row> {
    messages::rows()
}

/// Measures and tells.
pub(super) fn run(output: Output) -> Ended {
    let rows = measure();
    let told = tables(&rows);
    let text: Vec<String> = told
        .iter()
        .map(|(title, table)| format!("{title}\n{}", table.text()))
        .collect();
    output.say(&Said {
        text: text.join("\n\n"),
        json: json!({ "formats": json(&rows) }),
    });
    Ok(0)
}

/// Size, encoding and decoding; in brackets in how many times ours.
pub(super) fn tables(rows: &[Row]) -> [(&'static str, Table); 3] {
    let size = |size: f64| format!("{size:.0}");
    [
        (
            "Size in bytes",
            table(rows, |cell| cell.size_bytes as f64, size),
        ),
        ("Encoding", table(rows, |cell| cell.encode_ns, time)),
        ("Decoding", table(rows, |cell| cell.decode_ns, time)),
    ]
}

fn table(rows: &[Row], figure: impl Fn(&Cell) -> f64, text: impl Fn(f64) -> String) -> Table {
    let row = |row: &Row| {
        let ours = row.cells.first().and_then(Option::as_ref).map(&figure);
        let told = row.cells.iter().enumerate().map(|(place, cell)| {
            match (cell.as_ref().map(&figure), ours) {
                (None, _) => "does not come back".to_owned(),
                (Some(value), Some(ours)) if place > 0 => {
                    format!("{} ({:.2})", text(value), value / ours)
                }
                (Some(value), _) => text(value),
            }
        });
        [row.message.to_owned()].into_iter().chain(told).collect()
    };
    Table {
        head: ["message"]
            .into_iter()
            .chain(Codec::ALL.map(Codec::name))
            .collect(),
        rows: rows.iter().map(row).collect(),
    }
}

/// For programs.
pub(super) fn json(rows: &[Row]) -> Value {
    let cells = rows.iter().flat_map(|row| {
        let pairs = Codec::ALL.iter().zip(&row.cells);
        pairs.filter_map(|(codec, cell)| {
            let cell = cell.as_ref()?;
            Some(json!({
                "message": row.message,
                "format": codec.name(),
                "size_bytes": cell.size_bytes,
                "encode_ns": cell.encode_ns.round(),
                "decode_ns": cell.decode_ns.round(),
            }))
        })
    });
    cells.collect()
}

fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos >= 1e6 => format!("{:.2} ms", nanos / 1e6),
        nanos if nanos >= 1e3 => format!("{:.2} us", nanos / 1e3),
        nanos => format!("{nanos:.0} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_in_every_encoding_and_ours_is_not_larger_than_json() {
        let rows = measure();
        assert!(rows.len() > 5);
        for Row { message, cells } in rows {
            let sizes = cells
                .iter()
                .map(|cell| cell.as_ref().expect(message).size_bytes);
            let sizes: Vec<usize> = sizes.collect();
            assert!(sizes[0] < sizes[4], "{message}: {sizes:?}");
        }
    }

    #[test]
    fn what_does_not_come_back_is_told() {
        let cell = |size_bytes| Cell {
            size_bytes,
            encode_ns: 5e6,
            decode_ns: 1.0,
        };
        let row = Row {
            message: "Ask",
            cells: vec![Some(cell(10)), None, Some(cell(25)), None, None],
        };
        let [(_, size), (_, encode), _] = tables(&[row]);
        assert_eq!(
            size.rows[0][1..4],
            ["10", "does not come back", "25 (2.50)"]
        );
        assert_eq!(encode.rows[0][1], "5.00 ms");
    }
}
