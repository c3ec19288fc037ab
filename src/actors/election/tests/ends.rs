//! Requests that end: delivered, refused, and what comes late.

use super::*;

#[test]
fn the_end_is_told_twice_and_nothing_late_revives_the_request() {
    let mut machine = server(1, EVEN);
    give(&mut machine, at(5), asked(1));
    run_until(&mut machine, at(50));
    let finished = Input::Finished(delivered(1));
    let outputs = give(&mut machine, at(60), finished.clone());
    let forget = Output::Forget(ask(1).request);
    assert_eq!(outputs, vec![forget, done_to(2, 1), done_to(3, 1)]);
    assert!(give(&mut machine, at(60), finished).is_empty());
    assert_eq!(
        run_until(&mut machine, at(159)),
        vec![done_to(2, 1), done_to(3, 1)]
    );
    assert!(give(&mut machine, at(159), asked(1)).is_empty());
    let outputs = give(&mut machine, at(1_002), claimed(2, 1, 0, 0));
    assert_eq!(outputs, vec![done_to(2, 1)], "it missed the end");
    assert_eq!(machine.deadline(), None);
}

#[test]
fn a_second_claim_is_not_sent_for_what_is_done() {
    let mut machine = server(1, EVEN);
    give(&mut machine, at(5), asked(1));
    give(&mut machine, at(6), Input::Finished(delivered(1)));
    let outputs = run_until(&mut machine, at(1_000));
    assert_eq!(outputs, vec![done_to(2, 1), done_to(3, 1)]);
}

#[test]
fn an_end_that_is_heard_ends_it_here() {
    let done = Input::DoneHeard {
        from: NodeId(1),
        done: delivered(1),
    };
    let mut machine = server(2, EVEN);
    give(&mut machine, at(5), asked(1));
    let outputs = give(&mut machine, at(6), done.clone());
    assert_eq!(outputs, vec![Output::Forget(ask(1).request)]);
    assert!(give(&mut machine, at(7), done).is_empty());
    assert!(give(&mut machine, at(8), asked(1)).is_empty());
    assert!(give(&mut machine, at(8), claimed(1, 1, 0, 5)).is_empty());
    assert_eq!(machine.deadline(), None);
    give(&mut machine, at(6).after(OVER_KEPT), claimed(1, 1, 0, 5));
    assert!(machine.deadline().is_some(), "forgotten by then");
}

#[test]
fn what_was_refused_may_be_asked_for_again() {
    let mut owner = server(1, [Some(0), Some(5), Some(6)]);
    give(&mut owner, at(5), asked(1));
    give(&mut owner, at(6), Input::Finished(refused(1)));
    run_until(&mut owner, at(105));
    assert!(give(&mut owner, at(105), asked(1)).is_empty());
    let outputs = give(&mut owner, at(106), asked(1));
    assert!(outputs.contains(&won(1, 1)) && outputs.contains(&elected(1, 1, 1)));

    let mut other = server(2, EVEN);
    give(&mut other, at(5), claimed(1, 1, 0, 1_000));
    let done = Input::DoneHeard {
        from: NodeId(1),
        done: refused(1),
    };
    give(&mut other, at(6), done);
    assert!(give(&mut other, at(106), claimed(1, 1, 1, 1_000)).is_empty());
    assert!(give(&mut other, at(107), asked(1)).is_empty());
    let outputs = give(&mut other, at(500), view([None, Some(1), Some(2)]));
    assert!(outputs.contains(&won(1, 2)), "followed without the ask");
}

#[test]
fn what_was_delivered_is_over_for_good() {
    let mut owner = server(1, EVEN);
    give(&mut owner, at(5), asked(1));
    give(&mut owner, at(6), Input::Finished(delivered(1)));
    run_until(&mut owner, at(1_000));
    assert_eq!(give(&mut owner, at(30_000), asked(1)), vec![]);
    let outputs = give(&mut owner, at(30_001), claimed(2, 1, 7, 0));
    assert_eq!(outputs, vec![done_to(2, 1)], "it took over for nothing");

    let mut other = server(2, EVEN);
    give(&mut other, at(5), claimed(1, 1, 0, 1_000));
    let heard = |done| Input::DoneHeard {
        from: NodeId(1),
        done,
    };
    assert_eq!(give(&mut other, at(6), heard(refused(1))), vec![]);
    let outputs = give(&mut other, at(7), heard(delivered(1)));
    assert_eq!(outputs, vec![Output::Forget(ask(1).request)]);
    assert_eq!(give(&mut other, at(8), heard(refused(1))), vec![]);
    assert_eq!(give(&mut other, at(30_000), asked(1)), vec![]);
}

#[test]
fn a_refusal_ends_nothing_that_another_server_owns() {
    let refusal = Input::DoneHeard {
        from: NodeId(3),
        done: refused(1),
    };
    let mut owner = server(1, EVEN);
    give(&mut owner, at(5), asked(1));
    assert_eq!(give(&mut owner, at(6), refusal.clone()), vec![]);
    assert_eq!(give(&mut owner, at(7), asked(1)).len(), 2, "still its own");

    let mut other = server(2, EVEN);
    give(&mut other, at(5), claimed(1, 1, 0, 1_000));
    assert_eq!(give(&mut other, at(6), refusal), vec![]);
    let finished = Input::Finished(refused(1));
    assert_eq!(give(&mut other, at(7), finished), vec![]);
    let outputs = give(&mut other, at(500), view([None, Some(1), Some(2)]));
    assert!(outputs.contains(&won(1, 1)), "as nobody has ended it");
}
