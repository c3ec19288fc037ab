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
