//! Grants and what happened to them.

use serde_json::{Value, json};

use super::Said;
use crate::proto::ids::GrantId;
use crate::proto::lease::{AtZero, Change, EndReason, LogEntry, LogEvent};
use crate::proto::outcome::Lease;
use crate::terminal::promise;
use crate::terminal::text::{table, when};
use crate::time::WallTime;

/// How a grant stands, in one word.
const fn state(lease: &Lease) -> &'static str {
    match lease.ended {
        Some(ended) => reason(ended.reason),
        // A look is open that may be the last.
        None if lease.terms.left() == 0 => "spent",
        None if !lease.delivered => "on its way",
        None => "live",
    }
}

const fn reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Spent => "spent",
        EndReason::Expired => "expired",
        EndReason::Revoked => "revoked",
        EndReason::Copied => "copied",
    }
}

/// How a grant stands, and since when if it has ended.
fn state_since(lease: &Lease) -> String {
    let since = lease.ended.map(|ended| format!(", {}", ended.at));
    let word = super::paint::state(state(lease));
    format!("{word}{}", since.unwrap_or_default())
}

/// What was taken out of a file, as a line of its own; nothing if nothing was.
#[must_use]
pub fn removed(removed: &[String]) -> String {
    if removed.is_empty() {
        return String::new();
    }
    format!("\nremoved: {}", removed.join(", "))
}

/// Grants, given and received.
#[must_use]
pub fn leases(leases: &[Lease]) -> Said {
    let rows: Vec<Vec<String>> = leases
        .iter()
        .map(|lease| {
            vec![
                lease.grant.short(),
                lease.name.clone(),
                if lease.ours { "to" } else { "from" }.into(),
                format!("@{}", lease.peer),
                format!("{}/{}", lease.terms.used, lease.terms.granted),
                lease
                    .terms
                    .until
                    .map_or("-".into(), |until| until.to_string()),
                state_since(lease),
            ]
        })
        .collect();
    Said {
        text: table(
            &["id", "picture", "", "peer", "used", "until", "state"],
            &rows,
        ),
        json: leases.iter().map(lease_json).collect(),
    }
}

fn lease_json(lease: &Lease) -> Value {
    json!({
        "lease": lease.grant.hex(),
        "image": lease.name,
        "ours": lease.ours,
        "peer": lease.peer,
        "granted": lease.terms.granted,
        "used": lease.terms.used,
        "left": lease.left(),
        "until_ms": lease.terms.until.map(|until| until.0),
        "show_ms": lease.conditions.show_ms,
        "revoked": lease.terms.revoked,
        "delivered": lease.delivered,
        "state": state(lease),
        "ended": lease.ended.map(|ended| json!({
            "reason": reason(ended.reason),
            "at_ms": ended.at.0,
        })),
        "at_end": match lease.conditions.at_zero {
            AtZero::KeepCover => "carrier",
            AtZero::DeleteFile => "delete",
        },
        "strict": lease.conditions.strict,
        "offline": lease.conditions.offline,
        "taken": lease.taken.map(|taken| json!({
            "looks": taken.looks,
            "used": taken.used,
            "until_ms": taken.until.0,
        })),
        "file": lease.file,
    })
}

/// Looks that are on this device now.
#[must_use]
pub fn looks_taken(grant: GrantId, looks: u32, until: WallTime) -> Said {
    Said {
        text: format!("{looks} looks are on this device, good until {until} UTC"),
        json: json!({ "lease": grant.hex(), "looks": looks, "until_ms": until.0 }),
    }
}

/// Looks that were given back.
#[must_use]
pub fn looks_returned(grant: GrantId, looks: u32) -> Said {
    Said {
        text: format!("{looks} looks are back with the servers"),
        json: json!({ "lease": grant.hex(), "returned": looks }),
    }
}

/// What happened to grants.
#[must_use]
pub fn ledger(entries: &[(GrantId, LogEntry)]) -> Said {
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|(grant, entry)| vec![when(entry.at.0), grant.short(), event(&entry.event)])
        .collect();
    let json = entries.iter().map(|(grant, entry)| {
        json!({ "lease": grant.hex(), "at_ms": entry.at.0, "event": event(&entry.event) })
    });
    Said {
        text: table(&["when", "lease", "what"], &rows),
        json: Value::Array(json.collect()),
    }
}

/// One grant and what happened to it.
#[must_use]
pub fn lease_story(lease: &Lease, entries: &[(GrantId, LogEntry)]) -> Said {
    let (state, story) = (leases(std::slice::from_ref(lease)), ledger(entries));
    Said {
        text: format!("{}\n{}\n{}", state.text, promise(lease), story.text),
        json: json!({ "lease": lease_json(lease), "ledger": story.json }),
    }
}

/// What the grant prevents, and what nothing can, in a line for each.
fn promise(lease: &Lease) -> String {
    let conditions = lease.conditions;
    let counted = promise::prevented(conditions.strict, conditions.offline);
    let with_device = lease.taken.map_or_else(String::new, |taken| {
        format!(
            "{} of {} looks taken offline are used, as far as is known; good until {}\n",
            taken.used, taken.looks, taken.until
        )
    });
    format!("{with_device}{counted}\n{}\n", promise::NOT_PREVENTED)
}

fn event(event: &LogEvent) -> String {
    match event {
        LogEvent::Granted { views } => format!("granted {views}"),
        LogEvent::Received => "received".into(),
        LogEvent::Viewed { ordinal, .. } => format!("viewed, number {ordinal}"),
        LogEvent::Adjusted { change, .. } => match change {
            Change::Set(views) => format!("set to {views}"),
            Change::Add(views) => format!("added {views}"),
            Change::Sub(views) => format!("took back {views}"),
            Change::Revoke => "revoked".into(),
            Change::Refund => "gave one look back".into(),
            Change::Until(None) => "took the end date away".into(),
            Change::Until(Some(until)) => format!("set the end to {}", when(until.0)),
        },
        LogEvent::Spent => "spent".into(),
        LogEvent::Expired => "expired".into(),
        LogEvent::Taken { looks, until } => format!("took {looks} offline until {until}"),
        LogEvent::Returned { looks } => format!("gave {looks} back"),
        LogEvent::Copied => "ended, two copies of the client were used".into(),
    }
}
