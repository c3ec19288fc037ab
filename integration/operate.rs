//! What an operator sees and does: admin ports, health, failures and drains with clients at work.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::stage::{SERVERS, Stage, until};

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
