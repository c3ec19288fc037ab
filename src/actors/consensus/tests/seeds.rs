//! Everything that can go wrong with hosts, networks and disks, drawn from seeds.

use rand::RngExt;

use super::world::{MS, SECOND, Tally, Weather, World};
use crate::actors::consensus::Input;
use crate::proto::ids::Digest;

/// Simulated time with faults, in seconds; ten more follow without.
const BAD_SECONDS: u64 = 40;

/// Faults of one kind are not in every seed, so that rare ones meet.
fn weather(world: &mut World) -> Weather {
    let rng = &mut world.rng;
    let mut some = |chance: f64, most: f64| {
        if rng.random_bool(chance) {
            rng.random_range(0.0..most)
        } else {
            0.0
        }
    };
    let (loss, twice, straggle) = (some(0.7, 0.2), some(0.5, 0.1), some(0.5, 0.05));
    let (disk_slow, disk_fails) = (some(0.5, 0.02), some(0.3, 0.01));
    let disk_mute = some(0.2, 0.005);
    let slowest = world.rng.random_range(1_000..20_000);
    Weather {
        loss,
        twice,
        straggle,
        delay: 100..slowest,
        disk_slow,
        disk_fails,
        disk_mute,
        ..Weather::CALM
    }
}

/// One run of a seed.
fn run(seed: u64) -> (Tally, Digest) {
    let servers = if seed.is_multiple_of(3) { 5 } else { 3 };
    let checkpoint_every = if seed.is_multiple_of(2) { 200 } else { 10_000 };
    let mut world = World::new(seed, servers, 4, |config| {
        config.checkpoint_every = checkpoint_every;
        config.log_tail = 50;
        config.snapshot_wait_ms = 1_000;
        config.disk_wait_ms = 3_000;
    });
    world.weather = weather(&mut world);
    if seed % 4 == 1 {
        world.pace(&(200 * MS..600 * MS));
    }
    let (crashes, halts, cuts, wipes) = (
        world.rng.random_bool(0.7),
        world.rng.random_bool(0.7),
        world.rng.random_bool(0.5),
        world.rng.random_bool(0.7),
    );
    let until = BAD_SECONDS * SECOND;
    while world.now < until {
        let quiet = world.rng.random_range(200 * MS..4 * SECOND);
        world.run(quiet);
        let server = world.rng.random_range(0..world.count());
        match world.rng.random_range(0..5) {
            // One lost disk at a time is what a group survives.
            4 if wipes && world.is_whole() => world.wipe(server),
            0 if crashes => world.crash(server),
            1 if halts => world.give(server, Input::Halted),
            2 if cuts => {
                let other = world.rng.random_range(0..world.count());
                let both = world.rng.random_bool(0.5);
                world.cuts.insert((server, other));
                if both {
                    world.cuts.insert((other, server));
                }
            }
            3 if cuts => {
                for other in 0..world.count() {
                    world.cuts.insert((server, other));
                    world.cuts.insert((other, server));
                }
            }
            _ => {
                if let Some(leader) = world.leader().filter(|_| crashes) {
                    world.crash(leader);
                }
            }
        }
        let bad = world.rng.random_range(100 * MS..3 * SECOND);
        world.run(bad);
        world.cuts.clear();
        for server in 0..world.count() {
            if !world.is_up(server) {
                world.start(server);
            }
            world.give(server, Input::Resumed);
        }
    }
    world.converge(10 * SECOND);
    (world.tally, world.trace())
}

#[test]
pub(super) fn seeds() {
    let set = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    if let Some(seed) = set("PENTIMENTO_SEED") {
        println!("{:?}", run(seed).0);
        return;
    }
    let mut all = Tally::default();
    for seed in 0..set("PENTIMENTO_SEEDS").unwrap_or(32) {
        let tally = run(seed).0;
        all.events += tally.events;
        all.answered += tally.answered;
        all.told += tally.told;
        all.leaders += tally.leaders;
        all.crashes += tally.crashes;
        all.wipes += tally.wipes;
        all.restored += tally.restored;
        all.disk_failures += tally.disk_failures;
        all.letters += tally.letters;
    }
    println!("{all:?}");
    // Runs in which nothing happens show nothing.
    assert!(all.answered > 5_000 && all.told > 500, "{all:?}");
    assert!(
        all.leaders > 100 && all.crashes > 50 && all.wipes > 20,
        "{all:?}"
    );
    assert!(all.restored > 5 && all.disk_failures > 5, "{all:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 4] {
        let (tally, trace) = run(seed);
        assert_eq!(run(seed), (tally, trace), "seed {seed}");
        assert_ne!(run(seed + 100).1, trace);
    }
}

/// Hosts that were started together and hear each other at once: nothing but their own waits lets
/// one of them stand for election before the others do.
#[test]
pub(super) fn a_new_leader_is_there_soon_whenever_the_old_one_is_gone() {
    for seed in 0..10 {
        let mut world = World::new(seed, 3, 2, |_| {});
        for _ in 0..10 {
            let since = world.now;
            while world.leader().is_none() {
                world.run(20 * MS);
                let is_soon = world.now - since <= 3 * SECOND;
                world.hold(is_soon, "a new leader is there within three seconds");
            }
            world.run(SECOND);
            let leader = world.leader().expect("leads in peace");
            world.crash(leader);
            world.run(40 * MS);
            world.start(leader);
        }
    }
}
