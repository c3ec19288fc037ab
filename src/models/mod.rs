//! Small worlds around real machines, explored whole: every order of events within the bounds that
//! each file tells. Compiled for tests only, because only there can bugs be planted.
//!
//! The machines are those of production, not copies of them. What is small is the world: who is in
//! it, how often things fail, how long it goes on. Machines are numbered by what they are in, and
//! what each does on an event is asked once; so a state of a world is a handful of numbers.
//!
//! Every model has runs with planted bugs, which must end in a counterexample; see
//! [`crate::planted`].

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::actors::membership::Member;
use crate::planted::tests::{Hunt, also_used, cpu_ms, text_of};
use crate::planted::{Bug, planted, with};
use crate::proto::ids::NodeId;
use crate::proto::packet::LoadReport;
use crate::time::WallTime;

mod claims;
mod escrow;
mod fragments;
mod mail;
mod releases;
mod token;

/// Which models find which planted bugs.
pub(crate) const HUNTS: &[&[Hunt]] = &[
    claims::HUNTS,
    token::HUNTS,
    releases::HUNTS,
    escrow::HUNTS,
    fragments::HUNTS,
    mail::HUNTS,
];

/// A server of a model in the view of another: by its place, and in which life it was heard.
fn member(index: usize, alive: bool, incarnation: u64) -> Member {
    Member {
        node: NodeId(index as u8 + 1),
        alive,
        report: LoadReport {
            incarnation: WallTime(incarnation),
            sequence: 1,
            queued: 0,
            running: 0,
            speed_milli: 1_000,
            caught_up: true,
            draining: false,
            mail_digest: 0,
            names_digest: 0,
        },
    }
}

/// Things by number; equal ones have the same.
struct Numbered<K, T> {
    numbers: BTreeMap<K, u32>,
    things: Vec<T>,
}

impl<K: Ord, T> Numbered<K, T> {
    const fn new() -> Self {
        Self {
            numbers: BTreeMap::new(),
            things: Vec::new(),
        }
    }

    fn number(&mut self, key: K, thing: T) -> u32 {
        let next = u32::try_from(self.things.len()).expect("far fewer");
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.things.push(thing);
        }
        number
    }

    fn get(&self, number: u32) -> &T {
        &self.things[number as usize]
    }
}

/// Carries the bug that is planted over to the thread of the checker, and back what that used and
/// how it ended.
#[derive(Clone)]
struct Bench {
    bug: Option<Bug>,
    /// Who waits for the checker.
    home: ThreadId,
    cpu_ms: Arc<AtomicU64>,
    panic: Arc<Mutex<Option<String>>>,
}

impl Bench {
    fn new() -> Self {
        Self {
            bug: planted(),
            home: thread::current().id(),
            cpu_ms: Arc::default(),
            panic: Arc::default(),
        }
    }

    fn run<T>(&self, action: impl FnOnce() -> T) -> T {
        let caught = with(self.bug, || catch_unwind(AssertUnwindSafe(action)));
        if thread::current().id() != self.home {
            self.cpu_ms.fetch_max(cpu_ms(), Ordering::Relaxed);
        }
        caught.unwrap_or_else(|thrown| {
            *self.panic.lock().expect("is not held") = Some(text_of(&thrown));
            resume_unwind(thrown)
        })
    }
}

/// Explores a model to its bounds, breadth first, so that what is found is as short as can be.
///
/// # Panics
/// With the way there, if something does not hold; or if something that should happen does not.
fn explore<M>(name: &str, bench: &Bench, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + PartialEq + Hash + Debug + Send + Sync + 'static,
    M::Action: Clone + PartialEq + Debug,
{
    let explored = model
        .checker()
        .threads(1)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs();
    let joined = catch_unwind(AssertUnwindSafe(|| explored.join()));
    let used_ms = bench.cpu_ms.load(Ordering::Relaxed);
    also_used(used_ms);
    if let Some(text) = bench.panic.lock().expect("is not held").take() {
        panic!("a machine panics: {text}");
    }
    let checker = joined.expect("only a machine panics");
    let found = checker.discoveries();
    for property in checker.model().properties() {
        let way = found.get(property.name);
        match (property.expectation, way) {
            (Expectation::Always, Some(way)) => {
                let actions = way.clone().into_actions();
                let count = actions.len();
                panic!("{} ({count} steps); {actions:?}", property.name);
            }
            (Expectation::Sometimes, None) => panic!("it never happens that {}", property.name),
            _ => {}
        }
    }
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    let seconds = used_ms as f64 / 1_000.0;
    println!("| {name} | {states} | {depth} | {seconds:.1} |");
}
