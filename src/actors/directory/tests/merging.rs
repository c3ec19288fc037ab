//! What servers tell each other, and what follows from it.

use super::*;

#[test]
fn while_it_catches_up_it_records_presence_and_answers_nothing() {
    let mut rig = Rig::new(config(&[2, 3]));
    assert!(!rig.caught_up());
    let asked = [2, 3].map(|node| Output::AskState(NodeId(node)));
    assert_eq!(rig.said(), asked);
    assert_eq!(rig.here(1, "alice"), None);
    assert_eq!(rig.look_up(LookupKind::Name("alice".into())), None);
    assert!(rig.rows.is_empty());
    rig.hears(9, told(vec![]));
    rig.hears(2, Bytes::from_static(b"?!"));
    assert!(!rig.caught_up());
    rig.hears(2, told(vec![claim(1, "alice", 5, 0)]));
    assert!(rig.caught_up());
    assert!(rig.is_online(1));
    assert_eq!(rig.here(1, "alice"), Some(NameAnswer::Yours));
}

#[test]
fn a_merged_state_counts_only_when_its_names_are_durable() {
    let mut rig = Rig::new(config(&[2, 3]));
    rig.disk_works = false;
    rig.hears(2, told(vec![claim(1, "alice", 5, 1)]));
    assert!(!rig.caught_up());
    assert_eq!(rig.directory.register.count(), 0);
    rig.disk_works = true;
    rig.hears(2, told(vec![claim(1, "alice", 5, 1)]));
    assert!(rig.caught_up());
    assert_eq!(rig.rows.len(), 1);
}

#[test]
fn servers_that_start_at_once_tell_each_other_what_they_have_on_disk() {
    let mut rig = Rig::new(config(&[2, 3]));
    rig.hears(2, told(vec![claim(1, "alice", 5, 1)]));
    let mut rig = rig.restarted();
    assert!(!rig.caught_up());
    let state = rig.state();
    let mut other = Rig::new(config(&[2, 3]));
    other.hears(2, state);
    assert!(other.caught_up());
    assert_eq!(other.find("alice").unwrap().identity, *user(1).public());
}

#[test]
fn after_silence_it_catches_up_again() {
    let mut rig = Rig::new(config(&[2, 3]));
    rig.hears(2, told(vec![]));
    assert!(rig.caught_up());
    rig.give(Input::Resumed);
    assert!(!rig.caught_up());
    assert!(rig.said().contains(&Output::AskState(NodeId(2))));
    rig.view(&[(2, true, None), (3, false, None)]);
    rig.pass(1_000);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    rig.hears(2, told(vec![]));
    assert!(rig.caught_up());
}

#[test]
fn a_lasting_difference_of_names_is_asked_for_and_not_too_often() {
    let (mut rig, _) = pair();
    let same = rig.directory.digest;
    rig.view(&[(2, true, Some(same))]);
    rig.pass(10_000);
    assert_eq!(rig.said(), vec![]);
    rig.view(&[(2, true, Some(same ^ 1))]);
    rig.pass(1_499);
    assert_eq!(rig.said(), vec![]);
    rig.pass(1);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    rig.pass(2_999);
    assert_eq!(rig.said(), vec![]);
    rig.pass(1);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
}

#[test]
fn of_two_who_claim_one_name_the_earlier_holds_it_and_the_other_waits() {
    let (mut one, mut other) = pair();
    assert_eq!(one.here(1, "sam"), Some(NameAnswer::Yours));
    other.pass(1_000);
    assert_eq!(other.here(2, "sam"), Some(NameAnswer::Yours));
    let (first, second) = (one.state(), other.state());
    one.hears(2, second);
    other.hears(2, first);
    assert_eq!(one.directory.digest, other.directory.digest);
    for rig in [&mut one, &mut other] {
        rig.sequence = 100;
        assert_eq!(rig.find("sam").unwrap().identity, *user(1).public());
        assert_eq!(rig.here(2, "sam"), Some(NameAnswer::Taken));
        let (by_id, _) = rig.look_up(LookupKind::User(user(2).user_id())).unwrap();
        assert_eq!(by_id, vec![], "only holders are listed");
        assert_eq!(rig.here(1, "samuel"), Some(NameAnswer::Yours));
        assert_eq!(rig.find("sam").unwrap().identity, *user(2).public());
    }
}

#[test]
fn of_claims_as_old_as_each_other_the_smaller_user_id_holds_the_name() {
    let mut register = Register::default();
    let (a, b) = (user(1).user_id(), user(2).user_id());
    register.take(claim(1, "sam", 5, 1));
    register.take(claim(2, "sam", 5, 1));
    assert_eq!(register.holder("sam"), Some(a.min(b)));
}

#[test]
fn a_merge_takes_no_invalid_names_and_no_more_than_may_be_kept() {
    let config = Config {
        names_max: 2,
        ..config(&[2])
    };
    let mut rig = Rig::new(config);
    let mut claims = vec![claim(1, "@x", 5, 1)];
    claims.extend((2..6).map(|number| claim(number, &format!("u{number}"), 5, 1)));
    rig.hears(2, told(claims));
    assert_eq!(rig.directory.register.count(), 2);
    assert_eq!(rig.rows.len(), 2);
    rig.hears(2, told(vec![claim(2, "new", 6, 2)]));
    assert!(rig.find("new").is_some(), "a known user may change");
}

#[test]
fn presence_travels_with_the_state_and_the_newer_counts() {
    let (mut one, mut other) = pair();
    one.here(1, "alice");
    one.here(2, "bob");
    let state = one.state();
    other.hears(2, state.clone());
    assert_eq!(other.find("alice").unwrap().address, Some(address(1)));
    other.sequence = 10;
    other.wish(1, ErrandKind::Leave);
    other.hears(2, state);
    assert!(!other.is_online(1), "the older state does not undo it");
    let state = other.state();
    one.hears(2, state);
    assert!(!one.is_online(1));
    assert!(one.is_online(2));
    // What was told is believed no longer than its first hearer would.
    other.pass(u64::from(TTL_MS));
    assert!(!other.is_online(2));
}

#[test]
fn an_errand_that_another_server_has_heard_is_old_here_too() {
    let (mut one, mut other) = pair();
    let errand = one.errand(1, ErrandKind::Leave);
    one.arrives(1, errand.clone());
    let state = one.state();
    other.hears(2, state);
    other.arrives(1, errand);
    let later = user(1).errand(TODAY, 2, ErrandKind::FetchMail);
    assert_eq!(other.arrives(1, later).len(), 1);
}

#[test]
fn a_claim_that_waits_for_the_disk_and_a_merge_end_alike_in_memory_and_on_disk() {
    let (mut rig, _) = pair();
    rig.disk_answers = false;
    rig.here(9, "first");
    // Both wait behind the first; the merge knows an older claim of the same user.
    rig.sequence = 20;
    rig.here(1, "new");
    let claims = vec![claim(1, "old", 5, 3), claim(2, "new", 4, 1)];
    rig.hears(2, told(claims));
    rig.disk_answers = true;
    rig.pass(3_000);
    let answers = [
        (id(9), 1, NameAnswer::Yours),
        (id(1), 21, NameAnswer::Taken),
    ];
    assert_eq!(rig.told_names(), answers);
    let digest = rig.directory.digest;
    assert_eq!(rig.find("new").unwrap().identity, *user(2).public());
    assert_eq!(rig.find("old"), None);
    let rig = rig.restarted();
    assert_eq!(rig.directory.digest, digest);
}

#[test]
fn the_largest_directory_fits_one_message_and_decodes() {
    let long = "x".repeat(NAME_MAX_BYTES);
    for count in [1, 10, 100, 10_000] {
        let mut rig = Rig::new(config(&[2]));
        let identity = |number: usize| PublicIdentity {
            sign: Digest::of(&number.to_le_bytes()).0,
            seal: [0; 32],
        };
        for number in 0..count {
            let identity = identity(number);
            rig.directory.register.take(Claim {
                identity,
                ..claim(1, &long, u64::MAX, u64::MAX)
            });
            let user = identity.user_id();
            let number = (TODAY, u64::MAX);
            assert!(rig.directory.online.heard(user, number, TODAY));
            let until = Moment::from_millis(50_000);
            rig.directory.online.arrive(user, number, address(1), until);
        }
        let state = rig.state();
        assert!(state.len() < crate::proto::limits::MESSAGE_MAX_BYTES / 8);
        let mut other = Rig::new(config(&[2]));
        other.hears(2, state);
        assert_eq!(other.directory.register.count(), count);
        assert_eq!(other.directory.online.count(), count);
    }
}

#[test]
fn another_server_tells_of_nobody_at_the_end_of_time() {
    let (mut one, _) = pair();
    one.here(1, "alice");
    let last = Claim {
        number: (WallTime(u64::MAX), 1),
        ..claim(1, "alicia", 5, 1)
    };
    one.hears(2, told(vec![last]));
    assert_eq!(one.find("alicia"), None);
    assert_eq!(one.here(1, "alice"), Some(NameAnswer::Yours));
}
