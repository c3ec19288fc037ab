//! Users looked up and found.

use super::*;

#[test]
fn the_first_answer_with_an_entry_finds_a_user() {
    let mut bench = Bench::new();
    let asked = lookups(&bench.find("bob"));
    let nonce = asked[0].1.nonce;
    let wanted = LookupKind::Name("bob".to_owned());
    let lookup = Lookup { nonce, wanted };
    assert_eq!(asked, [N1, N2, N3].map(|node| (node, lookup.clone())));
    assert_eq!(bench.find("bob"), [], "the same order is one question");
    assert_eq!(bench.answer(N1, nonce, vec![], false), []);
    assert_eq!(bench.answer(N2, nonce ^ 1, vec![], false), []);
    let other = vec![entry("bobby", 3, None)];
    assert_eq!(bench.answer(STRANGER, nonce, other.clone(), false), []);
    assert_eq!(bench.answer(N1, nonce, other, false), []);
    let orders = bench.answer(N3, nonce, vec![entry("bob", 2, None)], false);
    assert_eq!(found(&orders), [Ok(contact("bob", 2))]);
    assert_eq!(
        bench.answer(N2, nonce, vec![entry("bob", 2, None)], false),
        []
    );
}

#[test]
fn a_lookup_is_repeated_to_the_servers_that_did_not_answer() {
    let mut bench = Bench::new();
    bench.wait(0);
    let nonce = lookups(&bench.find("bob"))[0].1.nonce;
    bench.answer(N1, nonce, vec![], false);
    let again = lookups(&bench.wait(200));
    assert_eq!(again.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [N2, N3]);
    assert!(again.iter().all(|(_, lookup)| lookup.nonce == nonce));
}

#[test]
fn nobody_known_and_nobody_answering_are_told_apart() {
    let mut bench = Bench::new();
    bench.find("bob");
    assert_eq!(found(&bench.wait(599)), []);
    assert_eq!(found(&bench.wait(1)), [Err(Reason::Unreachable)]);
    let nonce = lookups(&bench.find("bob"))[0].1.nonce;
    bench.answer(N1, nonce, vec![], false);
    bench.answer(N2, nonce, vec![], false);
    let orders = bench.answer(N3, nonce, vec![], false);
    assert_eq!(found(&orders), [Err(Reason::NotFound)], "all have answered");
    let nonce = lookups(&bench.find("bob"))[0].1.nonce;
    bench.answer(N1, nonce, vec![], false);
    assert_eq!(found(&bench.wait(600)), [Err(Reason::NotFound)]);
}

#[test]
fn servers_that_have_been_silent_for_long_are_not_waited_for() {
    let mut bench = Bench::new();
    bench.wait(5_000);
    let nonce = lookups(&bench.find("bob"))[0].1.nonce;
    let orders = bench.answer(N1, nonce, vec![], false);
    assert_eq!(found(&orders), [Err(Reason::NotFound)]);
}

#[test]
fn names_that_cannot_be_and_the_own_name_are_refused_at_once() {
    let mut bench = Bench::new();
    let long = "x".repeat(NAME_MAX_BYTES + 1);
    for name in ["", "a\u{1b}[2J", long.as_str()] {
        assert_eq!(found(&bench.find(name)), [Err(Reason::NotFound)]);
    }
    assert_eq!(found(&bench.find("alice")), [Err(Reason::Usage)]);
    assert_eq!(lookups(&bench.find(&"x".repeat(NAME_MAX_BYTES))).len(), 3);
}
