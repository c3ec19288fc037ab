//! The story of two people by the commands they type, with `--json` as a script would read it:
//! each answer is one object with our schema.

use std::fs;

use serde_json::Value;

use super::stage::{SERVERS, Stage, noise, until};

/// Two people made by `init` and online by `run`.
fn two_people() -> Stage {
    let mut stage = Stage::set();
    for id in SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    let servers = stage.cluster().join("cluster.toml");
    let servers = servers.to_str().expect("paths of tests are text");
    for name in ["alice", "bob"] {
        let told = stage
            .run(name, &["--json", "init", name, "--servers", servers])
            .result(0);
        assert_eq!(told["name"], name);
        assert_eq!(told["user"].as_str().map(str::len), Some(64));
        stage.enter_by_run(name);
    }
    for name in ["alice", "bob"] {
        stage.wait_online(name);
    }
    stage
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The only element of a list.
fn only(list: &Value) -> &Value {
    match list.as_array().map(Vec::as_slice) {
        Some([one]) => one,
        _ => panic!("not one element: {list}"),
    }
}

#[test]
fn two_people_share_a_picture_by_commands() {
    let stage = two_people();
    let original = noise(5, 20_000);
    fs::write(stage.folder().join("beach.bin"), &original).expect("the folder can be written");
    let alice = |arguments: &[&str]| stage.run("alice", arguments);
    let bob = |arguments: &[&str]| stage.run("bob", arguments);

    let offered = alice(&["--json", "offer", "beach.bin", "--name", "beach"]).result(0);
    assert_eq!(offered["name"], "beach");
    until("bob sees alice", || {
        let told = bob(&["--json", "peers"]).result(0);
        let peers = told["peers"].as_array()?;
        peers
            .iter()
            .any(|peer| peer["name"] == "alice" && peer["online"] == true)
            .then_some(())
    });
    let gallery = bob(&["--json", "ls", "@alice"]).result(0);
    assert_eq!(only(&gallery["items"])["name"], "beach");

    // Nobody answers within the wait: accepted, not done.
    let asked = bob(&[
        "--json",
        "request",
        "@alice/beach",
        "--views",
        "3",
        "--wait",
        "0",
    ])
    .result(5);
    assert_eq!(asked["state"], "pending");
    let ask = text(&asked["ask"]).to_owned();
    until("the question reaches alice", || {
        let asks = alice(&["--json", "requests", "ls"]).result(0);
        asks.as_array()?
            .iter()
            .any(|open| open["ask"] == ask.as_str())
            .then_some(())
    });
    let decided = alice(&["--json", "requests", "approve", &ask[..8], "--views", "2"]).result(0);
    assert_eq!(decided["ask"], ask.as_str());

    let lease = until("the picture reaches bob", || {
        let leases = bob(&["--json", "lease", "ls"]).result(0);
        leases
            .as_array()?
            .iter()
            .find(|lease| lease["state"] == "live")
            .cloned()
    });
    assert_eq!((&lease["granted"], &lease["used"]), (&2.into(), &0.into()));
    let lease = text(&lease["lease"]).to_owned();
    look_and_adjust(&stage, &lease, &original);
    same_story(&stage, &lease);
}

/// Two looks of two, a third after it was added; then the grant is taken back.
fn look_and_adjust(stage: &Stage, lease: &str, original: &[u8]) {
    let digest = blake3_of(original);
    for (ordinal, left) in [(1, 1), (2, 0)] {
        let seen = stage.run("bob", &["--json", "view", lease]).result(0);
        assert_eq!(
            (&seen["ordinal"], &seen["left"]),
            (&ordinal.into(), &left.into())
        );
        assert_eq!(seen["blake3"], digest.as_str());
    }
    stage
        .run("bob", &["--json", "view", lease])
        .refused(4, "quota_spent");
    stage
        .run("bob", &["--json", "lease", "add", lease, "1"])
        .refused(3, "not_found");
    let short = &lease[..8];
    let revoked = stage
        .run("alice", &["--json", "lease", "revoke", short])
        .result(0);
    assert_eq!(
        (&revoked["posted"], &revoked["left"]),
        (&"direct".into(), &0.into())
    );
    stage
        .run("bob", &["--json", "view", lease])
        .refused(4, "revoked");
}

/// Both logs tell the same, and each lease is shown as one object.
fn same_story(stage: &Stage, lease: &str) {
    let events = |name: &str| {
        let told = stage
            .run(name, &["--json", "ledger", "--lease", lease])
            .result(0);
        let entries = told.as_array().expect("a list").clone();
        let mut events: Vec<String> = entries
            .iter()
            .map(|entry| text(&entry["event"]).to_owned())
            .collect();
        events.sort();
        events
    };
    let told = until("both logs tell the same", || {
        let (alice, bob) = (events("alice"), events("bob"));
        (alice == bob).then_some(bob)
    });
    for event in [
        "granted 2",
        "received",
        "viewed, number 1",
        "viewed, number 2",
        "revoked",
    ] {
        assert!(
            told.iter().any(|known| known == event),
            "no {event:?} in {told:?}"
        );
    }
    let shown = stage
        .run("alice", &["--json", "lease", "show", lease])
        .result(0);
    assert_eq!(
        (&shown["lease"]["lease"], &shown["lease"]["used"]),
        (&lease.into(), &2.into())
    );
    assert_eq!(shown["ledger"].as_array().map(Vec::len), Some(told.len()));
    let synced = stage.run("alice", &["--json", "sync"]).json();
    assert!(synced["result"]["settled"].is_boolean(), "{synced}");
}

fn blake3_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[test]
fn a_cluster_is_raised_shown_and_stopped_by_commands() {
    let stage = Stage::set();
    let folder = stage.folder().join("own");
    let folder = folder.to_str().expect("paths of tests are text");
    let operator = |arguments: &[&str]| {
        let mut whole = vec!["--json"];
        whole.extend_from_slice(arguments);
        whole.extend_from_slice(&["--cluster", folder]);
        stage.run("nobody", &whole)
    };
    operator(&["status"]).refused(3, "not_found");
    operator(&["up", "--servers", "0"]).refused(2, "usage");
    // Whatever goes wrong in between, the servers are told to stop.
    let told = [
        &["up"][..],
        &["up"],
        &["status"],
        &["cluster", "fail", "9"],
        &["stop"],
    ]
    .map(&operator);
    let up = told[0].result(0);
    assert_eq!(up.as_array().map(Vec::len), Some(3), "{up}");
    told[1].refused(2, "usage");
    let status = told[2].result(0);
    assert!(
        status
            .as_array()
            .is_some_and(|all| all.iter().all(|one| one["up"] == true))
    );
    told[3].refused(3, "not_found");
    assert_eq!(told[4].result(0)["stopped"], 3);
    assert_eq!(operator(&["status"]).code(), 6);
}

#[test]
fn commands_work_without_a_running_client() {
    let mut stage = Stage::set();
    for id in SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    stage.invite("alice");
    fs::write(stage.folder().join("note.txt"), b"words").expect("the folder can be written");
    let hidden = stage
        .run("alice", &["--json", "hide", "note.txt"])
        .result(0);
    assert_eq!(
        (&hidden["original_bytes"], &hidden["timings"]["owners"]),
        (&5.into(), &1.into())
    );
    let picture = text(&hidden["file"]).to_owned();
    let seen = stage
        .run("alice", &["--json", "inspect", &picture])
        .result(0);
    assert_eq!(seen["inside"]["size_bytes"], 5);
    let back = stage
        .run("alice", &["--json", "reveal", &picture, "-o", "back.txt"])
        .result(0);
    assert_eq!(back["name"], "note.txt");
    let bytes = fs::read(stage.folder().join("back.txt")).expect("it was written");
    assert_eq!(bytes, b"words");
}
