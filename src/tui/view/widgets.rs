//! What all screens are made of: texts cut to a width, frames with keys, tables.

use core::fmt::Write;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph};

use super::super::theme::Theme;
use crate::time::WallTime;

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The text in at most so many columns, with an ellipsis where something was cut off. Control
/// characters are left out: texts of others must not steer the terminal.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    if width(&clean) <= columns {
        return clean;
    }
    let mut short = String::new();
    let mut taken = 1;
    for c in clean.chars() {
        taken += width(c.encode_utf8(&mut [0; 4]));
        if taken > columns {
            break;
        }
        short.push(c);
    }
    if columns > 0 {
        short.push('…');
    }
    short
}

/// The text in exactly so many columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    let missing = columns.saturating_sub(width(&text));
    let _ = write!(text, "{:missing$}", "");
    text
}

/// A span of time in one number and a unit.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long ago, or in how long.
pub(super) fn away(now: WallTime, at: WallTime) -> String {
    span(now.0.abs_diff(at.0))
}

/// Hours and minutes of a time, with the day in front if it is not today.
pub(super) fn clock(now: WallTime, at: WallTime) -> String {
    let (text, today) = (at.to_string(), now.to_string());
    let (day, time) = text.split_once(' ').unwrap_or(("", &text));
    let minutes = time.get(..5).unwrap_or(time);
    if today.starts_with(day) {
        minutes.to_owned()
    } else {
        format!("{} {minutes}", day.get(5..).unwrap_or(day))
    }
}

/// Keys with what they do.
pub(super) fn hints(theme: Theme, keys: &[(&'static str, &'static str)]) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for (place, (key, what)) in keys.iter().enumerate() {
        if place > 0 {
            spans.push(Span::raw("  "));
        }
        spans.push(Span::styled(*key, theme.key()));
        spans.push(Span::styled(format!(" {what}"), theme.dim()));
    }
    spans.push(Span::raw(" "));
    Line::from(spans)
}

/// Keys as far as they fit, without cutting one in two.
pub(super) fn fitting(
    theme: Theme,
    keys: &[(&'static str, &'static str)],
    columns: u16,
) -> Line<'static> {
    let mut count = keys.len();
    while count > 0 && hints(theme, &keys[..count]).width() > usize::from(columns) {
        count -= 1;
    }
    hints(theme, &keys[..count])
}

/// A frame with a title above.
pub(super) fn block<'a>(theme: Theme, title: &str) -> Block<'a> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.frame())
        .title_top(Line::styled(format!(" {title} "), theme.head()))
}

/// Draws a frame with a title above and keys below; the rest is returned.
pub(super) fn panel(
    frame: &mut Frame<'_>,
    area: Rect,
    theme: Theme,
    title: &str,
    keys: &[(&'static str, &'static str)],
) -> Rect {
    let columns = area.width.saturating_sub(4);
    let title = cut(title, usize::from(columns));
    let mut framed = block(theme, &title);
    if !keys.is_empty() {
        framed = framed.title_bottom(fitting(theme, keys, columns));
    }
    let inner = framed.inner(area);
    frame.render_widget(framed, area);
    inner
}

/// A box in the middle, over whatever is there.
pub(super) fn dialog(
    frame: &mut Frame<'_>,
    theme: Theme,
    title: &str,
    lines: Vec<Line<'_>>,
    keys: &[(&'static str, &'static str)],
) {
    let area = frame.area();
    let widest = lines.iter().map(Line::width).max().unwrap_or(0);
    let wanted = widest.max(hints(theme, keys).width()).max(width(title) + 2);
    let wide = u16::try_from(wanted + 4)
        .unwrap_or(u16::MAX)
        .min(area.width.saturating_sub(4));
    let high = u16::try_from(lines.len() + 4)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let place = Rect {
        x: area.x + (area.width - wide) / 2,
        y: area.y + (area.height - high) / 2,
        width: wide,
        height: high,
    };
    frame.render_widget(Clear, place);
    let inner = panel(frame, place, theme, title, keys);
    let text = Rect {
        x: inner.x + 1,
        y: inner.y + 1,
        width: inner.width.saturating_sub(2),
        height: inner.height.saturating_sub(2).max(1),
    };
    let lines: Vec<Line<'_>> = lines
        .into_iter()
        .map(|line| shorten(line, usize::from(text.width)))
        .collect();
    frame.render_widget(Paragraph::new(lines), text);
}

/// A line of at most so many columns.
pub(super) fn shorten(line: Line<'_>, columns: usize) -> Line<'_> {
    if line.width() <= columns {
        return line;
    }
    let mut room = columns;
    let mut spans = Vec::new();
    for span in line.spans {
        let text = cut(&span.content, room);
        room -= width(&text).min(room);
        spans.push(Span::styled(text, span.style));
        if room == 0 {
            break;
        }
    }
    Line::from(spans)
}

/// A text broken into lines of so many columns, at spaces where there are some.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let here = lines.last().map_or(0, |line| width(line));
        if here > 0 && here + 1 + width(word) > columns {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.iter().map(|line| cut(line, columns)).collect()
}

/// A cell of a table.
pub(super) type Cell = (String, Style);

/// The first of so many rows that is drawn so that the chosen one is seen.
pub(super) const fn first_row(chosen: usize, room: usize) -> usize {
    (chosen + 1).saturating_sub(if room == 0 { 1 } else { room })
}

/// Draws a head and as many rows as there is room for, around the chosen one.
pub(super) fn table(
    frame: &mut Frame<'_>,
    area: Rect,
    theme: Theme,
    columns: &[(&str, Constraint)],
    rows: &[Vec<Cell>],
    chosen: Option<usize>,
) {
    if area.height == 0 {
        return;
    }
    let row_of = |line: u16| Rect {
        y: area.y + line,
        height: 1,
        ..area
    };
    let places = |line: u16| {
        let constraints = columns.iter().map(|(_, constraint)| *constraint);
        let inner = Rect {
            x: area.x + 1,
            width: area.width.saturating_sub(2),
            ..row_of(line)
        };
        Layout::horizontal(constraints).spacing(1).split(inner)
    };
    for ((title, _), place) in columns.iter().zip(places(0).iter()) {
        let text = cut(title, usize::from(place.width));
        frame.render_widget(Span::styled(text, theme.dim()), *place);
    }
    let room = usize::from(area.height - 1);
    let first = first_row(chosen.unwrap_or(0), room);
    for (line, (number, row)) in (1..area.height).zip(rows.iter().enumerate().skip(first)) {
        if Some(number) == chosen {
            // The chosen row is told by a mark too, for terminals without colour.
            frame.buffer_mut().set_style(row_of(line), theme.chosen());
            frame.render_widget(Span::styled("›", theme.key()), row_of(line));
        }
        for ((text, style), place) in row.iter().zip(places(line).iter()) {
            let text = cut(text, usize::from(place.width));
            let style = if Some(number) == chosen {
                theme.chosen().patch(*style)
            } else {
                *style
            };
            frame.render_widget(Span::styled(text, style), *place);
        }
    }
}

/// A remark in the middle of an empty place.
pub(super) fn nothing(frame: &mut Frame<'_>, area: Rect, theme: Theme, lines: &[&str]) {
    let high = u16::try_from(lines.len()).unwrap_or(0).min(area.height);
    let place = Rect {
        y: area.y + (area.height - high) / 2,
        height: high,
        ..area
    };
    let lines: Vec<Line<'_>> = lines
        .iter()
        .map(|line| Line::styled(cut(line, usize::from(area.width)), theme.dim()).centered())
        .collect();
    frame.render_widget(Paragraph::new(lines), place);
}
