//! Dates as people type them and read them: `7d`, `2026-12-24`, "in 6 d".

use crate::time::WallTime;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// No date lies farther ahead, in days: ten thousand years of them have five digits in the year.
const DAYS_MAX: u64 = 1_000_000;

/// Why a text is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// It has none of the forms.
    #[error("write 7d, 12h, 30m, 45s, 2026-12-24 or 2026-12-24T18:00 (UTC)")]
    Form,
    /// No calendar has it.
    #[error("there is no such day or time")]
    Calendar,
    /// It is farther ahead than any grant lasts.
    #[error("that is too far away")]
    TooFar,
}

/// Reads a date: so long from `now`, or a day (its end), or a day and a time, in UTC.
///
/// # Errors
/// If it is none.
pub fn parse(text: &str, now: WallTime) -> Result<WallTime, WhenError> {
    let text = text.trim();
    if text.contains('-') {
        return parse_date(text);
    }
    let wait_ms = parse_span(text)?;
    now.0
        .checked_add(wait_ms)
        .map(WallTime)
        .ok_or(WhenError::TooFar)
}

/// Reads a span: a number of seconds, minutes, hours or days, as `30s`. In milliseconds.
///
/// # Errors
/// If it is none.
pub fn parse_span(text: &str) -> Result<u64, WhenError> {
    let unit_ms = match text.chars().last() {
        Some('s') => 1_000,
        Some('m') => MINUTE_MS,
        Some('h') => HOUR_MS,
        Some('d') => DAY_MS,
        _ => return Err(WhenError::Form),
    };
    let number = number(&text[..text.len() - 1])?;
    number
        .checked_mul(unit_ms)
        .filter(|span| *span <= DAYS_MAX * DAY_MS)
        .ok_or(WhenError::TooFar)
}

fn parse_date(text: &str) -> Result<WallTime, WhenError> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-').map(number);
    let (Some(year), Some(month), Some(day), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(WhenError::Form);
    };
    let days = day_number(year?, month?, day?).ok_or(WhenError::Calendar)?;
    // Until a day means: that day is the last.
    let into_day_ms = time.map_or(Ok(DAY_MS), parse_time)?;
    Ok(WallTime(days * DAY_MS + into_day_ms))
}

fn parse_time(text: &str) -> Result<u64, WhenError> {
    let mut parts = text.split(':').map(number);
    let (Some(hour), Some(minute)) = (parts.next(), parts.next()) else {
        return Err(WhenError::Form);
    };
    let (hour, minute, second) = (hour?, minute?, parts.next().unwrap_or(Ok(0))?);
    if parts.next().is_some() {
        return Err(WhenError::Form);
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err(WhenError::Calendar);
    }
    Ok(hour * HOUR_MS + minute * MINUTE_MS + second * 1_000)
}

fn number(text: &str) -> Result<u64, WhenError> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_plain);
    number.ok_or(WhenError::Form)
}

/// Days since 1970-01-01, by Howard Hinnant's `days_from_civil`; none if no calendar has that day.
fn day_number(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// A span in words: its largest unit, at least one second.
#[must_use]
pub fn span(span_ms: u64) -> String {
    match span_ms {
        DAY_MS.. => format!("{} d", span_ms / DAY_MS),
        HOUR_MS.. => format!("{} h", span_ms / HOUR_MS),
        MINUTE_MS.. => format!("{} min", span_ms / MINUTE_MS),
        _ => format!("{} s", (span_ms / 1_000).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: WallTime = WallTime(1_795_219_200_000);

    fn read(text: &str) -> Result<String, WhenError> {
        parse(text, NOW).map(|at| at.to_string())
    }

    #[test]
    fn spans_count_from_now() {
        assert_eq!(read("7d").as_deref(), Ok("2026-11-28 00:00:00"));
        assert_eq!(read("12h").as_deref(), Ok("2026-11-21 12:00:00"));
        assert_eq!(read("30m").as_deref(), Ok("2026-11-21 00:30:00"));
        assert_eq!(read("45s").as_deref(), Ok("2026-11-21 00:00:45"));
    }

    #[test]
    fn a_day_lasts_until_its_end_and_a_time_is_that_time() {
        assert_eq!(read("2026-12-24").as_deref(), Ok("2026-12-25 00:00:00"));
        assert_eq!(
            read("2026-12-24T18:00").as_deref(),
            Ok("2026-12-24 18:00:00")
        );
        assert_eq!(
            read("2026-12-24T18:00:09Z").as_deref(),
            Ok("2026-12-24 18:00:09")
        );
        assert_eq!(
            read("2028-02-29T00:00").as_deref(),
            Ok("2028-02-29 00:00:00")
        );
    }

    #[test]
    fn what_is_no_date_is_told_apart() {
        for text in [
            "",
            "7",
            "d",
            "-1d",
            "+1d",
            "1w",
            "tomorrow",
            "2026-12",
            "2026-1-2-3",
            "1.5h",
        ] {
            assert_eq!(read(text), Err(WhenError::Form), "{text}");
        }
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "1969-12-31",
            "2026-12-24T24:00",
        ] {
            assert_eq!(read(text), Err(WhenError::Calendar), "{text}");
        }
        assert_eq!(read("999999999999d"), Err(WhenError::TooFar));
        assert_eq!(read("18446744073709551615s"), Err(WhenError::TooFar));
    }

    #[test]
    fn spans_have_their_largest_unit() {
        let texts = [0, 59_999, 90_000, 5 * HOUR_MS, 6 * DAY_MS + 1].map(span);
        assert_eq!(texts, ["1 s", "59 s", "1 min", "5 h", "6 d"]);
    }

    proptest! {
        #[test]
        fn a_time_that_is_written_out_is_read_back(seconds in 0..200_000_000_000_u64) {
            let at = WallTime(seconds * 1_000);
            prop_assert_eq!(parse(&at.to_string(), NOW), Ok(at));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = parse(&text, NOW);
            let _ = parse_span(&text);
        }
    }
}
