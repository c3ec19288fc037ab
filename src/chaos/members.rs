//! An etcd of three members on loopback: the ledger's other store, for runs and measurements.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::children::Children;
use crate::net::free_port;
use crate::node::http_desk::HttpClient;
use crate::proto::control::{Failure, Reason};
use crate::talk::failures;
use crate::talk::session::pause;

/// How many there are.
pub const MEMBERS: u8 = 3;
/// How often a member is asked whether it answers, and how long in between.
const STEPS: u32 = 600;
const STEP: Duration = Duration::from_millis(50);

/// Whether there is a program `etcd`, and which.
#[must_use]
pub fn version() -> Option<String> {
    let said = Command::new("etcd").arg("--version").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    let (_, version) = said.lines().next()?.split_once(':')?;
    Some(version.trim().to_owned())
}

/// The members. They end with this.
#[derive(Debug)]
pub struct Members {
    folder: PathBuf,
    /// Ports for clients and for each other, by member.
    ports: Vec<(u16, u16)>,
    processes: Children,
    client: HttpClient,
}

impl Members {
    /// Starts three members in a folder, and waits until they answer.
    ///
    /// # Errors
    /// If they do not come up.
    pub fn start(folder: &Path) -> Result<Self, Failure> {
        let no_port = |error: std::io::Error| {
            Failure::new(Reason::Other, format!("no free port: {error}"), "")
        };
        let mut held = Vec::new();
        let mut free = || {
            let listener = free_port::tcp(Ipv4Addr::LOCALHOST.into()).map_err(no_port)?;
            let port = listener.local_addr().map_err(no_port)?.port();
            // Until all are chosen, so that none is chosen twice.
            held.push(listener);
            Ok(port)
        };
        let ports: Vec<(u16, u16)> = (0..MEMBERS)
            .map(|_| Ok((free()?, free()?)))
            .collect::<Result<_, Failure>>()?;
        drop(held);
        let client = HttpClient::new(&urls(&ports));
        let mut members = Self {
            folder: folder.to_owned(),
            ports,
            processes: Children::default(),
            client,
        };
        for member in 0..MEMBERS {
            members.raise(member)?;
        }
        for member in 0..MEMBERS {
            members.wait_answer(member)?;
        }
        Ok(members)
    }

    /// Starts a member with what is on its disk.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn raise(&mut self, member: u8) -> Result<(), Failure> {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (clients, peers) = self.ports[usize::from(member)];
        let all = self.ports.iter().enumerate();
        let all: Vec<String> = all
            .map(|(at, (_, peers))| format!("m{at}={}", url(*peers)))
            .collect();
        let mut command = Command::new("etcd");
        command
            .args(["--name", &format!("m{member}"), "--data-dir"])
            .arg(self.folder.join(format!("m{member}")))
            .args(["--listen-client-urls", &url(clients)])
            .args(["--advertise-client-urls", &url(clients)])
            .args(["--listen-peer-urls", &url(peers)])
            .args(["--initial-advertise-peer-urls", &url(peers)])
            .args(["--initial-cluster", &all.join(",")]);
        let log = self.folder.join(format!("m{member}.log"));
        self.processes.start(member, &mut command, &log)
    }

    /// Ends a member without a word.
    ///
    /// # Errors
    /// If the operating system does not let us.
    pub fn kill(&mut self, member: u8) -> Result<(), Failure> {
        self.processes.kill(member)
    }

    /// Waits until a member answers what needs a majority.
    ///
    /// # Errors
    /// If it does not come to that.
    fn wait_answer(&self, member: u8) -> Result<(), Failure> {
        for _ in 0..STEPS {
            if self.answers(member) {
                return Ok(());
            }
            pause(STEP);
        }
        let message = format!("member {member} of etcd does not answer");
        Err(failures::unreachable(message, ""))
    }

    fn answers(&self, member: u8) -> bool {
        let read = self.ask(member, "/v3/kv/range", br#"{"key":"AA=="}"#);
        read.is_some()
    }

    /// Whether all that were started answer what needs a majority.
    pub fn answer(&self) -> bool {
        self.processes.running().all(|member| self.answers(member))
    }

    /// The member that leads.
    ///
    /// # Errors
    /// If nobody does.
    pub fn leader(&self) -> Result<u8, Failure> {
        for _ in 0..STEPS {
            let leads = |member: &u8| {
                let told = self.ask(*member, "/v3/maintenance/status", b"{}");
                told.is_some_and(|told| leads(&told))
            };
            if let Some(leader) = self.processes.running().find(leads) {
                return Ok(leader);
            }
            pause(STEP);
        }
        Err(failures::unreachable("no member of etcd leads", ""))
    }

    fn ask(&self, member: u8, path: &'static str, body: &'static [u8]) -> Option<Value> {
        let body = Bytes::from_static(body);
        let told = self.client.call(usize::from(member), path, body).ok()?;
        serde_json::from_slice(&told).ok()
    }

    /// Where clients reach them.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        urls(&self.ports)
    }

    /// What the largest member took at the most, in KiB.
    pub fn most_kib(&mut self) -> u64 {
        self.processes.most_kib()
    }
}

fn urls(ports: &[(u16, u16)]) -> Vec<String> {
    let url = |(clients, _): &(u16, u16)| format!("http://127.0.0.1:{clients}");
    ports.iter().map(url).collect()
}

/// Whether the member that told this leads.
fn leads(status: &Value) -> bool {
    let leader = status.get("leader").and_then(Value::as_str);
    let me = status.pointer("/header/member_id").and_then(Value::as_str);
    leader.is_some_and(|leader| leader != "0" && Some(leader) == me)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::leads;

    #[test]
    fn a_member_leads_if_the_leader_has_its_name() {
        let told = |leader: &str| json!({ "header": { "member_id": "7" }, "leader": leader });
        assert!(leads(&told("7")));
        assert!(!leads(&told("8")));
        assert!(!leads(
            &json!({ "header": { "member_id": "0" }, "leader": "0" })
        ));
        assert!(!leads(&json!({})));
    }
}
