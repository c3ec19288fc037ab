//! Commands that need no cluster of their own: tools, measurements and drawn runs.

use std::fs;

use super::Play;

/// What needs nobody.
pub(super) fn alone(play: &Play) {
    for line in [
        "version",
        "id",
        "doctor",
        "man pages",
        "bench hide --small --rounds 1",
        "bench rights --clients 8 --rate 20 --seconds 1 --kills 1 --entries 100",
        "bench eval --small --clients 1,4 --seconds 1 --failing 1 --users 1000 --out eval",
        "bench formats",
        "config show",
        "config show --origins",
        "config check",
        "node keygen --data keys",
        "sync",
        "mailbox ls",
        "mailbox flush",
        "status --cluster nowhere",
        "status",
        "lease ls",
        "ledger",
        "rules ls",
        "requests ls",
    ] {
        play.does("alice", line);
    }
    play.does("nobody", "doctor");
    let wrong = play.stage.folder().join("wrong.toml");
    fs::write(wrong, "name = 7\n").expect("the folder can be written");
    play.fails("alice", "config", "config check wrong.toml");
    for line in ["nonsense", "hide", "lease", "up --servers 0", "peers add"] {
        play.fails("alice", "usage", line);
    }
    play.fails("nobody", "not_found", "status --cluster nowhere");
}

/// Scenario files.
pub(super) fn chaos(play: &Play) {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/integration/chaos/impossible.toml"
    );
    let scenario = play.stage.folder().join("short.toml");
    fs::copy(file, scenario).expect("the folder can be written");
    play.does("nobody", "chaos check short.toml");
    play.does("nobody", "chaos run short.toml --out told");
    play.does("nobody", "chaos replay told/report.json");
    let link = "chaos link --listen 127.0.0.1:0 --to 127.0.0.1:9 --for 1";
    play.does("nobody", link);
    play.does("nobody", "chaos transfers --seeds 2");
    play.does("nobody", "chaos rights --seeds 2");
    play.does("nobody", "chaos seeds 2");
    let soak = "chaos soak --minutes 0.5 --orders 20 --faults unprivileged --out soaked";
    play.does("nobody", soak);
    let flood = "chaos flood --rate 1000 --for 1 --clients 3 --within 30000";
    play.does("nobody", flood);
    play.fails("nobody", "config", "chaos check wrong.toml");
}
