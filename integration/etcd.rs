//! Strict grants whose ledger lies in a real etcd of three members. Skipped, with a line, where the
//! program `etcd` cannot be found.

mod members;
mod moving;
mod orders;

use bytes::Bytes;
use pentimento::proto::control::{Command, Reason};
use pentimento::proto::ids::GrantId;
use pentimento::proto::lease::{Change, Conditions};

use self::members::Members;
use super::stage::{SERVERS, Stage, look, noise, until};

/// Servers that keep their ledger in this etcd, alice, and bob.
fn stage(members: &Members) -> Stage {
    let mut stage = Stage::set();
    for id in SERVERS {
        raise(&mut stage, members, id);
    }
    stage.wait_ready();
    for name in ["alice", "bob"] {
        stage.invite(name);
        stage.enter(name);
    }
    for name in ["alice", "bob"] {
        stage.wait_online(name);
    }
    stage
}

fn raise(stage: &mut Stage, members: &Members, id: u8) {
    let endpoints = format!("ledger.endpoints={}", members.endpoints());
    stage.raise_with(id, &["--set", "ledger.store=etcd", "--set", &endpoints]);
}

fn shared(stage: &Stage, views: u32) -> (GrantId, Bytes) {
    let original = noise(3, 40_000);
    let grant = stage.share_with_bob(&original, views, Conditions::STRICT);
    (grant, original)
}

/// Looks that are given whatever fails, each with the next number.
fn next_look(stage: &Stage, grant: GrantId, original: &Bytes) -> (u32, u32) {
    until("a look", || look(stage, grant, original).ok())
}

#[test]
fn looks_are_counted_in_etcd_whichever_member_or_server_is_killed() {
    let Some(mut members) = Members::start() else {
        return;
    };
    let mut stage = stage(&members);
    for id in SERVERS {
        assert!(stage.status(id).is_some_and(|status| status.ledger.in_etcd));
    }
    let (grant, original) = shared(&stage, 9);
    assert_eq!(look(&stage, grant, &original), Ok((1, 8)));
    for member in 0..3 {
        members.strike(member);
        let ordinal = u32::from(member) + 2;
        let (counted, left) = next_look(&stage, grant, &original);
        assert!(counted >= ordinal && counted + left == 9);
        members.raise(member);
        members.wait_ready();
    }
    for id in [1, 2] {
        stage.strike_server(id);
        let (counted, left) = next_look(&stage, grant, &original);
        assert_eq!(counted + left, 9);
        raise(&mut stage, &members, id);
        stage.wait_ready();
    }
    let adjust = Command::Adjust {
        lease: grant.hex(),
        change: Change::Revoke,
    };
    stage.ask("alice", adjust).expect("a change");
    until("the revocation reaches bob", || {
        stage
            .only_lease("bob")
            .filter(|lease| lease.ended.is_some())
    });
    let refused = look(&stage, grant, &original).expect_err("no look");
    assert_eq!(refused.reason, Reason::Revoked);
    assert_eq!(stage.fallen(), Vec::<String>::new());
}

#[test]
fn without_a_majority_of_etcd_nothing_is_counted_and_nothing_is_forgotten() {
    let Some(mut members) = Members::start() else {
        return;
    };
    let mut stage = stage(&members);
    let (grant, original) = shared(&stage, 3);
    assert_eq!(look(&stage, grant, &original), Ok((1, 2)));
    members.strike(0);
    members.strike(1);
    let refused = look(&stage, grant, &original).expect_err("no majority");
    assert_eq!(refused.reason, Reason::Unreachable);
    for id in SERVERS {
        until("the server tells it", || {
            let status = stage.status(id)?;
            (status.ledger.standing == "etcd unreachable").then_some(())
        });
        stage.strike_server(id);
    }
    members.strike(2);
    for member in 0..3 {
        members.raise(member);
    }
    members.wait_ready();
    for id in SERVERS {
        raise(&mut stage, &members, id);
    }
    stage.wait_ready();
    // The look that nobody answered may have been counted, or not.
    let (counted, left) = next_look(&stage, grant, &original);
    assert!((2..=3).contains(&counted) && counted + left == 3);
}
