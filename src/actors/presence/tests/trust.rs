//! Codes, compared words and refusals.

use super::*;
use crate::proto::pairing;

fn add(bench: &mut Bench, name: &str, number: u8) -> Vec<Output> {
    let code = pairing::code(name, &user(number));
    bench.give(Input::AddWanted { wish: WISH, code })
}

fn mark(bench: &mut Bench, peer: &str, blocked: bool, on: bool) -> Vec<Output> {
    let (wish, peer) = (WISH, peer.to_owned());
    bench.give(if blocked {
        Input::BlockWanted { wish, peer, on }
    } else {
        Input::VerifyWanted { wish, peer, on }
    })
}

/// Lets the disk answer all writes; what follows.
fn disk(bench: &mut Bench, orders: &[Output], answer: &DiskAnswer) -> Vec<Output> {
    let mut after = Vec::new();
    for (ticket, _) in written(orders) {
        let answer = answer.clone();
        after.extend(bench.give(Input::Disk { ticket, answer }));
    }
    after
}

fn fault() -> DiskAnswer {
    DiskAnswer::Failed(DiskFault::Io("full".to_owned()))
}

fn peer(orders: &[Output]) -> Option<Peer> {
    match outcome(orders) {
        Some(Outcome::Peer(peer)) => Some(peer),
        _ => None,
    }
}

fn reason(orders: &[Output]) -> Option<Reason> {
    orders.iter().find_map(|order| match order {
        Output::Report(Report {
            wish: WISH,
            news: News::Failed(failure),
        }) => Some(failure.reason),
        _ => None,
    })
}

fn blocked(orders: &[Output]) -> Vec<BTreeSet<UserId>> {
    let of = |order: &Output| match order {
        Output::Blocked(users) => Some(users.clone()),
        _ => None,
    };
    orders.iter().filter_map(of).collect()
}

/// Bob, known and on disk.
fn with_bob() -> Bench {
    let mut bench = Bench::new();
    let orders = bench.learn("bob", 2, None);
    disk(&mut bench, &orders, &DiskAnswer::Written);
    bench
}

#[test]
fn a_code_is_looked_up_by_its_id_and_its_user_is_verified_once_on_disk() {
    let mut bench = Bench::new();
    let asked = lookups(&add(&mut bench, "bob", 2));
    assert_eq!(asked[0].1.wanted, LookupKind::User(user(2)));
    let nonce = asked[0].1.nonce;
    // Another user's keys prove nothing, under whatever name.
    let wrong = bench.answer(N1, nonce, vec![entry("bob", 3, None)], false);
    assert_eq!((reason(&wrong), written(&wrong)), (None, vec![]));
    let right = bench.answer(N2, nonce, vec![entry("bobby", 2, Some(address(4)))], false);
    assert_eq!(peer(&right), None, "not on disk yet");
    let told = peer(&disk(&mut bench, &right, &DiskAnswer::Written)).expect("is told");
    assert_eq!(
        (told.name.as_str(), told.user),
        ("bob", user(2)),
        "the name of the code"
    );
    assert!(told.verified && told.known && told.online && !told.conflict);
    let (list, _) = Bench::with_rows(written(&right)[0].1.clone()).peers();
    assert!(list[0].verified, "after a restart too");
}

#[test]
fn a_code_of_a_known_key_needs_no_server() {
    let mut bench = with_bob();
    let orders = add(&mut bench, "bob", 2);
    assert_eq!(lookups(&orders), []);
    let told = peer(&disk(&mut bench, &orders, &DiskAnswer::Written)).expect("is told");
    assert!(told.verified);
    let again = add(&mut bench, "bob", 2);
    assert_eq!(peer(&again), Some(told), "nothing is left to write");
}

#[test]
fn a_code_against_a_known_key_is_a_conflict_and_changes_no_key() {
    let mut bench = with_bob();
    let orders = add(&mut bench, "bob", 3);
    assert_eq!(reason(&orders), Some(Reason::NameTaken));
    let (list, _) = bench.peers();
    assert_eq!((list[0].user, list[0].conflict), (user(2), true));
    assert!(!list[0].verified);
}

#[test]
fn codes_that_are_damaged_or_ours_are_refused_at_once() {
    let mut bench = Bench::new();
    let code = pairing::code("bob", &user(2));
    let damaged = bench.give(Input::AddWanted {
        wish: WISH,
        code: code[1..].to_owned(),
    });
    assert_eq!(reason(&damaged), Some(Reason::Usage));
    assert_eq!(reason(&add(&mut bench, "alice", 1)), Some(Reason::Usage));
    assert_eq!(
        reason(&add(&mut bench, "alice", 2)),
        Some(Reason::NameTaken)
    );
}

#[test]
fn a_user_whom_no_server_knows_is_told_apart_from_servers_that_are_silent() {
    let mut bench = Bench::new();
    add(&mut bench, "bob", 2);
    assert_eq!(reason(&bench.wait(600)), Some(Reason::Unreachable));
    let nonce = lookups(&add(&mut bench, "bob", 2))[0].1.nonce;
    bench.answer(N1, nonce, vec![], false);
    assert_eq!(reason(&bench.wait(600)), Some(Reason::NotFound));
    let (list, _) = bench.peers();
    assert_eq!(list, [], "nobody is remembered");
}

#[test]
fn open_codes_are_bounded() {
    let mut bench = Bench::new();
    for number in 0..16 {
        let code = pairing::code("bob", &user(2));
        let wish = WishId(100 + number);
        let orders = bench.give(Input::AddWanted { wish, code });
        assert_eq!(lookups(&orders).len(), 3);
    }
    assert_eq!(reason(&add(&mut bench, "bob", 2)), Some(Reason::Busy));
}

#[test]
fn words_are_compared_with_known_peers_only_and_it_can_be_taken_back() {
    let mut bench = with_bob();
    assert_eq!(
        reason(&mark(&mut bench, "cara", false, true)),
        Some(Reason::NotFound)
    );
    for on in [true, false] {
        let orders = mark(&mut bench, "@bob", false, on);
        let told = peer(&disk(&mut bench, &orders, &DiskAnswer::Written));
        assert_eq!(told.map(|peer| peer.verified), Some(on));
    }
}

#[test]
fn a_mark_that_the_disk_does_not_take_is_taken_back() {
    let mut bench = with_bob();
    let orders = mark(&mut bench, "bob", true, true);
    assert_eq!(blocked(&orders), [BTreeSet::from([user(2)])]);
    let after = disk(&mut bench, &orders, &fault());
    assert_eq!(reason(&after), Some(Reason::Disk));
    assert_eq!(blocked(&after), [BTreeSet::new()]);
    let (list, _) = bench.peers();
    assert!(!list[0].blocked);
    mark(&mut bench, "bob", true, true);
    assert_eq!(
        reason(&bench.wait(5_000)),
        Some(Reason::Disk),
        "a silent disk"
    );
}

#[test]
fn the_last_of_two_marks_is_on_disk_in_the_end() {
    let mut bench = with_bob();
    let on = mark(&mut bench, "bob", false, true);
    let off = mark(&mut bench, "bob", false, false);
    disk(&mut bench, &on, &DiskAnswer::Written);
    let told = peer(&disk(&mut bench, &off, &DiskAnswer::Written));
    assert_eq!(told.map(|peer| peer.verified), Some(false));
    let (list, _) = Bench::with_rows(written(&off)[0].1.clone()).peers();
    assert!(!list[0].verified);
}

#[test]
fn who_is_blocked_is_told_again_and_again_and_at_the_start_and_is_not_found() {
    let mut bench = with_bob();
    let orders = mark(&mut bench, "bob", true, true);
    let rows = written(&orders)[0].1.clone();
    disk(&mut bench, &orders, &DiskAnswer::Written);
    assert_eq!(found(&bench.learn("bob", 2, None)), [Err(Reason::Denied)]);
    bench.find("bob");
    assert_eq!(
        found(&bench.wait(600)),
        [Err(Reason::Denied)],
        "without a server too"
    );
    // Under another name they are the same.
    assert_eq!(
        found(&bench.learn("robert", 2, None)),
        [Err(Reason::Denied)]
    );
    let all = BTreeSet::from([user(2)]);
    assert!(blocked(&bench.wait(2_000)).contains(&all));
    let mut again = Bench::with_rows(rows);
    assert!(blocked(&again.wait(0)).contains(&all));
    let orders = mark(&mut again, "bob", true, false);
    assert_eq!(blocked(&orders), [BTreeSet::new()]);
    assert_eq!(found(&again.learn("bob", 2, None)), [Ok(contact("bob", 2))]);
}
