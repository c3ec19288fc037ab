//! A cluster of real processes, and one server of it that is poured upon: what strangers send and
//! what users with sessions and no rules send, one row of [`table::TABLE`] for each kind. Good
//! users come meanwhile and are served, the server lives and counts what it drops, its memory
//! stays, and nothing happens that nobody ordered.
//!
//! Whoever pours does not stop before the good ones are served and enough was counted, so a slow
//! machine makes a row longer and no row empty. What was measured is printed.

use std::fmt;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use pentimento::crypto::identity::SecretIdentity;
use pentimento::node::config::ServerAddress;
use pentimento::proto::control::{Command, Outcome};
use pentimento::proto::lease::Conditions;
use pentimento::proto::letter::ImageRef;

use self::crowd::{Captured, Crowd, address};
use self::table::{Row, TABLE};
use super::stage::{Guest, SERVERS, Stage, Wall, look, noise, until};

mod attacker;
mod crowd;
mod table;

/// The server that is poured upon.
const VICTIM: u8 = 1;
/// Good users who come during a row, one after the other.
const GOOD: u16 = 3;
/// A row in which too little is counted ends after so many times the least of its rounds.
const ROUNDS_TIMES: u32 = 20;
/// Five seconds of steps without a letter: what a client tries before it leaves one takes less.
const QUIET_STEPS: u32 = 100;
const FILE_BYTES: usize = 20_000;
const LOOKS: u32 = 3;

/// What a row came to.
struct Measured {
    name: &'static str,
    sent: u64,
    counted: u64,
    answered_bytes: u64,
    grew_kib: u64,
    /// How long each good user waited; none who was not served.
    served: Vec<Option<Duration>>,
    faults: Vec<String>,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let served = self.served.iter().flatten();
        let (count, slowest) = (served.clone().count(), served.max().copied());
        write!(
            f,
            "{:<28} {:>8} {:>8} {:>11} {:>9} {:>3} of {} in {:>5} ms",
            self.name,
            self.sent,
            self.counted,
            self.answered_bytes,
            self.grew_kib,
            count,
            self.served.len(),
            slowest.unwrap_or_default().as_millis(),
        )?;
        self.faults
            .iter()
            .try_for_each(|fault| write!(f, "\n    {fault}"))
    }
}

/// What only people and operators who are in the right can change.
#[derive(Debug, PartialEq, Eq)]
struct Effects {
    requests_done: u64,
    letters: u32,
    failures_on: bool,
    looks_left: u32,
    questions: usize,
}

impl Effects {
    /// As they are when nothing is under way any more.
    fn of(stage: &Stage) -> Self {
        let servers = SERVERS.map(|id| {
            until(&format!("server {id} has nothing to do"), || {
                stage.status(id).filter(|status| status.jobs == 0)
            })
        });
        let lease = until("bob has one grant", || stage.only_lease("bob"));
        Self {
            requests_done: servers.iter().map(|server| server.requests_done).sum(),
            letters: servers.iter().map(|server| server.letters).sum(),
            failures_on: servers
                .iter()
                .any(|server| server.token_on || server.failing),
            looks_left: lease.left(),
            questions: questions(stage),
        }
    }
}

/// Questions that wait for alice's word.
fn questions(stage: &Stage) -> usize {
    match stage.ask("alice", Command::Requests) {
        Ok(Outcome::Requests(open)) => open.len(),
        other => panic!("no questions: {other:?}"),
    }
}

/// A house with alice, and bob behind a wall that records what he says to the servers: he hides a
/// picture, uses a look, and leaves a letter for alice while she is away.
fn house() -> (Stage, Wall) {
    let mut stage = Stage::set();
    for id in SERVERS {
        stage.raise(id);
    }
    stage.wait_ready();
    stage.invite("alice");
    let bob = stage.invite("bob");
    let wall = Wall::before(bob, stage.servers());
    stage.invite_by("bob", bob, &wall.servers, true);
    for name in ["alice", "bob"] {
        stage.enter(name);
    }
    for name in ["alice", "bob"] {
        stage.wait_online(name);
    }
    hide(&stage, "bob", 1);
    let original = noise(2, FILE_BYTES);
    let grant = stage.share_with_bob(&original, LOOKS, Conditions::STRICT);
    let looked = look(&stage, grant, &original).expect("a look");
    assert_eq!(looked, (1, LOOKS - 1));
    // Else that is another letter for who is away.
    until("alice knows of the look", || {
        let lease = stage.only_lease("alice")?;
        (lease.left() == LOOKS - 1).then_some(())
    });
    stage.strike("alice");
    let ask = Command::Ask {
        peer: "alice".into(),
        image: ImageRef::Name("another".into()),
        views: 1,
        remark: String::new(),
        wait_ms: 0,
    };
    stage.ask("bob", ask).expect("asked");
    for id in SERVERS {
        until(&format!("server {id} keeps a letter"), || {
            letters(&stage, id).filter(|count| *count > 0)
        });
    }
    (stage, wall)
}

/// Letters that a server keeps.
fn letters(stage: &Stage, id: u8) -> Option<u32> {
    stage.status(id).map(|status| status.letters)
}

/// Waits until no server keeps a letter, nor gets one that was on its way for a while.
fn wait_no_letters(stage: &Stage) {
    let mut quiet = 0;
    until("no letters are kept", || {
        let is_quiet = SERVERS.iter().all(|id| letters(stage, *id) == Some(0));
        quiet = if is_quiet { quiet + 1 } else { 0 };
        (quiet >= QUIET_STEPS).then_some(())
    });
}

fn hide(stage: &Stage, name: &str, seed: u64) {
    let original = noise(seed, FILE_BYTES);
    match stage.hide(name, &original) {
        Ok(Outcome::Hidden { picture, .. }) => stage.assert_reveals(name, picture, &original),
        other => panic!("picture {seed}: {other:.200?}"),
    }
}

/// What the victim has counted by these reasons since its start.
fn counted(stage: &Stage, reasons: &[&str]) -> u64 {
    let status = until("the victim answers", || stage.status(VICTIM));
    let dropped = status.dropped.iter();
    dropped
        .filter(|(name, _)| reasons.contains(&name.as_str()))
        .map(|(_, count)| count)
        .sum()
}

/// Good users come to the victim, whom nobody knows yet: how long each waits.
fn come(victim: &ServerAddress, row: u16) -> Vec<Option<Duration>> {
    let users = (0..GOOD).map(|number| {
        let number = row * GOOD + number;
        let mut secret = [0x3c; 32];
        secret[..2].copy_from_slice(&number.to_le_bytes());
        let identity = SecretIdentity::from_secret(secret);
        let servers = std::slice::from_ref(victim);
        let at: Ipv4Addr = address(3, number);
        Guest::new(&identity, servers, at).is_served_by(victim)
    });
    users.collect()
}

/// Pours what a row says until the good users are served and enough was counted.
fn pour(stage: &Stage, crowd: &mut Crowd<'_>, number: u16, row: &Row) -> Measured {
    crowd.begin();
    let memory_kib = || stage.memory_kib(VICTIM, "VmRSS:");
    let (counted_before, memory_before) = (counted(stage, row.counted_as), memory_kib());
    let victim = crowd.server;
    let (mut now_counted, mut memory_most) = (0, memory_before);
    let served = thread::scope(|scope| {
        let good = scope.spawn(|| come(&victim, number));
        for round in 0.. {
            (row.pour)(crowd, round);
            memory_most = memory_most.max(memory_kib());
            now_counted = counted(stage, row.counted_as) - counted_before;
            let is_enough = now_counted >= row.counted_min && round + 1 >= row.rounds_min;
            if good.is_finished() && (is_enough || round >= ROUNDS_TIMES * row.rounds_min) {
                break;
            }
        }
        good.join().expect("they come to an end")
    });
    memory_most = memory_most.max(memory_kib());
    crowd.hear();
    Measured {
        name: row.name,
        sent: crowd.sent().0,
        counted: now_counted,
        answered_bytes: crowd.answered_bytes,
        grew_kib: memory_most - memory_before,
        served,
        faults: Vec::new(),
    }
}

/// What of a row does not hold.
fn judge(row: &Row, crowd: &Crowd<'_>, measured: &Measured) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |holds: bool, fault: String| {
        if !holds {
            faults.push(fault);
        }
    };
    let (sent, sent_bytes) = crowd.sent();
    check(
        measured.counted >= row.counted_min,
        format!(
            "{} of {sent} counted as {:?}",
            measured.counted, row.counted_as
        ),
    );
    check(
        measured.served.iter().all(Option::is_some),
        format!("good users are not served: {:?}", measured.served),
    );
    check(
        measured.grew_kib <= row.grows_max_kib,
        format!("grew by {} KiB", measured.grew_kib),
    );
    check(
        !row.strangers || measured.answered_bytes <= sent_bytes,
        format!("{sent_bytes} bytes sent, {}", measured.answered_bytes),
    );
    faults
}

#[test]
fn whatever_is_poured_on_a_server_harms_nobody() {
    let (mut stage, wall) = house();
    let datagrams = wall.recorded();
    assert!(datagrams.len() > 50, "{} datagrams", datagrams.len());
    stage.enter("alice");
    stage.wait_online("alice");
    // Who is back has the letter, and the servers have let it go.
    until("alice has the question", || {
        (questions(&stage) == 1).then_some(())
    });
    wait_no_letters(&stage);
    let victim = stage.servers()[usize::from(VICTIM) - 1];
    let captured = Captured {
        wall: &wall,
        datagrams,
    };
    let mut crowd = Crowd::new(victim, captured);
    // Whatever the first good ones make a server take is no matter of those who pour.
    come(&crowd.server, TABLE.len() as u16);

    println!("poured                           sent  counted  answered B  grew KiB  good users");
    let mut broken = Vec::new();
    for (number, row) in TABLE.iter().enumerate() {
        let before = Effects::of(&stage);
        let mut measured = pour(&stage, &mut crowd, number as u16, row);
        measured.faults = judge(row, &crowd, &measured);
        assert_eq!(stage.fallen(), Vec::<String>::new(), "{measured}");
        stage.wait_ready();
        let after = Effects::of(&stage);
        if after != before {
            let fault = format!("something happened: {before:?}, then {after:?}");
            measured.faults.push(fault);
        }
        hide(&stage, "alice", 100 + number as u64);
        println!("{measured}");
        if !measured.faults.is_empty() {
            broken.push(measured.to_string());
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}
