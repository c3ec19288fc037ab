//! Chaos runs as files: scenarios are checked, played in both modes, told, and played again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const BROKEN: i32 = 99;
const BAD_FILE: i32 = 8;

fn tree(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn chaos(arguments: &[&Path]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_pentimento-chaos"))
        .args(arguments)
        .output();
    output.expect("the program starts")
}

fn run(scenario: &Path, out: &Path) -> Output {
    chaos(&["run".as_ref(), scenario, "--out".as_ref(), out])
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{told}",
        printed(output)
    );
}

fn report(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("report.json")).expect("a report");
    serde_json::from_str(&text).expect("is JSON")
}

/// One page that fetches nothing and runs nothing.
fn assert_is_whole_page(folder: &Path) {
    let page = std::fs::read_to_string(folder.join("report.html")).expect("a page");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<svg"));
    for outside in ["<script", "src=", "href=", "url(", "http:", "https:"] {
        assert!(!page.contains(outside), "the page has {outside}");
    }
}

#[test]
fn the_token_walks_in_virtual_time_and_the_replay_is_the_same_bit_for_bit() {
    let folder = TempDir::new().expect("folder");
    let output = run(&tree("config/chaos/token-walk.toml"), folder.path());
    assert_code(&output, 0);
    assert!(printed(&output).contains("PASS token-walk  seed 42  mode sim"));
    assert_is_whole_page(folder.path());
    let first = report(folder.path());
    assert!(first["metrics"]["failures.count"].as_f64() >= Some(3.0));
    assert_eq!(first["metrics"]["request.failed"].as_f64(), Some(0.0));

    let replayed = chaos(&["replay".as_ref(), &folder.path().join("report.json")]);
    assert_code(&replayed, 0);
    assert!(
        printed(&replayed).contains("the same trace"),
        "{}",
        printed(&replayed)
    );
    let again = report(&folder.path().join("replay"));
    assert_eq!(again["trace"], first["trace"]);
    assert_eq!(again["run"], first["run"]);
}

#[test]
fn a_replay_that_goes_another_way_says_so() {
    let folder = TempDir::new().expect("folder");
    assert_code(
        &run(&tree("config/chaos/flash-crowd.toml"), folder.path()),
        0,
    );
    let mut forged = report(folder.path());
    forged["seed"] = 6.into();
    let path = folder.path().join("forged.json");
    std::fs::write(&path, forged.to_string()).expect("writes");
    let output = chaos(&["replay".as_ref(), &path]);
    assert_code(&output, BROKEN);
    assert!(
        printed(&output).contains("another trace"),
        "{}",
        printed(&output)
    );
}

#[test]
fn a_bound_that_cannot_hold_breaks_the_run_and_is_named() {
    let folder = TempDir::new().expect("folder");
    let output = run(&tree("integration/chaos/impossible.toml"), folder.path());
    assert_code(&output, BROKEN);
    let told = printed(&output);
    assert!(told.contains("✗ request.p95_ms = "), "{told}");
    assert!(
        told.contains("✓ request.failed") && told.contains("FAIL impossible"),
        "{told}"
    );
    let report = report(folder.path());
    assert_eq!(report["passed"], false);
    assert_eq!(report["thresholds"][1]["metric"], "request.p95_ms");
    assert_eq!(report["thresholds"][1]["holds"], false);
}

#[test]
fn real_processes_are_struck_stopped_and_recover() {
    let folder = TempDir::new().expect("folder");
    let output = run(&tree("integration/chaos/short.toml"), folder.path());
    assert_code(&output, 0);
    assert_is_whole_page(folder.path());
    let report = report(folder.path());
    assert_eq!(report["mode"], "process");
    assert_eq!(report["trace"], Value::Null);
    let states: Vec<&str> = report["run"]["spans"]
        .as_array()
        .expect("spans")
        .iter()
        .filter_map(|span| span["state"].as_str())
        .collect();
    assert!(states.contains(&"paused"), "{states:?}");
    let up_twice = |host: u64| {
        let spans = report["run"]["spans"].as_array().into_iter().flatten();
        spans
            .filter(|span| span["host"] == host && span["state"] == "up")
            .count()
    };
    assert_eq!((up_twice(1), up_twice(4)), (2, 2), "n2 and bob came back");
}

#[test]
fn every_scenario_of_the_tree_is_good() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(tree("config/chaos"))
        .expect("folder")
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.sort();
    assert!(files.len() >= 6);
    let mut arguments: Vec<&Path> = vec!["check".as_ref()];
    arguments.extend(files.iter().map(PathBuf::as_path));
    let output = chaos(&arguments);
    assert_code(&output, 0);
    assert_eq!(printed(&output).matches('✓').count(), files.len());
}

#[test]
fn a_bad_file_is_refused_with_line_column_and_what_would_be_right() {
    let folder = TempDir::new().expect("folder");
    let good = std::fs::read_to_string(tree("integration/chaos/impossible.toml")).expect("reads");
    let cases = [
        (
            "op = \"hide\"",
            "op = \"hidden\"",
            ":11:6: ",
            "`hide`, `share`",
        ),
        ("seed = 1", "seeds = 1", ":4:1: ", "expected one of"),
        (
            "request.failed",
            "requests.failed",
            ":17:1: ",
            "request.p95_ms",
        ),
        ("nodes = 3", "nodes = 99", ":7:9: ", "1 to 16"),
        ("schema = 1", "schema = 9", ":2:10: ", "there is only 1"),
        ("rate_per_s = 1", "rate_per_s = x", ":12:", ""),
    ];
    for (right, wrong, place, told) in cases {
        let path = folder.path().join("bad.toml");
        std::fs::write(&path, good.replacen(right, wrong, 1)).expect("writes");
        for verb in ["check", "run"] {
            let output = chaos(&[verb.as_ref(), &path]);
            assert_code(&output, BAD_FILE);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(
                error.contains(place) && error.contains(told),
                "{wrong}: {error}"
            );
        }
    }
    assert_code(&chaos(&["check".as_ref(), "missing.toml".as_ref()]), 3);
}

#[test]
fn what_is_no_report_is_not_replayed() {
    let folder = TempDir::new().expect("folder");
    let path = folder.path().join("report.json");
    for text in ["", "{}", "[1]", "{\"schema\": 1, \"kind\": \"other\"}"] {
        std::fs::write(&path, text).expect("writes");
        assert_code(&chaos(&["replay".as_ref(), &path]), BAD_FILE);
    }
}
