//! Walls of pictures: what was shared with the person, and the gallery of a peer.

use maud::{Markup, html};

use super::layout::{ago, span};
use crate::proto::lease::EndReason;
use crate::proto::outcome::{Lease, Peer};
use crate::terminal::text::size;
use crate::time::WallTime;
use crate::web::assets::{Icon, icon};
use crate::web::events::looks;
use crate::web::model::{State, Tile};

/// The first page: pictures that can be looked at, and people.
pub(in crate::web) fn home(tiles: &[Tile], peers: &[Peer], now: WallTime) -> Markup {
    html! {
        h1 { "Galleries" }
        section #granted data-part aria-labelledby="granted-title" {
            h2 #granted-title { "Shared with you" }
            @if tiles.is_empty() {
                p.empty { "Nothing yet. Choose somebody below and ask for a picture." }
            } @else {
                (wall(tiles, now))
            }
        }
        section #peers data-part aria-labelledby="peers-title" {
            h2 #peers-title { "People" }
            @if peers.is_empty() {
                p.empty { "Nobody is known yet. " a href="/people" { "Add somebody" } "." }
            }
            ul.people {
                @for peer in peers { li { (person_link(peer, now)) } }
            }
        }
    }
}

/// A person as a way to their gallery.
fn person_link(peer: &Peer, now: WallTime) -> Markup {
    html! {
        a.person href={ "/peer/" (peer.user.hex()) } {
            span.initial aria-hidden="true" { (peer.name.chars().next().unwrap_or('?')) }
            span.who {
                strong { "@" (peer.name) }
                span.presence.here[peer.online] {
                    @if peer.online { "online" }
                    @else if peer.last_seen.0 == 0 { "offline" }
                    @else { "seen " (ago(now, peer.last_seen)) }
                }
                span.trust { (trust(peer)) }
            }
        }
    }
}

/// How sure it is who somebody is.
pub(in crate::web) fn trust(peer: &Peer) -> Markup {
    html! {
        @if peer.blocked { "blocked" }
        @else if peer.conflict { strong.danger { "another key claims this name" } }
        @else if peer.verified { (icon(Icon::Verified)) "verified" }
        @else { "unverified" }
    }
}

/// What is told of a gallery as a whole.
pub(in crate::web) struct Wall<'a> {
    pub(in crate::web) peer: &'a Peer,
    pub(in crate::web) tiles: &'a [Tile],
    pub(in crate::web) is_refused: bool,
    /// When it was told, if that is not now.
    pub(in crate::web) old: Option<WallTime>,
    /// Why nothing newer is known.
    pub(in crate::web) why: Option<String>,
    pub(in crate::web) now: WallTime,
}

/// The gallery of a peer.
pub(in crate::web) fn peer(wall_of: &Wall<'_>) -> Markup {
    let peer = wall_of.peer;
    html! {
        h1 { "@" (peer.name) }
        p #peer-state .lead data-part {
            span.presence.here[peer.online] { @if peer.online { "online" } @else { "offline" } }
            " · " (trust(peer))
            @if let Some(old) = wall_of.old { " · as of " (ago(wall_of.now, old)) }
        }
        @if wall_of.is_refused {
            p.note { "@" (peer.name) " shows you no previews. You can ask by name." }
            form.inline method="post" action={ "/peer/" (peer.user.hex()) "/ask" } {
                label { "Name of the picture " input name="image" required; }
                (views_field("views", 1))
                button { "Ask" }
            }
        }
        @if let Some(why) = &wall_of.why { p.note { (why) } }
        section #tiles data-part aria-label="Pictures" {
            @if wall_of.tiles.is_empty() { p.empty { "No pictures." } }
            (wall(wall_of.tiles, wall_of.now))
        }
    }
}

fn wall(tiles: &[Tile], now: WallTime) -> Markup {
    html! {
        ul.wall { @for tile in tiles { li { (hung(tile, now)) } } }
    }
}

/// A picture in its frame.
fn hung(tile: &Tile, now: WallTime) -> Markup {
    let word = tile.state.word();
    html! {
        article.tile data-state=(word) aria-label={ (tile.name) ", " (word) } {
            div.mat { (canvas(tile)) }
            h3 {
                @if let Some(lease) = &tile.lease {
                    a href={ "/lease/" (lease.grant.hex()) } { (tile.name) }
                } @else { (tile.name) }
            }
            p.state { (badge(&tile.state)) " " (details(tile, now)) }
            (action(tile))
        }
    }
}

/// What hangs there: a blur, or the cover when all is over. Never the image.
fn canvas(tile: &Tile) -> Markup {
    let cover = tile
        .lease
        .as_ref()
        .filter(|lease| has_cover(lease, &tile.state));
    html! {
        @if let Some(lease) = cover {
            img.cover src={ "/cover/" (lease.grant.hex()) } loading="lazy"
                alt={ "The cover of " (tile.name) };
        } @else if let Some(preview) = tile.preview {
            img.blur src={ "/preview/" (preview.hex()) } alt={ "Blurred preview of " (tile.name) };
        } @else {
            span.blank { "no preview" }
        }
    }
}

fn has_cover(lease: &Lease, state: &State) -> bool {
    let is_over = matches!(state, State::Ended(_)) || lease.ended.is_some();
    is_over && lease.file.is_some() && lease.delivered
}

/// State as drawing and word.
pub(in crate::web) fn badge(state: &State) -> Markup {
    let drawing = match state {
        State::Offered { .. } => Icon::Offered,
        State::Asked { .. } | State::OnItsWay => Icon::Asked,
        State::Granted => Icon::Granted,
        State::Stale => Icon::Stale,
        State::Viewing | State::Interrupted => Icon::Eye,
        State::Ended(EndReason::Spent) => Icon::Spent,
        State::Ended(EndReason::Expired) => Icon::Expired,
        State::Ended(EndReason::Revoked | EndReason::Copied) => Icon::Revoked,
    };
    html! { span.badge data-state=(state.word()) { (icon(drawing)) (state.word()) } }
}

fn details(tile: &Tile, now: WallTime) -> Markup {
    let of = tile
        .lease
        .as_ref()
        .map(|lease| (lease.terms.used, lease.terms.granted));
    html! {
        @match (&tile.state, of) {
            (State::Offered { denied }, _) => {
                @if let Some(bytes) = tile.size_bytes { (size(bytes.into())) }
                @if let Some(reason) = denied { " · said no: " q { (reason) } }
            }
            (State::Asked { is_owner_here }, _) => {
                @if let Some(ask) = &tile.ask {
                    "asked " (ask.views) ", " (ago(now, ask.at)) " · "
                }
                @if *is_owner_here { "waits for the owner" }
                @else { "the owner is away; the servers keep it" }
            }
            (State::Ended(reason), Some((used, granted))) => {
                (used) " of " (granted) " used"
                @if let Some(ended) = tile.lease.as_ref().and_then(|lease| lease.ended) {
                    ", " (ago(now, ended.at))
                }
                @if *reason == EndReason::Revoked { " · the owner took it back" }
            }
            (State::Interrupted, Some((used, granted))) => {
                "counted, view cut short · "
                (granted.saturating_sub(used)) " of " (granted) " left"
            }
            (State::Stale, Some(_)) => {
                (left(tile)) " · no server answers, this may be old"
            }
            (_, Some(_)) => (left(tile)),
            (_, None) => {}
        }
        @if let (Some(until), false) = (until(tile), matches!(tile.state, State::Ended(_))) {
            " · ends in " (span(until.0.saturating_sub(now.0)))
        }
    }
}

fn until(tile: &Tile) -> Option<WallTime> {
    tile.lease.as_ref().and_then(|lease| lease.terms.until)
}

fn left(tile: &Tile) -> String {
    let terms = tile.lease.as_ref().map(|lease| &lease.terms);
    terms.map_or_else(String::new, |terms| {
        format!("{} of {} left · this device", terms.left(), terms.granted)
    })
}

/// What can be done, as links and forms that need no script.
pub(in crate::web) fn action(tile: &Tile) -> Markup {
    let grant = tile.lease.as_ref().map(|lease| lease.grant.hex());
    html! {
        div.actions {
            @if let (true, Some(grant)) = (tile.state.can_open(), &grant) {
                @if tile.lease.as_ref().is_some_and(|lease| lease.terms.left() > 0) {
                    a.button href={ "/lease/" (grant) "/open" } {
                        "Open" span.quiet { " " (tile.name) }
                    }
                }
            }
            @match &tile.state {
                State::Offered { .. } => (ask_form(tile, "Request")),
                State::Ended(_) => (ask_form(tile, "Request more")),
                State::Asked { .. } => {
                    @if let Some(ask) = &tile.ask {
                        form method="post" action={ "/requests/" (ask.ask.hex()) "/withdraw" } {
                            button.plain { "Cancel the question" }
                        }
                    }
                }
                State::Interrupted => {
                    @if let Some(grant) = &grant {
                        form method="post" action={ "/lease/" (grant) "/ask-refund" } {
                            button.plain { "Ask for a refund" }
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn ask_form(tile: &Tile, words: &str) -> Markup {
    html! {
        form.ask method="post" action="/ask" {
            input type="hidden" name="peer" value=(tile.peer);
            input type="hidden" name="image" value=(tile.name);
            (views_field("views", 1))
            button { (words) span.quiet { " " (tile.name) } }
        }
    }
}

/// A field for a number of looks.
pub(in crate::web) fn views_field(name: &str, value: u32) -> Markup {
    html! {
        label.views {
            span.quiet { "Number of looks" }
            input type="number" name=(name) value=(value) min="1" max="1000000" required
                title={ "Number of looks, now " (looks(value)) };
        }
    }
}
