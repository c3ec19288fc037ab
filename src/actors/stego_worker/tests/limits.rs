//! How many may wait, and how much is held.

use super::*;

#[test]
fn beyond_the_waiting_places_a_request_is_refused_as_busy() {
    let mut bench = Bench::new(config());
    runs(&bench.filled(1, SMALL), &hide(1, SMALL));
    assert_eq!(bench.won(2, &body_of(2, SMALL)), vec![]);
    assert_eq!(bench.filled(3, SMALL), vec![]);
    assert_eq!(bench.counts(), (2, 1));
    let body = body_of(4, SMALL);
    assert_eq!(bench.won(4, &body), refused(4, BUSY));
    bench.give(Input::Forget(id(2)));
    assert_eq!(bench.won(4, &body), vec![]);
}

#[test]
fn who_needs_not_wait_is_taken_though_all_waiting_places_are_taken() {
    let mut bench = Bench::new(config());
    bench.won(1, &body_of(1, SMALL));
    bench.won(2, &body_of(2, SMALL));
    let body = body_of(3, SMALL);
    bench.arrives(3, &body);
    runs(&bench.won(3, &body), &hide(3, SMALL));
}

#[test]
fn bodies_and_results_together_stay_within_their_limit() {
    let body = body_of(1, 20_000);
    // Payload, the small body itself, and what a job costs.
    let one = 20_000 + body.len() + 1_024;
    for (held_max_bytes, fits) in [
        (one + 1_024 + body.len(), true),
        (one + 1_024 + body.len() - 1, false),
    ] {
        let mut bench = Bench::new(Config {
            held_max_bytes,
            ..config()
        });
        runs(&bench.filled(1, 20_000), &hide(1, 20_000));
        let second = body_of(2, 20_000);
        assert_eq!(second.len(), body.len());
        bench.won(2, &second);
        let told = bench.arrives(2, &second);
        assert_eq!(told == vec![], fits);
        assert_eq!(told == refused(2, BUSY), !fits);
    }
}

#[test]
fn no_picture_is_made_while_those_that_are_not_taken_fill_the_memory() {
    let mut bench = Bench::new(Config {
        held_max_bytes: 60_000,
        ..config()
    });
    let first = runs(&bench.filled(1, 10_000), &hide(1, 10_000));
    assert_eq!(bench.filled(2, 10_000), vec![]);
    let picture = Bytes::from(vec![7; 50_000]);
    let done = WorkDone::Embedded {
        digest: Digest::of(&picture),
        picture,
    };
    let told = bench.worked(first, done);
    assert!(!told.iter().any(is_run), "{told:?}");
    let told = bench.give(Input::Delivered(id(1)));
    assert!(told.iter().any(is_run), "{told:?}");
}

fn is_run(output: &Output) -> bool {
    matches!(output, Output::Run { .. })
}
