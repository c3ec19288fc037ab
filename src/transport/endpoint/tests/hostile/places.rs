//! Who has a place, and who gives way: links, sessions and the ways that they take.

use super::attacker::{Attacker, dropped_as, elsewhere};
use super::{VICTIM, home};
use crate::proto::cargo::Cargo;
use crate::transport::contract::{Moved, Order};
use crate::transport::endpoint::tests::net::Net;
use crate::transport::endpoint::tests::{CLIENT, packet};
use crate::transport::wire::{self, Header, Outer};

/// The client is heard by the victim.
fn met(seed: u64) -> Net {
    let mut net = Net::new(seed, 3, 2);
    net.say(CLIENT, VICTIM, packet(1));
    assert!(net.run(1_000, &|net| net.packets(VICTIM) == 1));
    net
}

#[test]
fn a_session_that_nobody_goes_on_with_lives_for_ten_seconds() {
    let mut net = met(71);
    let mut attacker = Attacker::user(1);
    attacker.connect(&mut net, VICTIM);
    assert_eq!(net.hosts[VICTIM].endpoint.links.len(), 2);
    net.run(9_900, &|_| false);
    assert_eq!(net.hosts[VICTIM].endpoint.links.len(), 2);
    net.run(200, &|_| false);
    let endpoint = &net.hosts[VICTIM].endpoint;
    assert_eq!(endpoint.links.len(), 1);
    assert_eq!(dropped_as(endpoint, "nobody went on with"), 1);
    let survey = endpoint.survey();
    assert_eq!(survey.session_numbers, survey.link_numbers);
    // Who goes on with it after all is told, and begins anew.
    attacker.say(&mut net, VICTIM, &[1]);
    assert_eq!(
        dropped_as(&net.hosts[VICTIM].endpoint, "unknown session"),
        1
    );
}

#[test]
fn who_shows_its_keys_stays() {
    let mut net = met(72);
    let mut attacker = Attacker::user(2);
    attacker.connect(&mut net, VICTIM);
    attacker.say(&mut net, VICTIM, &[1]);
    net.run(60_000, &|_| false);
    let endpoint = &net.hosts[VICTIM].endpoint;
    assert!(endpoint.links.contains_key(&attacker.party));
    assert!(endpoint.unproven.is_empty());
}

#[test]
fn of_proven_links_one_that_was_not_used_lately_gives_way() {
    let mut net = met(73);
    let links_max = 64;
    net.hosts[VICTIM].endpoint.config.links_max = links_max;
    let client = net.hosts[CLIENT].party;
    for number in 0..300 {
        let mut attacker = Attacker::user(number);
        attacker.connect(&mut net, VICTIM);
        attacker.say(&mut net, VICTIM, &[1]);
        net.tap = None;
        if number % 10 == 0 {
            let heard = net.packets(VICTIM);
            net.say(CLIENT, VICTIM, packet(number as u8));
            assert!(net.run(100, &|net| net.packets(VICTIM) == heard + 1));
        }
        net.now_us += 100_000;
        let endpoint = &net.hosts[VICTIM].endpoint;
        assert!(endpoint.links.len() <= links_max);
        assert!(endpoint.links.contains_key(&client), "{number}");
        assert!(endpoint.links.contains_key(&attacker.party), "{number}");
    }
    let survey = net.hosts[VICTIM].endpoint.survey();
    assert_eq!(survey.session_numbers, survey.link_numbers);
    assert!(survey.timers <= links_max);
    assert!(net.hosts[VICTIM].endpoint.remotes.len() <= links_max);
}

#[test]
fn who_waits_for_a_message_to_a_link_that_gives_way_is_told() {
    let mut net = Net::new(77, 3, 2);
    net.hosts[VICTIM].endpoint.config.links_max = 4;
    for number in 0..3 {
        let mut attacker = Attacker::user(number);
        attacker.connect(&mut net, VICTIM);
        attacker.say(&mut net, VICTIM, &[1]);
        let order = Order::SendMessage {
            to: attacker.party,
            cargo: Cargo::MailState(number.into()),
            body: Net::body(10_000),
            digest: None,
        };
        net.order(VICTIM, order);
        net.now_us += 100_000;
    }
    let mut other = Attacker::user(9);
    other.connect(&mut net, VICTIM);
    other.say(&mut net, VICTIM, &[1]);
    let endpoint = &net.hosts[VICTIM].endpoint;
    assert_eq!(dropped_as(endpoint, "links gave way"), 1);
    assert!(endpoint.links.contains_key(&other.party));
    let failed = |moved: &Moved| matches!(moved, Moved::Failed { .. });
    assert_eq!(net.count(VICTIM, &failed), 1);
}

/// What a server in this session would be told by one that does not know it.
fn hint(session: u32, number: u64) -> Vec<u8> {
    let header = Header {
        generation: 0,
        session,
        number,
    };
    wire::unknown_session(header).to_vec()
}

#[test]
fn hints_of_strangers_are_counted_and_change_nothing() {
    let mut net = met(74);
    net.tap = Some(Vec::new());
    net.say(CLIENT, VICTIM, packet(2));
    net.run(100, &|_| false);
    let sent = net.tapped(home(VICTIM));
    let Some(Ok(Outer::Sealed(header))) = sent.first().map(|bytes| wire::parse(bytes)) else {
        panic!("a sealed packet");
    };
    let sessions = net.hosts[CLIENT].endpoint.counts().sessions;
    for number in 0..1_000 {
        net.now_us += 10_000;
        let guess = hint(number, 0);
        net.inject_one(CLIENT, home(VICTIM), &guess);
        // The right session, but not from where it is.
        net.inject_one(CLIENT, elsewhere(1), &hint(header.session, header.number));
        // From there, but of a packet that never left.
        net.inject_one(CLIENT, home(VICTIM), &hint(header.session, 1 << 40));
    }
    let endpoint = &net.hosts[CLIENT].endpoint;
    let dropped =
        dropped_as(endpoint, "hint of nothing") + dropped_as(endpoint, "beyond their rate");
    assert_eq!(dropped, 3_000);
    assert_eq!(endpoint.counts().sessions, sessions);
    assert!(net.tapped(home(VICTIM)).is_empty());
}

#[test]
fn a_refusal_is_counted_and_ends_nothing() {
    let mut net = Net::new(75, 3, 2);
    net.tap = Some(Vec::new());
    net.cut.push((CLIENT, VICTIM));
    net.say(CLIENT, VICTIM, packet(1));
    let [initiation] = &net.tapped(home(VICTIM))[..] else {
        panic!("one initiation");
    };
    // As a server of the future would say it, whose oldest version is newer than ours.
    let mut refusal = vec![0, b'P', b'N', b'T', b'M', wire::VERSION + 1, 0x7f];
    refusal.extend_from_slice(&initiation[2..6]);
    net.inject_one(CLIENT, home(VICTIM), &refusal);
    let endpoint = &net.hosts[CLIENT].endpoint;
    assert_eq!(dropped_as(endpoint, "speaks other versions"), 1);
    // It may have been a stranger's.
    net.cut.clear();
    assert!(net.run(3_000, &|net| net.packets(VICTIM) == 1));
}

#[test]
fn who_hands_packets_on_from_elsewhere_gets_little_and_not_for_long() {
    let mut net = met(76);
    net.tap = Some(Vec::new());
    net.say(CLIENT, VICTIM, packet(2));
    let [fresh] = &net.tapped(home(VICTIM))[..] else {
        panic!("one packet");
    };
    // It overtakes the packet itself.
    let there = elsewhere(2);
    net.inject_one(VICTIM, there, fresh);
    net.send(VICTIM, CLIENT, 9, &Net::body(200_000));
    net.run(5, &|_| false);
    let taken: usize = net.tapped(there).iter().map(Vec::len).sum();
    assert!(taken <= 3 * fresh.len(), "{taken} bytes");
    // The next word of the client brings the session back.
    net.say(CLIENT, VICTIM, packet(3));
    assert!(net.run(5_000, &|net| net.received(CLIENT).len() == 1));
    assert!(net.received(CLIENT) == [Net::body(200_000)]);
    assert_eq!(net.tapped(there), Vec::<Vec<u8>>::new());
}
