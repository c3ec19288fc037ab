//! Questions of others and of ours, and the tray of what happened.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::model::Model;
use super::super::model::tray::looks;
use super::super::theme::Theme;
use super::widgets::{Cell, away, clock, nothing, panel, shorten, table};
use crate::proto::control::{AskState, OpenAsk};

const KEYS: [(&str, &str); 3] = [("a", "approve"), ("d", "deny"), ("w", "withdraw own")];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let [above, below] =
        Layout::vertical([Constraint::Percentage(60), Constraint::Min(4)]).areas(area);
    let asks = model.asks_listed();
    let waiting = model.asks_waiting();
    let title = format!("Requests · {waiting} for you of {}", asks.len());
    let inner = panel(frame, above, theme, &title, &KEYS);
    if asks.is_empty() {
        let lines: &[&str] = match (&model.asks, model.filter.is_empty()) {
            (None, _) => &["asking the node…"],
            (_, false) => &["no question fits"],
            _ => &["No questions, neither way."],
        };
        nothing(frame, inner, theme, lines);
    } else {
        let columns = [
            ("", Constraint::Length(1)),
            ("who", Constraint::Length(13)),
            ("wants", Constraint::Length(9)),
            ("at", Constraint::Min(10)),
            ("state", Constraint::Length(13)),
            ("asked", Constraint::Length(7)),
        ];
        let rows: Vec<Vec<Cell>> = asks.iter().map(|ask| row(ask, model, theme)).collect();
        table(frame, inner, theme, &columns, &rows, Some(model.row()));
    }
    tray(frame, below, model, theme);
}

fn row(ask: &OpenAsk, model: &Model, theme: Theme) -> Vec<Cell> {
    let (mark, who) = if ask.ours {
        ("→", format!("you → @{}", ask.peer))
    } else {
        ("←", format!("@{}", ask.peer))
    };
    let state = match &ask.state {
        AskState::Open if ask.ours => ("◌ waits".into(), theme.dim()),
        AskState::Open => ("● your word?".into(), theme.warn()),
        AskState::Approved(views) => (format!("✓ granted {views}"), theme.good()),
        AskState::Denied(_) => ("⊘ denied".into(), theme.bad()),
        AskState::Withdrawn => ("– taken back".into(), theme.dim()),
    };
    let said = match (&ask.state, ask.remark.is_empty()) {
        (AskState::Denied(reason), _) if !reason.is_empty() => {
            format!("{}  “{reason}”", ask.image)
        }
        (_, false) => format!("{}  “{}”", ask.image, ask.remark),
        _ => ask.image.clone(),
    };
    vec![
        (mark.into(), theme.dim()),
        (who, theme.plain()),
        (looks(ask.views), theme.plain()),
        (said, theme.plain()),
        state,
        (format!("{} ago", away(model.now, ask.at)), theme.dim()),
    ]
}

fn tray(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let queued = model
        .status
        .as_ref()
        .map_or(0, |status| status.letters_queued);
    let title = if queued > 0 {
        format!("Mailbox · letters queued here: {queued}")
    } else {
        "Mailbox".into()
    };
    let inner = panel(frame, area, theme, &title, &[]);
    if model.tray.is_empty() {
        nothing(frame, inner, theme, &["Nothing happened yet."]);
        return;
    }
    let lines: Vec<Line<'_>> = model
        .tray
        .iter()
        .take(usize::from(inner.height))
        .map(|entry| {
            let line = Line::from(vec![
                Span::styled(format!(" {}  ", clock(model.now, entry.at)), theme.dim()),
                Span::raw(entry.text.clone()),
            ]);
            shorten(line, usize::from(inner.width))
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), inner);
}
