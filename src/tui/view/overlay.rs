//! What covers the screen: help, menu, questions, a log, a transfer.

use ratatui::Frame;
use ratatui::text::{Line, Span};

use super::super::model::gallery::end_of;
use super::super::model::transfer::Transfer;
use super::super::model::tray::looks;
use super::super::model::{Model, Overlay};
use super::super::theme::Theme;
use super::super::update::COMMANDS;
use super::first::code_lines;
use super::widgets::{dialog, pad, wrap};
use crate::terminal::text::size;

/// Columns of a bar, and of a text in a box.
const BAR: usize = 44;
const TEXT: usize = 52;

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, theme: Theme) {
    if let Some(transfer) = model.transfer.as_ref().filter(|one| !one.behind) {
        draw_transfer(frame, transfer, model, theme);
    }
    match &model.overlay {
        None => {}
        Some(Overlay::Help) => help(frame, theme),
        Some(Overlay::Menu) => menu(frame, theme),
        Some(Overlay::Mine) => mine(frame, model, theme),
        Some(Overlay::Spend(grant)) => {
            let Some(lease) = model.lease(*grant) else {
                return;
            };
            let left = if end_of(lease, model.now).is_some() {
                0
            } else {
                lease.left()
            };
            let mut lines = vec![
                Line::raw(format!("{} from @{}", lease.name, lease.peer)),
                Line::raw(""),
                Line::styled(format!("{left} left, spend 1?"), theme.warn()),
            ];
            if let Some(show_ms) = lease.conditions.show_ms {
                let seconds = show_ms.div_ceil(1_000);
                lines.push(Line::raw(format!("It closes by itself after {seconds}s.")));
            }
            let keys = [("y", "spend"), ("n", "keep")];
            dialog(frame, theme, "A look", lines, &keys);
        }
        Some(Overlay::Revoke(grant)) => {
            let Some(lease) = model.lease(*grant) else {
                return;
            };
            let lines = vec![
                Line::raw(format!("Take {} back from @{}?", lease.name, lease.peer)),
                Line::styled(
                    format!("{} left; this is for good", looks(lease.left())),
                    theme.warn(),
                ),
            ];
            let keys = [("y", "revoke"), ("n", "keep")];
            dialog(frame, theme, "Revoke", lines, &keys);
        }
        Some(Overlay::Quit) => {
            let lines = vec![
                Line::raw("A transfer is still running."),
                Line::raw("Leave now and give it up?"),
            ];
            dialog(
                frame,
                theme,
                "Leave",
                lines,
                &[("y", "leave"), ("n", "stay")],
            );
        }
        Some(Overlay::Log(title, lines)) => log(frame, title, lines.as_deref(), theme),
    }
}

fn menu(frame: &mut Frame<'_>, theme: Theme) {
    let entries = [
        ("1", "encrypt", "a picture, or those a .txt file lists"),
        ("2", "directory", "who is there"),
        ("3", "edit access", "what you shared"),
        ("4", "view image", "what was granted to you"),
        ("5", "view requests", "questions and the mailbox"),
        ("6", "quit", ""),
    ];
    let lines = entries
        .iter()
        .map(|(key, name, what)| {
            Line::from(vec![
                Span::styled(format!("{key}  "), theme.key()),
                Span::raw(pad(name, 15)),
                Span::styled(*what, theme.dim()),
            ])
        })
        .collect();
    dialog(
        frame,
        theme,
        "Menu",
        lines,
        &[("1-6", "choose"), ("Esc", "close")],
    );
}

fn help(frame: &mut Frame<'_>, theme: Theme) {
    let short = frame.area().height < 24;
    let rows = [
        ("1-6 Tab", "screens"),
        ("↑ ↓ j k", "move; in the gallery ← → too"),
        ("m", "menu: encrypt, directory, access, view, requests"),
        ("/", "filter the list; Esc clears it"),
        (":", "command, see below"),
        ("t", "show the running transfer"),
        ("q Esc", "one step back; q leaves at the end"),
        ("Ctrl-C", "leave at once"),
    ];
    let row = |key: &str, what: &str, wide: usize| {
        Line::from(vec![
            Span::styled(pad(key, wide), theme.key()),
            Span::raw(what.to_owned()),
        ])
    };
    let mut lines: Vec<Line<'_>> = rows.iter().map(|(key, what)| row(key, what, 10)).collect();
    if !short {
        lines.push(Line::raw(""));
    }
    let commands = COMMANDS
        .iter()
        .filter(|(name, _)| !short || name.contains("FILE"));
    lines.extend(commands.map(|(name, what)| row(name, what, 22)));
    if !short {
        lines.push(Line::raw(""));
        let text = "A look counts when its picture is on the screen, never before.";
        lines.push(Line::styled(text, theme.dim()));
    }
    dialog(frame, theme, "Help", lines, &[("any key", "closes")]);
}

fn mine(frame: &mut Frame<'_>, model: &Model, theme: Theme) {
    let lines = match &model.status {
        None => vec![Line::raw("asking the node…")],
        Some(status) => code_lines(&status.name, &status.user, frame.area(), theme),
    };
    dialog(
        frame,
        theme,
        "Your words and code",
        lines,
        &[("any key", "closes")],
    );
}

fn log(frame: &mut Frame<'_>, title: &str, lines: Option<&[String]>, theme: Theme) {
    let room = usize::from(frame.area().height.saturating_sub(8)).max(1);
    let shown: Vec<Line<'_>> = match lines {
        None => vec![Line::raw("asking the node…")],
        Some([]) => vec![Line::raw("nothing happened yet")],
        Some(lines) => lines[lines.len().saturating_sub(room)..]
            .iter()
            .map(|line| Line::raw(line.clone()))
            .collect(),
    };
    let title = format!("Log · {title}");
    dialog(frame, theme, &title, shown, &[("any key", "closes")]);
}

fn draw_transfer(frame: &mut Frame<'_>, transfer: &Transfer, model: &Model, theme: Theme) {
    let mut lines: Vec<Line<'_>> = wrap(&transfer.title, TEXT)
        .into_iter()
        .map(|line| Line::styled(line, theme.head()))
        .collect();
    lines.push(Line::raw(""));
    if let Some(failure) = &transfer.failure {
        let what = wrap(&format!("✗ {}", failure.message), TEXT);
        lines.extend(what.into_iter().map(|line| Line::styled(line, theme.bad())));
        let hint = wrap(&format!("help: {}", failure.hint), TEXT);
        lines.extend(
            hint.into_iter()
                .map(|line| Line::styled(line, theme.warn())),
        );
        if transfer.queue.total > 0 {
            let (written, total) = (transfer.queue.written, transfer.queue.total);
            let text = format!("{written} of {total} pictures are hidden and written");
            lines.push(Line::raw(text));
        }
        dialog(
            frame,
            theme,
            "Transfer failed",
            lines,
            &[("any key", "closes")],
        );
        return;
    }
    let server = transfer.server.as_deref().unwrap_or("–");
    let lost = match transfer.epoch {
        0 => String::new(),
        lost => format!(", resumed after {lost} lost"),
    };
    lines.push(Line::raw(pad(transfer.phase, TEXT)));
    lines.push(bar(transfer.bytes, theme));
    let (bytes, chunks) = match (transfer.bytes, transfer.chunks()) {
        (Some((done, total)), Some((chunk, chunks))) => {
            let of = |bytes: u32| size(u64::from(bytes));
            let rate = transfer.rate(model.now);
            let rate = rate.map_or(String::new(), |rate| format!(" · {}/s", size(rate)));
            (
                format!("{} of {}{rate}", of(done), of(total)),
                format!("chunk {chunk} of {chunks}"),
            )
        }
        _ => ("–".into(), "–".into()),
    };
    lines.push(Line::raw(bytes));
    lines.push(Line::styled(chunks, theme.dim()));
    lines.push(Line::styled(format!("server {server}{lost}"), theme.dim()));
    dialog(
        frame,
        theme,
        "Transfer",
        lines,
        &[("c", "cancel"), ("Esc", "to the background")],
    );
}

/// A bar with its percentage; empty while nothing is counted.
fn bar(bytes: Option<(u32, u32)>, theme: Theme) -> Line<'static> {
    let (done, total) = bytes.unwrap_or((0, 0));
    let share = |of: u64| u64::from(done) * of / u64::from(total.max(1));
    let full = usize::try_from(share(BAR as u64)).unwrap_or(0).min(BAR);
    let percent = match bytes {
        None => "   ".into(),
        Some(_) => format!(" {:>3} %", share(100).min(100)),
    };
    Line::from(vec![
        Span::styled("█".repeat(full), theme.good()),
        Span::styled("░".repeat(BAR - full), theme.dim()),
        Span::raw(percent),
    ])
}
