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

/// Rows in columns, each as wide as its widest cell, the last one open.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .chain([head[column].len()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| {
            let pad = width - cell.chars().count().min(*width);
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
    fn sizes_have_units() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(4_800), "4.8 kB");
        assert_eq!(size(1_900_000), "1.9 MB");
    }
}
