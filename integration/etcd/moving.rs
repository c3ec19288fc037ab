//! The ledger moves from the servers into etcd and back, and a damaged one out of the way.

use std::path::{Path, PathBuf};

use pentimento::proto::control::Reason;

use super::super::stage::{Ran, SERVERS, Stage, until};
use super::members::Members;
use super::{look, next_look, raise, shared};

fn state(stage: &Stage, id: u8, verb: &str, options: &[String], files: &[&Path]) -> Ran {
    let config = stage.data(id).join("server.toml");
    let mut arguments = vec!["state".to_owned(), verb.to_owned(), "--config".to_owned()];
    arguments.push(config.display().to_string());
    arguments.extend(options.iter().cloned());
    arguments.extend(files.iter().map(|file| file.display().to_string()));
    stage.run_server_tool(&arguments)
}

fn result(ran: &Ran) -> String {
    assert_eq!(ran.code(), 0, "{}", ran.whole());
    ran.printed()
}

fn of_etcd(members: &Members) -> Vec<String> {
    let endpoints = format!("ledger.endpoints={}", members.endpoints());
    ["--set", "ledger.store=etcd", "--set", &endpoints]
        .map(str::to_owned)
        .to_vec()
}

fn stop_all(stage: &mut Stage) {
    for id in SERVERS {
        stage.strike_server(id);
    }
}

/// What every server printed when it imported, which must be the same.
fn import_all(stage: &Stage, options: &[String], files: &[&Path]) {
    let told = SERVERS.map(|id| result(&state(stage, id, "import", options, files)));
    assert!(told[0] == told[1] && told[1] == told[2], "{told:?}");
}

#[test]
fn no_look_is_lost_or_won_when_the_ledger_moves_there_and_back() {
    let Some(members) = Members::start() else {
        return;
    };
    let mut stage = Stage::with(&["alice", "bob"]);
    let (grant, original) = shared(&stage, 4);
    assert_eq!(look(&stage, grant, &original), Ok((1, 3)));
    let etcd = of_etcd(&members);
    let folder = stage.folder().to_owned();
    let file = |name: &str| -> PathBuf { folder.join(name) };
    let (one, two, back) = (file("one.bin"), file("two.bin"), file("back.bin"));
    assert_ne!(state(&stage, 1, "export", &[], &[&one]).code(), 0);
    stop_all(&mut stage);
    result(&state(&stage, 1, "export", &[], &[&one]));
    assert_ne!(state(&stage, 1, "export", &[], &[&file("x.bin")]).code(), 0);
    let alone = state(&stage, 1, "import", &etcd, &[&one]);
    assert!(alone.complaint().contains("majority"), "{}", alone.whole());
    result(&state(&stage, 2, "export", &[], &[&two]));
    result(&state(&stage, 3, "export", &[], &[&file("three.bin")]));
    let config = stage.data(1).join("server.toml");
    let refused = stage.run_node("server", &config);
    assert!(
        refused.complaint().contains("exported"),
        "{}",
        refused.whole()
    );
    import_all(&stage, &etcd, &[&one, &two]);
    for id in SERVERS {
        raise(&mut stage, &members, id);
    }
    stage.wait_ready();
    assert_eq!(next_look(&stage, grant, &original), (2, 2));
    stop_all(&mut stage);
    let refused = stage.run_node("server", &config);
    assert!(refused.complaint().contains("etcd"), "{}", refused.whole());
    result(&state(&stage, 2, "export", &etcd, &[&back]));
    import_all(&stage, &[], &[&back]);
    for id in SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    assert_eq!(next_look(&stage, grant, &original), (3, 1));
    assert_eq!(next_look(&stage, grant, &original), (4, 0));
    let refused = look(&stage, grant, &original).expect_err("no look");
    assert_eq!(refused.reason, Reason::QuotaSpent);
    set_aside(&mut stage);
}

/// A server that is sound keeps its ledger; one that is told to be another is quarantined, and
/// learns everything anew when its rows are out of the way.
fn set_aside(stage: &mut Stage) {
    stage.strike_server(3);
    let sound = state(stage, 3, "set-aside", &[], &[]);
    assert!(
        sound.complaint().contains("not quarantined"),
        "{}",
        sound.whole()
    );
    let damaged = stage.data(1).join("state.redb");
    stage.strike_server(1);
    // The rows of another server: a disk that was put into the wrong machine.
    std::fs::copy(&damaged, stage.data(3).join("state.redb")).expect("it can be copied");
    stage.raise(1);
    stage.raise(3);
    until("n3 is quarantined", || {
        let ledger = stage.status(3)?.ledger;
        ledger.quarantined.map(|_| ())
    });
    stage.strike_server(3);
    result(&state(stage, 3, "set-aside", &[], &[]));
    stage.raise(3);
    stage.wait_ready();
    let aside = std::fs::read_dir(stage.data(3)).expect("a folder");
    let names = aside.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    assert_eq!(
        names
            .filter(|name| name.starts_with("ledger-aside-"))
            .count(),
        1
    );
}
