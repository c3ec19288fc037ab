//! What the work costs a server in memory: a hundred requests at once, and one as large as a
//! message can be.

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use pentimento::proto::cargo::Mode;
use pentimento::proto::control::{Carrier, Command, Outcome, Reason};
use pentimento::stego::{self, Picture};

use super::stage::{Stage, noise};

/// Of each of these clients eight requests at a time, which is all that a client makes.
const CLIENTS: usize = 13;
const REQUESTS_EACH: usize = 8;
const FILE_BYTES: usize = 1_900_000;
const BOUND_KIB: u64 = 512 << 10;
/// All of them are done in a quarter of a minute where nothing else runs.
const PATIENCE: Duration = Duration::from_secs(300);
/// A picture of one's own and a file for it, together nearly as large as a message may be.
const OWN_SIDES: (u32, u32) = (4_000, 3_000);
const OWN_FILE_BYTES: usize = 31_000_000;
const OWN_BOUND_KIB: u64 = 256 << 10;

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
                scope.spawn(move || {
                    let mut talk = stage.talk_for(name, PATIENCE);
                    Stage::hide_by(&mut talk, &noise(number as u64, FILE_BYTES), |_| {})
                })
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

/// A picture with five bits of noise in every sample.
fn noisy((width, height): (u32, u32)) -> Bytes {
    let noise = noise(7, width as usize * height as usize * 3);
    let samples = noise.iter().map(|byte| 96 + byte % 32).collect();
    let picture = Picture::new(width, height, samples).expect("its size");
    stego::encode_png(&picture).expect("encodes").into()
}

#[test]
fn the_largest_request_is_done_within_bounded_memory() {
    let mut stage = Stage::with(&["alice"]);
    stage.strike_server(2);
    stage.strike_server(3);
    let (cover, original) = (noisy(OWN_SIDES), noise(8, OWN_FILE_BYTES));
    let asked_bytes = cover.len() + original.len();
    assert!(asked_bytes > 55_000_000, "{asked_bytes}");
    let command = Command::Hide {
        name: "film".into(),
        original: original.clone(),
        carrier: Carrier {
            mode: Mode::Compact,
            cover: Some(cover),
        },
    };
    let picture = match stage.ask("alice", command) {
        Ok(Outcome::Hidden { picture, .. }) => picture,
        other => panic!("not hidden: {other:.300?}"),
    };
    let peak_kib = stage.memory_kib(1, "VmHWM:");
    println!("{asked_bytes} bytes asked, at most {peak_kib} KiB");
    assert!(peak_kib < OWN_BOUND_KIB, "{peak_kib} KiB");
    stage.assert_reveals("alice", picture, &original);
}
