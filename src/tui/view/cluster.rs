//! The servers.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};

use super::super::model::Model;
use super::super::theme::Theme;
use super::widgets::{Cell, nothing, panel, table};
use crate::proto::operator::ServerStatus;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    if model.cluster.is_empty() {
        remote(frame, area, model, theme);
        return;
    }
    let up = model
        .cluster
        .iter()
        .filter(|(_, status)| status.is_some())
        .count();
    let title = format!("Cluster · {up} of {} answer", model.cluster.len());
    let inner = panel(frame, area, theme, &title, &[]);
    let columns = [
        ("node", Constraint::Length(4)),
        ("state", Constraint::Length(13)),
        ("sees", Constraint::Length(4)),
        ("jobs", Constraint::Length(4)),
        ("1 min", Constraint::Length(5)),
        ("p95", Constraint::Length(7)),
        ("done", Constraint::Length(6)),
        ("mail", Constraint::Length(4)),
        ("token", Constraint::Min(5)),
    ];
    let rows: Vec<Vec<Cell>> = model
        .cluster
        .iter()
        .map(|(node, status)| row(*node, status.as_ref(), theme))
        .collect();
    table(frame, inner, theme, &columns, &rows, Some(model.row()));
}

fn row(node: u8, status: Option<&ServerStatus>, theme: Theme) -> Vec<Cell> {
    let name = (format!("n{node}"), theme.plain());
    let Some(status) = status else {
        let mut row = vec![name, ("○ away".into(), theme.bad())];
        row.extend((0..7).map(|_| ("–".into(), theme.dim())));
        return row;
    };
    let state = if status.failing {
        ("⊘ FAILED".into(), theme.bad())
    } else if status.draining {
        ("◌ draining".into(), theme.warn())
    } else if status.caught_up {
        ("● up".into(), theme.good())
    } else {
        ("◐ catching up".into(), theme.warn())
    };
    let token = match (status.token_here, status.token_on) {
        (true, _) => ("◆ here".into(), theme.warn()),
        (false, true) => ("◇ on".into(), theme.dim()),
        (false, false) => ("–".into(), theme.dim()),
    };
    let plain = |text: String| (text, theme.plain());
    vec![
        name,
        state,
        plain(status.alive.len().to_string()),
        plain(status.jobs.to_string()),
        plain(status.requests_last_minute.to_string()),
        plain(format!("{} ms", status.p95_ms)),
        plain(status.requests_done.to_string()),
        plain(status.letters.to_string()),
        token,
    ]
}

/// The servers that the client node hears; their insides are not ours to see.
fn remote(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let Some(status) = &model.status else {
        let inner = panel(frame, area, theme, "Cluster", &[]);
        nothing(frame, inner, theme, &["asking the node…"]);
        return;
    };
    let up = status.servers_answering.len();
    let title = format!("Cluster · {up} of {} answer", status.servers);
    let inner = panel(frame, area, theme, &title, &[]);
    if up == 0 {
        let lines = [
            "No server answers.",
            "",
            "`pentimento up` starts some on this computer",
        ];
        nothing(frame, inner, theme, &lines);
        return;
    }
    let rows: Vec<Vec<Cell>> = status
        .servers_answering
        .iter()
        .map(|node| {
            let answers = ("● answers".to_owned(), theme.good());
            vec![(node.to_string(), theme.plain()), answers]
        })
        .collect();
    let columns = [
        ("node", Constraint::Length(6)),
        ("state", Constraint::Min(12)),
    ];
    table(frame, inner, theme, &columns, &rows, None);
}
