//! A look: the question before it, the claim, the bytes once, the word that they were painted.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::convert::Infallible;

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::{self, Data, Form, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Deserialize;

use super::{Answer, Trouble, framed, grant, html, refuse};
use crate::proto::control::{Command, Failure, Outcome, Reason};
use crate::proto::ids::{GrantId, ViewId};
use crate::proto::outcome::Lease;
use crate::stego::{self, ImageKind};
use crate::web::desk::odd;
use crate::web::looks::{LookKey, Opened, Order};
use crate::web::nonces::NonceError;
use crate::web::pages::layout::{self, Frame, Way};
use crate::web::pages::lease::{self, Look};
use crate::web::refusals::Refusal;
use crate::web::state::{State, command, hex, random, unhex};
use crate::web::thumbs;

/// Bytes that are handed on at a time: the last piece is what is waited for.
const PIECE_BYTES: usize = 16 << 10;

pub(super) fn configure(app: &mut ServiceConfig) {
    app.route("/lease/{grant}/open", web::get().to(confirm))
        .route("/lease/{grant}/view", web::post().to(view))
        .route("/lease/{grant}/view", web::get().to(reloaded))
        .route("/look/{key}", web::get().to(paint))
        .route("/look/{key}/plain", web::get().to(plain))
        .route("/look/{key}/painted", web::post().to(painted))
        .route("/look/{key}/failed", web::post().to(failed))
        .route("/look/{key}/closed", web::post().to(closed));
}

/// The question. It has a fresh nonce and spends nothing.
async fn confirm(state: Data<State>, text: Path<String>, request: HttpRequest) -> Answer {
    let grant = grant(&request, &text)?;
    let lease = state.desk.lease(grant).await?;
    if lease.ours || lease.terms.left_at(state.today()) == 0 {
        let message = format!("no looks are left at {}", lease.name);
        return Err(Failure::new(Reason::QuotaSpent, message, "ask the owner for more").into());
    }
    let nonce = random()?;
    state.nonces().issue(state.now(), grant, nonce);
    let body = lease::confirm(&lease, &hex(&nonce), state.today());
    framed(&state, &request, Way::Galleries, &lease.name, &body)
}

#[derive(Deserialize)]
struct ViewForm {
    nonce: String,
}

/// What the node opened.
struct Claimed {
    view: ViewId,
    name: String,
    original: Bytes,
    left_after: u32,
    show_ms: Option<u32>,
}

/// The claim. The nonce is spent whatever comes after it.
async fn view(
    state: Data<State>,
    text: Path<String>,
    form: Form<ViewForm>,
    request: HttpRequest,
) -> Answer {
    let id = grant(&request, &text)?;
    let nonce = unhex(&form.nonce).ok_or_else(|| refuse(&request, Refusal::NonceUnknown))?;
    let spent = state.nonces().spend(state.now(), id, nonce);
    spent.map_err(|error| {
        let refusal = match error {
            NonceError::Unknown => Refusal::NonceUnknown,
            NonceError::Used => Refusal::NonceUsed,
        };
        refuse(&request, refusal)
    })?;
    let lease = state.desk.lease(id).await?;
    let outcome = state.desk.ask(Command::View(id.hex())).await?;
    let Outcome::Opened {
        view,
        name,
        original,
        left_after,
        show_ms,
        ..
    } = outcome
    else {
        return Err(odd(&outcome).into());
    };
    let claimed = Claimed {
        view,
        name,
        original,
        left_after,
        show_ms,
    };
    hang(&state, &lease, claimed).await
}

/// Keeps the picture for the one time that it is taken, and gives the page that takes it.
async fn hang(state: &State, lease: &Lease, claimed: Claimed) -> Answer {
    let id: GrantId = lease.grant;
    let key: LookKey = random()?;
    let let_go = |reason, message: String, hint| {
        state.carry_out([Order::LetGo(claimed.view)]);
        Err(Failure::new(reason, message, hint).into())
    };
    let Some(media) = media(&claimed.original).await else {
        let message = format!("{} is no picture, there is nothing to see", claimed.name);
        return let_go(Reason::BadPicture, message, "the look is not counted");
    };
    let opened = Opened {
        view: claimed.view,
        grant: id,
        bytes: claimed.original.clone(),
        media,
        show_ms: claimed.show_ms,
    };
    if !state.looks().open(state.now(), key, opened) {
        let message = "too many pictures are open".to_owned();
        return let_go(Reason::Busy, message, "close one; the look is not counted");
    }
    let mut frame = Frame::new(&state.me, Way::Galleries);
    frame.head = lease::look_head(&id.hex(), claimed.show_ms);
    let look = Look {
        lease,
        name: &claimed.name,
        key: &hex(&key),
        ordinal: lease.terms.used + 1,
        left_after: claimed.left_after,
        show_ms: claimed.show_ms,
    };
    let page = layout::page(&frame, &claimed.name, &lease::look(&look));
    Ok(html(HttpResponse::Ok(), page))
}

/// The media type of bytes that can be painted.
async fn media(original: &Bytes) -> Option<&'static str> {
    let media = match stego::sniff(original)? {
        ImageKind::Png => "image/png",
        ImageKind::Jpeg => "image/jpeg",
        ImageKind::WebP => "image/webp",
    };
    let original = original.clone();
    let is_picture = web::block(move || thumbs::is_picture(&original));
    is_picture.await.ok()?.then_some(media)
}

/// A reload of the page with the picture, by address.
async fn reloaded(request: HttpRequest) -> Answer {
    Err(refuse(&request, Refusal::NonceUsed))
}

fn key(request: &HttpRequest, text: &str) -> Result<LookKey, Trouble> {
    unhex(text).ok_or_else(|| refuse(request, Refusal::Path))
}

async fn paint(state: Data<State>, text: Path<String>, request: HttpRequest) -> Answer {
    send(state, &text, &request, false)
}

async fn plain(state: Data<State>, text: Path<String>, request: HttpRequest) -> Answer {
    send(state, &text, &request, true)
}

/// The bytes, once.
fn send(state: Data<State>, text: &str, request: &HttpRequest, is_plain: bool) -> Answer {
    let key = key(request, text)?;
    let taken = state.looks().take(state.now(), &key, is_plain);
    let (bytes, media) = taken.ok_or_else(|| refuse(request, Refusal::NonceUsed))?;
    let sending = Sending {
        state,
        key,
        bytes,
        is_sent: false,
    };
    Ok(HttpResponse::Ok().content_type(media).body(sending))
}

/// A picture on its way to the browser: says when the last byte is out, or that it never was.
struct Sending {
    state: Data<State>,
    key: LookKey,
    bytes: Bytes,
    is_sent: bool,
}

impl MessageBody for Sending {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.bytes.is_empty() {
            // Whoever asks on has taken everything before.
            if !self.is_sent {
                self.is_sent = true;
                let order = self.state.looks().sent(self.state.now(), &self.key);
                self.state.carry_out(order);
            }
            return Poll::Ready(None);
        }
        let piece = self.bytes.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(self.bytes.split_to(piece))))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if !self.is_sent {
            let order = self.state.looks().broken(&self.key);
            self.state.carry_out(order);
        }
    }
}

/// The script has painted the picture: the look is counted, and its number told.
async fn painted(state: Data<State>, text: Path<String>, request: HttpRequest) -> Answer {
    let key = key(&request, &text)?;
    let order = state.looks().painted(state.now(), &key);
    let order = order.ok_or_else(|| refuse(&request, Refusal::NonceUnknown))?;
    match state.desk.ask(command(order)).await? {
        Outcome::Counted { ordinal, left } => {
            let counted = serde_json::json!({ "ordinal": ordinal, "left": left });
            Ok(HttpResponse::Ok()
                .content_type("application/json")
                .body(counted.to_string()))
        }
        other => Err(odd(&other).into()),
    }
}

/// The script could not get the picture: told whether the look is let go.
async fn failed(state: Data<State>, text: Path<String>, request: HttpRequest) -> Answer {
    let key = key(&request, &text)?;
    let order = state.looks().failed(&key);
    let let_go = order.is_some();
    state.carry_out(order);
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(serde_json::json!({ "let_go": let_go }).to_string()))
}

async fn closed(state: Data<State>, text: Path<String>, request: HttpRequest) -> Answer {
    let key = key(&request, &text)?;
    state.looks().closed(&key);
    Ok(HttpResponse::NoContent().finish())
}
