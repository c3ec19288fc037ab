//! Whole runs.

use bytes::Bytes;

use super::model::Model;
use super::world::{MS, SECOND, Weather, World};
use crate::actors::consensus::tests::toy::Toy;
use crate::actors::consensus::{
    Config, Consensus, Etcd, EtcdConfig, Input, Rows, Standing, StateMachine, Whereabouts, Why,
};
use crate::proto::ids::NodeId;
use crate::time::Calendar;

fn quarantine(world: &World, server: usize) -> Option<&Why> {
    world.machine(server).and_then(|of| of.quarantine.as_ref())
}

fn short(config: &mut Config) {
    config.checkpoint_every = 50;
    config.log_tail = 20;
}

#[test]
fn without_faults_every_command_is_in_the_log_once() {
    let mut world = World::new(1, 3, 8, short);
    world.run(10 * SECOND);
    world.calm();
    world.assert_settled();
    let tally = world.tally;
    assert!(tally.answered > 1_000 && tally.told > 200, "{tally:?}");
    // And one that tells the time.
    assert_eq!(tally.entries, tally.answered + 1, "{tally:?}");
}

#[test]
fn whatever_fails_the_servers_make_the_same_of_the_same_log() {
    let mut sum = (0, 0, 0, 0);
    for seed in 0..40 {
        let world = stormy(seed);
        let tally = world.tally;
        sum.0 += tally.answered;
        sum.1 += tally.lost;
        sum.2 += tally.restored;
        sum.3 += tally.crashes;
    }
    let enough = sum.0 > 2_000 && sum.1 > 500 && sum.2 > 10 && sum.3 > 80;
    assert!(enough, "{sum:?}");
}

fn stormy(seed: u64) -> World {
    let mut world = World::new(seed, 3, 4, short);
    for _ in 0..10 {
        world.weather = Weather {
            lost: world.draw(20) as f64 / 100.0,
            unanswered: world.draw(20) as f64 / 100.0,
            slow: world.draw(20) as f64 / 100.0,
            letters: world.draw(50) as f64 / 100.0,
        };
        world.down.clear();
        if world.draw(3) == 0 {
            let endpoint = world.draw(3) as usize;
            world.down.insert(endpoint);
        }
        let server = world.draw(3) as usize;
        match world.draw(4) {
            0 => world.crash(server),
            1 => world.give(server, Input::Halted),
            _ => {}
        }
        let time = world.draw(3 * SECOND);
        world.run(time);
        world.give(server, Input::Resumed);
        if world.machine(server).is_none() {
            if world.draw(4) == 0 {
                world.wipe(server);
            }
            world.start(server);
        }
    }
    world.calm();
    world.assert_settled();
    world
}

#[test]
fn the_same_seed_is_the_same_run() {
    assert_eq!(stormy(7).digest(), stormy(7).digest());
    assert_ne!(stormy(7).digest(), stormy(8).digest());
}

#[test]
fn who_was_away_for_long_goes_on_from_a_state_as_a_whole() {
    let mut world = World::new(3, 3, 8, short);
    world.run(SECOND);
    world.crash(2);
    world.run(10 * SECOND);
    let keys = world.model.rows.len();
    assert!(keys < 300, "the log is not cut: {keys} keys");
    world.start(2);
    world.calm();
    world.assert_settled();
    assert_eq!(world.tally.restored, 1);
}

#[test]
fn without_etcd_nobody_answers_and_then_they_go_on() {
    let mut world = World::new(4, 3, 4, short);
    world.run(2 * SECOND);
    world.down.extend([0, 1, 2]);
    world.run(5 * SECOND);
    let before = world.tally.answered;
    world.run(10 * SECOND);
    assert_eq!(world.tally.answered, before);
    let standing = |world: &World| world.machine(0).map(Etcd::standing);
    assert_eq!(standing(&world), Some(Standing::Unreachable));
    world.down.remove(&1);
    world.run(10 * SECOND);
    assert!(world.tally.answered > before + 100);
    world.calm();
    world.assert_settled();
}

#[test]
fn an_etcd_that_was_put_back_from_a_copy_is_not_believed() {
    let mut world = World::new(5, 3, 4, short);
    world.run(2 * SECOND);
    let copy = world.model.clone();
    world.run(10 * SECOND);
    // One server is down meanwhile, one has lost its disk.
    world.crash(1);
    world.crash(2);
    world.wipe(2);
    world.model = copy;
    world.start(1);
    world.run(3 * SECOND);
    assert_eq!(quarantine(&world, 0), Some(&Why::Forgot));
    assert_eq!(quarantine(&world, 1), Some(&Why::Forgot));
    // Also after a start.
    world.crash(0);
    world.start(0);
    world.run(SECOND);
    assert_eq!(quarantine(&world, 0), Some(&Why::Forgot));
    // A server that knows nothing believes it; so would a cluster that begins anew.
    world.forgive();
    world.start(2);
    world.run(SECOND);
    assert_eq!(quarantine(&world, 2), None);
}

#[test]
fn an_empty_etcd_and_another_ledger_are_not_believed() {
    for other in [false, true] {
        let mut world = World::new(6, 3, 2, short);
        world.run(3 * SECOND);
        world.crash(0);
        world.model = Model::default();
        if other {
            let mut elsewhere = World::new(7, 3, 8, short);
            elsewhere.run(9 * SECOND);
            world.model = elsewhere.model.clone();
        }
        world.start(0);
        world.run(3 * SECOND);
        let why = if other { Why::OtherLedger } else { Why::Forgot };
        for server in 0..3 {
            assert_eq!(quarantine(&world, server), Some(&why), "{other}");
        }
    }
}

#[test]
fn an_edited_log_is_not_applied() {
    let mut world = World::new(8, 3, 4, |_| {});
    world.run(2 * SECOND);
    world.crash(2);
    world.run(2 * SECOND);
    let in_log = |key: &&Vec<u8>| key.starts_with(b"p/log/");
    let last = world.model.rows.keys().rfind(in_log).cloned();
    let row = world.model.rows.get_mut(&last.expect("a log")).expect("it");
    let end = row.len() - 1;
    row[end] ^= 1;
    world.wipe(2);
    world.start(2);
    world.run(3 * SECOND);
    assert!(quarantine(&world, 2).is_some());
    assert_eq!(quarantine(&world, 0), None);
}

#[test]
fn a_server_that_makes_something_else_of_the_log_takes_itself_out() {
    let mut world = World::new(9, 3, 4, short);
    world.run(SECOND);
    world.bend(1);
    world.run(5 * SECOND);
    assert!(matches!(quarantine(&world, 1), Some(Why::Differs(_))));
    assert_eq!(quarantine(&world, 0), None);
    assert_eq!(quarantine(&world, 2), None);
    // Its state is not what others start from.
    world.crash(2);
    world.start(2);
    world.calm();
    assert_eq!(
        world.machine(2).map(Etcd::standing),
        Some(Standing::Serving)
    );
    let digest = |server| {
        world
            .machine(server)
            .map(|of: &Etcd<Toy>| of.state().digest())
    };
    assert_eq!(digest(0), digest(2));
}

#[test]
fn a_server_of_one_store_is_not_started_with_the_other() {
    let mut world = World::new(10, 3, 2, short);
    world.run(SECOND + 100 * MS);
    world.calm();
    let rows = world.rows(0);
    assert_eq!(rows.whereabouts(), Whereabouts::Etcd);
    let config = || Config::lan(NodeId(1), vec![NodeId(2)], Calendar::default());
    let embedded = Consensus::new(config(), Toy::default(), &rows, [1; 32]);
    assert_eq!(embedded.standing(), Standing::Quarantined);
    let rows = Rows {
        log: vec![(vec![0; 8], Bytes::new())],
        ..Rows::default()
    };
    assert_eq!(rows.whereabouts(), Whereabouts::Embedded);
    let etcd = EtcdConfig::lan(1, "p".into());
    let etcd = Etcd::new(config(), etcd, Toy::default(), &rows, [1; 32]);
    assert_eq!(etcd.quarantine, Some(Why::Elsewhere(Whereabouts::Embedded)));
}
