//! Draws what the screens know. Nothing is decided here.

mod cluster;
mod first;
mod gallery;
mod look;
mod overlay;
mod peers;
mod requests;
mod shared;
mod widgets;

#[cfg(test)]
pub(in crate::tui) mod samples;
#[cfg(test)]
mod tests;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

pub(super) use gallery::columns as gallery_columns;

use super::model::{Message, Model, SIZE_MIN, Tab};
use super::theme::Theme;
use widgets::{cut, shorten, width};

/// Draws everything. What is returned is the place for the picture of a look, which is painted
/// afterwards; none while no look is open.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model) -> Option<Rect> {
    let theme = Theme {
        colour: model.colour,
    };
    let area = frame.area();
    if area.width < SIZE_MIN.0 || area.height < SIZE_MIN.1 {
        too_small(frame, area);
        return None;
    }
    let note = footer(model, theme, area.width);
    let high = u16::try_from(note.len()).unwrap_or(1);
    let [top, body, below, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(high),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(note), below);
    if model.first.is_some() {
        first::draw(frame, top, body, bottom, model, theme);
        overlay::draw(frame, model, theme);
        return None;
    }
    frame.render_widget(tabs(model, theme, top.width), top);
    frame.render_widget(status(model, theme, bottom.width), bottom);
    if let Some(open) = &model.look {
        return look::draw(frame, body, model, open, theme);
    }
    match model.tab {
        Tab::Peers => peers::draw(frame, body, model, theme),
        Tab::Gallery => gallery::draw(frame, body, model, theme),
        Tab::View => look::list(frame, body, model, theme),
        Tab::Shared => shared::draw(frame, body, model, theme),
        Tab::Requests => requests::draw(frame, body, model, theme),
        Tab::Cluster => cluster::draw(frame, body, model, theme),
    }
    overlay::draw(frame, model, theme);
    None
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let (wide, high) = SIZE_MIN;
    let text = vec![
        Line::raw("This window is too small:"),
        Line::raw(format!("{} x {} cells.", area.width, area.height)),
        Line::raw(format!("Pentimento needs {wide} x {high}.")),
        Line::raw("Make it larger, or press q."),
    ];
    frame.render_widget(Paragraph::new(text), area);
}

/// The screens by number, the present one marked.
fn tabs(model: &Model, theme: Theme, columns: u16) -> Line<'static> {
    let mut spans = Vec::new();
    if columns >= 80 {
        spans.push(Span::styled(" pentimento  ", theme.head()));
    }
    for (number, tab) in (1..).zip(Tab::ALL) {
        let waiting = model.asks_waiting();
        let badge = match tab {
            Tab::Requests if waiting > 0 => format!("·{waiting}"),
            _ => String::new(),
        };
        let (open, close) = match (tab == model.tab, columns >= 80) {
            (true, _) => ("[", "]"),
            (false, true) => (" ", " "),
            (false, false) => (" ", ""),
        };
        let text = format!("{open}{number} {}{badge}{close}", tab.title());
        let style = if tab == model.tab {
            theme.tab()
        } else if badge.is_empty() {
            theme.plain()
        } else {
            theme.warn()
        };
        spans.push(Span::styled(text, style));
    }
    shorten(Line::from(spans), usize::from(columns))
}

/// What is being typed, or the last message; at least one line.
fn footer(model: &Model, theme: Theme, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    if let Some(prompt) = &model.prompt {
        let label = prompt.asking.label();
        let spaced = if label.len() > 1 {
            format!(" {label}: ")
        } else {
            format!(" {label}")
        };
        let wrong = prompt.wrong.as_ref().map(|wrong| format!("  ✗ {wrong}"));
        let wrong = wrong.unwrap_or_default();
        let (before, after) = prompt.parts();
        let room = columns
            .saturating_sub(width(&spaced) + width(&wrong) + 2)
            .max(8);
        let line = Line::from(vec![
            Span::styled(spaced, theme.head()),
            Span::raw(tail(&before, room)),
            Span::styled("▏", theme.key()),
            Span::raw(cut(&after, room.saturating_sub(width(&before)))),
            Span::styled(wrong, theme.bad()),
        ]);
        return vec![shorten(line, columns)];
    }
    match &model.message {
        None => vec![Line::raw("")],
        Some(Message::Good(text)) => vec![Line::styled(
            cut(&format!(" ✓ {text}"), columns),
            theme.good(),
        )],
        Some(Message::Bad(failure)) => {
            let what = cut(&format!(" ✗ {}", failure.message), columns);
            let mut lines = vec![Line::styled(what, theme.bad())];
            if !failure.hint.is_empty() {
                let hint = cut(&format!("   help: {}", failure.hint), columns);
                lines.push(Line::styled(hint, theme.warn()));
            }
            lines
        }
    }
}

/// The end of a text, in at most so many columns.
fn tail(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept: Vec<char> = Vec::new();
    let mut taken = 1;
    for c in text.chars().rev() {
        taken += width(c.encode_utf8(&mut [0; 4]));
        if taken > columns {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept.into_iter().rev().collect()
}

/// Who we are, who answers, what is new, and how to get help.
fn status(model: &Model, theme: Theme, columns: u16) -> Line<'static> {
    let columns = usize::from(columns);
    let mut left = Vec::new();
    match &model.status {
        _ if !model.connected => left.push(Span::styled(" ○ node is away", theme.bad())),
        None => left.push(Span::styled(" ◌ asking the node", theme.dim())),
        Some(status) => {
            let up = status.servers_answering.len();
            let (mark, style) = if up > 0 {
                ("●", theme.good())
            } else {
                ("○", theme.bad())
            };
            left.push(Span::styled(format!(" {mark} @{}", status.name), style));
            if status.name_taken {
                left.push(Span::styled(" ! name is taken", theme.bad()));
            }
            let servers = format!("  {up}/{} servers", status.servers);
            left.push(Span::styled(servers, theme.dim()));
            if status.letters_queued > 0 {
                let queued = format!("  ↑{} queued", status.letters_queued);
                left.push(Span::styled(queued, theme.warn()));
            }
        }
    }
    if let Some(transfer) = model.transfer.as_ref().filter(|one| one.behind) {
        left.push(Span::styled(
            format!("  ⇅ {}", transfer.phase),
            theme.warn(),
        ));
        left.push(Span::styled(" t show", theme.key()));
    }
    let mut right = Vec::new();
    if model.unread > 0 {
        right.push(Span::styled(
            format!("✉ {} new  ", model.unread),
            theme.warn(),
        ));
    }
    for (key, what) in [("m", " menu  "), ("?", " help  "), ("q", " back ")] {
        right.push(Span::styled(key, theme.key()));
        right.push(Span::styled(what, theme.dim()));
    }
    let right_width = right.iter().map(Span::width).sum::<usize>();
    let mut line = shorten(Line::from(left), columns.saturating_sub(right_width + 1));
    let gap = columns.saturating_sub(line.width() + right_width);
    line.push_span(Span::raw(" ".repeat(gap)));
    line.spans.extend(right);
    line
}
