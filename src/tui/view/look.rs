//! A look, and the pictures that may be looked at.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Clear;

use super::super::model::Model;
use super::super::model::gallery::end_of;
use super::super::model::look::{Look, Step};
use super::super::model::tray::{ending, looks};
use super::super::theme::Theme;
use super::widgets::{Cell, clock, nothing, panel, shorten, span, table};
use crate::proto::control::Lease;
use crate::proto::lease::EndReason;

const KEYS: [(&str, &str); 4] = [
    ("↵", "look"),
    ("r", "request more"),
    ("g", "their gallery"),
    ("l", "log"),
];

/// Draws an open look and returns the place for its picture, unless it is blank.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    look: &Look,
    theme: Theme,
) -> Option<Rect> {
    let title = format!("View · {} from @{}", look.name, look.peer);
    let keys: &[_] = match look.step {
        Step::Painting(_) => &[],
        Step::Opening => &[("any key", "gives up, nothing is counted")],
        Step::Shown(_) | Step::Blank => &[("any key", "closes")],
    };
    let inner = panel(frame, area, theme, &title, keys);
    let [place, line] = Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(inner);
    let mut told = vec![format!("lease {}", look.grant.short())];
    match (look.step, look.ordinal) {
        (Step::Opening, _) => told.push(format!("{} left", looks(look.left))),
        (Step::Painting(_), _) => told.push("counts when it is shown".into()),
        (_, None) => told.push("counting this look…".into()),
        (_, Some(ordinal)) => {
            told.push(format!("look {ordinal} counted"));
            told.push(format!("{} left", looks(look.left)));
        }
    }
    if let Some(ms) = look.closes_in_ms(model.now) {
        told.push(format!("closes in {}", span(ms.div_ceil(1_000) * 1_000)));
    }
    let told = Line::styled(format!(" {}", told.join(" · ")), theme.warn());
    frame.render_widget(shorten(told, usize::from(line.width)), line);
    frame.render_widget(Clear, place);
    match look.step {
        Step::Opening => {
            nothing(frame, place, theme, &["◌ opening the picture…"]);
        }
        Step::Painting(_) => nothing(frame, place, theme, &["◌ painting…"]),
        Step::Shown(_) => {}
        Step::Blank => {
            let lines = [
                "The window was left: the picture is wiped.",
                "",
                "any key closes",
            ];
            nothing(frame, place, theme, &lines);
            return None;
        }
    }
    Some(place)
}

/// What others granted to us.
pub(super) fn list(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let leases = model.received();
    let live = leases
        .iter()
        .filter(|lease| end_of(lease, model.now).is_none());
    let title = format!("View · {} of {} give looks", live.count(), leases.len());
    let inner = panel(frame, area, theme, &title, &KEYS);
    if leases.is_empty() {
        let lines: &[&str] = match (&model.leases, model.filter.is_empty()) {
            (None, _) => &["asking the node…"],
            (_, false) => &["no picture has such a name"],
            _ => &[
                "Nothing was granted to you yet.",
                "",
                "ask for looks in a gallery: 1, ↵, r",
            ],
        };
        nothing(frame, inner, theme, lines);
        return;
    }
    let columns = [
        ("image", Constraint::Min(10)),
        ("from", Constraint::Length(14)),
        ("left", Constraint::Length(7)),
        ("until", Constraint::Length(11)),
        ("state", Constraint::Length(12)),
    ];
    let rows: Vec<Vec<Cell>> = leases
        .iter()
        .map(|lease| row(lease, model, theme))
        .collect();
    table(frame, inner, theme, &columns, &rows, Some(model.row()));
}

fn row(lease: &Lease, model: &Model, theme: Theme) -> Vec<Cell> {
    let until = lease.terms.until;
    let end = end_of(lease, model.now).map(|(reason, _)| reason);
    vec![
        (lease.name.clone(), theme.plain()),
        (format!("@{}", lease.peer), theme.plain()),
        (
            format!("{} of {}", lease.left(), lease.terms.granted),
            theme.plain(),
        ),
        (
            until.map_or("–".into(), |until| clock(model.now, until)),
            theme.dim(),
        ),
        state(end, lease.delivered, theme),
    ]
}

/// How a grant stands, in a symbol and a word.
pub(super) fn state(end: Option<EndReason>, delivered: bool, theme: Theme) -> Cell {
    match end {
        Some(EndReason::Spent) => ("▣ spent".into(), theme.dim()),
        Some(reason) => (format!("⊘ {}", ending(reason)), theme.bad()),
        None if delivered => ("◉ live".into(), theme.good()),
        None => ("◐ on its way".into(), theme.warn()),
    }
}
