//! The person as a borrower: galleries, previews, covers, questions.

use actix_web::web::{self, Data, Form, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Deserialize;

use super::{Answer, Trouble, done, framed, grant, refuse};
use crate::proto::control::{Command, Failure, Outcome, Reason};
use crate::proto::ids::{AskId, Digest, UserId};
use crate::proto::letter::{ImageRef, Verdict};
use crate::proto::limits::MESSAGE_MAX_BYTES;
use crate::proto::outcome::{Lease, OpenAsk, Peer};
use crate::web::desk::{not_found, odd};
use crate::web::events::looks;
use crate::web::model::{self, Circumstances, Tile};
use crate::web::pages::layout::Way;
use crate::web::pages::{gallery, lease};
use crate::web::refusals::Refusal;
use crate::web::state::{KnownGallery, State, unhex};
use crate::web::thumbs;

/// How long the owner's rules may take to answer a question at once.
const ASK_WAIT_MS: u32 = 1_500;

pub(super) fn configure(app: &mut ServiceConfig) {
    app.route("/", web::get().to(home))
        .route("/peer/{user}", web::get().to(peer))
        .route("/peer/{user}/ask", web::post().to(ask_by_name))
        .route("/ask", web::post().to(ask))
        .route("/requests/{ask}/withdraw", web::post().to(withdraw))
        .route("/lease/{grant}", web::get().to(detail))
        .route("/lease/{grant}/ask-refund", web::post().to(ask_refund))
        .route("/preview/{digest}", web::get().to(preview))
        .route("/cover/{grant}", web::get().to(cover));
}

/// What the state of a tile depends on, asked once for a page.
struct Around {
    leases: Vec<Lease>,
    asks: Vec<OpenAsk>,
    peers: Vec<Peer>,
    is_connected: bool,
}

impl Around {
    async fn ask(state: &State) -> Result<Self, Failure> {
        let status = state.desk.status().await?;
        Ok(Self {
            leases: state.desk.leases().await?,
            asks: state.desk.requests().await?,
            peers: state.desk.peers().await?,
            is_connected: !status.servers_answering.is_empty(),
        })
    }

    fn with<T>(&self, state: &State, peer: &str, then: impl FnOnce(&Circumstances<'_>) -> T) -> T {
        let owner = self.peers.iter().find(|known| known.name == peer);
        then(&Circumstances {
            now: state.today(),
            is_connected: self.is_connected,
            is_owner_here: owner.is_some_and(|owner| owner.online),
            is_viewing: &|lease| state.looks().is_viewing(lease.grant),
            is_cut_short: &|lease| state.looks().is_cut_short(lease.grant),
        })
    }
}

async fn home(state: Data<State>, request: HttpRequest) -> Answer {
    let around = Around::ask(&state).await?;
    let received = around.leases.iter().filter(|lease| !lease.ours);
    let mut tiles: Vec<Tile> = received
        .map(|lease| tile_of(&state, &around, lease))
        .collect();
    // What can be opened comes first.
    tiles.sort_by_key(|tile| (!tile.state.can_open(), tile.name.clone()));
    let body = gallery::home(&tiles, &around.peers, state.today());
    framed(&state, &request, Way::Galleries, "Galleries", &body)
}

fn tile_of(state: &State, around: &Around, lease: &Lease) -> Tile {
    let known = state.gallery(&lease.peer);
    let items = known.as_ref().map_or(&[][..], |known| &known.items);
    let item = items.iter().find(|item| item.name == lease.name);
    let (peer, name) = (&lease.peer, &lease.name);
    around.with(state, peer, |circumstances| {
        model::tile(peer, name, item, Some(lease), &around.asks, circumstances)
    })
}

fn find(peers: &[Peer], request: &HttpRequest, user: &str) -> Result<Peer, Trouble> {
    let user = unhex(user).ok_or_else(|| refuse(request, Refusal::Path))?;
    let found = peers.iter().find(|peer| peer.user == UserId(user));
    Ok(found
        .cloned()
        .ok_or_else(|| not_found("nobody of that id is known"))?)
}

async fn peer(state: Data<State>, user: Path<String>, request: HttpRequest) -> Answer {
    let around = Around::ask(&state).await?;
    let peer = find(&around.peers, &request, &user)?;
    let (known, why) = match told(&state, &peer).await {
        Ok(fresh) => (Some(fresh), None),
        Err(failure) => (state.gallery(&peer.name), Some(failure.message)),
    };
    let is_old = why.is_some();
    let items = known.as_ref().map_or(&[][..], |known| &known.items);
    state.keep_previews(items);
    let tiles = around.with(&state, &peer.name, |circumstances| {
        let Around { leases, asks, .. } = &around;
        model::tiles(&peer.name, items, leases, asks, circumstances)
    });
    let wall = gallery::Wall {
        peer: &peer,
        tiles: &tiles,
        is_refused: known.as_ref().is_some_and(|known| known.refused),
        old: known.as_ref().filter(|_| is_old).map(|known| known.at),
        why: why.map(|why| format!("Their gallery cannot be asked for now: {why}.")),
        now: state.today(),
    };
    let title = format!("@{}", peer.name);
    let body = gallery::peer(&wall);
    framed(&state, &request, Way::Galleries, &title, &body)
}

/// A peer's gallery, fresh.
async fn told(state: &State, peer: &Peer) -> Result<KnownGallery, Failure> {
    if !peer.online && state.gallery(&peer.name).is_some() {
        return Err(Failure::new(Reason::Unreachable, "they are away", ""));
    }
    let (items, refused) = state.desk.gallery(Some(peer.name.clone())).await?;
    let known = KnownGallery {
        items,
        refused,
        at: state.today(),
    };
    state.keep_gallery(&peer.name, known.clone());
    Ok(known)
}

async fn preview(state: Data<State>, digest: Path<String>, request: HttpRequest) -> Answer {
    let digest = unhex(&digest).ok_or_else(|| refuse(&request, Refusal::Path))?;
    let bytes = state.preview(Digest(digest));
    let bytes = bytes.ok_or_else(|| not_found("this preview is forgotten"))?;
    Ok(HttpResponse::Ok().content_type("image/jpeg").body(bytes))
}

/// The cover of a grant that is over, small. Never the file of one that gives looks.
async fn cover(state: Data<State>, text: Path<String>, request: HttpRequest) -> Answer {
    let grant = grant(&request, &text)?;
    let lease = state.desk.lease(grant).await?;
    let is_over = !lease.ours && model::ended(&lease, state.today()).is_some();
    let file = lease.file.filter(|name| is_over && is_file_name(name));
    let file = file.ok_or_else(|| not_found("there is no cover to show"))?;
    if let Some(thumb) = state.thumb(grant) {
        return Ok(HttpResponse::Ok().content_type("image/jpeg").body(thumb));
    }
    let path = state.home.join("received").join(file);
    let made = web::block(move || read_file(&path).and_then(|file| thumbs::thumb(&file)));
    let made = made.await.ok().flatten();
    let thumb = Bytes::from(made.ok_or_else(|| not_found("the cover cannot be read"))?);
    state.keep_thumb(grant, thumb.clone());
    Ok(HttpResponse::Ok().content_type("image/jpeg").body(thumb))
}

fn is_file_name(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(known)
}

fn read_file(path: &std::path::Path) -> Option<Vec<u8>> {
    use std::io::Read;
    let file = std::fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(MESSAGE_MAX_BYTES as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

#[derive(Deserialize)]
struct AskForm {
    #[serde(default)]
    peer: String,
    image: String,
    views: u32,
}

async fn ask(state: Data<State>, form: Form<AskForm>) -> Answer {
    let peers = state.desk.peers().await?;
    let found = peers.iter().find(|known| known.name == form.peer);
    let back = found.map_or("/".into(), |peer| format!("/peer/{}", peer.user.hex()));
    let said = put(&state, &form.peer, &form.image, form.views, "").await;
    done(&state, &back, said)
}

async fn ask_by_name(
    state: Data<State>,
    user: Path<String>,
    form: Form<AskForm>,
    request: HttpRequest,
) -> Answer {
    let peer = find(&state.desk.peers().await?, &request, &user)?;
    let said = put(&state, &peer.name, &form.image, form.views, "").await;
    done(&state, &format!("/peer/{}", peer.user.hex()), said)
}

/// Puts a question.
async fn put(
    state: &State,
    peer: &str,
    image: &str,
    views: u32,
    remark: &str,
) -> Result<String, Failure> {
    let command = Command::Ask {
        peer: peer.to_owned(),
        image: ImageRef::Name(image.to_owned()),
        views,
        remark: remark.to_owned(),
        wait_ms: ASK_WAIT_MS,
    };
    match state.desk.ask(command).await? {
        Outcome::Asked { verdict, .. } => Ok(match verdict {
            None => format!("Asked @{peer} for {} at {image}.", looks(views)),
            Some(Verdict::Approved { views, .. }) => {
                format!("@{peer} granted {} at {image}.", looks(views))
            }
            Some(Verdict::Denied { reason }) => format!("@{peer} said no to {image}: {reason}"),
        }),
        other => Err(odd(&other)),
    }
}

async fn withdraw(state: Data<State>, ask: Path<String>, request: HttpRequest) -> Answer {
    let ask = AskId(unhex(&ask).ok_or_else(|| refuse(&request, Refusal::Path))?);
    let said = match state.desk.ask(Command::Withdraw(ask.hex())).await {
        Ok(Outcome::Withdrawn(_)) => Ok("The question is taken back.".to_owned()),
        Ok(other) => Err(odd(&other)),
        Err(failure) => Err(failure),
    };
    done(&state, "/requests", said)
}

/// How a grant stands, and its story.
async fn detail(state: Data<State>, text: Path<String>, request: HttpRequest) -> Answer {
    let id = grant(&request, &text)?;
    let around = Around::ask(&state).await?;
    let lease = around.leases.iter().find(|lease| lease.grant == id);
    let lease = lease.ok_or_else(|| not_found("no such lease"))?;
    let story = state.desk.ledger(Some(id)).await?;
    let story: Vec<_> = story.into_iter().map(|(_, entry)| entry).collect();
    let tile = tile_of(&state, &around, lease);
    let body = lease::detail(&tile, lease, &story, state.today());
    let way = if lease.ours {
        Way::Shared
    } else {
        Way::Galleries
    };
    framed(&state, &request, way, &lease.name, &body)
}

async fn ask_refund(state: Data<State>, text: Path<String>, request: HttpRequest) -> Answer {
    let grant = grant(&request, &text)?;
    let lease = state.desk.lease(grant).await?;
    let remark = "a look was counted but cut short; please give it back";
    let said = put(&state, &lease.peer, &lease.name, 1, remark).await;
    if said.is_ok() {
        state.looks().mend(grant);
    }
    done(&state, &format!("/lease/{}", grant.hex()), said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_files() {
        assert!(is_file_name("00ff.png"));
        for bad in ["", ".", "..", "a/b", "../a", "a\\b", ".key", "a b"] {
            assert!(!is_file_name(bad), "{bad}");
        }
    }
}
