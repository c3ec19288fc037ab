//! A ledger that leaves its servers as files and goes on elsewhere.

use super::toy::Toy;
use super::world::{SECOND, World};
use crate::actors::consensus::moving::{self, Exported, MoveError, Source};
use crate::actors::consensus::*;

fn nodes() -> Vec<NodeId> {
    (1..=3).map(NodeId).collect()
}

fn export(world: &World, server: usize) -> Result<Exported, MoveError> {
    let me = NodeId(server as u8 + 1);
    moving::export(me, &nodes(), &world.rows(server), Toy::default())
}

/// A group that was ended while it worked, with snapshots and logs of different lengths.
fn ended(seed: u64) -> World {
    let mut world = World::new(seed, 3, 4, |config| {
        config.checkpoint_every = 100;
        config.log_tail = 20;
    });
    world.weather.loss = 0.1;
    world.run(4 * SECOND + seed * 1_000);
    world.crash(seed as usize % 3);
    world.run(SECOND / 10 + seed * 777);
    for server in 0..3 {
        if world.is_up(server) {
            world.crash(server);
        }
    }
    world
}

#[test]
fn any_majority_of_the_files_has_every_command_that_was_answered() {
    let mut differing = 0;
    for seed in 0..20 {
        let world = ended(seed);
        let files: Vec<Exported> = (0..3)
            .map(|server| export(&world, server).expect("it is whole"))
            .collect();
        differing += usize::from(files[0].seq != files[1].seq || files[1].seq != files[2].seq);
        for pair in [[0, 1], [1, 2], [2, 0]] {
            let pair = pair.map(|at| files[at].clone());
            let chosen = moving::choose(&pair).expect("a majority");
            let state = Toy::restore(&chosen.state).expect("a state");
            assert!(world.answered.len() > 50);
            for number in world.answered.keys() {
                assert!(
                    state.first.contains_key(number),
                    "seed {seed}: {number} is gone"
                );
            }
        }
    }
    assert!(differing > 5, "{differing}");
}

#[test]
fn servers_that_import_the_same_files_go_on_together() {
    let world = ended(3);
    let files = [0, 1].map(|server| export(&world, server).expect("it is whole"));
    let chosen = moving::choose(&files).expect("a majority");
    let mut later = World::new(4, 3, 0, |_| {});
    for server in 0..3 {
        later.crash(server);
        later.wipe(server);
        let me = NodeId(server as u8 + 1);
        let rows = moving::embedded_rows(me, &nodes(), chosen);
        for record in rows {
            let key = (record.table, record.key);
            let value = record.value.expect("a row");
            later.disk_mut(server).insert(key, value);
        }
        later.start(server);
    }
    later.run(5 * SECOND);
    for server in 0..3 {
        let machine = later.machine(server).expect("runs");
        assert_eq!(machine.standing(), Standing::Serving);
        assert!(machine.votes() && machine.applied() > chosen.seq);
        for number in world.answered.keys() {
            assert!(machine.state().first.contains_key(number));
        }
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let (one, other) = (ended(5), ended(6));
    let file = |world, server| export(world, server).expect("it is whole");
    let [a, b] = [0, 1].map(|server| file(&one, server));
    let too_few = Err(MoveError::TooFew {
        given: 1,
        voters: 3,
    });
    assert_eq!(moving::choose(std::slice::from_ref(&a)), too_few);
    assert_eq!(moving::choose(&[]), Err(MoveError::NoFile));
    assert_eq!(
        moving::choose(&[a.clone(), a.clone()]),
        Err(MoveError::Mixed)
    );
    let mut stranger = b.clone();
    if let Source::Server { voters, .. } = &mut stranger.source {
        voters.push(4);
    }
    assert_eq!(
        moving::choose(&[a.clone(), stranger]),
        Err(MoveError::Mixed)
    );
    let etcd = Exported {
        source: Source::Etcd { origin: a.digest() },
        ..b.clone()
    };
    assert_eq!(
        moving::choose(&[a.clone(), etcd.clone()]),
        Err(MoveError::Mixed)
    );
    assert_eq!(moving::choose(std::slice::from_ref(&etcd)), Ok(&etcd));
    let bytes = a.encode();
    assert_eq!(Exported::decode(&bytes), Ok(a.clone()));
    for at in (0..bytes.len()).step_by(97) {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        assert_eq!(Exported::decode(&bent), Err(MoveError::NoFile));
        assert_eq!(Exported::decode(&bytes[..at]), Err(MoveError::NoFile));
    }
    // One that has its own ledger does not take another one.
    let refused = Err(MoveError::Elsewhere(Whereabouts::Embedded));
    assert_eq!(moving::may_import(&other.rows(0), &a), refused);
    assert_eq!(moving::may_import(&Rows::default(), &a), Ok(()));
}

#[test]
fn a_server_that_is_damaged_new_or_exported_exports_nothing() {
    let mut world = ended(7);
    let me = NodeId(1);
    let rows = world.rows(0);
    assert_eq!(moving::trouble(me, &nodes(), &rows), None);
    let nowhere = export(&World::new(1, 3, 0, |_| {}), 0);
    assert_eq!(nowhere, Err(MoveError::Elsewhere(Whereabouts::Nowhere)));
    let record = moving::exported_record();
    let row = (record.table, record.key);
    let value = record.value.expect("a row");
    world.disk_mut(0).insert(row.clone(), value);
    let exported = Err(MoveError::Elsewhere(Whereabouts::Exported));
    assert_eq!(export(&world, 0), exported);
    let config = world.config(0);
    let machine = Consensus::new(config, Toy::default(), &world.rows(0), [1; 32]);
    assert_eq!(machine.standing(), Standing::Quarantined);
    world.disk_mut(0).remove(&row);
    let last = world.disk_mut(0).keys().next().cloned().expect("a row");
    world.disk_mut(0).remove(&last);
    assert!(matches!(export(&world, 0), Err(MoveError::Quarantined(_))));
    assert!(moving::trouble(me, &nodes(), &world.rows(0)).is_some());
    for record in moving::cleared(&world.rows(0)) {
        world.disk_mut(0).remove(&(record.table, record.key));
    }
    assert_eq!(world.rows(0).whereabouts(), Whereabouts::Nowhere);
}
