//! What an operator sees and does: admin ports, health, failures and drains with clients at work.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pentimento::node::control::Link;
use pentimento::proto::control::Progress;
use pentimento::talk::session::pause;

use super::stage::{SERVERS, Stage, noise, until};

/// Generous: the port itself answers within two seconds or gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster that is ready.
fn cluster() -> Stage {
    Stage::with(&[])
}

fn admin(stage: &Stage, id: u8) -> SocketAddr {
    stage.status(id).expect("it answers").admin
}

/// Sends raw bytes and reads until the other side closes. What was sent may not all be wanted.
fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream
        .set_write_timeout(Some(PATIENCE))
        .expect("a time-out");
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Status code, head and body of a page.
fn page(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n");
    let answer = exchange(address, request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let code = head[9..12].parse().expect("a code");
    (code, head.to_owned(), body.to_owned())
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let (code, _, body) = page(address, "GET", path);
    (code, body)
}

/// The only value of a metric without labels.
fn metric(address: SocketAddr, name: &str) -> f64 {
    let (code, body) = get(address, "/metrics");
    assert_eq!(code, 200);
    let line = body
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("no {name} in {body}"));
    value.parse().expect("a number")
}

#[test]
fn every_server_tells_how_it_is_on_its_admin_port() {
    let stage = cluster();
    let mut leaders = 0.0;
    for id in SERVERS {
        let address = admin(&stage, id);
        assert!(address.ip().is_loopback());
        assert_eq!(get(address, "/livez"), (200, "ok\n".into()));
        assert_eq!(get(address, "/readyz"), (200, "ok\n".into()));
        let (code, told) = get(address, "/readyz?verbose");
        assert_eq!(code, 200);
        assert!(told.contains("[+]caught_up ok\n[+]majority ok\n"), "{told}");
        assert_eq!(metric(address, "pentimento_cluster_available"), 1.0);
        // Each server hears a moment later that the others have caught up.
        until("the cluster is whole", || {
            (metric(address, "pentimento_cluster_healthy") == 1.0).then_some(())
        });
        leaders += metric(address, "pentimento_leader");
        let (_, head, text) = page(address, "GET", "/metrics");
        assert!(head.contains("application/openmetrics-text"), "{head}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
    // Each server judges by what it heard last, so two may think of themselves for a moment.
    assert!(leaders >= 1.0, "nobody would take a request");
}

#[test]
fn the_admin_port_refuses_what_it_does_not_serve() {
    let stage = cluster();
    let address = admin(&stage, 1);
    assert_eq!(get(address, "/").0, 404);
    assert_eq!(get(address, "/metrics/../../etc/passwd").0, 404);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let (code, head, _) = page(address, method, "/metrics");
        assert_eq!(code, 405, "{method}");
        assert!(head.to_lowercase().contains("allow: get, head"), "{head}");
    }
    let (code, head, body) = page(address, "HEAD", "/livez");
    assert_eq!((code, body.as_str()), (200, ""), "{head}");
    let mut huge = b"GET /livez HTTP/1.1\r\nHost: n\r\nX: ".to_vec();
    huge.resize(10 << 20, b'x');
    let answer = exchange(address, &huge);
    assert!(!answer.contains("200 OK"), "{answer}");
    assert!(!exchange(address, b"\x16\x03\x01\0garbage\r\n\r\n").contains("200 OK"));
    // Clients that connect and say nothing do not keep others out.
    let silent: Vec<_> = (0..16).map(|_| TcpStream::connect(address)).collect();
    assert_eq!(get(address, "/livez").0, 200);
    assert!(silent.iter().all(Result::is_ok));
}

#[test]
fn a_server_that_simulates_a_failure_lives_but_is_not_ready() {
    let stage = cluster();
    let address = admin(&stage, 2);
    let dir = stage.cluster();
    let dir = dir.to_str().expect("paths of tests are text");
    let run = |arguments: &[&str]| {
        let all: Vec<&str> = arguments
            .iter()
            .chain(&["--cluster", dir])
            .copied()
            .collect();
        stage.run("operator", &all)
    };
    assert_eq!(run(&["--json", "health"]).result(0)["well"], true);
    until("n2 may fail", || {
        let ran = run(&["--json", "cluster", "fail", "2", "--seconds", "20"]);
        (ran.code() == 0).then_some(())
    });
    until("n2 is not ready", || {
        (get(address, "/readyz").0 == 503).then_some(())
    });
    assert_eq!(get(address, "/livez").0, 200);
    let told = get(address, "/readyz").1;
    assert!(told.contains("[-]no_planned_failure failed: "), "{told}");
    assert_eq!(metric(address, "pentimento_failing"), 1.0);
    assert_eq!(metric(address, "pentimento_leader"), 0.0);
    assert_eq!(run(&["--json", "health", "--live"]).result(0)["well"], true);
    assert_eq!(
        run(&["--json", "health", "--node", "2"]).result(6)["well"],
        false
    );
    assert_eq!(
        run(&["--json", "health", "--node", "1"]).result(0)["well"],
        true
    );
    until("the others notice", || {
        (metric(admin(&stage, 1), "pentimento_cluster_healthy") == 0.0).then_some(())
    });
    assert_eq!(
        metric(admin(&stage, 1), "pentimento_cluster_available"),
        1.0
    );
    let status = run(&["--json", "cluster", "status"]).result(0);
    assert_eq!(status[1]["state"], "failing");
    assert_eq!(status[1]["next"], false);
    let leader = run(&["--json", "cluster", "leader"]).result(0);
    assert_ne!(leader["next"], 2);
    assert_eq!(leader["outlook"][2]["alive"], false);
}

#[test]
fn health_tells_a_dead_server_and_a_wrong_address_by_its_exit_code() {
    let mut stage = cluster();
    let dir = stage.cluster();
    let dir = dir.to_str().expect("paths of tests are text").to_owned();
    let one = admin(&stage, 1).to_string();
    let well = stage.run("operator", &["--json", "health", "--address", &one]);
    assert_eq!(well.result(0)["well"], true);
    stage.strike_server(3);
    let ran = stage.run(
        "operator",
        &["--json", "health", "--live", "--cluster", &dir],
    );
    let told = ran.result(6);
    assert_eq!(told["servers"][2]["well"], false);
    assert_eq!(told["servers"][0]["well"], true);
    for nobody in ["127.0.0.1:1", "nowhere"] {
        let ran = stage.run("operator", &["--json", "health", "--address", nobody]);
        assert_eq!(ran.result(6)["well"], false);
    }
    let unknown = ["--json", "health", "--node", "9", "--cluster", &dir];
    stage.run("operator", &unknown).refused(3, "not_found");
    let token = ["--json", "cluster", "token", "pass", "--cluster", &dir];
    stage.run("operator", &token).refused(4, "denied");
}

/// Sends a signal to a process of ours.
fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(sent.expect("kill is there").success());
}

/// Lets a client die, frozen, while a server has a picture ready for it; `then` is told the server.
fn with_a_picture_that_nobody_takes(stage: &mut Stage, then: impl FnOnce(&mut Stage, u8)) {
    let mut alice = stage.talk("alice");
    let client = stage.process("alice");
    let (end, elected) = std::thread::scope(|scope| {
        let asked = scope.spawn(move || {
            let mut elected = None;
            // Large enough that the picture is not back before the client stands still.
            let end = Stage::hide_by(&mut alice, &noise(7, 1_900_000), |progress| {
                if let Progress::Elected { node, .. } = progress {
                    elected = Some(node);
                }
                if matches!(progress, Progress::Hiding) {
                    signal(client, "STOP");
                }
            });
            (end, elected)
        });
        let holder = until("a picture waits for its client", || {
            SERVERS.into_iter().find(|id| {
                stage.status(*id).is_some_and(|status| {
                    let own = status.outlook.iter().find(|one| one.node.0 == *id);
                    status.jobs == 1 && own.is_some_and(|own| own.queued + own.running == 0)
                })
            })
        });
        then(stage, holder);
        stage.strike("alice");
        let (end, elected) = asked.join().expect("it ends with the client");
        (end, elected)
    });
    assert!(end.is_err(), "the client was struck down");
    // Not always by the holder: of two claims that cross, the client may hear the worse one first.
    assert!(elected.is_some());
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the ten seconds are what is promised"
)]
fn a_drain_ends_within_its_ten_seconds_even_if_a_client_never_takes_its_picture() {
    let mut stage = Stage::with(&["alice"]);
    with_a_picture_that_nobody_takes(&mut stage, |stage, holder| {
        let address = admin(stage, holder);
        let begun = Instant::now();
        signal(stage.process(&format!("n{holder}")), "TERM");
        until("it is not ready", || {
            (get(address, "/readyz").0 == 503).then_some(())
        });
        let told = get(address, "/readyz").1;
        assert!(told.contains("[-]not_draining failed: "), "{told}");
        assert_eq!(get(address, "/livez").0, 200);
        assert_eq!(metric(address, "pentimento_draining"), 1.0);
        let other = if holder == 1 { 2 } else { 1 };
        until("the others know", || {
            let status = stage.status(other)?;
            status.outlook.iter().find(|one| one.draining).map(|_| ())
        });
        assert_eq!(stage.ended(&format!("n{holder}")), Some(0));
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            begun.elapsed()
        );
    });
}

#[test]
fn a_second_signal_ends_a_server_that_drains_at_once() {
    let mut stage = Stage::with(&["alice"]);
    with_a_picture_that_nobody_takes(&mut stage, |stage, holder| {
        let address = admin(stage, holder);
        let name = format!("n{holder}");
        signal(stage.process(&name), "TERM");
        until("it drains", || {
            (get(address, "/readyz").0 == 503).then_some(())
        });
        signal(stage.process(&name), "INT");
        assert_eq!(stage.ended(&name), Some(130));
    });
}

#[test]
fn a_server_tells_its_addresses_in_a_file_and_takes_it_away() {
    let mut stage = Stage::set();
    let file = stage.folder().join("ready.json");
    let path = file.to_str().expect("paths of tests are text").to_owned();
    stage.raise_with(1, &["--ready-file", &path]);
    let text = until("the file is there", || fs::read_to_string(&file).ok());
    let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(told["pid"], stage.process("n1"));
    assert_eq!(told["admin"], admin(&stage, 1).to_string());
    signal(stage.process("n1"), "TERM");
    assert_eq!(stage.ended("n1"), Some(0));
    assert!(!file.exists());
}

/// The programs under test on the path, and a person's folders of their own.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder }
    }

    fn command(&self, program: &str) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_pentimento"));
        let programs = programs.parent().expect("it lies in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("HOME", self.folder.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("PENTIMENTO_HOME")
            .env_remove("PENTIMENTO_CLUSTER")
            .env_remove("PENTIMENTO_LOG")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a line as a shell would; gives its exit code and what it said.
    fn shell(&self, line: &str) -> (Option<i32>, String) {
        let output = self
            .command("sh")
            .args(["-c", line])
            .output()
            .expect("a shell");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    #[track_caller]
    fn must(&self, line: &str) -> String {
        let (code, said) = self.shell(line);
        assert_eq!(code, Some(0), "{line}: {said}");
        said
    }

    fn cluster(&self) -> PathBuf {
        self.folder.path().join(".local/state/pentimento/cluster")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // A test that fails leaves no server behind.
        for id in 1..=5 {
            let data = self.cluster().join(format!("n{id}"));
            if let Ok(pid) = fs::read_to_string(data.join("pid")) {
                let line = format!("{}/exe", pid.trim());
                let program = fs::read_link(Path::new("/proc").join(line));
                if program.is_ok_and(|program| program.ends_with("pentimento")) {
                    let _ = Command::new("kill").args(["-9", pid.trim()]).status();
                }
            }
        }
    }
}

/// The commands of a section of the operator's manual, in order.
fn commands(section: &str) -> Vec<String> {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operate.md");
    let manual = fs::read_to_string(manual).expect("the manual");
    let heading = format!("\n## {section}\n");
    let (_, text) = manual.split_once(&heading).expect("the section");
    let text = text.split("\n## ").next().unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

#[test]
fn an_operator_drains_kills_and_restarts_every_server_by_the_manual_and_no_request_fails() {
    let desk = Desk::new();
    for line in commands("A cluster on one machine") {
        desk.must(&line);
    }
    desk.must("pentimento init alice");
    fs::write(desk.folder.path().join("photo.bin"), noise(9, 30_000)).expect("writes");
    let mut online = desk.command("pentimento").arg("run").spawn().expect("runs");
    let home = desk.folder.path().join(".local/share/pentimento");
    until("alice is online", || Link::connect(&home).ok());
    let (over, done) = (AtomicBool::new(false), AtomicU32::new(0));
    let failed = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let line = "pentimento --json hide photo.bin -o photo.png -y";
                let (code, said) = desk.shell(line);
                if code != Some(0) {
                    return Some(said);
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            None
        });
        let drill = commands("The drill");
        assert!(
            drill.iter().any(|line| line.contains("kill -9")),
            "{drill:?}"
        );
        for id in 1..=3 {
            let id = id.to_string();
            assert!(
                drill
                    .iter()
                    .any(|line| line.contains("drain") && line.ends_with(&id))
            );
            assert!(
                drill
                    .iter()
                    .any(|line| line.contains(&format!("/n{id}/pid")))
            );
        }
        let drilled = drill.iter().find_map(|line| {
            let before = done.load(Ordering::Relaxed);
            let (code, said) = desk.shell(line);
            // At least one more request is done in the state that the command has made.
            let more = (0..2_400).any(|_| {
                pause(Duration::from_millis(25));
                work.is_finished() || done.load(Ordering::Relaxed) > before
            });
            (code != Some(0) || !more).then(|| format!("{line}: {code:?} {said}"))
        });
        over.store(true, Ordering::Relaxed);
        let failed = work.join().expect("it reports");
        failed.or(drilled)
    });
    online.kill().and_then(|()| online.wait()).expect("it ran");
    assert_eq!(failed, None);
    for line in commands("Ending it") {
        desk.must(&line);
    }
    assert!(!desk.cluster().exists());
}

#[test]
fn a_cluster_keeps_its_ports_is_mended_stopped_and_purged() {
    let desk = Desk::new();
    let (code, said) = desk.shell("pentimento --json cluster status");
    assert_eq!(code, Some(3), "nothing is there: {said}");
    desk.must("pentimento up");
    let list = || fs::read_to_string(desk.cluster().join("cluster.toml")).expect("the list");
    let (addresses, config) = (list(), desk.cluster().join("n2/server.toml"));
    let admins = fs::read_to_string(&config).expect("a configuration");
    let (code, said) = desk.shell("pentimento --json up");
    assert_eq!(code, Some(2), "all of it runs: {said}");
    desk.must("pentimento cluster drain 2");
    let (code, said) = desk.shell("pentimento health");
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("2 of 3 servers are ready; n2: "), "{said}");
    let mended = desk.must("pentimento up");
    assert!(mended.contains("started again: n2"), "{mended}");
    desk.must("pentimento health");
    let (code, said) = desk.shell("pentimento purge -y");
    assert_eq!(code, Some(2), "it runs: {said}");
    desk.must("pentimento stop");
    assert!(
        desk.must("pentimento stop")
            .contains("no server was running")
    );
    desk.must("pentimento up");
    assert_eq!(list(), addresses);
    assert_eq!(
        fs::read_to_string(&config).expect("a configuration"),
        admins
    );
    desk.must("pentimento stop");
    desk.must("pentimento up --any-port -n 2");
    assert_ne!(list(), addresses);
    desk.must("pentimento stop");
    let (code, said) = desk.shell("pentimento purge");
    assert_eq!(code, Some(2), "nobody to ask: {said}");
    fs::write(desk.cluster().join("notes.txt"), "mine").expect("writes");
    assert!(desk.must("pentimento purge -y").contains("files of others"));
    let rest: Vec<_> = fs::read_dir(desk.cluster())
        .expect("it stays")
        .flatten()
        .collect();
    assert!(rest.iter().any(|entry| entry.file_name() == "notes.txt"));
    assert!(!desk.cluster().join("n1").exists());
    assert!(!desk.cluster().join("cluster.toml").exists());
}

#[test]
fn an_ephemeral_cluster_leaves_nothing_behind() {
    let desk = Desk::new();
    let mut running = desk
        .command("pentimento")
        .args(["up", "--ephemeral", "-n", "2"])
        .env("TMPDIR", desk.folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let folder = desk
        .folder
        .path()
        .join(format!("pentimento-up-{}", running.id()));
    let list = folder.join("cluster.toml");
    until("the servers are ready", || {
        let line = format!("pentimento health --cluster {}", folder.display());
        (list.exists() && desk.shell(&line).0 == Some(0)).then_some(())
    });
    signal(running.id(), "INT");
    let ended = running.wait().expect("it ends");
    assert_eq!(ended.code(), Some(0));
    assert!(!folder.exists());
}

/// Every name of a metric in a text.
fn metrics_named(text: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_lowercase() || c == '_';
    text.match_indices("pentimento_")
        .map(|(at, _)| text[at..].chars().take_while(|c| part(*c)).collect())
        .collect()
}

#[test]
fn dashboard_alerts_and_manual_name_only_metrics_that_exist() {
    let stage = Stage::with(&["alice"]);
    stage.hide("alice", &noise(3, 10_000)).expect("hidden");
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    let mut real = BTreeSet::new();
    for server in stage.servers() {
        socket.send_to(b"garbage", server.clients).expect("sent");
        let address = admin(&stage, server.id);
        until("garbage is counted", || {
            let (_, text) = get(address, "/metrics");
            real.extend(metrics_named(&text));
            // The process is measured once a second.
            let all = [
                "pentimento_datagrams_dropped_total{",
                "pentimento_rss_bytes ",
            ];
            all.iter().all(|name| text.contains(name)).then_some(())
        });
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [
        "config/alerts.yaml",
        "config/grafana/pentimento.json",
        "docs/operate.md",
    ] {
        let text = fs::read_to_string(root.join(file)).expect(file);
        let named = metrics_named(&text);
        assert!(named.len() > 5, "{file} names {named:?}");
        let unknown: Vec<_> = named.difference(&real).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
}
