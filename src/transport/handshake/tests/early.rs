use super::*;

/// Both ends after a handshake, each with its ticket.
fn met() -> (Desk, Desk) {
    let (mut a, mut b) = (desk(1), desk(2));
    let (ours, theirs) = connect(&mut a, &mut b);
    a.keep(at(0), ours.resumption, address(2));
    b.keep(at(0), theirs.resumption, address(1));
    (a, b)
}

fn packet(early: &Early, number: u64, frames: &[u8]) -> Vec<u8> {
    let header = early.header(number);
    let mut frames = frames.to_vec();
    let tag = early.keys.seal_in_place(number, &header, &mut frames);
    [&header[..], &frames, &tag].concat()
}

fn begin(a: &mut Desk, b: &Desk) -> Early {
    a.early(at(1_000), b.public(), 33).unwrap()
}

#[test]
fn the_first_packet_of_a_later_session_carries_data() {
    let (mut a, mut b) = met();
    assert!(a.can_begin_early(at(1_000), b.public()));
    let early = begin(&mut a, &b);
    assert!(!a.can_begin_early(at(1_000), b.public()));
    let mut first = packet(&early, 0, b"request");
    let mut second = packet(&early, 1, b"more");
    let accepted = b.on_early(at(1_000), address(1), &mut first, 44).unwrap();
    assert_eq!(&first[accepted.opened.clone()], b"request");
    assert_eq!(accepted.header.number, 0);
    assert!(accepted.address_proven);
    assert!(accepted.answer.len() <= second.len());
    let EarlyAccepted {
        mut keys,
        answer,
        mut established,
        header,
        ..
    } = accepted;
    // A later packet of the same flight.
    let later = EarlyHeader::parse(&second).unwrap();
    assert_eq!((later.random, later.number), (header.random, 1));
    let (clear, sealed) = second.split_at_mut(EARLY_HEADER_BYTES);
    let frames = keys.open_in_place(at(1_000), 0, 1, clear, sealed);
    assert_eq!(frames.unwrap(), b"more");
    let mut ours = a.on_early_answer(at(1_000), &early, &answer).unwrap();
    assert_paired(&mut ours, &mut established);
    assert_eq!(ours.remote_static, *b.public());
    assert_eq!(ours.remote_payload, [2; 64]);
    assert_eq!(established.remote_static, *a.public());
    assert_eq!(established.remote_payload, [1; 64]);
    assert_eq!((ours.local_session, ours.remote_session), (33, 44));
    // And so on.
    a.keep(at(2_000), ours.resumption, address(2));
    b.keep(at(2_000), established.resumption, address(1));
    let early = begin(&mut a, &b);
    let mut first = packet(&early, 0, b"");
    assert!(b.on_early(at(3_000), address(1), &mut first, 45).is_ok());
}

#[test]
fn a_ticket_is_used_once() {
    let (mut a, mut b) = met();
    let early = begin(&mut a, &b);
    assert!(a.early(at(1_000), b.public(), 34).is_none());
    let captured = packet(&early, 0, b"request");
    let mut on_early = |from| b.on_early(at(1_000), from, &mut captured.clone(), 44);
    assert!(on_early(address(1)).is_ok());
    assert_eq!(on_early(address(1)).err(), Some(Reason::UnknownTicket));
    assert_eq!(on_early(address(9)).err(), Some(Reason::UnknownTicket));
}

#[test]
fn a_bent_early_packet_spends_no_ticket() {
    let (mut a, mut b) = met();
    let early = begin(&mut a, &b);
    let first = packet(&early, 7, b"request");
    for byte in 0..first.len() {
        let mut bent = first.clone();
        bent[byte] ^= 2;
        assert!(b.on_early(at(1_000), address(1), &mut bent, 44).is_err());
        let mut short = first[..byte].to_vec();
        assert!(b.on_early(at(1_000), address(1), &mut short, 44).is_err());
    }
    let accepted = b.on_early(at(1_000), address(1), &mut first.clone(), 44);
    let answer = accepted.unwrap().answer;
    for byte in 0..answer.len() {
        let mut bent = answer.clone();
        bent[byte] ^= 2;
        assert!(a.on_early_answer(at(1_000), &early, &bent).is_err());
        assert!(
            a.on_early_answer(at(1_000), &early, &answer[..byte])
                .is_err()
        );
    }
    assert!(a.on_early_answer(at(1_000), &early, &answer).is_ok());
}

#[test]
fn another_address_is_not_proven() {
    let (mut a, mut b) = met();
    let early = begin(&mut a, &b);
    let mut first = packet(&early, 0, b"request");
    let accepted = b.on_early(at(1_000), address(3), &mut first, 44).unwrap();
    assert!(!accepted.address_proven);
}

#[test]
fn a_ticket_is_good_for_a_day() {
    let day = TICKET_LIFE.as_millis() as u64;
    for (when, good) in [(day - 1, true), (day, false)] {
        let (mut a, mut b) = met();
        assert_eq!(a.can_begin_early(at(when), b.public()), good);
        assert_eq!(a.early(at(when), b.public(), 33).is_some(), good);
        let (mut a, _) = met();
        let early = begin(&mut a, &b);
        let mut first = packet(&early, 0, b"request");
        let accepted = b.on_early(at(when), address(1), &mut first, 44);
        assert_eq!(accepted.is_ok(), good);
    }
}

#[test]
fn a_responder_that_lost_its_tickets_says_so() {
    let (mut a, b) = met();
    let early = begin(&mut a, &b);
    let mut first = packet(&early, 0, b"request");
    let mut restarted = desk(2);
    let result = restarted.on_early(at(1_000), address(1), &mut first, 44);
    assert_eq!(result.err(), Some(Reason::UnknownTicket));
}

#[test]
fn issued_tickets_are_bounded_and_the_oldest_go_first() {
    let config = Config {
        tickets_issued_max: 3,
        ..Config::default()
    };
    let mut b = desk_with(2, config);
    let mut clients: Vec<_> = (10..15).map(desk).collect();
    for a in &mut clients {
        let (ours, theirs) = connect(a, &mut b);
        a.keep(at(0), ours.resumption, address(2));
        b.keep(at(0), theirs.resumption, address(1));
    }
    let known: Vec<_> = clients
        .iter_mut()
        .map(|a| {
            let mut first = packet(&begin(a, &b), 0, b"x");
            b.on_early(at(1_000), address(1), &mut first, 44).is_ok()
        })
        .collect();
    assert_eq!(known, [false, false, true, true, true]);
}

#[test]
fn both_directions_and_phases_have_keys_of_their_own() {
    let (mut a, mut b) = met();
    let early = begin(&mut a, &b);
    let mut first = packet(&early, 0, b"request");
    let accepted = b.on_early(at(1_000), address(1), &mut first, 44).unwrap();
    let mut ours = a
        .on_early_answer(at(1_000), &early, &accepted.answer)
        .unwrap();
    let mut frames = b"request".to_vec();
    let tag = early.keys.seal_in_place(0, &HEADER, &mut frames);
    frames.extend_from_slice(&tag);
    let mut theirs = accepted.established;
    for keys in [&mut ours.keys, &mut theirs.keys] {
        let mut packet = frames.clone();
        let opened = keys.open_in_place(at(0), 0, 0, &HEADER, &mut packet);
        assert!(opened.is_err());
    }
}
