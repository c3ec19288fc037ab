//! What the keys of each screen do with its chosen row.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::event::Order;
use super::super::model::errand::Errand;
use super::super::model::gallery::{Standing, end_of};
use super::super::model::prompt::{Asking, Prompt};
use super::super::model::tray::{ending, looks};
use super::super::model::{Model, Overlay, Tab};
use super::keys::{go, log};
use crate::proto::control::{AskState, Command, Failure, Lease, Reason};
use crate::proto::ids::GrantId;
use crate::proto::lease::Change;

pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Order> {
    match model.tab {
        Tab::Peers => peers(model, key.code),
        Tab::Gallery => gallery(model, key.code),
        Tab::View => received(model, key.code),
        Tab::Shared => given(model, key.code),
        Tab::Requests => requests(model, key.code),
        Tab::Cluster => Vec::new(),
    }
}

fn peers(model: &mut Model, code: KeyCode) -> Vec<Order> {
    match code {
        KeyCode::Char('a') => model.prompt = Some(Prompt::new(Asking::Code)),
        KeyCode::Char('w') => model.overlay = Some(Overlay::Mine),
        _ => {}
    }
    let row = model.row();
    let Some(peer) = model.peers_listed().get(row).map(|peer| (*peer).clone()) else {
        return Vec::new();
    };
    match code {
        KeyCode::Enter | KeyCode::Char('g') => show_gallery(model, Some(peer.name)),
        KeyCode::Char('s') => {
            model.prompt = Some(Prompt::new(Asking::ShareFile(peer.name)));
            Vec::new()
        }
        KeyCode::Char('v') => {
            let on = !peer.verified;
            let what = if on { "verified" } else { "not verified" };
            let command = Command::Verify {
                peer: peer.name.clone(),
                on,
            };
            act(model, format!("@{} is {what} now", peer.name), command)
        }
        KeyCode::Char('b') => {
            let on = !peer.blocked;
            let what = if on { "blocked" } else { "not blocked" };
            let command = Command::Block {
                peer: peer.name.clone(),
                on,
            };
            act(model, format!("@{} is {what} now", peer.name), command)
        }
        _ => Vec::new(),
    }
}

/// Shows a gallery; ours for none.
fn show_gallery(model: &mut Model, of: Option<String>) -> Vec<Order> {
    if model.gallery.of != of {
        model.gallery = super::super::model::gallery::Gallery {
            of,
            ..Default::default()
        };
        model.chosen[Tab::Gallery as usize] = 0;
    }
    go(model, Tab::Gallery)
}

/// The owner after or before the present one: us, then the peers.
fn other_owner(model: &mut Model, forward: bool) -> Vec<Order> {
    let peers = model.peers.iter().flatten();
    let mut owners: Vec<Option<String>> = vec![None];
    owners.extend(peers.map(|peer| Some(peer.name.clone())));
    let count = owners.len();
    let here = owners.iter().position(|of| *of == model.gallery.of);
    let by = if forward { 1 } else { count - 1 };
    let of = owners.swap_remove((here.unwrap_or(0) + by) % count);
    show_gallery(model, of)
}

fn gallery(model: &mut Model, code: KeyCode) -> Vec<Order> {
    match code {
        KeyCode::Char('n' | ']') => return other_owner(model, true),
        KeyCode::Char('p' | '[') => return other_owner(model, false),
        KeyCode::Char('0') => return show_gallery(model, None),
        KeyCode::Char('o') => {
            model.prompt = Some(Prompt::new(Asking::Offer));
            return Vec::new();
        }
        _ => {}
    }
    let Some(tile) = model.tile() else {
        return Vec::new();
    };
    let (name, standing, grant) = (tile.name.to_owned(), tile.standing.clone(), tile.grant);
    let Some(peer) = model.gallery.of.clone() else {
        if code == KeyCode::Char('s') {
            model.prompt = Some(Prompt::new(Asking::ShareOwn(name)));
        }
        return Vec::new();
    };
    match code {
        KeyCode::Enter | KeyCode::Char('v') => match (standing, grant) {
            (Standing::Granted { .. } | Standing::Ended { .. }, Some(grant)) => {
                confirm_look(model, grant);
            }
            (Standing::Asked { .. }, _) => model.bad(Failure::new(
                Reason::NotFound,
                format!("@{peer} has not answered yet"),
                "press w to take the question back",
            )),
            _ => model.prompt = Some(Prompt::with(Asking::Looks { peer, image: name }, "1")),
        },
        KeyCode::Char('r') => {
            model.prompt = Some(Prompt::with(Asking::Looks { peer, image: name }, "1"));
        }
        KeyCode::Char('w') => return withdraw_image(model, &peer, &name),
        KeyCode::Char('l') => {
            if let Some(grant) = grant {
                return log(model, format!("{name} from @{peer}"), grant.hex());
            }
        }
        _ => {}
    }
    Vec::new()
}

fn withdraw_image(model: &mut Model, peer: &str, image: &str) -> Vec<Order> {
    let open = model.asks.iter().flatten().find(|ask| {
        ask.ours && ask.peer == peer && ask.image == image && ask.state == AskState::Open
    });
    match open.map(|ask| ask.ask) {
        Some(ask) => {
            let what = format!("took back the question for {image}");
            act(model, what, Command::Withdraw(ask.hex()))
        }
        None => Vec::new(),
    }
}

/// Asks before a look is spent, or says why there is none.
fn confirm_look(model: &mut Model, grant: GrantId) {
    let Some(lease) = model.lease(grant) else {
        return;
    };
    if let Some((reason, at)) = end_of(lease, model.now) {
        let hint = format!("ask @{} for more: r in their gallery", lease.peer);
        let message = format!("no looks left at {}: {}, {at}", lease.name, ending(reason));
        model.bad(Failure::new(Reason::QuotaSpent, message, hint));
    } else if lease.delivered {
        model.overlay = Some(Overlay::Spend(grant));
    } else {
        model.bad(Failure::new(
            Reason::NotFound,
            "the picture has not arrived yet",
            "it comes by itself while its owner is online",
        ));
    }
}

fn received(model: &mut Model, code: KeyCode) -> Vec<Order> {
    let row = model.row();
    let Some(lease) = model.received().get(row).map(|lease| (*lease).clone()) else {
        return Vec::new();
    };
    match code {
        KeyCode::Enter | KeyCode::Char('v') => confirm_look(model, lease.grant),
        KeyCode::Char('g') => return show_gallery(model, Some(lease.peer)),
        KeyCode::Char('r') => {
            let asking = Asking::Looks {
                peer: lease.peer,
                image: lease.name,
            };
            model.prompt = Some(Prompt::with(asking, "1"));
        }
        KeyCode::Char('l') => {
            let title = format!("{} from @{}", lease.name, lease.peer);
            return log(model, title, lease.grant.hex());
        }
        _ => {}
    }
    Vec::new()
}

fn given(model: &mut Model, code: KeyCode) -> Vec<Order> {
    let row = model.row();
    let Some(lease) = model
        .given()
        .get(row)
        .map(|lease: &&Lease| (*lease).clone())
    else {
        return Vec::new();
    };
    let (grant, whose) = (lease.grant, format!("{} for @{}", lease.name, lease.peer));
    match code {
        KeyCode::Char('+') => adjust(model, grant, Change::Add(1), "one more"),
        KeyCode::Char('-') => adjust(model, grant, Change::Sub(1), "one fewer"),
        KeyCode::Char('R') => adjust(model, grant, Change::Refund, "one given back"),
        KeyCode::Char('=') => {
            let granted = lease.terms.granted.to_string();
            model.prompt = Some(Prompt::with(Asking::Set(grant), &granted));
            Vec::new()
        }
        KeyCode::Char('u') => {
            model.prompt = Some(Prompt::new(Asking::Until(grant)));
            Vec::new()
        }
        KeyCode::Char('x') => {
            model.overlay = Some(Overlay::Revoke(grant));
            Vec::new()
        }
        KeyCode::Char('l') | KeyCode::Enter => log(model, whose, grant.hex()),
        _ => Vec::new(),
    }
}

fn requests(model: &mut Model, code: KeyCode) -> Vec<Order> {
    let row = model.row();
    let Some(ask) = model.asks_listed().get(row).map(|ask| (*ask).clone()) else {
        return Vec::new();
    };
    let is_open = ask.state == AskState::Open;
    match code {
        KeyCode::Char('a') | KeyCode::Enter if is_open && !ask.ours => {
            let views = ask.views.to_string();
            model.prompt = Some(Prompt::with(Asking::Approve(ask.ask), &views));
        }
        KeyCode::Char('d') if is_open && !ask.ours => {
            model.prompt = Some(Prompt::new(Asking::Deny(ask.ask)));
        }
        KeyCode::Char('w') if is_open && ask.ours => {
            let asked = looks(ask.views);
            let what = format!("took back the question for {asked} at {}", ask.image);
            return act(model, what, Command::Withdraw(ask.ask.hex()));
        }
        KeyCode::Char('a' | 'd') => model.bad(Failure::new(
            Reason::Usage,
            "this question does not wait for your word",
            "a and d answer questions of others that are open; w takes back your own",
        )),
        _ => {}
    }
    Vec::new()
}

/// A small change, and what to say when it is made.
pub(super) fn act(model: &mut Model, what: String, command: Command) -> Vec<Order> {
    vec![model.wish(Errand::Act(what), command)]
}

/// A change of a grant that we gave.
pub(super) fn adjust(model: &mut Model, grant: GrantId, change: Change, what: &str) -> Vec<Order> {
    let Some(lease) = model.lease(grant) else {
        return Vec::new();
    };
    let what = format!("{} for @{}, {what}", lease.name, lease.peer);
    let command = Command::Adjust {
        lease: grant.hex(),
        change,
    };
    act(model, what, command)
}
