//! Peers remembered by name and key.

use super::*;

#[test]
fn a_known_peer_is_found_when_no_server_answers_also_after_a_restart() {
    let mut bench = Bench::new();
    let orders = bench.learn("bob", 2, Some(address(7)));
    let rows = written(&orders)[0].1.clone();
    let mut bench = Bench::with_rows(rows);
    bench.find("bob");
    assert_eq!(found(&bench.wait(600)), [Ok(contact("bob", 2))]);
    bench.locate(user(2));
    assert_eq!(located(&bench.wait(600)), [Some(address(7))]);
}

#[test]
fn another_key_under_a_known_name_is_a_conflict_and_never_a_change() {
    let mut bench = Bench::new();
    bench.learn("bob", 2, None);
    assert_eq!(
        found(&bench.learn("bob", 3, None)),
        [Err(Reason::NameTaken)]
    );
    let (list, _) = bench.peers();
    assert_eq!((list[0].user, list[0].conflict), (user(2), true));
    let orders = bench.learn("bob", 2, None);
    assert_eq!(found(&orders), [Ok(contact("bob", 2))]);
    let (list, _) = bench.peers();
    assert!(list[0].conflict, "it stays marked");
}

#[test]
fn a_conflict_survives_a_restart() {
    let mut bench = Bench::new();
    bench.learn("bob", 2, None);
    let rows = written(&bench.learn("bob", 3, None))[0].1.clone();
    let (list, _) = Bench::with_rows(rows).peers();
    assert_eq!((list[0].user, list[0].conflict), (user(2), true));
}

#[test]
fn a_writer_is_remembered_by_the_first_name_only() {
    let mut bench = Bench::new();
    let orders = bench.give(Input::Met(contact("bob", 2)));
    assert_eq!(written(&orders).len(), 1);
    bench.give(Input::Met(contact("robert", 2)));
    bench.give(Input::Met(contact("bob", 3)));
    bench.give(Input::Met(contact("bad\nname", 4)));
    bench.give(Input::Met(contact("alice2", 1)));
    let (list, fresh) = bench.peers();
    assert!(!fresh);
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].name.as_str(), list[0].user), ("bob", user(2)));
    assert!(list[0].conflict);
}

#[test]
fn a_peer_is_written_once_it_is_confirmed_and_again_when_it_was_not() {
    let mut bench = Bench::new();
    let first = written(&bench.learn("bob", 2, None));
    let lost = written(&bench.learn("bob", 2, None));
    assert_eq!(first[0].1, lost[0].1, "no answer: written again");
    let fault = DiskAnswer::Failed(DiskFault::Io("full".to_owned()));
    bench.give(Input::Disk {
        ticket: lost[0].0,
        answer: fault,
    });
    let again = written(&bench.learn("bob", 2, None));
    assert_eq!(again.len(), 1);
    bench.give(Input::Disk {
        ticket: again[0].0,
        answer: DiskAnswer::Written,
    });
    assert_eq!(written(&bench.learn("bob", 2, None)), []);
    let moved = written(&bench.learn("bob", 2, Some(address(1))));
    assert_eq!(moved.len(), 1, "a new address is news");
}

#[test]
fn the_registry_is_bounded_and_passes_over_damaged_rows() {
    let mut bench = Bench::new();
    let mut rows = Vec::new();
    for number in 2..13 {
        let orders = bench.learn(&format!("user{number:02}"), number, None);
        assert_eq!(
            found(&orders).len(),
            1,
            "found, whether or not there is room"
        );
        rows.extend(written(&orders).into_iter().flat_map(|(_, rows)| rows));
    }
    assert_eq!(rows.len(), 10, "one more than there is room for");
    let (list, _) = bench.peers();
    assert_eq!(list.len(), 10);
    rows.insert(0, (b"user03".to_vec(), rows[0].1.clone()));
    rows.insert(0, (b"other".to_vec(), Bytes::from_static(b"no row")));
    let (again, _) = Bench::with_rows(rows.clone()).peers();
    assert_eq!(again, list);
    rows.extend(written(&Bench::new().learn("zoe", 99, None))[0].1.clone());
    let (again, _) = Bench::with_rows(rows).peers();
    assert_eq!(again, list, "rows over the limit");
}
