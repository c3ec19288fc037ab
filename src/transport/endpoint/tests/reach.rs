//! Users who cannot simply send to each other.

use super::net::{Net, address};
use super::{CLIENT, OTHER, is_delivered, packet};
use crate::proto::ids::NodeId;
use crate::proto::packet::{Packet, Party};
use crate::transport::contract::{Moved, Order, SendFailure};
use crate::transport::frame::Purpose;
use crate::transport::link::Introduced;
use crate::transport::way::{RELAYED_BYTES, Way};
use crate::transport::wire::{self, Outer};

/// Two users who have sessions with three servers, and nothing passes between them.
fn apart(seed: u64) -> Net {
    let mut net = Net::new(seed, 3, 2);
    net.cut.push((CLIENT, OTHER));
    net.greet(3);
    net.run(200, &|_| false);
    net.introduce(CLIENT, OTHER);
    net
}

fn is_relayed(way: Option<Way>) -> bool {
    matches!(way, Some(Way::Relay(_)))
}

/// Goes on for so long, with the words that real nodes say to servers.
fn go_on(net: &mut Net, seconds: u64, done: &dyn Fn(&Net) -> bool) -> bool {
    for _ in 0..seconds.div_ceil(2) {
        net.greet(3);
        if net.run(2_000, done) {
            return true;
        }
    }
    false
}

#[test]
fn users_between_whom_nothing_passes_meet_through_a_server() {
    let mut net = apart(1);
    let begin = net.now_us;
    net.say(CLIENT, OTHER, packet(1));
    let heard = |net: &Net| {
        let from = net.hosts[CLIENT].party;
        let mut heard = net.hosts[OTHER].heard.iter();
        heard.any(|told| told.from == from && told.packets == [packet(1)])
    };
    assert!(
        net.run(1_000, &heard),
        "{:?}",
        net.hosts[CLIENT].endpoint.counts()
    );
    // The pause before relays, a handshake of four hops, and a packet of two.
    assert!(net.now_us - begin <= 400_000, "{} us", net.now_us - begin);
    assert!(is_relayed(net.way(CLIENT, OTHER)) && is_relayed(net.way(OTHER, CLIENT)));
    net.say(OTHER, CLIENT, packet(2));
    let begin = net.now_us;
    assert!(net.run(1_000, &|net| {
        net.hosts[CLIENT]
            .heard
            .iter()
            .any(|told| told.packets == [packet(2)])
    }));
    assert_eq!(net.now_us - begin, 2 * net.delay_us);
}

#[test]
fn messages_through_a_relay_fit_the_smallest_path_and_arrive_whole() {
    let mut net = apart(2);
    net.mtu = 1_228;
    let body = Net::body(400_000);
    net.send(CLIENT, OTHER, 7, &body);
    assert!(
        net.run(9_000, &|net| net.count(CLIENT, &is_delivered) == 1),
        "{:?}",
        net.hosts[CLIENT].endpoint.counts()
    );
    assert!(net.received(OTHER) == [body]);
    let relayed: u64 = (0..3)
        .map(|server| net.hosts[server].endpoint.counts().relayed_bytes)
        .sum();
    assert!((400_000..480_000).contains(&relayed), "{relayed} bytes");
}

#[test]
fn a_server_that_passes_on_sees_only_what_is_sealed() {
    const WORDS: &[u8] = b"what nobody but the other user may read";
    let mut net = apart(11);
    net.send(CLIENT, OTHER, 7, &WORDS.repeat(2_000).into());
    net.say(CLIENT, OTHER, packet(77));
    assert!(net.run(9_000, &|net| net.count(CLIENT, &is_delivered) == 1));
    let servers = net.hosts[..3].iter();
    let passed: Vec<_> = servers.flat_map(|host| &host.endpoint.passed_on).collect();
    assert!(passed.len() > 60, "{} datagrams", passed.len());
    let holds = |datagram: &[u8], part: &[u8]| {
        let mut windows = datagram.windows(part.len());
        windows.any(|window| window == part)
    };
    for datagram in passed {
        assert!(!holds(datagram, &WORDS[..8]) && !holds(datagram, &[77; 16]));
        let is_sealed = matches!(wire::parse(datagram), Ok(Outer::Sealed(_)));
        let is_handshake = matches!(wire::parse(datagram), Ok(Outer::Handshake(_)));
        assert!(is_sealed || (is_handshake && datagram.len() <= RELAYED_BYTES));
    }
}

#[test]
fn a_relay_through_heavy_loss_brings_everything() {
    for seed in 10..14 {
        let mut net = apart(seed);
        net.loss = 0.05;
        let body = Net::body(100_000);
        net.send(CLIENT, OTHER, 7, &body);
        let done = |net: &Net| net.count(CLIENT, &is_delivered) == 1;
        assert!(go_on(&mut net, 20, &done), "seed {seed}");
        assert!(net.received(OTHER) == [body]);
    }
}

#[test]
fn when_the_relay_falls_silent_another_one_takes_over_and_nothing_is_lost() {
    for seed in 20..24 {
        let mut net = apart(seed);
        let body = Net::body(3_000_000);
        net.send(CLIENT, OTHER, 7, &body);
        net.run(700, &|_| false);
        let Some(Way::Relay(NodeId(node))) = net.way(CLIENT, OTHER) else {
            panic!("seed {seed}: {:?}", net.way(CLIENT, OTHER));
        };
        assert!(net.received(OTHER).is_empty());
        net.order(usize::from(node) - 1, Order::Gate(true));
        let done = |net: &Net| net.count(CLIENT, &is_delivered) == 1;
        assert!(go_on(&mut net, 12, &done), "seed {seed}");
        assert!(net.received(OTHER) == [body]);
        let Some(Way::Relay(other)) = net.way(CLIENT, OTHER) else {
            panic!("seed {seed}: {:?}", net.way(CLIENT, OTHER));
        };
        assert_ne!(other, NodeId(node), "seed {seed}");
    }
}

#[test]
fn a_session_moves_to_a_direct_way_once_there_is_one() {
    let mut net = apart(3);
    let body = Net::body(6_000_000);
    net.send(CLIENT, OTHER, 7, &body);
    net.run(1_000, &|_| false);
    assert!(is_relayed(net.way(CLIENT, OTHER)));
    net.cut.clear();
    let done = |net: &Net| net.count(CLIENT, &is_delivered) == 1;
    assert!(go_on(&mut net, 12, &done));
    assert!(net.received(OTHER) == [body]);
    assert_eq!(net.way(CLIENT, OTHER), Some(Way::Direct(address(OTHER))));
    assert_eq!(net.way(OTHER, CLIENT), Some(Way::Direct(address(CLIENT))));
}

#[test]
fn a_direct_way_that_breaks_is_replaced_by_a_relay() {
    let mut net = apart(4);
    net.cut.clear();
    let body = Net::body(12_000_000);
    net.send(CLIENT, OTHER, 7, &body);
    net.run(150, &|_| false);
    assert_eq!(net.way(CLIENT, OTHER), Some(Way::Direct(address(OTHER))));
    assert!(net.received(OTHER).is_empty());
    net.cut.push((CLIENT, OTHER));
    let done = |net: &Net| net.count(CLIENT, &is_delivered) == 1;
    assert!(go_on(&mut net, 12, &done));
    assert!(net.received(OTHER) == [body] && is_relayed(net.way(CLIENT, OTHER)));
}

#[test]
fn both_may_begin_at_once_through_a_relay() {
    let mut net = apart(5);
    net.introduce(OTHER, CLIENT);
    net.say(CLIENT, OTHER, packet(1));
    net.say(OTHER, CLIENT, packet(2));
    let heard = |net: &Net, place: usize, number: u8| {
        let mut heard = net.hosts[place].heard.iter();
        heard.any(|told| told.packets.contains(&packet(number)))
    };
    assert!(net.run(3_000, &|net| heard(net, OTHER, 1) && heard(net, CLIENT, 2)));
}

#[test]
fn where_a_server_sees_a_user_is_tried_beside_what_was_told() {
    let mut net = Net::new(6, 3, 2);
    net.greet(3);
    net.run(200, &|_| false);
    net.introduce(CLIENT, OTHER);
    // What was told is old: the user is elsewhere by now.
    net.hosts[OTHER].address = address(40);
    for _ in 0..3 {
        net.greet(3);
        net.run(200, &|_| false);
    }
    net.say(CLIENT, OTHER, packet(1));
    assert!(net.run(1_000, &|net| net.way(CLIENT, OTHER).is_some()));
    assert_eq!(net.way(CLIENT, OTHER), Some(Way::Direct(address(40))));
}

#[test]
fn without_a_server_that_sees_the_user_the_message_fails_in_time() {
    let mut net = apart(7);
    net.hosts[OTHER].is_up = false;
    net.run(11_000, &|_| false);
    net.send(CLIENT, OTHER, 7, &Net::body(5_000));
    let failed = |moved: &Moved| {
        matches!(
            moved,
            Moved::Failed {
                reason: SendFailure::NoWay,
                ..
            }
        )
    };
    assert!(go_on(&mut net, 14, &|net| net.count(CLIENT, &failed) == 1));
    assert_eq!(net.way(CLIENT, OTHER), None);
}

#[test]
fn wishes_beyond_their_rate_bring_nobody_together() {
    let mut net = apart(8);
    let (now, wanted) = (net.now(), net.user(OTHER));
    let asker = net.hosts[CLIENT].party;
    for number in 0..1_000 {
        let said = Introduced {
            purpose: Purpose::Wish,
            user: wanted,
            number,
            addresses: Vec::new(),
        };
        net.hosts[0].endpoint.on_introduction(now, asker, said);
    }
    let counts = net.hosts[0].endpoint.counts();
    assert!(counts.introductions <= 16, "{}", counts.introductions);
    assert!(counts.dropped["introductions beyond their rate"] >= 984);
}

#[test]
fn users_do_not_introduce_and_servers_do_not_ask() {
    let mut net = apart(9);
    let (now, user) = (net.now(), net.user(OTHER));
    let said = |purpose| Introduced {
        purpose,
        user,
        number: 1,
        addresses: vec![address(9)],
    };
    let (client, server) = (net.hosts[CLIENT].party, Party::Server(NodeId(1)));
    for purpose in [Purpose::Here, Purpose::Away, Purpose::Asked] {
        net.hosts[0]
            .endpoint
            .on_introduction(now, client, said(purpose));
        net.hosts[OTHER]
            .endpoint
            .on_introduction(now, client, said(purpose));
    }
    net.hosts[OTHER]
        .endpoint
        .on_introduction(now, server, said(Purpose::Wish));
    let dropped = |place: usize| {
        let counts = net.hosts[place].endpoint.counts();
        counts.dropped["introduction out of place"]
    };
    assert_eq!((dropped(0), dropped(OTHER)), (3, 4));
    let datagrams = net.datagrams;
    net.say(CLIENT, 0, Packet::Ping(2));
    assert_eq!(net.datagrams - datagrams, 1, "nobody was sent anything");
}

#[test]
fn nobody_is_sent_where_a_user_only_seems_to_be() {
    let mut net = apart(12);
    let elsewhere = address(60);
    // Datagrams of a session with another source: whoever is there never answers.
    net.hosts[CLIENT].address = elsewhere;
    net.say(CLIENT, 0, Packet::Ping(2));
    net.run(11, &|_| false);
    net.hosts[CLIENT].address = address(61);
    net.tap = Some(Vec::new());
    let (now, user) = (net.now(), net.user(OTHER));
    let asker = net.hosts[CLIENT].party;
    let said = Introduced {
        purpose: Purpose::Wish,
        user,
        number: 1,
        addresses: Vec::new(),
    };
    net.hosts[0].endpoint.on_introduction(now, asker, said);
    assert_eq!(net.hosts[0].endpoint.counts().introductions, 1);
    net.order(0, Order::Gate(false));
    net.run(500, &|_| false);
    let sent = net.tap.take().unwrap_or_default();
    let other = net.hosts[OTHER].address;
    let mut astray = sent
        .iter()
        .filter(|(from, to, _)| *from == other && *to == elsewhere);
    assert_eq!(astray.next(), None);
}
