//! What those send whom nobody knows: bytes, forged and repeated packets, bent handshakes.

use std::net::SocketAddr;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::attacker::{Attacker, dropped, dropped_as, elsewhere, held_bytes};
use super::{VICTIM, beside_a_good_transfer, home, is_delivered};
use crate::proto::codec;
use crate::proto::packet::Packet;
use crate::transport::endpoint::tests::net::Net;
use crate::transport::endpoint::tests::{CLIENT, packet};
use crate::transport::frame;
use crate::transport::wire::{self, Kind, Outer, REFUSAL_BYTES, VERSION};

const KINDS: [Kind; 7] = [
    Kind::Initiation,
    Kind::Answer,
    Kind::Finish,
    Kind::Cookie,
    Kind::Early,
    Kind::EarlyAnswer,
    Kind::UnknownSession,
];

fn random(size: usize) -> Vec<u8> {
    let mut rng = ChaCha20Rng::seed_from_u64(size as u64);
    let mut bytes = vec![0; size];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// A datagram of this kind whose other bytes are of no sense.
fn senseless(kind: Kind, size: usize) -> Vec<u8> {
    let mut bytes = random(size.max(2));
    bytes[..2].copy_from_slice(&[VERSION, kind as u8]);
    bytes
}

/// A packet that looks sealed.
fn looks_sealed(session: u32, number: u64, size: usize) -> Vec<u8> {
    let header = wire::Header {
        generation: 0,
        session,
        number,
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend(random(size));
    bytes
}

/// The victim has one session; gives its number there.
fn acquainted(seed: u64) -> (Net, u32) {
    let mut net = Net::new(seed, 3, 2);
    net.tap = Some(Vec::new());
    net.say(CLIENT, VICTIM, packet(1));
    assert!(net.run(1_000, &|net| net.packets(VICTIM) == 1));
    net.run(100, &|_| false);
    let to_victim = net.tapped(home(VICTIM));
    let mut sessions = to_victim
        .iter()
        .filter_map(|datagram| match wire::parse(datagram) {
            Ok(Outer::Sealed(header)) => Some(header.session),
            _ => None,
        });
    let session = sessions.next().expect("a sealed packet");
    (net, session)
}

/// Sends it to the victim, which drops it as this and answers with no more than came; nothing
/// else changes.
fn is_dropped(net: &mut Net, from: SocketAddr, datagram: &[u8], reason: &str) {
    let (before, links, held) = {
        let endpoint = &net.hosts[VICTIM].endpoint;
        (
            dropped_as(endpoint, reason),
            endpoint.links.len(),
            held_bytes(endpoint),
        )
    };
    let heard = net.hosts[VICTIM].heard.len();
    net.tapped(from);
    net.inject_one(VICTIM, from, datagram);
    let answered: usize = net.tapped(from).iter().map(Vec::len).sum();
    let size = datagram.len();
    let endpoint = &net.hosts[VICTIM].endpoint;
    let head = &datagram[..size.min(12)];
    let counts = endpoint.counts();
    assert_eq!(
        dropped_as(endpoint, reason),
        before + 1,
        "{size} bytes {head:?} are not dropped as {reason:?}: {counts:?}"
    );
    assert!(
        answered <= size,
        "{size} bytes {head:?} are answered with {answered}"
    );
    assert_eq!(endpoint.links.len(), links, "{head:?}");
    assert_eq!(held_bytes(endpoint), held);
    assert_eq!(net.hosts[VICTIM].heard.len(), heard, "{head:?}");
}

#[test]
fn what_killed_others_is_dropped_and_counted() {
    let (mut net, session) = acquainted(21);
    let stranger = elsewhere(1);
    let table: [(Vec<u8>, &str); 14] = [
        (vec![], "empty"),
        (vec![1, 2, 3, 4, 5], "version"),
        (b"hello".to_vec(), "version"),
        (vec![VERSION], "too short"),
        (vec![VERSION, 0], "unknown kind"),
        (vec![VERSION, 99, 1, 2, 3], "unknown kind"),
        (vec![0; 5], "too short"),
        (vec![0; 60], "unknown kind"),
        (vec![0x84; 60], "unknown kind"),
        (vec![0xff; 1_472], "unknown kind"),
        (vec![0x80; 26], "too short"),
        (looks_sealed(session ^ 1, 5, 100), "unknown session"),
        (looks_sealed(session, 1 << 40, 16), "forged"),
        (looks_sealed(session, 1 << 40, 1_400), "forged"),
    ];
    for (datagram, reason) in table {
        is_dropped(&mut net, stranger, &datagram, reason);
        is_dropped(&mut net, home(CLIENT), &datagram, reason);
    }
    net.say(CLIENT, VICTIM, packet(2));
    assert!(net.run(1_000, &|net| net.packets(VICTIM) == 2));
}

#[test]
fn handshakes_of_no_sense_are_counted_at_every_length() {
    let (mut net, _) = acquainted(22);
    for kind in KINDS {
        for size in (2..200).chain([1_135, 1_136, 1_199, 1_200, 1_472, 9_000, 65_507]) {
            // Another second each time: whatever has a rate does not hide the rest.
            net.now_us += 10_000;
            is_dropped(&mut net, elsewhere(2), &senseless(kind, size), "");
        }
    }
}

#[test]
fn datagrams_of_any_size_and_batches_of_any_stride_are_survived() {
    let (mut net, session) = acquainted(23);
    for size in [0, 1, 1_473, 9_000, 65_507, 65_535] {
        for first in [0, 1, VERSION, 0x80, 0x83, 0xff] {
            let mut bytes = random(size);
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            for stride in [0, 1, 2, 27, 1_472, 65_535, usize::MAX] {
                net.now_us += 1_000_000;
                let before = dropped(&net.hosts[VICTIM].endpoint);
                net.inject(VICTIM, elsewhere(3), &bytes, stride);
                let after = dropped(&net.hosts[VICTIM].endpoint);
                let pieces = size.div_ceil(stride.max(1)).max(1) as u64;
                assert_eq!(
                    after,
                    before + pieces,
                    "{size} bytes by {stride}, first {first}"
                );
            }
        }
    }
    is_dropped(
        &mut net,
        elsewhere(3),
        &looks_sealed(session, 77, 65_480),
        "forged",
    );
}

#[test]
fn a_stranger_is_told_of_other_versions_in_words_that_all_understand() {
    let (mut net, _) = acquainted(24);
    for version in (1..0x80).filter(|version| *version != VERSION) {
        net.now_us += 10_000;
        let mut datagram = random(1_200);
        datagram[0] = version;
        datagram[2..6].copy_from_slice(&[9, 8, 7, 6]);
        net.inject_one(VICTIM, elsewhere(4), &datagram);
        let answers = net.tapped(elsewhere(4));
        let expected = [0, b'P', b'N', b'T', b'M', VERSION, VERSION, 9, 8, 7, 6];
        assert_eq!(answers, [expected.to_vec()], "version {version}");
        assert_eq!(expected.len(), REFUSAL_BYTES);
    }
    // What the first version of this protocol sent.
    let old = codec::encode_packet(&Packet::Bye).expect("short");
    is_dropped(&mut net, elsewhere(4), &old, "version");
}

#[test]
fn versions_and_refusals_do_not_use_up_the_reasons() {
    let (mut net, _) = acquainted(25);
    for version in 1..0x80 {
        net.inject_one(VICTIM, elsewhere(5), &[version; 40]);
    }
    for bounds in 0..=u16::MAX {
        let [lowest, highest] = bounds.to_le_bytes();
        let mut refusal = [0, b'P', b'N', b'T', b'M', lowest, highest, 0, 0, 0, 0];
        refusal[7..].copy_from_slice(&u32::from(bounds).to_le_bytes());
        net.inject_one(VICTIM, elsewhere(5), &refusal);
    }
    is_dropped(
        &mut net,
        elsewhere(5),
        &looks_sealed(5, 5, 50),
        "unknown session",
    );
    let dropped = &net.hosts[VICTIM].endpoint.counts().dropped;
    assert_eq!(dropped.get("other"), None, "{dropped:?}");
}

#[test]
fn strangers_do_not_disturb_a_good_transfer() {
    let mut sessions = Vec::new();
    let prepare = |net: &mut Net| net.tap = Some(Vec::new());
    let net = beside_a_good_transfer(26, prepare, |net, event| {
        for (_, _, datagram) in net.tap.as_mut().expect("tapped").drain(..) {
            if let Ok(Outer::Sealed(header)) = wire::parse(&datagram)
                && !sessions.contains(&header.session)
            {
                sessions.push(header.session);
            }
        }
        let from = if event % 2 == 0 {
            home(CLIENT)
        } else {
            elsewhere(6)
        };
        let kind = KINDS[event as usize % KINDS.len()];
        let size = event as usize * 7 % 1_472;
        net.inject_one(VICTIM, from, &senseless(kind, size));
        net.inject_one(CLIENT, home(VICTIM), &senseless(kind, size));
        net.inject_one(VICTIM, from, &random(size));
        for session in &sessions {
            let guess = looks_sealed(*session, event, size + 16);
            net.inject_one(VICTIM, from, &guess);
            net.inject_one(CLIENT, home(VICTIM), &guess);
            let hint = wire::unknown_session(wire::Header {
                generation: 0,
                session: *session,
                number: event,
            });
            net.inject_one(CLIENT, elsewhere(6), &hint);
        }
    });
    assert!(dropped_as(&net.hosts[VICTIM].endpoint, "forged") > 100);
}

#[test]
fn an_acknowledgement_by_a_stranger_is_none() {
    let (mut net, _) = acquainted(27);
    net.send(VICTIM, CLIENT, 9, &Net::body(300_000));
    net.hosts[CLIENT].is_up = false;
    net.run(200, &|_| false);
    // A session of their own gives a stranger no say in that of another.
    let mut attacker = Attacker::user(7);
    attacker.connect(&mut net, VICTIM);
    let mut frames = Vec::new();
    for largest in [1, 10, 100, 1 << 30, (1 << 48) - 1] {
        frame::write_ack(&mut frames, largest, 0, &[u64::MAX; 16]);
    }
    attacker.say(&mut net, VICTIM, &frames);
    let victim = &net.hosts[VICTIM].endpoint;
    assert!(dropped_as(victim, "acknowledgement of what was not sent") >= 1);
    net.run(500, &|_| false);
    assert_eq!(net.count(VICTIM, &is_delivered), 0);
    net.hosts[CLIENT].is_up = true;
    assert!(net.run(9_000, &|net| net.count(VICTIM, &is_delivered) == 1));
    assert!(net.received(CLIENT) == [Net::body(300_000)]);
}

#[test]
fn a_handshake_cut_or_bent_anywhere_leads_nowhere_and_the_whole_one_still_does() {
    let (mut net, _) = acquainted(28);
    let mut attacker = Attacker::user(8);
    let from = attacker.address;
    let (_, initiation) = attacker.begin(&net, VICTIM, 1_200);
    for length in 0..initiation.len() {
        net.now_us += 10_000;
        is_dropped(&mut net, from, &initiation[..length], "");
    }
    for place in (0..400).chain(1_150..1_168) {
        net.now_us += 10_000;
        let mut bent = initiation.clone();
        bent[place] ^= 0x10;
        is_dropped(&mut net, from, &bent, "");
    }
    net.inject_one(VICTIM, from, &initiation);
    let answers = net.tapped(from);
    assert!(answers.len() == 2 && answers[0] == answers[1]);
}

#[test]
fn an_answer_cut_or_bent_anywhere_leads_nowhere_and_the_whole_one_still_does() {
    let mut net = Net::new(29, 3, 2);
    net.tap = Some(Vec::new());
    net.cut.push((CLIENT, VICTIM));
    net.say(CLIENT, VICTIM, packet(1));
    let [initiation] = &net.tapped(home(VICTIM))[..] else {
        panic!("one initiation");
    };
    net.inject_one(VICTIM, home(CLIENT), initiation);
    let [answer, again] = &net.tapped(home(CLIENT))[..] else {
        panic!("one answer, twice");
    };
    assert_eq!(answer, again);
    let before = dropped(&net.hosts[CLIENT].endpoint);
    for length in 0..answer.len() {
        net.inject_one(CLIENT, home(VICTIM), &answer[..length]);
    }
    for place in 0..answer.len() {
        let mut bent = answer.clone();
        bent[place] ^= 1;
        net.inject_one(CLIENT, home(VICTIM), &bent);
    }
    let endpoint = &net.hosts[CLIENT].endpoint;
    assert_eq!(endpoint.counts().sessions, 0);
    assert_eq!(dropped(endpoint) - before, 2 * answer.len() as u64);
    net.inject_one(CLIENT, home(VICTIM), answer);
    assert_eq!(net.hosts[CLIENT].endpoint.counts().sessions, 1);
    net.cut.clear();
    assert!(net.run(1_000, &|net| net.packets(VICTIM) == 1));
}

/// Everything that passed between a client and the victim: to whom, bytes.
fn capture(net: &mut Net) -> Vec<(usize, Vec<u8>)> {
    net.tap = Some(Vec::new());
    net.say(CLIENT, VICTIM, packet(1));
    net.send(CLIENT, VICTIM, 7, &Net::body(200_000));
    assert!(net.run(5_000, &|net| net.count(CLIENT, &is_delivered) == 1));
    net.say(VICTIM, CLIENT, packet(2));
    net.send(VICTIM, CLIENT, 8, &Net::body(200_000));
    assert!(net.run(5_000, &|net| net.count(VICTIM, &is_delivered) == 1));
    net.run(1_000, &|_| false);
    let tap = net.tap.take().expect("tapped");
    let ends = |to| {
        [VICTIM, CLIENT]
            .into_iter()
            .find(|place| home(*place) == to)
    };
    let captured = tap
        .into_iter()
        .filter_map(|(_, to, bytes)| Some((ends(to)?, bytes)));
    captured.collect()
}

/// What both ends have heard, and how many sessions they made.
fn effects(net: &Net) -> Vec<usize> {
    let ends = [VICTIM, CLIENT].map(|place| {
        let host = &net.hosts[place];
        let moved: usize = host.heard.iter().map(|incoming| incoming.moved.len()).sum();
        let sessions = host.endpoint.counts().sessions as usize;
        [
            net.packets(place),
            moved,
            sessions,
            host.endpoint.links.len(),
        ]
    });
    ends.concat()
}

#[test]
fn a_captured_session_that_is_replayed_has_no_effect() {
    let mut net = Net::new(30, 3, 2);
    let captured = capture(&mut net);
    assert!(captured.len() > 200);
    let before = effects(&net);
    for wait_us in [0, 1_000_000, 40_000_000, 100_000_000] {
        net.now_us += wait_us;
        for stranger in [elsewhere(9), home(CLIENT)] {
            net.tap = Some(Vec::new());
            let mut came = 0;
            for (to, bytes) in &captured {
                // From where it came at first, or from elsewhere.
                let from = match (to, stranger == home(CLIENT)) {
                    (&CLIENT, true) => home(VICTIM),
                    _ => stranger,
                };
                net.inject_one(*to, from, bytes);
                came += bytes.len();
                net.run(1, &|_| false);
            }
            let went: usize = net.tapped(elsewhere(9)).iter().map(Vec::len).sum();
            assert!(went <= came, "{went} bytes for {came}");
            assert_eq!(effects(&net), before, "after {wait_us} us from {stranger}");
        }
    }
    // The session itself did not suffer, and did not move.
    net.tap = Some(Vec::new());
    net.say(VICTIM, CLIENT, packet(3));
    net.say(CLIENT, VICTIM, packet(4));
    assert!(net.run(500, &|net| net.packets(CLIENT) == 2
        && net.packets(VICTIM) == 2));
    assert_eq!(net.tapped(elsewhere(9)).len(), 0);
}

#[test]
fn a_captured_session_that_is_replayed_to_a_restarted_server_has_no_effect() {
    let mut net = Net::new(31, 3, 2);
    let captured = capture(&mut net);
    net.restart(VICTIM, 3, &|_| {});
    net.tap = Some(Vec::new());
    let to_victim = captured.iter().filter(|(to, _)| *to == VICTIM);
    for (_, bytes) in to_victim {
        net.inject_one(VICTIM, elsewhere(9), bytes);
        net.run(1, &|_| false);
    }
    assert_eq!(net.hosts[VICTIM].heard.len(), 0);
    assert_eq!(held_bytes(&net.hosts[VICTIM].endpoint), 0);
    net.tapped(elsewhere(9));
    net.say(CLIENT, VICTIM, packet(5));
    assert!(net.run(2_000, &|net| net.packets(VICTIM) == 1));
    assert_eq!(net.hosts[VICTIM].heard[0].at, home(CLIENT));
    assert_eq!(net.tapped(elsewhere(9)).len(), 0);
}

#[test]
fn nobody_is_flooded_by_way_of_the_victim() {
    let (mut net, session) = acquainted(32);
    let mut rng = ChaCha20Rng::seed_from_u64(32);
    let target = elsewhere(10);
    let mut attacker = Attacker::user(11);
    let (mut came, mut went) = (0, 0);
    for round in 0..4_000_u32 {
        let size = rng.random_range(0..1_472);
        let datagram = match round % 10 {
            0 => attacker.begin(&net, VICTIM, 1_200).1,
            1 => looks_sealed(session, u64::from(round), size),
            2 => looks_sealed(rng.random(), u64::from(round), size),
            3 => vec![9; size],
            _ => senseless(KINDS[round as usize % 7], size),
        };
        net.inject_one(VICTIM, target, &datagram);
        came += datagram.len();
        net.run(1, &|_| false);
        went += net.tapped(target).iter().map(Vec::len).sum::<usize>();
        assert!(went <= came, "{went} bytes for {came}");
    }
    // Nor afterwards, when timers ring.
    net.run(200_000, &|_| false);
    assert_eq!(net.tapped(target).len(), 0);
}
