//! Words for people: sizes, times, tables.

use crate::time::WallTime;

/// A size with a unit, decimal as on disks.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// A duration in milliseconds with one digit, from microseconds.
#[must_use]
pub fn millis(micros: u64) -> String {
    format!("{:.1} ms", micros as f64 / 1e3)
}

/// Columns that a text takes: its characters without escape sequences of colours.
fn columns(text: &str) -> usize {
    let mut parts = text.split('\x1b');
    let first = parts.next().map_or(0, |plain| plain.chars().count());
    let colored = |part: &str| {
        let plain = part.split_once('m').map_or("", |(_, plain)| plain);
        plain.chars().count()
    };
    first + parts.map(colored).sum::<usize>()
}

/// Rows in columns, each as wide as its widest cell, the last one open.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| columns(cell))
            .chain([head[column].len()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| {
            let pad = width - columns(cell).min(*width);
            format!("{cell}{}", " ".repeat(pad))
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head.to_vec())];
    lines.extend(
        rows.iter()
            .map(|row| line(row.iter().map(String::as_str).collect())),
    );
    lines.join("\n")
}

/// Wall time as `YYYY-MM-DD hh:mm:ss` UTC, from milliseconds since 1970.
#[must_use]
pub fn when(unix_ms: u64) -> String {
    WallTime(unix_ms).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![
            vec!["alice".into(), "1".into()],
            vec!["bo".into(), "22".into()],
        ];
        assert_eq!(
            table(&["name", "n"], &rows),
            "name   n\nalice  1\nbo     22"
        );
    }

    #[test]
    fn colours_take_no_columns() {
        let rows = vec![
            vec!["\x1b[32mup\x1b[0m".into(), "1".into()],
            vec!["down".into(), "2".into()],
        ];
        assert_eq!(
            table(&["is", "n"], &rows),
            "is    n\n\x1b[32mup\x1b[0m    1\ndown  2"
        );
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(4_800), "4.8 kB");
        assert_eq!(size(1_900_000), "1.9 MB");
    }
}
