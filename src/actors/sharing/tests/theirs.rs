//! Questions that others ask of us.

use super::*;

fn verdicts(bench: &Bench) -> Vec<(AskId, Verdict)> {
    let decision = |note| match note {
        Note::Decision { ask, verdict } => Some((ask, verdict)),
        _ => None,
    };
    let posts = bench.posts().into_iter();
    posts.filter_map(|(.., note)| decision(note)).collect()
}

fn denied(reason: &str) -> Verdict {
    Verdict::Denied {
        reason: reason.to_owned(),
    }
}

fn approved(views: u32) -> Verdict {
    Verdict::Approved {
        grant: grant_of(BOB, "beach"),
        views,
    }
}

fn with_beach() -> Bench {
    let mut bench = Bench::new();
    bench.offer("sea");
    bench.offer("beach");
    bench
}

#[test]
fn a_question_is_confirmed_when_it_is_on_disk_and_counts_once() {
    let mut bench = with_beach();
    bench.disk_works = false;
    let letter = bench.asked_for_beach(BOB, 0xab, 2);
    assert!(!bench.is_kept(letter));
    assert_eq!(bench.requests(), []);
    bench.disk_works = true;
    for _ in 0..2 {
        let letter = bench.asked_for_beach(BOB, 0xab, 2);
        assert!(bench.is_kept(letter));
    }
    bench.restart();
    let asks = bench.requests();
    assert_eq!(asks.len(), 1);
    assert_eq!(
        (asks[0].ours, asks[0].views, asks[0].at),
        (false, 2, WallTime(5))
    );
    assert_eq!(
        (asks[0].peer.as_str(), asks[0].image.as_str()),
        ("bob", "beach")
    );
    assert_eq!(asks[0].state, AskState::Open);
}

#[test]
fn an_unknown_picture_or_number_is_denied_and_a_place_is_a_name() {
    let mut bench = with_beach();
    bench.asked(BOB, 1, ImageRef::Name("cat".to_owned()), 1);
    bench.asked(BOB, 2, ImageRef::Index(2), 1);
    bench.asked_for_beach(BOB, 3, 0);
    bench.asked_for_beach(BOB, 4, VIEWS_MAX + 1);
    bench.asked(BOB, 5, ImageRef::Index(0), 1);
    let said: Vec<Verdict> = verdicts(&bench).into_iter().map(|said| said.1).collect();
    let unknown = denied("no such picture");
    let number = denied("that is not a number of looks");
    assert_eq!(said, [unknown.clone(), unknown, number.clone(), number]);
    let last = bench.requests().pop().expect("is there");
    assert_eq!((last.image.as_str(), last.state), ("beach", AskState::Open));
}

#[test]
fn the_owner_denies_by_the_first_digits() {
    let mut bench = with_beach();
    bench.asked_for_beach(BOB, 0xab, 2);
    bench.asked_for_beach(BOB, 0xac, 2);
    let wish = bench.decide("a", None);
    assert_eq!(bench.reason(wish), Reason::Usage);
    for unknown in ["b", ""] {
        let wish = bench.decide(unknown, None);
        assert_eq!(bench.reason(wish), Reason::NotFound);
    }
    let wish = bench.decide("AB", None);
    let id = AskId([0xab; 16]);
    assert_eq!(bench.outcome(wish), Outcome::Decided(id));
    assert_eq!(verdicts(&bench), [(id, denied("no"))]);
    let wish = bench.decide("ab", Some(1));
    assert_eq!(bench.reason(wish), Reason::Usage);
    bench.restart();
    assert_eq!(verdicts(&bench), [(id, denied("no"))]);
    assert_eq!(bench.state(0xab), AskState::Denied("no".to_owned()));
}

#[test]
fn an_existing_grant_gets_more_looks() {
    let mut bench = with_beach();
    bench.asked_for_beach(BOB, 0xab, 2);
    let wish = bench.decide("ab", Some(5));
    assert_eq!(bench.looks_ordered().pop().expect("ordered").1, 5);
    let second = bench.decide("ab", None);
    assert_eq!(bench.reason(second), Reason::Busy);
    bench.looks_added();
    let id = AskId([0xab; 16]);
    assert_eq!(bench.outcome(wish), Outcome::Decided(id));
    assert_eq!(verdicts(&bench), [(id, approved(5))]);
    assert_eq!(bench.making(), None);
}

#[test]
fn without_a_grant_a_picture_is_made_and_a_grant_opened() {
    let mut bench = with_beach();
    bench.asked_for_beach(BOB, 0xab, 2);
    let wish = bench.decide("ab", Some(3));
    bench.no_such_grant();
    let (ticket, rights, original) = bench.making().expect("is ordered");
    assert_eq!(original, Bytes::from_static(b"original of beach"));
    assert_eq!(rights.grant, Some(grant_of(BOB, "beach")));
    assert_eq!((rights.views, rights.name.as_str()), (3, "beach"));
    assert_eq!(rights.borrower, identity(BOB).user_id());
    let progress = Progress::Hiding;
    bench.give(Input::Making { ticket, progress });
    bench.make();
    let (_, to, grant) = bench.opening().expect("is ordered");
    assert_eq!(to, contact(BOB));
    assert_eq!((grant.views, grant.key), (3, [9; 32]));
    assert_eq!(grant.picture, crate::proto::ids::Digest::of(b"picture"));
    assert_eq!((grant.picture_bytes, grant.cover), (7, Some(1)));
    bench.opened(Ok(false));
    let id = AskId([0xab; 16]);
    let steps = bench.news(wish);
    assert_eq!(steps[0], News::Progress(Progress::Hiding));
    assert_eq!(
        steps[1],
        News::Progress(Progress::Delivering {
            done_bytes: 0,
            total_bytes: 7,
        })
    );
    assert_eq!(steps[2], News::Done(Box::new(Outcome::Decided(id))));
    assert_eq!(verdicts(&bench), [(id, approved(3))]);
}

#[test]
fn a_step_that_fails_leaves_the_question_open() {
    let mut bench = with_beach();
    bench.asked_for_beach(BOB, 0xab, 2);
    let wish = bench.decide("ab", Some(3));
    bench.pass(bench.config.step_ms);
    assert_eq!(bench.reason(wish), Reason::Unreachable);
    let wish = bench.decide("ab", Some(3));
    bench.files.clear();
    bench.no_such_grant();
    assert_eq!(bench.reason(wish), Reason::NotFound);
    bench.offer("beach");
    let wish = bench.decide("ab", Some(3));
    bench.no_such_grant();
    bench.pass(bench.config.step_ms * LONG_STEPS - 1);
    assert_eq!(bench.news(wish), []);
    bench.pass(1);
    assert_eq!(bench.reason(wish), Reason::Unreachable);
    let wish = bench.decide("ab", Some(3));
    bench.no_such_grant();
    bench.make();
    let gone = Failure::new(Reason::Usage, "there is one", "");
    bench.opened(Err(gone));
    assert_eq!(bench.reason(wish), Reason::Usage);
    assert_eq!(verdicts(&bench), []);
    bench.restart();
    assert_eq!(bench.state(0xab), AskState::Open);
    assert_eq!(bench.looks_ordered(), []);
}

#[test]
fn looks_that_were_given_are_told_although_the_disk_failed() {
    let mut bench = with_beach();
    bench.asked_for_beach(BOB, 0xab, 2);
    let wish = bench.decide("ab", Some(3));
    bench.disk_works = false;
    bench.looks_added();
    assert_eq!(bench.reason(wish), Reason::Disk);
    assert_eq!(verdicts(&bench).len(), 1);
    let wish = bench.decide("ab", Some(3));
    assert_eq!(bench.reason(wish), Reason::Usage);
}

#[test]
fn one_peer_cannot_fill_the_list_and_strangers_texts_are_tamed() {
    let mut bench = Bench::with(Config {
        asks_max: 8,
        ..config()
    });
    bench.offer("beach");
    for id in 1..=2 {
        bench.asked_for_beach(BOB, id, 1);
    }
    let letter = bench.asked_for_beach(BOB, 3, 1);
    assert!(bench.is_kept(letter));
    let turned_away = (AskId([3; 16]), denied("too many questions are open"));
    assert_eq!(verdicts(&bench), [turned_away]);
    bench.note(
        CARA,
        Note::ImageAsk(ImageAsk {
            ask: AskId([4; 16]),
            from_name: format!("\u{1b}[31m{}", "é".repeat(100)),
            image: ImageRef::Name("x".repeat(60_000)),
            views: 1,
            remark: "\n".repeat(500),
        }),
    );
    let last = bench.requests().pop().expect("is there");
    assert!(last.peer.starts_with("[31m") && last.peer.len() <= NAME_MAX_BYTES);
    assert!(last.image.len() <= NAME_MAX_BYTES && last.remark.is_empty());
}

#[test]
fn a_rule_refuses() {
    let mut bench = with_beach();
    bench.asks_rule("bob", AskRule::Refuse);
    bench.asked_for_beach(BOB, 1, 1);
    bench.asked_for_beach(CARA, 2, 1);
    let refused = (AskId([1; 16]), denied("the owner takes no questions"));
    assert_eq!(verdicts(&bench), [refused]);
    assert_eq!(bench.state(2), AskState::Open);
}

#[test]
fn a_rule_grants_up_to_its_limit_and_the_rest_waits() {
    let mut bench = with_beach();
    bench.asks_rule("*", AskRule::Grant(3));
    bench.asked_for_beach(BOB, 1, 2);
    bench.looks_added();
    assert_eq!(verdicts(&bench), [(AskId([1; 16]), approved(2))]);
    bench.restart();
    bench.asked_for_beach(BOB, 2, 2);
    assert_eq!(bench.looks_ordered(), []);
    assert_eq!(bench.state(2), AskState::Open);
    bench.asked_for_beach(BOB, 3, 1);
    assert_eq!(bench.looks_ordered().len(), 1);
    // For another image or user the limit is a new one.
    bench.asked(BOB, 4, ImageRef::Name("sea".to_owned()), 3);
    bench.asked_for_beach(CARA, 5, 3);
    assert_eq!(bench.looks_ordered().len(), 3);
}

#[test]
fn looks_given_by_hand_count_for_the_limit_of_a_rule() {
    let mut bench = with_beach();
    bench.asks_rule("bob", AskRule::Grant(3));
    bench.share("bob", "beach", None, 2);
    bench.make();
    bench.opened(Ok(true));
    bench.asked_for_beach(BOB, 1, 2);
    assert_eq!(bench.looks_ordered(), []);
    bench.asked_for_beach(BOB, 2, 1);
    assert_eq!(bench.looks_ordered().len(), 1);
}

#[test]
fn pairs_that_cannot_be_counted_are_left_to_the_owner() {
    let mut bench = Bench::with(Config {
        totals_max: 1,
        ..config()
    });
    bench.offer("beach");
    bench.asks_rule("*", AskRule::Grant(3));
    bench.asked_for_beach(BOB, 1, 1);
    bench.asked_for_beach(CARA, 2, 1);
    assert_eq!(bench.looks_ordered().len(), 1);
    assert_eq!(bench.state(2), AskState::Open);
}

#[test]
fn a_grant_by_a_rule_is_taken_up_after_a_restart_unless_it_may_be_given() {
    let mut bench = with_beach();
    bench.asks_rule("bob", AskRule::Grant(3));
    bench.asked_for_beach(BOB, 1, 2);
    bench.no_such_grant();
    assert!(bench.making().is_some());
    bench.restart();
    bench.no_such_grant();
    bench.make();
    assert!(bench.opening().is_some());
    bench.restart();
    assert_eq!(bench.looks_ordered(), []);
    // The two looks stay counted: perhaps they were given.
    bench.asked_for_beach(BOB, 2, 2);
    assert_eq!(bench.looks_ordered(), []);
    let wish = bench.decide("01", Some(2));
    bench.looks_added();
    assert_eq!(bench.outcome(wish), Outcome::Decided(AskId([1; 16])));
}

#[test]
fn a_grant_by_a_rule_is_tried_again_while_the_cloud_is_away_then_left_to_the_owner() {
    let mut bench = with_beach();
    bench.asks_rule("bob", AskRule::Grant(3));
    bench.asked_for_beach(BOB, 1, 2);
    for round in 1..=5 {
        assert_eq!(bench.looks_ordered().len(), round);
        bench.no_such_grant();
        let (ticket, ..) = bench.making().expect("is ordered");
        let failure = Failure::new(Reason::Unreachable, "no server", "");
        bench.give(Input::NotMade { ticket, failure });
        bench.pass(bench.config.step_ms << round);
    }
    assert_eq!(bench.looks_ordered().len(), 5);
    assert_eq!(bench.state(1), AskState::Open);
    // What was set aside is free again.
    bench.asked_for_beach(BOB, 2, 3);
    assert_eq!(bench.looks_ordered().len(), 6);
}

#[test]
fn the_owner_may_decide_what_a_rule_could_not_finish() {
    let mut bench = with_beach();
    bench.asks_rule("bob", AskRule::Grant(3));
    bench.asked_for_beach(BOB, 1, 2);
    bench.no_such_grant();
    let (ticket, ..) = bench.making().expect("is ordered");
    let failure = Failure::new(Reason::Busy, "no place", "");
    bench.give(Input::NotMade { ticket, failure });
    let wish = bench.decide("01", None);
    assert_eq!(bench.outcome(wish), Outcome::Decided(AskId([1; 16])));
    bench.pass(10_000_000);
    assert_eq!(bench.looks_ordered().len(), 1);
    bench.asked_for_beach(BOB, 2, 3);
    assert_eq!(bench.looks_ordered().len(), 2);
}
