use super::super::*;
use super::rules::counted;
use super::world::*;
use crate::proto::lease::{AtZero, Change};

/// A strict grant whose picture is with the borrower; this server was down meanwhile.
fn strict_without(server: u8) -> World {
    let mut world = World::new(1);
    world.strict = true;
    world.servers.down.insert(server);
    world.share(7, 9, AtZero::KeepCover);
    world.settle();
    assert_eq!(world.opened, [Ok(true)]);
    world
}

/// Looks until one is given.
fn looked(world: &mut World) -> Option<Outcome> {
    let wish = world.view();
    world.settle();
    let view = world.view_if(wish)?;
    let shown = world.show(view);
    world.settle();
    Some(world.outcome(shown))
}

fn pass(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.pass(1_000);
        world.settle();
    }
}

#[test]
fn a_server_that_was_down_gets_its_share_and_any_two_open() {
    let mut world = strict_without(3);
    world.servers.down = [1].into();
    assert_eq!(
        looked(&mut world),
        None,
        "server 2 has a share, server 3 none"
    );
    pass(&mut world, 30);
    assert_eq!(world.servers.kept, 3);
    assert!(looked(&mut world).is_some());
    world.servers.down.clear();
    world.rest();
    for down in 1..=3 {
        world.servers.down = [down].into();
        assert!(looked(&mut world).is_some(), "without server {down}");
    }
}

#[test]
fn a_server_that_stays_away_is_asked_more_and_more_rarely() {
    let mut world = strict_without(3);
    let mut asked = Vec::new();
    for _ in 0..4 {
        let before = world.servers.offered;
        pass(&mut world, 3_600);
        // Two servers answer each time.
        asked.push((world.servers.offered - before) / 2);
    }
    assert!(asked[0] <= 16, "{asked:?}");
    assert!(
        asked[1..].iter().all(|times| (5..=6).contains(times)),
        "{asked:?}"
    );
    world.servers.down.clear();
    pass(&mut world, 660);
    assert_eq!(world.servers.kept, 3);
}

#[test]
fn a_replaced_disk_is_filled_again_after_a_look_a_start_or_an_hour() {
    let mut world = strict_without(0);
    world.rest();
    let mut kept = 3;
    assert_eq!(world.servers.kept, kept);
    let mut refilled = |world: &mut World, seconds: u64| {
        pass(world, seconds);
        kept += 1;
        assert_eq!(world.servers.kept, kept);
    };
    world.servers.replace_disk(1);
    world.crash(ALICE);
    refilled(&mut world, 1);
    world.servers.replace_disk(2);
    refilled(&mut world, 3_600);
    pass(&mut world, 600);
    world.servers.replace_disk(3);
    world.look();
    refilled(&mut world, 2);
}

#[test]
fn a_server_that_tells_of_another_disk_gets_its_shares_at_once_and_not_for_every_word() {
    let mut world = strict_without(0);
    pass(&mut world, 60);
    let told = |world: &mut World, server: u8, disk: u8| {
        let (from, disk) = (NodeId(server), DiskId([disk; 16]));
        world.give(ALICE, Input::ServerHeard { from, disk });
        world.settle();
    };
    for server in 1..=3 {
        told(&mut world, server, 1);
    }
    pass(&mut world, 60);
    let offered = world.servers.offered;
    told(&mut world, 2, 1);
    told(&mut world, 9, 1);
    told(&mut world, 9, 2);
    pass(&mut world, 60);
    assert_eq!(world.servers.offered, offered, "no disk of ours is new");
    let kept = world.servers.kept;
    world.servers.replace_disk(2);
    told(&mut world, 2, 2);
    pass(&mut world, 1);
    assert_eq!(world.servers.kept, kept + 1);
    let offered = world.servers.offered;
    for disk in 3..63 {
        told(&mut world, 2, disk);
        pass(&mut world, 1);
    }
    let times = (world.servers.offered - offered) / 3;
    assert!((10..=13).contains(&times), "{times} times in a minute");
}

#[test]
fn what_has_ended_is_not_put_before_the_servers() {
    let mut world = strict_without(3);
    world.adjust(Change::Revoke);
    world.settle();
    let offered = world.servers.offered;
    world.servers.down.clear();
    pass(&mut world, 7_200);
    world.crash(ALICE);
    pass(&mut world, 60);
    assert_eq!(world.servers.offered, offered);
}

#[test]
fn looks_that_are_added_later_bring_new_shares_to_all() {
    let mut world = World::new(1);
    world.strict = true;
    world.share(7, 1, AtZero::KeepCover);
    world.settle();
    assert_eq!(world.look(), counted(1, 0));
    world.rest();
    // Long enough for the servers to destroy their shares.
    for _ in 0..60 {
        world.pass(60_000);
        world.settle();
    }
    world.servers.down.insert(1);
    world.adjust(Change::Add(2));
    pass(&mut world, 10);
    assert_eq!(world.look(), counted(2, 1));
    world.servers.down = [2].into();
    pass(&mut world, 120);
    assert_eq!(world.look(), counted(3, 0));
}

/// Disks are replaced one after the other while no look is left, and the servers still keep shares.
#[test]
pub(super) fn looks_that_are_added_at_once_find_their_shares_on_new_disks() {
    let mut world = World::new(1);
    world.strict = true;
    world.share(7, 1, AtZero::KeepCover);
    let told = |world: &mut World, server: u8, disk: u8| {
        let (from, disk) = (NodeId(server), DiskId([disk; 16]));
        world.give(ALICE, Input::ServerHeard { from, disk });
        pass(world, 2);
    };
    for server in 1..=3 {
        told(&mut world, server, 1);
    }
    pass(&mut world, 10);
    assert_eq!(world.look(), counted(1, 0));
    for server in 1..=3 {
        world.servers.replace_disk(server);
        told(&mut world, server, 2);
    }
    world.adjust(Change::Add(1));
    pass(&mut world, 10);
    assert_eq!(world.look(), counted(2, 0));
}
