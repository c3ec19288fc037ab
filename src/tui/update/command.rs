//! The commands of the command line.

use super::super::event::Order;
use super::super::model::errand::Purpose;
use super::super::model::{Model, Overlay};
use super::{prompt, quit, transfer};

/// All commands, with what they take and do.
pub(in super::super) const COMMANDS: [(&str, &str); 7] = [
    (":share FILE @PEER N", "share a picture for N looks"),
    (":offer FILE", "put a picture into your gallery"),
    (":hide FILE", "hide a picture for yourself"),
    (
        ":hide-list FILE",
        "hide every picture that a text file lists",
    ),
    (":add CODE", "add the peer of a code"),
    (":help", "all keys"),
    (":quit", "leave"),
];

/// Does what the line says.
pub(super) fn run(model: &mut Model, line: &str) -> Result<Vec<Order>, String> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match verb {
        "" => {}
        "share" => {
            let usage = "like: share FILE @PEER N";
            let (rest, count) = rest.rsplit_once(' ').ok_or(usage)?;
            let (path, peer) = rest.trim().rsplit_once(' ').ok_or(usage)?;
            let to = peer.trim_start_matches('@').to_owned();
            let views = prompt::views(count)?;
            let path = prompt::file(path)?.into();
            return Ok(transfer::begin(model, Purpose::Share { to, views }, path));
        }
        "offer" => return begin(model, Purpose::Offer, rest),
        "hide" => return begin(model, Purpose::Hide, rest),
        "hide-list" => return begin(model, Purpose::HideList, rest),
        "add" => return prompt::add(model, rest),
        "help" => model.overlay = Some(Overlay::Help),
        "q" | "quit" => return Ok(quit(model)),
        _ => return Err("unknown; ? lists all commands".into()),
    }
    Ok(Vec::new())
}

fn begin(model: &mut Model, purpose: Purpose, path: &str) -> Result<Vec<Order>, String> {
    Ok(transfer::begin(model, purpose, prompt::file(path)?.into()))
}
