//! Strict grants with real processes: the servers count each look before the picture opens.

use bytes::Bytes;
use pentimento::proto::control::{Command, Outcome, Reason};
use pentimento::proto::ids::GrantId;
use pentimento::proto::lease::{Change, Conditions};

use super::stage::{Stage, look, noise, until};

const FILE_BYTES: usize = 40_000;

/// A strict grant of alice's whose picture is with bob.
fn shared(views: u32) -> (Stage, GrantId, Bytes) {
    let stage = Stage::with(&["alice", "bob"]);
    let original = noise(3, FILE_BYTES);
    let grant = stage.share_with_bob(&original, views, Conditions::STRICT);
    (stage, grant, original)
}

fn refused(stage: &Stage, grant: GrantId, original: &Bytes) -> Reason {
    let refused = look(stage, grant, original);
    refused.expect_err("no look").reason
}

#[test]
fn a_home_that_is_copied_back_gives_no_look_more() {
    let (mut stage, grant, original) = shared(2);
    stage.copy_home("bob", "bob-before");
    assert_eq!(look(&stage, grant, &original), Ok((1, 1)));
    assert_eq!(look(&stage, grant, &original), Ok((2, 0)));
    stage.put_home_back("bob", "bob-before");
    assert_eq!(refused(&stage, grant, &original), Reason::QuotaSpent);
    assert_eq!(stage.fallen(), Vec::<String>::new());
}

#[test]
fn a_majority_of_the_servers_counts_and_a_minority_does_not() {
    let (mut stage, grant, original) = shared(3);
    assert_eq!(look(&stage, grant, &original), Ok((1, 2)));
    stage.strike_server(1);
    assert_eq!(look(&stage, grant, &original), Ok((2, 1)));
    stage.strike_server(2);
    assert_eq!(refused(&stage, grant, &original), Reason::Unreachable);
    stage.raise(1);
    until("a majority is back", || look(&stage, grant, &original).ok());
    assert_eq!(refused(&stage, grant, &original), Reason::QuotaSpent);
}

#[test]
fn a_server_that_was_down_when_shares_were_left_gets_its_own_later() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let original = noise(3, FILE_BYTES);
    stage.strike_server(3);
    let grant = stage.share_with_bob(&original, 5, Conditions::STRICT);
    stage.raise(3);
    stage.wait_ready();
    stage.strike_server(1);
    // One of the two that are up was not there when alice shared.
    let (counted, left) = until("the other two open it", || {
        look(&stage, grant, &original).ok()
    });
    assert_eq!(counted + left, 5);
    stage.raise(1);
    stage.wait_ready();
    stage.strike_server(2);
    let next = until("and so do these two", || {
        look(&stage, grant, &original).ok()
    });
    assert_eq!(next, (counted + 1, left - 1));
    assert_eq!(stage.fallen(), Vec::<String>::new());
}

#[test]
fn all_servers_forget_nothing_when_they_are_killed() {
    let (mut stage, grant, original) = shared(2);
    assert_eq!(look(&stage, grant, &original), Ok((1, 1)));
    for server in 1..=3 {
        stage.strike_server(server);
    }
    for server in 1..=3 {
        stage.raise(server);
    }
    stage.wait_ready();
    let last = until("the servers count again", || {
        look(&stage, grant, &original).ok()
    });
    assert_eq!(last, (2, 0));
    assert_eq!(refused(&stage, grant, &original), Reason::QuotaSpent);
}

#[test]
fn a_revoked_grant_gives_no_look_and_added_looks_count() {
    let (stage, grant, original) = shared(1);
    let adjust = |change| {
        let lease = grant.hex();
        let adjusted = stage.ask("alice", Command::Adjust { lease, change });
        assert!(
            matches!(adjusted, Ok(Outcome::Adjusted { .. })),
            "{adjusted:?}"
        );
    };
    adjust(Change::Add(1));
    until("the change reaches bob", || {
        stage
            .only_lease("bob")
            .filter(|lease| lease.terms.granted == 2)
    });
    let first = until("the servers have the change", || {
        look(&stage, grant, &original).ok()
    });
    assert_eq!(first, (1, 1));
    adjust(Change::Revoke);
    until("the revocation reaches bob", || {
        stage
            .only_lease("bob")
            .filter(|lease| lease.ended.is_some())
    });
    assert_eq!(refused(&stage, grant, &original), Reason::Revoked);
}
