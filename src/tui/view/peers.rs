//! The people we know.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::model::Model;
use super::super::theme::Theme;
use super::widgets::{Cell, away, nothing, panel, shorten, table};
use crate::proto::control::{AskState, Peer};
use crate::proto::pairing;
use crate::proto::route::Reached;

const KEYS: [(&str, &str); 6] = [
    ("↵", "gallery"),
    ("a", "add"),
    ("v", "verify"),
    ("b", "block"),
    ("s", "share"),
    ("w", "my code"),
];

/// Fewest columns with room for the details of the chosen peer.
const WIDE: u16 = 76;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let peers = model.peers_listed();
    let online = peers.iter().filter(|peer| peer.online).count();
    let title = if model.filter.is_empty() {
        format!("Peers · {online} online of {}", peers.len())
    } else {
        format!("Peers /{} · {}", model.filter, peers.len())
    };
    let inner = panel(frame, area, theme, &title, &KEYS);
    if peers.is_empty() {
        let lines: &[&str] = match (&model.peers, model.filter.is_empty()) {
            (None, _) => &["asking the servers who is there…"],
            (_, false) => &["nobody has such a name"],
            _ => &[
                "Nobody yet.",
                "",
                "a adds a peer by their code; w shows yours for them",
            ],
        };
        nothing(frame, inner, theme, lines);
        return;
    }
    let (list, details) = if area.width >= WIDE {
        let [list, details] =
            Layout::horizontal([Constraint::Min(40), Constraint::Length(27)]).areas(inner);
        (list, Some(details))
    } else {
        (inner, None)
    };
    let columns = [
        ("", Constraint::Length(1)),
        ("name", Constraint::Min(8)),
        ("last seen", Constraint::Length(9)),
        ("trust", Constraint::Length(12)),
        ("leases", Constraint::Length(6)),
        ("asks", Constraint::Length(4)),
    ];
    let rows: Vec<Vec<Cell>> = peers.iter().map(|peer| row(peer, model, theme)).collect();
    table(frame, list, theme, &columns, &rows, Some(model.row()));
    if let (Some(place), Some(peer)) = (details, peers.get(model.row())) {
        detail(frame, place, peer, theme);
    }
}

fn trust(peer: &Peer, theme: Theme) -> Cell {
    if peer.blocked {
        ("⊘ blocked".into(), theme.bad())
    } else if peer.conflict {
        ("! two keys".into(), theme.bad())
    } else if peer.verified {
        ("✓ verified".into(), theme.good())
    } else {
        ("? unverified".into(), theme.warn())
    }
}

fn row(peer: &Peer, model: &Model, theme: Theme) -> Vec<Cell> {
    let (mark, style) = if peer.online {
        ("●", theme.good())
    } else {
        ("○", theme.dim())
    };
    let seen = match (peer.online, peer.last_seen.0) {
        (true, _) => "online".to_owned(),
        (false, 0) => "never".to_owned(),
        _ => format!("{} ago", away(model.now, peer.last_seen)),
    };
    let leases = model.leases.iter().flatten();
    let leases = leases
        .filter(|lease| lease.peer == peer.name && lease.left() > 0)
        .count();
    let asks = model.asks.iter().flatten();
    let asks = asks
        .filter(|ask| !ask.ours && ask.peer == peer.name && ask.state == AskState::Open)
        .count();
    let some = |count: usize| {
        if count == 0 {
            "–".into()
        } else {
            count.to_string()
        }
    };
    vec![
        (mark.into(), style),
        (format!("@{}", peer.name), theme.plain()),
        (seen, theme.dim()),
        trust(peer, theme),
        (some(leases), theme.plain()),
        (
            some(asks),
            if asks > 0 { theme.warn() } else { theme.dim() },
        ),
    ]
}

/// The words of a peer, to be compared aloud.
fn detail(frame: &mut Frame<'_>, area: Rect, peer: &Peer, theme: Theme) {
    let words = pairing::words(&peer.user);
    let mut lines = vec![
        Line::styled(format!("@{}", peer.name), theme.head()),
        Line::raw(""),
        Line::styled("words of their key", theme.dim()),
        Line::raw(words[..3].join(" ")),
        Line::raw(words[3..].join(" ")),
        Line::raw(""),
    ];
    let (text, style) = trust(peer, theme);
    lines.push(Line::styled(text, style));
    if !peer.verified && !peer.blocked {
        lines.push(Line::styled("Do they read the same", theme.dim()));
        lines.push(Line::styled("words to you? Press v.", theme.dim()));
    }
    if peer.conflict {
        lines.push(Line::styled("Another key claims this", theme.bad()));
        lines.push(Line::styled("name: compare the words.", theme.bad()));
    }
    let way = match peer.reached {
        Some(Reached::Direct) => "Reached directly.".to_owned(),
        Some(Reached::Relayed(node)) => format!("Reached through {node}."),
        None => "Not reached yet.".to_owned(),
    };
    lines.push(Line::styled(way, theme.dim()));
    if !peer.known {
        lines.push(Line::styled("Known by a server only.", theme.dim()));
    }
    let place = Rect {
        x: area.x + 2,
        width: area.width.saturating_sub(2),
        ..area
    };
    let lines: Vec<Line<'_>> = lines
        .into_iter()
        .map(|line| shorten(line, usize::from(place.width)))
        .collect();
    for y in area.top()..area.bottom() {
        let line = Rect::new(area.x, y, 1, 1);
        frame.render_widget(Span::styled("│", theme.frame()), line);
    }
    frame.render_widget(Paragraph::new(lines), place);
}
