//! The owner's side: grants given, questions, pictures on offer.

use maud::{Markup, html};

use super::gallery::views_field;
use super::layout::{ago, moment};
use super::lease::{owner_badge, until_field};
use crate::proto::ids::Digest;
use crate::proto::letter::GalleryItem;
use crate::proto::outcome::{AskState, Lease, OpenAsk, Peer};
use crate::terminal::text::size;
use crate::time::WallTime;

/// All grants that the person gave.
pub(in crate::web) fn shared(leases: &[Lease], now: WallTime) -> Markup {
    let is_live = |lease: &&Lease| lease.terms.left_at(now) > 0;
    html! {
        h1 { "Shared by me" }
        div #shared data-part {
            @if leases.is_empty() {
                p.empty { "You share nothing yet. " a href="/mine" { "Share a picture" } "." }
            } @else {
                div.scroll tabindex="0" role="region" aria-label="Grants" {
                    table {
                        thead { tr {
                            th scope="col" { "Picture" } th scope="col" { "To" }
                            th scope="col" { "Used" } th scope="col" { "Until" }
                            th scope="col" { "State" } th scope="col" { "Quick change" }
                        } }
                        tbody { @for lease in leases { (row(lease, now)) } }
                    }
                }
            }
        }
        p.actions {
            a.button.plain href="/ledger.jsonl" download="ledger.jsonl" { "Export the ledger" }
            @if leases.iter().any(|lease| is_live(&lease)) {
                a.button.danger href="/shared/revoke-all" { "Revoke all…" }
            }
        }
    }
}

fn row(lease: &Lease, now: WallTime) -> Markup {
    let address = format!("/lease/{}", lease.grant.hex());
    let terms = &lease.terms;
    html! {
        tr {
            th scope="row" { a href=(address) { (lease.name) } }
            td { "@" (lease.peer) }
            td.count { (terms.used) "/" (terms.granted) }
            td { @if let Some(until) = terms.until { (moment(until)) } @else { "–" } }
            td { (owner_badge(lease, now)) }
            td {
                @if !terms.revoked {
                    form.row method="post" action={ (address) "/change" } {
                        input type="hidden" name="views" value="1";
                        input type="hidden" name="back" value="shared";
                        button.plain name="what" value="add"
                            aria-label={ "+1 look for " (lease.name) } { "+1" }
                        button.plain name="what" value="sub"
                            aria-label={ "−1 look for " (lease.name) } { "−1" }
                        button.danger name="what" value="revoke"
                            aria-label={ "Revoke " (lease.name) } { "Revoke" }
                    }
                }
            }
        }
    }
}

/// The question before everything is taken back.
pub(in crate::web) fn revoke_all(leases: &[Lease]) -> Markup {
    html! {
        div.confirm {
            h1 { "Revoke " (leases.len()) " grants?" }
            p { "Nobody can look at these any more. It cannot be undone; sharing again makes new "
                "grants." }
            ul { @for lease in leases { li { (lease.name) " to @" (lease.peer) } } }
            form.inline method="post" action="/shared/revoke-all" {
                button.danger { "Revoke all" }
                a.button.plain href="/shared" { "Keep them" }
            }
        }
    }
}

/// Questions of others, and the person's own.
pub(in crate::web) fn requests(asks: &[OpenAsk], now: WallTime) -> Markup {
    let (mine, theirs): (Vec<_>, Vec<_>) = asks.iter().partition(|ask| ask.ours);
    html! {
        h1 { "Requests" }
        section #theirs data-part aria-labelledby="theirs-title" {
            h2 #theirs-title { "For your word" }
            @if theirs.is_empty() { p.empty { "Nobody asks for anything." } }
            ul.cards { @for ask in theirs { li { (their_ask(ask, now)) } } }
        }
        section #asked data-part aria-labelledby="asked-title" {
            h2 #asked-title { "Asked by you" }
            @if mine.is_empty() { p.empty { "You have asked for nothing." } }
            ul.cards { @for ask in mine { li { (my_ask(ask, now)) } } }
        }
    }
}

fn their_ask(ask: &OpenAsk, now: WallTime) -> Markup {
    let address = format!("/requests/{}/decide", ask.ask.hex());
    html! {
        article.card aria-label={ "@" (ask.peer) " asks for " (ask.image) } {
            p { strong { "@" (ask.peer) } " asks for " strong { (ask.views) } " at "
                strong { (ask.image) } ", " (ago(now, ask.at)) }
            @if !ask.remark.is_empty() { p { q { (ask.remark) } } }
            @if ask.state == AskState::Open {
                form.inline method="post" action=(address) {
                    (views_field("views", ask.views))
                    button name="what" value="approve" { "Approve" }
                }
                form.inline method="post" action=(address) {
                    label { span.quiet { "Reason" }
                        input name="reason" maxlength="200" placeholder="reason, if you like"; }
                    button.plain name="what" value="deny" { "Deny" }
                }
            } @else { p.state { (stands(&ask.state)) } }
        }
    }
}

fn my_ask(ask: &OpenAsk, now: WallTime) -> Markup {
    html! {
        article.card aria-label={ "You asked for " (ask.image) } {
            p { "You asked " strong { "@" (ask.peer) } " for " strong { (ask.views) } " at "
                strong { (ask.image) } ", " (ago(now, ask.at)) }
            p.state { (stands(&ask.state)) }
            @if ask.state == AskState::Open {
                form method="post" action={ "/requests/" (ask.ask.hex()) "/withdraw" } {
                    button.plain { "Cancel the question" }
                }
            }
        }
    }
}

fn stands(state: &AskState) -> String {
    match state {
        AskState::Open => "waits for an answer".into(),
        AskState::Approved(views) => format!("granted: {views}"),
        AskState::Denied(reason) => format!("denied: {reason}"),
        AskState::Withdrawn => "taken back".into(),
    }
}

/// The person's own gallery, with the forms to offer and to share.
pub(in crate::web) fn mine(items: &[GalleryItem], peers: &[Peer]) -> Markup {
    html! {
        h1 { "My pictures" }
        section #offers data-part aria-labelledby="offers-title" {
            h2 #offers-title { "On offer" }
            @if items.is_empty() { p.empty { "You offer nothing yet." } }
            ul.wall { @for item in items { li { (offer(item, peers)) } } }
        }
        section.forms aria-labelledby="offer-title" {
            h2 #offer-title { "Offer a picture" }
            p.hint { "Others see its name and a blurred preview, and ask you for looks. What a "
                "photograph tells beside the picture, such as the place, is taken out." }
            form.stack method="post" action="/mine/offer" enctype="multipart/form-data" {
                label { "Picture " input type="file" name="file" required
                    accept="image/png,image/jpeg,image/webp"; }
                label { "Name, if not the file's " input name="name" maxlength="64"; }
                button data-busy="Taking it in…" { "Offer" }
            }
        }
        section.forms aria-labelledby="share-title" {
            h2 #share-title { "Share a file with one person" }
            form.stack method="post" action="/mine/share" enctype="multipart/form-data" {
                label { "Picture " input type="file" name="file" required
                    accept="image/png,image/jpeg,image/webp"; }
                (share_fields(peers))
                button data-busy="Hiding and sending…" { "Share" }
            }
        }
    }
}

fn offer(item: &GalleryItem, peers: &[Peer]) -> Markup {
    html! {
        article.tile data-state="mine" {
            div.mat {
                @if item.preview.is_empty() { span.blank { "no preview" } }
                @else {
                    img.blur src={ "/preview/" (Digest::of(&item.preview).hex()) }
                        alt={ "Blurred preview of " (item.name) };
                }
            }
            h3 { (item.name) }
            p.state { (size(item.size_bytes.into())) }
            details {
                summary { "Share" span.quiet { " " (item.name) } }
                form.stack method="post" action="/mine/share" enctype="multipart/form-data" {
                    input type="hidden" name="name" value=(item.name);
                    (share_fields(peers))
                    button data-busy="Hiding and sending…" { "Share" }
                }
            }
        }
    }
}

fn share_fields(peers: &[Peer]) -> Markup {
    html! {
        label { "With "
            select name="to" required {
                @for peer in peers { option value=(peer.name) { "@" (peer.name) } }
            }
        }
        label { "Looks "
            input type="number" name="views" value="1" min="1" max="1000000" required; }
        label { "Ends " (until_field(false)) }
        label { "Each look closes after "
            select name="show" {
                option value="" { "no limit" }
                @for seconds in [5, 10, 30, 60] {
                    option value=(seconds) { (seconds) " seconds" }
                }
            }
        }
        label { "Looks are counted "
            select name="counted_by" {
                option value="servers" { "by the servers, before the picture opens" }
                option value="program" { "by the other person's program" }
            }
        }
        label { "Usable without the servers "
            input type="number" name="offline" value="0" min="0" max="1000"; }
        label { "At the end "
            select name="at_end" {
                option value="carrier" { "the cover stays" }
                option value="delete" { "the file is deleted" }
            }
        }
    }
}
