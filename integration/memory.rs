//! What the work costs a server in memory: a hundred requests at once, and one as large as a
//! message can be.

use std::thread;

use pentimento::proto::control::{Outcome, Reason};

use super::stage::{Stage, noise};

/// Of each of these clients eight requests at a time, which is all that a client makes.
const CLIENTS: usize = 13;
const REQUESTS_EACH: usize = 8;
const FILE_BYTES: usize = 1_900_000;
const BOUND_KIB: u64 = 512 << 10;

#[test]
fn a_hundred_requests_at_once_are_done_or_told_to_wait_within_bounded_memory() {
    let names: Vec<String> = (0..CLIENTS).map(|number| format!("p{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut stage = Stage::with(&names);
    stage.strike_server(2);
    stage.strike_server(3);
    let asked = CLIENTS * REQUESTS_EACH;
    let ends: Vec<_> = thread::scope(|scope| {
        let stage = &stage;
        let asks: Vec<_> = (0..asked)
            .map(|number| {
                let name = names[number % CLIENTS];
                scope.spawn(move || stage.hide(name, &noise(number as u64, FILE_BYTES)))
            })
            .collect();
        asks.into_iter()
            .map(|ask| ask.join().expect("an end"))
            .collect()
    });
    let (mut hidden, mut told_to_wait) = (0, 0);
    for end in ends {
        match end {
            Ok(Outcome::Hidden { .. }) => hidden += 1,
            Err(failure) if failure.reason == Reason::Busy => told_to_wait += 1,
            other => panic!("neither hidden nor busy: {other:.300?}"),
        }
    }
    let peak_kib = stage.memory_kib(1, "VmHWM:");
    println!("{hidden} hidden, {told_to_wait} told to wait, at most {peak_kib} KiB");
    assert!(hidden >= asked / 2, "{hidden} of {asked}");
    assert!(peak_kib < BOUND_KIB, "{peak_kib} KiB");
    assert_eq!(stage.fallen(), Vec::<String>::new());
}
