//! What we tell the servers of ourselves.

use super::*;

#[test]
fn presence_is_told_to_all_servers_at_once_and_again_and_again_with_rising_numbers() {
    let mut bench = Bench::new();
    assert_eq!(bench.machine.deadline(), Some(Moment::START));
    let here = ErrandKind::Here {
        name: "alice".to_owned(),
        ttl_ms: 7_000,
    };
    let orders = bench.wait(0);
    assert_eq!(kinds(&orders), to_all(&here));
    assert_eq!(bench.wait(1_999), []);
    let orders = [orders, bench.wait(4_000)].concat();
    let numbers: Vec<u64> = errands(&orders).iter().map(|(_, e)| e.sequence).collect();
    assert_eq!(numbers, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    assert!(
        errands(&orders)
            .iter()
            .all(|(_, e)| e.epoch == WallTime(1_000_000))
    );
}

const YEAR_MS: u64 = 365 * 86_400_000;

/// The epoch of what all servers are told at once when one of them says that ours is outdated.
fn outdated(bench: &mut Bench, from: NodeId, epoch: u64, is_here: bool) -> Option<u64> {
    let orders = bench.give(Input::Outdated {
        from,
        epoch: WallTime(epoch),
        is_here,
    });
    let told: Vec<u64> = errands(&orders)
        .iter()
        .map(|(_, errand)| errand.epoch.0)
        .collect();
    assert!(told.is_empty() || told == [told[0]; 3]);
    told.first().copied()
}

/// Epoch and sequence of the next sign of presence.
fn next(bench: &mut Bench) -> (u64, u64) {
    let orders = bench.wait(2_000);
    let (_, last) = errands(&orders).pop().expect("an errand");
    (last.epoch.0, last.sequence)
}

#[test]
fn who_has_or_had_a_wrong_clock_numbers_from_beyond_it_and_is_there_at_once() {
    let mut bench = Bench::new();
    bench.wait(0);
    assert_eq!(outdated(&mut bench, STRANGER, 1_003_600, false), None);
    assert_eq!(outdated(&mut bench, N1, 999_999, false), None, "made up");
    let beyond = outdated(&mut bench, N1, 1_003_600, true);
    assert_eq!(beyond, Some(1_003_601), "nobody is taken for us yet");
    assert_eq!(outdated(&mut bench, N2, 1_003_600, false), None, "late");
    assert_eq!(next(&mut bench), (1_003_601, 3));
    let furthest = 1_002_000 + 100 * YEAR_MS;
    let beyond = outdated(&mut bench, N3, furthest, false);
    assert_eq!(beyond, Some(furthest + 1));
}

#[test]
fn who_says_so_again_and_again_hears_it_with_the_next_sign_of_presence() {
    let mut bench = Bench::new();
    bench.wait(0);
    let beyond = outdated(&mut bench, N1, 1_003_600, false);
    assert_eq!(beyond, Some(1_003_601));
    for epoch in 1_003_601..1_003_700 {
        assert_eq!(outdated(&mut bench, N1, epoch, false), None);
    }
    assert_eq!(next(&mut bench), (1_003_700, 3));
}

#[test]
fn one_server_alone_takes_nobody_to_the_end_of_time() {
    let mut bench = Bench::new();
    bench.wait(0);
    let years = 1_000_001 + 100 * YEAR_MS;
    assert_eq!(outdated(&mut bench, N3, u64::MAX, false), None);
    assert_eq!(outdated(&mut bench, N3, u64::MAX, false), None);
    let beyond = outdated(&mut bench, N1, years, false);
    assert_eq!(beyond, Some(years + 1), "most say at least that");
    outdated(&mut bench, N3, u64::MAX, false);
    assert_eq!(next(&mut bench).0, years + 1);
}

#[test]
fn a_copy_that_began_later_is_left_to_be_the_one_who_is_here_while_it_is() {
    let mut bench = Bench::new();
    bench.wait(0);
    bench.here_answered(N1, 1, NameAnswer::Yours);
    assert_eq!(outdated(&mut bench, N1, 1_000_500, true), None);
    assert_eq!(next(&mut bench), (1_000_000, 2));
    assert_eq!(bench.status().servers_answering, [N1]);
    let again = outdated(&mut bench, N1, 1_000_500, false);
    assert_eq!(again, Some(1_000_501), "it has left");
}

#[test]
fn leaving_is_told_twice_and_ends_the_signs_of_presence() {
    let mut bench = Bench::new();
    bench.wait(0);
    let orders = bench.give(Input::Leave);
    let leave = to_all(&ErrandKind::Leave);
    assert_eq!(kinds(&orders), [leave.clone(), leave].concat());
    assert_eq!(bench.machine.deadline(), None);
}

#[test]
fn the_status_tells_who_answers_and_whether_the_name_is_taken() {
    let mut bench = Bench::new();
    bench.wait(0);
    let status = bench.status();
    assert_eq!(status.user, user(1));
    assert_eq!((status.servers, status.name_taken), (3, false));
    assert_eq!(status.servers_answering, []);
    bench.here_answered(N2, 1, NameAnswer::Taken);
    bench.here_answered(STRANGER, 1, NameAnswer::Yours);
    bench.give(Input::Queue(4));
    let status = bench.status();
    assert_eq!(status.servers_answering, [N2]);
    assert_eq!((status.letters_queued, status.name_taken), (4, true));
    bench.wait(5_000);
    assert_eq!(bench.status().servers_answering, []);
    bench.here_answered(N2, 2, NameAnswer::Yours);
    assert!(!bench.status().name_taken);
    bench.here_answered(N2, 1, NameAnswer::Taken);
    bench.here_answered(N2, 99, NameAnswer::Taken);
    assert!(!bench.status().name_taken, "late or made-up answers");
}
