//! The commands for the servers of a local cluster: how they are, who is next, failures on purpose.

use std::path::Path;

use serde_json::json;

use super::args::{ClusterDir, ClusterVerb};
use super::cluster;
use super::failure::{self, Ended};
use super::output::Output;
use super::render::Said;
use crate::proto::control::{Failure, Reason};
use crate::proto::operator::{Prospect, ServerCommand, ServerReply, ServerStatus};
use crate::terminal::text::table;

/// Does what a verb says.
///
/// # Errors
/// If there is no cluster, no server answers, or what is wanted is refused.
pub fn run(output: Output, verb: &ClusterVerb) -> Ended {
    match verb {
        ClusterVerb::Status(dir) => status(output, dir),
        ClusterVerb::Leader(dir) => leader(output, dir),
        ClusterVerb::Drain {
            server,
            cluster: dir,
        } => drain(output, &cluster::folder(dir), *server),
        ClusterVerb::Token {
            state,
            silent,
            cluster: dir,
        } => {
            let folder = cluster::folder(dir);
            match state.as_str() {
                "pass" => pass_token(output, &folder),
                state => switch_token(output, &folder, state == "on", !silent),
            }
        }
        ClusterVerb::Fail {
            server,
            seconds,
            silent,
            cluster: dir,
        } => fail(output, &cluster::folder(dir), *server, *seconds, !silent),
    }
}

/// How each server is; none for one that does not answer.
type Found = Vec<(u8, Option<ServerStatus>)>;

fn find(folder: &Path) -> Result<Found, Failure> {
    let servers = cluster::servers(folder)?;
    let found = servers.iter().map(|server| {
        let data = cluster::server_folder(folder, server.id);
        (server.id, cluster::status(&data).ok())
    });
    Ok(found.collect())
}

fn nobody() -> Failure {
    failure::unreachable(
        "no server answers",
        "start the cluster with `pentimento up`",
    )
}

/// What the cluster thinks of itself: the view of the first server that takes part.
fn outlook(found: &Found) -> Result<&ServerStatus, Failure> {
    let statuses = || found.iter().filter_map(|(_, status)| status.as_ref());
    statuses()
        .find(|status| !status.failing && !status.draining)
        .or_else(|| statuses().next())
        .ok_or_else(nobody)
}

fn status(output: Output, dir: &ClusterDir) -> Ended {
    let found = find(&cluster::folder(dir))?;
    let next = outlook(&found)
        .ok()
        .and_then(ServerStatus::next)
        .map(|next| next.node.0);
    let all_up = found.iter().all(|(_, status)| status.is_some());
    output.say(&shown(&found, next));
    Ok(if all_up {
        0
    } else {
        Reason::Unreachable.exit_code()
    })
}

/// One word for how a server is.
fn state(status: &ServerStatus) -> &'static str {
    if status.failing {
        "failing"
    } else if status.draining {
        "draining"
    } else if !status.sees_majority() {
        "alone"
    } else if !status.caught_up {
        "catching up"
    } else {
        "ready"
    }
}

fn shown(found: &Found, next: Option<u8>) -> Said {
    let head = [
        "node", "state", "pid", "admin", "load", "cores", "req/min", "p95", "mail", "online",
        "ledger", "token", "next",
    ];
    let row = |(id, status): &(u8, Option<ServerStatus>)| {
        let Some(s) = status else {
            return vec![format!("n{id}"), "down".into()];
        };
        let own = s.outlook.iter().find(|one| one.node.0 == *id);
        let token = match (s.token_here, s.token_on) {
            (true, _) => "here",
            (_, true) => "on",
            _ => "off",
        };
        vec![
            format!("n{id}"),
            state(s).into(),
            s.pid.to_string(),
            s.admin.to_string(),
            s.jobs.to_string(),
            own.map_or_else(String::new, |own| cores(own.speed_milli)),
            s.requests_last_minute.to_string(),
            match s.requests_last_minute {
                0 => "-".into(),
                _ => format!("{} ms", s.p95_ms),
            },
            s.letters.to_string(),
            s.users_online.to_string(),
            ledger(s),
            token.into(),
            if next == Some(*id) { "*" } else { "" }.into(),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let json = found.iter().map(|(id, status)| {
        json!({
            "id": id,
            "up": status.is_some(),
            "state": status.as_ref().map_or("down", state),
            "next": next == Some(*id),
            "status": status,
        })
    });
    let why = |(id, status): &(u8, Option<ServerStatus>)| {
        let why = status.as_ref()?.ledger.quarantined.as_ref()?;
        Some(format!("\nn{id} takes no part in the ledger: {why}"))
    };
    let quarantined: String = found.iter().filter_map(why).collect();
    Said {
        text: table(&head, &rows) + &quarantined,
        json: json.collect(),
    }
}

/// How a server takes part in the ledger: the last entry that it applied, with a star where the
/// leader is, or why it does not serve.
fn ledger(status: &ServerStatus) -> String {
    let ledger = &status.ledger;
    let leads = ledger.leader == Some(status.node);
    match ledger.serves() {
        true => format!("{}{}", ledger.applied, if leads { "*" } else { "" }),
        false => ledger.standing.clone(),
    }
}

/// Free cores with one decimal.
fn cores(speed_milli: u32) -> String {
    format!("{:.1}", f64::from(speed_milli) / 1_000.0)
}

fn leader(output: Output, dir: &ClusterDir) -> Ended {
    let found = find(&cluster::folder(dir))?;
    let view = outlook(&found)?;
    let Some(next) = view.next() else {
        return Err(nobody());
    };
    let because = |one: &Prospect| {
        let jobs = one.queued + one.running;
        let mut told = format!(
            "n{}: {jobs} {}, {} free cores",
            one.node.0,
            if jobs == 1 { "job" } else { "jobs" },
            cores(one.speed_milli),
        );
        if !one.alive {
            told = format!("n{}: not heard", one.node.0);
        } else if one.draining {
            told += ", about to end";
        } else if !one.caught_up {
            told += ", not caught up";
        }
        told
    };
    let ties = view.outlook.iter().filter(|one| {
        one.alive && !one.draining && one.caught_up == next.caught_up && one.wait_us == next.wait_us
    });
    let ties: Vec<u8> = ties.map(|one| one.node.0).collect();
    let names: Vec<String> = ties.iter().map(|id| format!("n{id}")).collect();
    let mut lines = vec![match names.as_slice() {
        [_] => format!("n{} would take the next request", next.node.0),
        _ => format!(
            "{} are equally good; the request's number decides",
            names.join(", ")
        ),
    }];
    lines.extend(view.outlook.iter().map(because));
    lines.push("each request is elected anew: fewest jobs for its free cores comes first".into());
    output.say(&Said {
        text: lines.join("\n"),
        json: json!({ "next": next.node.0, "ties": ties, "outlook": view.outlook }),
    });
    Ok(0)
}

fn switch_token(output: Output, folder: &Path, on: bool, announced: bool) -> Ended {
    let command = ServerCommand::Token { on, announced };
    let known = cluster::servers(folder)?;
    // Each is told; one that is down learns of it from the others.
    let told = known.iter().filter(|server| {
        cluster::command(&cluster::server_folder(folder, server.id), command).is_ok()
    });
    if told.count() == 0 {
        return Err(nobody());
    }
    let state = if on { "on" } else { "off" };
    output.line(format!("planned failures are {state}"), json!({ "on": on }));
    Ok(0)
}

fn pass_token(output: Output, folder: &Path) -> Ended {
    let found = find(folder)?;
    outlook(&found)?;
    let holder = found
        .iter()
        .find(|(_, status)| status.as_ref().is_some_and(|s| s.token_here && !s.failing));
    let Some((holder, _)) = holder else {
        return Err(Failure::new(
            Reason::Denied,
            "no server can pass the token on now",
            "it must be on, and its holder neither failing nor offering it to the next; try again",
        ));
    };
    let data = cluster::server_folder(folder, *holder);
    match cluster::command(&data, ServerCommand::PassToken)? {
        ServerReply::Refused(why) => Err(Failure::new(
            Reason::Denied,
            format!("n{holder} does not pass the token on: {why}"),
            "try again",
        )),
        _ => {
            output.line(
                format!("n{holder} passes the token on"),
                json!({ "from": holder }),
            );
            Ok(0)
        }
    }
}

fn fail(output: Output, folder: &Path, server: u8, seconds: u32, announced: bool) -> Ended {
    let data = known_server(folder, server)?;
    let hold_ms = seconds * 1_000;
    match cluster::command(&data, ServerCommand::FailNow { hold_ms, announced })? {
        ServerReply::Refused(why) => Err(Failure::new(
            Reason::Denied,
            format!("n{server} may not fail now: {why}"),
            "all servers must be up, and more than one",
        )),
        _ => {
            output.line(
                format!("n{server} fails for {seconds} s"),
                json!({ "server": server, "hold_ms": hold_ms }),
            );
            Ok(0)
        }
    }
}

/// Ends one server in order.
fn drain(output: Output, folder: &Path, server: u8) -> Ended {
    let data = known_server(folder, server)?;
    cluster::command(&data, ServerCommand::Stop)?;
    cluster::wait_end(&[data])?;
    output.line(
        format!("n{server} has drained and ended"),
        json!({ "drained": server }),
    );
    Ok(0)
}

/// The folder of a server that is configured.
pub(super) fn known_server(folder: &Path, server: u8) -> Result<std::path::PathBuf, Failure> {
    let known = cluster::servers(folder)?;
    if known.iter().any(|one| one.id == server) {
        return Ok(cluster::server_folder(folder, server));
    }
    Err(Failure::new(
        Reason::NotFound,
        format!("there is no server {server}"),
        "see `pentimento cluster status`",
    ))
}
