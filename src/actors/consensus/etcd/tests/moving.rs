//! A ledger on its way into etcd and out of it.

use super::model::Model;
use super::world::{SECOND, World};
use crate::actors::consensus::moving::{self, Exported, Source};
use crate::actors::consensus::tests::toy::{self, Toy};
use crate::actors::consensus::{EtcdConfig, Import, StateMachine, Whereabouts, Why};
use crate::actors::edges::HttpAnswer;
use crate::proto::ids::NodeId;
use crate::time::WallTime;

fn file() -> Exported {
    let mut state = Toy::default();
    for number in 1..=500 {
        state.apply(number, WallTime(number), &toy::command(number));
    }
    Exported {
        source: Source::Server {
            me: NodeId(1),
            voters: vec![1],
            term: 3,
        },
        seq: 500,
        state: state.snapshot(),
    }
}

fn answer(model: &mut Model, body: &[u8]) -> HttpAnswer {
    HttpAnswer::Done {
        status: 200,
        body: model.carry_out(body),
    }
}

fn import(model: &mut Model, file: &Exported) -> Result<Import, String> {
    let config = EtcdConfig {
        part_bytes: 1_000,
        ..EtcdConfig::lan(1, "p".into())
    };
    let mut import = Import::new(config, file, NodeId(2));
    while let Some(order) = import.next() {
        import.answered(answer(model, &order.body))?;
    }
    Ok(import)
}

#[test]
fn servers_go_on_with_what_was_imported() {
    let file = file();
    let mut world = World::new(1, 3, 0, |_| {});
    let marker = import(&mut world.model, &file)
        .expect("etcd is empty")
        .record();
    // Another server that imports the same leaves it as it is.
    let rows = world.model.rows.clone();
    assert!(import(&mut world.model, &file).is_ok());
    assert_eq!(world.model.rows, rows);
    for server in 0..3 {
        world.crash(server);
        world.put(server, marker.clone());
        world.start(server);
    }
    world.run(2 * SECOND);
    world.calm();
    world.assert_settled();
    let machine = world.machine(0).expect("runs");
    assert!(machine.state().first.len() >= 500);
    let again = machine.exported().expect("caught up");
    assert!(again.seq >= 500 && matches!(again.source, Source::Etcd { .. }));
    let mut other = file;
    other.seq += 1;
    assert!(import(&mut world.model, &other).is_err());
}

#[test]
fn what_was_exported_goes_on_nowhere_else() {
    let mut world = World::new(2, 3, 2, |_| {});
    world.run(2 * SECOND);
    let early = world
        .machine(0)
        .and_then(|of| of.closing())
        .expect("caught up");
    world.run(SECOND);
    let closed = answer(&mut world.model, &early.body);
    let machine = world.machine(0).expect("runs");
    assert_eq!(machine.is_closed(closed), Ok(false), "others have appended");
    world.calm();
    let machine = world.machine(0).expect("runs");
    let (order, file) = (machine.closing(), machine.exported());
    let (order, file) = (order.expect("caught up"), file.expect("caught up"));
    for _ in 0..2 {
        let closed = answer(&mut world.model, &order.body);
        let machine = world.machine(0).expect("runs");
        assert_eq!(machine.is_closed(closed), Ok(true));
    }
    world.run(3 * SECOND);
    for server in 0..3 {
        let why = world.machine(server).and_then(|of| of.quarantine.clone());
        assert_eq!(why, Some(Why::Elsewhere(Whereabouts::Exported)));
        let rows = world.rows(server);
        assert_eq!(moving::may_import(&rows, &file), Ok(()));
        let older = Exported {
            seq: 1,
            ..file.clone()
        };
        assert!(moving::may_import(&rows, &older).is_err());
    }
}
