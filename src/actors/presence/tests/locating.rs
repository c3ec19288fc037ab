//! Where a user is now, and who is there at all.

use super::*;

#[test]
fn a_user_is_where_a_server_says() {
    let mut bench = Bench::new();
    let asked = lookups(&bench.locate(user(2)));
    assert_eq!(asked[0].1.wanted, LookupKind::User(user(2)));
    let nonce = asked[0].1.nonce;
    bench.answer(N1, nonce, vec![entry("bob", 3, Some(address(9)))], false);
    bench.answer(N2, nonce, vec![entry("bob2", 2, None)], false);
    let online = vec![entry("bob2", 2, Some(address(8)))];
    let orders = bench.answer(N3, nonce, online, false);
    assert_eq!(located(&orders), [Some(address(8))]);
}

#[test]
fn the_last_address_counts_only_when_no_server_answered_at_all() {
    let mut bench = Bench::new();
    bench.learn("bob", 2, Some(address(8)));
    let nonce = lookups(&bench.locate(user(2)))[0].1.nonce;
    bench.answer(N1, nonce, vec![entry("bob", 2, None)], false);
    assert_eq!(located(&bench.wait(600)), [None]);
    bench.locate(user(2));
    assert_eq!(located(&bench.wait(600)), [Some(address(8))]);
    bench.locate(user(7));
    assert_eq!(located(&bench.wait(600)), [None]);
}

#[test]
fn questions_over_the_limit_are_answered_at_once() {
    let mut bench = Bench::new();
    for number in 0..256 {
        let ticket = Ticket {
            desk: Desk::Courier,
            number,
        };
        let user = user(2);
        let orders = bench.give(Input::Locate { ticket, user });
        assert_eq!(located(&orders), []);
    }
    assert_eq!(located(&bench.locate(user(2))), [None]);
    assert_eq!(found(&bench.find("bob")), [Err(Reason::Busy)]);
    assert_eq!(located(&bench.wait(600)).len(), 256);
}

#[test]
fn the_list_of_peers_is_read_page_by_page_and_merged_with_the_registry() {
    let mut bench = Bench::new();
    bench.learn("zoe", 5, Some(address(5)));
    let asked = lookups(&bench.give(Input::PeersWanted(WISH)));
    assert_eq!(asked.len(), 1, "one server after another");
    let (server, lookup) = asked[0].clone();
    assert_eq!(server, N1, "the one that answered last");
    assert_eq!(lookup.wanted, LookupKind::After(String::new()));
    let page = vec![entry("alice", 1, Some(address(1))), entry("bob", 2, None)];
    let asked = lookups(&bench.answer(N1, lookup.nonce, page, true));
    assert_eq!(asked[0].1.wanted, LookupKind::After("bob".to_owned()));
    let page = vec![entry("carol", 3, Some(address(3)))];
    let orders = bench.answer(N1, asked[0].1.nonce, page, false);
    let (list, fresh) = peers(&orders).expect("a list");
    assert!(fresh);
    let list: Vec<_> = list.iter().map(|p| (p.name.as_str(), p.online)).collect();
    assert_eq!(list, [("bob", false), ("carol", true), ("zoe", false)]);
}

#[test]
fn a_silent_server_is_asked_twice_and_then_the_next_one() {
    let mut bench = Bench::new();
    let mut orders = bench.give(Input::PeersWanted(WISH));
    orders.extend(bench.give(Input::PeersWanted(WishId(2))));
    orders.extend(bench.wait(600));
    let asked = lookups(&orders);
    let servers: Vec<NodeId> = asked.iter().map(|(server, _)| *server).collect();
    assert_eq!(servers, [N1, N1, N2]);
    let late = bench.answer(N1, asked[2].1.nonce, vec![entry("bob", 2, None)], false);
    assert_eq!(late, [], "another server's number");
    let orders = bench.answer(N2, asked[2].1.nonce, vec![], false);
    assert_eq!(orders.len(), 2, "both persons are answered");
    assert_eq!(peers(&orders), Some((vec![], true)));
}

#[test]
fn without_a_server_the_list_is_what_is_remembered() {
    let mut bench = Bench::new();
    bench.learn("bob", 2, Some(address(5)));
    let (list, fresh) = bench.peers();
    assert!(!fresh);
    assert_eq!(list.len(), 1);
    assert!(list[0].online, "as far as anybody knows");
    assert_eq!(list[0].last_seen, WallTime(1_000_000));
    bench.give(Input::Missing(user(2)));
    assert!(!bench.peers().0[0].online);
}

#[test]
fn a_list_that_does_not_move_on_ends() {
    let mut bench = Bench::new();
    let nonce = lookups(&bench.give(Input::PeersWanted(WISH)))[0].1.nonce;
    let asked = lookups(&bench.answer(N1, nonce, vec![entry("bob", 2, None)], true));
    let orders = bench.answer(N1, asked[0].1.nonce, vec![entry("bob", 2, None)], true);
    assert!(peers(&orders).is_some());
}

/// Our pass for Bob, from server 1.
fn pass(until: u64) -> Pass {
    Pass {
        asker: user(1),
        peer: user(2),
        until: WallTime(until),
        server: N1,
        signature: Signature([[0; 32]; 2]),
    }
}

/// The passes that go with what is said of users.
fn passes(orders: &[Output]) -> Vec<Option<Pass>> {
    let of = |order: &Output| match order {
        Output::Located { pass, .. } => Some(*pass),
        _ => None,
    };
    orders.iter().filter_map(of).collect()
}

#[test]
fn a_pass_goes_with_the_way_and_is_kept_for_times_without_servers() {
    let mut bench = Bench::new();
    bench.pass = Some(pass(7));
    let nonce = lookups(&bench.locate(user(2)))[0].1.nonce;
    let online = vec![entry("bob", 2, Some(address(8)))];
    let orders = bench.answer(N1, nonce, online, false);
    assert_eq!(passes(&orders), [Some(pass(7))]);
    bench.locate(user(2));
    assert_eq!(passes(&bench.wait(600)), [Some(pass(7))]);
    bench.locate(user(3));
    assert_eq!(passes(&bench.wait(600)), [None]);
}

#[test]
fn a_pass_outlives_the_program_and_is_not_written_each_time() {
    let mut bench = Bench::new();
    let mut written = 0;
    let mut rows = BTreeMap::new();
    for until in [1_000_000, 1_000_001, 1_599_999, 1_600_000] {
        bench.pass = Some(pass(until));
        let orders = bench.learn("bob", 2, Some(address(8)));
        for order in orders {
            let Output::Disk { ticket, order } = order else {
                continue;
            };
            let DiskOrder::Write(records) = order else {
                panic!("only rows are written");
            };
            written += 1;
            for record in records {
                rows.insert(record.key, record.value.expect("nothing is deleted"));
            }
            let answer = DiskAnswer::Written;
            bench.give(Input::Disk { ticket, answer });
        }
    }
    assert_eq!(written, 2, "the first and the last");
    let mut bench = Bench::with_rows(rows.into_iter().collect());
    bench.locate(user(2));
    assert_eq!(passes(&bench.wait(600)), [Some(pass(1_600_000))]);
}

#[test]
fn a_server_gives_passes_of_its_own_for_ourselves_only() {
    let mut bench = Bench::new();
    let online = vec![entry("bob", 2, Some(address(8)))];
    let of_another_user = Pass {
        asker: user(3),
        ..pass(7)
    };
    for (server, given) in [(N2, pass(7)), (N1, of_another_user)] {
        bench.pass = Some(given);
        let nonce = lookups(&bench.locate(user(2)))[0].1.nonce;
        let orders = bench.answer(server, nonce, online.clone(), false);
        assert_eq!(passes(&orders), [None]);
    }
}
