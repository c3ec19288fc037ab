//! The door, the style, and the live news.

use actix_web::http::header;
use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::{Answer, html, refuse, see_other};
use crate::web::assets;
use crate::web::events::Live;
use crate::web::pages::layout;
use crate::web::refusals::Refusal;
use crate::web::state::State;

pub(super) fn configure(app: &mut ServiceConfig) {
    app.route("/s/{secret}/", web::get().to(enter))
        .route("/s/{secret}", web::get().to(enter))
        .route("/assets/{name}", web::get().to(asset))
        .route("/events", web::get().to(events));
}

/// Whoever knows the secret gets the cookie.
async fn enter(state: Data<State>, secret: Path<String>, request: HttpRequest) -> Answer {
    if !state.secrets.opens(&secret) {
        return Err(refuse(&request, Refusal::Secret));
    }
    // A strict cookie does not follow a redirect that another site began; a page of ours does.
    let site = request.headers().get("sec-fetch-site");
    let mut response = match site.and_then(|site| site.to_str().ok()) {
        Some("cross-site" | "same-site") => html(HttpResponse::Ok(), layout::door()),
        _ => see_other("/"),
    };
    let cookie = format!(
        "{}={}; HttpOnly; SameSite=Strict; Path=/",
        state.guard.cookie(),
        state.secrets.session,
    );
    if let Ok(cookie) = header::HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn asset(name: Path<String>, request: HttpRequest) -> Answer {
    let asset = assets::find(&name).ok_or_else(|| refuse(&request, Refusal::Path))?;
    Ok(HttpResponse::Ok()
        .content_type(asset.media)
        .body(asset.content))
}

/// News from now on, or from after the last that the browser heard.
async fn events(state: Data<State>, request: HttpRequest) -> Answer {
    let header = request.headers().get("last-event-id");
    let header = header.and_then(|value| value.to_str().ok());
    let asked = request.query_string().strip_prefix("after=");
    let after = header.or(asked).and_then(|text| text.parse().ok());
    if !state.streams.take() {
        return Err(refuse(&request, Refusal::Streams));
    }
    let watch = state.desk.watch(after);
    let watch = watch.inspect_err(|_| state.streams.leave())?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .streaming(Live::new(state, watch).stream()))
}
