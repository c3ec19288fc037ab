//! The first run.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::model::{First, Model};
use super::super::theme::Theme;
use super::widgets::{fitting, panel, shorten};
use crate::proto::ids::UserId;
use crate::proto::pairing;
use crate::terminal::qr;

/// Smallest terminal on which the code is drawn as a picture.
const QR_SIZE: (u16, u16) = (80, 24);
/// Rows that such a terminal leaves for it.
const QR_ROWS: usize = 19;

pub(super) fn draw(
    frame: &mut Frame<'_>,
    top: Rect,
    body: Rect,
    bottom: Rect,
    model: &Model,
    theme: Theme,
) {
    let Some(first) = &model.first else {
        return;
    };
    let head = Line::styled(" pentimento · first run", theme.head());
    frame.render_widget(head, top);
    let (title, lines, keys): (&str, Vec<Line<'_>>, &[(&str, &str)]) = match first {
        First::Name => (
            "Welcome",
            welcome(theme),
            &[("↵", "go on"), ("Esc", "leave")],
        ),
        First::Servers(name) => (
            "Servers",
            vec![
                Line::raw(format!("No servers were found for @{name}.")),
                Line::raw(""),
                Line::raw("Type the file with the list of servers that you were given,"),
                Line::raw("or nothing to try the cluster of this computer again."),
            ],
            &[("↵", "go on"), ("Esc", "another name")],
        ),
        First::Making(name) => (
            "Your key",
            vec![Line::raw(format!("◌ making a key for @{name}…"))],
            &[("Ctrl-C", "leave")],
        ),
        First::Words => {
            let lines = match &model.status {
                None => vec![Line::raw("asking the node…")],
                Some(status) => code_lines(&status.name, &status.user, frame.area(), theme),
            };
            ("This is you", lines, &[("↵", "go on")])
        }
        First::Samples => (
            "Samples",
            vec![
                Line::raw("Offer two sample pictures? y/n"),
                Line::raw(""),
                Line::styled("Peers see them blurred in your gallery", theme.dim()),
                Line::styled("and may ask you for looks.", theme.dim()),
            ],
            &[("y", "offer them"), ("n", "start empty")],
        ),
    };
    let inner = panel(frame, body, theme, title, &[]);
    let place = placed(inner, lines.len());
    let columns = usize::from(place.width);
    let lines: Vec<Line<'_>> = lines
        .into_iter()
        .map(|line| shorten(line, columns))
        .collect();
    frame.render_widget(Paragraph::new(lines), place);
    frame.render_widget(fitting(theme, keys, bottom.width), bottom);
}

/// Where so many lines go: near the top, with a margin.
fn placed(inner: Rect, lines: usize) -> Rect {
    let high = u16::try_from(lines).unwrap_or(0);
    Rect {
        x: inner.x + 2,
        y: inner.y + inner.height.saturating_sub(high).min(4) / 2,
        width: inner.width.saturating_sub(4),
        height: high.min(inner.height),
    }
}

fn welcome(theme: Theme) -> Vec<Line<'static>> {
    vec![
        Line::styled(
            "Share a picture for a counted number of looks.",
            theme.head(),
        ),
        Line::raw(""),
        Line::raw("Choose a name: others find you by it. A key is made"),
        Line::raw("for you and stays on this computer."),
        Line::raw(""),
        Line::styled("letters, digits, - _ and .", theme.dim()),
    ]
}

/// The words and the code of a user: as a picture with words beside it where there is room.
pub(super) fn code_lines(
    name: &str,
    user: &UserId,
    screen: Rect,
    theme: Theme,
) -> Vec<Line<'static>> {
    let words = pairing::words(user);
    let code = pairing::code(name, user);
    let mut beside = vec![
        Line::styled(format!("@{name}"), theme.head()),
        Line::raw(""),
        Line::styled("your words", theme.dim()),
        Line::raw(words[..3].join(" ")),
        Line::raw(words[3..].join(" ")),
        Line::raw(""),
        Line::styled("your code, for others to add you", theme.dim()),
    ];
    let pieces: Vec<String> = code
        .as_bytes()
        .chunks(24)
        .map(|piece| String::from_utf8_lossy(piece).into_owned())
        .collect();
    beside.extend(pieces.into_iter().map(Line::raw));
    let fits = screen.width >= QR_SIZE.0 && screen.height >= QR_SIZE.1;
    let drawn = fits.then(|| qr::blocks_within(&code, QR_ROWS)).flatten();
    let Some(drawn) = drawn else {
        return beside;
    };
    let style = if theme.colour {
        Style::new().fg(Color::White).bg(Color::Black)
    } else {
        Style::new()
    };
    let mut beside = beside.into_iter();
    drawn
        .lines()
        .enumerate()
        .map(|(number, row)| {
            let mut spans = vec![Span::styled(row.to_owned(), style), Span::raw("   ")];
            if number > 0
                && let Some(line) = beside.next()
            {
                let base = line.style;
                spans.extend(line.spans.into_iter().map(|span| span.patch_style(base)));
            }
            Line::from(spans)
        })
        .collect()
}
