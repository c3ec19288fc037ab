//! Clocks that are wrong, and clocks that are set right.

use pentimento::proto::lease::Conditions;

use super::stage::{Stage, has_other_clocks, look, noise};

/// The servers tell the time, so a picture opens that they count; a client numbers from there on.
#[test]
fn who_is_years_ahead_or_behind_is_there_and_looks() {
    if !has_other_clocks() {
        return;
    }
    let mut stage = Stage::with(&["alice", "bob"]);
    let original = noise(4, 9_000);
    let grant = stage.share_with_bob(&original, 3, Conditions::STRICT);
    for (offset, counted) in [("+3y", (1, 2)), ("-9y", (2, 1)), ("+0", (3, 0))] {
        stage.strike("bob");
        stage.enter_at("bob", offset);
        stage.wait_online("bob");
        assert_eq!(look(&stage, grant, &original), Ok(counted), "{offset}");
    }
}

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
