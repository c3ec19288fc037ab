//! The rules of the tree that neither the compiler nor clippy knows, each as a test.
//!
//! The rules are the constants below; the scanners that apply them are in `tidy/`, each with its
//! own tests on good and bad samples. A failure lists every breach as `file:line: what`.

use self::imports::{Purity, Table};
use self::source::{Finding, Source};

mod imports;
mod modules;
mod shape;
mod source;

/// Which folder of `src` may name which. Its own name and the standard library are always allowed;
/// never upward, never sideways. Tests are exempt: they may wire what they need.
#[rustfmt::skip]
const MAY_IMPORT: &Table = &[
    ("bin",      ANYTHING),
    ("models",   ANYTHING),
    ("cli",      PROGRAMS),
    ("tui",      &["talk", "node", "terminal", "stego", "proto", "time"]),
    ("web",      &["talk", "node", "terminal", "stego", "proto", "time"]),
    ("chaos",    &[
        "sim", "talk", "node", "net", "actors", "ledger", "transport", "paper", "terminal", "stego",
        "crypto", "proto", "time",
    ]),
    ("window",   &["node", "stego", "time"]),
    ("talk",     &["node", "crypto", "terminal", "proto", "time"]),
    ("sim",      &[
        "net", "node", "actors", "ledger", "transport", "crypto", "proto", "time",
    ]),
    ("paper",    NOTHING),
    ("terminal", &["proto", "time"]),
    ("node",     &["net", "actors", "ledger", "transport", "stego", "crypto", "proto", "time"]),
    ("net",      &["transport", "proto", "time"]),
    ("transport", &["proto", "crypto", "planted", "time"]),
    ("actors",   &["ledger", "proto", "crypto", "planted", "time"]),
    ("ledger",   &["proto", "crypto", "planted", "time"]),
    ("crypto",   &["proto", "time"]),
    ("proto",    &["time"]),
    ("stego",    NOTHING),
    ("planted",  NOTHING),
    ("time",     NOTHING),
];

/// Everything a program wires; not the concerns themselves.
const PROGRAMS: &[&str] = &[
    "tui", "web", "window", "chaos", "talk", "sim", "node", "net", "ledger", "paper", "terminal",
    "stego", "crypto", "proto", "time",
];

const ANYTHING: &[&str] = &["*"];
const NOTHING: &[&str] = &[];

/// Parts of `actors` that every concern may name: how a machine is driven, what it asks of edges,
/// how replicas catch up, and the news of who is a member.
const SHARED_CONCERNS: [&str; 5] = ["machine", "edges", "looks", "replica", "membership::Member"];

/// Folders that decide and compute: time, seeds and bytes are arguments there.
const PURE: Purity = Purity {
    folders: &["actors", "ledger", "transport", "proto", "stego", "crypto"],
    crates: &["actix", "actix_rt", "tokio", "socket2", "redb", "sysinfo"],
    words: &[
        "Instant",
        "SystemTime",
        "UdpSocket",
        "thread_rng",
        "SysRng",
        "OsRng",
        "async",
        "await",
    ],
    std_modules: &["fs", "process", "thread"],
    // Work in bands: the result does not depend on the threads, which its tests show.
    excused: &[("src/stego/covers/rows.rs", "thread")],
};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_COLUMNS_MAX: usize = 100;

const UNFINISHED_MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Text that belongs to one machine or one network. In two parts, so that this file passes too.
const PLACES: [(&str, &str); 8] = [
    (concat!("/wo", "rk/"), MACHINE_PATH),
    (concat!("/tmp/", "lab"), MACHINE_PATH),
    (concat!("/ro", "ot/"), MACHINE_PATH),
    (concat!("/ho", "me/"), MACHINE_PATH),
    (concat!("/Use", "rs/"), MACHINE_PATH),
    (concat!("crates", ".io"), REGISTRY_HOST),
    (concat!("sparse", "+http"), REGISTRY_HOST),
    (concat!("proxy.", "golang"), REGISTRY_HOST),
];
/// What a merge leaves behind. In two parts, so that this file passes too.
const MERGE_MARKS: [(&str, &str); 2] = [
    (concat!("<<<<", "<<< "), "a side of a merge"),
    (concat!(">>>>", ">>> "), "a side of a merge"),
];
const MACHINE_PATH: &str = "a path of one machine";
const REGISTRY_HOST: &str = "a registry is configured on the machine, not named in the tree";

fn is_rust(name: &str) -> bool {
    name.ends_with(".rs")
}

fn is_text(name: &str) -> bool {
    let endings = [
        ".rs", ".md", ".toml", ".sh", ".yml", ".html", ".css", ".js", ".json",
    ];
    endings.iter().any(|ending| name.ends_with(ending))
        || matches!(name, "justfile" | "run" | ".gitignore" | ".gitattributes")
}

/// The crate.
fn src() -> Vec<Source> {
    source::read_tree("src", is_rust)
}

/// The crate, its integration tests and its benches.
fn all_rust() -> Vec<Source> {
    let mut sources = src();
    sources.extend(source::read_tree("integration", is_rust));
    sources.extend(source::read_tree("benches", is_rust));
    sources
}

#[track_caller]
fn assert_none(rule: &str, mut findings: Vec<Finding>) {
    findings.sort();
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(
        list.is_empty(),
        "{rule}: {} breaches\n{}",
        list.len(),
        list.join("\n")
    );
}

#[test]
fn imports_go_one_way() {
    assert_none(
        "who may import whom",
        imports::wrong_direction(&src(), MAY_IMPORT),
    );
}

#[test]
fn concerns_do_not_import_each_other() {
    assert_none(
        "concerns meet in `node` only",
        imports::sideways(&src(), &SHARED_CONCERNS),
    );
}

#[test]
fn pure_folders_name_no_framework_clock_seed_or_file() {
    assert_none(
        "time, seeds and input are arguments",
        imports::impure(&src(), &PURE),
    );
}

#[test]
fn files_are_short() {
    assert_none(
        "split by nouns",
        shape::long_files(&all_rust(), FILE_LINES_MAX),
    );
}

#[test]
fn functions_are_short() {
    assert_none(
        "split by steps",
        shape::long_functions(&all_rust(), FUNCTION_LINES_MAX),
    );
}

#[test]
fn lines_are_short() {
    assert_none(
        "break the line",
        shape::wide_lines(&all_rust(), LINE_COLUMNS_MAX),
    );
}

#[test]
fn nothing_is_left_unfinished() {
    assert_none("finish it", shape::banned_calls(&src(), &UNFINISHED_MACROS));
}

#[test]
fn no_text_names_a_machine_or_a_registry() {
    assert_none(
        "name no place",
        shape::banned_texts(&source::read_tree("", is_text), &PLACES),
    );
}

/// Somebody once took quotes for a part of a path.
#[test]
fn paths_are_plain() {
    assert_none("name it plainly", source::odd_paths());
}

#[test]
fn no_merge_is_unfinished() {
    let texts = source::read_tree("", is_text);
    assert_none("choose a side", shape::banned_texts(&texts, &MERGE_MARKS));
}

#[test]
fn every_file_is_declared() {
    assert_none("declare it or delete it", modules::dead_files(&src()));
}
