//! Three members of an etcd on loopback, struck down and raised again.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use pentimento::actors::edges::{HttpAnswer, HttpOrder};
use pentimento::node::http_desk::HttpClient;

use crate::stage::until;

const MEMBERS: usize = 3;

/// The members.
pub(crate) struct Members {
    folder: tempfile::TempDir,
    /// Ports for clients and for each other.
    ports: Vec<(u16, u16)>,
    running: Vec<Option<Child>>,
}

impl Members {
    /// Three members that answer; none where there is no etcd.
    pub(crate) fn start() -> Option<Self> {
        if Command::new("etcd").arg("--version").output().is_err() {
            eprintln!("skipped: no program `etcd` (Debian package etcd-server)");
            return None;
        }
        let listeners: Vec<TcpListener> = (0..2 * MEMBERS)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        let port = |at: usize| listeners[at].local_addr().expect("bound").port();
        let mut members = Self {
            folder: tempfile::tempdir().expect("a folder"),
            ports: (0..MEMBERS)
                .map(|at| (port(2 * at), port(2 * at + 1)))
                .collect(),
            running: (0..MEMBERS).map(|_| None).collect(),
        };
        drop(listeners);
        for member in 0..MEMBERS {
            members.raise(member);
        }
        members.wait_ready();
        Some(members)
    }

    /// Starts a member with what is on its disk.
    pub(crate) fn raise(&mut self, member: usize) {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (clients, peers) = self.ports[member];
        let cluster: Vec<String> = (0..MEMBERS)
            .map(|at| format!("m{at}={}", url(self.ports[at].1)))
            .collect();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join(format!("m{member}.log")));
        let child = Command::new("etcd")
            .args(["--name", &format!("m{member}"), "--data-dir"])
            .arg(self.folder.path().join(format!("m{member}")))
            .args(["--listen-client-urls", &url(clients)])
            .args(["--advertise-client-urls", &url(clients)])
            .args(["--listen-peer-urls", &url(peers)])
            .args(["--initial-advertise-peer-urls", &url(peers)])
            .args(["--initial-cluster", &cluster.join(",")])
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("a log"))
            .spawn()
            .expect("etcd starts");
        assert!(self.running[member].replace(child).is_none(), "it runs");
    }

    /// Ends a member at once (SIGKILL).
    pub(crate) fn strike(&mut self, member: usize) {
        let mut child = self.running[member].take().expect("it runs");
        child
            .kill()
            .and_then(|()| child.wait())
            .expect("it can be ended");
    }

    /// Where clients reach them.
    pub(crate) fn urls(&self) -> Vec<String> {
        let url = |&(clients, _): &(u16, u16)| format!("http://127.0.0.1:{clients}");
        self.ports.iter().map(url).collect()
    }

    /// The same, as a configuration has them.
    pub(crate) fn endpoints(&self) -> String {
        format!("{:?}", self.urls())
    }

    /// Waits until each of them answers a read that needs a majority.
    #[track_caller]
    pub(crate) fn wait_ready(&self) {
        let client = HttpClient::new(&self.urls());
        for endpoint in 0..MEMBERS {
            until("a member of etcd answers", || {
                let order = HttpOrder {
                    endpoint,
                    path: "/v3/kv/range",
                    body: Bytes::from_static(br#"{"key":"AA=="}"#),
                    wait_ms: 2_000,
                    answer_max_bytes: 4_096,
                };
                match client.ask(&order) {
                    HttpAnswer::Done { status: 200, .. } => Some(()),
                    _ => None,
                }
            });
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for child in self.running.iter_mut().flatten() {
            // One that has ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
