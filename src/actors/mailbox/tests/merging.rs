//! What servers tell each other, and what follows from it.

use super::*;

#[test]
fn a_server_alone_has_caught_up_and_one_of_three_needs_one_other() {
    assert!(Rig::alone().caught_up());
    let mut rig = Rig::of_three();
    assert!(!rig.caught_up());
    let asked = [2, 3].map(|node| Output::AskState(NodeId(node)));
    assert_eq!(rig.said(), asked);
    // Unknown servers and damaged states do not count.
    for (from, state) in [(9, told(vec![], vec![])), (2, Bytes::from_static(b"?!"))] {
        let from = NodeId(from);
        rig.give(Input::StateArrived { from, state });
        assert!(!rig.caught_up());
    }
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(vec![letter(1)], vec![]),
    });
    assert!(rig.caught_up());
    assert_eq!(rig.fetch(), vec![vec![id(1)]]);
    assert_eq!(rig.rows.len(), 1);
}

#[test]
fn a_merged_state_counts_only_when_it_is_durable() {
    let mut rig = Rig::of_three();
    rig.disk_works = false;
    let arrived = Input::StateArrived {
        from: NodeId(2),
        state: told(vec![letter(1)], vec![]),
    };
    rig.give(arrived.clone());
    assert!(!rig.caught_up());
    rig.disk_works = true;
    rig.give(arrived);
    assert!(rig.caught_up());
}

#[test]
fn an_unanswered_question_is_repeated_to_the_living_only() {
    let mut rig = Rig::of_three();
    rig.said();
    rig.view(&[(1, true, None), (2, true, None), (3, false, None)]);
    rig.pass(1_000);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    // Each wait doubles, to eight times the first.
    rig.pass(60_000);
    let times = rig.said().len();
    assert!((7..=9).contains(&times), "{times}");
    rig.view(&[(1, true, None), (2, false, None), (3, false, None)]);
    rig.pass(60_000);
    assert_eq!(rig.said(), vec![]);
    assert!(!rig.caught_up());
    rig.view(&[(1, true, None), (2, false, None), (3, true, None)]);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(3))]);
}

#[test]
fn while_it_catches_up_it_takes_deposits_and_sends_no_mail() {
    let mut rig = Rig::of_three();
    rig.said();
    assert_eq!(rig.deposit(&letter(1)), kept(id(1)));
    assert_eq!(rig.fetch(), Vec::<Vec<LetterId>>::new());
    rig.give(Input::Present(bob().user_id()));
    assert_eq!(rig.said(), vec![]);
    // Its disk may be what makes the majority of another.
    let state = rig.state();
    assert_eq!(Told::decode(&state).unwrap().letters, vec![letter(1)]);
}

#[test]
fn after_silence_it_catches_up_again() {
    let mut rig = Rig::of_three();
    let state = told(vec![], vec![]);
    let arrived = Input::StateArrived {
        from: NodeId(2),
        state,
    };
    rig.give(arrived.clone());
    rig.said();
    rig.give(Input::Resumed);
    assert!(!rig.caught_up());
    assert!(rig.said().contains(&Output::AskState(NodeId(2))));
    rig.give(arrived);
    assert!(rig.caught_up());
    let mut alone = Rig::alone();
    alone.give(Input::Resumed);
    assert!(alone.caught_up());
}

#[test]
fn a_merge_that_began_before_the_silence_does_not_count_after_it() {
    let mut rig = Rig::of_three();
    rig.disk_answers = false;
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(vec![letter(1)], vec![]),
    });
    rig.give(Input::Resumed);
    rig.disk_answers = true;
    rig.pass(3_000);
    assert_eq!(rig.rows.len(), 1);
    assert!(!rig.caught_up());
}

#[test]
fn in_a_merge_letting_go_wins_over_the_letter() {
    let key = |number| (id(number), bob().user_id());
    let mut rig = Rig::of_three();
    rig.deposit(&letter(1));
    rig.ack(bob().user_id(), vec![id(2)]);
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(
            vec![letter(2), letter(3), letter(4)],
            vec![(key(1), TODAY), (key(4), TODAY)],
        ),
    });
    rig.said();
    assert_eq!(rig.fetch(), vec![vec![id(3)]]);
    let letters = rig.rows.keys().filter(|(of, _)| *of == Table::Letters);
    assert_eq!(letters.count(), 1);
}

#[test]
fn a_merge_takes_no_forged_and_no_expired_letter() {
    let mut rig = Rig::of_three();
    let mut forged = letter(1);
    forged.posted_at.0 += 1;
    let old = WallTime(TODAY.0 - rig.mailbox.config.keep_ms - 1);
    let expired = letter_of(
        id(2),
        old,
        &Note::PictureAsk {
            grant: GrantId([5; 16]),
            form: Form::Delta,
        },
    );
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(vec![forged, expired], vec![]),
    });
    assert!(rig.rows.is_empty());
    assert!(rig.caught_up());
}

#[test]
fn a_merge_takes_no_more_letters_than_may_be_kept() {
    let config = Config {
        letters_max: 2,
        ..Config::lan(ME, vec![NodeId(2)], calendar())
    };
    let mut rig = Rig::new(config);
    rig.give(Input::StateArrived {
        from: NodeId(2),
        state: told(vec![letter(1), letter(2), letter(3)], vec![]),
    });
    assert_eq!(rig.rows.len(), 2);
}

#[test]
fn the_digest_tells_content_and_not_the_order_of_arrival() {
    let (mut one, mut other) = (Rig::alone(), Rig::alone());
    assert_eq!(one.mailbox.digest, other.mailbox.digest);
    one.deposit(&letter(1));
    one.deposit(&letter(2));
    other.deposit(&letter(2));
    assert_ne!(one.mailbox.digest, other.mailbox.digest);
    other.deposit(&letter(1));
    assert_eq!(one.mailbox.digest, other.mailbox.digest);
    one.ack(bob().user_id(), vec![id(1)]);
    assert_ne!(one.mailbox.digest, other.mailbox.digest);
    assert_eq!(one.restarted().mailbox.digest, {
        other.ack(bob().user_id(), vec![id(1)]);
        other.mailbox.digest
    });
}

#[test]
fn a_lasting_difference_is_asked_for_and_not_too_often() {
    let mut rig = Rig::of_three();
    for from in [2, 3].map(NodeId) {
        let state = told(vec![], vec![]);
        rig.give(Input::StateArrived { from, state });
    }
    rig.said();
    let same = rig.mailbox.digest;
    rig.pass(10_000);
    // One that is still catching up has nothing to tell yet.
    rig.view(&[(2, true, Some(same)), (3, true, None)]);
    rig.pass(10_000);
    assert_eq!(rig.said(), vec![]);
    rig.view(&[(2, true, Some(same ^ 1)), (3, true, Some(same))]);
    rig.pass(1_400);
    assert_eq!(rig.said(), vec![]);
    rig.pass(100);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    rig.pass(4_999);
    assert_eq!(rig.said(), vec![]);
    rig.pass(1);
    assert_eq!(rig.said(), vec![Output::AskState(NodeId(2))]);
    rig.view(&[(2, true, Some(same))]);
    rig.pass(20_000);
    assert_eq!(rig.said(), vec![]);
}

#[test]
fn a_question_repeated_at_once_is_answered_once() {
    let mut rig = Rig::of_three();
    rig.said();
    for _ in 0..2 {
        rig.give(Input::StateAsked(NodeId(2)));
    }
    rig.give(Input::StateAsked(NodeId(9)));
    assert_eq!(rig.said().len(), 1);
}

#[test]
fn the_largest_mailbox_fits_one_message_and_decodes() {
    let mut largest = letter(1);
    largest.sealed = vec![1; LETTER_MAX_BYTES].into();
    let letters = vec![largest.clone(); LETTERS_MAX_BYTES / size_bytes(&largest)];
    let key = (id(1), bob().user_id());
    let let_go = vec![(key, TODAY); Config::lan(ME, vec![], calendar()).let_go_max];
    let state = told(letters, let_go);
    assert!(state.len() < crate::proto::limits::MESSAGE_MAX_BYTES - 1_024);
    assert!(Told::decode(&state).is_some());
    // Many small ones: the decoder's bound on memory leaves room for them.
    for count in [1, 10, 100, 10_000] {
        let state = told(vec![letter(1); count], vec![(key, TODAY); count]);
        assert!(Told::decode(&state).is_some(), "{count}");
    }
}
