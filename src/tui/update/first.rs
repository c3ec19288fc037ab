//! From nothing to a home: a name, a key, words and a code to show, samples to offer.

use crossterm::event::{KeyCode, KeyEvent};

use super::super::event::Order;
use super::super::model::errand::Errand;
use super::super::model::prompt::{Asking, Prompt};
use super::super::model::{First, Model, Tab};
use super::look::samples;
use crate::proto::control::{Command, Failure};

/// A key, while no text is typed.
pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Order> {
    match (&model.first, key.code) {
        (Some(First::Words), KeyCode::Enter | KeyCode::Char(' ')) => {
            model.first = Some(First::Samples);
        }
        (Some(First::Samples), KeyCode::Char('y' | 'Y')) => {
            let offers = samples().map(|(name, original)| Command::Offer {
                name: name.into(),
                original,
                keep_metadata: false,
            });
            let mut orders: Vec<Order> = offers
                .into_iter()
                .map(|offer| model.wish(Errand::Sample, offer))
                .collect();
            orders.extend(enter(model, Tab::Gallery));
            model.good("offering two sample pictures…");
            return orders;
        }
        (Some(First::Samples), KeyCode::Char('n' | 'N') | KeyCode::Esc) => {
            return enter(model, Tab::Peers);
        }
        (_, KeyCode::Char('q')) => return vec![Order::Quit],
        _ => {}
    }
    Vec::new()
}

fn enter(model: &mut Model, tab: Tab) -> Vec<Order> {
    model.first = None;
    model.message = None;
    model.tab = tab;
    model.refresh()
}

/// A sample is in the gallery, or not.
pub(super) fn sampled(model: &mut Model) -> Vec<Order> {
    if model.errands.values().any(|open| *open == Errand::Sample) {
        return Vec::new();
    }
    if !matches!(model.message, Some(super::super::model::Message::Bad(_))) {
        model.good("two sample pictures are in your gallery");
    }
    model.ask_gallery().into_iter().collect()
}

/// The name was typed.
pub(super) fn named(model: &mut Model, name: &str) -> Vec<Order> {
    make(model, name.to_owned(), None)
}

/// The file with the list of servers was typed.
pub(super) fn servers_named(model: &mut Model, file: &str) -> Vec<Order> {
    let Some(First::Servers(name)) = model.first.clone() else {
        return Vec::new();
    };
    let servers = (!file.is_empty()).then(|| file.into());
    make(model, name, servers)
}

fn make(model: &mut Model, name: String, servers: Option<std::path::PathBuf>) -> Vec<Order> {
    model.prompt = None;
    model.message = None;
    model.first = Some(First::Making(name.clone()));
    vec![Order::MakeHome { name, servers }]
}

/// The typing was given up: back to the name, or out.
pub(super) fn back(model: &mut Model) -> Vec<Order> {
    match &model.first {
        Some(First::Servers(name)) => {
            model.prompt = Some(Prompt::with(Asking::Name, name));
            model.first = Some(First::Name);
            Vec::new()
        }
        _ => vec![Order::Quit],
    }
}

/// Key and configuration are made, or not.
pub(super) fn home_made(model: &mut Model, made: Result<(), Failure>) -> Vec<Order> {
    let Some(First::Making(name)) = model.first.clone() else {
        return Vec::new();
    };
    match made {
        Ok(()) => status_known(model),
        Err(failure) => {
            model.bad(failure);
            model.first = Some(First::Servers(name));
            model.prompt = Some(Prompt::new(Asking::Servers));
        }
    }
    Vec::new()
}

/// Once we know who we are, others may.
pub(super) fn status_known(model: &mut Model) {
    if matches!(model.first, Some(First::Making(_))) && model.status.is_some() {
        model.first = Some(First::Words);
    }
}
