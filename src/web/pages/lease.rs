//! One grant: how it stands, what happened to it, the question before a look, and the look.

use maud::{Markup, html};

use super::gallery::{action, badge};
use super::layout::{moment, span};
use crate::proto::lease::{AtZero, Change, LogEntry, LogEvent};
use crate::proto::outcome::Lease;
use crate::terminal::promise;
use crate::terminal::text::{size, when};
use crate::time::WallTime;
use crate::web::events::looks;
use crate::web::model::{self, State, Tile};

/// A grant with its story, from either side.
pub(in crate::web) fn detail(
    tile: &Tile,
    lease: &Lease,
    story: &[LogEntry],
    now: WallTime,
) -> Markup {
    html! {
        nav.crumbs aria-label="Back" {
            @if lease.ours { a href="/shared" { "Shared by me" } }
            @else { a href="/" { "Galleries" } }
        }
        h1 { (lease.name) }
        div #lease .lease data-part data-state=(tile.state.word()) {
            @if !lease.ours && matches!(tile.state, State::Ended(_)) {
                (remains(lease))
            }
            (facts(tile, lease, now))
            @if lease.ours { (controls(lease, now)) } @else { (action(tile)) }
        }
        section #story data-part aria-labelledby="story-title" {
            h2 #story-title { "What happened" }
            (timeline(story))
        }
    }
}

/// What is left when a grant is over.
fn remains(lease: &Lease) -> Markup {
    html! {
        @if lease.file.is_some() && lease.delivered {
            figure.mat {
                img.cover src={ "/cover/" (lease.grant.hex()) } alt={ "Cover of " (lease.name) };
                figcaption { "The cover. There is nothing in it any more." }
            }
        } @else {
            p.tombstone { "The file is deleted, as the owner wished. This note stays." }
        }
    }
}

fn facts(tile: &Tile, lease: &Lease, now: WallTime) -> Markup {
    let terms = &lease.terms;
    html! {
        dl.facts {
            dt { "State" }
            dd { @if lease.ours { (owner_badge(lease, now)) } @else { (badge(&tile.state)) } }
            dt { @if lease.ours { "To" } @else { "From" } }
            dd { "@" (lease.peer) }
            dt { "Looks" }
            dd.count { (terms.used) " of " (terms.granted) " used, " (terms.left_at(now)) " left" }
            @if let Some(until) = terms.until {
                dt { "Until" } dd { (moment(until)) }
            }
            @if let Some(ms) = lease.conditions.show_ms {
                dt { "Each look" } dd { "closes after " (span(ms.into())) }
            }
            @if let Some(ended) = lease.ended {
                dt { "Ended" } dd { (moment(ended.at)) }
            }
            dt { "Looks are counted" }
            dd {
                @if lease.conditions.strict {
                    "by the servers, before the picture opens"
                } @else {
                    "by the other person's program"
                }
            }
            @if lease.conditions.offline > 0 {
                dt { "Without servers" }
                dd { "up to " (looks(lease.conditions.offline)) " at a time" }
            }
            @if let Some(taken) = lease.taken {
                dt { @if lease.ours { "On their device" } @else { "On this device" } }
                dd { (looks(taken.looks)) ", good until " (moment(taken.until)) }
            }
            dt { "At the end" }
            dd {
                @match lease.conditions.at_zero {
                    AtZero::KeepCover => "the cover stays",
                    AtZero::DeleteFile => "the file is deleted",
                }
            }
            dt { "Picture file" } dd { (size(lease.picture_bytes.into())) }
            dt { "Lease" } dd { code { (lease.grant.short()) } }
        }
        p.note {
            (promise::prevented(lease.conditions.strict, lease.conditions.offline)) "; "
            (promise::NOT_PREVENTED) "."
        }
    }
}

/// How a grant of ours stands, in a word.
pub(in crate::web) fn owner_badge(lease: &Lease, now: WallTime) -> Markup {
    let state = match model::ended(lease, now) {
        Some(reason) => State::Ended(reason),
        None if lease.delivered => State::Granted,
        None => State::OnItsWay,
    };
    badge(&state)
}

/// What the owner may change.
fn controls(lease: &Lease, now: WallTime) -> Markup {
    let address = format!("/lease/{}/change", lease.grant.hex());
    let has_ended = lease.terms.revoked;
    html! {
        @if !has_ended {
            section.controls aria-label="Change this grant" {
                form.inline method="post" action=(address) {
                    label { "Looks "
                        input type="number" name="views" value="1" min="0" max="1000000" required; }
                    button name="what" value="add" { "Add" }
                    button.plain name="what" value="sub" { "Take away" }
                    button.plain name="what" value="set" { "Set to" }
                }
                form.inline method="post" action=(address) {
                    label { "Ends " (until_field(lease.terms.until.is_some())) }
                    button.plain name="what" value="until" { "Set the end" }
                }
                div.inline {
                    form method="post" action=(address) {
                        button.plain name="what" value="refund" { "Give one look back" }
                    }
                    form method="post" action=(address) {
                        button.danger name="what" value="revoke" { "Revoke" }
                    }
                }
            }
        }
        @if model::ended(lease, now).is_some() && has_ended {
            p.note { "Revoked. Sharing the picture again makes a new grant." }
        }
    }
}

/// A choice of end dates from now.
pub(in crate::web) fn until_field(has_one: bool) -> Markup {
    html! {
        select name="until" {
            option value="" { @if has_one { "never" } @else { "with the looks only" } }
            option value="3600" { "in 1 hour" }
            option value="86400" { "in 1 day" }
            option value="604800" { "in 7 days" }
            option value="2592000" { "in 30 days" }
        }
    }
}

fn timeline(story: &[LogEntry]) -> Markup {
    html! {
        @if story.is_empty() { p.empty { "Nothing yet." } }
        ol.timeline {
            @for entry in story { li { (moment(entry.at)) " " span { (event(&entry.event)) } } }
        }
    }
}

/// An entry of the log in words.
fn event(event: &LogEvent) -> String {
    match event {
        LogEvent::Granted { views } => format!("{} granted", looks(*views)),
        LogEvent::Received => "the picture arrived".into(),
        LogEvent::Viewed { ordinal, .. } => format!("look {ordinal}"),
        LogEvent::Adjusted { change, .. } => match change {
            Change::Set(views) => format!("set to {}", looks(*views)),
            Change::Add(views) => format!("{} added", looks(*views)),
            Change::Sub(views) => format!("{} taken away", looks(*views)),
            Change::Revoke => "revoked".into(),
            Change::Refund => "one look given back".into(),
            Change::Until(None) => "the end date was taken away".into(),
            Change::Until(Some(until)) => format!("ends on {} UTC", when(until.0)),
        },
        LogEvent::Spent => "no looks left".into(),
        LogEvent::Expired => "its time was over".into(),
        LogEvent::Taken {
            looks: count,
            until,
        } => {
            format!(
                "{} taken offline until {} UTC",
                looks(*count),
                when(until.0)
            )
        }
        LogEvent::Returned { looks: count } => format!("{} came back", looks(*count)),
        LogEvent::Copied => "ended: two copies of the client were used".into(),
    }
}

/// The question before a look.
pub(in crate::web) fn confirm(lease: &Lease, nonce: &str, now: WallTime) -> Markup {
    let left = lease.terms.left_at(now);
    html! {
        div.confirm {
            h1 { "Open " (lease.name) "?" }
            p.lead { "This spends " strong { "1" } " of the " (looks(left)) " that are left. "
                (left.saturating_sub(1)) " left after it." }
            @if let Some(ms) = lease.conditions.show_ms {
                p { "It closes by itself after " (span(ms.into())) "." }
            }
            p.hint { "The look is counted when the picture is on your screen. Loading the page "
                "again shows nothing and counts nothing." }
            form.inline method="post" action={ "/lease/" (lease.grant.hex()) "/view" } {
                input type="hidden" name="nonce" value=(nonce);
                button.large autofocus { "Open, spend 1" }
                a.button.plain href={ "/lease/" (lease.grant.hex()) } { "Keep it" }
            }
        }
    }
}

/// What a look needs.
pub(in crate::web) struct Look<'a> {
    pub(in crate::web) lease: &'a Lease,
    pub(in crate::web) name: &'a str,
    /// The look's address below `/look/`.
    pub(in crate::web) key: &'a str,
    pub(in crate::web) ordinal: u32,
    pub(in crate::web) left_after: u32,
    pub(in crate::web) show_ms: Option<u32>,
}

/// The picture, once. With a script it is painted on a canvas, without one it is an image.
pub(in crate::web) fn look(look: &Look<'_>) -> Markup {
    let back = format!("/lease/{}", look.lease.grant.hex());
    let granted = look.lease.terms.granted;
    let address = format!("/look/{}", look.key);
    html! {
        div #look .look data-look=(address) data-back=(back) data-granted=(granted)
            data-show-ms=[look.show_ms] {
            h1.quiet { (look.name) }
            div.stage {
                canvas #canvas hidden role="img" aria-label=(look.name) {}
                noscript { img src={ (address) "/plain" } alt=(look.name); }
            }
            p #look-state .count role="status" aria-live="polite" {
                noscript { "look " (look.ordinal) " of " (granted) " counted, "
                    (look.left_after) " left"
                    @if let Some(ms) = look.show_ms { " · closes in " (span(ms.into())) } }
            }
            p.actions {
                span #countdown aria-hidden="true" {}
                a #close .button href=(back) { "Close" }
            }
        }
        script src="/assets/look.js" defer {}
    }
}

/// What the head of a look has for a browser without a script: it leaves by itself.
pub(in crate::web) fn look_head(grant: &str, show_ms: Option<u32>) -> Markup {
    html! {
        @if let Some(ms) = show_ms {
            noscript {
                meta http-equiv="refresh" content={ (ms.div_ceil(1_000)) ";url=/lease/" (grant) };
            }
        }
    }
}
