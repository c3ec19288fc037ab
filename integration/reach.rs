//! Two people behind boxes that let in nothing but what the servers send: their clients meet
//! through a server, and through another one when that is gone.

use std::fs;

use serde_json::Value;

use super::stage::{SERVERS, Stage, Wall, noise, until};

/// The number of the server that passes on for a person and another one.
fn relay(stage: &Stage, of: &str, to: &str) -> Option<u8> {
    let told = stage.run(of, &["--json", "peers"]).result(0);
    let peers = told["peers"].as_array()?;
    let peer = peers.iter().find(|peer| peer["name"] == to)?;
    if peer["way"] != "relayed" {
        return None;
    }
    peer["relay"].as_str()?.strip_prefix('n')?.parse().ok()
}

fn share_and_view(stage: &Stage, file: &str, seed: u64) {
    let original = noise(seed, 30_000);
    fs::write(stage.folder().join(file), &original).expect("the folder can be written");
    let share = ["--json", "share", file, "--to", "@bob", "--views", "2"];
    stage.run("alice", &share).json();
    let image = format!("@alice/{file}");
    let seen = until("the picture is at the other side", || {
        let ran = stage.run("bob", &["--json", "view", &image]);
        (ran.code() == 0).then(|| ran.result(0))
    });
    assert_eq!(seen["blake3"], blake3::hash(&original).to_hex().as_str());
}

#[test]
fn people_who_cannot_reach_each_other_meet_through_a_server() {
    let mut stage = Stage::set();
    for id in SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    let walls: Vec<Wall> = ["alice", "bob"]
        .into_iter()
        .map(|name| {
            let client = stage.invite(name);
            let wall = Wall::before(client, stage.servers());
            stage.invite_by(name, client, &wall.servers, false);
            stage.enter(name);
            wall
        })
        .collect();
    for name in ["alice", "bob"] {
        stage.wait_online(name);
    }
    let before = stage.run("alice", &["--json", "peers"]).result(0);
    assert!(before["peers"].as_array().is_some(), "{before}");

    share_and_view(&stage, "first.bin", 1);
    let first = until("both tell the same relay", || {
        let of_alice = relay(&stage, "alice", "bob")?;
        (relay(&stage, "bob", "alice")? == of_alice).then_some(of_alice)
    });
    assert!(SERVERS.contains(&first));
    assert!(walls.iter().any(|wall| wall.refused() > 0), "they tried");

    stage.strike_server(first);
    share_and_view(&stage, "second.bin", 2);
    let second = until("another one passes on", || {
        relay(&stage, "bob", "alice").filter(|relay| *relay != first)
    });
    assert!(SERVERS.contains(&second) && second != first);
    let peers = stage.run("bob", &["peers"]);
    assert_eq!(peers.code(), 0);
    assert!(peers.whole().contains(&format!("relayed by n{second}")));
}

#[test]
fn people_who_can_reach_each_other_do() {
    let stage = Stage::with(&["alice", "bob"]);
    let way = || -> Option<Value> {
        let told = stage.run("alice", &["--json", "peers"]).result(0);
        let peers = told["peers"].as_array()?;
        let bob = peers.iter().find(|peer| peer["name"] == "bob")?;
        Some(bob["way"].clone())
    };
    assert_eq!(until("bob is known", way), "none");
    share_and_view(&stage, "first.bin", 1);
    until("the way is told", || way().filter(|way| *way == "direct"));
}
