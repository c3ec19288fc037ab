//! Where a key goes: to the look, to what covers the screen, to the text that is typed, or to the
//! screen.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::super::event::Order;
use super::super::model::errand::Errand;
use super::super::model::prompt::{Asking, Prompt};
use super::super::model::{Model, Overlay, SIZE_MIN, Tab};
use super::{act, first, look, prompt, quit, transfer};
use crate::proto::control::Command;
use crate::proto::lease::Change;

/// Rows that a page key moves by.
const PAGE_ROWS: usize = 10;

pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Order> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
        let mut orders = look::leave(model);
        orders.push(Order::Quit);
        return orders;
    }
    if model.look.is_some() {
        return look::close(model);
    }
    if model.size.0 < SIZE_MIN.0 || model.size.1 < SIZE_MIN.1 {
        return if key.code == KeyCode::Char('q') && model.prompt.is_none() {
            vec![Order::Quit]
        } else {
            Vec::new()
        };
    }
    if let Some(overlay) = model.overlay.clone() {
        return over(model, &overlay, key);
    }
    if model.prompt.is_some() {
        return prompt::key(model, key);
    }
    if model.transfer.as_ref().is_some_and(|one| !one.behind) {
        return transfer_key(model, key);
    }
    if model.first.is_some() {
        return first::key(model, key);
    }
    model.message = None;
    global(model, key).unwrap_or_else(|| act::key(model, key))
}

/// Keys of what covers the screen.
fn over(model: &mut Model, overlay: &Overlay, key: KeyEvent) -> Vec<Order> {
    model.overlay = None;
    let yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
    let no = matches!(key.code, KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc);
    match overlay {
        Overlay::Menu => return menu(model, key.code),
        Overlay::Spend(grant) if yes => return look::open(model, *grant),
        Overlay::Revoke(grant) if yes => {
            return act::adjust(model, *grant, Change::Revoke, "revoked");
        }
        Overlay::Quit if yes => return vec![Order::Quit],
        Overlay::Spend(_) | Overlay::Revoke(_) | Overlay::Quit if !no => {
            model.overlay = Some(overlay.clone());
        }
        _ => {}
    }
    Vec::new()
}

/// What one can do, by number.
fn menu(model: &mut Model, code: KeyCode) -> Vec<Order> {
    match code {
        KeyCode::Char('1') => model.prompt = Some(Prompt::new(Asking::Encrypt)),
        KeyCode::Char('2') => return go(model, Tab::Peers),
        KeyCode::Char('3') => return go(model, Tab::Shared),
        KeyCode::Char('4') => return go(model, Tab::View),
        KeyCode::Char('5') => return go(model, Tab::Requests),
        KeyCode::Char('6') => return quit(model),
        KeyCode::Esc | KeyCode::Char('m' | 'q') => {}
        _ => model.overlay = Some(Overlay::Menu),
    }
    Vec::new()
}

fn transfer_key(model: &mut Model, key: KeyEvent) -> Vec<Order> {
    let Some(shown) = model.transfer.as_mut() else {
        return Vec::new();
    };
    if !shown.runs() {
        model.transfer = None;
        return Vec::new();
    }
    match key.code {
        KeyCode::Char('c') => return transfer::cancel(model),
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => shown.behind = true,
        _ => {}
    }
    Vec::new()
}

/// Keys that mean the same on every screen.
fn global(model: &mut Model, key: KeyEvent) -> Option<Vec<Order>> {
    let row = columns(model) as isize;
    match key.code {
        KeyCode::Char(digit @ '1'..='6') => {
            let tab = Tab::ALL[usize::from(digit as u8 - b'1')];
            return Some(go(model, tab));
        }
        KeyCode::Tab => return Some(go(model, beside(model.tab, 1))),
        KeyCode::BackTab => return Some(go(model, beside(model.tab, 5))),
        KeyCode::Char('m') => model.overlay = Some(Overlay::Menu),
        KeyCode::Char('?') | KeyCode::F(1) => model.overlay = Some(Overlay::Help),
        KeyCode::Char('/') => {
            model.prompt = Some(Prompt::with(Asking::Filter, &model.filter));
        }
        KeyCode::Char(':') => model.prompt = Some(Prompt::new(Asking::Command)),
        KeyCode::Char('t') => {
            if let Some(transfer) = model.transfer.as_mut() {
                transfer.behind = false;
            }
        }
        KeyCode::Char('q') | KeyCode::Esc => return Some(back(model, key.code)),
        KeyCode::Up | KeyCode::Char('k') => step(model, -row),
        KeyCode::Down | KeyCode::Char('j') => step(model, row),
        KeyCode::Left if model.tab == Tab::Gallery => step(model, -1),
        KeyCode::Right if model.tab == Tab::Gallery => step(model, 1),
        KeyCode::PageUp => step(model, -(PAGE_ROWS as isize)),
        KeyCode::PageDown => step(model, PAGE_ROWS as isize),
        KeyCode::Home => step(model, isize::MIN / 2),
        KeyCode::End => step(model, isize::MAX / 2),
        _ => return None,
    }
    Some(Vec::new())
}

/// Rows of the gallery are as wide as the screen lets them be.
fn columns(model: &Model) -> usize {
    if model.tab == Tab::Gallery {
        super::super::view::gallery_columns(model.size.0)
    } else {
        1
    }
}

fn step(model: &mut Model, by: isize) {
    let last = model.rows().saturating_sub(1);
    let row = model.row().saturating_add_signed(by).min(last);
    model.chosen[model.tab as usize] = row;
}

fn beside(tab: Tab, by: usize) -> Tab {
    Tab::ALL[(tab as usize + by) % Tab::ALL.len()]
}

/// Shows a screen.
pub(super) fn go(model: &mut Model, tab: Tab) -> Vec<Order> {
    if tab != model.tab {
        model.filter.clear();
    }
    model.tab = tab;
    if tab == Tab::Requests {
        model.unread = 0;
    }
    if tab == Tab::Gallery {
        model.gallery.failed = None;
        return model.ask_gallery().into_iter().collect();
    }
    Vec::new()
}

/// One step back: out of the filter, out of a gallery, out of the program.
fn back(model: &mut Model, code: KeyCode) -> Vec<Order> {
    if !model.filter.is_empty() {
        model.filter.clear();
        return Vec::new();
    }
    if model.tab == Tab::Gallery && model.gallery.of.is_some() {
        return go(model, Tab::Peers);
    }
    if code == KeyCode::Esc {
        return Vec::new();
    }
    quit(model)
}

/// Fetches what happened to a grant.
pub(super) fn log(model: &mut Model, title: String, grant: String) -> Vec<Order> {
    model.overlay = Some(Overlay::Log(title, None));
    vec![model.wish(Errand::Log, Command::Ledger(Some(grant)))]
}
