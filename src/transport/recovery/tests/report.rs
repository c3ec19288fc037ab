//! Reports, run by hand with `--ignored --nocapture`: the figures behind the asserted bars.

use super::super::{Ack, Algorithm, Config, Kind, Permit, Recovery};
use super::link::{Shape, World};
use super::{RTT_US, alone, config, median, plan, shared, storm};
use crate::time::Moment;

fn report_line(name: &str, shape: Shape, seeds: u64) {
    let mut small = Vec::new();
    let mut large = Vec::new();
    let mut waste = Vec::new();
    let mut dropped = Vec::new();
    for seed in 0..seeds {
        small.push(alone(shape, 2_000_000, seed).flows[0].total_ms(RTT_US));
        let world = alone(shape, 20_000_000, seed);
        let flow = &world.flows[0];
        large.push(flow.mbit_per_s(RTT_US));
        let counters = flow.recovery.counters();
        waste.push(counters.spurious as f64 / counters.sent as f64 * 100.0);
        dropped.push(world.dropped() * 100.0);
    }
    let worst = small.iter().copied().fold(0.0, f64::max);
    println!(
        "{name:28} 2 MB {:6.1} ms (worst {worst:6.1})  20 MB {:5.1} Mbit/s  \
         spurious {:4.2} %  dropped {:4.2} %",
        median(small),
        median(large),
        median(waste),
        median(dropped)
    );
}

/// Prints what the bars are about; asserts nothing.
#[test]
#[ignore = "a report, not a test"]
fn report() {
    let shape = Shape::hundred(40.0);
    for loss in [0.0, 0.01, 0.05, 0.2] {
        report_line(&format!("40 ms queue, loss {loss}"), shape.losing(loss), 9);
    }
    report_line("5 % late by 5 ms", shape.late(0.05, 5_000), 9);
    report_line("5 ms queue", Shape::hundred(5.0), 9);
    for loss in [0.01, 0.05] {
        report_line(
            &format!("5 ms queue, loss {loss}"),
            Shape::hundred(5.0).losing(loss),
            5,
        );
    }
    let rough = Shape {
        jitter_us: 2_000,
        slack_us: 1_000,
        ..shape
    };
    for loss in [0.0, 0.01, 0.05, 0.2] {
        report_line(
            &format!("jitter 2 ms, slack 1 ms, {loss}"),
            rough.losing(loss),
            9,
        );
    }
    for other in [Algorithm::Bbr, Algorithm::Cubic] {
        for start_us in [0, 50_000, 100_000, 200_000] {
            let shares: Vec<f64> = (0..9)
                .map(|seed| shared(other, start_us, 40.0, seed))
                .collect();
            println!("{other:?} from {start_us} us: its share {shares:.3?}");
        }
    }
}

/// `TRACE=loss,queue_ms,bytes` prints what one flow does.
#[test]
#[ignore = "a report, not a test"]
fn trace() {
    let args: Vec<f64> = std::env::var("TRACE")
        .unwrap_or_else(|_| "0,40,2000000".into())
        .split(',')
        .map(|part| part.parse().expect("a number"))
        .collect();
    let seed = args.get(3).copied().unwrap_or(1.0) as u64;
    let shape = Shape::hundred(args[1]).losing(args[0]);
    let mut shape = shape.late(args.get(4).copied().unwrap_or(0.0), 5_000);
    let mut plan = plan(seed, args[2] as usize);
    if let Some(mbit) = args.get(5) {
        shape.bits_per_s = mbit * 1e6;
        shape.delay_us = args[6] as u64 / 2;
        shape.queue_bytes = args[7];
        plan.config.first_rtt_us = args[6] as u64;
        plan.config.flow_max_bytes = 1 << 27;
    }
    if std::env::var("ROUGH").is_ok() {
        shape.jitter_us = 2_000;
        shape.slack_us = 1_000;
    }
    let mut world = World::new(shape, shape, vec![plan], seed);
    world.tracing = true;
    world.run(60_000_000);
    for line in &world.flows[0].trace {
        println!("{line}");
    }
    println!(
        "{:?} dropped {}",
        world.flows[0].recovery.counters(),
        world.dropped()
    );
}

/// `PAIR=cubic?,start_ms,queue_ms` prints what two flows do.
#[test]
#[ignore = "a report, not a test"]
fn pair() {
    let args: Vec<f64> = std::env::var("PAIR")
        .unwrap_or_else(|_| "0,100,40".into())
        .split(',')
        .map(|part| part.parse().expect("a number"))
        .collect();
    let shape = Shape::hundred(args[2]);
    let mut second = plan(100 + args.get(3).copied().unwrap_or(1.0) as u64, 20_000_000);
    if args[0] > 0.0 {
        second.config.congestion = Algorithm::Cubic;
    }
    second.start_us = (args[1] * 1e3) as u64;
    let mut world = World::new(
        shape,
        shape,
        vec![
            plan(args.get(3).copied().unwrap_or(1.0) as u64, 20_000_000),
            second,
        ],
        1,
    );
    world.tracing = true;
    world.run(60_000_000);
    let mut lines: Vec<(f64, String)> = Vec::new();
    for (index, flow) in world.flows.iter().enumerate() {
        for line in &flow.trace {
            let at: f64 = line
                .trim_start()
                .split(' ')
                .next()
                .unwrap()
                .parse()
                .unwrap();
            let ms = at as usize;
            let rate = (flow.bytes_at(ms) - flow.bytes_at(ms.saturating_sub(50))) * 8.0 / 50_000.0;
            lines.push((at, format!("{index} {rate:5.1} {line}")));
        }
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, line) in lines {
        println!("{line}");
    }
    for flow in &world.flows {
        println!("{:?} done {:?}", flow.recovery.counters(), flow.done_us);
    }
}

/// Many paths: the share of the link that a transfer of 400 round trips uses.
#[test]
#[ignore = "a report, not a test"]
fn sweep() {
    for mbit in [1.0, 10.0, 100.0, 1_000.0, 10_000.0] {
        for rtt_us in [50, 1_000, 20_000, 100_000] {
            let bdp = mbit / 8.0 * rtt_us as f64;
            if !(100.0..=4e7).contains(&bdp) {
                continue;
            }
            let mut line = format!("{mbit:6} Mbit/s {rtt_us:6} us");
            for queue in [0.25, 2.0] {
                for loss in [0.0, 0.01, 0.05, 0.2] {
                    let shape = Shape {
                        bits_per_s: mbit * 1e6,
                        delay_us: rtt_us / 2,
                        queue_bytes: (queue * bdp).max(60_000.0),
                        ..Shape::hundred(1.0)
                    }
                    .losing(loss);
                    let mut plan = plan(1, ((200.0 * bdp) as usize).clamp(2_000_000, 100_000_000));
                    plan.config.first_rtt_us = rtt_us;
                    plan.config.flow_max_bytes = 1 << 27;
                    let bytes = plan.message_bytes as f64;
                    let mut world = World::new(shape, shape, vec![plan], 1);
                    let done = world.run(600_000_000);
                    let flow = &world.flows[0];
                    let ideal = bytes * 8.0 * 1500.0 / 1432.0 / mbit;
                    let used = if done {
                        ideal / (flow.done_us.unwrap_or(0) - rtt_us / 2) as f64
                    } else {
                        0.0
                    };
                    line += &format!("  {used:4.2}/{:3.1}", world.dropped() * 100.0);
                }
                line += " |";
            }
            println!("{line}");
        }
    }
}

/// Shares of the second flow over many starts.
#[test]
#[ignore = "a report, not a test"]
fn shares() {
    for queue_ms in [10.0, 20.0, 40.0, 100.0] {
        for other in [Algorithm::Bbr, Algorithm::Cubic] {
            let mut shares: Vec<f64> = (0..41)
                .map(|step| shared(other, step * 5_000, queue_ms, step))
                .collect();
            let all: String = shares
                .iter()
                .map(|s| format!("{:.0} ", s * 100.0))
                .collect();
            shares.sort_by(f64::total_cmp);
            let inside = shares.iter().filter(|s| (0.45..=0.55).contains(*s)).count();
            println!(
                "queue {queue_ms} {other:?} min {:.2} median {:.2} max {:.2} \
                 inside {inside} of 41: {all}",
                shares[0], shares[20], shares[40]
            );
        }
    }
}

/// What one packet costs, sent and acknowledged.
#[test]
#[ignore = "a report, not a test"]
#[expect(clippy::disallowed_methods, reason = "a report measures real time")]
fn cost() {
    for (name, holes) in [("no loss", u64::MAX), ("1 of 64 lost", !(1 << 7))] {
        let config = Config {
            flow_max_bytes: 1 << 40,
            ..config(1)
        };
        let mut recovery: Recovery<(u32, u32)> = Recovery::new(config, Moment::START);
        let (mut now_us, mut settled) = (0_u64, 0_u64);
        let mut best_ns = f64::MAX;
        let mut began = std::time::Instant::now();
        let total: u64 = 4_000_000;
        for batch in 0..total / 16 {
            if batch % 2_000 == 1_999 {
                best_ns = best_ns.min(began.elapsed().as_nanos() as f64 / 32_000.0);
                began = std::time::Instant::now();
            }
            now_us += 8;
            let now = Moment::from_micros(now_us);
            for packet in 0..16 {
                if packet == 0 {
                    std::hint::black_box(recovery.permit(now) == Permit::Blocked);
                }
                recovery.on_sent(now, 1_472, Kind::Eliciting, (packet, 1));
            }
            // Acknowledged 64 batches later, as after 0.5 ms.
            if let Some(acked) = batch.checked_sub(64) {
                let words = [holes.rotate_left((acked % 4) as u32 * 16); 16];
                let ack = Ack {
                    largest: acked * 16 + 15,
                    delay_us: 8,
                    words: &words,
                    marks: None,
                };
                recovery.on_ack(now, &ack, &mut |_| settled += 1);
            }
        }
        println!(
            "{name}: {best_ns:.1} ns per packet at best, {settled} settled, {:?}",
            recovery.counters()
        );
    }
}

/// Many more links than the test has time for.
#[test]
#[ignore = "a report, not a test"]
fn storms() {
    let failed: Vec<String> = (0..5_000).filter_map(|seed| storm(seed).err()).collect();
    println!("{} of 5000 failed", failed.len());
    for what in failed.iter().take(5) {
        println!("{what}");
    }
}

/// Loopback as threads make it: fast, short, jittery, with a socket buffer for a queue.
#[test]
#[ignore = "a report, not a test"]
fn loopback() {
    for (mbit, jitter_us, slack_us, queue_bytes, flow) in [
        (24_000.0, 0, 0, 2e6, 1_200_000),
        (24_000.0, 100, 50, 2e6, 1_200_000),
        (24_000.0, 500, 100, 2e6, 1_200_000),
        (24_000.0, 100, 50, 135e3, 100_000),
        (24_000.0, 100, 50, 135e3, 1_200_000),
        (8_000.0, 100, 50, 2e6, 1_200_000),
        (3_000.0, 100, 50, 2e6, 1_200_000),
        (1_000.0, 100, 50, 2e6, 1_200_000),
    ] {
        let shape = Shape {
            bits_per_s: mbit * 1e6,
            delay_us: 10,
            queue_bytes,
            jitter_us,
            slack_us,
            ..Shape::hundred(1.0)
        };
        for (message_bytes, datagram_bytes) in [(2_000_000, 1_472), (60_000_000, 1_472)] {
            let mut plan = plan(1, message_bytes);
            plan.config.first_rtt_us = 200;
            plan.config.flow_max_bytes = flow;
            plan.config.datagram_bytes = datagram_bytes;
            let mut world = World::new(shape, shape, vec![plan], 1);
            let done = world.run(60_000_000);
            let us = world.flows[0].done_us.unwrap_or(0);
            println!(
                "{mbit} jitter {jitter_us} slack {slack_us} queue {queue_bytes} flow {flow}: \
                 {message_bytes} B in {us} us = {:.1} Gbit/s, dropped {:.3}, {done}",
                message_bytes as f64 * 8e-3 / us as f64,
                world.dropped()
            );
        }
    }
}

/// The times of 2 MB over many seeds, sorted.
#[test]
#[ignore = "a report, not a test"]
fn spread() {
    for loss in [0.0, 0.01, 0.05, 0.2] {
        let shape = Shape::hundred(40.0).losing(loss);
        let mut times: Vec<f64> = (0..101)
            .map(|seed| alone(shape, 2_000_000, seed).flows[0].total_ms(RTT_US))
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{loss}: {:.0} {:.0} {:.0} {:.0} {:.0}",
            times[0], times[25], times[50], times[90], times[100]
        );
    }
}
