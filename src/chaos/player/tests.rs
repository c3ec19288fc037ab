//! The player sees what must not happen: on a stage that misbehaves on purpose, and in the
//! simulator with bugs planted into the election.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;

use super::*;
use crate::chaos::judge::{
    self, AT_MOST_ONE_PLANNED_FAILURE, AT_MOST_ONE_RESULT, KNOWN,
    NO_PLANNED_FAILURE_BESIDE_A_REAL_ONE, NO_REQUEST_LOST,
};
use crate::chaos::scenario::Mode;
use crate::chaos::simulated::Simulated;
use crate::chaos::stage::{Happened, What};
use crate::node::config::TokenConfig;
use crate::planted::{self, Bug};
use crate::proto::control::{News, Outcome, Reason, Timings};
use crate::proto::ids::UserId;
use crate::proto::outcome::Peer;
use crate::time::WallTime;

/// How a stage misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    NeverAnswers,
    AnswersTwice,
    SameResultForAll,
    Says(Reason),
    FailsTogether,
    FailsUnseen,
}

struct Fake {
    now_us: u64,
    last: u64,
    planned: BTreeMap<(u64, u64), Happened>,
    fault: Fault,
}

impl Fake {
    fn new(fault: Fault) -> Self {
        Self {
            now_us: 0,
            last: 0,
            planned: BTreeMap::new(),
            fault,
        }
    }

    fn plan(&mut self, wait_us: u64, host: Host, what: What) {
        let at_us = self.now_us + wait_us;
        self.last += 1;
        let happened = Happened { at_us, host, what };
        self.planned.insert((at_us, self.last), happened);
    }

    fn answer(&mut self, host: Host, number: u64, outcome: Outcome) {
        self.plan(
            50_000,
            host,
            What::Told(number, News::Done(Box::new(outcome))),
        );
    }
}

fn peer(name: &str) -> Peer {
    Peer {
        name: name.into(),
        user: UserId([0; 32]),
        online: true,
        last_seen: WallTime(0),
        conflict: false,
        known: true,
        verified: false,
        blocked: false,
        reached: None,
    }
}

impl Stage for Fake {
    fn now_us(&self) -> u64 {
        self.now_us
    }

    fn advance(&mut self, until_us: u64) -> Result<Vec<Happened>, Failure> {
        let first = self.planned.first_entry();
        match first.filter(|first| first.key().0 <= until_us) {
            Some(first) => {
                let happened = first.remove();
                self.now_us = happened.at_us;
                Ok(vec![happened])
            }
            None => {
                self.now_us = until_us;
                Ok(Vec::new())
            }
        }
    }

    fn deed(&mut self, _: Host, _: Deed) -> Result<(), Failure> {
        Ok(())
    }

    fn wish(&mut self, client: Host, number: u64, command: Command) -> Result<(), Failure> {
        let counter = match self.fault {
            Fault::SameResultForAll => 1,
            _ => number as u32,
        };
        let outcome = match (command, self.fault) {
            (Command::Peers, _) => Outcome::Peers {
                peers: ["alice", "bob"].map(peer).into(),
                fresh: true,
            },
            (Command::Leases, _) => Outcome::Leases(Vec::new()),
            (Command::Ledger(_), _) => Outcome::Ledger(Vec::new()),
            (_, Fault::NeverAnswers) => return Ok(()),
            (_, Fault::Says(reason)) => {
                let failure = Failure::new(reason, "no", "");
                self.plan(50_000, client, What::Told(number, News::Failed(failure)));
                return Ok(());
            }
            _ => Outcome::Hidden {
                request: RequestId { boot: 1, counter },
                picture: Bytes::new(),
                timings: Timings::default(),
            },
        };
        if self.fault == Fault::AnswersTwice && matches!(outcome, Outcome::Hidden { .. }) {
            self.answer(client, number, outcome.clone());
        }
        self.answer(client, number, outcome);
        Ok(())
    }

    fn operate(&mut self, _: Host, command: ServerCommand) {
        let asked_before = self.fault != Fault::FailsUnseen;
        let before_us = asked_before.then_some(self.now_us);
        let failing = |failing| {
            let state = ServerState {
                failing,
                ..ServerState::default()
            };
            What::Server { state, before_us }
        };
        if let ServerCommand::FailNow { .. } = command {
            self.plan(1_000, 0, failing(true));
            let together = self.fault == Fault::FailsTogether;
            self.plan(9_000, 0, failing(together));
            self.plan(10_000, 1, failing(true));
            self.plan(20_000, 0, failing(false));
            self.plan(20_000, 1, failing(false));
        }
    }

    fn cut(&mut self, _: Host, _: Host, _: bool) {}

    fn weather(&mut self, _: Weather) {}
}

const SCENARIO: &str = "schema = 1\nname = \"x\"\nseed = 3\n[cluster]\nnodes = 3\n\
    clients = [\"alice\", \"bob\"]\n[[load]]\nop = \"hide\"\nrate_per_s = 2\nfor_s = 5\n\
    [[step]]\nat_s = 1\ndo = \"fail n1 for 2s\"\n";

/// The invariants that a run on such a stage breaks.
fn broken(fault: Fault) -> Vec<&'static str> {
    broken_in(SCENARIO, fault)
}

fn broken_in(scenario: &str, fault: Fault) -> Vec<&'static str> {
    let scenario = Scenario::parse(scenario, KNOWN).expect("reads");
    let mut stage = Fake::new(fault);
    let record = play(&scenario, 3, Weather::FAIR, &mut stage).expect("plays");
    assert_eq!(record.requests.len(), 10);
    let mut names: Vec<_> = record.violations.iter().map(|v| v.invariant).collect();
    names.dedup();
    names
}

#[test]
fn a_stage_that_behaves_breaks_nothing() {
    assert_eq!(broken(Fault::None), Vec::<&str>::new());
}

#[test]
fn each_misbehaviour_breaks_its_invariant() {
    assert_eq!(broken(Fault::NeverAnswers), [NO_REQUEST_LOST]);
    assert_eq!(broken(Fault::AnswersTwice), [AT_MOST_ONE_RESULT]);
    assert_eq!(broken(Fault::SameResultForAll), [AT_MOST_ONE_RESULT]);
    assert_eq!(broken(Fault::Says(Reason::Unreachable)), [NO_REQUEST_LOST]);
    assert_eq!(broken(Fault::FailsTogether), [AT_MOST_ONE_PLANNED_FAILURE]);
}

/// This stage fails when it is told to, whoever else is down.
#[test]
fn a_planned_failure_beside_a_server_that_is_down_is_seen() {
    let with = |step: &str| format!("{SCENARIO}[[step]]\nat_s = 0.5\ndo = \"{step}\"\n");
    let late = |step: &str| with(step).replace("at_s = 1\n", "at_s = 4.5\n");
    let beside = [NO_PLANNED_FAILURE_BESIDE_A_REAL_ONE];
    assert_eq!(broken_in(&late("crash n3 for 6s"), Fault::None), beside);
    assert_eq!(broken_in(&late("pause n3 for 6s"), Fault::None), beside);
    let none = Vec::<&str>::new();
    assert_eq!(broken_in(&late("crash n3 for 2s"), Fault::None), none);
    // Permission may have been given the moment before.
    assert_eq!(broken_in(&with("crash n3 for 6s"), Fault::None), none);
    // It may have begun before the other one was lost.
    let unseen = broken_in(&late("crash n3 for 6s"), Fault::FailsUnseen);
    assert_eq!(unseen, none);
}

#[test]
fn a_full_cluster_that_says_so_has_lost_nothing() {
    assert_eq!(broken(Fault::Says(Reason::Busy)), Vec::<&str>::new());
}

/// Plays a scenario in the simulator.
fn simulated(text: &str) -> (Scenario, Record) {
    let scenario = Scenario::parse(text, KNOWN).expect("reads");
    let token = TokenConfig::default();
    let mut stage = Simulated::set(&scenario, scenario.seed, token, Weather::FAIR);
    let record = play(&scenario, scenario.seed, Weather::FAIR, &mut stage).expect("plays");
    (scenario, record)
}

/// Plays a scenario of the tree with a bug in every server, or with none.
fn with_bug(text: &str, bug: Option<Bug>) -> judge::Verdict {
    let (scenario, record) = planted::with(bug, || simulated(text));
    judge::judge(&scenario, Mode::Sim, &record)
}

const CRASH_ELECTED: &str = include_str!("../../../config/chaos/crash-elected.toml");

#[test]
fn an_election_without_takeover_breaks_the_run() {
    assert!(with_bug(CRASH_ELECTED, None).passed);
    let verdict = with_bug(CRASH_ELECTED, Some(Bug::NeverTakesOver));
    // Whoever waits is served in the end, when the client asks anew; but not in time.
    let late = |metric: &str| metric == "request.max_ms" || metric == "takeovers.count";
    let mut broken = verdict.thresholds.iter().filter(|bound| !bound.holds);
    assert!(
        !verdict.passed && broken.any(|bound| late(&bound.metric)),
        "{verdict:?}"
    );
}

#[test]
fn an_election_that_everyone_wins_breaks_the_bound_of_work() {
    let verdict = with_bug(CRASH_ELECTED, Some(Bug::EveryoneWins));
    let bounds = verdict.thresholds.iter().filter(|bound| !bound.holds);
    let broken: Vec<&str> = bounds.map(|bound| bound.metric.as_str()).collect();
    assert!(broken.contains(&"work.per_request"), "{broken:?}");
}

/// What is done while servers lose their disks.
fn beside_a_lost_disk(heal: bool, steps: &[(f64, &str)]) -> Vec<String> {
    let mut scenario = format!(
        "schema = 1\nname = \"x\"\nseed = 3\n[cluster]\nnodes = 3\n\
         clients = [\"alice\", \"bob\"]\nheal_disks = {heal}\n\
         [[load]]\nop = \"hide\"\nrate_per_s = 1\nfor_s = 20\n"
    );
    for (at_s, what) in steps {
        let _ = write!(scenario, "[[step]]\nat_s = {at_s}\ndo = \"{what}\"\n");
    }
    let (_, record) = simulated(&scenario);
    record.marks.into_iter().map(|mark| mark.what).collect()
}

#[test]
fn nothing_fails_until_a_lost_disk_is_made_up_for() {
    let steps = [
        (2.0, "wipe n1 for 2s"),
        (3.0, "wipe n2 for 1s"),
        (4.01, "crash n3 for 1s"),
        (12.0, "crash n3 for 1s"),
        (13.0, "wipe n2 for 1s"),
        (18.0, "wipe n2 for 1s"),
    ];
    let left_out = |name: &str| format!("a step is left out: {name} does not count looks yet");
    let (one, three) = (left_out("n1"), left_out("n3"));
    let healed = [
        "crash n1", "wipe n1", &one, &one, "crash n3", &three, "crash n2", "wipe n2",
    ];
    let but_starts = |heal| {
        let mut marks = beside_a_lost_disk(heal, &steps);
        marks.retain(|what| !what.starts_with("start"));
        marks
    };
    assert_eq!(but_starts(true), healed);
    let as_it_comes = [
        "crash n1", "wipe n1", "crash n2", "wipe n2", "crash n3", "crash n3", "crash n2",
        "wipe n2", "crash n2", "wipe n2",
    ];
    assert_eq!(but_starts(false), as_it_comes);
}

#[test]
fn a_crash_that_waits_for_its_server_waits_for_a_lost_disk_too() {
    let elected = [(1.98, "crash elected for 1s"), (1.99, "wipe n1 for 2s")];
    // The third leads at first; who leads after it is known while its disk is lost.
    let leader = [
        (1.97, "crash leader for 3s"),
        (1.98, "crash leader for 1s"),
        (1.99, "wipe n3 for 3s"),
    ];
    for (steps, crash, start) in [
        (&elected[..], "crash n3", "start n1"),
        (&leader[..], "crash n2", "start n3"),
    ] {
        let comes_first = |heal| {
            let marks = beside_a_lost_disk(heal, steps);
            let place = |of: &str| marks.iter().position(|what| what == of);
            let (crash, start) = (place(crash), place(start));
            assert!(crash.is_some() && start.is_some(), "{marks:?}");
            crash < start
        };
        assert!(comes_first(false) && !comes_first(true), "{steps:?}");
    }
}
