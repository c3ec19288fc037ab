//! Signs of presence, and how long they are believed.

use super::*;

#[test]
fn an_errand_counts_once_and_in_order_and_only_if_signed() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let first = rig.errand(1, ErrandKind::FetchMail);
    let second = rig.errand(1, ErrandKind::FetchMail);
    let fetch = Output::FetchMail(id(1));
    let forged = Errand {
        kind: ErrandKind::Leave,
        ..second.clone()
    };
    assert_eq!(rig.arrives(1, forged), vec![]);
    assert_eq!(rig.arrives(1, second.clone()), vec![fetch.clone()]);
    assert_eq!(rig.arrives(1, second), vec![]);
    assert_eq!(rig.arrives(1, first), vec![]);
    // Another user's numbers are their own; a later start counts from one again.
    let next = user(1).errand(WallTime(TODAY.0 + 1), 1, ErrandKind::FetchMail);
    assert_eq!(rig.arrives(1, next), vec![fetch]);
}

#[test]
fn who_numbers_from_an_earlier_epoch_is_told_what_to_go_beyond() {
    let mut rig = Rig::alone();
    let errand = |epoch, sequence| user(1).errand(WallTime(epoch), sequence, here("alice"));
    let ahead = TODAY.0 + 3_600_000;
    assert_eq!(rig.arrives(1, errand(ahead, 1)).len(), 2);
    let outdated = |is_here| {
        let epoch = WallTime(ahead);
        let packet = Packet::Outdated { epoch, is_here };
        vec![Output::Send { to: id(1), packet }]
    };
    assert_eq!(rig.arrives(1, errand(TODAY.0, 1)), outdated(true));
    assert_eq!(
        rig.arrives(1, errand(ahead, 1)),
        vec![],
        "only a repetition"
    );
    // What is known of the name alone says so too.
    let mut rig = rig.restarted();
    assert_eq!(rig.arrives(1, errand(TODAY.0, 1)), outdated(false));
    assert_eq!(
        rig.arrives(1, errand(ahead, 1)),
        outdated(false),
        "another run of the same epoch"
    );
    assert_eq!(rig.arrives(1, errand(ahead + 1, 1)).len(), 2);
    assert!(rig.is_online(1));
}

#[test]
fn whose_clock_is_wrong_counts_all_the_same() {
    const YEAR_MS: u64 = 365 * 86_400_000;
    let mut rig = Rig::alone();
    let fetch = Output::FetchMail(id(1));
    for epoch in [7, TODAY.0, TODAY.0 + 90 * YEAR_MS] {
        let errand = user(1).errand(WallTime(epoch), 1, ErrandKind::FetchMail);
        assert_eq!(rig.arrives(1, errand), vec![fetch.clone()]);
    }
    let end_of_time = user(1).errand(WallTime(u64::MAX), 1, ErrandKind::FetchMail);
    assert_eq!(rig.arrives(1, end_of_time), vec![]);
}

#[test]
fn an_old_errand_does_not_bring_an_old_name_back_after_a_restart() {
    let mut rig = Rig::alone();
    let old = rig.errand(1, here("alice"));
    rig.arrives(1, old.clone());
    rig.here(1, "alicia");
    let mut rig = rig.restarted();
    rig.arrives(1, old);
    assert!(!rig.is_online(1));
    assert_eq!(rig.find("alice"), None);
}

#[test]
fn mail_errands_are_handed_on() {
    let mut rig = Rig::alone();
    let letters = vec![LetterId([3; 16])];
    let ack = rig.wish(1, ErrandKind::AckMail(letters.clone()));
    let user = user(1).user_id();
    assert_eq!(ack, vec![Output::AckMail { user, letters }]);
}

#[test]
fn presence_ends_by_silence_and_by_leaving() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    rig.here(2, "bob");
    assert!(rig.is_online(1) && rig.is_online(2));
    rig.pass(5_000);
    rig.here(1, "alice");
    rig.pass(u64::from(TTL_MS) - 5_000);
    assert!(rig.is_online(1) && !rig.is_online(2));
    assert_eq!(rig.find("bob").unwrap().last_seen, TODAY);
    rig.said.clear();
    let errand = rig.errand(1, ErrandKind::Leave);
    rig.give(carried(errand, address(1)));
    let digest = rig.directory.digest;
    let state = Output::State {
        digest,
        caught_up: true,
        online: 0,
    };
    assert_eq!(std::mem::take(&mut rig.said), vec![state]);
    assert!(!rig.is_online(1));
}

#[test]
fn nobody_is_believed_present_for_longer_than_the_limit() {
    let mut rig = Rig::alone();
    let name = "alice".to_owned();
    rig.wish(
        1,
        ErrandKind::Here {
            name,
            ttl_ms: u32::MAX,
        },
    );
    rig.pass(29_999);
    assert!(rig.is_online(1));
    rig.pass(1);
    assert!(!rig.is_online(1));
}

#[test]
fn the_address_is_where_the_last_sign_of_presence_came_from() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let errand = rig.errand(1, here("alice"));
    rig.arrives(7, errand);
    assert_eq!(rig.find("alice").unwrap().address, Some(address(7)));
    // Other errands say nothing of where to find their user.
    let errand = rig.errand(1, ErrandKind::FetchMail);
    rig.arrives(8, errand);
    assert_eq!(rig.find("alice").unwrap().address, Some(address(7)));
}

#[test]
fn an_errand_that_somebody_else_carries_is_dropped() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let errand = rig.errand(1, ErrandKind::Leave);
    rig.give(Input::ErrandArrived {
        client: id(2),
        at: address(1),
        errand: errand.clone(),
    });
    assert!(rig.is_online(1));
    rig.arrives(1, errand);
    assert!(!rig.is_online(1), "nor does its number count");
}

fn pings(said: &[Output], to: u8) -> Vec<u64> {
    let nonces = said.iter().map(|output| match output {
        Output::Send {
            to: at,
            packet: Packet::Ping(nonce),
        } if *at == id(to) => *nonce,
        other => panic!("unexpected {other:?}"),
    });
    nonces.collect()
}

#[test]
fn a_user_reported_missing_is_asked_three_times_and_then_offline() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let missing = ErrandKind::Missing(user(1).user_id());
    let mut said = rig.wish(2, missing.clone());
    // More reports change nothing.
    said.extend(rig.wish(3, missing.clone()));
    assert_eq!(pings(&said, 1).len(), 1);
    rig.pass(1_499);
    assert_eq!(pings(&rig.said(), 1).len(), 2);
    assert!(rig.is_online(1));
    rig.pass(1);
    assert!(!rig.is_online(1));
    assert_eq!(rig.wish(2, missing), vec![], "it is known");
}

#[test]
fn a_user_who_answers_or_is_heard_stays_online() {
    let mut rig = Rig::alone();
    rig.here(1, "alice");
    let missing = ErrandKind::Missing(user(1).user_id());
    let nonce = pings(&rig.wish(2, missing.clone()), 1)[0];
    let pong = |client, nonce| Input::PongArrived { client, nonce };
    rig.give(pong(id(2), nonce));
    rig.give(pong(id(1), nonce ^ 1));
    rig.pass(500);
    assert_eq!(pings(&rig.said(), 1).len(), 1, "those were not its answers");
    rig.give(pong(id(1), nonce));
    rig.pass(2_000);
    assert_eq!(rig.said(), vec![]);
    assert!(rig.is_online(1));
    assert_ne!(pings(&rig.wish(2, missing), 1)[0], nonce);
    rig.here(1, "alice");
    rig.pass(2_000);
    assert!(rig.is_online(1));
}
