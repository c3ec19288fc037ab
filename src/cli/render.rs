//! Outcomes as text for people and as JSON for programs. Both are plain values; who prints them is
//! in `output`.

mod leases;
mod people;

use serde_json::{Map, Value, json};

pub use self::leases::{lease_story, leases, ledger, looks_returned, looks_taken, removed};
pub use self::people::{notice, own_id, peer, peers};
use super::paint;

use crate::proto::control::{AskRule, Rule, Timings};
use crate::proto::letter::{GalleryItem, Verdict};
use crate::proto::operator::ServerStatus;
use crate::proto::outcome::{AskState, ClientStatus, Inspection, OpenAsk, Posted};
use crate::terminal::text::{millis, size, table};

/// What a command has to say, in both forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// For people.
    pub text: String,
    /// For programs.
    pub json: Value,
}

/// Where the time of a request went.
#[must_use]
pub fn timings(t: &Timings) -> Said {
    Said {
        text: format!(
            "election {}, upload {}, hiding {}, download {}; total {}{}",
            millis(t.election_us),
            millis(t.upload_us),
            millis(t.hiding_us),
            millis(t.download_us),
            millis(t.total_us()),
            t.node.map(|node| format!(" on {node}")).unwrap_or_default(),
        ),
        json: json!({
            "election_us": t.election_us,
            "upload_us": t.upload_us,
            "hiding_us": t.hiding_us,
            "download_us": t.download_us,
            "total_us": t.total_us(),
            "owners": t.owners,
            "node": t.node.map(|node| node.to_string()),
        }),
    }
}

/// The client's own status.
#[must_use]
pub fn client_status(status: &ClientStatus) -> Said {
    let answering: Vec<String> = status
        .servers_answering
        .iter()
        .map(ToString::to_string)
        .collect();
    let taken = if status.name_taken {
        " (the name belongs to somebody else!)"
    } else {
        ""
    };
    Said {
        text: format!(
            "@{}{taken}  {}\nservers answering: {} of {} ({})\nletters on their way: {}",
            status.name,
            status.user,
            answering.len(),
            status.servers,
            answering.join(", "),
            status.letters_queued,
        ),
        json: json!({
            "name": status.name,
            "name_taken": status.name_taken,
            "user": status.user.hex(),
            "servers": status.servers,
            "servers_answering": answering,
            "letters_queued": status.letters_queued,
        }),
    }
}

/// The servers of a local cluster; none for one that does not answer.
#[must_use]
pub fn servers(found: &[(u8, Option<ServerStatus>)]) -> Said {
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|(id, status)| match status {
            None => vec![format!("n{id}"), paint::state("down")],
            Some(s) => vec![
                format!("n{id}"),
                paint::state(if s.failing {
                    "failing"
                } else if s.draining {
                    "draining"
                } else {
                    "up"
                }),
                s.clients.to_string(),
                s.admin.to_string(),
                s.alive.len().to_string(),
                if s.caught_up { "yes" } else { "no" }.into(),
                s.jobs.to_string(),
                s.requests_done.to_string(),
                s.users_online.to_string(),
                s.letters.to_string(),
                if s.token_here {
                    "here"
                } else if s.token_on {
                    "on"
                } else {
                    "off"
                }
                .into(),
            ],
        })
        .collect();
    let head = [
        "node",
        "state",
        "clients at",
        "admin at",
        "sees",
        "caught up",
        "jobs",
        "done",
        "online",
        "letters",
        "token",
    ];
    let json = found
        .iter()
        .map(|(id, status)| json!({ "id": id, "up": status.is_some(), "status": status }));
    Said {
        text: table(&head, &rows),
        json: Value::Array(json.collect()),
    }
}

/// A picture, looked at from outside.
#[must_use]
pub fn inspection(told: &Inspection) -> Said {
    let inside = told.inside.as_ref().map_or_else(
        || {
            "nothing inside opens with your own keys: there is nothing hidden, it is leased to \
             you, or it is meant for somebody else"
                .to_owned()
        },
        |inside| {
            let views = inside
                .views
                .map(|views| format!(", {views} looks"))
                .unwrap_or_default();
            format!(
                "inside: {} ({}){views}, from {} for {}",
                inside.name,
                size(inside.size_bytes),
                inside.owner,
                inside.borrower,
            )
        },
    );
    let rooms = told.rooms.iter();
    let rooms: Vec<String> = rooms
        .map(|room| format!("{} ({})", size(room.capacity_bytes), room.mode.name()))
        .collect();
    let capacities = told.rooms.iter();
    let capacities: Map<String, Value> = capacities
        .map(|room| (room.mode.name().to_owned(), room.capacity_bytes.into()))
        .collect();
    Said {
        text: format!(
            "{} x {} pixels, room for {}\n{inside}",
            told.width,
            told.height,
            rooms.join(", "),
        ),
        json: json!({
            "width": told.width,
            "height": told.height,
            "capacity_bytes": capacities,
            "inside": told.inside.as_ref().map(|inside| json!({
                "name": inside.name,
                "size_bytes": inside.size_bytes,
                "owner": inside.owner.hex(),
                "borrower": inside.borrower.hex(),
                "views": inside.views,
            })),
        }),
    }
}

/// A gallery.
#[must_use]
pub fn gallery(items: &[GalleryItem], refused: bool) -> Said {
    let rows: Vec<Vec<String>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let preview = if item.preview.is_empty() {
                "no preview"
            } else {
                "preview"
            };
            vec![
                index.to_string(),
                item.name.clone(),
                size(item.size_bytes.into()),
                preview.into(),
            ]
        })
        .collect();
    let text = if refused {
        "the owner shows you no previews".to_owned()
    } else {
        table(&["#", "name", "size", ""], &rows)
    };
    let json = items.iter().map(|item| {
        json!({
            "name": item.name,
            "size_bytes": item.size_bytes,
            "preview_bytes": item.preview.len(),
        })
    });
    Said {
        text,
        json: json!({ "refused": refused, "items": json.collect::<Vec<_>>() }),
    }
}

/// Questions, from both sides.
#[must_use]
pub fn requests(asks: &[OpenAsk]) -> Said {
    let state = |ask: &OpenAsk| match &ask.state {
        AskState::Open => "open".to_owned(),
        AskState::Withdrawn => "withdrawn".to_owned(),
        AskState::Approved(views) => format!("approved: {views}"),
        AskState::Denied(reason) => format!("denied: {reason}"),
    };
    let rows: Vec<Vec<String>> = asks
        .iter()
        .map(|ask| {
            vec![
                ask.ask.short(),
                if ask.ours { "to" } else { "from" }.into(),
                format!("@{}", ask.peer),
                ask.image.clone(),
                ask.views.to_string(),
                state(ask),
                ask.remark.clone(),
            ]
        })
        .collect();
    let json = asks.iter().map(|ask| {
        json!({
            "ask": ask.ask.hex(),
            "ours": ask.ours,
            "peer": ask.peer,
            "image": ask.image,
            "views": ask.views,
            "remark": ask.remark,
            "at_ms": ask.at.0,
            "open": ask.state == AskState::Open,
            "state": match ask.state {
                AskState::Open => "open",
                AskState::Withdrawn => "withdrawn",
                AskState::Approved(_) => "approved",
                AskState::Denied(_) => "denied",
            },
            "granted": match ask.state {
                AskState::Approved(views) => Some(views),
                _ => None,
            },
            "message": match &ask.state {
                AskState::Denied(reason) => Some(reason),
                _ => None,
            },
        })
    });
    Said {
        text: table(
            &["id", "", "peer", "picture", "looks", "state", "remark"],
            &rows,
        ),
        json: Value::Array(json.collect()),
    }
}

/// The owner's word on a question.
#[must_use]
pub fn verdict(verdict: Option<&Verdict>) -> Said {
    match verdict {
        None => Said {
            text: "asked; the owner has not answered yet".into(),
            json: json!({ "state": "pending" }),
        },
        Some(Verdict::Approved { grant, views }) => Said {
            text: format!("approved: {views} looks, lease {grant}"),
            json: json!({ "state": "approved", "lease": grant.hex(), "views": views }),
        },
        Some(Verdict::Denied { reason }) => Said {
            text: format!("denied: {reason}"),
            json: json!({ "state": "denied", "message": reason }),
        },
    }
}

/// How a letter went, in words.
#[must_use]
pub const fn posted(how: Posted) -> &'static str {
    match how {
        Posted::Direct => "delivered",
        Posted::Mailbox => "kept by the servers until they return",
        Posted::Queued => "queued here until a server or they can be reached",
        Posted::Lost => "could not be kept; do it again when there is room on the disk",
    }
}

/// Rules by peer.
#[must_use]
pub fn rules(rules: &[(String, Rule)]) -> Said {
    let asks = |rule: &Rule| match rule.asks {
        AskRule::Wait => "asks you".to_owned(),
        AskRule::Grant(views) => format!("grants up to {views}"),
        AskRule::Refuse => "refuses".into(),
    };
    let rows: Vec<Vec<String>> = rules
        .iter()
        .map(|(peer, rule)| {
            vec![
                format!("@{peer}"),
                if rule.previews { "yes" } else { "no" }.into(),
                asks(rule),
            ]
        })
        .collect();
    let json = rules.iter().map(|(peer, rule)| {
        let (asks, views) = match rule.asks {
            AskRule::Wait => ("wait", None),
            AskRule::Grant(views) => ("grant", Some(views)),
            AskRule::Refuse => ("refuse", None),
        };
        json!({ "peer": peer, "previews": rule.previews, "asks": asks, "views": views })
    });
    Said {
        text: table(&["peer", "previews", "questions"], &rows),
        json: json.collect(),
    }
}
