//! How events change what the screens know, and what is ordered then.

mod act;
mod command;
mod first;
mod keys;
mod look;
mod prompt;
mod told;
mod transfer;

#[cfg(test)]
mod tests;

pub(super) use command::COMMANDS;

use super::event::{Event, Order};
use super::model::errand::Errand;
use super::model::look::Step;
use super::model::{Model, Overlay, REFRESH_MS};
use crate::proto::control::{Failure, Reason};
use crate::time::WallTime;

/// Takes in what happened at this time, and says what to do.
pub(super) fn update(model: &mut Model, at: WallTime, event: Event) -> Vec<Order> {
    model.now = at;
    match event {
        Event::Key(key) => keys::key(model, key),
        Event::Pasted(text) => {
            if let (Some(prompt), None) = (&mut model.prompt, &model.overlay) {
                prompt.insert(&text);
            }
            Vec::new()
        }
        Event::Resized(columns, rows) => {
            model.size = (columns, rows);
            Vec::new()
        }
        Event::Focused(on) => look::focused(model, on),
        Event::Tick => tick(model),
        Event::Told(tag, news) => told::told(model, tag, news),
        Event::Connected(open) => connected(model, open),
        Event::Cluster(servers) => {
            model.cluster = servers;
            Vec::new()
        }
        Event::Painted => look::painted(model),
        Event::NotPainted(why) => look::not_painted(model, why),
        Event::FileRead(tag, read) => transfer::file_read(model, tag, read),
        Event::FileWritten(tag, written) => transfer::file_written(model, tag, written),
        Event::HomeMade(made) => first::home_made(model, made),
    }
}

fn tick(model: &mut Model) -> Vec<Order> {
    let mut orders = look::tick(model);
    let age_ms = model.now.0.saturating_sub(model.refreshed_at.0);
    if model.connected && age_ms >= REFRESH_MS {
        orders.extend(model.refresh());
    }
    orders
}

fn connected(model: &mut Model, open: bool) -> Vec<Order> {
    if open == model.connected {
        return Vec::new();
    }
    model.connected = open;
    if open {
        return model.first_wishes();
    }
    // What was asked is not answered any more; files are still read and written.
    model
        .errands
        .retain(|_, errand| matches!(errand, Errand::Read(_) | Errand::Write));
    let lost = Failure::new(
        Reason::Unreachable,
        "the conversation with the client node is lost",
        "it is opened again by itself; try once more then",
    );
    if let Some(transfer) = model.transfer.as_mut()
        && !model.errands.contains_key(&transfer.tag)
        && transfer.runs()
    {
        transfer.fail(lost.clone());
    }
    let is_opening = |look: &super::model::look::Look| look.step == Step::Opening;
    if model.look.as_ref().is_some_and(is_opening) {
        model.look = None;
    }
    model.bad(lost);
    Vec::new()
}

/// Ends the program, after a question if that would cut something short.
fn quit(model: &mut Model) -> Vec<Order> {
    if model
        .transfer
        .as_ref()
        .is_some_and(|transfer| transfer.runs())
    {
        model.overlay = Some(Overlay::Quit);
        return Vec::new();
    }
    vec![Order::Quit]
}
