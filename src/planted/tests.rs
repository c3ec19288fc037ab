//! Every bug, hunted by checks that are there anyway: no check here is made for a bug.
//!
//! A hunt runs a test of the tree with the bug planted and expects it to fail; that the same test
//! passes without the bug is what the suite shows. The table is printed by
//! `cargo test --lib planted -- --nocapture`, and `docs/evidence.md` has one such run.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::thread;

use rustix::time::{ClockId, clock_gettime};

use super::{Bug, planted, with};

/// A test of the tree that fails when a bug is planted.
pub(crate) struct Hunt {
    bug: Bug,
    /// The kind of test, for the table.
    by: &'static str,
    check: fn(),
}

impl Hunt {
    pub(crate) const fn new(bug: Bug, by: &'static str, check: fn()) -> Self {
        Self { bug, by, check }
    }
}

fn hunts() -> Vec<&'static Hunt> {
    let all = [
        crate::actors::consensus::tests::planted::HUNTS,
        crate::ledger::tests::planted::HUNTS,
        crate::actors::custody::tests::planted::HUNTS,
        crate::actors::mailbox::tests::planted::HUNTS,
        crate::actors::courier::tests::planted::HUNTS,
        crate::transport::hunts::HUNTS,
        crate::actors::lease_manager::tests::planted::HUNTS,
        crate::actors::failure_token::tests::planted::HUNTS,
        crate::actors::election::tests::planted::HUNTS,
        crate::sim::rights::tests::HUNTS,
        crate::sim::transfers::tests::HUNTS,
        crate::sim::tests::HUNTS,
    ];
    let models = crate::models::HUNTS.iter().copied();
    let mut hunts: Vec<&Hunt> = all.into_iter().chain(models).flatten().collect();
    hunts.sort_by_key(|hunt| hunt.bug);
    hunts
}

thread_local! {
    static ELSEWHERE_MS: Cell<u64> = const { Cell::new(0) };
}

/// A thread that worked for this one used so much.
pub(crate) fn also_used(cpu_ms: u64) {
    ELSEWHERE_MS.set(ELSEWHERE_MS.get() + cpu_ms);
}

/// CPU time of this thread and of those that worked for it, in milliseconds.
pub(crate) fn cpu_ms() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let parts = (u64::try_from(used.tv_sec), u64::try_from(used.tv_nsec));
    let own_ms = parts.0.unwrap_or_default() * 1_000 + parts.1.unwrap_or_default() / 1_000_000;
    own_ms + ELSEWHERE_MS.get()
}

/// What a hunt came to.
struct Found {
    /// How the test failed; none if it passed all the same.
    seen: Option<String>,
    cpu_ms: u64,
}

/// What a panic said.
pub(crate) fn text_of(thrown: &Box<dyn Any + Send>) -> String {
    let text = thrown.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| thrown.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

/// Failures that are wanted are not printed.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if planted().is_none() {
                loud(info);
            }
        }));
    });
}

fn go(hunt: &Hunt) -> Found {
    let before = cpu_ms();
    let caught = with(Some(hunt.bug), || {
        panic::catch_unwind(AssertUnwindSafe(hunt.check))
    });
    let seen = caught.err().map(|thrown| brief(&text_of(&thrown)));
    Found {
        seen,
        cpu_ms: cpu_ms() - before,
    }
}

/// The first words of a failure, as they fit a table.
fn brief(text: &str) -> String {
    const CHARS: usize = 110;
    let text = text.replace('|', "/");
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let line = line.split("; ").next().unwrap_or_default();
    let stock = "assertion `left == right` failed";
    let line = line.strip_prefix(stock).unwrap_or(line);
    let line = line.trim_start_matches([':', ' ']);
    let line = line.split("left: ").next().unwrap_or_default();
    if line.is_empty() {
        return "another result than expected".to_owned();
    }
    if line.chars().count() <= CHARS {
        line.trim().to_owned()
    } else {
        line.chars().take(CHARS).chain("…".chars()).collect()
    }
}

/// All hunts, two at a time.
fn run(hunts: &[&Hunt]) -> Vec<Found> {
    keep_quiet();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(hunt) = hunts.get(place) else { return };
            let found = go(hunt);
            results.lock().expect("nobody panics").push((place, found));
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let mut results = results.into_inner().expect("nobody panics");
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, found)| found).collect()
}

#[test]
fn planted_bugs_are_found() {
    let hunts = hunts();
    let found = run(&hunts);
    println!("| bug | what it does | found by | seen | CPU s |\n|---|---|---|---|---|");
    let mut missed = Vec::new();
    for (hunt, found) in hunts.iter().zip(&found) {
        let (bug, seconds) = (hunt.bug, found.cpu_ms as f64 / 1_000.0);
        let seen = found.seen.as_deref().unwrap_or("**not found**");
        let (what, by) = (bug.what(), hunt.by);
        println!("| `{bug:?}` | {what} | {by} | {seen} | {seconds:.2} |");
        if found.seen.is_none() {
            missed.push((bug, hunt.by));
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
    let hunted: BTreeSet<Bug> = hunts.iter().map(|hunt| hunt.bug).collect();
    let all: BTreeSet<Bug> = Bug::ALL.iter().copied().collect();
    assert_eq!(hunted, all, "a bug that nobody hunts shows nothing");
}

/// The table in the documents is of this tree, but for what was seen and how long it took.
#[test]
fn the_table_names_every_hunt() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/evidence.md");
    let page = std::fs::read_to_string(page).expect("the page");
    for hunt in hunts() {
        let (bug, what, by) = (hunt.bug, hunt.bug.what(), hunt.by);
        let row = format!("| `{bug:?}` | {what} | {by} |");
        assert!(page.contains(&row), "not in docs/evidence.md: {row}");
    }
}

#[test]
fn a_bug_is_planted_in_one_thread_for_one_call() {
    let bug = Bug::StaleRead;
    with(Some(bug), || {
        assert!(super::is(bug) && !super::is(Bug::FsyncSkipped));
        let elsewhere = thread::scope(|scope| scope.spawn(planted).join());
        assert_eq!(elsewhere.expect("ends"), None);
        with(None, || assert_eq!(planted(), None));
        assert_eq!(planted(), Some(bug));
        let thrown = panic::catch_unwind(|| with(Some(Bug::VoteNotWritten), || panic!("wanted")));
        assert!(thrown.is_err());
        assert_eq!(planted(), Some(bug));
    });
    assert_eq!(planted(), None);
}
