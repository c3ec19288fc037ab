//! Documents are tests: every command of every `console` block is run, in order, as it stands.
//!
//! Each document has a sandbox of its own and is played from its first line to its last. What a
//! block shows must be what the command prints, but for figures. A block that cannot be run says
//! why in a comment on the line before it: `<!-- not run: reason -->`.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{fs, iter, thread};

use self::block::{Block, Step};
use self::sandbox::{Ran, Sandbox};

mod block;
mod pattern;
mod sandbox;

/// Run by `operate.rs`, with people at work meanwhile.
const RUN_ELSEWHERE: [&str; 1] = ["docs/operate.md"];

/// Documents that are played at a time. Each has a cluster of its own, and shows what people see
/// whose machine is not busy with all the others.
const AT_A_TIME: usize = 2;

/// Commands that build: the programs are built when tests run, and tests are not run by tests.
const BUILDING: [&str; 7] = [
    "cargo build",
    "cargo test",
    "cargo run -- demo",
    "cargo run --bin pentimento-chaos -- seeds 200",
    "cargo run --bin pentimento-chaos -- seeds 1 --from 7",
    "cargo run --bin pentimento-chaos -- run config/chaos/token-walk.toml",
    "cargo run --bin pentimento-chaos -- run config/chaos/token-walk.toml --mode process",
];

/// A document of the tree.
struct Document {
    name: String,
    blocks: Vec<Block>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All documents that have blocks to run, in the order of their names.
fn documents() -> Vec<Document> {
    let mut names = BTreeSet::new();
    for folder in ["", "docs"] {
        for entry in fs::read_dir(root().join(folder)).expect("the folder") {
            let file = Path::new(folder).join(entry.expect("an entry").file_name());
            if file.extension().is_some_and(|ending| ending == "md") {
                names.insert(file.to_str().expect("names are text").to_owned());
            }
        }
    }
    let read = |name: String| {
        let text = fs::read_to_string(root().join(&name)).expect("the document");
        let blocks = block::read(&text).unwrap_or_else(|wrong| panic!("{name}:{wrong}"));
        Document { name, blocks }
    };
    let all = names.into_iter().map(read);
    all.filter(|document| !document.blocks.is_empty()).collect()
}

/// Runs what is not marked; panics at the first command that does something else.
fn play(document: &Document) {
    let mut sandbox = Sandbox::new(&root());
    let run = document.blocks.iter().filter(|block| !block.not_run);
    for step in run.flat_map(|block| &block.steps) {
        if BUILDING.contains(&step.command.as_str()) {
            continue;
        }
        let place = format!("{}:{}: {}", document.name, step.line, step.command);
        match sandbox::home_if_it_stays(&step.command) {
            Some(home) => sandbox.begin(&place, step, &home),
            None => check(&place, step, &sandbox.run(&place, &step.command)),
        }
    }
    sandbox.end();
}

/// Compares what a command did with what is shown.
fn check(place: &str, step: &Step, ran: &Ran) {
    let told = format!("{place}\n{ran:?}\nshown: {:#?}", step.shown);
    let refused = step.shown.iter().any(|line| line.starts_with("error["));
    assert_eq!(ran.code != Some(0), refused, "{told}");
    assert!(ran.says(&step.shown), "{told}");
}

#[test]
fn every_command_of_the_documents_does_what_they_show() {
    let documents = documents();
    let elsewhere = |document: &&Document| !RUN_ELSEWHERE.contains(&document.name.as_str());
    let next = Mutex::new(documents.iter().filter(elsewhere));
    let failing = || {
        let taken = || next.lock().expect("nobody panics with it").next();
        let fails = |document: &&Document| catch_unwind(|| play(document)).is_err();
        let failed = iter::from_fn(taken).filter(fails);
        failed
            .map(|document| document.name.as_str())
            .collect::<Vec<_>>()
    };
    let failed: Vec<&str> = thread::scope(|scope| {
        let players: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(failing)).collect();
        let failed = players.into_iter().map(|player| player.join());
        failed
            .flat_map(|failed| failed.expect("panics are caught"))
            .collect()
    });
    assert!(failed.is_empty(), "{failed:?} tell something else");
}

#[test]
fn every_exemption_is_needed() {
    let documents = documents();
    let names: Vec<&str> = documents.iter().map(|it| it.name.as_str()).collect();
    for name in RUN_ELSEWHERE.iter().chain(&["README.md"]) {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    let commands: BTreeSet<&str> = documents
        .iter()
        .flat_map(|document| &document.blocks)
        .flat_map(|block| &block.steps)
        .map(|step| step.command.as_str())
        .collect();
    for command in BUILDING {
        assert!(commands.contains(command), "nobody says `{command}`");
    }
}
