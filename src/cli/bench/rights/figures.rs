//! Figures of a run, and how they are told.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::RightsBench;
use crate::terminal::text::table;

/// A figure, with its unit and what it is of.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    pub(super) what: String,
}

/// What was measured of one store.
pub(super) struct Column {
    pub(super) store: &'static str,
    pub(super) figures: Vec<Figure>,
}

impl Column {
    pub(super) const fn new(store: &'static str) -> Self {
        let figures = Vec::new();
        Self { store, figures }
    }

    pub(super) fn push(
        &mut self,
        name: &'static str,
        value: f64,
        unit: &'static str,
        what: impl Into<String>,
    ) {
        self.figures.push(Figure {
            name,
            value,
            unit,
            what: what.into(),
        });
    }

    /// The wait of half of them, and of 99 of 100.
    pub(super) fn push_waits(
        &mut self,
        names: [&'static str; 2],
        waits: &mut [Duration],
        what: &str,
    ) {
        for (name, percent) in names.into_iter().zip([50, 99]) {
            self.push(name, percentile(waits, percent), "ms", what);
        }
    }
}

/// So long no more than so many of a hundred took, in milliseconds.
pub(super) fn percentile(waits: &mut [Duration], percent: usize) -> f64 {
    waits.sort_unstable();
    let place = (waits.len() * percent).div_ceil(100).saturating_sub(1);
    waits.get(place).copied().map_or(0.0, millis)
}

pub(super) fn millis(wait: Duration) -> f64 {
    wait.as_secs_f64() * 1e3
}

/// A line for each figure, a column for each store.
pub(super) fn text(columns: &[Column]) -> String {
    let mut lines: Vec<&Figure> = Vec::new();
    for figure in columns.iter().flat_map(|column| &column.figures) {
        if lines.iter().all(|line| line.name != figure.name) {
            lines.push(figure);
        }
    }
    let stores = columns.iter().map(|column| column.store);
    let head: Vec<&str> = ["figure"].into_iter().chain(stores).chain([""]).collect();
    let row = |line: &&Figure| {
        let told = columns.iter().map(|column| {
            let mut figures = column.figures.iter();
            let figure = figures.find(|figure| figure.name == line.name);
            figure.map_or_else(|| "-".to_owned(), |figure| number(figure.value))
        });
        let first = format!("{} [{}]", line.name, line.unit);
        let row = [first].into_iter().chain(told).chain([line.what.clone()]);
        row.collect()
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    table(&head, &rows)
}

fn number(value: f64) -> String {
    let places = if value < 100.0 { 1 } else { 0 };
    format!("{value:.places$}")
}

/// The same for programs.
pub(super) fn json(wishes: &RightsBench, etcd: Option<&str>, columns: &[Column]) -> Value {
    let figures = columns.iter().flat_map(|column| {
        let told = |figure: &Figure| {
            let Figure {
                name,
                value,
                unit,
                what,
            } = figure;
            let store = column.store;
            json!({ "store": store, "name": name, "value": value, "unit": unit, "what": what })
        };
        column.figures.iter().map(told)
    });
    json!({
        "clients": wishes.clients,
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "etcd": etcd,
        "figures": figures.collect::<Vec<Value>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_99_of_100_are_at_their_places() {
        let mut waits: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert!((percentile(&mut waits, 50) - 100.0).abs() < 1e-9);
        assert!((percentile(&mut waits, 99) - 198.0).abs() < 1e-9);
        assert!((percentile(&mut waits[..1], 99) - 1.0).abs() < 1e-9);
        assert!(percentile(&mut [], 50).abs() < 1e-9);
    }

    #[test]
    fn a_line_has_each_store_and_a_dash_where_nothing_was_measured() {
        let mut own = Column::new("own");
        own.push("look p50", 2.75, "ms", "looks");
        let mut etcd = Column::new("etcd");
        etcd.push("look p50", 123.4, "ms", "looks");
        etcd.push("etcd memory", 50.0, "MiB", "a member");
        let text = text(&[own, etcd]);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[1], ["look", "p50", "[ms]", "2.8", "123", "looks"]);
        assert_eq!(
            lines[2],
            ["etcd", "memory", "[MiB]", "-", "50.0", "a", "member"]
        );
    }
}
