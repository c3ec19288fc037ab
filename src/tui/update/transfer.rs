//! Files on their way: read, hidden or shared, written.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::super::event::{Order, Tag};
use super::super::model::Model;
use super::super::model::errand::{Errand, Purpose};
use super::super::model::transfer::Transfer;
use super::super::model::tray::looks;
use crate::proto::control::{Carrier, Command, Failure, Outcome, Reason};
use crate::proto::lease::Conditions;

/// Most files of one list.
const LIST_MAX: usize = 1_000;

/// Reads a file for a purpose; all but offering show the transfer.
pub(super) fn begin(model: &mut Model, purpose: Purpose, path: PathBuf) -> Vec<Order> {
    if path.as_os_str().is_empty() {
        model.bad(Failure::new(
            Reason::Usage,
            "no file is named",
            "type a path",
        ));
        return Vec::new();
    }
    if purpose == Purpose::Offer {
        return vec![Order::Read(model.tag(Errand::Read(purpose)), path)];
    }
    if model.transfer.as_ref().is_some_and(Transfer::runs) {
        model.bad(Failure::new(
            Reason::Busy,
            "another transfer is still running",
            "wait for it, or press t and then c to cancel it",
        ));
        return Vec::new();
    }
    let name = file_name(&path);
    let title = match &purpose {
        Purpose::Share { to, views } => format!("Share {name} with @{to}, {}", looks(*views)),
        Purpose::HideList => format!("Hide the pictures listed in {name}"),
        Purpose::Hide | Purpose::Offer => format!("Hide {name}"),
    };
    let tag = model.tag(Errand::Read(purpose));
    model.transfer = Some(Transfer::new(tag, title, path.clone(), model.now));
    vec![Order::Read(tag, path)]
}

/// Shares a picture of the own gallery.
pub(super) fn share_own(model: &mut Model, name: String, to: String, views: u32) -> Vec<Order> {
    if model.transfer.as_ref().is_some_and(Transfer::runs) {
        return begin(model, Purpose::Share { to, views }, PathBuf::from(name));
    }
    let title = format!("Share {name} with @{to}, {}", looks(views));
    let command = Command::Share {
        name: name.clone(),
        original: None,
        to,
        views,
        conditions: Conditions::STRICT,
        carrier: Carrier::default(),
        keep_metadata: false,
    };
    let tag = model.tag(Errand::Transfer);
    let mut transfer = Transfer::new(tag, title, PathBuf::from(name), model.now);
    transfer.begin("asking the servers", None, model.now);
    model.transfer = Some(transfer);
    vec![Order::Wish(tag, command)]
}

/// A file was read, or not.
pub(super) fn file_read(
    model: &mut Model,
    tag: Tag,
    read: Result<(PathBuf, Bytes), Failure>,
) -> Vec<Order> {
    let Some(Errand::Read(purpose)) = model.errands.remove(&tag) else {
        return Vec::new();
    };
    let (path, original) = match read {
        Ok(read) => read,
        Err(failure) => {
            match model.transfer.as_mut().filter(|one| one.tag == tag) {
                Some(transfer) => transfer.fail(failure),
                None => model.bad(failure),
            }
            return Vec::new();
        }
    };
    let name = file_name(&path);
    match purpose {
        Purpose::Offer => {
            let offer = Command::Offer {
                name,
                original,
                keep_metadata: false,
            };
            vec![model.wish(Errand::Act("offered".into()), offer)]
        }
        Purpose::HideList => read_list(model, &path, &original),
        Purpose::Hide => {
            let hide = Command::Hide {
                name,
                original,
                carrier: Carrier::default(),
            };
            wish(model, hide)
        }
        Purpose::Share { to, views } => {
            let share = Command::Share {
                name,
                original: Some(original),
                to,
                views,
                conditions: Conditions::STRICT,
                carrier: Carrier::default(),
                keep_metadata: false,
            };
            wish(model, share)
        }
    }
}

/// The wish of the shown transfer.
fn wish(model: &mut Model, command: Command) -> Vec<Order> {
    let now = model.now;
    let tag = model.tag(Errand::Transfer);
    if let Some(transfer) = model.transfer.as_mut() {
        transfer.tag = tag;
        transfer.begin("asking the servers", None, now);
    }
    vec![Order::Wish(tag, command)]
}

/// Paths of a list, one a line; relative ones start where the list is.
fn read_list(model: &mut Model, list: &Path, bytes: &[u8]) -> Vec<Order> {
    let text = String::from_utf8_lossy(bytes);
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut paths: Vec<PathBuf> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .take(LIST_MAX + 1)
        .map(|line| folder.join(line))
        .collect();
    let Some(transfer) = model.transfer.as_mut() else {
        return Vec::new();
    };
    if paths.is_empty() || paths.len() > LIST_MAX {
        transfer.fail(Failure::new(
            Reason::Usage,
            format!("the list names no picture, or more than {LIST_MAX}"),
            "one path a line; lines that begin with # are skipped",
        ));
        return Vec::new();
    }
    paths.reverse();
    transfer.queue.total = paths.len();
    transfer.queue.waiting = paths;
    next(model)
}

/// Reads the next file of the list.
fn next(model: &mut Model) -> Vec<Order> {
    let now = model.now;
    let Some(transfer) = model.transfer.as_mut() else {
        return Vec::new();
    };
    let Some(path) = transfer.queue.waiting.pop() else {
        return Vec::new();
    };
    let (number, total) = (transfer.queue.written + 1, transfer.queue.total);
    transfer.title = format!("Hide {} ({number} of {total})", file_name(&path));
    transfer.source.clone_from(&path);
    transfer.begin("reading the file", None, now);
    let tag = model.tag(Errand::Read(Purpose::Hide));
    if let Some(transfer) = model.transfer.as_mut() {
        transfer.tag = tag;
    }
    vec![Order::Read(tag, path)]
}

/// The wish of the shown transfer is fulfilled.
pub(super) fn done(model: &mut Model, outcome: Outcome) -> Vec<Order> {
    match outcome {
        Outcome::Hidden { picture, .. } => {
            let tag = model.tag(Errand::Write);
            let now = model.now;
            let Some(transfer) = model.transfer.as_mut() else {
                return Vec::new();
            };
            transfer.tag = tag;
            transfer.begin("writing the picture", None, now);
            let path = transfer.source.with_extension("hidden.png");
            vec![Order::Write(tag, path, picture)]
        }
        Outcome::Shared {
            delivered, removed, ..
        } => {
            let title = model
                .transfer
                .take()
                .map_or_else(String::new, |one| one.title);
            let went = if delivered {
                "they have it"
            } else {
                "it follows when they are online"
            };
            let taken = if removed.is_empty() {
                String::new()
            } else {
                format!("; taken out: {}", removed.join(", "))
            };
            model.good(format!("{title}: done, {went}{taken}"));
            model.refresh()
        }
        _ => Vec::new(),
    }
}

/// The result is on disk, or not.
pub(super) fn file_written(
    model: &mut Model,
    tag: Tag,
    written: Result<PathBuf, Failure>,
) -> Vec<Order> {
    if model.errands.remove(&tag).is_none() {
        return Vec::new();
    }
    let Some(transfer) = model.transfer.as_mut() else {
        return Vec::new();
    };
    match written {
        Err(failure) => transfer.fail(failure),
        Ok(_) if !transfer.queue.waiting.is_empty() => {
            transfer.queue.written += 1;
            return next(model);
        }
        Ok(path) => {
            let total = transfer.queue.total;
            model.transfer = None;
            model.good(if total > 1 {
                format!(
                    "{total} pictures are hidden; the last is {}",
                    path.display()
                )
            } else {
                format!("hidden in {}", path.display())
            });
        }
    }
    Vec::new()
}

/// Gives the transfer up.
pub(super) fn cancel(model: &mut Model) -> Vec<Order> {
    let Some(transfer) = model.transfer.take() else {
        return Vec::new();
    };
    model.good(format!("{}: cancelled", transfer.title));
    match model.errands.remove(&transfer.tag) {
        Some(Errand::Transfer) => vec![Order::Cancel(transfer.tag)],
        _ => Vec::new(),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
