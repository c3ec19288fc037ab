//! The web gallery as a browser meets it: refused when it must, a look counted once, and the
//! whole way in headless Chromium where there is one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};

use bytes::Bytes;
use pentimento::proto::control::{Carrier, Command, Outcome};
use pentimento::proto::lease::Conditions;
use pentimento::stego::{Picture, encode_png};
use serde_json::Value;

use super::stage::{Stage, until};

const PERSON: &str = env!("CARGO_BIN_EXE_pentimento");
const CHROMIUM: &str = "/usr/bin/chromium";

/// A gallery that runs; it ends with the test.
struct Gallery {
    program: Child,
    url: String,
    address: SocketAddr,
}

impl Gallery {
    fn open(home: &Path) -> Self {
        let log = std::fs::File::create(home.join("web.log")).expect("a log");
        let mut program = Program::new(PERSON)
            .args(["web", "--json", "--no-input", "--home"])
            .arg(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let told = program.stdout.take().expect("it is piped");
        BufReader::new(told).read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let field = |name: &str| told["result"][name].as_str().expect("a field").to_owned();
        Self {
            program,
            url: field("url"),
            address: field("address").parse().expect("an address"),
        }
    }

    /// Sends bytes as they are; gives whatever comes back.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        // It may answer and close before it has read everything.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str, more: &str) -> String {
        let host = self.address;
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
        self.send(head.as_bytes())
    }

    fn post(&self, path: &str, more: &str, body: &str) -> String {
        let host = self.address;
        let bytes = body.len();
        self.send(
            format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\
                 Content-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {bytes}\r\n\r\n{body}"
            )
            .as_bytes(),
        )
    }

    /// The cookie that the door gives, as a header.
    fn cookie(&self) -> String {
        let (_, door) = self
            .url
            .rsplit_once(&self.address.to_string())
            .expect("a path");
        let answer = self.get(door, "");
        assert_status(&answer, 303);
        let line = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = line.expect("a cookie");
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        let pair = cookie.split(';').next().expect("a pair");
        format!("Cookie: {pair}\r\n")
    }
}

impl Drop for Gallery {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[track_caller]
fn assert_status(answer: &str, status: u16) {
    let begin = format!("HTTP/1.1 {status} ");
    assert!(answer.starts_with(&begin), "not {status}: {answer:.600}");
}

/// A striped picture, so that something can be seen.
fn stripes() -> Bytes {
    let pixel = |i: u32| [(i % 320 / 2) as u8, (i / 320) as u8, 120];
    let rgb = (0..320 * 200).flat_map(pixel).collect();
    let picture = Picture::new(320, 200, rgb).expect("a picture");
    encode_png(&picture).expect("a file").into()
}

fn share(stage: &Stage, views: u32) -> String {
    let command = Command::Share {
        name: "beach.png".into(),
        original: Some(stripes()),
        to: "bob".into(),
        views,
        conditions: Conditions::default(),
        carrier: Carrier::default(),
        keep_metadata: false,
    };
    stage.ask("alice", command).expect("it is shared");
    until("the picture is with bob", || {
        let lease = stage.only_lease("bob")?;
        lease.delivered.then(|| lease.grant.hex())
    })
}

fn used(stage: &Stage) -> u32 {
    stage.only_lease("bob").expect("a lease").terms.used
}

fn nonce(gallery: &Gallery, cookie: &str, grant: &str) -> String {
    let page = gallery.get(&format!("/lease/{grant}/open"), cookie);
    assert_status(&page, 200);
    let (_, rest) = page.split_once("name=\"nonce\" value=\"").expect("a nonce");
    rest[..32].to_owned()
}

#[test]
fn bad_requests_are_refused_and_count_nothing() {
    let stage = Stage::with(&["alice", "bob"]);
    let grant = share(&stage, 2);
    let gallery = Gallery::open(&stage.home("bob"));
    let cookie = gallery.cookie();
    let origin = format!("Origin: http://{}\r\n", gallery.address);
    let view = format!("/lease/{grant}/view");
    let good = nonce(&gallery, &cookie, &grant);
    let form = format!("nonce={good}");

    assert_status(&gallery.get("/", ""), 403);
    assert_status(&gallery.get("/s/0000/", ""), 403);
    let ahead = format!("{cookie}Sec-Purpose: prefetch;prerender\r\n");
    assert_status(&gallery.get(&format!("/lease/{grant}/open"), &ahead), 403);
    for path in [
        "/../etc/passwd",
        "/%2e%2e/x",
        "//x",
        "/cover/..%2fx",
        "/nothing",
    ] {
        assert_status(&gallery.get(path, &cookie), 404);
    }
    let elsewhere =
        format!("GET / HTTP/1.1\r\nHost: evil.test\r\n{cookie}Connection: close\r\n\r\n");
    assert_status(&gallery.send(elsewhere.as_bytes()), 421);
    for other in [
        "",
        "Origin: null\r\n",
        "Origin: http://evil.test\r\n",
        &format!("{origin}Sec-Fetch-Site: cross-site\r\n"),
    ] {
        assert_status(
            &gallery.post(&view, &format!("{cookie}{other}"), &form),
            403,
        );
    }
    let us = format!("{cookie}{origin}");
    let wrong = format!("nonce={}", "0".repeat(32));
    for body in [wrong.as_str(), "nonce=x", "nonce=%00"] {
        assert_status(&gallery.post(&view, &us, body), 403);
    }
    assert_status(&gallery.post(&view, &us, "other=1"), 400);
    let large = format!("{cookie}X: {}\r\n", "x".repeat(17 << 10));
    assert_status(&gallery.get("/", &large), 431);
    let huge = gallery.get("/", &format!("X: {}\r\n", "x".repeat(10 << 20)));
    // The answer may be lost on a connection that is closed while we still send.
    assert!(
        huge.is_empty() || huge.starts_with("HTTP/1.1 431"),
        "{huge:.100}"
    );
    assert_eq!(used(&stage), 0, "nothing of all this was a look");

    assert_told(&stage, &gallery, &cookie);
}

/// The refusals are counted on the page of the gallery, and in its log.
#[track_caller]
fn assert_told(stage: &Stage, gallery: &Gallery, cookie: &str) {
    let about = gallery.get("/about", cookie);
    let counted = [
        "session",
        "secret",
        "prefetch",
        "path",
        "host",
        "cross_site",
        "nonce_unknown",
        "form",
        "headers",
        "unreadable",
    ];
    for kind in counted {
        assert!(
            about.contains(&format!("data-refusal=\"{kind}\"")),
            "{kind} is not counted"
        );
    }
    let log = std::fs::read_to_string(stage.home("bob").join("web.log")).expect("a log");
    assert!(log.contains("web request refused"), "{log:.300}");
    for line in [
        "content-security-policy: default-src 'none'",
        "cache-control: no-store",
    ] {
        assert!(about.contains(line), "{line}");
    }
}

#[test]
fn a_look_is_counted_once_when_its_last_byte_is_out() {
    let stage = Stage::with(&["alice", "bob"]);
    let grant = share(&stage, 2);
    let gallery = Gallery::open(&stage.home("bob"));
    let cookie = gallery.cookie();
    let us = format!("{cookie}Origin: http://{}\r\n", gallery.address);
    let view = format!("/lease/{grant}/view");
    let form = format!("nonce={}", nonce(&gallery, &cookie, &grant));

    let page = gallery.post(&view, &us, &form);
    assert_status(&page, 200);
    assert_eq!(used(&stage), 0, "nothing was seen yet");
    let (_, rest) = page.split_once("data-look=\"").expect("an address");
    let plain = format!("{}/plain", rest.split('"').next().expect("an end"));
    assert_status(&gallery.get(&plain, &cookie), 200);
    until("the look is counted", || (used(&stage) == 1).then_some(()));
    assert_status(&gallery.get(&plain, &cookie), 409);
    assert_status(&gallery.post(&view, &us, &form), 409);
    assert_status(&gallery.get(&view, &cookie), 409);
    let again = format!("nonce={}", nonce(&gallery, &cookie, &grant));
    let page = gallery.post(&view, &us, &again);
    let (_, rest) = page.split_once("data-look=\"").expect("an address");
    let failed = format!("{}/failed", rest.split('"').next().expect("an end"));
    assert!(gallery.post(&failed, &us, "").contains("\"let_go\":true"));
    assert_eq!(
        used(&stage),
        1,
        "a picture that was not shown costs nothing"
    );
}

#[test]
fn the_gallery_works_in_a_real_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("integration/web");
    let has_node = Program::new("node").arg("--version").output().is_ok();
    let missing = [
        (!Path::new(CHROMIUM).is_file(), "chromium"),
        (!has_node, "node"),
        (!folder.join("node_modules").is_dir(), "node_modules"),
    ];
    if let Some((_, what)) = missing.iter().find(|(is_missing, _)| *is_missing) {
        println!("skipped: no {what} here; .ci/run installs what this test needs");
        return;
    }
    let stage = Stage::with(&["alice", "bob"]);
    let offer = Command::Offer {
        name: "beach.png".into(),
        original: stripes(),
        keep_metadata: false,
    };
    let offered = stage.ask("alice", offer).expect("it is offered");
    assert!(matches!(offered, Outcome::Offered { .. }));
    let picture = stage.folder().join("picture.png");
    std::fs::write(&picture, stripes()).expect("a file");
    let (alice, bob) = (
        Gallery::open(&stage.home("alice")),
        Gallery::open(&stage.home("bob")),
    );
    let shots = shots();
    let walked = Program::new("node")
        .arg(folder.join("e2e.mjs"))
        .args([&alice.url, &bob.url, CHROMIUM])
        .args([&shots, &picture])
        .output()
        .expect("node runs");
    let told = String::from_utf8_lossy(&walked.stdout);
    let complaint = String::from_utf8_lossy(&walked.stderr);
    assert!(
        walked.status.success(),
        "{told}\n{complaint}\nshots: {}",
        shots.display()
    );
}

/// Where the screenshots go: a folder below the target folder, fresh.
fn shots() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("web-shots");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
