//! The admin port: whether this server lives, whether it is ready, and its numbers, over HTTP.
//!
//! Every answer comes from the node's own loop, so a node that hangs does not look alive. It takes
//! no body, changes nothing and knows no password: whoever reaches it may read it. Slow and
//! numerous clients are bounded; they cost the node nothing but these connections.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix::{Addr, Message};
use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Resource, guard, web};

use super::board::Board;
use super::metrics::CONTENT_TYPE;

/// Connections at a time; further ones wait in the kernel.
const CONNECTIONS_MAX: usize = 32;
/// How long a client may take to send its headers.
const HEADERS_WAIT: Duration = Duration::from_secs(5);
/// How long a connection without a request is kept.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// How long the node's loop may take to answer before it counts as stuck.
const LOOP_WAIT: Duration = Duration::from_secs(2);

/// One condition of being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Why it does not hold; none if it does.
    pub failed: Option<String>,
}

/// Asks whether the loop turns.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LifeWanted;

/// Asks for the conditions of being ready.
#[derive(Debug, Message)]
#[rtype(result = "Vec<Check>")]
pub struct ChecksWanted;

/// Asks for the numbers.
#[derive(Debug, Message)]
#[rtype(result = "String")]
pub struct MetricsWanted;

/// Serves the port until the handle is told to stop. Must be called inside an actix system.
///
/// # Errors
/// If the operating system gives no thread.
pub fn serve(listener: TcpListener, board: Addr<Board>) -> io::Result<ServerHandle> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(board.clone()))
            .service(page("/livez").route(reading().to(live)))
            .service(page("/readyz").route(reading().to(ready)))
            .service(page("/metrics").route(reading().to(metrics)))
            .default_service(web::to(|| async { said(StatusCode::NOT_FOUND, "no such page\n") }))
    })
    .workers(1)
    .max_connections(CONNECTIONS_MAX)
    .backlog(CONNECTIONS_MAX as u32)
    .client_request_timeout(HEADERS_WAIT)
    .client_disconnect_timeout(Duration::from_secs(1))
    .keep_alive(IDLE_MAX)
    .shutdown_timeout(1)
    // The node ends itself, in order.
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    actix_rt::spawn(server);
    Ok(handle)
}

fn page(path: &str) -> Resource {
    web::resource(path).default_service(web::to(|| async {
        HttpResponse::MethodNotAllowed()
            .insert_header((ALLOW, "GET, HEAD"))
            .finish()
    }))
}

fn reading() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn said(status: StatusCode, text: impl Into<String>) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/plain; charset=utf-8")
        .body(text.into())
}

/// Asks the node's loop; none if it does not answer in time.
async fn ask<M>(board: &Addr<Board>, question: M) -> Option<M::Result>
where
    M: Message + Send + 'static,
    M::Result: Send,
    Board: actix::Handler<M>,
{
    let answer = tokio::time::timeout(LOOP_WAIT, board.send(question)).await;
    answer.ok().and_then(Result::ok)
}

fn stuck() -> HttpResponse {
    said(
        StatusCode::SERVICE_UNAVAILABLE,
        "the node does not answer\n",
    )
}

async fn live(board: web::Data<Addr<Board>>) -> HttpResponse {
    match ask(&board, LifeWanted).await {
        Some(()) => said(StatusCode::OK, "ok\n"),
        None => stuck(),
    }
}

async fn ready(request: HttpRequest, board: web::Data<Addr<Board>>) -> HttpResponse {
    let Some(checks) = ask(&board, ChecksWanted).await else {
        return stuck();
    };
    let wants_all = request
        .query_string()
        .split('&')
        .any(|part| matches!(part, "verbose" | "verbose=" | "verbose=1" | "verbose=true"));
    let ready = checks.iter().all(|check| check.failed.is_none());
    match (ready, wants_all) {
        (true, false) => said(StatusCode::OK, "ok\n"),
        (true, true) => said(StatusCode::OK, told(&checks) + "ready\n"),
        (false, _) => said(
            StatusCode::SERVICE_UNAVAILABLE,
            told(&checks) + "not ready\n",
        ),
    }
}

fn told(checks: &[Check]) -> String {
    let line = |check: &Check| match &check.failed {
        None => format!("[+]{} ok\n", check.name),
        Some(why) => format!("[-]{} failed: {why}\n", check.name),
    };
    checks.iter().map(line).collect()
}

async fn metrics(board: web::Data<Addr<Board>>) -> HttpResponse {
    let Some(text) = ask(&board, MetricsWanted).await else {
        return stuck();
    };
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(CONTENT_TYPE)
        .body(text)
}
