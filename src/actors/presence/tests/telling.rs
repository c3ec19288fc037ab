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

/// Who is told of us at once when a server says from where it counts, and of which epoch.
fn renumbered(bench: &mut Bench, from: NodeId, epoch: u64) -> Option<(NodeId, u64)> {
    let epoch = WallTime(epoch);
    let orders = bench.give(Input::Renumber { from, epoch });
    let told = errands(&orders);
    assert!(told.len() <= 1, "{told:?}");
    told.first().map(|(to, errand)| (*to, errand.epoch.0))
}

/// The epochs of what the servers are told next.
fn next_epochs(bench: &mut Bench, at_ms: u64) -> Vec<u64> {
    let orders = bench.wait(at_ms);
    errands(&orders).iter().map(|(_, e)| e.epoch.0).collect()
}

#[test]
fn who_has_or_had_a_wrong_clock_numbers_from_what_a_server_says_and_is_there_at_once() {
    let mut bench = Bench::new();
    bench.wait(0);
    let year_ms = 365 * 86_400_000;
    assert_eq!(renumbered(&mut bench, STRANGER, 1_003_600), None);
    let beyond = 1_003_600 + year_ms;
    assert_eq!(
        renumbered(&mut bench, N1, beyond),
        Some((N1, beyond + 1)),
        "our clock is behind"
    );
    assert_eq!(
        renumbered(&mut bench, N2, 700),
        Some((N2, 701)),
        "our clock is ahead"
    );
    let epochs = next_epochs(&mut bench, 2_000);
    assert_eq!(epochs, [beyond + 1, 701, 1_000_000]);
}

#[test]
fn a_server_that_says_so_again_and_again_is_told_no_more_often_than_the_others() {
    let mut bench = Bench::new();
    bench.wait(0);
    assert_eq!(renumbered(&mut bench, N1, 7), Some((N1, 8)));
    assert_eq!(renumbered(&mut bench, N1, u64::MAX), None);
    let epochs = next_epochs(&mut bench, 2_000);
    assert_eq!(epochs, [u64::MAX, 1_000_000, 1_000_000]);
    assert_eq!(renumbered(&mut bench, N1, 9), Some((N1, 10)));
}

#[test]
fn a_copy_that_began_later_is_left_to_be_the_one_who_is_here() {
    let mut bench = Bench::new();
    bench.wait(0);
    bench.here_answered(N1, 1, NameAnswer::Yours);
    assert_eq!(renumbered(&mut bench, N1, 1_000_500), None);
    assert_eq!(next_epochs(&mut bench, 2_000), [1_000_000; 3]);
}

#[test]
fn a_server_whose_clock_was_behind_and_is_set_right_counts_again() {
    let mut bench = Bench::new();
    bench.wait(0);
    assert_eq!(renumbered(&mut bench, N1, 7), Some((N1, 8)));
    bench.here_answered(N1, 2, NameAnswer::Yours);
    bench.wait(4_000);
    // Another server told it the number with which our name was claimed.
    let claimed = renumbered(&mut bench, N1, 1_000_000);
    assert_eq!(claimed, Some((N1, 1_000_001)));
}

#[test]
fn who_has_left_does_not_come_back_because_a_server_counts_otherwise() {
    let mut bench = Bench::new();
    bench.wait(0);
    bench.give(Input::Leave);
    assert_eq!(renumbered(&mut bench, N1, 1_000_500), None);
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
