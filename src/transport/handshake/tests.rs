use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::crypto::noise::Pattern;
use crate::time::{Moment, WallTime};

mod crowd;
mod disorder;
mod early;
mod timing;

const WALL: WallTime = WallTime(1_795_000_000_000);
const HEADER: [u8; 11] = [0x80; 11];

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn address(n: u32) -> SocketAddr {
    SocketAddr::from((n.to_be_bytes(), 4_433))
}

fn desk_with(secret: u8, config: Config) -> Desk {
    let payload = vec![secret; 64];
    Desk::new(&[secret; 32], payload, [secret ^ 0x55; 32], config).unwrap()
}

fn desk(secret: u8) -> Desk {
    desk_with(secret, Config::default())
}

fn key_of(desk: &Desk) -> Option<[u8; 32]> {
    Some(*desk.public())
}

/// An answer and its session, or what happened instead.
fn answer(reaction: Reaction) -> (Vec<u8>, Option<Box<Established>>) {
    match reaction {
        Reaction::Answer {
            datagram,
            established,
        } => (datagram, established),
        Reaction::Cookie(_) => panic!("a cookie"),
        Reaction::Refusal(_) => panic!("a refusal"),
        Reaction::Dropped(reason) => panic!("dropped: {reason}"),
    }
}

fn dropped(reaction: Reaction) -> Reason {
    match reaction {
        Reaction::Dropped(reason) => reason,
        _ => panic!("not dropped"),
    }
}

fn passes(from: &mut Established, to: &mut Established, number: u64) -> bool {
    let mut packet = b"frames".to_vec();
    let generation = from.keys.advance(at(0), number).unwrap();
    let tag = from.keys.seal_in_place(number, &HEADER, &mut packet);
    packet.extend_from_slice(&tag);
    to.keys
        .open_in_place(at(0), generation, number, &HEADER, &mut packet)
        .is_ok_and(|frames| frames == b"frames")
}

fn assert_paired(a: &mut Established, b: &mut Established) {
    assert!(a.is_initiator && !b.is_initiator);
    assert_eq!(a.local_session, b.remote_session);
    assert_eq!(b.local_session, a.remote_session);
    assert_eq!(a.suite, b.suite);
    assert!(passes(a, b, 1));
    assert!(passes(b, a, 1));
}

/// A finished handshake with IK.
fn connect(a: &mut Desk, b: &mut Desk) -> (Established, Established) {
    let (mut state, initiation) = a.begin(WALL, key_of(b), 11, 0).unwrap();
    let reaction = b.on_initiation(at(0), address(1), &initiation, 22);
    let (reply, theirs) = answer(reaction);
    let (ours, finish) = a.on_answer(at(0), &mut state, &reply).unwrap();
    assert!(finish.is_none());
    (ours, *theirs.unwrap())
}

#[test]
fn ik_takes_one_round_trip() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (mut ours, mut theirs) = connect(&mut a, &mut b);
    assert_paired(&mut ours, &mut theirs);
    assert_eq!((ours.local_session, ours.remote_session), (11, 22));
    assert_eq!(ours.remote_static, *b.public());
    assert_eq!(theirs.remote_static, *a.public());
    assert_eq!(ours.remote_payload, [2; 64]);
    assert_eq!(theirs.remote_payload, [1; 64]);
}

#[test]
fn xx_lets_both_learn_the_other_key() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (mut state, initiation) = a.begin(WALL, None, 11, 1_400).unwrap();
    assert_eq!(initiation.len(), 1_400);
    let (reply, nothing) = answer(b.on_initiation(at(0), address(1), &initiation, 22));
    assert!(nothing.is_none());
    let (mut ours, finish) = a.on_answer(at(0), &mut state, &reply).unwrap();
    let finish = finish.unwrap();
    let mut theirs = b.on_finish(at(0), &finish).unwrap();
    assert_paired(&mut ours, &mut theirs);
    assert_eq!(ours.remote_static, *b.public());
    assert_eq!(theirs.remote_static, *a.public());
    assert_eq!(ours.remote_payload, [2; 64]);
    assert_eq!(theirs.remote_payload, [1; 64]);
    let again = b.on_finish(at(0), &finish).err();
    assert_eq!(again, Some(Reason::UnknownHandshake));
}

#[test]
fn the_suite_is_one_that_both_are_quick_at() {
    for (a, b, suite) in [
        (Suites::ALL, Suites::ALL, Suite::Aes128Gcm),
        (Suites::ALL, Suites::CHACHA, Suite::ChaCha20Poly1305),
        (Suites::CHACHA, Suites::ALL, Suite::ChaCha20Poly1305),
    ] {
        let config = |suites| Config {
            suites,
            ..Config::default()
        };
        let (mut a, mut b) = (desk_with(1, config(a)), desk_with(2, config(b)));
        let (mut ours, mut theirs) = connect(&mut a, &mut b);
        assert_eq!(ours.suite, suite);
        assert_paired(&mut ours, &mut theirs);
    }
}

#[test]
fn payloads_have_a_limit() {
    let make = |bytes| Desk::new(&[1; 32], vec![7; bytes], [0; 32], Config::default());
    assert_eq!(
        make(PAYLOAD_MAX_BYTES + 1).err(),
        Some(Reason::PayloadTooLong)
    );
    let (mut a, mut b) = (make(PAYLOAD_MAX_BYTES).unwrap(), desk(2));
    let (_, theirs) = connect(&mut a, &mut b);
    assert_eq!(theirs.remote_payload, [7; PAYLOAD_MAX_BYTES]);
    let (ours, _) = connect(&mut b, &mut a);
    assert_eq!(ours.remote_payload, [7; PAYLOAD_MAX_BYTES]);
}

#[test]
fn a_payload_can_be_changed() {
    let (mut a, mut b) = (desk(1), desk(2));
    let error = a.set_payload(vec![0; PAYLOAD_MAX_BYTES + 1]);
    assert_eq!(error, Err(Reason::PayloadTooLong));
    a.set_payload(b"new".to_vec()).unwrap();
    assert_eq!(connect(&mut a, &mut b).1.remote_payload, b"new");
}

#[test]
fn a_desk_and_its_sessions_may_move_to_another_thread() {
    const fn is_send<T: Send>() {}
    is_send::<Desk>();
    is_send::<Initiator>();
    is_send::<Early>();
    is_send::<Established>();
    is_send::<EarlyAccepted>();
}

#[test]
fn the_same_seed_gives_the_same_datagrams() {
    let run = || {
        let (mut a, mut b) = (desk(1), desk(2));
        let (_, initiation) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
        let (reply, _) = answer(b.on_initiation(at(0), address(1), &initiation, 22));
        (initiation, reply)
    };
    assert_eq!(run(), run());
    let (mut a, b) = (desk(1), desk(2));
    let mut begin = || a.begin(WALL, key_of(&b), 11, 0).unwrap().1;
    assert_ne!(begin()[9..41], begin()[9..41], "an ephemeral key twice");
}

#[test]
fn who_calls_another_key_is_not_answered() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (_, initiation) = a.begin(WALL, key_of(&desk(3)), 11, 0).unwrap();
    let reaction = b.on_initiation(at(0), address(1), &initiation, 22);
    assert_eq!(dropped(reaction), Reason::BadMac);
}

#[test]
fn who_calls_itself_is_not_answered() {
    let mut a = desk(1);
    let (_, initiation) = a.begin(WALL, key_of(&a), 11, 0).unwrap();
    let reaction = a.on_initiation(at(0), address(1), &initiation, 22);
    assert_eq!(dropped(reaction), Reason::Ourselves);
    let (mut state, initiation) = a.begin(WALL, None, 11, 0).unwrap();
    let (reply, _) = answer(a.on_initiation(at(0), address(1), &initiation, 22));
    let result = a.on_answer(at(0), &mut state, &reply).err();
    assert_eq!(result, Some(Reason::Ourselves));
}

#[test]
fn a_key_that_is_none_cannot_be_called() {
    let error = desk(1).begin(WALL, Some([0; 32]), 11, 0).err();
    assert!(error.is_some());
}

#[test]
fn xx_is_not_answered_where_it_is_not_wanted() {
    let config = Config {
        half_open_max: 0,
        ..Config::default()
    };
    let (mut a, mut b) = (desk(1), desk_with(2, config));
    let (_, initiation) = a.begin(WALL, None, 11, 0).unwrap();
    let reaction = b.on_initiation(at(0), address(1), &initiation, 22);
    assert_eq!(dropped(reaction), Reason::PatternRefused);
}

#[test]
fn another_version_is_told_ours() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (_, mut initiation) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
    initiation[0] = 3;
    match b.on_initiation(at(0), address(1), &initiation, 22) {
        Reaction::Refusal(refusal) => assert!(refusal.len() < 64),
        _ => panic!("no refusal"),
    }
    let reaction = b.on_initiation(at(0), address(1), &[3; 20], 22);
    assert_eq!(dropped(reaction), Reason::TooShort);
}

/// Writes the codes of an initiation again, as a forger who knows our public key can.
fn resign(datagram: &mut [u8], key: Option<&[u8; 32]>) {
    let end = 9 + usize::from(u16::from_le_bytes([datagram[7], datagram[8]]));
    if end + 32 <= datagram.len() {
        let code = layout::mac(&layout::mac1_key(key), &[&datagram[..end]]);
        let place = datagram.len() - 32;
        datagram[place..place + 16].copy_from_slice(&code);
    }
}

#[test]
fn a_bent_initiation_is_never_answered() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (_, initiation) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
    let coded = initiation.len() - 16;
    for byte in 0..coded {
        let mut bent = initiation.clone();
        bent[byte] ^= 0x04;
        // The first byte makes it another version's, which is refused, not answered.
        if byte > 0 {
            dropped(b.on_initiation(at(0), address(1), &bent, 22));
        }
    }
    let config = Config {
        busy_initiations_per_s: 10_000,
        ..Config::default()
    };
    let mut b = desk_with(2, config);
    let length = usize::from(initiation[7]) + 256 * usize::from(initiation[8]);
    for byte in 1..9 + length {
        let mut bent = initiation.clone();
        bent[byte] ^= 0x04;
        resign(&mut bent, Some(b.public()));
        dropped(b.on_initiation(at(0), address(1), &bent, 22));
    }
    answer(b.on_initiation(at(0), address(1), &initiation, 22));
}

#[test]
fn a_shortened_initiation_is_never_answered() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (_, initiation) = a.begin(WALL, key_of(&b), 11, 1_300).unwrap();
    for length in 1..initiation.len() {
        dropped(b.on_initiation(at(0), address(1), &initiation[..length], 22));
    }
    assert_eq!(
        dropped(b.on_initiation(at(0), address(1), &[], 22)),
        Reason::TooShort
    );
}

#[test]
fn forged_answers_do_not_spoil_the_right_one() {
    for pattern in [Pattern::Ik, Pattern::Xx] {
        let (mut a, mut b) = (desk(1), desk(2));
        let remote = key_of(&b).filter(|_| pattern == Pattern::Ik);
        let (mut state, initiation) = a.begin(WALL, remote, 11, 0).unwrap();
        let (reply, _) = answer(b.on_initiation(at(0), address(1), &initiation, 22));
        let ephemeral = &initiation[9..41];
        for byte in 2..reply.len() {
            let mut bent = reply.clone();
            bent[byte] ^= 0x20;
            assert!(a.on_answer(at(0), &mut state, &bent).is_err());
            assert!(a.on_answer(at(0), &mut state, &reply[..byte]).is_err());
            // As somebody forges it who read the initiation: with the right code. Were the
            // responder's session bent alone, the answer would still be the responder's.
            if (10..reply.len() - 16).contains(&byte) {
                let noise = &bent[10..bent.len() - 16];
                let forged = layout::write_answer(11, 22, noise, ephemeral);
                let error = a.on_answer(at(0), &mut state, &forged).err();
                assert_eq!(error, Some(Reason::DoesNotOpen));
            }
        }
        let (ours, _) = a.on_answer(at(0), &mut state, &reply).unwrap();
        assert_eq!(ours.remote_static, *b.public());
        let second = a.on_answer(at(0), &mut state, &reply).err();
        assert_eq!(second, Some(Reason::UnknownHandshake));
    }
}

#[test]
fn an_answer_of_somebody_else_is_none() {
    let (mut a, b, mut c) = (desk(1), desk(2), desk(3));
    let (mut state, _) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
    let (_, to_c) = a.begin(WALL, key_of(&c), 11, 0).unwrap();
    let (reply, _) = answer(c.on_initiation(at(0), address(1), &to_c, 22));
    assert!(a.on_answer(at(0), &mut state, &reply).is_err());
}

#[test]
fn a_lost_answer_is_repeated_without_a_second_session() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (mut state, initiation) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
    let (first, session) = answer(b.on_initiation(at(0), address(1), &initiation, 22));
    let mut theirs = session.unwrap();
    let again = state.again(at(14_000), INITIATION_MIN_BYTES);
    assert_eq!(again, initiation);
    let (second, session) = answer(b.on_initiation(at(14_000), address(1), &again, 23));
    assert_eq!(first, second);
    assert!(session.is_none());
    let (mut ours, _) = a.on_answer(at(14_000), &mut state, &second).unwrap();
    assert_paired(&mut ours, &mut theirs);
}

#[test]
fn a_replayed_initiation_is_not_answered() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (_, old) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
    let (_, new) = a.begin(WALL, key_of(&b), 12, 0).unwrap();
    answer(b.on_initiation(at(0), address(1), &new, 22));
    let reaction = b.on_initiation(at(0), address(1), &old, 23);
    assert!(matches!(reaction, Reaction::Cookie(_)), "before the last");
    let reaction = b.on_initiation(at(60_000), address(1), &new, 24);
    assert_eq!(dropped(reaction), Reason::Replayed, "its answer is gone");
    let (_, next) = a.begin(WALL, key_of(&b), 13, 0).unwrap();
    answer(b.on_initiation(at(60_000), address(1), &next, 25));
}

#[test]
fn who_set_a_calendar_back_must_show_a_cookie() {
    let (mut a, mut b) = (desk(1), desk(2));
    connect(&mut a, &mut b);
    let mut a = desk_with(1, Config::default());
    let (mut state, initiation) = a.begin(WallTime(1_000), key_of(&b), 12, 0).unwrap();
    let Reaction::Cookie(cookie) = b.on_initiation(at(5_000), address(1), &initiation, 23) else {
        panic!("no cookie");
    };
    a.on_cookie(at(5_010), &mut state, &cookie).unwrap();
    let again = state.again(at(5_010), 0);
    let elsewhere = b.on_initiation(at(5_020), address(2), &again, 24);
    assert!(matches!(elsewhere, Reaction::Cookie(_)), "of that address");
    let (reply, theirs) = answer(b.on_initiation(at(5_020), address(1), &again, 25));
    let (mut ours, _) = a.on_answer(at(5_030), &mut state, &reply).unwrap();
    assert_paired(&mut ours, &mut theirs.unwrap());
    // From here on its calendar is the one that counts.
    let (_, next) = a.begin(WallTime(1_000), key_of(&b), 13, 0).unwrap();
    answer(b.on_initiation(at(9_000), address(1), &next, 26));
}

#[test]
fn replays_with_cookies_have_the_rate_of_their_address() {
    let (mut a, mut b) = (desk(1), desk(2));
    let recorded: Vec<(Initiator, Vec<u8>)> = (0..60)
        .map(|session| a.begin(WALL, key_of(&b), session, 0).unwrap())
        .collect();
    let (_, last) = a.begin(WALL, key_of(&b), 99, 0).unwrap();
    answer(b.on_initiation(at(0), address(1), &last, 22));
    let mut answered = 0;
    // Each replay sets the time back again, so the latest go first.
    for (session, (mut state, initiation)) in (100..).zip(recorded.into_iter().rev()) {
        let Reaction::Cookie(cookie) = b.on_initiation(at(0), address(3), &initiation, session)
        else {
            panic!("no cookie");
        };
        a.on_cookie(at(0), &mut state, &cookie).unwrap();
        let again = state.again(at(0), 0);
        match b.on_initiation(at(0), address(3), &again, session) {
            Reaction::Answer { .. } => answered += 1,
            reaction => assert_eq!(dropped(reaction), Reason::Rate),
        }
    }
    let rate = Config::default().address_handshakes_per_s;
    assert!((1..=rate).contains(&answered), "{answered}");
}

#[test]
fn a_forged_finish_does_not_spoil_the_right_one() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (mut state, initiation) = a.begin(WALL, None, 11, 0).unwrap();
    let (reply, _) = answer(b.on_initiation(at(0), address(1), &initiation, 22));
    let (mut ours, finish) = a.on_answer(at(0), &mut state, &reply).unwrap();
    let finish = finish.unwrap();
    let ephemeral = &reply[10..42];
    for byte in 2..finish.len() {
        let mut bent = finish.clone();
        bent[byte] ^= 1;
        assert!(b.on_finish(at(0), &bent).is_err());
        assert!(b.on_finish(at(0), &finish[..byte]).is_err());
        if (6..finish.len() - 16).contains(&byte) {
            let noise = &bent[6..bent.len() - 16];
            let forged = layout::write_finish(22, noise, ephemeral);
            assert_eq!(b.on_finish(at(0), &forged).err(), Some(Reason::DoesNotOpen));
        }
    }
    let mut theirs = b.on_finish(at(5_000), &finish).unwrap();
    assert_paired(&mut ours, &mut theirs);
}

#[test]
fn a_finish_that_comes_too_late_finds_nothing() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (mut state, initiation) = a.begin(WALL, None, 11, 0).unwrap();
    let (reply, _) = answer(b.on_initiation(at(0), address(1), &initiation, 22));
    let (_, finish) = a.on_answer(at(0), &mut state, &reply).unwrap();
    let late = b.on_finish(at(20_000), &finish.unwrap()).err();
    assert_eq!(late, Some(Reason::UnknownHandshake));
}

#[test]
fn no_answer_is_longer_than_its_initiation() {
    let largest = || {
        let payload = vec![1; PAYLOAD_MAX_BYTES];
        Desk::new(&[1; 32], payload, [3; 32], Config::default()).unwrap()
    };
    for remote in [key_of(&desk(2)), None] {
        let (mut a, mut b) = (largest(), desk(2));
        b.payload = vec![2; PAYLOAD_MAX_BYTES];
        let (mut state, initiation) = a.begin(WALL, remote, 11, 0).unwrap();
        assert_eq!(initiation.len(), INITIATION_MIN_BYTES);
        let (reply, _) = answer(b.on_initiation(at(0), address(1), &initiation, 22));
        assert!(reply.len() <= 400);
        let (_, finish) = a.on_answer(at(0), &mut state, &reply).unwrap();
        assert!(finish.is_none_or(|finish| finish.len() <= 400));
    }
    let (_, most) = desk(1).begin(WALL, None, 11, usize::MAX).unwrap();
    assert_eq!(most.len(), DATAGRAM_MAX_BYTES);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_are_dropped(
        head in prop::collection::vec(any::<u8>(), 9),
        bytes in prop::collection::vec(any::<u8>(), 0..1_500),
        kind in 0..8_u8,
        signed: bool,
    ) {
        let (mut a, mut b) = (desk(1), desk(2));
        let (mut state, _) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
        let mut datagram = head;
        datagram[..2].copy_from_slice(&[2, kind]);
        if signed {
            // Past the first checks: a known pattern and length, zeros, the right code.
            datagram[6] = 1 + kind % 2;
            datagram[7..9].copy_from_slice(&[200, 0]);
        }
        datagram.extend_from_slice(&bytes);
        if signed {
            datagram.resize(209, 1);
            datagram.resize(1_200, 0);
            let key = (datagram[6] == 1).then_some(b.public());
            resign(&mut datagram, key.copied().as_ref());
        }
        if kind == 1 {
            let reaction = b.on_initiation(at(0), address(1), &datagram, 22);
            // The first message of XX has no code but that of its text: it may be answered.
            let xx = datagram[6] == 2;
            prop_assert!(xx || matches!(reaction, Reaction::Dropped(_)));
        }
        prop_assert!(a.on_answer(at(0), &mut state, &datagram).is_err());
        prop_assert!(a.on_cookie(at(0), &mut state, &datagram).is_err());
        prop_assert!(b.on_finish(at(0), &datagram).is_err());
        prop_assert!(b.on_early(at(0), address(1), &mut datagram, 22).is_err());
    }
}
