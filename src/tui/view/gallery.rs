//! The pictures of one owner as tiles, and the chosen one in detail.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::model::Model;
use super::super::model::gallery::{Preview, Standing, Tile};
use super::super::model::tray::{ending, looks};
use super::super::theme::Theme;
use super::widgets::{Cell, away, clock, cut, first_row, nothing, pad, panel, shorten, wrap};
use crate::proto::lease::EndReason;
use crate::terminal::text::size;

/// Columns and rows of a tile: the preview, its name, how it stands.
const TILE: (u16, u16) = (17, 7);
/// Rows of the preview.
const PREVIEW_ROWS: u16 = 4;
/// Columns of the details, and fewest columns of the screen that show them.
const DETAILS: (u16, u16) = (26, 76);

const THEIRS: [(&str, &str); 6] = [
    ("↵", "look"),
    ("r", "request"),
    ("w", "withdraw"),
    ("l", "log"),
    ("n p", "next owner"),
    ("0", "own"),
];
const OURS: [(&str, &str); 3] = [("o", "offer"), ("s", "share"), ("n p", "next owner")];

/// Tiles side by side on a screen of so many columns.
pub(in super::super) fn columns(screen: u16) -> usize {
    usize::from((tiles_width(screen) / TILE.0).max(1))
}

const fn tiles_width(screen: u16) -> u16 {
    let inner = screen.saturating_sub(2);
    if screen >= DETAILS.1 {
        inner - DETAILS.0
    } else {
        inner
    }
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let tiles = model.tiles();
    let whose = match &model.gallery.of {
        None => "Gallery · yours".to_owned(),
        Some(peer) => format!("Gallery @{peer}"),
    };
    let filter = if model.filter.is_empty() {
        String::new()
    } else {
        format!(" /{}", model.filter)
    };
    let title = format!("{whose}{filter} · {}", tiles.len());
    let keys: &[_] = if model.gallery.of.is_some() {
        &THEIRS
    } else {
        &OURS
    };
    let inner = panel(frame, area, theme, &title, keys);
    if tiles.is_empty() {
        empty(frame, inner, model, theme);
        return;
    }
    let wide = tiles_width(area.width);
    let [grid, details] =
        Layout::horizontal([Constraint::Length(wide), Constraint::Min(0)]).areas(inner);
    let across = columns(area.width);
    let down = usize::from((grid.height / TILE.1).max(1));
    let first = first_row(model.row() / across, down) * across;
    for (place, (number, tile)) in tiles
        .iter()
        .enumerate()
        .skip(first)
        .take(across * down)
        .enumerate()
    {
        let (column, row) = (place % across, place / across);
        let spot = Rect {
            x: grid.x + u16::try_from(column).unwrap_or(0) * TILE.0,
            y: grid.y + u16::try_from(row).unwrap_or(0) * TILE.1,
            width: TILE.0.min(grid.width),
            height: TILE.1.min(grid.height),
        };
        draw_tile(frame, spot, tile, number == model.row(), theme);
    }
    if let (true, Some(tile)) = (details.width > 4, tiles.get(model.row())) {
        detail(frame, details, tile, model, theme);
    }
}

fn empty(frame: &mut Frame<'_>, area: Rect, model: &Model, theme: Theme) {
    let gallery = &model.gallery;
    if let Some(failure) = &gallery.failed {
        let hint = format!("help: {}", failure.hint);
        nothing(frame, area, theme, &[&failure.message, "", &hint]);
        return;
    }
    let lines: &[&str] = match (&gallery.items, &gallery.of, model.filter.is_empty()) {
        (None, _, _) => &["fetching the gallery…"],
        (_, _, false) => &["no picture has such a name"],
        (_, None, _) => &[
            "You offer nothing yet.",
            "",
            "o offers a picture to your peers",
        ],
        _ if gallery.refused => &["They show you no previews."],
        _ => &["They offer nothing."],
    };
    nothing(frame, area, theme, lines);
}

/// How a picture stands, in a symbol and a few words.
fn short(standing: &Standing, theme: Theme) -> Cell {
    match standing {
        Standing::Own { live: 0 } => ("○ offered".into(), theme.dim()),
        Standing::Own { live } => (format!("◉ {live} shared"), theme.good()),
        Standing::Offered => ("○ ask".into(), theme.plain()),
        Standing::Asked { views, .. } => (format!("◌ asked {views}"), theme.warn()),
        Standing::Denied { .. } => ("⊘ denied".into(), theme.bad()),
        Standing::Granted {
            delivered: false, ..
        } => ("◐ on its way".into(), theme.warn()),
        Standing::Granted { left, granted, .. } => {
            (format!("◉ {left} of {granted} left"), theme.good())
        }
        Standing::Ended {
            reason: EndReason::Spent,
            granted,
            ..
        } => (format!("▣ spent {granted}/{granted}"), theme.dim()),
        Standing::Ended { reason, .. } => (format!("⊘ {}", ending(*reason)), theme.bad()),
    }
}

fn draw_tile(frame: &mut Frame<'_>, area: Rect, tile: &Tile<'_>, chosen: bool, theme: Theme) {
    let wide = area.width.saturating_sub(1);
    let line = |row: u16| Rect {
        y: area.y + row,
        width: wide,
        height: 1,
        ..area
    };
    if area.height < PREVIEW_ROWS + 2 {
        return;
    }
    let picture = Rect {
        x: area.x + 1,
        width: wide.saturating_sub(1),
        height: PREVIEW_ROWS,
        ..area
    };
    match tile.item.and_then(|item| item.preview.as_ref()) {
        Some(preview) if theme.colour => paint(frame, picture, preview),
        Some(_) => shade(frame, picture, '▒', theme),
        None => shade(frame, picture, '·', theme),
    }
    let columns = usize::from(wide);
    let mark = if chosen { "›" } else { " " };
    let name = format!("{mark}{}", cut(tile.name, columns.saturating_sub(1)));
    let style = if chosen {
        theme.chosen()
    } else {
        theme.plain()
    };
    frame.render_widget(Span::styled(pad(&name, columns), style), line(PREVIEW_ROWS));
    let (text, style) = short(&tile.standing, theme);
    let text = format!(" {}", cut(&text, columns.saturating_sub(1)));
    frame.render_widget(Span::styled(text, style), line(PREVIEW_ROWS + 1));
}

fn shade(frame: &mut Frame<'_>, area: Rect, with: char, theme: Theme) {
    let text = with.to_string().repeat(usize::from(area.width));
    let lines = (0..area.height).map(|_| Line::styled(text.clone(), theme.dim()));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
}

/// Paints a small picture in half cells, its aspect ratio kept, in the middle.
fn paint(frame: &mut Frame<'_>, area: Rect, preview: &Preview) {
    let (wide, high) = (u32::from(area.width), u32::from(area.height) * 2);
    if preview.width == 0 || preview.height == 0 || wide == 0 || high == 0 {
        return;
    }
    let by_width = preview.height * wide / preview.width;
    let (cells, pixels) = if by_width <= high {
        (wide, by_width.max(2))
    } else {
        ((preview.width * high / preview.height).max(1), high)
    };
    let colour = |column: u32, row: u32| {
        let x = column * preview.width / cells;
        let y = (row * preview.height / pixels).min(preview.height - 1);
        let at = ((y * preview.width + x) * 3) as usize;
        match preview.rgb.get(at..at + 3) {
            Some(&[red, green, blue]) => Color::Rgb(red, green, blue),
            _ => Color::Reset,
        }
    };
    let left = area.x + u16::try_from((wide - cells) / 2).unwrap_or(0);
    for row in 0..area.height.min(u16::try_from(pixels / 2).unwrap_or(0)) {
        for column in 0..cells {
            let x = left + u16::try_from(column).unwrap_or(0);
            let style = Style::new()
                .fg(colour(column, u32::from(row) * 2))
                .bg(colour(column, u32::from(row) * 2 + 1));
            if let Some(cell) = frame.buffer_mut().cell_mut((x, area.y + row)) {
                cell.set_char('▀').set_style(style);
            }
        }
    }
}

fn detail(frame: &mut Frame<'_>, area: Rect, tile: &Tile<'_>, model: &Model, theme: Theme) {
    for y in area.top()..area.bottom() {
        let line = Rect::new(area.x, y, 1, 1);
        frame.render_widget(Span::styled("│", theme.frame()), line);
    }
    let place = Rect {
        x: area.x + 2,
        width: area.width.saturating_sub(2),
        ..area
    };
    let columns = usize::from(place.width);
    let bytes = match tile.item {
        Some(item) => size(u64::from(item.size_bytes)),
        None => "not in the gallery".into(),
    };
    let (text, style) = short(&tile.standing, theme);
    let mut lines = vec![
        Line::styled(tile.name.to_owned(), theme.head()),
        Line::styled(bytes, theme.dim()),
        Line::raw(""),
        Line::styled(text, style),
    ];
    for text in story(&tile.standing, model) {
        lines.extend(wrap(&text, columns).into_iter().map(Line::raw));
    }
    lines.push(Line::raw(""));
    let next = match (&tile.standing, &model.gallery.of) {
        (_, None) => "s shares it with a peer",
        (Standing::Granted { .. }, _) => "↵ looks at it: spends 1",
        (Standing::Asked { .. }, _) => "w takes the question back",
        (Standing::Offered, _) => "r asks for looks",
        _ => "r asks for more looks",
    };
    lines.push(Line::styled(next, theme.dim()));
    let lines: Vec<Line<'_>> = lines
        .into_iter()
        .map(|line| shorten(line, columns))
        .collect();
    frame.render_widget(Paragraph::new(lines), place);
}

/// What there is to tell of how a picture stands.
fn story(standing: &Standing, model: &Model) -> Vec<String> {
    let now = model.now;
    match standing {
        Standing::Own { live: 0 } => vec!["nobody has looks at it".into()],
        Standing::Own { live } => vec![format!("{live} grants give looks; see 4 Shared")],
        Standing::Offered => vec!["blurred until it is granted".into()],
        Standing::Asked { views, at } => vec![
            format!("{}, {} ago", looks(*views), away(now, *at)),
            "waits for their word".into(),
        ],
        Standing::Denied { reason } if reason.is_empty() => vec!["without a reason".into()],
        Standing::Denied { reason } => vec![format!("“{reason}”")],
        Standing::Granted {
            until, delivered, ..
        } => {
            let mut lines = vec![match until {
                Some(until) => format!("until {}", clock(now, *until)),
                None => "no end date".into(),
            }];
            lines.push(if *delivered {
                "on this device: works while they are offline".into()
            } else {
                "comes while they are online".into()
            });
            lines
        }
        Standing::Ended { reason, at, .. } => {
            let why = match reason {
                EndReason::Spent => "all looks are used",
                EndReason::Expired => "its date has passed",
                EndReason::Revoked => "its owner took it back",
                EndReason::Copied => "two copies of the client were used",
            };
            vec![why.into(), clock(now, *at)]
        }
    }
}
