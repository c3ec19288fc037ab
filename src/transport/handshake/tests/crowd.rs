use super::*;
use crate::transport::handshake::INITIATION_MIN_BYTES;

/// A desk that is in a crowd from the first initiation on.
fn busy() -> Desk {
    let config = Config {
        busy_initiations_per_s: 0,
        ..Config::default()
    };
    desk_with(2, config)
}

fn cookie(reaction: Reaction) -> Vec<u8> {
    match reaction {
        Reaction::Cookie(datagram) => datagram,
        Reaction::Dropped(reason) => panic!("dropped: {reason}"),
        _ => panic!("no cookie"),
    }
}

#[test]
fn in_a_crowd_an_address_is_proven_first() {
    for remote in [key_of(&busy()), None] {
        let (mut a, mut b) = (desk(1), busy());
        let (mut state, initiation) = a.begin(WALL, remote, 11, 0).unwrap();
        let reply = cookie(b.on_initiation(at(0), address(1), &initiation, 22));
        assert!(reply.len() <= initiation.len());
        assert_eq!(b.memory_bytes(), 0, "a stranger costs no memory");
        for byte in 2..reply.len() {
            let mut bent = reply.clone();
            bent[byte] ^= 1;
            assert!(a.on_cookie(at(0), &mut state, &bent).is_err());
            assert!(a.on_cookie(at(0), &mut state, &reply[..byte]).is_err());
        }
        a.on_cookie(at(0), &mut state, &reply).unwrap();
        let again = state.again(at(10), INITIATION_MIN_BYTES);
        assert_eq!(again[..again.len() - 16], initiation[..again.len() - 16]);
        let (reply, _) = answer(b.on_initiation(at(10), address(1), &again, 22));
        a.on_answer(at(20), &mut state, &reply).unwrap();
    }
}

#[test]
fn in_a_stampede_a_cookie_is_for_who_asks_twice() {
    let config = Config {
        busy_initiations_per_s: 0,
        stampede_initiations_per_s: 0,
        ..Config::default()
    };
    let (mut a, mut b) = (desk(1), desk_with(2, config));
    let (mut state, initiation) = a.begin(WALL, key_of(&b), 11, 1_472).unwrap();
    let mut begins = |millis, from| b.on_initiation(at(millis), address(from), &initiation, 22);
    assert_eq!(dropped(begins(0, 1)), Reason::UnderLoad);
    assert_eq!(dropped(begins(0, 2)), Reason::UnderLoad, "from elsewhere");
    cookie(begins(40, 1));
    assert_eq!(dropped(begins(1_100, 1)), Reason::UnderLoad, "long ago");
    // A smaller datagram is the same initiation.
    let smaller = state.again(at(1_200), INITIATION_MIN_BYTES);
    let reply = cookie(b.on_initiation(at(1_200), address(1), &smaller, 22));
    a.on_cookie(at(1_200), &mut state, &reply).unwrap();
    let shown = state.again(at(1_200), INITIATION_MIN_BYTES);
    answer(b.on_initiation(at(1_200), address(1), &shown, 22));
}

#[test]
fn a_cookie_is_for_one_address_and_a_while() {
    let (mut a, mut b) = (desk(1), busy());
    let (mut state, initiation) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
    let reply = cookie(b.on_initiation(at(0), address(1), &initiation, 22));
    a.on_cookie(at(0), &mut state, &reply).unwrap();
    let again = state.again(at(0), INITIATION_MIN_BYTES);
    cookie(b.on_initiation(at(0), address(2), &again, 22));
    assert_eq!(
        state.again(at(120_000), INITIATION_MIN_BYTES),
        initiation,
        "no longer shown"
    );
    cookie(b.on_initiation(at(240_000), address(1), &again, 22));
    // Shown within its life, it is good even if the secret changed in between.
    let (mut state, initiation) = a.begin(WALL, key_of(&b), 12, 0).unwrap();
    let reply = cookie(b.on_initiation(at(359_000), address(1), &initiation, 22));
    a.on_cookie(at(359_000), &mut state, &reply).unwrap();
    let again = state.again(at(470_000), INITIATION_MIN_BYTES);
    answer(b.on_initiation(at(470_000), address(1), &again, 22));
}

#[test]
fn a_cookie_for_another_initiation_is_not_taken() {
    let (mut a, mut b) = (desk(1), busy());
    let (mut state, _) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
    let (_, other) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
    let reply = cookie(b.on_initiation(at(0), address(1), &other, 22));
    let error = a.on_cookie(at(0), &mut state, &reply);
    assert_eq!(error, Err(Reason::DoesNotOpen));
}

#[test]
fn a_lost_answer_is_repeated_in_a_crowd_too() {
    let (mut a, mut b) = (desk(1), busy());
    let (mut state, initiation) = a.begin(WALL, key_of(&b), 11, 0).unwrap();
    let reply = cookie(b.on_initiation(at(0), address(1), &initiation, 22));
    a.on_cookie(at(0), &mut state, &reply).unwrap();
    let again = state.again(at(0), INITIATION_MIN_BYTES);
    let (first, _) = answer(b.on_initiation(at(0), address(1), &again, 22));
    let (second, session) = answer(b.on_initiation(at(0), address(1), &again, 23));
    assert_eq!(first, second);
    assert!(session.is_none());
}

#[test]
fn a_quiet_desk_asks_for_no_cookie_until_the_limit() {
    let config = Config {
        busy_initiations_per_s: 5,
        ..Config::default()
    };
    let (mut a, mut b) = (desk(1), desk_with(2, config));
    for session in 0..7 {
        let (_, initiation) = a.begin(WALL, key_of(&b), session, 0).unwrap();
        let reaction = b.on_initiation(at(100), address(1), &initiation, 100 + session);
        match session {
            0..5 => drop(answer(reaction)),
            _ => drop(cookie(reaction)),
        }
    }
    let (_, initiation) = a.begin(WALL, key_of(&b), 9, 0).unwrap();
    answer(b.on_initiation(at(9_000), address(1), &initiation, 109));
}

#[test]
fn an_address_has_a_rate_and_so_have_all_together() {
    let begin = |a: &mut Desk, b: &mut Desk, from, session| {
        let (mut state, initiation) = a.begin(WALL, key_of(b), session, 0).unwrap();
        let reply = cookie(b.on_initiation(at(0), from, &initiation, session));
        a.on_cookie(at(0), &mut state, &reply).unwrap();
        b.on_initiation(
            at(0),
            from,
            &state.again(at(0), INITIATION_MIN_BYTES),
            session,
        )
    };
    let (mut a, mut b) = (desk(1), busy());
    for session in 0..20 {
        answer(begin(&mut a, &mut b, address(1), session));
    }
    let reaction = begin(&mut a, &mut b, address(1), 20);
    assert_eq!(dropped(reaction), Reason::Rate);
    answer(begin(&mut a, &mut b, address(2), 21));

    let config = Config {
        busy_initiations_per_s: 0,
        handshakes_per_s: 3,
        ..Config::default()
    };
    let (mut a, mut b) = (desk(1), desk_with(2, config));
    for session in 0..3 {
        answer(begin(&mut a, &mut b, address(session), session));
    }
    let reaction = begin(&mut a, &mut b, address(9), 9);
    assert_eq!(dropped(reaction), Reason::Rate);
}

#[test]
fn cookies_have_a_rate() {
    let config = Config {
        busy_initiations_per_s: 0,
        cookies_per_s: 10,
        ..Config::default()
    };
    let (mut a, mut b) = (desk(1), desk_with(2, config));
    let (_, initiation) = a.begin(WALL, key_of(&b), 1, 0).unwrap();
    for n in 0..10 {
        cookie(b.on_initiation(at(0), address(n), &initiation, n));
    }
    let reaction = b.on_initiation(at(0), address(11), &initiation, 11);
    assert_eq!(dropped(reaction), Reason::UnderLoad);
    let mut future = initiation;
    future[0] = 9;
    let reaction = b.on_initiation(at(0), address(11), &future, 11);
    assert_eq!(dropped(reaction), Reason::UnknownVersion);
}

/// The tables' limits, in bytes.
const MEMORY_MAX_BYTES: usize = 24 << 20;

#[test]
fn forged_initiations_cost_a_fixed_memory() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (_, initiation) = a.begin(WALL, key_of(&b), 1, 0).unwrap();
    let key = *b.public();
    let mut answered = 0;
    for n in 0..100_000_u32 {
        let mut forged = initiation.clone();
        forged[9..13].copy_from_slice(&n.to_le_bytes());
        resign(&mut forged, Some(&key));
        let now = at(u64::from(n) / 100);
        match b.on_initiation(now, address(n), &forged, n) {
            Reaction::Answer { .. } => panic!("answered"),
            Reaction::Cookie(reply) => {
                assert!(reply.len() < forged.len());
                answered += 1;
            }
            _ => (),
        }
    }
    // Before it is a stampede; then only what is taken for a repeat by mistake.
    assert!((20_000..25_000).contains(&answered), "{answered}");
    assert_eq!(
        b.memory_bytes(),
        256 << 10,
        "what was seen, in a fixed room"
    );
}

#[test]
fn half_open_handshakes_are_bounded() {
    let (mut a, mut b) = (desk(1), desk(2));
    let (mut answers, mut cookies) = (0, 0);
    for n in 0..2_000 {
        let (_, initiation) = a.begin(WALL, None, n, 0).unwrap();
        // Slow enough to be no crowd.
        match b.on_initiation(at(u64::from(n) * 6), address(n), &initiation, n) {
            Reaction::Answer { .. } => answers += 1,
            Reaction::Cookie(_) => cookies += 1,
            _ => panic!("neither"),
        }
        assert!(b.half_open.len() <= 256);
    }
    assert!(answers >= 128 && cookies > 1_000, "{answers}, {cookies}");
}

#[test]
fn true_handshakes_of_many_cost_bounded_memory() {
    let config = Config {
        handshakes_per_s: 1 << 20,
        busy_initiations_per_s: 1 << 20,
        tickets_issued_max: 100,
        ..Config::default()
    };
    let mut b = desk_with(2, config);
    let remote = key_of(&b);
    for n in 0..400_u32 {
        let mut secret = [7; 32];
        secret[4..8].copy_from_slice(&n.to_le_bytes());
        let payload = vec![1; PAYLOAD_MAX_BYTES];
        let mut a = Desk::new(&secret, payload, secret, Config::default()).unwrap();
        let (_, initiation) = a.begin(WALL, remote, n, 0).unwrap();
        let (_, session) = answer(b.on_initiation(at(0), address(n), &initiation, n));
        b.keep(at(0), session.unwrap().resumption, address(n));
    }
    let per_handshake = b.memory_bytes() / 400;
    assert!(per_handshake < 2_048, "{per_handshake}");
    // All tables full.
    let answers = ANSWERS_MAX * 1_024;
    let stamps = STAMPS_MAX * 96;
    let tickets = 16_384 * 900;
    assert!(answers + stamps + tickets < MEMORY_MAX_BYTES);
}
