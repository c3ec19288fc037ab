//! Pictures shared without a question.

use super::*;

#[test]
fn a_share_makes_a_picture_and_opens_a_grant() {
    let mut bench = Bench::new();
    let wish = bench.share("@bob", "cat", Some(Bytes::from_static(b"cat")), VIEWS_MAX);
    let (_, rights, original) = bench.making().expect("is ordered");
    assert_eq!(original, Bytes::from_static(b"cat"));
    assert_eq!(rights.views, VIEWS_MAX);
    bench.make();
    let (_, _, grant) = bench.opening().expect("is ordered");
    assert_eq!(grant.conditions, DELETED);
    assert_eq!(grant.owner_name, "alice");
    bench.opened(Ok(true));
    let outcome = Outcome::Shared {
        grant: grant_of(BOB, "cat"),
        delivered: true,
        removed: Vec::new(),
        timings: Timings {
            owners: 1,
            ..Timings::default()
        },
    };
    assert_eq!(bench.outcome(wish), outcome);
    assert_eq!(bench.looks_ordered(), []);
}

#[test]
fn an_open_grant_is_told_although_the_disk_did_not_count_it() {
    let mut bench = Bench::new();
    let wish = bench.share("bob", "cat", Some(Bytes::from_static(b"cat")), 1);
    bench.make();
    bench.disk_works = false;
    bench.opened(Ok(false));
    assert!(matches!(bench.outcome(wish), Outcome::Shared { .. }));
}

#[test]
fn shares_that_make_no_sense_are_refused() {
    let mut bench = Bench::new();
    let cat = || Some(Bytes::from_static(b"cat"));
    let wish = bench.share("alice", "cat", cat(), 1);
    assert_eq!(bench.reason(wish), Reason::Usage);
    let wish = bench.share("bob", "cat", None, 1);
    assert_eq!(bench.reason(wish), Reason::NotFound);
    let wish = bench.share("bob", "cat", Some(Bytes::new()), 1);
    assert_eq!(bench.reason(wish), Reason::BadPicture);
    for views in [0, VIEWS_MAX + 1] {
        let wish = bench.share("bob", "cat", cat(), views);
        assert_eq!(bench.reason(wish), Reason::Usage);
    }
    let wish = bench.share("bob", "a/b", cat(), 1);
    assert_eq!(bench.reason(wish), Reason::Usage);
    assert_eq!(bench.making(), None);
}

#[test]
fn the_same_grant_is_not_made_twice_at_once_and_an_existing_one_fails() {
    let mut bench = Bench::new();
    bench.offer("cat");
    let first = bench.share("bob", "cat", None, 1);
    let second = bench.share("bob", "cat", None, 1);
    assert_eq!(bench.reason(second), Reason::Busy);
    bench.make();
    let exists = Failure::new(Reason::Usage, "this image is granted to bob", "use `add`");
    bench.opened(Err(exists));
    assert_eq!(bench.reason(first), Reason::Usage);
}
