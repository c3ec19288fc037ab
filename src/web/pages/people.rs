//! People: who they are, how sure that is, and how the gallery itself is.

use maud::{Markup, html};

use super::gallery::trust;
use super::layout::ago;
use crate::proto::ids::UserId;
use crate::proto::outcome::{ClientStatus, Peer};
use crate::proto::pairing;
use crate::proto::route::Reached;
use crate::terminal::promise;
use crate::time::WallTime;
use crate::web::refusals::Refusal;

/// All known people.
pub(in crate::web) fn people(peers: &[Peer], me: &ClientStatus, now: WallTime) -> Markup {
    html! {
        h1 { "People" }
        details.own {
            summary { "Your own words and code" }
            p.words { (words(&me.user)) }
            p { code { (pairing::code(&me.name, &me.user)) } }
            p.hint { "Read the words to each other over a channel you trust, or give the code." }
        }
        div #people data-part {
            @if peers.is_empty() { p.empty { "Nobody is known yet." } }
            ul.cards { @for peer in peers { li { (card(peer, now)) } } }
        }
        section.forms aria-labelledby="add-title" {
            h2 #add-title { "Add somebody by their code" }
            p.hint { "They find it on this page of theirs. A code is as good as comparing words." }
            form.stack method="post" action="/people/add" {
                label { "Code " input name="code" required maxlength="300" autocomplete="off"; }
                button { "Add" }
            }
        }
    }
}

fn words(user: &UserId) -> String {
    pairing::words(user).join(" ")
}

/// How a person is reached, if they are.
fn way(peer: &Peer) -> Option<String> {
    Some(match peer.reached? {
        Reached::Direct => "reached directly".to_owned(),
        Reached::Relayed(node) => format!("reached through {node}"),
    })
}

fn card(peer: &Peer, now: WallTime) -> Markup {
    let address = format!("/people/{}", peer.user.hex());
    html! {
        article.card aria-label={ "@" (peer.name) } {
            h2 { a href={ "/peer/" (peer.user.hex()) } { "@" (peer.name) } }
            p.state {
                span.presence.here[peer.online] {
                    @if peer.online { "online" }
                    @else if peer.last_seen.0 == 0 { "offline" }
                    @else { "seen " (ago(now, peer.last_seen)) }
                }
                @if let Some(way) = way(peer) { ", " (way) }
                " · " (trust(peer))
            }
            p.words { (words(&peer.user)) }
            div.inline {
                form method="post" action={ (address) "/verify" } {
                    @if peer.verified {
                        input type="hidden" name="on" value="no";
                        button.plain { "Not verified after all" }
                    } @else {
                        input type="hidden" name="on" value="yes";
                        button.plain { "The words agree: verified" }
                    }
                }
                form method="post" action={ (address) "/block" } {
                    @if peer.blocked {
                        input type="hidden" name="on" value="no";
                        button.plain { "Unblock" }
                    } @else {
                        input type="hidden" name="on" value="yes";
                        button.danger { "Block" }
                    }
                }
            }
        }
    }
}

/// How the client and this gallery are.
pub(in crate::web) fn about(status: &ClientStatus, refused: &[(Refusal, u64)]) -> Markup {
    html! {
        h1 { "@" (status.name) }
        dl.facts {
            dt { "Id" } dd { code { (status.user.short()) } }
            dt { "Servers" }
            dd { (status.servers_answering.len()) " of " (status.servers) " answer" }
            dt { "Letters on their way" } dd { (status.letters_queued) }
            @if status.name_taken {
                dt { "Name" } dd { strong.danger { "the servers say it is somebody else's" } }
            }
        }
        section aria-labelledby="refused-title" {
            h2 #refused-title { "Refused since the start" }
            p.hint { "Requests to this gallery that were not answered. None counted a look." }
            @if refused.is_empty() { p.empty { "None." } }
            dl.facts #refusals {
                @for (kind, count) in refused {
                    dt { (kind.word()) } dd data-refusal=(kind.word()) { (count) }
                }
            }
        }
        p.note { "Looks are counted by the servers, unless a grant says otherwise; "
            (promise::NOT_PREVENTED) "." }
    }
}
