//! Who is answered, and what becomes of questions whose pass is not taken.

use super::*;
use crate::crypto::passes::PassSigner;
use crate::crypto::static_key::StaticSecret;
use crate::proto::limits::{PASS_ALONE_MS, PASS_MS, PASS_SKEW_MS};
use crate::proto::pass::Visit;

/// When the servers say that the tests begin; our own clock says 1970.
const TODAY: u64 = 1_800_000_000_000;

fn server_key(node: u8) -> StaticSecret {
    StaticSecret::from_bytes([100 + node; 32])
}

fn keyed() -> Config {
    Config {
        keys: [1, 2, 3]
            .map(|node| (NodeId(node), server_key(node).public()))
            .into(),
        ..config()
    }
}

/// A pass of server 1, for Bob who asks Alice.
fn pass_until(until: u64) -> Pass {
    let signer = PassSigner::new(&server_key(1));
    let (asker, peer) = (bob().user_id(), alice().user_id());
    signer.pass(asker, peer, WallTime(until), NodeId(1))
}

fn ask() -> Note {
    Note::GalleryAsk {
        nonce: 1,
        from_name: "bob".to_owned(),
    }
}

fn visit(letter: &Letter, pass: Option<Pass>) -> Input {
    let letter_bytes = Bytes::from(codec::encode(letter));
    Input::VisitArrived {
        from: letter.from.user_id(),
        body: codec::encode(&Visit {
            pass,
            letter: letter_bytes,
        })
        .into(),
    }
}

fn faults(outputs: &[Output]) -> Vec<(Party, PassFault)> {
    let of = |output: &Output| match output {
        Output::Send {
            to,
            packet: Packet::PassWanted { fault, .. },
        } => Some((*to, *fault)),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

/// Alice, who has just heard a server say that it is today.
fn alice_today() -> Rig {
    let mut rig = Rig::new(keyed());
    let at = WallTime(TODAY);
    let from = NodeId(1);
    assert_eq!(rig.give(Input::ServerHeard { from, at }), []);
    rig
}

/// What comes of Bob's question under this pass: it is handed on, or he is told why not.
fn asked(rig: &mut Rig, id: u8, pass: Option<Pass>) -> Result<(), PassFault> {
    let letter = letter_from(&bob(), id, &ask());
    let outputs = rig.give(visit(&letter, pass));
    match faults(&outputs).as_slice() {
        [] => {
            assert_eq!(handed_on(&outputs), [(letter.id, true)]);
            assert_eq!(confirmed(&outputs).len(), 1);
            Ok(())
        }
        [(to, fault)] => {
            assert_eq!(*to, Party::User(bob().user_id()));
            assert_eq!(handed_on(&outputs), []);
            assert_eq!(confirmed(&outputs), []);
            Err(*fault)
        }
        more => panic!("{more:?}"),
    }
}

#[test]
pub(super) fn only_who_shows_a_pass_is_answered() {
    let mut rig = alice_today();
    assert_eq!(asked(&mut rig, 1, None), Err(PassFault::Missing));
    // Nor without an envelope for one, nor by way of a server.
    let letter = letter_from(&bob(), 2, &ask());
    let outputs = rig.give(arrives(&letter));
    assert_eq!(faults(&outputs)[0].1, PassFault::Missing);
    assert_eq!(handed_on(&outputs), []);
    let outputs = rig.give(mail(&[letter_from(&bob(), 3, &ask())]));
    assert_eq!(handed_on(&outputs), []);
    assert_eq!(acked(&outputs), [LetterId([3; 16])]);
    assert_eq!(
        asked(&mut rig, 4, Some(pass_until(TODAY + PASS_MS))),
        Ok(())
    );
}

#[test]
pub(super) fn a_pass_is_worth_nothing_to_anybody_else() {
    let mut rig = alice_today();
    let until = WallTime(TODAY + PASS_MS);
    let signer = PassSigner::new(&server_key(1));
    // Stolen from Mallory, and shown by Bob; given for Mallory, and shown to Alice.
    let (asker, peer) = (mallory().user_id(), alice().user_id());
    let stolen = signer.pass(asker, peer, until, NodeId(1));
    assert_eq!(asked(&mut rig, 1, Some(stolen)), Err(PassFault::OtherPair));
    let (asker, peer) = (bob().user_id(), mallory().user_id());
    let elsewhere = signer.pass(asker, peer, until, NodeId(1));
    assert_eq!(
        asked(&mut rig, 2, Some(elsewhere)),
        Err(PassFault::OtherPair)
    );
}

#[test]
fn a_pass_is_signed_by_the_server_it_names() {
    let mut rig = alice_today();
    let (asker, peer) = (bob().user_id(), alice().user_id());
    let until = WallTime(TODAY + PASS_MS);
    let by = |key: u8, named: u8| {
        let signer = PassSigner::new(&server_key(key));
        Some(signer.pass(asker, peer, until, NodeId(named)))
    };
    assert_eq!(asked(&mut rig, 1, by(9, 9)), Err(PassFault::UnknownServer));
    assert_eq!(asked(&mut rig, 2, by(2, 1)), Err(PassFault::Forged));
    assert_eq!(asked(&mut rig, 3, by(2, 2)), Ok(()));
}

#[test]
pub(super) fn a_pass_runs_out_by_the_clock_of_its_server() {
    let mut rig = alice_today();
    let edge = TODAY - PASS_SKEW_MS;
    assert_eq!(asked(&mut rig, 1, Some(pass_until(edge))), Ok(()));
    let over = pass_until(edge - 1);
    assert_eq!(asked(&mut rig, 2, Some(over)), Err(PassFault::Expired));
    // Time goes on between two words of the server.
    drop(rig.pass(1_000));
    let over = pass_until(edge + 999);
    assert_eq!(asked(&mut rig, 3, Some(over)), Err(PassFault::Expired));
    let longest = TODAY + 1_000 + PASS_MS + PASS_SKEW_MS;
    assert_eq!(asked(&mut rig, 4, Some(pass_until(longest))), Ok(()));
    let ahead = pass_until(longest + 1);
    assert_eq!(asked(&mut rig, 5, Some(ahead)), Err(PassFault::Ahead));
}

#[test]
fn another_server_s_clock_serves_where_that_of_the_pass_is_not_known() {
    let mut rig = Rig::new(keyed());
    let (from, at) = (NodeId(2), WallTime(TODAY));
    assert_eq!(rig.give(Input::ServerHeard { from, at }), []);
    assert_eq!(asked(&mut rig, 1, Some(pass_until(TODAY))), Ok(()));
    let over = pass_until(TODAY - PASS_SKEW_MS - 1);
    assert_eq!(asked(&mut rig, 2, Some(over)), Err(PassFault::Expired));
    // A stranger's clock is not listened to.
    let (from, at) = (NodeId(9), WallTime(0));
    drop(rig.pass(1));
    assert_eq!(rig.give(Input::ServerHeard { from, at }), []);
    assert_eq!(asked(&mut rig, 3, Some(over)), Err(PassFault::Expired));
}

#[test]
fn without_any_server_passes_count_on_for_a_day_by_our_own_clock() {
    let mut rig = Rig::new(Config {
        calendar: Calendar {
            started_at: WallTime(TODAY),
        },
        ..keyed()
    });
    let edge = TODAY - PASS_ALONE_MS;
    assert_eq!(asked(&mut rig, 1, Some(pass_until(edge))), Ok(()));
    let over = pass_until(edge - 1);
    assert_eq!(asked(&mut rig, 2, Some(over)), Err(PassFault::Expired));
    assert_eq!(asked(&mut rig, 3, None), Err(PassFault::Missing));
    // One word of a server ends that, and ten seconds of silence bring it back.
    let (from, at) = (NodeId(1), WallTime(TODAY));
    assert_eq!(rig.give(Input::ServerHeard { from, at }), []);
    let yesterday = pass_until(TODAY - PASS_ALONE_MS / 2);
    assert_eq!(asked(&mut rig, 4, Some(yesterday)), Err(PassFault::Expired));
    drop(rig.pass(10_000));
    assert_eq!(asked(&mut rig, 5, Some(yesterday)), Ok(()));
}

fn sent_visit(outputs: &[Output]) -> Option<Visit> {
    outputs.iter().find_map(|output| match output {
        Output::Transfer {
            cargo: Cargo::Visit(_),
            body,
            ..
        } => Some(codec::decode(body, LETTER_MAX_BYTES).expect("a visit")),
        _ => None,
    })
}

fn our_pass(until: u64) -> Pass {
    let signer = PassSigner::new(&server_key(1));
    let (asker, peer) = (alice().user_id(), bob().user_id());
    signer.pass(asker, peer, WallTime(until), NodeId(1))
}

/// Answers the one question where Bob is.
fn found(rig: &mut Rig, outputs: &[Output], pass: Option<Pass>) -> Vec<Output> {
    let asked = outputs.iter().find_map(|output| match output {
        Output::Locate { ticket, user } => Some((*ticket, *user)),
        _ => None,
    });
    let (ticket, user) = asked.expect("a question where Bob is");
    rig.give(Input::Located {
        ticket,
        user,
        online: true,
        pass,
    })
}

fn turned_away(rig: &mut Rig, from: &SecretIdentity, letter: LetterId) -> Vec<Output> {
    rig.give(Input::PassWanted {
        from: from.user_id(),
        letter,
        fault: PassFault::Expired,
    })
}

#[test]
fn a_question_goes_with_the_pass_that_its_way_came_with() {
    let mut rig = Rig::new(keyed());
    let (_, outputs) = rig.post(ask());
    let outputs = found(&mut rig, &outputs, Some(our_pass(5)));
    let visit = sent_visit(&outputs).expect("a visit");
    assert_eq!(visit.pass, Some(our_pass(5)));
    let letter: Letter = codec::decode(&visit.letter, LETTER_MAX_BYTES).expect("a letter");
    assert!(letters::open(&bob(), &letter).is_ok_and(|note| note == ask()));
    // What may come by way of the servers, too, shows none.
    let (_, outputs) = rig.post(lasting(1));
    assert!(sent_visit(&outputs).is_none());
}

#[test]
fn a_pass_that_is_not_taken_is_renewed_twice_and_then_the_person_is_told() {
    let mut rig = Rig::new(keyed());
    let (ticket, mut outputs) = rig.post(ask());
    for until in 0..3 {
        let sent = found(&mut rig, &outputs, Some(our_pass(until)));
        let visit = sent_visit(&sent).expect("a visit");
        assert_eq!(visit.pass, Some(our_pass(until)));
        let letter: Letter = codec::decode(&visit.letter, LETTER_MAX_BYTES).expect("a letter");
        // Only its reader turns it away.
        assert_eq!(turned_away(&mut rig, &mallory(), letter.id), []);
        outputs = turned_away(&mut rig, &bob(), letter.id);
    }
    assert_eq!(refused(&outputs), [(ticket, Reason::Unreachable)]);
    assert_eq!(queue(&outputs), [0]);
    assert_eq!(rig.pass(60_000), [], "it is over");
}

#[test]
fn an_old_pass_is_kept_when_the_way_comes_without_one() {
    let mut rig = Rig::new(keyed());
    let (_, outputs) = rig.post(ask());
    let sent = found(&mut rig, &outputs, Some(our_pass(5)));
    let visit = sent_visit(&sent).expect("a visit");
    let letter: Letter = codec::decode(&visit.letter, LETTER_MAX_BYTES).expect("a letter");
    let outputs = turned_away(&mut rig, &bob(), letter.id);
    let sent = found(&mut rig, &outputs, None);
    assert_eq!(sent_visit(&sent).expect("a visit").pass, Some(our_pass(5)));
}
