//! What the cryptography costs here. A report, not a test: run it with
//! `cargo test --release timing -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;

use super::*;
use crate::transport::replay::{ACK_WORDS, ReplayWindow};

const SERIES: u32 = 200;

/// Nanoseconds of one round: the best of many short series, so that a busy machine matters less.
#[expect(clippy::disallowed_methods, reason = "a report of time has to read it")]
fn best_ns(rounds: u32, mut round: impl FnMut(u32)) -> u128 {
    let series = (0..SERIES).map(|_| {
        let start = Instant::now();
        for n in 0..rounds {
            round(n);
        }
        start.elapsed().as_nanos() / u128::from(rounds)
    });
    series.min().unwrap_or(0)
}

fn open_config() -> Config {
    Config {
        busy_initiations_per_s: u32::MAX,
        handshakes_per_s: u32::MAX,
        ..Config::default()
    }
}

#[test]
#[ignore = "a report"]
fn handshakes() {
    let (mut a, mut b) = (desk(1), desk_with(2, open_config()));
    let remote = key_of(&b);
    let ik = best_ns(5, |n| {
        let (mut state, initiation) = a.begin(WALL, remote, n, 0).unwrap();
        let (reply, _) = answer(b.on_initiation(at(0), address(1), &initiation, n));
        black_box(a.on_answer(at(0), &mut state, &reply).unwrap());
    });
    println!("IK, both sides: {} us", ik / 1_000);
    let begun: Vec<_> = (0..SERIES * 5)
        .map(|n| a.begin(WALL, remote, n, 0).unwrap().1)
        .collect();
    let mut fresh = 0;
    let responder = best_ns(5, |n| {
        answer(b.on_initiation(at(0), address(1), &begun[fresh], n));
        fresh += 1;
    });
    println!("IK, responder: {} us", responder / 1_000);
    let mut foreign = begun[0].clone();
    foreign[1_199 - 16] ^= 1;
    let mac = best_ns(1_000, |n| {
        dropped(b.on_initiation(at(0), address(1), &foreign, n));
    });
    println!("a wrong mac1: {mac} ns");
    let mut busy = desk_with(
        2,
        Config {
            busy_initiations_per_s: 0,
            cookies_per_s: u32::MAX,
            ..Config::default()
        },
    );
    let cookie = best_ns(1_000, |n| {
        black_box(busy.on_initiation(at(0), address(n), &begun[1], n));
    });
    println!("a cookie: {cookie} ns");
}

#[test]
#[ignore = "a report"]
fn resumption() {
    let (mut a, mut b) = (desk(1), desk_with(2, open_config()));
    let (ours, theirs) = connect(&mut a, &mut b);
    let (mut ours, mut theirs) = (ours.resumption, theirs.resumption);
    let early = best_ns(20, |_| {
        a.keep(at(0), ours.clone(), address(2));
        b.keep(at(0), theirs.clone(), address(1));
        let early = a.early(at(0), b.public(), 1).unwrap();
        let header = early.header(0);
        let mut frames = [0; 64];
        let tag = early.keys.seal_in_place(0, &header, &mut frames);
        let mut packet = [&header[..], &frames, &tag].concat();
        let accepted = b.on_early(at(0), address(1), &mut packet, 2).unwrap();
        let session = a.on_early_answer(at(0), &early, &accepted.answer);
        (ours, theirs) = (session.unwrap().resumption, accepted.established.resumption);
    });
    println!("0-RTT, both sides: {} us", early / 1_000);
}

#[test]
#[ignore = "a report"]
fn packets() {
    for suite in [Suite::Aes128Gcm, Suite::ChaCha20Poly1305] {
        let a = PacketKeys::new(suite, &[1; 32], true, at(0));
        let mut b = PacketKeys::new(suite, &[1; 32], false, at(0));
        for size in [64, 1_427, 8_900] {
            let mut packet = vec![7; size];
            let seal = best_ns(1_000, |n| {
                black_box(a.seal_in_place(u64::from(n), &HEADER, &mut packet));
            });
            let tag = a.seal_in_place(1, &HEADER, &mut packet);
            packet.extend_from_slice(&tag);
            let mut copy = packet.clone();
            let open = best_ns(1_000, |_| {
                copy.copy_from_slice(&packet);
                black_box(b.open_in_place(at(0), 0, 1, &HEADER, &mut copy)).unwrap();
            });
            println!("{suite:?} {size} B: seal {seal} ns, open {open} ns with its copy");
        }
    }
    let mut window = ReplayWindow::default();
    let mut number = 0;
    let insert = best_ns(10_000, |_| {
        assert!(window.check(number));
        window.insert(number);
        number += 1;
    });
    let mut out = [0; ACK_WORDS];
    let words = best_ns(10_000, |_| {
        black_box(window.words(&mut out));
    });
    println!("replay window: check and insert {insert} ns, words {words} ns");
}
