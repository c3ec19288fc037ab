//! Rules that answer for the owner.

use super::*;

fn names(bench: &mut Bench) -> Vec<String> {
    let wish = bench.wish();
    bench.give(Input::RulesWanted(wish));
    match bench.outcome(wish) {
        Outcome::Rules(rules) => rules.into_iter().map(|(name, _)| name).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rules_are_kept_replaced_and_taken_back() {
    let mut bench = Bench::new();
    bench.asks_rule("@bob", AskRule::Refuse);
    bench.asks_rule("*", AskRule::Wait);
    bench.asks_rule("bob", AskRule::Grant(1));
    bench.restart();
    assert_eq!(names(&mut bench), ["*", "bob"]);
    let bob = identity(BOB).user_id();
    assert_eq!(bench.sharing.rule_for(bob).asks, AskRule::Grant(1));
    let wish = bench.rule("bob", None);
    assert!(matches!(bench.outcome(wish), Outcome::Rules(rules) if rules.len() == 1));
    bench.rule("*", None);
    bench.restart();
    assert_eq!(names(&mut bench), [""; 0]);
}

#[test]
fn rules_end_at_their_limit_and_need_somebody() {
    let mut bench = Bench::with(Config {
        rules_max: 1,
        ..config()
    });
    bench.asks_rule("bob", AskRule::Wait);
    let wish = bench.asks_rule("cara", AskRule::Wait);
    assert_eq!(bench.reason(wish), Reason::Busy);
    let wish = bench.asks_rule("nobody", AskRule::Wait);
    assert_eq!(bench.reason(wish), Reason::NotFound);
    let wish = bench.asks_rule("alice", AskRule::Wait);
    assert_eq!(bench.reason(wish), Reason::Usage);
    let wish = bench.asks_rule("bob", AskRule::Refuse);
    assert!(matches!(bench.outcome(wish), Outcome::Rules(_)));
}
