//! Typing a text, and what is done with it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::event::Order;
use super::super::model::Model;
use super::super::model::errand::Purpose;
use super::super::model::prompt::{Asking, Prompt};
use super::super::model::tray::looks;
use super::{act, command, first, transfer};
use crate::proto::control::Command;
use crate::proto::ids::GrantId;
use crate::proto::lease::Change;
use crate::proto::letter::ImageRef;
use crate::proto::limits::{NAME_MAX_BYTES, REMARK_MAX_BYTES, VIEWS_MAX};
use crate::proto::pairing;
use crate::terminal::when;
use crate::time::WallTime;

pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Order> {
    let Some(prompt) = model.prompt.as_mut() else {
        return Vec::new();
    };
    match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Esc, _) => return give_up(model),
        (KeyCode::Enter, _) => return enter(model),
        (KeyCode::Char('u'), true) => prompt.clear(),
        (KeyCode::Char('a'), true) | (KeyCode::Home, _) => prompt.home(),
        (KeyCode::Char('e'), true) | (KeyCode::End, _) => prompt.end(),
        (KeyCode::Char(c), false) => prompt.insert(c.encode_utf8(&mut [0; 4])),
        (KeyCode::Backspace, _) => prompt.rub_out(),
        (KeyCode::Delete, _) => prompt.delete(),
        (KeyCode::Left, _) => prompt.left(),
        (KeyCode::Right, _) => prompt.right(),
        _ => {}
    }
    if prompt.asking == Asking::Filter {
        model.filter = prompt.text();
    }
    Vec::new()
}

fn give_up(model: &mut Model) -> Vec<Order> {
    let Some(prompt) = model.prompt.take() else {
        return Vec::new();
    };
    if prompt.asking == Asking::Filter {
        model.filter.clear();
    }
    if matches!(prompt.asking, Asking::Name | Asking::Servers) {
        return first::back(model);
    }
    Vec::new()
}

/// The text is ready. What is wrong with it is said beside it, and it stays.
fn enter(model: &mut Model) -> Vec<Order> {
    let Some(prompt) = model.prompt.take() else {
        return Vec::new();
    };
    model.message = None;
    match taken(model, &prompt) {
        Ok(orders) => orders,
        Err(wrong) => {
            let mut prompt = prompt;
            prompt.wrong = Some(wrong);
            model.prompt = Some(prompt);
            Vec::new()
        }
    }
}

fn taken(model: &mut Model, prompt: &Prompt) -> Result<Vec<Order>, String> {
    let text = prompt.text();
    let text = text.trim();
    Ok(match prompt.asking.clone() {
        Asking::Name => first::named(model, &name(text)?),
        Asking::Servers => first::servers_named(model, text),
        Asking::Filter => Vec::new(),
        Asking::Command => command::run(model, text)?,
        Asking::Code => add(model, text)?,
        Asking::Looks { peer, image } => {
            let views = views(text)?;
            let what = format!("asked @{peer} for {} at {image}", looks(views));
            let command = Command::Ask {
                peer,
                image: ImageRef::Name(image),
                views,
                remark: String::new(),
                wait_ms: 0,
            };
            act::act(model, what, command)
        }
        Asking::Approve(ask) => {
            let views = views(text)?;
            decide(model, ask.hex(), Some(views), String::new())
        }
        Asking::Deny(ask) => {
            let bytes = text.len();
            if bytes > REMARK_MAX_BYTES {
                return Err(format!("{bytes} bytes; at most {REMARK_MAX_BYTES}"));
            }
            decide(model, ask.hex(), None, text.to_owned())
        }
        Asking::Set(grant) => {
            let views = number(text, 0)?;
            changed(model, grant, Change::Set(views))
        }
        Asking::Until(grant) => {
            let until = until(text, model.now)?;
            changed(model, grant, Change::Until(until))
        }
        Asking::Encrypt => {
            let is_list = text.to_lowercase().ends_with(".txt");
            let purpose = if is_list {
                Purpose::HideList
            } else {
                Purpose::Hide
            };
            transfer::begin(model, purpose, file(text)?.into())
        }
        Asking::Offer => transfer::begin(model, Purpose::Offer, file(text)?.into()),
        Asking::ShareOwn(image) => {
            let (peer, count) = text.split_once(' ').ok_or("like: @bob 3")?;
            let to = peer.trim_start_matches('@').to_owned();
            transfer::share_own(model, image, to, views(count.trim())?)
        }
        Asking::ShareFile(to) => {
            let (path, count) = text.rsplit_once(' ').ok_or("like: cat.jpg 3")?;
            let views = views(count)?;
            transfer::begin(model, Purpose::Share { to, views }, file(path)?.into())
        }
    })
}

fn decide(model: &mut Model, ask: String, views: Option<u32>, reason: String) -> Vec<Order> {
    let what = match views {
        Some(views) => format!("granted {}", looks(views)),
        None => "denied".into(),
    };
    let command = Command::Decide { ask, views, reason };
    act::act(model, what, command)
}

fn changed(model: &mut Model, grant: GrantId, change: Change) -> Vec<Order> {
    let what = match change {
        Change::Until(Some(until)) => format!("until {until}"),
        Change::Until(None) => "no end date".into(),
        _ => "set".into(),
    };
    act::adjust(model, grant, change, &what)
}

/// A date to come, or `none`.
fn until(text: &str, now: WallTime) -> Result<Option<WallTime>, String> {
    if matches!(text, "none" | "-") {
        return Ok(None);
    }
    let until = when::parse(text, now).map_err(|error| error.to_string())?;
    if until <= now {
        return Err("that has passed; x revokes".into());
    }
    Ok(Some(until))
}

/// Adds the peer of a code.
pub(super) fn add(model: &mut Model, code: &str) -> Result<Vec<Order>, String> {
    pairing::parse(code).map_err(|error| error.to_string())?;
    let command = Command::AddPeer(code.to_owned());
    Ok(act::act(model, String::new(), command))
}

fn name(text: &str) -> Result<String, String> {
    let name = text.trim_start_matches('@');
    let fits = !name.is_empty() && name.len() <= NAME_MAX_BYTES;
    let plain = name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if fits && plain {
        Ok(name.to_owned())
    } else {
        Err("letters, digits, - _ and . only, at most 64 bytes".into())
    }
}

/// A path that was typed.
pub(super) fn file(text: &str) -> Result<&str, String> {
    let path = text.trim().trim_matches(['"', '\'']);
    if path.is_empty() {
        return Err("type the path of a file".into());
    }
    Ok(path)
}

/// How many looks.
pub(super) fn views(text: &str) -> Result<u32, String> {
    number(text, 1)
}

fn number(text: &str, least: u32) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|views| (least..=VIEWS_MAX).contains(views))
        .ok_or_else(|| format!("a number from {least} to {VIEWS_MAX}"))
}
