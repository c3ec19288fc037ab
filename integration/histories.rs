//! The linearizability checker on histories of a register in etcd that others recorded and judged.
//!
//! They are not part of the tree. `PENTIMENTO_HISTORIES` names a folder with `verdicts.csv` (lines
//! of file name and `true` or `false`, after a heading) and `etcd/` with the files, each a log of
//! Jepsen. Without it there is nothing to test.

use std::collections::BTreeMap;
use std::path::Path;

use pentimento::ledger::check::linear::{self, NotLinear, Spec, Timed};

struct Register;

#[derive(Clone, Debug)]
struct Access {
    kind: Kind,
    /// Whether it is known what came of it.
    is_known: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Read(Option<i64>),
    Write(i64),
    /// From, to, and whether it was done.
    CompareAndSwap(i64, i64, bool),
}

impl Spec for Register {
    type State = Option<i64>;
    type Call = Access;

    fn start(&self) -> Option<i64> {
        None
    }

    fn step(&self, state: &Option<i64>, access: &Access) -> Option<Option<i64>> {
        match access.kind {
            Kind::Read(value) => (!access.is_known || value == *state).then_some(*state),
            Kind::Write(value) => Some(Some(value)),
            Kind::CompareAndSwap(from, to, done) => {
                let fits = *state == Some(from);
                let after = if fits { Some(to) } else { *state };
                (!access.is_known || fits == done).then_some(after)
            }
        }
    }
}

/// Reads `process, event, operation, value` of each line; the time is the number of the line.
fn read(log: &str) -> Vec<Timed<Access>> {
    let mut history: Vec<Timed<Access>> = Vec::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for (line, time) in log.lines().zip(0..) {
        let Some((_, event)) = line.split_once(" - ") else {
            continue;
        };
        let parts: Vec<&str> = event.split_whitespace().collect();
        let [process, event, operation, ..] = parts[..] else {
            continue;
        };
        let numbers: Vec<i64> = parts[3..]
            .iter()
            .filter_map(|part| part.trim_matches(['[', ']']).parse().ok())
            .collect();
        if event == ":invoke" {
            let kind = match (operation, &numbers[..]) {
                (":write", &[value]) => Kind::Write(value),
                (":cas", &[from, to]) => Kind::CompareAndSwap(from, to, false),
                _ => Kind::Read(None),
            };
            open.insert(process, history.len());
            history.push(Timed {
                invoked: time,
                returned: None,
                call: Access {
                    kind,
                    is_known: false,
                },
            });
            continue;
        }
        // What timed out may happen later: it stays without an end.
        let is_over = event == ":ok" || event == ":fail" && operation == ":cas";
        let Some(timed) = open.remove(process).map(|place| &mut history[place]) else {
            continue;
        };
        if is_over {
            timed.returned = Some(time);
            timed.call.is_known = true;
            match &mut timed.call.kind {
                Kind::Read(value) => *value = numbers.first().copied(),
                Kind::CompareAndSwap(_, _, done) => *done = event == ":ok",
                Kind::Write(_) => {}
            }
        }
    }
    history
}

#[test]
fn the_checker_comes_to_the_recorded_verdicts() {
    let Some(folder) = std::env::var_os("PENTIMENTO_HISTORIES") else {
        eprintln!("skipped: PENTIMENTO_HISTORIES names no folder with recorded histories");
        return;
    };
    let folder = Path::new(&folder);
    let text = |path: &Path| std::fs::read_to_string(path).expect("the folder is complete");
    let verdicts = text(&folder.join("verdicts.csv"));
    let mut seen = BTreeMap::new();
    for line in verdicts.lines().skip(1) {
        let (name, verdict) = line.split_once(',').expect("two columns");
        let history = read(&text(&folder.join("etcd").join(name)));
        let judged = linear::check(&Register, &history);
        let is_linear = match judged {
            Ok(()) => true,
            Err(NotLinear::NoOrder { .. }) => false,
            Err(other) => panic!("{name}: {other}"),
        };
        assert_eq!(is_linear.to_string(), verdict, "{name}: {judged:?}");
        *seen.entry(is_linear).or_insert(0) += 1;
    }
    assert!(seen.len() == 2, "verdicts of both kinds are needed");
}
