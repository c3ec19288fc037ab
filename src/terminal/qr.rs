//! A QR code as text: two modules in each character, light ones drawn, with a quiet zone. So it is
//! dark on light on a terminal with a dark background.

use fast_qr::{ECL, QRBuilder, QRCode};

/// Light modules around the code that the standard asks for (ISO/IEC 18004).
const QUIET: usize = 4;
/// The same where there is no room for it; readers manage with half of it.
const QUIET_TIGHT: usize = 2;
/// Rows that a common terminal has, without two for words and prompt.
const ROWS_MAX: usize = 22;

/// The code of a text; none if the text is too long for one.
#[must_use]
pub fn blocks(text: &str) -> Option<String> {
    let code = made(text)?;
    let quiet = if rows(&code, QUIET) <= ROWS_MAX {
        QUIET
    } else {
        QUIET_TIGHT
    };
    Some(drawn(&code, quiet))
}

/// The code of a text in at most so many rows; none if it does not fit.
#[must_use]
pub fn blocks_within(text: &str, rows_max: usize) -> Option<String> {
    let code = made(text)?;
    let quiet = [QUIET, QUIET_TIGHT];
    let quiet = quiet
        .into_iter()
        .find(|quiet| rows(&code, *quiet) <= rows_max)?;
    Some(drawn(&code, quiet))
}

const fn rows(code: &QRCode, quiet: usize) -> usize {
    (code.size + 2 * quiet).div_ceil(2)
}

fn drawn(code: &QRCode, quiet: usize) -> String {
    let side = code.size + 2 * quiet;
    let is_light = |row: usize, column: usize| {
        let inside = |at: usize| at.checked_sub(quiet).filter(|at| *at < code.size);
        match (inside(row), inside(column)) {
            (Some(row), Some(column)) => !code[row][column].value(),
            // The last half of a row that is none is left to the background.
            _ => row < side,
        }
    };
    let mut drawn = String::new();
    for row in (0..side).step_by(2) {
        for column in 0..side {
            drawn.push(match (is_light(row, column), is_light(row + 1, column)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawn.push('\n');
    }
    drawn
}

/// The code with as much redundancy as costs no larger code than the least does.
fn made(text: &str) -> Option<QRCode> {
    let make = |ecl| QRBuilder::new(text).ecl(ecl).build().ok();
    let least = make(ECL::L)?;
    let more = [ECL::H, ECL::Q, ECL::M].into_iter().find_map(|ecl| {
        let code = make(ecl)?;
        (code.size <= least.size).then_some(code)
    });
    Some(more.unwrap_or(least))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ids::UserId;
    use crate::proto::limits::NAME_MAX_BYTES;
    use crate::proto::pairing;

    /// Columns and rows.
    fn size(drawn: &str) -> (usize, usize) {
        let columns = drawn.lines().map(|line| line.chars().count());
        let (least, most) = (columns.clone().min(), columns.max());
        assert_eq!(least, most, "every row is as wide");
        (most.expect("rows"), drawn.lines().count())
    }

    fn of_name(length: usize) -> (usize, usize) {
        let code = pairing::code(&"n".repeat(length), &UserId([0x5a; 32]));
        size(&blocks(&code).expect("fits a code"))
    }

    #[test]
    fn a_pairing_code_fits_a_common_terminal() {
        assert_eq!(of_name(5), (37, 19));
        assert_eq!(of_name(20), (41, 21));
        let (columns, rows) = of_name(NAME_MAX_BYTES);
        assert!(columns <= 80 && rows <= 24, "{columns} x {rows}");
    }

    #[test]
    fn the_code_lies_in_a_light_frame() {
        let drawn = blocks("PENTIMENTO").expect("fits a code");
        let lines: Vec<&str> = drawn.lines().collect();
        let full: String = "█".repeat(lines[0].chars().count());
        assert_eq!(lines[..2], [&full, &full]);
        let (last, rows) = lines.split_last().expect("rows");
        assert!(last.chars().all(|c| c == '▀'), "half a row: {last}");
        for row in rows {
            assert!(row.starts_with("████") && row.ends_with("████"), "{row}");
        }
        // The corner of a finder: dark, then light inside.
        assert!(lines[2].starts_with("████ ▄▄▄▄▄ "), "{}", lines[2]);
    }

    #[test]
    fn what_fits_no_code_gives_none() {
        assert_eq!(blocks(&"x".repeat(10_000)), None);
    }

    #[test]
    fn a_code_fits_the_rows_or_is_none() {
        let code = pairing::code("alice", &UserId([0x5a; 32]));
        let full = blocks_within(&code, 19).expect("fits");
        let tight = blocks_within(&code, 18).expect("fits with less around it");
        assert_eq!((size(&full).1, size(&tight).1), (19, 17));
        assert_eq!(blocks_within(&code, 16), None);
    }
}
