//! What we granted.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};

use super::super::model::Model;
use super::super::model::gallery::end_of;
use super::super::theme::Theme;
use super::look::state;
use super::widgets::{Cell, clock, nothing, panel, table};
use crate::proto::control::Lease;

const KEYS: [(&str, &str); 6] = [
    ("+ -", "one look"),
    ("=", "set"),
    ("u", "until"),
    ("x", "revoke"),
    ("R", "refund"),
    ("l", "log"),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let leases = model.given();
    let live = leases
        .iter()
        .filter(|lease| end_of(lease, model.now).is_none());
    let filter = if model.filter.is_empty() {
        String::new()
    } else {
        format!(" /{}", model.filter)
    };
    let title = format!(
        "Shared by me{filter} · {} live of {}",
        live.count(),
        leases.len()
    );
    let inner = panel(frame, area, theme, &title, &KEYS);
    if leases.is_empty() {
        let lines: &[&str] = match (&model.leases, model.filter.is_empty()) {
            (None, _) => &["asking the node…"],
            (_, false) => &["nothing shared has such a name"],
            _ => &["You shared nothing yet.", "", "choose a peer (1), then s"],
        };
        nothing(frame, inner, theme, lines);
        return;
    }
    let columns = [
        ("image", Constraint::Min(10)),
        ("to", Constraint::Length(12)),
        ("used", Constraint::Length(6)),
        ("until", Constraint::Length(11)),
        ("state", Constraint::Length(12)),
        ("delivery", Constraint::Length(9)),
    ];
    let rows: Vec<Vec<Cell>> = leases
        .iter()
        .map(|lease| row(lease, model, theme))
        .collect();
    table(frame, inner, theme, &columns, &rows, Some(model.row()));
}

fn row(lease: &Lease, model: &Model, theme: Theme) -> Vec<Cell> {
    let terms = &lease.terms;
    let end = end_of(lease, model.now).map(|(reason, _)| reason);
    let delivery = if lease.delivered {
        ("✓ there".into(), theme.good())
    } else if end.is_some() {
        ("–".into(), theme.dim())
    } else {
        ("↑ pending".into(), theme.warn())
    };
    vec![
        (lease.name.clone(), theme.plain()),
        (format!("@{}", lease.peer), theme.plain()),
        (format!("{}/{}", terms.used, terms.granted), theme.plain()),
        (
            terms
                .until
                .map_or("–".into(), |until| clock(model.now, until)),
            theme.dim(),
        ),
        state(end, true, theme),
        delivery,
    ]
}
