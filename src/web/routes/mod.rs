//! From a request to a page: what is read, what the node is asked, which page answers.

mod door;
mod gallery;
mod look;
mod owner;
mod people;

use std::fmt;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use maud::Markup;

use super::guard::{ASSETS, Head};
use super::pages::layout::{self, Frame, Way};
use super::refusals::Refusal;
use super::serve::Visitor;
use super::state::{Remark, State, unhex};
use crate::proto::control::{Failure, Reason};
use crate::proto::ids::GrantId;

/// Longest form without a file.
const FORM_MAX_BYTES: usize = 16 << 10;

/// What no page may do: take anything from elsewhere, be in a frame, run words of others.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// All addresses.
pub(super) fn configure(app: &mut ServiceConfig) {
    let form = web::FormConfig::default()
        .limit(FORM_MAX_BYTES)
        .error_handler(|_, request| refuse(request, Refusal::Form).into());
    app.app_data(form);
    door::configure(app);
    gallery::configure(app);
    look::configure(app);
    owner::configure(app);
    people::configure(app);
    app.default_service(web::to(nothing_here));
}

async fn nothing_here(request: HttpRequest) -> Answer {
    Err(refuse(&request, Refusal::Path))
}

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The node said no.
    Failed(Box<Failure>),
    /// We say no; it is logged and counted already.
    Refused(Refusal),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => f.write_str(&failure.message),
            Self::Refused(refusal) => f.write_str(refusal.word()),
        }
    }
}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        let code = match self {
            Self::Refused(refusal) => refusal.status(),
            Self::Failed(failure) => match failure.reason {
                Reason::NotFound => 404,
                Reason::Usage | Reason::BadPicture => 400,
                Reason::Unreachable | Reason::Busy => 503,
                Reason::TooLarge => 413,
                Reason::Other | Reason::Disk | Reason::Config => 500,
                _ => 409,
            },
        };
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let page = match self {
            Self::Failed(failure) => layout::failed(failure),
            Self::Refused(refusal) => layout::refused(*refusal),
        };
        html(HttpResponse::build(self.status_code()), page)
    }
}

/// What a handler gives.
pub(super) type Answer = Result<HttpResponse, Trouble>;

fn html(mut response: HttpResponseBuilder, page: Markup) -> HttpResponse {
    response
        .content_type("text/html; charset=utf-8")
        .body(page.into_string())
}

/// A page in its frame, with the remark that its address names.
fn framed(state: &State, request: &HttpRequest, way: Way, title: &str, body: &Markup) -> Answer {
    let mut frame = Frame::new(&state.me, way);
    let note = request.query_string().strip_prefix("note=");
    frame.remark = note.and_then(|name| state.note(name));
    let page = layout::page(&frame, title, body);
    Ok(html(HttpResponse::Ok(), page))
}

/// To another page, after something was done or failed there.
fn done(state: &State, to: &str, result: Result<String, Failure>) -> Answer {
    let is_failure = result.is_err();
    let (text, hint) = match result {
        Ok(text) => (text, String::new()),
        Err(failure) => (layout::sentence(&failure.message), failure.hint),
    };
    let note = state.leave_note(Remark {
        text,
        hint,
        is_failure,
    })?;
    Ok(see_other(&format!("{to}?note={note}")))
}

fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, to))
        .finish()
}

/// Refuses a request that got past the guard.
fn refuse(request: &HttpRequest, refusal: Refusal) -> Trouble {
    if let Some(state) = request.app_data::<Data<State>>() {
        state.refusals.note(refusal, request.path());
    }
    Trouble::Refused(refusal)
}

/// The grant that an address names.
fn grant(request: &HttpRequest, text: &str) -> Result<GrantId, Trouble> {
    let bytes = unhex(text).ok_or_else(|| refuse(request, Refusal::Path))?;
    Ok(GrantId(bytes))
}

/// Stands before all pages: who may not pass is refused, and every answer gets its headers.
pub(super) async fn stand_guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Some(visitor) = request.conn_data::<Visitor>() {
        visitor.was_heard();
    }
    let checked = match request.app_data::<Data<State>>() {
        Some(state) => state.guard.check(&head(&request)).inspect_err(|refusal| {
            state.refusals.note(*refusal, request.path());
        }),
        None => Err(Refusal::Unreadable),
    };
    let is_public = request.path().starts_with(ASSETS);
    let mut response = match checked {
        Err(refusal) => request.into_response(Trouble::Refused(refusal).error_response()),
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
    };
    put_headers(response.headers_mut(), is_public);
    Ok(response)
}

fn head(request: &ServiceRequest) -> Head<'_> {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    let has_several = headers.get_all(header::HOST).count() > 1;
    Head {
        method: request.method().as_str(),
        path: request.uri().path(),
        headers_bytes: sizes.sum(),
        host: text("host").filter(|_| !has_several),
        origin: text("origin"),
        fetch_site: text("sec-fetch-site"),
        fetch_mode: text("sec-fetch-mode"),
        purpose: text("sec-purpose")
            .or_else(|| text("purpose"))
            .or_else(|| text("x-moz")),
        cookie: text("cookie"),
    }
}

fn put_headers(headers: &mut HeaderMap, is_public: bool) {
    // Same origin, not none: browsers tell no origin of a POST from a page without a referrer.
    let always = [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ];
    for (name, value) in always {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let keep = if is_public { "max-age=300" } else { "no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
}
