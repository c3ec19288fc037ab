//! People, and how the gallery itself is.

use actix_web::HttpRequest;
use actix_web::web::{self, Data, Form, Path, ServiceConfig};
use serde::Deserialize;

use super::{Answer, Trouble, done, framed, refuse};
use crate::proto::control::{Command, Outcome};
use crate::proto::ids::UserId;
use crate::web::desk::{not_found, odd};
use crate::web::pages::layout::Way;
use crate::web::pages::people;
use crate::web::refusals::Refusal;
use crate::web::state::{State, unhex};

pub(super) fn configure(app: &mut ServiceConfig) {
    app.route("/people", web::get().to(everybody))
        .route("/people/add", web::post().to(add))
        .route("/people/{user}/verify", web::post().to(verify))
        .route("/people/{user}/block", web::post().to(block))
        .route("/about", web::get().to(about));
}

async fn everybody(state: Data<State>, request: HttpRequest) -> Answer {
    let peers = state.desk.peers().await?;
    let status = state.desk.status().await?;
    let body = people::people(&peers, &status, state.today());
    framed(&state, &request, Way::People, "People", &body)
}

async fn about(state: Data<State>, request: HttpRequest) -> Answer {
    let status = state.desk.status().await?;
    let body = people::about(&status, &state.refusals.counts());
    framed(&state, &request, Way::About, "About", &body)
}

#[derive(Deserialize)]
struct AddForm {
    code: String,
}

async fn add(state: Data<State>, form: Form<AddForm>) -> Answer {
    tell(&state, Command::AddPeer(form.code.trim().to_owned())).await
}

#[derive(Deserialize)]
struct SwitchForm {
    on: String,
}

async fn verify(
    state: Data<State>,
    user: Path<String>,
    form: Form<SwitchForm>,
    request: HttpRequest,
) -> Answer {
    let peer = name(&state, &request, &user).await?;
    let on = form.on == "yes";
    tell(&state, Command::Verify { peer, on }).await
}

async fn block(
    state: Data<State>,
    user: Path<String>,
    form: Form<SwitchForm>,
    request: HttpRequest,
) -> Answer {
    let peer = name(&state, &request, &user).await?;
    let on = form.on == "yes";
    tell(&state, Command::Block { peer, on }).await
}

async fn name(state: &State, request: &HttpRequest, user: &str) -> Result<String, Trouble> {
    let user = UserId(unhex(user).ok_or_else(|| refuse(request, Refusal::Path))?);
    let peers = state.desk.peers().await?;
    let found = peers.into_iter().find(|peer| peer.user == user);
    Ok(found
        .ok_or_else(|| not_found("nobody of that id is known"))?
        .name)
}

async fn tell(state: &State, command: Command) -> Answer {
    let said = match state.desk.ask(command).await {
        Ok(Outcome::Peer(peer)) => Ok(match (peer.blocked, peer.verified) {
            (true, _) => format!("@{} is blocked.", peer.name),
            (false, true) => format!("@{} is verified.", peer.name),
            (false, false) => format!("@{} is known, but not verified.", peer.name),
        }),
        Ok(other) => Err(odd(&other)),
        Err(failure) => Err(failure),
    };
    done(state, "/people", said)
}
