//! Tells the tables, as Markdown and as JSON.

use std::fmt::Write;

use crate::peers::ALL;
use crate::run::{Row, Table, median};
use crate::tunnel::Told;

/// A table as Markdown. A column in which nobody has anything is left out.
pub(crate) fn markdown(table: &Table) -> String {
    let mut text = format!("\n### {} (`{}`)\n\n", table.title, table.name);
    if let Some(link) = table.link {
        let _ = writeln!(text, "`{link}`{}\n", exactness(table));
    }
    let named = |name: &&str| table.rows.iter().find(|row| row.peer == **name);
    let yardsticks = if table.link.is_some() {
        FAR_YARDSTICKS
    } else {
        YARDSTICKS
    };
    let yardstick = yardsticks.iter().find_map(named);
    let rows: Vec<_> = table
        .rows
        .iter()
        .map(|row| cells(table, row, yardstick))
        .collect();
    let is_told = |column: &usize| rows.iter().any(|cells| cells[*column] != NOTHING);
    let columns: Vec<usize> = (0..COLUMNS.len()).filter(is_told).collect();
    let mut line = |cells: &[&str]| {
        let told: Vec<&str> = columns.iter().map(|column| cells[*column]).collect();
        let _ = writeln!(text, "| {} |", told.join(" | "));
    };
    let name = yardstick.map_or(NOTHING, |row| row.peer.as_str());
    let [time, cpu] = ["time", "CPU"].map(|what| format!("{what} / {name}"));
    let mut heads = COLUMNS;
    (heads[TIME_RATIO], heads[CPU_RATIO]) = (&time, &cpu);
    line(&heads);
    line(&["---"; COLUMNS.len()]);
    for cells in &rows {
        line(&cells.each_ref().map(String::as_str));
    }
    for row in &table.rows {
        if let Some(fault) = &row.fault {
            let _ = writeln!(text, "\n{}: {fault}", row.peer);
        }
    }
    text
}

const NOTHING: &str = "-";
/// Ratios are told against the first of these that took part; on a link its CUBIC is no measure.
const YARDSTICKS: [&str; 2] = ["quinn", "quinn-bbr"];
const FAR_YARDSTICKS: [&str; 2] = ["quinn-bbr", "quinn"];
const TIME_RATIO: usize = 4;
const CPU_RATIO: usize = 6;
const COLUMNS: [&str; 10] = [
    "peer",
    "median ms",
    "best ms",
    "rate",
    "",
    "CPU s/GB",
    "",
    "peak MB client, server",
    "dropped",
    "part",
];

fn cells(table: &Table, row: &Row, yardstick: Option<&Row>) -> [String; COLUMNS.len()] {
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.into());
    let number = |value: Option<f64>| or_nothing(value.map(short));
    let ratio = |value: Option<f64>, of: Option<f64>| {
        or_nothing(
            value
                .zip(of)
                .map(|(value, of)| format!("{:.2}", value / of)),
        )
    };
    let share = |values: Vec<f64>| {
        or_nothing(middle(values).map(|share| format!("{:.1} %", share * 100.0)))
    };
    let time = middle(row.turns_ms.clone());
    let of_yardstick = yardstick.and_then(|row| middle(row.turns_ms.clone()));
    let told = match (time, row.is_over) {
        (Some(time), true) => format!("{}, then > {}", short(time), table.limit_ms),
        (None, true) => format!("> {}", table.limit_ms),
        (time, false) => number(time),
    };
    let ended = &row.carried[..row.carried.len().min(row.turns_ms.len())];
    let peaks = row
        .peak_mb
        .map(|[client, server]| format!("{client:.0}, {server:.0}"));
    [
        row.peer.clone(),
        told,
        number(row.turns_ms.iter().copied().reduce(f64::min)),
        or_nothing(time.map(|time| rate(table.bytes, time))),
        ratio(time, of_yardstick),
        number(row.cpu_s_per_gb),
        ratio(row.cpu_s_per_gb, yardstick.and_then(|row| row.cpu_s_per_gb)),
        or_nothing(peaks),
        share(ended.iter().map(Told::dropped_share).collect()),
        share(row.parts.clone()),
    ]
}

/// The median, if there is anything.
fn middle(values: Vec<f64>) -> Option<f64> {
    (!values.is_empty()).then(|| median(values))
}

/// How exactly the link delivered.
fn exactness(table: &Table) -> String {
    let late = |place: usize| -> Vec<f64> {
        let carried = table.rows.iter().flat_map(|row| &row.carried);
        carried.map(|told| told.late_us[place] as f64).collect()
    };
    let typical = |place| middle(late(place)).unwrap_or(0.0);
    let most = late(2).into_iter().fold(0.0, f64::max);
    format!(
        "; packets came late by {:.0} us (median), {:.0} us (99 %), at most {most:.0} us",
        typical(0),
        typical(1),
    )
}

/// Three digits that mean something.
fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

fn rate(bytes: usize, time_ms: f64) -> String {
    let bits_per_s = bytes as f64 * 8e3 / time_ms;
    if bits_per_s >= 1e9 {
        format!("{:.1} Gbit/s", bits_per_s / 1e9)
    } else {
        format!("{:.1} Mbit/s", bits_per_s / 1e6)
    }
}

/// Who is measured, and how to read the tables.
pub(crate) fn heading(who: &[&str]) -> String {
    let mut text = String::from("# Transports beside each other\n\n");
    for entry in ALL.iter().filter(|entry| who.contains(&entry.name)) {
        let _ = writeln!(text, "- **{}**: {}", entry.name, entry.about);
    }
    text.push_str(
        "\nEvery end is a process of its own. Times are medians over rounds in which each peer has \
         one turn; an answer counts when it lies whole in one buffer. CPU: user and system time of \
         both ends for a gigabyte (10^9 bytes) of content, handshakes included. Peak: largest \
         resident memory, of which the message itself is a part at both ends. Dropped: share of \
         the packets towards the client that found the queue full. Part: share of the bytes until \
         the first of two transfers was done.\n",
    );
    text
}
