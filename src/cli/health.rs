//! Tells whether servers are healthy by asking their admin ports, for scripts and containers: one
//! line and an exit code. Needs no other program and no running client.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::args::HealthArguments;
use super::failure::Ended;
use super::output::Output;
use super::{cluster, servers};
use crate::proto::control::{Failure, Reason};

/// For connecting, and again for every read and write. Longer than the port waits for its node.
const PATIENCE: Duration = Duration::from_secs(3);
/// An answer is not read beyond this.
const ANSWER_MAX_BYTES: u64 = 64 << 10;

/// What is wrong with a server; none if it is well.
type Trouble = Option<String>;

/// Asks and tells.
///
/// # Errors
/// If there is no such cluster or server. A server that is not well is no error, but exit code 6.
pub fn run(output: Output, arguments: &HealthArguments) -> Ended {
    let (page, wanted) = if arguments.live {
        ("/livez", "live")
    } else {
        ("/readyz", "ready")
    };
    let found = match &arguments.address {
        Some(address) => vec![(address.clone(), ask(address, page))],
        None => ask_cluster(arguments, page)?,
    };
    let well = found.iter().filter(|(_, trouble)| trouble.is_none());
    let (well, all) = (well.count(), found.len());
    let mut line = match found.as_slice() {
        [(name, None)] => format!("{name} is {wanted}"),
        [(name, Some(_))] => format!("{name} is not {wanted}"),
        _ => format!("{well} of {all} servers are {wanted}"),
    };
    for (name, trouble) in &found {
        if let Some(trouble) = trouble {
            line += &format!("; {name}: {trouble}");
        }
    }
    let told = found
        .iter()
        .map(|(name, trouble)| json!({ "name": name, "well": trouble.is_none(), "why": trouble }));
    let told: Vec<_> = told.collect();
    output.line(
        line,
        json!({ "wanted": wanted, "well": well == all, "servers": told }),
    );
    Ok(if well == all {
        0
    } else {
        Reason::Unreachable.exit_code()
    })
}

fn ask_cluster(arguments: &HealthArguments, page: &str) -> Result<Vec<(String, Trouble)>, Failure> {
    let folder = cluster::folder(&arguments.cluster);
    let ids: Vec<u8> = match arguments.node {
        Some(id) => {
            servers::known_server(&folder, id)?;
            vec![id]
        }
        None => cluster::servers(&folder)?
            .iter()
            .map(|one| one.id)
            .collect(),
    };
    let asked = ids
        .into_iter()
        .map(|id| (format!("n{id}"), ask_server(&folder, id, page)));
    Ok(asked.collect())
}

fn ask_server(folder: &Path, id: u8, page: &str) -> Trouble {
    match cluster::status(&cluster::server_folder(folder, id)) {
        Ok(status) => ask(&status.admin.to_string(), page),
        Err(_) => Some("does not answer".into()),
    }
}

fn ask(address: &str, page: &str) -> Trouble {
    match fetch(address, page) {
        Err(error) => Some(format!("does not answer: {error}")),
        Ok((200, _)) => None,
        Ok((code, body)) => Some(why(&body).unwrap_or_else(|| format!("answers {code}"))),
    }
}

/// The conditions that do not hold, on one line.
fn why(body: &str) -> Option<String> {
    let failed: Vec<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("[-]"))
        .collect();
    (!failed.is_empty()).then(|| failed.join(", "))
}

/// One page of an admin port: status code and body.
fn fetch(address: &str, page: &str) -> std::io::Result<(u16, String)> {
    let odd = || std::io::Error::other("not an admin port");
    let resolved = address.to_socket_addrs()?.next().ok_or_else(odd)?;
    let mut stream = TcpStream::connect_timeout(&resolved, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET {page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX_BYTES).read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(odd)
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((code, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_code_and_a_body() {
        let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nno\n";
        assert_eq!(parse(answer), Some((503, "no\n".to_owned())));
        for odd in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 2\r\n\r\n",
        ] {
            assert_eq!(parse(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn only_what_failed_is_told() {
        let body = "[+]a ok\n[-]b failed: x\n[-]c failed: y\nnot ready\n";
        assert_eq!(why(body), Some("b failed: x, c failed: y".to_owned()));
        assert_eq!(why("the node does not answer\n"), None);
    }

    #[test]
    fn a_port_that_nobody_has_is_a_trouble_and_no_panic() {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = free.local_addr().expect("bound").to_string();
        drop(free);
        assert!(ask(&address, "/livez").is_some());
        assert!(ask("no address", "/livez").is_some());
    }
}
