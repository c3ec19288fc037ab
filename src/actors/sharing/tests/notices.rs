//! What is told unasked.

use super::*;

impl Bench {
    fn notices(&self) -> Vec<Notice> {
        let of = |order: &Output| match order {
            Output::Notice(notice) => Some(notice.clone()),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }
}

fn arrived(id: u8, views: u32) -> Notice {
    Notice::AskArrived {
        ask: AskId([id; 16]),
        peer: "bob".to_owned(),
        image: "beach".to_owned(),
        views,
    }
}

#[test]
fn a_question_that_waits_for_us_is_told_once() {
    let mut bench = Bench::new();
    bench.offer("beach");
    assert_eq!(bench.notices(), [Notice::Offers]);
    bench.log.clear();
    bench.asked_for_beach(BOB, 1, 2);
    bench.asked_for_beach(BOB, 1, 2);
    assert_eq!(bench.notices(), [arrived(1, 2)]);
}

#[test]
fn a_question_that_a_rule_answers_is_told_only_if_the_rule_fails() {
    let mut bench = Bench::new();
    bench.offer("beach");
    bench.asks_rule("bob", AskRule::Grant(2));
    bench.log.clear();
    bench.asked_for_beach(BOB, 1, 2);
    assert_eq!(bench.notices(), []);
    bench.pass(bench.config.step_ms);
    assert_eq!(
        bench.notices(),
        [arrived(1, 2)],
        "nobody answered the order of looks"
    );
    bench.log.clear();
    bench.asks_rule("bob", AskRule::Refuse);
    bench.asked_for_beach(BOB, 2, 1);
    assert_eq!(bench.notices(), []);
}

#[test]
fn the_word_on_our_question_is_told() {
    for (verdict, views) in [
        (
            Verdict::Approved {
                grant: GrantId([4; 16]),
                views: 3,
            },
            Some(3),
        ),
        (
            Verdict::Denied {
                reason: "no".to_owned(),
            },
            None,
        ),
    ] {
        let mut bench = Bench::new();
        bench.ask(0);
        let ask = bench.requests()[0].ask;
        bench.note(BOB, Note::Decision { ask, verdict });
        let told = Notice::AskAnswered {
            ask,
            peer: "bob".to_owned(),
            image: "#3".to_owned(),
            views,
        };
        assert_eq!(bench.notices(), [told]);
    }
}

#[test]
fn whom_the_person_refuses_is_given_nothing() {
    let mut bench = Bench::new();
    bench.offer("beach");
    bench.asked_for_beach(BOB, 1, 2);
    let refused = BTreeSet::from([identity(BOB).user_id()]);
    bench.give(Input::Blocked(refused));
    let wish = bench.decide("01", Some(2));
    assert_eq!(bench.reason(wish), Reason::Denied);
    assert_eq!(bench.looks_ordered(), []);
    let wish = bench.decide("01", None);
    assert_eq!(bench.outcome(wish), Outcome::Decided(AskId([1; 16])));
    bench.asks_rule("@*", AskRule::Grant(9));
    bench.asked_for_beach(BOB, 2, 2);
    assert_eq!(bench.looks_ordered(), [], "no rule gives either");
    assert_eq!(bench.state(2), AskState::Open);
}
