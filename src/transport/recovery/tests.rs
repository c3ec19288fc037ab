//! Recovery on simulated links: the bars, sharing, and the properties of numbers and accounts.

mod far_end;
mod link;
mod model;
mod report;
mod rules;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{Algorithm, Config};
use link::{Plan, Shape, World};

const RTT_US: u64 = 20_000;

fn config(seed: u64) -> Config {
    Config {
        first_rtt_us: RTT_US,
        datagram_bytes: 1_472,
        seed,
        ..Config::lan()
    }
}

fn plan(seed: u64, message_bytes: usize) -> Plan {
    Plan {
        config: config(seed),
        message_bytes,
        start_us: 0,
    }
}

fn alone(shape: Shape, message_bytes: usize, seed: u64) -> World {
    let back = Shape { late: 0.0, ..shape };
    let mut world = World::new(shape, back, vec![plan(seed, message_bytes)], seed);
    assert!(world.run(120_000_000), "seed {seed}: not done");
    world
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Medians over `seeds`: milliseconds of 2 MB, megabits per second of 20 MB, share dropped.
fn medians(shape: Shape, seeds: u64) -> (f64, f64, f64) {
    let small = (0..seeds).map(|seed| alone(shape, 2_000_000, seed).flows[0].total_ms(RTT_US));
    let large: Vec<World> = (0..seeds)
        .map(|seed| alone(shape, 20_000_000, seed))
        .collect();
    (
        median(small.collect()),
        median(
            large
                .iter()
                .map(|world| world.flows[0].mbit_per_s(RTT_US))
                .collect(),
        ),
        median(large.iter().map(World::dropped).collect()),
    )
}

#[test]
fn a_link_of_a_hundred_megabits_is_filled_at_any_random_loss() {
    for (loss, small_ms, large_mbit) in [
        (0.0, 250.0, 88.0),
        (0.01, 262.0, 88.0),
        (0.05, 275.0, 84.0),
        (0.2, 360.0, 63.0),
    ] {
        let (small, large, dropped) = medians(Shape::hundred(40.0).losing(loss), 5);
        assert!(small <= small_ms, "2 MB at {loss}: {small} ms");
        assert!(large >= large_mbit, "20 MB at {loss}: {large} Mbit/s");
        assert!(dropped < 0.005, "at {loss}: {dropped}");
    }
}

#[test]
fn packets_that_come_late_cost_nearly_nothing() {
    let (small, large, _) = medians(Shape::hundred(40.0).late(0.05, 5_000), 5);
    assert!(small <= 265.0, "{small} ms");
    assert!(large >= 86.0, "{large} Mbit/s");
}

#[test]
fn a_long_transfer_keeps_its_rate_through_every_state() {
    let world = alone(Shape::hundred(40.0), 150_000_000, 1);
    let rate = world.flows[0].mbit_per_s(RTT_US);
    assert!(rate >= 88.0, "{rate} Mbit/s");
}

/// A transfer over a link drawn from `seed`; whether it ended in time, and what it was.
fn storm(seed: u64) -> Result<(), String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let rtt_us = 10.0_f64.powf(random.random_range(1.5..5.5)) as u64;
    let from_us = random.random_range(0..20 * rtt_us);
    let mut shape = Shape {
        bits_per_s: 10.0_f64.powf(random.random_range(5.5..9.5)),
        delay_us: rtt_us / 2,
        queue_bytes: 10.0_f64.powf(random.random_range(4.0..6.5)),
        loss: random.random_range(0.0_f64..0.6).powi(2),
        burst: random.random_range(1..10),
        late: random.random_range(0.0_f64..0.6).powi(2),
        late_us: random.random_range(0..3 * rtt_us),
        duplicate: random.random_range(0.0..0.1),
        jitter_us: random.random_range(0..rtt_us),
        outage_us: (from_us, from_us + random.random_range(0..1_000_000)),
        slack_us: random.random_range(0..2_000),
        detour: (u64::MAX, 0, 1.0),
    };
    shape.burst = if shape.loss > 0.05 { 1 } else { shape.burst };
    let size = 10.0_f64.powf(random.random_range(1.0..6.0));
    let mut plan = plan(seed, size as usize);
    plan.config.first_rtt_us = 10.0_f64.powf(random.random_range(1.5..5.5)) as u64;
    plan.config.datagram_bytes = [1_200, 1_472, 8_972][random.random_range(0..3)];
    let cubic = random.random_bool(0.2);
    if cubic {
        plan.config.congestion = Algorithm::Cubic;
    }
    let what = format!("seed {seed}: {shape:?} {plan:?}");
    // Ten times the time on the wire, a hundred round trips, and the outage with its back-off.
    let wire_us = size * 8e6 / shape.bits_per_s;
    let rounds = if cubic { 1_000.0 } else { 100.0 };
    let patience_us = 10.0 * wire_us + rounds * (rtt_us + shape.late_us) as f64 + 20e6;
    let mut world = World::new(shape, shape, vec![plan], seed);
    if !world.run(patience_us as u64) {
        return Err(what);
    }
    let flow = &world.flows[0];
    match flow.recovery.in_flight_bytes() {
        0 => Ok(()),
        _ if flow.recovery.deadline().is_some() => Ok(()),
        left => Err(format!("{left} bytes without a deadline: {what}")),
    }
}

#[test]
fn transfers_end_whatever_the_link_does() {
    for seed in 0..100 {
        if let Err(what) = storm(seed) {
            panic!("{what}");
        }
    }
}

#[test]
fn bursts_of_loss_and_duplicates_are_survived() {
    let shape = Shape {
        burst: 8,
        duplicate: 0.02,
        ..Shape::hundred(40.0).losing(0.005)
    };
    let (small, large, _) = medians(shape, 5);
    assert!(small <= 320.0, "{small} ms");
    assert!(large >= 80.0, "{large} Mbit/s");
}

#[test]
fn jitter_and_late_timers_cost_little() {
    let rough = Shape {
        jitter_us: 2_000,
        slack_us: 1_000,
        ..Shape::hundred(40.0)
    };
    for (loss, large_mbit) in [(0.0, 84.0), (0.05, 74.0), (0.2, 63.0)] {
        let (_, large, _) = medians(rough.losing(loss), 5);
        assert!(large >= large_mbit, "20 MB at {loss}: {large} Mbit/s");
    }
}

#[test]
fn other_rates_and_delays_are_filled_without_flooding_their_queues() {
    for (mbit, rtt_us, queue_bytes) in [
        (1.0, 20_000, 60_000.0),
        (10.0, 1_000, 60_000.0),
        (10.0, 100_000, 60_000.0),
        (1_000.0, 50, 60_000.0),
        (1_000.0, 1_000, 60_000.0),
        (1_000.0, 1_000, 500_000.0),
        (10_000.0, 50, 62_500.0),
    ] {
        let shape = Shape {
            bits_per_s: mbit * 1e6,
            delay_us: rtt_us / 2,
            queue_bytes,
            ..Shape::hundred(1.0)
        };
        let mut plan = plan(1, ((mbit * 4e5) as usize).clamp(1_000_000, 40_000_000));
        plan.config.first_rtt_us = rtt_us;
        let bytes = plan.message_bytes as f64;
        let mut world = World::new(shape, shape, vec![plan], 1);
        assert!(
            world.run(120_000_000),
            "{mbit} Mbit/s, {rtt_us} us: not done"
        );
        let ideal_us = bytes * 8.0 * (1_500.0 / 1_432.0) / mbit;
        let used = ideal_us / world.flows[0].done_us.expect("done") as f64;
        assert!(
            used >= 0.85,
            "{mbit} Mbit/s, {rtt_us} us: {used} of the link"
        );
        let dropped = world.dropped();
        assert!(
            dropped <= 0.07,
            "{mbit} Mbit/s, {rtt_us} us: {dropped} dropped"
        );
    }
}

#[test]
fn a_short_queue_is_not_overfilled() {
    let (_, large, dropped) = medians(Shape::hundred(5.0), 5);
    assert!(dropped <= 0.03, "{dropped}");
    assert!(large >= 84.0, "{large} Mbit/s");
}

#[test]
fn two_of_ours_share_a_link_equally() {
    for start_us in [0, 50_000, 100_000, 200_000] {
        let shares = (0..5).map(|seed| shared(Algorithm::Bbr, start_us, 40.0, seed));
        let share = median(shares.collect());
        assert!(
            (0.45..=0.55).contains(&share),
            "from {start_us} us: {share}"
        );
    }
}

#[test]
fn a_neighbour_with_cubic_keeps_its_part() {
    for start_us in [0, 50_000, 100_000, 200_000] {
        let shares = (0..5).map(|seed| shared(Algorithm::Cubic, start_us, 40.0, seed));
        let share = median(shares.collect());
        assert!(
            (0.40..=0.85).contains(&share),
            "from {start_us} us: {share}"
        );
    }
}

#[test]
fn at_fifty_microseconds_the_window_is_never_the_limit() {
    let shape = Shape {
        bits_per_s: 10e9,
        delay_us: 25,
        queue_bytes: 2e6,
        ..Shape::hundred(1.0)
    };
    let mut plan = plan(1, 60_000_000);
    plan.config.first_rtt_us = 100;
    let mut world = World::new(shape, shape, vec![plan], 1);
    assert!(world.run(10_000_000));
    let ideal_us = 60e6 * 8.0 * (1_500.0 / 1_432.0) / 10e3;
    let done_us = world.flows[0].done_us.expect("done") as f64;
    assert!(
        done_us * 0.95 <= ideal_us,
        "{done_us} us instead of {ideal_us}"
    );
}

/// What a transfer moves in the third and fourth second after its way has become longer, in
/// megabits per second; all of it has 100.
fn after_detour(rtt_us: u64, longer_us: u64, slower: f64, loss: f64, seed: u64) -> f64 {
    let shape = Shape {
        bits_per_s: 100e6 / slower,
        delay_us: rtt_us / 2,
        detour: (1_500_000, longer_us / 2, slower),
        queue_bytes: 500_000.0,
        ..Shape::hundred(40.0).losing(loss)
    };
    let mut plan = plan(seed, 400_000_000);
    plan.config.first_rtt_us = rtt_us;
    let mut world = World::new(shape, shape, vec![plan], seed);
    world.run(5_500_000);
    let flow = &world.flows[0];
    (flow.bytes_at(5_500) - flow.bytes_at(3_500)) * 8e-3 / 2_000.0
}

/// The least round trip of before is no measure of what is in flight on a longer way.
#[test]
fn a_longer_way_is_filled_again_soon() {
    for (rtt_us, longer_us, slower) in [
        (2_000, 18_000, 1.0),
        (2_000, 18_000, 0.1),
        (20_000, 30_000, 1.0),
        (200, 20_000, 1.0),
    ] {
        for loss in [0.0, 0.01, 0.05] {
            let rates = (0..5).map(|seed| after_detour(rtt_us, longer_us, slower, loss, seed));
            let rate = median(rates.collect());
            assert!(
                rate > 80.0,
                "{rtt_us} + {longer_us}, {slower}, {loss}: {rate}"
            );
        }
    }
}

/// The second flow's share while both are active.
fn shared(other: Algorithm, start_us: u64, queue_ms: f64, seed: u64) -> f64 {
    let shape = Shape::hundred(queue_ms);
    let mut second = plan(seed + 100, 20_000_000);
    second.config.congestion = other;
    second.start_us = start_us;
    let plans = vec![plan(seed, 20_000_000), second];
    let mut world = World::new(shape, shape, plans, seed);
    assert!(world.run(120_000_000), "seed {seed}: not done");
    let from = (start_us / 1_000) as usize;
    let until = world
        .flows
        .iter()
        .filter_map(|flow| flow.done_us)
        .min()
        .map_or(0, |us| (us / 1_000) as usize);
    let moved: Vec<f64> = world
        .flows
        .iter()
        .map(|flow| flow.bytes_at(until) - flow.bytes_at(from))
        .collect();
    moved[1] / (moved[0] + moved[1])
}
