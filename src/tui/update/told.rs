//! News of wishes find their place; notices go to the tray.

use super::super::event::{Order, Tag};
use super::super::model::errand::Errand;
use super::super::model::gallery::Item;
use super::super::model::tray::{Entry, looks};
use super::super::model::{Model, Overlay, TRAY_MAX, Tab};
use super::{first, look, transfer};
use crate::proto::control::{Failure, News, Notice, Noticed, Outcome, Posted};
use crate::proto::ids::GrantId;
use crate::proto::lease::{Change, EndReason, LogEntry, LogEvent};

pub(super) fn told(model: &mut Model, tag: Tag, news: News) -> Vec<Order> {
    match news {
        News::Progress(progress) => {
            let now = model.now;
            if let Some(transfer) = model.transfer.as_mut().filter(|one| one.tag == tag) {
                transfer.progress(progress, now);
            }
            Vec::new()
        }
        News::Noticed(noticed) => notice(model, &noticed),
        News::Done(outcome) => match model.errands.remove(&tag) {
            Some(errand) => done(model, errand, *outcome),
            None => Vec::new(),
        },
        News::Failed(failure) => match model.errands.remove(&tag) {
            Some(errand) => failed(model, errand, failure),
            None => Vec::new(),
        },
    }
}

fn notice(model: &mut Model, noticed: &Noticed) -> Vec<Order> {
    if noticed.number <= model.noticed {
        return Vec::new();
    }
    model.noticed = noticed.number;
    if model.tray.len() == TRAY_MAX {
        model.tray.pop_back();
    }
    model.tray.push_front(Entry::new(noticed));
    if model.tab != Tab::Requests || model.first.is_some() {
        model.unread += 1;
    }
    let errands: &[Errand] = match noticed.notice {
        Notice::AskArrived { .. } | Notice::AskAnswered { .. } | Notice::AskWithdrawn { .. } => {
            &[Errand::Requests, Errand::Peers]
        }
        Notice::Lease { .. } => &[Errand::Leases, Errand::Requests],
        Notice::Offers => &[],
    };
    let mut orders = Vec::new();
    for errand in errands {
        orders.extend(model.ask(errand.clone()));
    }
    if matches!(noticed.notice, Notice::Offers) && model.tab == Tab::Gallery {
        orders.extend(model.ask_gallery());
    }
    orders
}

fn done(model: &mut Model, errand: Errand, outcome: Outcome) -> Vec<Order> {
    match (errand, outcome) {
        (errand @ (Errand::Open(_) | Errand::OpenGivenUp), outcome) => {
            return look::opened(model, &errand, outcome);
        }
        (Errand::Count, Outcome::Counted { ordinal, left }) => {
            return look::counted(model, ordinal, left);
        }
        (Errand::Transfer, outcome) => return transfer::done(model, outcome),
        (Errand::Sample, _) => return first::sampled(model),
        (Errand::Act(what), outcome) => return acted(model, what, outcome),
        (errand, outcome) => listed(model, errand, outcome),
    }
    Vec::new()
}

/// A list came.
fn listed(model: &mut Model, errand: Errand, outcome: Outcome) {
    match (errand, outcome) {
        (_, Outcome::Status(status)) => {
            model.status = Some(status);
            first::status_known(model);
        }
        (_, Outcome::Peers { peers, .. }) => model.peers = Some(peers),
        (_, Outcome::Leases(leases)) => model.leases = Some(leases),
        (_, Outcome::Requests(asks)) => model.asks = Some(asks),
        // Another gallery may have been turned to meanwhile.
        (Errand::Gallery(of), Outcome::Gallery { items, refused }) if model.gallery.of == of => {
            model.gallery.items = Some(items.iter().map(Item::new).collect());
            model.gallery.refused = refused;
            model.gallery.failed = None;
        }
        (Errand::Log, Outcome::Ledger(entries)) => {
            if let Some(Overlay::Log(_, lines)) = &mut model.overlay {
                *lines = Some(entries.iter().map(log_line).collect());
            }
        }
        _ => {}
    }
}

/// A small change was made: say so, and look at what it changed.
fn acted(model: &mut Model, what: String, outcome: Outcome) -> Vec<Order> {
    let text = match outcome {
        Outcome::Adjusted { left, posted, .. } => {
            let went = match posted {
                Posted::Direct => "they have it",
                Posted::Mailbox => "kept by the servers until they return",
                Posted::Queued => "queued here until somebody can be reached",
                Posted::Lost => "NOT sent: there is no room for it, or it cannot be sealed",
            };
            format!("{what}: {} left; {went}", looks(left))
        }
        Outcome::Offered { name, removed } if !removed.is_empty() => {
            format!("offered {name}; taken out: {}", removed.join(", "))
        }
        Outcome::Offered { name, .. } => format!("offered {name}"),
        Outcome::Peer(peer) if what.is_empty() => {
            format!("@{} is added, and verified by the code", peer.name)
        }
        _ => what,
    };
    model.good(text);
    model.refresh()
}

fn failed(model: &mut Model, errand: Errand, failure: Failure) -> Vec<Order> {
    match errand {
        Errand::Open(_) => return look::refused(model, failure),
        Errand::OpenGivenUp => {}
        Errand::Transfer => {
            if let Some(transfer) = model.transfer.as_mut() {
                transfer.fail(failure);
            }
        }
        Errand::Gallery(of) => {
            if model.gallery.of == of {
                model.gallery.failed = Some(failure);
            }
        }
        Errand::Log => {
            model.overlay = None;
            model.bad(failure);
        }
        Errand::Sample => {
            model.bad(failure);
            return first::sampled(model);
        }
        // Asked again and again: not worth to hide another message.
        Errand::Status | Errand::Peers | Errand::Leases | Errand::Requests => {
            if model.message.is_none() {
                model.bad(failure);
            }
        }
        _ => model.bad(failure),
    }
    Vec::new()
}

fn log_line((_, entry): &(GrantId, LogEntry)) -> String {
    let what = match entry.event {
        LogEvent::Granted { views } => format!("granted {}", looks(views)),
        LogEvent::Received => "the picture arrived".into(),
        LogEvent::Viewed { ordinal, .. } => format!("look {ordinal}"),
        LogEvent::Adjusted { change, .. } => change_words(change),
        LogEvent::Spent => super::super::model::tray::ending(EndReason::Spent).into(),
        LogEvent::Expired => super::super::model::tray::ending(EndReason::Expired).into(),
        LogEvent::Taken {
            looks: count,
            until,
        } => {
            format!("{} taken offline until {until}", looks(count))
        }
        LogEvent::Returned { looks: count } => format!("{} came back", looks(count)),
        LogEvent::Copied => super::super::model::tray::ending(EndReason::Copied).into(),
    };
    format!("{}  {what}", entry.at)
}

fn change_words(change: Change) -> String {
    match change {
        Change::Set(views) => format!("set to {}", looks(views)),
        Change::Add(views) => format!("{} more", looks(views)),
        Change::Sub(views) => format!("{} fewer", looks(views)),
        Change::Revoke => "revoked".into(),
        Change::Refund => "one look given back".into(),
        Change::Until(Some(until)) => format!("ends at {until}"),
        Change::Until(None) => "no end date any more".into(),
    }
}
