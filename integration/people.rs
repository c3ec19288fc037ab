//! People make sure of each other, refuse each other, and hear what happens; a folder has one
//! process.

use std::fs;
use std::sync::mpsc;

use pentimento::proto::control::{Command, News};
use pentimento::proto::notice::Notice;
use pentimento::talk::line::Line;
use serde_json::Value;

use super::stage::{SERVERS, Stage, until};

/// Two people who are online.
fn two_people() -> Stage {
    let mut stage = Stage::set();
    for id in SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    for name in ["alice", "bob"] {
        stage.invite(name);
        stage.enter(name);
    }
    for name in ["alice", "bob"] {
        stage.wait_online(name);
    }
    stage
}

/// The code and the words of a person.
fn id(stage: &Stage, name: &str) -> (String, Value) {
    let told = stage.run(name, &["--json", "id"]).result(0);
    let code = told["code"].as_str().expect("a code").to_owned();
    (code, told["words"].clone())
}

#[test]
fn people_are_added_by_code_verified_and_refused() {
    let stage = two_people();
    let alice = |arguments: &[&str]| stage.run("alice", arguments);
    let (code, words) = id(&stage, "bob");
    alice(&["--json", "peers", "add", &code[1..]]).refused(2, "usage");
    alice(&["--json", "peers", "add", &id(&stage, "alice").0]).refused(2, "usage");
    alice(&["--json", "peers", "verify", "@bob"]).refused(3, "not_found");
    let added = alice(&["--json", "peers", "add", &code.to_lowercase()]).result(0);
    assert_eq!(added["name"], "bob");
    assert_eq!(
        (&added["verified"], &added["words"]),
        (&true.into(), &words)
    );
    for (verb, verified) in [("unverify", false), ("verify", true)] {
        let told = alice(&["--json", "peers", verb, "@bob"]).result(0);
        assert_eq!(told["verified"], verified);
    }
    let blocked = alice(&["--json", "peers", "block", "@bob"]).result(0);
    assert_eq!(blocked["blocked"], true);
    alice(&["--json", "ls", "@bob"]).refused(4, "denied");
    stage
        .run("bob", &["--json", "ls", "@alice"])
        .refused(6, "unreachable");
    alice(&["--json", "peers", "unblock", "@bob"]).result(0);
    stage.run("bob", &["--json", "ls", "@alice"]).result(0);
}

/// More than a test hears.
const NOTICES_MAX: usize = 256;

#[test]
fn a_question_is_told_and_can_be_taken_back() {
    let stage = two_people();
    let (told, notices) = mpsc::sync_channel(NOTICES_MAX);
    let line = Line::connect(&stage.home("alice")).expect("a line");
    line.wish(
        Command::Watch(Some(0)),
        Box::new(move |news| match news {
            News::Noticed(noticed) => told.send(noticed).is_ok(),
            _ => false,
        }),
    );
    let heard = |what: &str, wanted: fn(&Notice) -> bool| {
        until(what, || {
            let mut new = notices.try_iter();
            new.find(|noticed| wanted(&noticed.notice))
        })
    };
    fs::write(stage.folder().join("beach.bin"), b"sand").expect("the folder can be written");
    let offer = ["--json", "offer", "beach.bin", "--name", "beach"];
    stage.run("alice", &offer).result(0);
    let offered = heard("the offer", |notice| *notice == Notice::Offers);
    let ask = ["--json", "request", "@alice/beach", "--wait", "0"];
    let asked = stage.run("bob", &ask).result(5);
    let ask = asked["ask"].as_str().expect("a question");
    let arrived = heard("the question", |n| matches!(n, Notice::AskArrived { .. }));
    assert!(arrived.number > offered.number);
    let withdrawn = stage.run("bob", &["--json", "requests", "withdraw", &ask[..8]]);
    assert_eq!(withdrawn.result(0)["ask"], ask);
    heard("the withdrawal", |n| {
        matches!(n, Notice::AskWithdrawn { .. })
    });
    stage
        .run("alice", &["--json", "requests", "approve", &ask[..8]])
        .refused(2, "usage");
}

#[test]
fn a_folder_has_one_process_and_a_second_one_is_told_which() {
    let mut stage = Stage::set();
    stage.raise(SERVERS[0]);
    stage.invite("alice");
    stage.enter("alice");
    until("the server listens", || stage.status(SERVERS[0]));
    let folders = [stage.data(SERVERS[0]), stage.home("alice")];
    let [server, client] = folders.map(|folder| {
        let text = fs::read_to_string(folder.join("pid")).expect("the holder is named");
        format!("process {} ", text.trim())
    });
    let second = stage.run("alice", &["--json", "run"]);
    second.refused(8, "config");
    assert!(second.whole().contains(&client), "{}", second.whole());
    let config = stage.data(SERVERS[0]).join("server.toml");
    let second = stage.run_node("server", &config);
    assert_eq!(second.code(), 8, "{}", second.whole());
    assert!(second.complaint().contains(&server), "{}", second.whole());
}
