//! The person as an owner: grants, questions of others, pictures on offer, files taken in.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::web::{self, Data, Form, Path, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde::Deserialize;

use super::{Answer, Trouble, done, framed, grant, refuse};
use crate::proto::control::{Carrier, Command, Failure, Outcome, Reason};
use crate::proto::ids::AskId;
use crate::proto::lease::{AtZero, Change, Conditions};
use crate::proto::outcome::{Lease, Posted};
use crate::time::WallTime;
use crate::web::desk::odd;
use crate::web::events::looks;
use crate::web::multipart::{self, Part};
use crate::web::pages::layout::{Way, sentence};
use crate::web::pages::owner;
use crate::web::refusals::Refusal;
use crate::web::state::{State, unhex};

/// Largest form with a file: what one message to the node holds, with room for the fields.
const UPLOAD_MAX_BYTES: usize = 60_000_000;

pub(super) fn configure(app: &mut ServiceConfig) {
    app.route("/shared", web::get().to(shared))
        .route("/shared/revoke-all", web::get().to(ask_revoke_all))
        .route("/shared/revoke-all", web::post().to(revoke_all))
        .route("/lease/{grant}/change", web::post().to(change))
        .route("/ledger.jsonl", web::get().to(export))
        .route("/requests", web::get().to(requests))
        .route("/requests/{ask}/decide", web::post().to(decide))
        .route("/mine", web::get().to(mine))
        .route("/mine/offer", web::post().to(offer))
        .route("/mine/share", web::post().to(share));
}

async fn given(state: &State) -> Result<Vec<Lease>, Failure> {
    let mut leases = state.desk.leases().await?;
    leases.retain(|lease| lease.ours);
    leases.sort_by_key(|lease| (lease.terms.left_at(state.today()) == 0, lease.name.clone()));
    Ok(leases)
}

async fn shared(state: Data<State>, request: HttpRequest) -> Answer {
    let leases = given(&state).await?;
    let body = owner::shared(&leases, state.today());
    framed(&state, &request, Way::Shared, "Shared by me", &body)
}

async fn live(state: &State) -> Result<Vec<Lease>, Failure> {
    let mut leases = given(state).await?;
    leases.retain(|lease| lease.terms.left_at(state.today()) > 0);
    Ok(leases)
}

async fn ask_revoke_all(state: Data<State>, request: HttpRequest) -> Answer {
    let body = owner::revoke_all(&live(&state).await?);
    framed(&state, &request, Way::Shared, "Revoke all", &body)
}

async fn revoke_all(state: Data<State>) -> Answer {
    let mut count = 0;
    for lease in live(&state).await? {
        if let Err(failure) = adjust(&state, &lease.grant.hex(), Change::Revoke).await {
            return done(&state, "/shared", Err(failure));
        }
        count += 1;
    }
    done(&state, "/shared", Ok(format!("{count} grants revoked.")))
}

/// A change that the owner makes.
#[derive(Deserialize)]
struct ChangeForm {
    what: String,
    views: Option<u32>,
    until: Option<String>,
    back: Option<String>,
}

async fn change(
    state: Data<State>,
    text: Path<String>,
    form: Form<ChangeForm>,
    request: HttpRequest,
) -> Answer {
    let id = grant(&request, &text)?;
    let views = form.views.unwrap_or(1);
    let change = match form.what.as_str() {
        "add" => Change::Add(views),
        "sub" => Change::Sub(views),
        "set" => Change::Set(views),
        "revoke" => Change::Revoke,
        "refund" => Change::Refund,
        "until" => Change::Until(until(&state, form.until.as_deref())),
        _ => return Err(refuse(&request, Refusal::Form)),
    };
    let back = match form.back.as_deref() {
        Some("shared") => "/shared".to_owned(),
        _ => format!("/lease/{}", id.hex()),
    };
    let said = adjust(&state, &id.hex(), change).await;
    done(&state, &back, said)
}

/// So many seconds from now; none for no end.
fn until(state: &State, seconds: Option<&str>) -> Option<WallTime> {
    let seconds: u64 = seconds?.parse().ok()?;
    let ms = seconds.saturating_mul(1_000);
    Some(WallTime(state.today().0.saturating_add(ms)))
}

async fn adjust(state: &State, lease: &str, change: Change) -> Result<String, Failure> {
    let command = Command::Adjust {
        lease: lease.to_owned(),
        change,
    };
    match state.desk.ask(command).await? {
        Outcome::Adjusted { left, posted, .. } => {
            let how = match posted {
                Posted::Direct => "They know it already.",
                Posted::Mailbox => "The servers keep it until they return.",
                Posted::Queued => "It is sent when they or a server can be reached.",
                Posted::Lost => "It could not be kept; do it again.",
            };
            Ok(format!("{} left. {how}", looks(left)))
        }
        other => Err(odd(&other)),
    }
}

/// The ledger as JSON lines.
async fn export(state: Data<State>) -> Answer {
    let leases = state.desk.leases().await?;
    let mut lines = String::new();
    for (grant, entry) in state.desk.ledger(None).await? {
        let lease = leases.iter().find(|lease| lease.grant == grant);
        let line = serde_json::json!({
            "lease": grant.hex(),
            "image": lease.map(|lease| &lease.name),
            "peer": lease.map(|lease| &lease.peer),
            "ours": lease.map(|lease| lease.ours),
            "at_ms": entry.at.0,
            "event": entry.event,
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    let disposition = (
        header::CONTENT_DISPOSITION,
        "attachment; filename=\"ledger.jsonl\"",
    );
    Ok(HttpResponse::Ok()
        .content_type("application/jsonl; charset=utf-8")
        .insert_header(disposition)
        .body(lines))
}

async fn requests(state: Data<State>, request: HttpRequest) -> Answer {
    let asks = state.desk.requests().await?;
    let body = owner::requests(&asks, state.today());
    framed(&state, &request, Way::Requests, "Requests", &body)
}

#[derive(Deserialize)]
struct DecideForm {
    what: String,
    views: Option<u32>,
    #[serde(default)]
    reason: String,
}

async fn decide(
    state: Data<State>,
    ask: Path<String>,
    form: Form<DecideForm>,
    request: HttpRequest,
) -> Answer {
    let ask = AskId(unhex(&ask).ok_or_else(|| refuse(&request, Refusal::Path))?);
    let views = match form.what.as_str() {
        "approve" => Some(form.views.unwrap_or(1)),
        "deny" => None,
        _ => return Err(refuse(&request, Refusal::Form)),
    };
    let reason = match form.reason.trim() {
        "" => "the owner said no",
        reason => reason,
    };
    let command = Command::Decide {
        ask: ask.hex(),
        views,
        reason: reason.to_owned(),
    };
    // The picture is made before the answer is complete.
    let said = match state.desk.make(command).await {
        Ok(Outcome::Decided(_)) => Ok(match views {
            Some(views) => format!("{} granted.", looks(views)),
            None => "Denied.".to_owned(),
        }),
        Ok(other) => Err(odd(&other)),
        Err(failure) => Err(failure),
    };
    done(&state, "/requests", said)
}

async fn mine(state: Data<State>, request: HttpRequest) -> Answer {
    let (items, _) = state.desk.gallery(None).await?;
    state.keep_previews(&items);
    let peers = state.desk.peers().await?;
    let body = owner::mine(&items, &peers);
    framed(&state, &request, Way::Mine, "My pictures", &body)
}

/// The fields of a form with a file.
struct Fields(BTreeMap<String, Part>);

impl Fields {
    fn text(&self, name: &str) -> &str {
        let part = self.0.get(name);
        part.and_then(|part| std::str::from_utf8(&part.body).ok())
            .map_or("", str::trim)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).parse().ok()
    }

    /// The file with its name, if one was chosen.
    fn file(&self) -> Option<(String, Bytes)> {
        let part = self.0.get("file")?;
        let name = part.file.as_deref().filter(|name| !name.is_empty())?;
        // Browsers send a bare name; only its last part would count anyway.
        let name = name.rsplit(['/', '\\']).next()?;
        Some((name.to_owned(), part.body.clone()))
    }
}

/// Takes a form with a file in, within the limit and if there is a place.
async fn fields(state: &State, request: &HttpRequest, body: Payload) -> Result<Fields, Trouble> {
    if !state.uploads.take() {
        let hint = "try again when they are done";
        return Err(Failure::new(Reason::Busy, "other files are being taken in", hint).into());
    }
    let body = body.to_bytes_limited(UPLOAD_MAX_BYTES).await;
    state.uploads.leave();
    let body = body.map_err(|_| refuse(request, Refusal::TooLarge))?;
    let body = body.map_err(|_| refuse(request, Refusal::Form))?;
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let parts = multipart::boundary(content_type.unwrap_or_default())
        .and_then(|boundary| multipart::parse(boundary, &body));
    let parts = parts.map_err(|_| refuse(request, Refusal::Form))?;
    let named = parts.into_iter().map(|part| (part.name.clone(), part));
    Ok(Fields(named.collect()))
}

fn removed_text(removed: &[String]) -> String {
    if removed.is_empty() {
        return String::new();
    }
    format!(" Taken out of the file: {}.", removed.join(", "))
}

async fn offer(state: Data<State>, request: HttpRequest, body: Payload) -> Answer {
    let fields = fields(&state, &request, body).await?;
    let (file, original) = fields
        .file()
        .ok_or_else(|| refuse(&request, Refusal::Form))?;
    let name = match fields.text("name") {
        "" => file,
        name => name.to_owned(),
    };
    let command = Command::Offer {
        name,
        original,
        keep_metadata: false,
    };
    let said = match state.desk.make(command).await {
        Ok(Outcome::Offered { name, removed }) => {
            Ok(format!("{name} is on offer.{}", removed_text(&removed)))
        }
        Ok(other) => Err(odd(&other)),
        Err(failure) => Err(failure),
    };
    done(&state, "/mine", said)
}

async fn share(state: Data<State>, request: HttpRequest, body: Payload) -> Answer {
    let fields = fields(&state, &request, body).await?;
    let (name, original) = match fields.file() {
        Some((name, original)) => (name, Some(original)),
        None => (fields.text("name").to_owned(), None),
    };
    let views = fields.number("views");
    let views = views.ok_or_else(|| refuse(&request, Refusal::Form))?;
    let show_seconds: Option<u32> = fields.number("show");
    let at_zero = match fields.text("at_end") {
        "delete" => AtZero::DeleteFile,
        _ => AtZero::KeepCover,
    };
    let conditions = Conditions {
        at_zero,
        until: until(&state, Some(fields.text("until"))),
        show_ms: show_seconds.map(|seconds| seconds.saturating_mul(1_000)),
        strict: fields.text("counted_by") != "program",
        offline: fields.number("offline").unwrap_or(0),
    };
    let to = fields.text("to").trim_start_matches('@').to_owned();
    let command = Command::Share {
        name: name.clone(),
        original,
        to: to.clone(),
        views,
        conditions,
        carrier: Carrier::default(),
        keep_metadata: false,
    };
    let said = match state.desk.make(command).await {
        Ok(Outcome::Shared {
            delivered, removed, ..
        }) => {
            let how = if delivered { "delivered" } else { "on its way" };
            let text = format!("{} at {name} for @{to}, {how}", looks(views));
            Ok(sentence(&text) + &removed_text(&removed))
        }
        Ok(other) => Err(odd(&other)),
        Err(failure) => Err(failure),
    };
    done(&state, "/shared", said)
}
