//! Many at once: floods of handshakes, true and forged, and what they cost.

use super::attacker::{Attacker, dropped_as, elsewhere};
use super::{VICTIM, home};
use crate::transport::endpoint::tests::net::Net;
use crate::transport::endpoint::tests::{CLIENT, packet};
use crate::transport::handshake::forged_initiation;

/// Forged initiations in a second.
const FLOOD_PER_S: u32 = 200_000;

/// Good clients.
const CLIENTS: usize = 100;

#[test]
fn good_clients_are_served_while_forged_handshakes_pour_in() {
    let mut net = Net::new(61, 1, CLIENTS as u8);
    let key = net.hosts[VICTIM].key;
    let began_us = net.now_us;
    let mut asked_us = vec![None; CLIENTS];
    let mut served_us = vec![None; CLIENTS];
    let (mut came, mut went) = (0, 0);
    let mut memory = 0;
    // The first second lets every table and every rate fill up; then the clients come.
    for number in 0..3 * FLOOD_PER_S {
        let forged = forged_initiation(&key, number, 1_200);
        came += forged.len();
        let before = net.bytes;
        net.inject_one(VICTIM, elsewhere(number), &forged);
        went += (net.bytes - before) as usize;
        let (client, turn) = (number.wrapping_sub(FLOOD_PER_S) / 2_000, number % 2_000);
        if turn == 0 && (client as usize) < CLIENTS {
            memory = memory.max(net.hosts[VICTIM].endpoint.desk.memory_bytes());
            asked_us[client as usize] = Some(net.now_us);
            net.say(1 + client as usize, VICTIM, packet(1));
        }
        let end_us = began_us + u64::from(number + 1) * 1_000_000 / u64::from(FLOOD_PER_S);
        while net.step(end_us) {}
        for incoming in std::mem::take(&mut net.hosts[VICTIM].heard) {
            let from = net
                .hosts
                .iter()
                .position(|host| host.party == incoming.from);
            served_us[from.expect("a client") - 1].get_or_insert(end_us);
        }
    }
    let times = asked_us.iter().zip(&served_us);
    let waits = times.filter_map(|(asked, served)| Some(((*served)? - (*asked)?) / 1_000));
    let soon = waits.filter(|millis| *millis <= 1_000).count();
    let counts = net.hosts[VICTIM].endpoint.counts();
    assert!(
        soon * 100 >= 99 * CLIENTS,
        "{soon} of {CLIENTS}: {counts:?}"
    );
    assert!(memory <= 16 << 20, "{memory} bytes");
    assert!(went <= came, "{went} bytes for {came}");
}

#[test]
fn forged_handshakes_reserve_no_memory() {
    let mut net = Net::new(62, 1, 1);
    let key = net.hosts[VICTIM].key;
    let spent = allocation_counter::measure(|| {
        for number in 0..200_000 {
            let forged = forged_initiation(&key, number, 1_200);
            net.inject_one(VICTIM, elsewhere(number), &forged);
            net.now_us += 5;
        }
    });
    assert!(spent.bytes_max <= 16 << 20, "{} bytes", spent.bytes_max);
    let endpoint = &net.hosts[VICTIM].endpoint;
    assert_eq!(endpoint.links.len(), 0);
    assert!(dropped_as(endpoint, "does not open") >= 100);
}

#[test]
fn handshakes_that_nobody_goes_on_with_cost_little_and_push_nobody_out() {
    let mut net = Net::new(63, 3, 2);
    net.say(CLIENT, VICTIM, packet(1));
    assert!(net.run(1_000, &|net| net.packets(VICTIM) == 1));
    net.run(100, &|_| false);
    let links_max = 100;
    net.hosts[VICTIM].endpoint.config.links_max = links_max;
    let spent = allocation_counter::measure(|| {
        // Few enough to be no crowd, each of them true, from addresses that are not theirs.
        for number in 0..3_000 {
            let (_, initiation) = Attacker::user(number).begin(&net, VICTIM, 1_200);
            net.inject_one(VICTIM, elsewhere(number), &initiation);
            net.now_us += 10_000;
        }
    });
    let endpoint = &net.hosts[VICTIM].endpoint;
    assert!(endpoint.links.len() <= links_max);
    assert!(endpoint.sessions.len() <= 3 * links_max);
    assert!(spent.bytes_max <= 16 << 20, "{} bytes", spent.bytes_max);
    let client = net.hosts[CLIENT].party;
    assert!(
        endpoint.links.contains_key(&client),
        "the good client gave way"
    );
    let sessions = net.hosts[CLIENT].endpoint.counts().sessions;
    net.say(VICTIM, CLIENT, packet(2));
    assert!(net.run(1_000, &|net| net.packets(CLIENT) == 1));
    assert_eq!(net.hosts[CLIENT].endpoint.counts().sessions, sessions);
    assert_eq!(net.hosts[CLIENT].heard[0].at, home(VICTIM));
}

#[test]
fn a_link_costs_little() {
    let mut net = Net::new(64, 1, 1);
    let mut attackers: Vec<Attacker> = (0..100).map(Attacker::user).collect();
    let spent = allocation_counter::measure(|| {
        for attacker in &mut attackers {
            attacker.connect(&mut net, VICTIM);
            attacker.say(&mut net, VICTIM, &[1]);
            net.now_us += 100_000;
        }
    });
    let each = spent.bytes_current / 100;
    assert!(each <= 16 << 10, "{each} bytes");
}
