//! Clocks that were ahead and are set right.

use pentimento::proto::lease::Conditions;

use super::stage::{Stage, has_other_clocks, look, noise};

#[test]
fn nobody_waits_until_it_is_that_late_again() {
    if !has_other_clocks() {
        return;
    }
    let mut stage = Stage::with(&["alice", "bob"]);
    for offset in ["+3h", "+0"] {
        stage.strike("bob");
        stage.enter_at("bob", offset);
        stage.wait_online("bob");
    }
    let original = noise(3, 9_000);
    let grant = stage.share_with_bob(&original, 2, Conditions::STRICT);
    assert_eq!(look(&stage, grant, &original), Ok((1, 1)));
}
